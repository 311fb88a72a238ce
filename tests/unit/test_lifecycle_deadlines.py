"""What time does to an alarm: the ladder, the re-alarm, suppressions that run out."""

import pytest

from alarms.alarm import State, Tier, Transition
from alarms.deadlines import due_at
from alarms.lifecycle import Deed, Timer
from tests.unit.stories import ACK, HOUR, NOW, RAISED, RETURNED, UP, Story, does, says

RED = says(Transition.raised, Tier.red)
MINUTE_US = 60_000_000


def escalations(story: Story) -> list[tuple[int, int, tuple[str, ...]]]:
    """Return step, minutes after NOW and targets of each escalation."""
    return [
        (
            entry.alarm.escalation.step,
            (entry.t_event - NOW) // MINUTE_US,
            entry.alarm.escalation.targets,
        )
        for entry in story.journal
        if entry.transition is Transition.escalated and entry.alarm.escalation is not None
    ]


@pytest.mark.parametrize(("tier", "minutes"), [(Tier.red, (1, 3, 10)), (Tier.orange, (5, 15, 60))])
def test_an_alarm_nobody_acknowledges_is_told_to_supervisor_county_city_and_province(
    tier: Tier, minutes: tuple[int, int, int]
) -> None:
    story = Story().tell(says(Transition.raised, tier))
    for minute in minutes:
        before = len(story.journal)
        assert due_at(story.now) == NOW + minute * MINUTE_US
        story.tell(Timer(), now=NOW + minute * MINUTE_US - 1)
        assert len(story.journal) == before
        story.tell(Timer(), now=NOW + minute * MINUTE_US)
        assert len(story.journal) == before + 1
    assert escalations(story) == [
        (1, minutes[0], ("site",)),
        (2, minutes[1], ("county",)),
        (3, minutes[2], ("city", "province")),
    ]
    assert due_at(story.now) is None


@pytest.mark.parametrize("tier", [Tier.yellow, Tier.blue])
def test_yellow_and_blue_are_told_to_nobody_else(tier: Tier) -> None:
    assert due_at(Story().tell(says(Transition.raised, tier)).now) is None


def test_the_sites_acknowledgement_stops_the_ladder() -> None:
    story = Story().tell(RAISED, ACK).tell(Timer(), now=NOW + HOUR)
    assert story.told == ["raised", "acknowledged"]


def test_a_level_that_has_given_its_receipt_is_not_told_again() -> None:
    receipt = does(Deed.receipt, org_level="county")
    story = Story().tell(RED, receipt).tell(Timer(), now=NOW + HOUR)
    assert [targets for _, _, targets in escalations(story)] == [("site",), ("city", "province")]


def test_going_up_a_tier_starts_the_ladder_anew() -> None:
    story = Story().tell(RAISED).tell(Timer(), now=NOW + 5 * MINUTE_US)
    story.tell(UP, now=NOW + 6 * MINUTE_US)
    assert story.now.escalation is None
    assert due_at(story.now) == NOW + 7 * MINUTE_US


def test_what_fell_due_while_the_server_stood_still_is_told_once_and_in_order() -> None:
    story = Story().tell(RED).tell(Timer(), Timer(), now=NOW + HOUR)
    assert [step for step, _, _ in escalations(story)] == [1, 2, 3]
    assert [entry.t_received for entry in story.journal[1:]] == [NOW + HOUR] * 3


def test_an_alarm_that_was_over_when_it_was_heard_of_is_told_to_nobody() -> None:
    late = says(Transition.raised, Tier.red, late=True, still_over=False)
    assert due_at(Story().tell(late).now) is None


def test_an_acknowledged_red_alarm_that_is_still_active_rings_again_after_15_minutes() -> None:
    story = Story().tell(RED).tell(ACK, now=NOW + MINUTE_US)
    story.tell(Timer(), now=NOW + 16 * MINUTE_US - 1)
    assert story.now.state is State.ACKED
    story.tell(Timer(), now=NOW + 16 * MINUTE_US)
    assert (story.told[-1], story.now.state) == ("realarmed", State.UNACK)
    assert story.now.last_alarm_rev == story.now.rev
    assert due_at(story.now) == NOW + 17 * MINUTE_US


def test_neither_orange_nor_what_has_returned_rings_again() -> None:
    assert due_at(Story().tell(RAISED, ACK).now) is None
    latched = says(Transition.raised, Tier.red, latching=True)
    assert due_at(Story().tell(latched, ACK, RETURNED).now) is None


def test_a_hidden_alarm_is_told_to_nobody_until_it_comes_back() -> None:
    until = NOW + HOUR
    story = Story().tell(RED, does(Deed.shelve, until=until))
    assert due_at(story.now) == until
    story.tell(Timer(), now=until)
    assert story.told[-1] == "unshelved"
    assert due_at(story.now) == until + MINUTE_US


def test_raised_again_while_hidden_an_alarm_rings_for_nobody() -> None:
    again = says(Transition.raised, Tier.red, 60)
    story = Story().tell(RED, does(Deed.shelve, until=NOW + HOUR), RETURNED, again)
    assert (story.told[-1], story.now.owed_since) == ("reraised", None)


def test_what_came_back_from_the_shelf_unacknowledged_is_told_further_even_if_it_is_over() -> None:
    story = Story().tell(RED, does(Deed.shelve, until=NOW + HOUR), RETURNED)
    story.tell(does(Deed.unshelve), now=NOW + HOUR // 2)
    assert story.now.state is State.RTNUN
    assert due_at(story.now) == NOW + HOUR // 2 + MINUTE_US


def test_acknowledged_red_does_not_ring_again_while_it_is_hidden() -> None:
    story = Story().tell(RED, ACK, does(Deed.shelve, until=NOW + HOUR))
    assert due_at(story.now) == NOW + HOUR
