"""Laws of an alarm's life that hold whatever plant, people and time do (alarms.md 1.5)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.alarm import Alarm, ProcessEvent, State, Tier, Transition
from alarms.deadlines import due_at
from alarms.errors import FengsuiError
from alarms.lifecycle import Action, Deed, Event, RuleChange, Timer, step
from tests.unit.stories import HOUR, NOW, does, says

processes = st.builds(
    says,
    st.sampled_from(
        [
            Transition.raised,
            Transition.tier_up,
            Transition.tier_down,
            Transition.returned,
            Transition.quality,
        ]
    ),
    st.sampled_from([Tier.yellow, Tier.orange, Tier.red]),
    st.integers(0, 100),
    late=st.booleans(),
    still_over=st.booleans(),
    latching=st.booleans(),
    needs_closeout=st.booleans(),
)
deeds = st.builds(
    does,
    st.sampled_from(list(Deed)),
    org_level=st.sampled_from(["site", "county", "city", "province"]),
    note=st.sampled_from(["", "x"]),
    until=st.sampled_from([None, NOW + HOUR, NOW + 9 * HOUR]),
    one_shot=st.booleans(),
    seen_rev=st.one_of(st.none(), st.integers(0, 9)),
)
rules = st.builds(
    RuleChange,
    change=st.sampled_from([Transition.rule_changed, Transition.retired]),
    actor=st.just("李四"),
    note=st.just("h 8 → 9"),
)
events = st.lists(
    st.tuples(
        st.one_of(processes, deeds, deeds, st.builds(Timer), rules), st.integers(0, HOUR // 2)
    ),
    max_size=30,
)


@given(events)
@settings(max_examples=400, deadline=None)
def test_the_laws_of_an_alarms_life(told: list[tuple[Event, int]]) -> None:
    alarm: Alarm | None = None
    now = NOW
    for event, pause in told:
        now += pause
        try:
            outcome = step(alarm, event, now=now)
        except FengsuiError:
            continue
        _rev_is_gapless(alarm, outcome.alarm, [entry.alarm.rev for entry in outcome.entries])
        if outcome.entries:
            assert outcome.entries[-1].alarm == outcome.alarm
        if alarm is not None and isinstance(event, Action | Timer):
            assert outcome.alarm is not None
            assert (outcome.alarm.active, outcome.alarm.tier) == (alarm.active, alarm.tier)
        if outcome.alarm is not None:
            _is_whole(outcome.alarm)
        if isinstance(event, Timer) and outcome.alarm is not None:
            following = due_at(outcome.alarm)
            assert following is None or following > now
        alarm = outcome.alarm


def _rev_is_gapless(before: Alarm | None, after: Alarm | None, revs: list[int]) -> None:
    goes_on = before is not None and after is not None and before.t_closed is None
    goes_on = goes_on and after is not None and before is not None and after.id == before.id
    start = before.rev if goes_on and before is not None else 0
    assert revs == list(range(start + 1, start + 1 + len(revs)))


def _is_whole(alarm: Alarm) -> None:
    """An alarm is closed exactly where it is NORM, and its letter follows the precedence."""
    assert (alarm.t_closed is not None) == (alarm.state is State.NORM)
    acked = alarm.acks["site"] is not None
    if alarm.t_closed is not None:
        return
    for holds, state in (
        (alarm.outage is not None, State.OOSRV),
        (alarm.suppression is not None, State.DSUPR),
        (alarm.shelf is not None, State.SHLVD),
        (alarm.active and not acked, State.UNACK),
        (alarm.active, State.ACKED),
        (alarm.latched, State.LATCHED),
        (not acked, State.RTNUN),
        (alarm.awaits_closeout, State.AWAIT),
    ):
        if holds:
            assert alarm.state is state
            break
    else:
        raise AssertionError("an open alarm shows NORM")
    if alarm.hidden:
        assert alarm.owed_since is None


@given(st.lists(processes, max_size=20))
@settings(max_examples=100, deadline=None)
def test_a_red_alarm_is_labelled_and_never_hidden(told: list[ProcessEvent]) -> None:
    alarm: Alarm | None = None
    for event in told:
        alarm = step(alarm, event, now=NOW).alarm
        if alarm is not None and alarm.active:
            assert alarm.state in {State.UNACK, State.ACKED}
