"""Gateways whose clock stays behind: told apart from what was held up and from what is replayed."""

from collections.abc import Callable, Iterable

import pytest

from alarms.alarm import ProcessEvent
from alarms.readings import HISTORY, STAMPED_HERE
from tests.unit.plants import at, plant, point
from tests.unit.streams import Keeper, Row


def told(rows: Iterable[Row], *, cut: int = 1, restart: bool = False) -> list[ProcessEvent]:
    """Return what is said of clocks; a batch has `cut` readings."""
    keeper = Keeper(plant([point("A"), point("B")]))
    whole = list(rows)
    for first in range(0, len(whole), cut):
        keeper.feed(whole[first : first + cut])
        if restart:
            keeper.restart()
    assert [state.rule for state in keeper.states.values() if "clock" in state.rule] in (
        [],
        ["comms.clock"],
        ["comms.clock_run"],
        ["comms.clock", "comms.clock_run"],
    )
    return [event for event in keeper.events if event.rule == "comms.clock"]


def sent(
    seconds: Iterable[int], lag: Callable[[int], float], *, mark: int = 0, row: int = 0
) -> list[Row]:
    """Return a reading received at each second, stamped so far behind it."""
    return [(row, at(second - lag(second)), at(second), 5.0, mark) for second in seconds]


SLOW = sent(range(0, 900, 10), lambda _: 400.0)


def test_a_clock_that_stays_behind_is_told_of_after_five_minutes() -> None:
    [event] = told(SLOW)
    assert (event.change.value, event.t_change, event.subject.key) == (
        "raised",
        at(300),
        "gateway:gw-1",
    )
    assert "滞后约 6 分钟" in event.message_zh
    assert "stay about 6 min behind" in event.message_en


def test_it_is_right_again_after_five_minutes_of_right_stamps() -> None:
    events = told(SLOW + sent(range(1000, 1500, 10), lambda _: 2.0))
    assert [(event.change.value, event.t_change) for event in events] == [
        ("raised", at(300)),
        ("returned", at(1300)),
    ]


def test_one_late_message_puts_the_return_off() -> None:
    back = sent(range(1000, 1200, 10), lambda _: 2.0) + sent(
        range(1200, 1600, 10), lambda second: 90.0 if second == 1200 else 2.0
    )
    assert told(SLOW + back)[-1].t_change == at(1600 - 90)


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(
            sent(range(0, 900, 5), lambda second: max(0.0, 3600.0 - 3 * second)), id="backlog"
        ),
        pytest.param(sent(range(0, 900, 10), lambda second: 9000.0 - 9 * second), id="replay"),
        pytest.param(sent(range(0, 900, 10), lambda _: 400.0, mark=HISTORY), id="history"),
        pytest.param(sent(range(0, 900, 10), lambda _: 0.0, mark=STAMPED_HERE), id="no stamp"),
        pytest.param(sent(range(0, 900, 10), lambda _: 290.0), id="within five minutes"),
        pytest.param(SLOW[:30], id="not for long enough"),
        pytest.param(
            sorted(SLOW + sent(range(5, 900, 10), lambda _: 1.0, row=1), key=lambda row: row[2]),
            id="another point of it is on time",
        ),
        pytest.param(
            [
                (row, at(600 * hour - behind), at(600 * hour), 5.0, 0)
                for hour in range(1, 5)
                for row, behind in ((0, 540), (1, 3))
            ],
            id="ten minutes sent together",
        ),
    ],
)
def test_what_only_comes_late_is_no_slow_clock(rows: list[Row]) -> None:
    assert told(rows, cut=2) == []


@pytest.mark.parametrize("cut", [2, 7, 1000])
def test_batches_and_restarts_change_nothing(cut: int) -> None:
    rows = SLOW + sent(range(1000, 1500, 10), lambda _: 2.0)
    assert told(rows, cut=cut) == told(rows)
    assert told(rows, cut=cut, restart=True) == told(rows)
