"""How often one caller may ask."""

from api.pace import CALLS_AT_ONCE, CALLS_PER_S, MOST_CALLERS, Pace


def test_a_caller_asks_so_much_at_once_and_then_at_the_pace_that_is_allowed() -> None:
    moment = [0.0]
    pace = Pace(lambda: moment[0])
    assert sum(pace.wait_s("a") == 0 for _ in range(CALLS_AT_ONCE + 500)) == CALLS_AT_ONCE
    assert 0 < pace.wait_s("a") <= 1 / CALLS_PER_S
    moment[0] += 2.5
    assert sum(pace.wait_s("a") == 0 for _ in range(1_000)) == 2.5 * CALLS_PER_S


def test_waiting_as_long_as_was_said_is_enough() -> None:
    moment = [0.0]
    pace = Pace(lambda: moment[0])
    while (wait_s := pace.wait_s("a")) == 0:
        pass
    moment[0] += wait_s + 1e-9
    assert pace.wait_s("a") == 0


def test_one_callers_calls_cost_no_other() -> None:
    pace = Pace(lambda: 0.0)
    while pace.wait_s("a") == 0:
        pass
    assert pace.wait_s("b") == 0


def test_callers_without_end_take_bounded_memory() -> None:
    pace = Pace(lambda: 0.0)
    for number in range(MOST_CALLERS + 10):
        pace.wait_s(str(number))
    assert len(pace._left) == MOST_CALLERS
