"""A balance with a store: no leak raises nothing however its members are read; a leak is found."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.detectors.balance import Balance, Newest, Window
from tests.unit.plants import SECOND, at
from tests.unit.streams import Keeper
from tests.unit.tank_streams import SURFACE, TOGETHER, WAYS, Flow, Read, changes, read, tank, told
from tests.unit.tried import tried

STEADY = {
    "filling": (100.0, 0.0),
    "draining": (0.0, 100.0),
    "both": (60.0, 100.0),
    "through": (80.0, 80.0),
}


@pytest.mark.parametrize("flows", STEADY.values(), ids=STEADY)
@pytest.mark.parametrize("way", WAYS)
def test_a_steady_tank_that_loses_nothing_misses_nothing(
    way: str, flows: tuple[float, float]
) -> None:
    into, out = flows
    keeper = Keeper(tank(WAYS[way], windows=({"span_s": 300.0, "least": 0.001},)))
    assert told(keeper, read(WAYS[way], 2400, into=((0, into),), out=((0, out),))) == []


@pytest.mark.parametrize("way", WAYS)
def test_filling_and_draining_by_turns_without_a_leak_raises_nothing(way: str) -> None:
    into = ((0, 0.0), (901.5, 100.0), (1802.7, 0.0), (4003.1, 60.0), (5221.9, 90.0), (6500.0, 0.0))
    out = ((0, 20.0), (2507.4, 100.0), (3409.6, 0.0), (5003.2, 40.0), (6100.0, 0.0))
    keeper = Keeper(tank(WAYS[way]))
    assert told(keeper, read(WAYS[way], 7200, into=into, out=out)) == []


@st.composite
def turns(draw: st.DrawFn) -> tuple[Mapping[str, Read], Flow, Flow]:
    """Draw how members are read, and when their flows start, stop and change."""
    ways = {
        tag: Read(every=every, after=draw(st.floats(0, every)))
        for tag in TOGETHER
        for every in [draw(st.sampled_from([1.0, 5.0, 7.0, 10.0, 20.0, 60.0]))]
    }
    flows: list[list[tuple[float, float]]] = []
    for _ in ("into", "out"):
        moments = sorted(draw(st.lists(st.floats(60, 840), max_size=2)))
        speeds = st.sampled_from([0.0, 10.0, 60.0, 100.0])
        flows.append([(moment, draw(speeds)) for moment in (0.0, *moments)])
    return ways, flows[0], flows[1]


@given(turns())
@tried(60)
def test_whenever_flows_start_and_stop_and_members_are_read_no_leak_raises_nothing(
    drawn: tuple[Mapping[str, Read], Flow, Flow],
) -> None:
    ways, into, out = drawn
    assert told(Keeper(tank(ways)), read(ways, 900, into=into, out=out)) == []


@pytest.mark.parametrize("way", ["10 s", "10 s, 3 s off", "level 3 s later", "level each minute"])
def test_meters_with_noise_of_one_per_cent_raise_nothing(way: str) -> None:
    rows = read(WAYS[way], 7200, into=((0, 100),), out=((0, 60),), noise=0.01, ripple_m=2e-4)
    assert told(Keeper(tank(WAYS[way])), rows) == []


@pytest.mark.parametrize("flows", STEADY.values(), ids=STEADY)
@pytest.mark.parametrize(
    ("way", "found"),
    [
        ("1 s", 225), ("5 s", 225), ("7 s", 231), ("10 s", 230), ("10 s, 3 s off", 253),
        ("20 s", 240), ("level 3 s later", 260), ("all apart", 264), ("level each minute", 240),
    ],
)  # fmt: skip
def test_a_leak_of_eight_per_cent_is_found_once_nine_buckets_are_known(
    way: str, found: float, flows: tuple[float, float]
) -> None:
    into, out = flows
    rows = read(WAYS[way], 600, into=((0, into),), out=((0, out),), leak=((0, 8.0),))
    (event,) = told(Keeper(tank(WAYS[way])), rows)
    assert changes([event]) == [("raised", found)]
    assert event.value == pytest.approx(8.0)
    assert event.limit == pytest.approx(0.05 * max(into, out))


def test_a_store_read_more_rarely_than_a_window_is_long_fills_all_its_buckets_at_once() -> None:
    ways = {**WAYS["5 s"], "L": Read(every=600)}
    rows = read(ways, 700, into=((0, 60),), out=((0, 40),), leak=((0, 8.0),))
    keeper = Keeper(tank(ways, windows=({"span_s": 60.0, "least": 8.0 - 1e-6},)))
    (event,) = told(keeper, rows)
    assert changes([event]) == [("raised", 600)]
    assert event.value == pytest.approx(8.0)
    memory = keeper.engine.groups._past[0].now.memory
    assert None not in memory["windows"]["60000000"]["closed"]


@pytest.mark.parametrize("way", ["10 s", "level each minute, off", "all apart"])
def test_a_leak_that_begins_is_found_within_the_window_and_its_end_too(way: str) -> None:
    rows = read(
        WAYS[way],
        3600,
        into=((0, 100.0),),
        out=((0, 60.0),),
        leak=((0, 0.0), (1203.0, 8.0), (2403.0, 0.0)),
        noise=0.005,
    )
    keeper = Keeper(tank(WAYS[way], windows=({"span_s": 300.0, "percent": 5.0},)))
    (_, raised), (_, returned) = changes(told(keeper, rows))
    assert 180 <= raised - 1203 <= 300
    assert 80 <= returned - 2403 <= 260


def test_what_a_start_between_readings_may_hide_is_added_to_the_least_leak_until_it_is_past() -> (
    None
):
    """Up to 10 s of 100 m³/h, 3.3 over five minutes: 8 is found when the start has left them."""
    ways = WAYS["10 s"]
    rows = read(
        ways, 1500, into=((0, 0.0), (603.0, 100.0)), out=((0, 0.0),), leak=((0, 0), (603.0, 8.0))
    )
    keeper = Keeper(tank(ways, windows=({"span_s": 300.0, "percent": 5.0},)))
    (event,) = told(keeper, rows)
    assert changes([event]) == [("raised", 930)]
    assert event.limit == pytest.approx(5.0)


def test_a_leak_stays_while_flows_change_so_much_that_it_could_not_be_raised() -> None:
    ways = WAYS["10 s"]
    into = ((0, 100.0), (900.0, 180.0), (960.0, 100.0))
    rows = read(ways, 1200, into=into, out=((0, 0.0),), leak=((0, 8.0),))
    keeper = Keeper(tank(ways, windows=({"span_s": 300.0, "percent": 5.0},)))
    assert changes(told(keeper, rows)) == [("raised", 230)]


KEYS = ("FI", "FO", "L", "M")


@st.composite
def courses(draw: st.DrawFn) -> list[list[tuple[int, float]]]:
    """Draw four members' readings from 0 to 120 s, all being read at both."""
    found: list[list[tuple[int, float]]] = []
    for _ in KEYS:
        within = draw(st.sets(st.integers(1, 119_999_999), max_size=15))
        within |= set(draw(st.lists(st.sampled_from(range(0, 120, 10)), max_size=5)))
        within -= {0}
        values = st.floats(-100, 100)
        found.append([(time, draw(values)) for time in (0, *sorted(within), 120 * SECOND)])
    return found


@given(courses())
@tried(100)
def test_what_is_missing_over_adjacent_buckets_adds_up_to_what_is_missing_over_all(
    members: list[list[tuple[int, float]]],
) -> None:
    """Flows run straight between readings; of the store only its first and last levels count."""
    balance = Balance(
        inflows=1,
        outflows=1,
        stores=KEYS[2:],
        factors=(3.0, 0.5),
        base_s=60.0,
        windows=(Window(span=120 * SECOND, least=1.0, percent=0.0),),
    )
    heard = [dict(each) for each in members]
    time, value = [0] * 4, [each[0] for each in heard]
    memory = balance.read(None, 0, Newest([0] * 4, [float("nan")] * 4), Newest(time, value))
    for first, now in pairwise(sorted({0, *(each for known in heard for each in known)})):
        memory = balance.flow(memory, first, now, value)
        was = Newest(time, value)
        time = [now if now in known else t for known, t in zip(heard, time, strict=True)]
        value = [known.get(now, v) for known, v in zip(heard, value, strict=True)]
        memory = balance.read(memory, now, was, Newest(time, value))
    closed = memory["windows"][str(120 * SECOND)]["closed"]
    into, out = (
        sum((v0 + v1) / 2 * (t1 - t0) / SECOND for (t0, v0), (t1, v1) in pairwise(each))
        for each in members[:2]
    )
    stored = sum(
        f * (each[-1][1] - each[0][1]) for f, each in zip((3.0, 0.5), members[2:], strict=True)
    )
    assert len(closed) == 12
    assert sum(each[0] for each in closed) == pytest.approx(into - out - 60 * stored, abs=1e-6)


def test_two_tanks_filling_whose_levels_are_read_apart_lose_nothing() -> None:
    members = {"inflows": ("FI",), "outflows": ("FO",), "inventory": ("L", "L2")}
    found = tank(TOGETHER, members=members, windows=({"span_s": 300.0, "least": 0.001},))
    params = {**found.groups[0].params, "factors": (SURFACE, SURFACE)}
    keeper = Keeper(replace(found, groups=(replace(found.groups[0], params=params),)))
    rows = read(TOGETHER, 1200, into=((0, 100),), out=((0, 40),))
    split = [row if row[0] != 2 else (2, *row[1:3], 50 + (row[3] - 50) / 3, 0) for row in rows]
    slope = 40 / 3600 / SURFACE
    split += [(3, at(t), at(t), 20 + slope * t, 0) for t in range(4, 1200, 10)]
    assert told(keeper, sorted(split, key=lambda row: row[1])) == []
