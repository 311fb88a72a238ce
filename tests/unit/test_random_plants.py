"""The laws on random plants and what their gateways may send, every family of rules at once.

Which test stands for which invariant of alarms.md 1.5:

(i)   in any order, twice or late, the same occurrences: of limits test_late_laws and
      test_backtest_late, of forecasts, rates, deviations and sensors test_rewind_laws, of groups
      test_group_late_laws
(ii)  killed and started again, the same journal: here the law of restarts; processes end to end
(iii) one open occurrence a key: here the law of turns; the record's index in test_alarm_record
(iv)  loss of data never clears: here the law of silence
(v)   recomputation finds every occurrence: here the plain engine and the law of batches; audit
      end to end
(vi)  no deed of a user changes the process: test_lifecycle_laws
(vii) revisions without a gap: test_lifecycle_laws, test_alarm_record
"""

import json
import math
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from alarms.alarm import Kind, Transition
from alarms.detectors import limits
from alarms.plant import Plant
from alarms.readings import Quality
from alarms.rules import HIGH, LOW, RULES
from fengsui.bench.one_by_one import OneByOne
from tests.unit.plants import SECOND, START, readings
from tests.unit.random_plants import GATEWAYS, ODD, Step, Tick, plants, plants_and_streams
from tests.unit.road import Road
from tests.unit.streams import standing_over
from tests.unit.test_engine_laws import exactly, said
from tests.unit.tried import tried

CASES = plants_and_streams()
CUTS = st.frozensets(st.integers(0, 100), max_size=25)
NUMBERS = st.one_of(st.sampled_from(ODD), st.floats())
Case = tuple[Plant, list[Step]]
_MOVES = {Transition.raised, Transition.returned, Transition.tier_up, Transition.tier_down}


@given(CASES, CUTS)
@tried(30)
def test_however_a_stream_is_cut_every_family_says_and_remembers_the_same(
    case: Case, cuts: frozenset[int]
) -> None:
    plant, steps = case
    whole = Road(plant).run(steps, frozenset())
    for other in (Road(plant).run(steps, cuts), Road(plant).run(steps, frozenset(range(250)))):
        (alone, of_groups), (points, groups) = other.came_to(), whole.came_to()
        assert exactly(alone) == exactly(points)
        assert of_groups == groups
        assert other.standing() == whole.standing()
        assert other.memory == whole.memory


@given(CASES, CUTS)
@tried(30)
def test_a_restart_at_any_batch_border_changes_nothing_for_any_family(
    case: Case, cuts: frozenset[int]
) -> None:
    plant, steps = case
    straight = Road(plant).run(steps, cuts)
    restarted = Road(plant).run(steps, cuts, restarts=True)
    assert exactly(restarted.events) == exactly(straight.events)
    assert restarted.standing() == straight.standing()
    assert restarted.memory == straight.memory


@given(CASES, CUTS)
@tried(50)
def test_limit_alarms_are_those_of_the_plain_engine_behind_plain_rules_of_admission(
    case: Case, cuts: frozenset[int]
) -> None:
    plant, steps = case
    plain = [OneByOne(point) for point in plant.points]
    for told in admitted(plant, steps):
        if isinstance(told, Tick):
            for engine in plain:
                engine.tick(told.now, max(START, told.link_since))
        else:
            plain[told[0]].take(*told[1:])
    events = Road(plant).run(steps, cuts).events
    for engine in plain:
        for rule in RULES:
            found = [
                said(event)
                for event in events
                if (event.rule, event.subject.key) == (rule, engine.point.key)
                and event.change in _MOVES
            ]
            if engine.point.compute is None:
                assert found == [one for one in engine.said if one.rule == rule]


@given(CASES)
@tried(30)
def test_loss_of_data_alone_clears_nothing_of_any_kind(case: Case) -> None:
    """After the last reading only ticks: what clears then had begun to while there was data.

    A silent gateway's alarm takes the place of its points' own, and a limit alarm that of its
    forecast: those return into it.
    """
    plant, steps = case
    road = Road(plant).run(steps, frozenset())
    before, phase = len(road.events), road.engine._standing.phase.copy()
    held = standing_over(road.engine)
    end = max((one.now if isinstance(one, Tick) else one.received for one in steps), default=0)
    for second in [*range(0, 100, 3), 3600, 86_400]:
        now = end + second * SECOND
        road.commit(road.engine.tick(now=now, link_since=START))
    absorbed = {e.t_change for e in road.events[before:] if e.rule == "comms.gateway"}
    risen = {
        event.subject.key
        for event in road.events[before:]
        if event.rule in RULES and event.change in (Transition.raised, Transition.tier_up)
    }
    for event in road.events[before:]:
        if event.change is not Transition.returned:
            continue
        if event.rule == "comms.stale":
            assert absorbed
        elif event.rule in RULES:
            row = [point.key for point in plant.points].index(event.subject.key)
            side = phase[row, (LOW, HIGH)[RULES.index(event.rule)]]
            assert limits.ACTIVE not in side
        elif event.rule.startswith("forecast."):
            assert event.subject.key in risen
        else:
            assert event.rule.startswith("group."), event
            assert event.subject.key not in held


@given(CASES, CUTS)
@tried(30)
def test_every_alarm_raises_and_returns_in_turn_and_never_before_it_was_raised(
    case: Case, cuts: frozenset[int]
) -> None:
    plant, steps = case
    since: dict[tuple[str, str], int] = {}
    for event in Road(plant).run(steps, cuts).events:
        key = event.subject.key, event.rule
        if event.change is Transition.raised:
            assert key not in since
            since[key] = event.t_change
        elif event.change in (*_MOVES, Transition.quality):
            assert event.t_change >= since[key]
            if event.change is Transition.returned:
                del since[key]
        elif event.change is Transition.late:
            assert event.kind is Kind.group
            if event.instead is not None and event.instead[1] is None:
                assert since.pop(key) == event.instead[0]
            if event.t_end is None:
                assert key not in since
                since[key] = event.t_change


@given(
    plants(),
    st.lists(
        st.tuples(
            st.integers(0, 4),
            NUMBERS,
            st.sampled_from(Quality),
        ),
        max_size=30,
    ),
)
@tried(30)
def test_no_number_whatever_breaks_the_engine_or_its_record(
    plant: Plant, told: list[tuple[int, float, Quality]]
) -> None:
    """Past the sifting, which lets no NaN and nothing infinite through."""
    road = Road(plant)
    for number, (row, value, quality) in enumerate(told, 1):
        now = START + 5 * number * SECOND
        batch = readings([(row % len(plant.points), now, now, value, quality)])
        road.commit(road.engine.judge(batch, now=now))
        road.commit(road.engine.tick(now=now + SECOND, link_since=START))
    for state in road.states.values():
        json.dumps(state.process, allow_nan=False)
    for event in road.events:
        for figure in (event.value, event.limit, event.peak):
            assert figure is None or math.isfinite(figure)


@given(CASES)
@tried(20)
def test_what_is_kept_of_every_alarm_is_strict_json(case: Case) -> None:
    plant, steps = case
    for state in Road(plant).run(steps, frozenset()).states.values():
        json.dumps(state.process, allow_nan=False)


def admitted(plant: Plant, steps: list[Step]) -> Iterator[Tick | tuple[int, int, int, float, int]]:
    """Yield ticks and (row, time, received, value, quality) of what is news, by contracts.md 4."""
    newest = [0] * len(plant.points)
    corrected: set[tuple[int, int]] = set()
    for step in steps:
        if isinstance(step, Tick):
            yield step
            continue
        ahead = [0] * len(plant.points)
        for row, stamp, value, quality in step.rows:
            point, time = plant.points[row], stamp
            if not math.isfinite(value) or point.gateway not in (None, GATEWAYS[step.gateway]):
                continue
            future = stamp > step.received + 300 * SECOND
            if future:
                time = step.received + ahead[row]
                ahead[row] += 1
            if stamp > step.received + 5 * SECOND and quality == Quality.good:
                quality = Quality.uncertain
            if point.range is not None and quality in (0, 1, 4):
                low, high = point.range
                span = high - low
                if quality != Quality.over_range and not (
                    low - 0.05 * span <= value <= high + span
                ):
                    continue
                if value > high or quality == Quality.over_range:
                    value, quality = high, Quality.uncertain
                elif value < low:
                    value, quality = low, Quality.uncertain
            elif quality == Quality.over_range:
                quality = Quality.uncertain
            if future and (row, stamp) in corrected:
                continue
            if future:
                corrected.add((row, stamp))
            if time > newest[row]:
                newest[row] = time
                yield row, time, step.received, value, quality
