"""Timers that a rule sets itself: what may be set, where it holds, and what it changes."""

from typing import Any

import msgspec
import pytest

from alarms import regions, registry, rulesfile, timers
from alarms.alarm import State, Tier, Transition
from alarms.deadlines import TOLD, due_at
from alarms.errors import ConflictError, FengsuiError, RefusedError
from alarms.lifecycle import Deed, Timer
from alarms.parameters import LIFE, PARAMETERS
from alarms.registry import Known
from alarms.registry_form import DETECTORS
from alarms.rule_changes import rule_change
from alarms.rules import RULES, rules_of
from tests.unit.plants import ONE_TANK, at, plant, point
from tests.unit.stories import ACK, HOUR, NOW, Story, does, says
from tests.unit.streams import Keeper
from tests.unit.test_registry_file import only
from tests.unit.test_registry_file import plant as written
from tests.unit.test_silence import pass_time, row, told

MINUTE = 60_000_000
DELAYED: dict[str, Any] = {"limits": {"h": 9.0}, "on_delay_s": 100.0, "range": (0.0, 20.0)}


def raised(tier: Tier, **own: object) -> Story:
    """Return the story of an alarm that carries what its rule sets, as the record does."""
    story = Story().tell(says(Transition.raised, tier))
    story.alarm = msgspec.structs.replace(story.now, timers=timers.of_rule(own))
    return story


def moves(keeper: Keeper) -> list[tuple[str, float]]:
    """Return what became of limit alarms, and at which second."""
    events = (event for event in keeper.events if event.rule in RULES)
    return [(event.change.value, (event.t_change - at(0)) / 1e6) for event in events]


def test_a_rules_own_ladder_is_climbed_and_ends_where_it_ends() -> None:
    story = raised(Tier.orange, acknowledge_orange_s=[30.0, 120.0])
    assert due_at(story.now) == NOW + MINUTE // 2
    story.tell(Timer(), now=NOW + HOUR)
    escalated = [entry for entry in story.journal if entry.transition is Transition.escalated]
    assert [(entry.t_event - NOW) // 1_000_000 for entry in escalated] == [30, 120]
    assert due_at(story.now) is None


def test_a_ladder_belongs_to_its_tier_alone() -> None:
    assert due_at(raised(Tier.red, acknowledge_orange_s=[30.0]).now) == NOW + MINUTE
    assert due_at(raised(Tier.orange, acknowledge_orange_s=[]).now) is None
    assert due_at(raised(Tier.yellow, acknowledge_yellow_s=[600.0]).now) == NOW + 10 * MINUTE


def test_an_alarm_rings_again_when_its_rule_says() -> None:
    story = raised(Tier.orange, realarm_orange_s=1800.0).tell(ACK)
    assert due_at(story.now) == NOW + 30 * MINUTE
    story.tell(Timer(), now=NOW + 30 * MINUTE)
    assert (story.told[-1], story.now.state) == ("realarmed", State.UNACK)
    assert due_at(raised(Tier.red, realarm_red_s=60.0).tell(ACK).now) == NOW + MINUTE
    assert due_at(raised(Tier.yellow, realarm_yellow_s=0.0).tell(ACK).now) is None


@pytest.mark.parametrize(
    ("seconds", "said"), [(3600.0, "1 h"), (900.0, "15 min"), (90.0, "90 s"), (5400.0, "90 min")]
)
def test_a_rule_shortens_how_long_its_alarm_can_be_shelved(seconds: float, said: str) -> None:
    most = round(seconds * 1e6)
    story = raised(Tier.orange, shelve_max_orange_s=seconds)
    with pytest.raises(FengsuiError, match=f"an? orange alarm can be shelved for up to {said};"):
        story.tell(does(Deed.shelve, until=NOW + most + 1))
    assert story.tell(does(Deed.shelve, until=NOW + most)).now.state is State.SHLVD


def test_a_rule_may_let_nobody_shelve_its_alarm() -> None:
    story = raised(Tier.red, shelve_max_red_s=0.0)
    with pytest.raises(ConflictError, match="its rule lets no red one be shelved"):
        story.tell(does(Deed.shelve, until=NOW + 1))


def test_what_time_does_knows_as_many_steps_as_a_rule_may_set() -> None:
    assert len(TOLD) == timers.STEPS
    assert set(LIFE) == set(timers.NAMES)
    assert all(LIFE.items() <= PARAMETERS[kind].items() for kind in DETECTORS)


REFUSED = (
    ("limit: {realarm_red_s: 0}", "limit.realarm_red_s", "allowed is 60 to 3600: an acknowledged"),
    ("limit: {realarm_red_s: 3601}", "limit.realarm_red_s", "no longer than a shelved one"),
    ("sensor: {realarm_blue_s: 5}", "sensor.realarm_blue_s", "0 for never, or 60 and more"),
    ("limit: {acknowledge_red_s: []}", "limit.acknowledge_red_s", "has 0 items, 3 are wanted"),
    (
        "limit: {acknowledge_red_s: [60, 180, 3601]}",
        "limit.acknowledge_red_s",
        "allowed is 300, 900, 3600 at most",
    ),
    ("rate: {acknowledge_red_s: [301, 400, 500]}", "rate.acknowledge_red_s", "later than of an"),
    ("limit: {acknowledge_orange_s: [60, 60]}", "limit.acknowledge_orange_s", "must come after"),
    (
        "limit: {acknowledge_orange_s: [9]}",
        "limit.acknowledge_orange_s[0]",
        "allowed is 10 to 86400",
    ),
    (
        "limit: {acknowledge_orange_s: [10, 20, 30, 40]}",
        "limit.acknowledge_orange_s",
        "0 to 3 are wanted",
    ),
    (
        "limit: {shelve_max_red_s: 3601}",
        "limit.shelve_max_red_s",
        "may only shorten how long a red alarm can be shelved",
    ),
    ("comms: {shelve_max_blue_s: 28801}", "comms.shelve_max_blue_s", "allowed is 0 to 28800"),
    ("comms: {stale_s: 19}", "comms.stale_s", "allowed is 20 to 86400: from two periods"),
    ("comms: {stale_s: 86401}", "comms.stale_s", "silence is always watched"),
    ("limit: {bridge_s: 19}", "limit.bridge_s", "allowed is 20 to 30: from two periods"),
    ("limit: {bridge_s: 31}", "limit.bridge_s", "to the silence after which the point is stale"),
    ("comms: {stale_s: 60}, limit: {bridge_s: 61}", "limit.bridge_s", "allowed is 20 to 60"),
)


@pytest.mark.parametrize(("params", "place", "problem"), REFUSED)
def test_what_a_rule_may_not_set_is_refused_where_it_stands_in_the_registry(
    params: str, place: str, problem: str
) -> None:
    text = f"tag: T1, quantity: level, unit: m, period_s: 10, params: {{{params}}}"
    fault = only(written(text))
    assert fault.line == 14
    assert fault.place.endswith(f"points[0].params.{place}")
    assert problem in fault.problem


@pytest.mark.parametrize(("params", "place", "problem"), REFUSED)
def test_what_a_rule_may_not_set_is_refused_where_it_stands_in_the_rules_file(
    params: str, place: str, problem: str
) -> None:
    kinds = params.removesuffix("}").split("}, ")
    rules = [f"  - {{id: r{n}, kind: {each.replace(': {', ', params: {', 1)}}}}}"
             for n, each in enumerate(kinds)]  # fmt: skip
    with pytest.raises(RefusedError) as error:
        rulesfile.parse(
            "\n".join(["rules:", *rules]).encode(), plant([point("A", range=(0.0, 20.0))])
        )
    (fault,) = error.value.faults
    kind, _, name = place.partition(".")
    assert fault.line == 1 + next(n for n, each in enumerate(kinds, 1) if each.startswith(kind))
    assert name in f"{fault.place} {fault.problem}"
    assert problem in fault.problem


def test_of_two_periods_the_longer_lets_a_point_be_silent_for_three() -> None:
    daily = plant([point("A", period_s=86_400.0, params={"comms": {"stale_s": 259_200.0}})])
    rulesfile.parse(b"rules: [{id: r, kind: limit, params: {bridge_s: 259200}}]", daily)


def test_silence_and_bridge_are_the_rules_own_and_no_bridge_outlasts_the_silence() -> None:
    silences: list[dict[str, dict[str, float]]] = [
        {},
        {"comms": {"stale_s": 25.0}},
        {"comms": {"stale_s": 120.0}, "limit": {"bridge_s": 90.0}},
    ]
    rules = rules_of(plant([point(f"P{n}", params=own) for n, own in enumerate(silences)]))
    assert rules.stale.tolist() == [30_000_000, 25_000_000, 120_000_000]
    assert rules.bridge[rules.of].tolist() == [30_000_000, 25_000_000, 90_000_000]


def test_a_delay_goes_on_across_the_gap_its_rule_bridges_and_begins_anew_beyond() -> None:
    gap = [row(0, 0, 9.5), row(0, 60, 9.5), row(0, 110, 9.5), row(0, 140, 9.5), row(0, 170, 9.5)]
    wide = {"comms": {"stale_s": 70.0}, "limit": {"bridge_s": 60.0}}
    for params, begun in (({}, 110), (wide, 0)):
        keeper = Keeper(plant([point("A", **DELAYED, params=params)]))
        keeper.feed(gap)
        assert moves(keeper) == ([("raised", 100)] if begun == 0 else [])
    keeper = Keeper(plant([point("A", **DELAYED, params={"limit": {"bridge_s": 20.0}})]))
    keeper.feed([row(0, second, 9.5) for second in (0, 25, 45, 65, 85, 105)])
    assert moves(keeper) == []
    keeper.feed([row(0, 125, 9.5)])
    assert moves(keeper) == [("raised", 125)]


def test_a_point_is_silent_after_the_time_its_rule_says() -> None:
    two = Keeper(plant([point("P0"), point("P1", params={"comms": {"stale_s": 45.0}})]))
    two.feed([row(0, 0), row(1, 0)])
    for second in range(10, 60, 10):
        two.feed([row(0, second)])
        pass_time(two, second, second + 10)
    assert told(two) == [("P1", "comms.stale", "raised", 45)]


def test_the_rules_file_sets_timers_and_more_specific_ones_win_name_by_name() -> None:
    text = """
rules:
  - {id: all, kind: limit, params: {realarm_orange_s: 1800, acknowledge_orange_s: [60, 180]}}
  - {id: one, kind: limit, match: {point: A}, params: {acknowledge_orange_s: [30]}}
  - {id: slow, kind: comms, match: {point: A}, params: {stale_s: 120}}
"""
    before = plant([point("A"), point("B")])
    one, other = rulesfile.apply(rulesfile.parse(text.encode(), before), before).points
    assert one.params["limit"] == {"realarm_orange_s": 1800, "acknowledge_orange_s": (30,)}
    assert other.params["limit"] == {"realarm_orange_s": 1800, "acknowledge_orange_s": (60, 180)}
    assert rules_of(plant([one, other])).stale.tolist() == [120_000_000, 30_000_000]


def test_a_changed_timer_changes_the_rule_of_its_own_kind_alone() -> None:
    ladder = {"acknowledge_orange_s": (60.0, 180.0)}
    before = point("A", limits={"h": 9.0})
    after = point("A", limits={"h": 9.0}, params={"limit": ladder})
    change = rule_change(before, after, "limit.high", actor="li")
    assert change is not None
    assert change.note == "params none → acknowledge_orange_s 60.0/180.0"
    assert rule_change(before, after, "comms.stale", actor="li") is None


def test_a_groups_timers_are_checked_at_its_place() -> None:
    group = (
        "{code: G, name: 比对, kind: difference, points: [A, B], bound: 1, "
        "acknowledge_red_s: [301, 302, 303], realarm_yellow_s: 5}"
    )
    points = "".join(
        f"              - {{tag: {tag}, quantity: level, unit: m}}\n" for tag in ("A", "B")
    )
    text = f"{ONE_TANK}{points}        groups:\n          - {group}\n"
    with pytest.raises(RefusedError) as error:
        registry.parse(text.encode(), Known(regions=regions.builtin(), gateways={}))
    assert [fault.place.rpartition(".")[2] for fault in error.value.faults] == [
        "realarm_yellow_s",
        "acknowledge_red_s",
    ]
