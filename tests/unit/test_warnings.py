"""Warnings: their stories, and laws that hold whatever alarms and people do."""

from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.alarm import ORG_LEVELS, Tier
from alarms.errors import ConflictError, FengsuiError, NotAllowedError
from alarms.warning import (
    GOVERNMENTS,
    KEPT,
    Action,
    Asking,
    Change,
    Duty,
    EarlyWarning,
    Lapse,
    Notice,
    Outcome,
    Stage,
)
from alarms.warnings import Event, missing, step

NOW: Final = 1_763_712_000_000_000
WORDS: Final = Notice(
    category="事故灾难",
    starts_at=NOW,
    area="罐区及其周边",
    cautions="液位高高",
    measures="加强监测",
    issuer="德阳市人民政府",
)
LEVELS: Final = [Tier.blue, Tier.yellow, Tier.orange, Tier.red]


def asks(level: Tier = Tier.orange, alarms: tuple[str, ...] = ("A",), **more: Any) -> Asking:
    given: dict[str, Any] = {"government": "city", "notice": WORDS, **more}
    return Asking(id="W", level=level, region="510603", alarms=alarms, **given)


def does(kind: Duty, org_level: str = "city", **more: Any) -> Action:
    return Action(kind=kind, actor="张三", org_level=org_level, **more)


def story(*events: Event) -> EarlyWarning:
    warning: EarlyWarning | None = None
    for place, event in enumerate(events):
        warning = step(warning, event, now=NOW + place).warning
    assert warning is not None
    return warning


def changes(outcome: Outcome) -> list[Change]:
    return [entry.change for entry in outcome.entries]


ISSUED: Final = (asks(), does(Duty.issue))


def test_it_is_proposed_issued_received_handled_reported_on_and_lifted() -> None:
    warning, seen = story(asks()), []
    for action in (
        does(Duty.issue),
        does(Duty.receipt, "county"),
        does(Duty.receipt, "province"),
        does(Duty.handle, "county", note="派人到现场"),
        does(Duty.feedback, "site", note="已倒罐"),
        does(Duty.lift),
    ):
        moved = step(warning, action, now=NOW + 1).warning
        assert moved is not None
        seen.append(moved.stage)
        warning = moved
    assert seen == [
        *(Stage.issued, Stage.received, Stage.received),
        *(Stage.handling, Stage.feedback, Stage.lifted),
    ]
    assert {name for name, given in warning.receipts.items() if given} == {"county", "province"}
    assert warning.published_at == NOW + 1


def test_what_is_issued_says_all_that_the_law_asks() -> None:
    proposed = story(asks(notice=msgspec.structs.replace(WORDS, issuer="", area=" ")))
    with pytest.raises(FengsuiError, match="area 可能影响的范围, issuer 发布单位"):
        step(proposed, does(Duty.issue), now=NOW)
    said = Notice(area="罐区", issuer="德阳市应急管理局")
    issued = step(proposed, does(Duty.issue, notice=said), now=NOW).warning
    assert issued is not None
    assert issued.notice == msgspec.structs.replace(WORDS, area="罐区", issuer="德阳市应急管理局")


def test_the_table_may_issue_it_but_never_without_its_words() -> None:
    assert changes(step(None, asks(automatic=True), now=NOW)) == [Change.proposed, Change.issued]
    dumb = asks(automatic=True, notice=msgspec.structs.replace(WORDS, issuer=""))
    assert changes(step(None, dumb, now=NOW)) == [Change.proposed]
    assert changes(step(None, asks(), now=NOW)) == [Change.proposed]


def test_more_alarms_join_it_and_a_proposal_rises_with_them() -> None:
    outcome = step(story(asks()), asks(Tier.red, ("A", "B")), now=NOW)
    assert changes(outcome) == [Change.joined]
    risen = outcome.warning
    assert risen is not None
    assert (risen.level, risen.asked, risen.alarms) == (Tier.red, Tier.red, ("A", "B"))
    assert step(risen, asks(Tier.orange, ("B",)), now=NOW).entries == ()


def test_what_is_issued_is_adjusted_by_a_person_unless_the_table_issues() -> None:
    standing = story(*ISSUED, does(Duty.receipt, "county"))
    outcome = step(standing, asks(Tier.red, ("A",)), now=NOW)
    assert outcome.warning is not None
    assert (outcome.warning.level, outcome.warning.asked) == (Tier.orange, Tier.red)
    outcome = step(standing, asks(Tier.red, ("A",), automatic=True), now=NOW)
    assert changes(outcome) == [Change.joined, Change.adjusted]
    assert outcome.warning is not None
    assert (outcome.warning.level, outcome.warning.stage) == (Tier.red, Stage.issued)
    assert not any(outcome.warning.receipts.values())


def test_an_adjustment_is_received_anew() -> None:
    received = story(*ISSUED, does(Duty.receipt, "county"))
    adjusted = step(received, does(Duty.adjust, level=Tier.red, note="扩散"), now=NOW + 9).warning
    assert adjusted is not None
    assert (adjusted.stage, adjusted.level) == (Stage.issued, Tier.red)
    assert not any(adjusted.receipts.values())
    assert adjusted.published_at == NOW + 9
    with pytest.raises(ConflictError, match="has changed since revision 2"):
        step(adjusted, does(Duty.receipt, "county", seen_rev=2), now=NOW)
    with pytest.raises(FengsuiError, match="reason"):
        step(received, does(Duty.adjust, level=Tier.red), now=NOW)
    with pytest.raises(FengsuiError, match="changes the level or the words"):
        step(received, does(Duty.adjust, note="x"), now=NOW)


def test_it_is_not_lifted_while_an_alarm_is_active_unless_a_person_says_why() -> None:
    with pytest.raises(ConflictError, match="still active"):
        step(story(*ISSUED), does(Duty.lift, active=("A",)), now=NOW)
    outcome = step(story(*ISSUED), does(Duty.lift, active=("A",), note="标校"), now=NOW)
    assert outcome.warning is not None
    assert outcome.warning.lift is not None
    assert outcome.warning.lift.by == "张三"
    assert outcome.warning.lift.active == ("A",)


def test_a_county_does_not_speak_for_the_city() -> None:
    for action in (does(Duty.issue, "county"), does(Duty.lift, "county")):
        with pytest.raises(NotAllowedError, match="pass it on"):
            step(story(asks()), action, now=NOW)
    with pytest.raises(NotAllowedError, match="a red warning is a city's"):
        red = does(Duty.issue, "county", level=Tier.red, government="city")
        step(story(asks(government="county")), red, now=NOW)


def test_only_what_was_never_issued_lapses() -> None:
    assert story(asks(), Lapse()).stage is Stage.lifted
    assert step(story(*ISSUED), Lapse(), now=NOW).entries == ()


def test_it_carries_its_newest_words_only() -> None:
    notes = [does(Duty.handle, note=str(number)) for number in range(KEPT + 5)]
    kept = story(*ISSUED, *notes).handling
    assert (len(kept), kept[-1].note) == (KEPT, str(KEPT + 4))


askings = st.builds(
    asks,
    st.sampled_from(LEVELS),
    st.lists(st.sampled_from("ABC"), min_size=1, unique=True).map(tuple),
    automatic=st.booleans(),
    notice=st.sampled_from([WORDS, Notice()]),
    government=st.sampled_from(GOVERNMENTS),
)
actions = st.builds(
    does,
    st.sampled_from(list(Duty)),
    st.sampled_from(ORG_LEVELS),
    seen_rev=st.one_of(st.none(), st.integers(0, 9)),
    note=st.sampled_from(["", " ", "x"]),
    level=st.sampled_from([None, *LEVELS]),
    government=st.sampled_from([None, *GOVERNMENTS]),
    notice=st.sampled_from([WORDS, Notice()]),
    active=st.sampled_from([(), ("A",)]),
)


@given(st.lists(st.one_of(askings, actions, actions, st.builds(Lapse)), max_size=30))
@settings(max_examples=500, deadline=None)
def test_the_laws_of_a_warnings_life(events: list[Event]) -> None:
    warning: EarlyWarning | None = None
    for event in events:
        try:
            outcome = step(warning, event, now=NOW)
        except FengsuiError:
            continue
        after = outcome.warning
        gone = warning is None or warning.stage is Stage.lifted
        start = 0 if warning is None or gone else warning.rev
        if outcome.entries:
            revs = [entry.warning.rev for entry in outcome.entries]
            assert revs == list(range(start + 1, start + 1 + len(revs)))
            assert outcome.entries[-1].warning == after
        else:
            assert after == warning
        if after is None:
            continue
        if not gone and warning is not None:
            _goes_forward(warning, after, changes(outcome))
        _is_whole(after, event)
        warning = after


def _goes_forward(before: EarlyWarning, after: EarlyWarning, changed: list[Change]) -> None:
    stages = list(Stage)
    if Change.adjusted in changed:
        assert after.stage is Stage.issued
        assert not any(after.receipts.values())
    else:
        assert stages.index(after.stage) >= stages.index(before.stage)
        kept = {level: given for level, given in before.receipts.items() if given}
        assert kept.items() <= after.receipts.items()
    assert set(before.alarms) <= set(after.alarms)


def _is_whole(warning: EarlyWarning, event: Event) -> None:
    assert (warning.lift is None) == (warning.stage is not Stage.lifted)
    assert warning.peak_level >= warning.level
    if warning.stage not in (Stage.proposed, Stage.lifted):
        assert not missing(warning.notice)
        assert warning.published_at is not None
    if warning.lift is not None and warning.lift.active:
        assert warning.lift.by.strip()
        assert warning.lift.reason.strip()
    if isinstance(event, Action) and event.kind is Duty.lift and event.active:
        assert warning.lift is not None
        assert warning.lift.active == event.active
