"""An edge node's session: births, numbers, deaths, and when a new birth is asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.storage.edge_nodes import Phase
from ingest.decoders.decoded import Decoded, Reason
from ingest.sparkplug import edge_nodes, host
from ingest.sparkplug.edge_nodes import (
    ASK_AGAIN_US,
    LONGEST_NAME,
    MOST_COMMANDS,
    MOST_DEVICES,
    SETTLE_US,
)
from ingest.sparkplug.payload_pb2 import Payload
from ingest.sparkplug.sessions import REORDER_US
from tests.sparkplug import Metric, birth, data, death, payload
from tests.unit.edge_plant import RECEIVED, SECOND, TS, Line, refusals, rows

LEVEL, PRESSURE = "TK101.LT", "TK101.PT"
COMMAND = "spBv1.0/plant/NCMD/gw"
LATER = RECEIVED + REORDER_US


def born(*, bd_seq: int = 7, tags: tuple[str, ...] = (LEVEL, PRESSURE)) -> Line:
    line = Line()
    line.hear("NBIRTH", birth(*tags, bd_seq=bd_seq, ts=TS))
    return line


def taken(decoded: Decoded) -> list[tuple[str, float]]:
    assert not decoded.refused
    return list(zip(decoded.tags, decoded.values, strict=True))


def phase(line: Line) -> Phase:
    return line.nodes.sessions["gw"].phase


def numbers(line: Line, *seqs: int, received: int = RECEIVED) -> list[int]:
    """Give data of these numbers and return what the gateway's loss is counted by."""
    found: list[int] = []
    for ahead, seq in enumerate(seqs, 1):
        found += line.hear("NDATA", data(seq, ts=TS + ahead, _1=1.0), received=received).sequence
    return found


def test_aliases_of_a_birth_name_what_data_says() -> None:
    line = born()
    assert taken(line.hear("NDATA", data(1, ts=TS + 1, _2=0.5))) == [(PRESSURE, 0.5)]
    assert line.states == ["online"]


def test_data_before_a_birth_is_refused_and_a_birth_is_asked_for_at_once() -> None:
    line = Line()
    decoded = line.hear("NDATA", data(4, ts=TS, _1=0.5, _2=1.0))
    assert [(one.reason, one.count) for one in decoded.refused.values()] == [
        (Reason.unknown_point, 2)
    ]
    assert line.asked(RECEIVED) == [COMMAND]


def test_a_rebirth_is_asked_for_by_the_metric_node_control_rebirth_and_without_a_seq() -> None:
    command = Payload.FromString(host.rebirth(RECEIVED))
    assert [(m.name, m.boolean_value, m.datatype) for m in command.metrics] == [
        ("Node Control/Rebirth", True, 11)
    ]
    assert command.timestamp == RECEIVED // 1000
    assert not command.HasField("seq")


def test_a_node_that_does_not_answer_is_asked_again_ever_more_seldom() -> None:
    line = Line()
    line.hear("NDATA", data(4, ts=TS, _1=0.5))
    asked = [at for at in range(400) if line.asked(RECEIVED + at * SECOND)]
    assert asked == [0, 10, 30, 70, 150, 310]


def test_a_birth_ends_the_asking() -> None:
    line = Line()
    line.hear("NDATA", data(4, ts=TS, _1=0.5))
    line.hear("NBIRTH", birth(LEVEL, bd_seq=1, ts=TS))
    assert not line.asked(RECEIVED + 10 * ASK_AGAIN_US)


def test_a_whole_plant_is_not_asked_at_once() -> None:
    line = Line()
    for number in range(MOST_COMMANDS + 5):
        line.hear("NDATA", data(4, ts=TS, _1=0.5), node=f"gw-{number}")
    asked = [len(line.asked(RECEIVED + at * SECOND)) for at in range(3)]
    assert asked == [MOST_COMMANDS, 5, 0]


def test_a_node_that_loses_again_is_not_asked_again_at_once() -> None:
    line = Line()
    asked: list[int] = []
    for at in range(30):
        line.hear("NDATA", data(4, ts=TS, _1=0.5))
        if line.asked(RECEIVED + at * SECOND):
            asked.append(at)
            line.hear("NBIRTH", birth(LEVEL, bd_seq=1, ts=TS))
            line.hear("NDEATH", death(1))
    assert asked == [0, 10, 20]


def test_an_id_that_is_too_long_is_refused() -> None:
    line = born()
    decoded = line.hear("DBIRTH", birth("PT", ts=TS + 1, seq=1), "d" * (LONGEST_NAME + 1))
    assert refusals(decoded) == [(Reason.bad_shape, None)]


def test_numbers_of_any_size_are_taken_modulo_256() -> None:
    line = born()
    numbers(line, 2**63 + 1, 2**40 + 2)
    assert line.nodes.sessions["gw"].seq == 2


def test_numbers_wrap_after_255() -> None:
    line = born()
    numbers(line, *range(1, 256), *range(3))
    assert not line.asked(LATER)
    assert phase(line) is Phase.born


def test_a_gap_is_given_time_and_then_a_birth_is_asked_for_while_values_are_taken() -> None:
    line = born()
    assert taken(line.hear("NDATA", data(3, ts=TS + 3, _1=1.0))) == [(LEVEL, 1.0)]
    assert not line.asked(LATER - 1)
    assert line.asked(LATER) == [COMMAND]
    assert taken(line.hear("NDATA", data(4, ts=TS + 4, _1=1.5))) == [(LEVEL, 1.5)]


def test_a_gap_that_is_filled_in_time_asks_for_nothing() -> None:
    line = born()
    numbers(line, 1, 4, 3, 2, 5)
    assert not line.asked(LATER)
    assert not line.nodes.sessions["gw"].missing


def test_what_was_lost_is_counted() -> None:
    assert numbers(born(), 1, 4, 5) == [1, 4, 5]


def test_a_gap_that_may_hide_a_birth_takes_nothing_before_the_next() -> None:
    line = born()
    numbers(line, *range(1, 251))
    decoded = line.hear("NDATA", data(3, ts=TS + 999, _1=9.0))
    assert refusals(decoded) == [(Reason.unknown_point, None)]
    assert line.asked(RECEIVED) == [COMMAND]
    line.hear("NBIRTH", birth(PRESSURE, bd_seq=8, ts=TS + 1000))
    assert taken(line.hear("NDATA", data(1, ts=TS + 1001, _1=9.0))) == [(PRESSURE, 9.0)]


def test_a_message_that_comes_again_changes_nothing() -> None:
    line = born()
    numbers(line, 1, 2, 3)
    before = line.nodes.sessions["gw"]
    again = line.hear("NDATA", data(2, ts=TS + 2, _1=1.0))
    assert taken(again) == [(LEVEL, 1.0)]
    assert line.nodes.sessions["gw"] == before
    assert not line.asked(LATER)


def test_after_our_own_connection_was_away_only_the_next_number_proves_the_birth() -> None:
    for seq, expected in ((2, Phase.born), (3, Phase.lost)):
        line = born()
        numbers(line, 1)
        line.nodes.link(RECEIVED + SECOND)
        line.hear("NDATA", data(seq, ts=TS + 9, _1=1.0), received=RECEIVED + 2 * SECOND)
        assert phase(line) is expected


def test_what_comes_again_or_fills_a_gap_proves_no_birth_after_our_own_connection_was_away() -> (
    None
):
    away = RECEIVED + SECOND
    line = born()
    numbers(line, 1, 2)
    line.nodes.link(away)
    again = line.hear("NDATA", data(1, ts=TS + 1, _1=1.0), received=away + 1)
    unnumbered = payload([{"alias": 1, "double_value": 1.0}], ts=TS + 1)
    assert taken(again) == taken(line.hear("NDATA", unnumbered, received=away + 2))
    line.hear("NDATA", data(5, ts=TS + 9, _1=1.0), received=away + 3)
    assert phase(line) is Phase.lost
    line = born()
    numbers(line, 2)
    line.nodes.link(away)
    line.hear("NDATA", data(1, ts=TS + 9, _1=1.0), received=away + 1)
    assert phase(line) is Phase.lost


def test_after_our_own_connection_was_away_births_are_asked_for_unless_they_come() -> None:
    line = born()
    since = RECEIVED + SECOND
    line.nodes.link(since)
    assert not line.asked(since + SETTLE_US - 1)
    assert line.asked(since + SETTLE_US) == [COMMAND]
    line = born()
    line.nodes.link(since)
    line.hear("NBIRTH", birth(LEVEL, bd_seq=8, ts=TS), received=since + 1)
    assert not line.asked(since + 10 * SETTLE_US)


def test_a_death_of_the_birth_s_number_ends_the_session() -> None:
    line = born(bd_seq=7)
    line.hear("NDEATH", death(7))
    assert line.states == ["online", "offline"]
    assert refusals(line.hear("NDATA", data(1, ts=TS + 1, _1=1.0))) == [
        (Reason.unknown_point, None)
    ]
    assert line.asked(RECEIVED) == [COMMAND]


def test_a_nodes_death_is_that_of_its_devices_at_the_time_of_receipt() -> None:
    line = born(bd_seq=7)
    line.hear("DBIRTH", birth("PT", ts=TS + 1, seq=1), "skid")
    line.hear("NDEATH", death(7), received=RECEIVED + SECOND)
    assert {
        (device, birth.alive, birth.changed_at) for device, birth in line.nodes.births["gw"].items()
    } == {("", False, RECEIVED + SECOND), ("skid", False, RECEIVED + SECOND)}


def test_the_death_of_an_earlier_session_is_ignored() -> None:
    line = born(bd_seq=7)
    line.hear("NBIRTH", birth(LEVEL, bd_seq=8, ts=TS + 5))
    line.hear("NDEATH", death(7))
    assert line.states == ["online", "online"]
    assert taken(line.hear("NDATA", data(1, ts=TS + 6, _1=1.0))) == [(LEVEL, 1.0)]


def test_a_death_that_comes_again_is_ignored() -> None:
    line = born(bd_seq=7)
    line.hear("NDEATH", death(7))
    line.hear("NDEATH", death(7))
    assert line.states == ["online", "offline"]


def test_a_death_whose_number_is_ahead_is_of_a_birth_that_passed_us_by() -> None:
    for birth_number, death_number in ((7, 8), (255, 0)):
        line = born(bd_seq=birth_number)
        line.hear("NDEATH", death(death_number))
        assert line.states == ["online", "offline"]


def test_a_death_without_a_number_is_believed() -> None:
    line = born()
    line.hear("NDEATH", payload())
    assert line.states == ["online", "offline"]


def test_a_death_after_a_birth_may_have_passed_us_by_is_believed() -> None:
    line = born(bd_seq=7)
    numbers(line, 200)
    assert phase(line) is Phase.lost
    line.hear("NDEATH", death(9))
    assert line.states == ["online", "offline"]


def test_a_dead_node_is_not_asked_for_a_birth() -> None:
    line = born(bd_seq=7)
    numbers(line, 3)
    line.hear("NDEATH", death(7))
    assert not line.asked(LATER + 10 * ASK_AGAIN_US)


def test_a_devices_data_needs_the_devices_birth() -> None:
    line = born()
    decoded = line.hear("DDATA", data(1, ts=TS + 1, _1=1.0), "skid")
    assert refusals(decoded) == [(Reason.unknown_point, None)]
    assert line.asked(RECEIVED) == [COMMAND]


def test_a_devices_aliases_are_its_own() -> None:
    line = born()
    line.hear("DBIRTH", birth("PT", ts=TS + 1, seq=1), "skid")
    line.hear("DBIRTH", birth("TK102.LT", ts=TS + 2, seq=2), "tank")
    skid = taken(line.hear("DDATA", data(3, ts=TS + 3, _1=1.0), "skid"))
    tank = taken(line.hear("DDATA", data(4, ts=TS + 4, _1=2.0), "tank"))
    assert (skid, tank) == ([("skid/PT", 1.0)], [("TK102.LT", 2.0)])
    assert taken(line.hear("NDATA", data(5, ts=TS + 5, _1=3.0))) == [(LEVEL, 3.0)]


def test_a_devices_death_ends_its_data_and_not_the_nodes() -> None:
    line = born()
    line.hear("DBIRTH", birth("PT", ts=TS + 1, seq=1), "skid")
    line.hear("DDEATH", payload(seq=2, ts=TS + 2), "skid")
    gone = line.nodes.births["gw"]["skid"]
    assert (gone.alive, gone.changed_at) == (False, (TS + 2) * 1000)
    assert line.states == ["online"]
    assert taken(line.hear("NDATA", data(3, ts=TS + 3, _1=3.0))) == [(LEVEL, 3.0)]
    decoded = line.hear("DDATA", data(4, ts=TS + 4, _1=1.0), "skid")
    assert refusals(decoded) == [(Reason.unknown_point, None)]


def test_a_nodes_birth_ends_the_births_of_its_devices() -> None:
    line = born()
    line.hear("DBIRTH", birth("PT", ts=TS + 1, seq=1), "skid")
    line.hear("NBIRTH", birth(LEVEL, bd_seq=8, ts=TS + 5))
    decoded = line.hear("DDATA", data(1, ts=TS + 6, _1=1.0), "skid")
    assert refusals(decoded) == [(Reason.unknown_point, None)]


def test_more_devices_than_the_bound_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_DEVICES == 1_000
    monkeypatch.setattr(edge_nodes, "MOST_DEVICES", 1)
    line = born()
    assert not line.hear("DBIRTH", birth("PT", ts=TS + 1, seq=1), "skid").refused
    decoded = line.hear("DBIRTH", birth("TK102.LT", ts=TS + 2, seq=2), "tank")
    assert refusals(decoded) == [(Reason.too_large, None)]


def test_an_alias_that_was_not_born_asks_for_a_birth_and_the_rest_is_taken() -> None:
    line = born()
    decoded = line.hear("NDATA", data(1, ts=TS + 1, _1=1.0, _9=2.0))
    assert decoded.tags == [LEVEL]
    assert line.asked(RECEIVED) == [COMMAND]


def test_what_the_broker_kept_is_of_a_session_long_over() -> None:
    line = Line()
    decoded = line.hear("NBIRTH", birth(LEVEL, bd_seq=1, ts=TS), retained=True)
    assert refusals(decoded) == [(Reason.bad_time, None)]
    assert not line.nodes.sessions


def test_a_node_that_is_no_gateway_of_ours_is_never_answered() -> None:
    line = Line()
    line.hear("NDATA", data(1, ts=TS, _1=1.0), node="stranger")
    assert not line.asked(RECEIVED)
    assert not line.nodes.sessions


def test_a_batch_that_is_not_committed_is_as_if_it_had_not_come() -> None:
    line = born()
    line.hear("NBIRTH", birth(PRESSURE, bd_seq=8, ts=TS + 5), adopted=False)
    line.hear("NDATA", data(1, ts=TS + 6, _1=1.0), adopted=False)
    assert taken(line.hear("NDATA", data(1, ts=TS + 6, _1=1.0))) == [(LEVEL, 1.0)]


def test_stored_and_forwarded_values_are_taken_as_history() -> None:
    line = born()
    past: Metric = {
        "alias": 1,
        "double_value": 3.0,
        "timestamp": TS - 60_000,
        "is_historical": True,
    }
    assert rows(line.hear("NDATA", payload([past], seq=1, ts=TS))) == [
        [TS - 60_000, LEVEL, 3.0, "history"]
    ]


@given(st.lists(st.tuples(st.sampled_from(["data", "restart"]), st.booleans()), max_size=60))
def test_whatever_is_lost_no_value_is_taken_for_another_points(
    course: list[tuple[str, bool]],
) -> None:
    """Deaths arrive (QoS 1), births and data may not; each birth swaps the two aliases."""
    line = Line()
    named, number, bd_seq = [PRESSURE, LEVEL], 0, 0
    for at, (what, arrives) in enumerate([("restart", True), *course]):
        if what == "restart":
            line.hear("NDEATH", death(bd_seq))
            named, number, bd_seq = named[::-1], 0, bd_seq + 1
            said = birth(*named, bd_seq=bd_seq, ts=TS + at)
        else:
            number = (number + 1) % 256
            said = data(number, ts=TS + at, _1=float(named[0] == LEVEL))
        if arrives:
            decoded = line.hear("NBIRTH" if what == "restart" else "NDATA", said)
            if what == "data":
                truth = [(named[0], float(named[0] == LEVEL))]
                assert list(zip(decoded.tags, decoded.values, strict=True)) in ([], truth)
