"""Stories of people: receipts, suppressions, latches, close-outs; and of rules that change."""

import pytest

from alarms.alarm import Nuisance, State, Tier, Transition
from alarms.errors import ConflictError, FengsuiError
from alarms.lifecycle import Action, Deed, RuleChange, Timer, step
from tests.unit.stories import ACK, HOUR, NOW, RAISED, RETURNED, UP, Story, does, says

SECOND = 1_000_000
LATCHING = says(Transition.raised, latching=True)
OWING = says(Transition.raised, needs_closeout=True)


def hides(kind: Deed, hours: float = 1) -> Action:
    return does(kind, until=NOW + round(hours * HOUR), note="作业票 17")


SHELVE, SUPPRESS, OUT = (hides(kind) for kind in (Deed.shelve, Deed.suppress, Deed.out_of_service))
LIFTS = (does(Deed.unshelve), does(Deed.unsuppress), does(Deed.return_to_service))
RESET, CLOSE_OUT = does(Deed.reset), does(Deed.close_out, cause="误报", note="探头受潮")


def test_a_receipt_is_a_levels_own_and_leaves_the_site_alone() -> None:
    story = Story().tell(RAISED, does(Deed.receipt, org_level="city", note="收到"))
    assert (story.told[-1], story.journal[-1].org_level) == ("receipt", "city")
    assert story.now.state is State.UNACK
    assert [level for level, ack in story.now.acks.items() if ack] == ["city"]


def test_the_site_gives_no_receipt() -> None:
    with pytest.raises(FengsuiError, match="the site acknowledges"):
        Story().tell(RAISED, does(Deed.receipt))


def test_a_second_receipt_of_one_level_changes_nothing() -> None:
    receipt = does(Deed.receipt, org_level="county")
    assert Story().tell(RAISED, receipt, receipt).told == ["raised", "receipt"]


def test_raised_again_every_level_must_answer_again_but_going_up_only_the_site() -> None:
    receipt = does(Deed.receipt, org_level="county")
    story = Story().tell(RAISED, receipt, UP)
    assert story.now.acks["county"] is not None
    story.tell(RETURNED, says(Transition.raised, at=60))
    assert not any(story.now.acks.values())


def test_the_letter_follows_out_of_service_then_suppressed_then_shelved() -> None:
    story = Story().tell(RAISED)
    states = [story.tell(action).now.state for action in (SHELVE, SUPPRESS, OUT)]
    assert states == [State.SHLVD, State.DSUPR, State.OOSRV]


@pytest.mark.parametrize("kept", range(3))
def test_three_suppressions_are_independent_and_the_last_one_lifted_rings(kept: int) -> None:
    story = Story().tell(RAISED, ACK, SHELVE, SUPPRESS, OUT)
    first, second = [lift for number, lift in enumerate(LIFTS) if number != kept]
    story.tell(first, second)
    assert story.now.acks["site"] is not None
    assert story.now.hidden
    story.tell(LIFTS[kept])
    assert story.now.state is State.UNACK
    assert story.now.last_alarm_rev == story.now.rev


@pytest.mark.parametrize(
    ("hide", "ends"),
    [(SHELVE, "unshelved"), (SUPPRESS, "unsuppressed"), (OUT, "returned_to_service")],
)
def test_each_suppression_ends_by_itself_and_what_is_over_and_acknowledged_closes(
    hide: Action, ends: str
) -> None:
    story = Story().tell(RAISED, ACK, hide, RETURNED).tell(Timer(), now=NOW + HOUR)
    assert story.told[-3:] == ["returned", ends, "closed"]


@pytest.mark.parametrize("lift", LIFTS)
def test_what_is_not_hidden_cannot_be_lifted(lift: Action) -> None:
    with pytest.raises(ConflictError):
        Story().tell(RAISED, lift)


@pytest.mark.parametrize("kind", [Deed.suppress, Deed.out_of_service])
def test_suppressing_needs_a_reason_an_outage_its_permit_and_both_an_end(kind: Deed) -> None:
    for action in (
        does(kind, until=NOW + HOUR),
        does(kind, note="x"),
        does(kind, note="x", until=NOW),
        does(kind, note="x", until=NOW + 31 * 24 * HOUR),
    ):
        with pytest.raises(FengsuiError):
            Story().tell(RAISED, action)


def test_an_outage_keeps_the_permit_and_who_gave_it() -> None:
    outage = Story().tell(RAISED, OUT).now.outage
    assert outage is not None
    assert (outage.permit, outage.by, outage.until) == ("作业票 17", "张三", NOW + HOUR)


def test_above_the_tier_it_was_suppressed_at_an_alarm_rings_but_an_outage_holds() -> None:
    assert Story().tell(RAISED, SUPPRESS, UP).told[-2:] == ["tier_up", "unsuppressed"]
    assert Story().tell(RAISED, OUT, UP).now.state is State.OOSRV


def test_a_latched_alarm_stays_until_it_is_reset() -> None:
    story = Story().tell(LATCHING, RETURNED)
    assert (story.now.state, story.now.acks["site"]) == (State.LATCHED, None)
    story.tell(ACK)
    assert story.now.state is State.LATCHED
    story.tell(RESET)
    assert story.told[-2:] == ["reset", "closed"]


def test_a_reset_before_the_acknowledgement_leaves_that_owed() -> None:
    assert Story().tell(LATCHING, RETURNED, RESET).now.state is State.RTNUN


def test_neither_an_active_alarm_nor_an_unlatched_one_is_reset() -> None:
    for story in (Story().tell(LATCHING), Story().tell(RAISED, RETURNED)):
        with pytest.raises(ConflictError):
            step(story.alarm, RESET, now=NOW)


def test_raised_again_an_alarm_latches_again() -> None:
    again = says(Transition.raised, at=60, latching=True)
    story = Story().tell(LATCHING, RETURNED, RESET, again, says(Transition.returned, at=90), ACK)
    assert story.now.state is State.LATCHED


def test_an_alarm_that_needs_a_close_out_waits_for_it() -> None:
    story = Story().tell(OWING, ACK, RETURNED)
    assert story.now.state is State.AWAIT
    story.tell(CLOSE_OUT)
    assert story.told[-2:] == ["closed_out", "closed"]
    assert story.now.closeout is not None
    assert (story.now.closeout.cause, story.now.closeout.text) == ("误报", "探头受潮")


def test_a_close_out_comes_after_return_acknowledgement_and_reset() -> None:
    both = says(Transition.raised, needs_closeout=True, latching=True)
    for events in ((OWING,), (OWING, RETURNED), (both, RETURNED, ACK), (OWING, ACK)):
        story = Story().tell(*events)
        with pytest.raises(ConflictError):
            step(story.alarm, CLOSE_OUT, now=NOW)


def test_what_awaits_no_close_out_takes_none() -> None:
    for first in (RAISED, OWING):
        story = Story().tell(first, ACK, SHELVE, RETURNED)
        if first is OWING:
            story.tell(CLOSE_OUT)
        with pytest.raises(ConflictError):
            step(story.alarm, CLOSE_OUT, now=NOW)


def test_a_close_out_without_words_is_refused() -> None:
    with pytest.raises(FengsuiError):
        Story().tell(OWING, ACK, RETURNED, does(Deed.close_out, note=" "))


def cycles(*active: tuple[float, float]) -> Story:
    """Tell a story of raises and returns, in seconds."""
    story = Story()
    for on, off in active:
        story.tell(says(Transition.raised, at=round(on * SECOND)))
        story.tell(says(Transition.returned, at=round(off * SECOND)))
    return story


def test_three_cycles_within_a_minute_are_chattering() -> None:
    assert cycles((0, 15), (20, 35), (40, 55)).now.nuisance is Nuisance.chattering
    assert cycles((0, 15), (30, 45), (60, 75)).now.nuisance is Nuisance.none


def test_chattering_is_over_after_ten_quiet_minutes() -> None:
    story = cycles((0, 15), (20, 35), (40, 55))
    story.tell(says(Transition.raised, at=655 * SECOND))
    assert story.now.nuisance is Nuisance.chattering
    story = cycles((0, 15), (20, 35), (40, 55))
    story.tell(says(Transition.raised, at=656 * SECOND))
    assert story.now.nuisance is Nuisance.none


def test_chattering_is_seen_across_occurrences() -> None:
    story = Story()
    for at in (0, 20, 40):
        story.tell(says(Transition.raised, at=at * SECOND), ACK)
        story.tell(says(Transition.returned, at=(at + 15) * SECOND))
    assert story.told.count("closed") == 3
    assert story.now.nuisance is Nuisance.chattering


def test_active_for_less_than_ten_seconds_without_a_repeat_is_fleeting() -> None:
    assert cycles((0, 9.9)).now.nuisance is Nuisance.fleeting
    assert cycles((0, 10)).now.nuisance is Nuisance.none
    assert cycles((0, 5), (50, 55)).now.nuisance is Nuisance.none
    assert cycles((0, 5), (66, 70)).now.nuisance is Nuisance.fleeting


def test_a_changed_rule_keeps_state_acknowledgement_and_latch() -> None:
    story = Story().tell(LATCHING, ACK)
    before = story.now
    story.tell(RuleChange(change=Transition.rule_changed, actor="李四", note="h 8 → 9"))
    assert (story.told[-1], story.journal[-1].actor) == ("rule_changed", "李四")
    assert story.now.rule_version == before.rule_version + 1
    assert (story.now.state, story.now.acks, story.now.latched) == (
        before.state,
        before.acks,
        True,
    )


def test_the_next_occurrence_stands_under_the_changed_rule() -> None:
    change = RuleChange(change=Transition.rule_changed, actor="李四", note="h 8 → 9")
    story = Story().tell(RAISED, change, ACK, RETURNED, says(Transition.raised, at=60))
    assert (story.now.rev, story.now.rule_version) == (1, 2)


def test_an_alarm_whose_rule_was_taken_away_closes_and_says_who_did_it() -> None:
    story = Story().tell(says(Transition.raised, Tier.red))
    story.tell(RuleChange(change=Transition.retired, actor="李四", note="h removed"))
    assert (story.told, story.now.state) == (["raised", "retired"], State.NORM)
    assert (story.now.retired, story.now.active) == (True, False)
