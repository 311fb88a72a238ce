"""One warning's life 预警: proposed, issued, received by each level, handled, reported on, lifted.

A warning is a government's word about a source or an area, an alarm what a point says: two records
with two lives. `step` is pure; `rev` grows by one with each entry of the journal.
"""

from typing import Final

import msgspec

from alarms.alarm import ORG_LEVELS, Acknowledgement, Tier
from alarms.errors import ConflictError, FengsuiError, NotAllowedError
from alarms.warning import (
    GOVERNMENTS,
    KEPT,
    Action,
    Asking,
    Change,
    Duty,
    EarlyWarning,
    Entry,
    Lapse,
    Lift,
    Notice,
    Outcome,
    Stage,
)

Event = Asking | Lapse | Action
_STANDS: Final = (Stage.issued, Stage.received, Stage.handling, Stage.feedback)
_FITS: Final = {
    Duty.issue: (Stage.proposed,),
    Duty.receipt: _STANDS,
    Duty.handle: (Stage.issued, Stage.received, Stage.handling),
    Duty.feedback: _STANDS,
    Duty.adjust: _STANDS,
    Duty.lift: (Stage.proposed, *_STANDS),
}
"""In which stages an action fits."""
_CODE_LENGTH: Final = {"county": 6, "city": 4, "province": 2}
_WORDS: Final = {
    "category": "类别",
    "starts_at": "起始时间",
    "area": "可能影响的范围",
    "cautions": "警示事项",
    "measures": "应当采取的措施",
    "issuer": "发布单位",
}


def step(warning: EarlyWarning | None, event: Event, *, now: int) -> Outcome:
    """Move one warning by one event; `now` is the server's clock in Micros.

    `warning` is the open one of the source, or None. ConflictError where an action does not fit the
    warning as it is, FengsuiError where words are missing, NotAllowedError where it is another
    government's.
    """
    match event:
        case Asking():
            return _asked(warning, event, now)
        case Lapse():
            if warning is None or warning.stage is not Stage.proposed:
                return Outcome(warning=warning)
            lift = Lift(by="", at=now, reason="", active=())
            return _moved(warning, Change.lifted, now, stage=Stage.lifted, lift=lift)
        case Action():
            if warning is None:
                raise ConflictError("there is no warning to act on", None)
            return _act(warning, event, now)


def _asked(warning: EarlyWarning | None, event: Asking, now: int) -> Outcome:
    if warning is None or warning.stage is Stage.lifted:
        made = EarlyWarning(
            id=event.id,
            rev=1,
            stage=Stage.proposed,
            level=event.level,
            peak_level=event.level,
            asked=event.level,
            government=event.government,
            region=event.region,
            enterprise=event.enterprise,
            source=event.source,
            name=event.name,
            simulated=event.simulated,
            automatic=event.automatic,
            basis=event.basis,
            notice=event.notice,
            alarms=event.alarms,
            t_proposed=now,
            t_event=now,
        )
        entry = Entry(
            warning=made,
            change=Change.proposed,
            t_event=now,
            actor=event.actor,
            org_level=event.org_level,
        )
        outcome = Outcome(warning=made, entries=(entry,))
        is_sent = made.automatic and not missing(made.notice)
        return _published(outcome, Change.issued, now) if is_sent else outcome
    new = tuple(each for each in event.alarms if each not in warning.alarms)
    if not new and event.level <= warning.asked:
        return Outcome(warning=warning)
    asked = max(event.level, warning.asked)
    joined = warning.alarms + new
    is_sent = event.automatic and not missing(event.notice)
    if event.level <= warning.asked or not (is_sent or warning.stage is Stage.proposed):
        return _moved(warning, Change.joined, now, alarms=joined, asked=asked)
    # A person who has lowered a warning since is overruled only by what asks for more than before.
    outcome = _moved(
        warning,
        Change.joined,
        now,
        alarms=joined,
        asked=asked,
        level=asked,
        peak_level=max(asked, warning.peak_level),
        government=event.government,
        basis=event.basis,
        automatic=event.automatic,
        notice=_from_its_beginning(event.notice, warning.notice),
        said_rev=warning.rev + 1,
    )
    if not is_sent:
        return outcome
    change = Change.issued if warning.stage is Stage.proposed else Change.adjusted
    return _published(outcome, change, now)


def _from_its_beginning(notice: Notice, before: Notice) -> Notice:
    starts_at = before.starts_at or notice.starts_at
    return msgspec.structs.replace(notice, starts_at=starts_at)


def _published(outcome: Outcome, change: Change, now: int) -> Outcome:
    """Add that it was issued or adjusted by the table itself, in its region's name."""
    warning = outcome.warning
    assert warning is not None  # noqa: S101  it has just been made or moved
    by = "", warning.government, ""
    after = _moved(
        warning,
        change,
        now,
        by=by,
        stage=Stage.issued,
        published_at=now,
        said_rev=warning.rev + 1,
        receipts=dict.fromkeys(GOVERNMENTS),
        received_by={},
    )
    return Outcome(warning=after.warning, entries=(*outcome.entries, *after.entries))


def _act(warning: EarlyWarning, action: Action, now: int) -> Outcome:
    if warning.stage not in _FITS[action.kind]:
        raise ConflictError(
            f"cannot {action.kind} this warning: it is {warning.stage}; reload it", warning
        )
    if action.seen_rev is not None and action.seen_rev < warning.said_rev:
        raise ConflictError(
            f"the warning has changed since revision {action.seen_rev} (now {warning.rev}); "
            "look at it and try again",
            warning,
        )
    match action.kind:
        case Duty.issue:
            return _issue(warning, action, now)
        case Duty.receipt:
            return _receipt(warning, action, now)
        case Duty.handle:
            words = _acknowledgement(action, now, "handling needs words: what is being done")
            kept = (*warning.handling, words)[-KEPT:]
            return _done(warning, action, Change.handling, now, handling=kept)
        case Duty.feedback:
            words = _acknowledgement(action, now, "feedback needs words: what came of it")
            kept = (*warning.feedback, words)[-KEPT:]
            return _done(warning, action, Change.feedback, now, feedback=kept)
        case Duty.adjust:
            return _adjust(warning, action, now)
        case Duty.lift:
            return _lift(warning, action, now)


def _issue(warning: EarlyWarning, action: Action, now: int) -> Outcome:
    level = action.level or warning.level
    government = action.government or warning.government
    _is_theirs(level, government, action)
    notice = with_words(warning.notice, action.notice)
    lacking = missing(notice)
    if lacking:
        said = ", ".join(f"{name} {_WORDS[name]}" for name in lacking)
        raise FengsuiError(f"a warning must say all that the law asks; missing: {said}")
    return _spoken(warning, action, Change.issued, now, level, government, notice)


def _adjust(warning: EarlyWarning, action: Action, now: int) -> Outcome:
    level = action.level or warning.level
    government = action.government or warning.government
    _is_theirs(warning.level, warning.government, action)
    _is_theirs(level, government, action)
    if not action.note.strip():
        raise FengsuiError("an adjustment needs its reason; give it in `note`")
    notice = with_words(warning.notice, action.notice)
    if (level, notice) == (warning.level, warning.notice):
        raise FengsuiError("an adjustment changes the level or the words; give one of them")
    return _spoken(warning, action, Change.adjusted, now, level, government, notice)


def _spoken(
    warning: EarlyWarning,
    action: Action,
    change: Change,
    now: int,
    level: Tier,
    government: str,
    notice: Notice,
) -> Outcome:
    return _by(
        warning,
        action,
        change,
        now,
        stage=Stage.issued,
        said_rev=warning.rev + 1,
        receipts=dict.fromkeys(GOVERNMENTS),
        received_by={},
        level=level,
        peak_level=max(level, warning.peak_level),
        government=government,
        notice=notice,
        published_at=now,
    )


def _receipt(warning: EarlyWarning, action: Action, now: int) -> Outcome:
    if action.org_level not in GOVERNMENTS:
        raise FengsuiError("a receipt is a county's, city's or province's")
    place = action.place or warning.region[: _CODE_LENGTH[action.org_level]]
    if place in warning.received_by:
        return Outcome(warning=warning)
    given = Acknowledgement(by=action.actor, at=now, note=action.note)
    first = warning.receipts[action.org_level] or given
    stage = Stage.received if warning.stage is Stage.issued else warning.stage
    return _by(
        warning,
        action,
        Change.received,
        now,
        stage=stage,
        receipts=warning.receipts | {action.org_level: first},
        received_by=warning.received_by | {place: msgspec.structs.replace(given, note="")},
    )


def _lift(warning: EarlyWarning, action: Action, now: int) -> Outcome:
    _is_theirs(warning.level, warning.government, action)
    if action.active and not (action.actor.strip() and action.note.strip()):
        raise ConflictError(
            f"cannot lift this warning: {len(action.active)} of its alarms still active "
            f"({', '.join(action.active[:3])}); say in `note` why it is to be lifted all the same",
            warning,
        )
    lift = Lift(by=action.actor, at=now, reason=action.note, active=action.active)
    return _by(warning, action, Change.lifted, now, stage=Stage.lifted, lift=lift)


def _is_theirs(level: Tier, government: str, action: Action) -> None:
    """Refuse a desk below the government that warnings of this level belong to."""
    ranks = ORG_LEVELS.index
    if ranks(action.org_level) < ranks(government):
        raise NotAllowedError(
            f"a {level.name} warning is a {government}'s here, and you act for a "
            f"{action.org_level}; pass it on"
        )


def with_words(notice: Notice, said: Notice) -> Notice:
    """Return a notice with the words that were said in place of its own."""
    given = {name: getattr(said, name) for name in _WORDS if getattr(said, name)}
    return msgspec.structs.replace(notice, **given)


def missing(notice: Notice) -> tuple[str, ...]:
    """Return which of the words that the law asks are not there."""
    return tuple(name for name in _WORDS if not str(getattr(notice, name) or "").strip())


def _acknowledgement(action: Action, now: int, wanted: str) -> Acknowledgement:
    if not action.note.strip():
        raise FengsuiError(f"{wanted}; give it in `note`")
    return Acknowledgement(by=action.actor, at=now, note=action.note)


def _done(
    warning: EarlyWarning, action: Action, change: Change, now: int, **changes: object
) -> Outcome:
    return _by(warning, action, change, now, stage=Stage[change.value], **changes)


def _by(
    warning: EarlyWarning, action: Action, change: Change, now: int, **changes: object
) -> Outcome:
    by = action.actor, action.org_level, action.note
    return _moved(warning, change, now, by=by, **changes)


def _moved(
    warning: EarlyWarning,
    change: Change,
    now: int,
    *,
    by: tuple[str, str | None, str] = ("", None, ""),
    **changes: object,
) -> Outcome:
    """Change a warning: one row; `by` is whose deed it was, for which level, in which words."""
    moved = msgspec.structs.replace(warning, rev=warning.rev + 1, t_event=now, **changes)
    actor, org_level, note = by
    entry = Entry(
        warning=moved, change=change, t_event=now, actor=actor, org_level=org_level, note=note
    )
    return Outcome(warning=moved, entries=(entry,))
