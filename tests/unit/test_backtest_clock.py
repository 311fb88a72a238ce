"""The law of the back-test's clock: seconds passed over and chunks change nothing."""

from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alarms.alarm import Tier
from alarms.engine import Engine, LastReadings
from alarms.occurrences import Episodes, Occurrence
from alarms.readings import Readings
from fengsui.backtest import clockwork, rehearsal
from fengsui.backtest.recorded import Chunk
from tests.unit.plants import SECOND, START, at, plant, point
from tests.unit.streams import POINTS, Step, small_plant, streams
from tests.unit.tried import tried


def chunk_of(steps: list[Step]) -> Chunk:
    rows = [step for step in steps if not isinstance(step, int)]
    return Chunk(
        point=np.array([row[0] for row in rows], np.int32),
        stamp=np.array([row[1] for row in rows], np.int64),
        value=np.array([row[3] for row in rows], np.float64),
        quality=np.array([row[4] for row in rows], np.int16),
        clock=np.array([row[2] for row in rows], np.int64),
    )


def every_second(steps: list[Step], until: int) -> list[Occurrence]:
    """Tick at every single second, as the contract has it."""
    registered = small_plant()
    chunk = chunk_of(steps)
    started = int(chunk.clock[0])
    engine = Engine.build(
        registered, states=(), last=LastReadings.never(len(POINTS)), started=started
    )
    episodes = Episodes()
    from_readings = {int(second): [] for second in clockwork.second_of(chunk.clock)}  # type: ignore[var-annotated]
    for place, second in enumerate(clockwork.second_of(chunk.clock).tolist()):
        from_readings[second].append(place)

    def hear(events: Any, now: int) -> None:
        episodes.add(events, now=now)

    clocks = clockwork.Clockwork(engine, hear, started=started)
    for second in range(started // SECOND, until // SECOND + 1):
        if second in from_readings:
            part = chunk.take(np.array(from_readings[second]))
            readings = Readings(
                point=part.point, time=part.stamp, value=part.value, quality=part.quality,
                received=part.clock, stamp=part.stamp,
            )  # fmt: skip
            clocks.take(readings, Readings.none(), (), now=second * SECOND)
        if second > started // SECOND:
            clocks.tick_at(second * SECOND)
    return episodes.found


@given(streams(ticks=False), st.integers(0, 200))
@tried(25)
def test_seconds_passed_over_are_seconds_in_which_a_tick_says_nothing(
    steps: list[Step], silence: int
) -> None:
    last = chunk_of(steps).clock[-1]
    until = int(clockwork.second_of(last + np.int64(0))) * SECOND + silence * SECOND
    outcome = rehearsal.run(small_plant(), [chunk_of(steps)], until=until)
    assert outcome.occurrences == every_second(steps, until)


@given(streams(ticks=False), st.integers(1, 90))
@tried(25)
def test_every_event_is_said_in_the_second_in_which_its_tick_comes(
    steps: list[Step], silence: int
) -> None:
    chunk = chunk_of(steps)
    started = int(chunk.clock[0])
    seconds = [(int(clock) + SECOND - 1) // SECOND for clock in chunk.clock]
    end = seconds[-1] + silence
    columns = Readings(
        point=chunk.point, time=chunk.stamp, value=chunk.value, quality=chunk.quality,
        received=chunk.clock, stamp=chunk.stamp,
    )  # fmt: skip
    said: list[list[Any]] = [[], []]
    for skipping in (False, True):
        engine = Engine.build(
            small_plant(), states=(), last=LastReadings.never(len(POINTS)), started=started
        )
        heard = said[skipping]

        def hear(events: Any, now: int, heard: list[Any] = heard) -> None:
            heard.extend((now, event) for event in events)

        clocks = clockwork.Clockwork(engine, hear, started=started)
        for second in range(started // SECOND, end + 1):
            here = np.flatnonzero(np.array(seconds) == second)
            if len(here):
                clocks.pass_seconds(second - 1)
                part = columns.take(here)
                clocks.take(part, Readings.none(), (), now=second * SECOND)
            if not skipping:
                clocks.pass_seconds(second)
        clocks.pass_seconds(end)
    assert said[True] == said[False]


def test_a_reading_of_the_ticks_own_instant_comes_before_it() -> None:
    seconds = clockwork.second_of(np.array([at(1), at(1) + 1, at(2)]))
    assert (seconds - START // SECOND).tolist() == [1, 2, 2]


@given(streams(ticks=False), st.frozensets(st.integers(1, 39)))
@tried(25)
def test_however_a_recording_is_cut_into_chunks_the_occurrences_are_the_same(
    steps: list[Step], cuts: frozenset[int]
) -> None:
    chunk = chunk_of(steps)
    borders = [0, *sorted(cut for cut in cuts if cut < len(chunk)), len(chunk)]
    parts = [chunk.take(slice(a, b)) for a, b in pairwise(borders) if a < b]
    whole, cut = rehearsal.run(small_plant(), [chunk]), rehearsal.run(small_plant(), parts)
    assert cut.occurrences == whole.occurrences
    assert cut.readings == whole.readings


def test_what_came_before_is_known_whatever_the_order() -> None:
    known = clockwork.Known(3)
    for k in range(40):
        readings = chunk_of([(k % 3, at(10 * k), at(10 * k), 1.0, 0)])
        known.add(
            Readings(
                point=readings.point,
                time=readings.stamp,
                value=readings.value,
                quality=readings.quality,
                received=readings.clock,
                stamp=readings.stamp,
            )
        )
        if k % 7 == 0:
            assert not known.met(1, at(1000 + k))
    assert all(known.met(k % 3, at(10 * k)) for k in range(40))
    assert not known.met(0, at(10))
    assert known.met(0, at(10))


def test_tiers_rise_and_fall_along_one_occurrence() -> None:
    registered = plant(
        [point("A", limits={"h": 8, "hh": 9}, on_delay_s=0.0, off_delay_s=0.0)], gateways=()
    )
    steps: list[Step] = [
        (0, at(10 * k), at(10 * k), value, 0) for k, value in enumerate([5, 8.5, 9.5, 8.5, 5])
    ]
    outcome = rehearsal.run(registered, [chunk_of(steps)])
    (occurrence,) = outcome.occurrences
    assert occurrence.tiers == (Tier.yellow, Tier.orange, Tier.yellow)
    assert [move.type.value for move in occurrence.moves] == [
        "raised", "tier_up", "tier_down", "returned",
    ]  # fmt: skip
    assert occurrence.peak_tier is Tier.orange


def test_a_reading_that_the_clock_has_overtaken_is_judged_again_as_it_is_live() -> None:
    steps: list[Step] = [
        (0, at(second), at(received), value, 0)
        for second, received, value in ((0, 0, -6.0), (2, 2, -6.0), (11.5, 14, 0.5))
    ]
    until = at(14)
    told = rehearsal.run(small_plant(), [chunk_of(steps)], until=until).occurrences
    assert told == every_second(steps, until)
    assert [each.tier for each in told] == [Tier.yellow]
