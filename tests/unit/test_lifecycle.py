"""Stories of one alarm's life: raised, moved, acknowledged, shelved, late."""

import msgspec
import pytest

from alarms.alarm import State, Tier, Transition
from alarms.errors import ConflictError, FengsuiError
from alarms.lifecycle import Action, Deed, Timer, step
from tests.unit.stories import ACK, DOWN, HOUR, NOW, RAISED, RETURNED, UP, Story, does, says


def test_a_raised_alarm_is_active_and_unacknowledged() -> None:
    story = Story().tell(RAISED)
    assert (story.now.state, story.now.rev, story.now.t_raised) == (State.UNACK, 1, NOW)


def test_an_acknowledged_alarm_closes_when_it_returns() -> None:
    story = Story().tell(RAISED, ACK, RETURNED)
    assert story.told == ["raised", "acknowledged", "returned", "closed"]
    assert story.now.state is State.NORM
    assert [entry.alarm.rev for entry in story.journal] == [1, 2, 3, 4]


def test_a_returned_alarm_closes_when_it_is_acknowledged() -> None:
    story = Story().tell(RAISED, RETURNED)
    assert story.now.state is State.RTNUN
    story.tell(ACK)
    assert story.told == ["raised", "returned", "acknowledged", "closed"]


def test_moving_up_takes_the_sites_acknowledgement_away() -> None:
    story = Story().tell(RAISED, ACK, UP)
    assert story.now.state is State.UNACK
    assert story.now.last_alarm_rev == story.now.rev == 3
    assert story.now.peak_tier is Tier.red


def test_moving_down_keeps_acknowledgement_and_peak() -> None:
    story = Story().tell(RAISED, UP, ACK, DOWN)
    assert story.now.state is State.ACKED
    assert (story.now.tier, story.now.peak_tier) == (Tier.orange, Tier.red)


def test_a_county_acknowledgement_does_not_silence_the_site() -> None:
    story = Story().tell(RAISED, does(Deed.acknowledge, org_level="county"))
    assert story.now.state is State.UNACK
    assert story.now.acks["county"] is not None


def test_the_same_occurrence_is_raised_again_while_it_is_open() -> None:
    again = says(Transition.raised, at=60)
    story = Story().tell(RAISED, RETURNED, again)
    assert story.told == ["raised", "returned", "reraised"]
    assert story.now.reraise_count == 1
    assert story.now.id == story.journal[0].alarm.id
    assert story.now.t_returned is None


def test_after_closing_a_new_occurrence_begins() -> None:
    story = Story().tell(RAISED, ACK, RETURNED)
    first = story.now.id
    story.tell(says(Transition.raised, at=60))
    assert story.now.id != first
    assert story.now.rev == 1


def test_an_acknowledgement_that_did_not_see_the_newest_raise_is_refused() -> None:
    story = Story().tell(RAISED, UP)
    with pytest.raises(ConflictError) as refused:
        step(story.alarm, does(Deed.acknowledge, seen_rev=1), now=NOW)
    assert refused.value.current == story.alarm


def test_an_acknowledgement_need_not_have_seen_a_downgrade() -> None:
    story = Story().tell(RAISED, UP, DOWN, does(Deed.acknowledge, seen_rev=2))
    assert story.now.state is State.ACKED


def test_a_second_acknowledgement_of_one_level_changes_nothing() -> None:
    story = Story().tell(RAISED, ACK, ACK)
    assert story.told == ["raised", "acknowledged"]


def test_taking_back_an_acknowledgement_rings_again() -> None:
    story = Story().tell(RAISED, ACK, does(Deed.unacknowledge))
    assert story.now.state is State.UNACK
    assert story.now.last_alarm_rev == 3


def test_a_closed_alarm_takes_no_action() -> None:
    story = Story().tell(RAISED, ACK, RETURNED)
    with pytest.raises(ConflictError):
        step(story.alarm, ACK, now=NOW)


def test_a_comment_stands_in_the_journal_with_who_and_what() -> None:
    story = Story().tell(RAISED, does(Deed.comment, note="阀门已关"))
    assert (story.journal[-1].actor, story.journal[-1].note) == ("张三", "阀门已关")


def test_a_comment_without_words_is_refused() -> None:
    with pytest.raises(FengsuiError):
        Story().tell(RAISED, does(Deed.comment, note=" "))


def shelved(hours: float = 1) -> Action:
    return does(Deed.shelve, until=NOW + round(hours * HOUR), note="校验中")


def test_a_shelved_alarm_goes_on_being_evaluated_and_journalled() -> None:
    story = Story().tell(RAISED, UP, shelved(), DOWN, RETURNED)
    assert story.told == ["raised", "tier_up", "shelved", "tier_down", "returned"]
    assert story.now.state is State.SHLVD


def test_a_shelf_that_runs_out_rings_again_if_the_alarm_is_active() -> None:
    story = Story().tell(RAISED, ACK, shelved()).tell(Timer(), now=NOW + HOUR)
    assert story.told[-1] == "unshelved"
    assert story.now.state is State.UNACK


def test_a_shelf_that_runs_out_closes_what_is_over_and_acknowledged() -> None:
    story = Story().tell(RAISED, ACK, shelved(), RETURNED).tell(Timer(), now=NOW + HOUR)
    assert story.told[-3:] == ["returned", "unshelved", "closed"]


def test_a_timer_before_its_time_does_nothing() -> None:
    story = Story().tell(RAISED, shelved()).tell(Timer(), now=NOW + HOUR - 1)
    assert story.now.state is State.SHLVD


@pytest.mark.parametrize(("rule", "worst"), [("limit.high", 100.0), ("limit.low", 41.1)])
def test_an_alarm_raised_again_keeps_the_worst_value_of_the_whole_occurrence(
    rule: str, worst: float
) -> None:
    first = says(Transition.raised, peak=100.0)
    again = says(Transition.raised, at=60, peak=41.1)
    story = Story().tell(
        *(msgspec.structs.replace(event, rule=rule) for event in (first, RETURNED, again))
    )
    assert (story.told[-1], story.now.peak) == ("reraised", worst)


def test_lifting_the_shelf_says_who_did_it() -> None:
    story = Story().tell(RAISED, shelved(), does(Deed.unshelve))
    assert (story.told[-1], story.journal[-1].actor) == ("unshelved", "张三")


def until_it_clears(hours: float = 1) -> Action:
    return msgspec.structs.replace(shelved(hours), one_shot=True)


def test_shelved_until_it_clears_it_leaves_the_shelf_when_it_returns() -> None:
    story = Story().tell(RAISED, until_it_clears())
    assert (story.now.state, story.now.shelf is not None) == (State.SHLVD, True)
    story.tell(RETURNED)
    assert story.told == ["raised", "shelved", "returned", "unshelved"]
    assert (story.now.state, story.now.owed_since) == (State.RTNUN, NOW)
    last = story.journal[-1]
    assert (last.actor, last.note, last.t_event) == ("", "it has cleared", RETURNED.t_change)
    story.tell(says(Transition.raised, at=60))
    assert (story.told[-1], story.now.state) == ("reraised", State.UNACK)


def test_shelved_until_it_clears_and_acknowledged_it_closes_when_it_returns() -> None:
    story = Story().tell(RAISED, ACK, until_it_clears(), RETURNED)
    assert story.told[-3:] == ["returned", "unshelved", "closed"]
    assert [entry.alarm.rev for entry in story.journal] == [1, 2, 3, 4, 5, 6]


def test_shelved_until_it_clears_and_late_readings_that_end_it_end_the_shelf() -> None:
    end = says(Transition.late, late=True, t_end=NOW + 5, instead=(NOW, None))
    story = Story().tell(RAISED, ACK, until_it_clears(), end)
    assert story.told[-3:] == ["late", "unshelved", "closed"]


def test_shelved_until_it_clears_it_stays_shelved_at_a_lower_tier() -> None:
    story = Story().tell(RAISED, UP, until_it_clears(), DOWN)
    assert story.now.state is State.SHLVD


def test_shelved_until_it_clears_it_comes_back_at_its_time_at_the_latest() -> None:
    story = Story().tell(RAISED, until_it_clears()).tell(Timer(), now=NOW + HOUR)
    assert (story.told[-1], story.now.state) == ("unshelved", State.UNACK)
    with pytest.raises(FengsuiError, match="up to 8 h"):
        Story().tell(RAISED, until_it_clears(9))
    with pytest.raises(FengsuiError, match="up to 8 h"):
        Story().tell(RAISED, msgspec.structs.replace(until_it_clears(), until=None))


def test_what_has_cleared_cannot_be_shelved_until_it_clears() -> None:
    story = Story().tell(RAISED, RETURNED)
    with pytest.raises(ConflictError, match="has returned already"):
        story.tell(until_it_clears())
    assert story.tell(shelved()).now.state is State.SHLVD


def test_shelved_until_it_clears_but_suppressed_too_it_stays_hidden() -> None:
    hidden = does(Deed.suppress, until=NOW + HOUR, note="检修")
    story = Story().tell(RAISED, ACK, until_it_clears(), hidden, RETURNED)
    assert (story.told[-1], story.now.state) == ("unshelved", State.DSUPR)


def test_an_alarm_that_goes_above_the_tier_it_was_shelved_at_is_taken_off_the_shelf() -> None:
    story = Story().tell(RAISED, ACK, shelved(), UP)
    assert story.told == ["raised", "acknowledged", "shelved", "tier_up", "unshelved"]
    assert (story.now.state, story.now.last_alarm_rev) == (State.UNACK, story.now.rev)


def test_an_alarm_that_comes_back_up_to_the_tier_it_was_shelved_at_stays_shelved() -> None:
    story = Story().tell(RAISED, UP, shelved(), DOWN, UP)
    assert (story.told[-1], story.now.state) == ("tier_up", State.SHLVD)


@pytest.mark.parametrize(("tier", "hours"), [(Tier.orange, 8.1), (Tier.red, 1.1), (Tier.red, 0)])
def test_shelving_is_refused_beyond_eight_hours_and_for_red_beyond_one(
    tier: Tier, hours: float
) -> None:
    with pytest.raises(FengsuiError):
        Story().tell(says(Transition.raised, tier), shelved(hours))


def test_a_late_occurrence_that_is_over_waits_for_acknowledgement_and_is_not_active() -> None:
    story = Story().tell(says(Transition.late, late=True, still_over=False, t_end=NOW + 5))
    assert story.told == ["late"]
    assert (story.now.state, story.now.late, story.now.t_returned) == (State.RTNUN, True, NOW + 5)


def test_a_late_occurrence_inside_the_open_one_adds_nothing() -> None:
    story = Story().tell(RAISED, says(Transition.late, at=5, t_end=NOW + 9))
    assert story.told == ["raised"]


def test_a_late_occurrence_before_the_open_one_moves_its_beginning_back() -> None:
    story = Story().tell(RAISED, says(Transition.late, at=-50, t_end=NOW - 9))
    assert story.told == ["raised", "late"]
    assert story.now.t_raised == NOW - 50


def test_a_late_rise_that_is_over_by_now_keeps_the_acknowledgement() -> None:
    again = says(Transition.tier_up, Tier.red, 10, late=True, still_over=False)
    assert Story().tell(RAISED, ACK, again).now.state is State.ACKED


def test_quality_alone_changes_quality_alone() -> None:
    story = Story().tell(RAISED, says(Transition.quality, quality="stale"))
    assert (story.told[-1], story.now.quality, story.now.active) == ("quality", "stale", True)


def test_a_return_that_nobody_waits_for_is_no_entry() -> None:
    assert Story().tell(RETURNED).told == []
    assert Story().tell(RAISED, RETURNED, RETURNED).told == ["raised", "returned"]
