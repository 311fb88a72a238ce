"""What a balance remembers: over starts, late readings and other meters it counts nothing twice."""

import json

import pytest

from alarms.engine import ChannelState
from tests.unit.late_streams import Server
from tests.unit.plants import at
from tests.unit.streams import Keeper
from tests.unit.tank_streams import WAYS, Read, changes, read, tank, told

SLOT = "DY-CHEM-01/G-balance", "group.balance"


def test_a_level_that_is_bad_is_not_kept_as_one() -> None:
    ways = WAYS["10 s"]
    keeper = Keeper(tank(ways))
    for row in read(ways, 400, into=((0, 100.0),), out=((0, 0.0),)):
        keeper.feed([(*row[:4], 2 if row[0] == 2 and row[1] > at(100) else 0)])
        kept = [state.process for state in keeper.states.values()]
        assert json.dumps(kept, allow_nan=False)


def old_row(phase: str, *, on: bool) -> ChannelState:
    """Return a row as the version before wrote it, twelve buckets missing 20 m³/h of 100."""
    bucket = [20.0 * 25, 100.0 * 25]
    memory = {"300000000": {"closed": [bucket] * 12, "open": [0.0, 0.0, 3925.0], "on": on}}
    process = {"phase": phase, "t0": 0, "seen": 0, "unsure": 0, "memory": memory}
    said = [["raised", at(200), 20.0]] if on else []
    return ChannelState(
        key=SLOT[0],
        rule=SLOT[1],
        process={**process, "said": said, "ghosts": [], "waited": 0, "blind": 0},
    )


@pytest.mark.parametrize("on", [False, True])
def test_a_row_of_the_version_before_keeps_its_alarm_and_none_of_its_sums(on: bool) -> None:
    ways = WAYS["10 s"]
    rows = read(ways, 1200, into=((0, 100.0),), out=((0, 0.0),))
    keeper = Keeper(
        tank(ways, windows=({"span_s": 60.0, "least": 50.0}, {"span_s": 300.0, "percent": 5.0}))
    )
    told(keeper, [row for row in rows if row[1] < at(400)])
    keeper.states = {SLOT: old_row("ACTIVE" if on else "CLEAR", on=on)}
    keeper.restart()
    found = changes(told(keeper, [row for row in rows if row[1] >= at(400)]))
    if on:
        assert [change for change, _ in found] == ["quality", "quality", "returned"]
        assert found[-1][1] > 400 + 225
    else:
        assert found == []


def test_a_start_that_cannot_take_up_the_course_does_not_count_what_it_has_not_seen() -> None:
    """The rule was changed while its alarm stood: nine buckets from 300 on are all that counts."""
    ways = WAYS["10 s"]
    rows = read(ways, 1800, into=((0, 100.0),), out=((0, 0.0),), leak=((0, 8.0), (300, 0.0)))
    keeper = Keeper(tank(ways, windows=({"span_s": 300.0, "least": 5.0},)))
    assert changes(told(keeper, [row for row in rows if row[1] <= at(290)])) == [("raised", 230)]
    keeper.plant = tank(ways, windows=({"span_s": 300.0, "least": 12.0},))
    keeper.restart()
    found = changes(told(keeper, [row for row in rows if row[1] > at(290)]))[1:]
    assert [each for each in found if each[0] != "quality"] == [("returned", 560)]


def test_another_level_meter_after_a_start_is_no_change_of_what_is_stored() -> None:
    ways = WAYS["10 s"]
    rows = read(ways, 1200, into=((0, 100.0),), out=((0, 0.0),))
    rows += [
        (3, time, received, value + 0.2, 0) for row, time, received, value, _ in rows if row == 2
    ]
    rows.sort(key=lambda row: row[1])
    windows = ({"span_s": 300.0, "percent": 5.0},)
    keeper = Keeper(tank(ways, windows=windows))
    told(keeper, [row for row in rows if row[1] < at(200)])
    members = {"inflows": ("FI",), "outflows": ("FO",), "inventory": ("L2",)}
    keeper.plant = tank(ways, windows=windows, members=members)
    keeper.restart()
    assert told(keeper, [row for row in rows if row[1] >= at(200)]) == []


def test_a_reading_too_late_for_its_place_takes_its_stretch_out_of_the_sums() -> None:
    """The inflow has stopped; what its meter says of 605 comes at 721, what of 665 never."""
    ways = {"FI": Read(every=60, after=5), "FO": Read(), "L": Read()}
    rows = read(ways, 1500, into=((0, 100.0), (600, 0.0)), out=((0, 50.0),))
    rest = [row for row in rows if not (row[0] == 0 and at(600) < row[1] < at(700))]
    cut = next(place for place, row in enumerate(rest) if row[1] > at(721))
    keeper = Keeper(tank(ways, windows=({"span_s": 300.0, "least": 3.0},)))
    assert told(keeper, [*rest[:cut], (0, at(605), at(721), 0.0, 0), *rest[cut:]], batch=1) == []


def test_a_reading_older_than_what_is_judged_again_takes_its_stretch_out_of_the_sums() -> None:
    """As before, but what the meter says of 665 comes at 781, after what it says of 721."""
    ways = {"FI": Read(every=60, after=5), "FO": Read(), "L": Read()}
    rows = read(ways, 1500, into=((0, 100.0), (600, 0.0)), out=((0, 50.0),))
    rows = [row for row in rows if not (row[0] == 0 and at(600) < row[1] < at(700))]
    rows = [(0, at(721), at(721), 0.0, 0) if row[:2] == (0, at(725)) else row for row in rows]
    rows.sort(key=lambda row: row[1])
    cut = next(place for place, row in enumerate(rows) if row[1] > at(781))
    server = Server(tank(ways, windows=({"span_s": 300.0, "least": 3.0},)), acknowledges=True)
    for row in [*rows[:cut], (0, at(665), at(781), 0.0, 0), *rows[cut:]]:
        server.take([row])
    assert not [each for each in server.alarms.values() if each.rule == "group.balance"]
