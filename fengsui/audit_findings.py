"""What the journal says beside what was recomputed: episodes, and where the two differ."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from alarms import instants
from alarms.alarm import Kind, Transition
from alarms.faults import RANGE
from alarms.occurrences import Occurrence
from alarms.storage.recount import Row

_NEAR_US: Final = 3_600_000_000
"""An alarm raised no farther off than this is the same one, mistimed."""
_BEYOND_READINGS: Final = (Kind.comms, Kind.system)


@dataclass(slots=True, kw_only=True)
class Episode:
    """One raise and its return as the journal or a recomputation has it; times in Micros.

    `began` is when it became true; None for a raise of an alarm that was raised before, of which
    the journal keeps the reading behind it only: `read`. An alarm has its first raise and its last
    return: when one that is `superseded` ended was told once, and late readings do not mend that.
    """

    key: str
    rule: str
    kind: str
    alarm: str
    began: int | None
    read: int
    returned: int | None = None
    late: bool = False
    seeded: bool = False
    superseded: bool = False
    path: list[tuple[int, str]] = field(default_factory=list)

    @property
    def moment(self) -> int:
        """Return when it began, as well as it is known."""
        return self.read if self.began is None else self.began

    def same_begin(self, other: "Episode") -> bool:
        """Tell whether both began at one instant."""
        if self.seeded or other.seeded:
            return self.seeded and other.seeded
        if self.began is None or other.began is None:
            return self.read == other.read
        return self.began == other.began

    def document(self) -> dict[str, Any]:
        """Return the episode for people and JSON."""
        return {
            "point": self.key.removeprefix("gateway:"),
            "rule": self.rule,
            "kind": self.kind,
            "alarm": self.alarm,
            "tiers": [tier for _, tier in self.path],
            "t_raised": instants.to_text(self.moment),
            "t_returned": None if self.returned is None else instants.to_text(self.returned),
            "late": self.late,
        }


@dataclass(slots=True, kw_only=True)
class Findings:
    """What an audit found; `left_out` are points and groups whose rules changed meanwhile.

    `not_recomputed` says which kinds were left out besides, of which subjects and why.
    """

    checked: int = 0
    readings: int = 0
    missed: list[dict[str, Any]] = field(default_factory=list)
    extra: list[dict[str, Any]] = field(default_factory=list)
    mistimed: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    not_recomputed: list[dict[str, Any]] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Tell whether the journal is what the readings say."""
        return not (self.missed or self.extra or self.mistimed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What is compared: from `first` to before `end`, Micros."""

    first: int
    end: int

    def has(self, moment: int | None) -> bool:
        """Tell whether a moment lies within."""
        return moment is not None and self.first <= moment < self.end


def by_readings(kind: str, rule: str) -> bool:
    """Tell whether stored readings alone decide an alarm; refused numbers are not stored."""
    return Kind(kind) not in _BEYOND_READINGS and rule != RANGE


def recomputed(each: Occurrence, *, seeded: bool) -> Episode:
    begin = each.moves[0]
    return Episode(
        key=each.key,
        rule=each.rule,
        kind=each.kind.value,
        alarm=each.id,
        began=begin.t_change,
        read=begin.t_event,
        returned=each.t_returned,
        late=each.told_late,
        seeded=seeded,
        path=[
            (move.t_event, move.tier.name)
            for move in each.moves
            if move.type is not Transition.returned
        ],
    )


def episodes(opened: Iterable[Row], rows: Iterable[Row]) -> list[Episode]:
    """Fold the journal's rows into episodes."""
    found: list[Episode] = []
    standing: dict[str, Episode] = {}
    ended: dict[str, Episode] = {}
    for row in opened:
        if by_readings(row.document["kind"], row.document["rule"]):
            began = instants.from_text(row.document["t_raised"])
            episode = _begun(row, began=began, read=began)
            episode.seeded = True
            found.append(episode)
            standing[row.alarm_id] = episode
    for row in rows:
        document = row.document
        if not by_readings(document["kind"], document["rule"]):
            continue
        read = instants.from_text(document["t_event"])
        returned = document["t_returned"]
        match row.type:
            case "raised" | "reraised":
                began = instants.from_text(document["t_raised"])
                episode = _begun(row, began=began if row.type == "raised" else None, read=read)
                found.append(episode)
                standing[row.alarm_id] = episode
            case "tier_up" | "tier_down":
                if row.alarm_id in standing:
                    standing[row.alarm_id].path.append((read, document["tier"]))
            case "returned":
                if row.alarm_id in standing and returned is not None:
                    ended[row.alarm_id] = standing.pop(row.alarm_id)
                    ended[row.alarm_id].returned = instants.from_text(returned)
            case _ if row.alarm_id in standing or row.alarm_id in ended:
                corrected = standing.pop(row.alarm_id, None) or ended[row.alarm_id]
                corrected.late = True
                corrected.began = instants.from_text(document["t_raised"])
                corrected.returned = None if returned is None else instants.from_text(returned)
                (standing if returned is None else ended)[row.alarm_id] = corrected
            case _ if returned is not None:
                began = instants.from_text(document["t_raised"])
                episode = _begun(row, began=began, read=read)
                episode.late, episode.returned = True, instants.from_text(returned)
                found.append(episode)
                ended[row.alarm_id] = episode
    last: dict[str, Episode] = {}
    for episode in found:
        before = last.get(episode.alarm)
        if before is not None:
            before.superseded = True
        last[episode.alarm] = episode
    return found


def _begun(row: Row, *, began: int | None, read: int) -> Episode:
    document = row.document
    return Episode(
        key=row.key,
        rule=document["rule"],
        kind=document["kind"],
        alarm=row.alarm_id,
        began=began,
        read=read,
        path=[(read, document["tier"])],
    )


def compare(
    findings: Findings,
    span: Span,
    journal: Sequence[Episode],
    patient: Sequence[Episode],
    steady: Sequence[Episode],
    *,
    behind: Mapping[str, Sequence[int]],
) -> None:
    """Set journal and recomputations against each other, slot by slot.

    `behind` has the times of each point's readings that others were judged again with, Micros.
    """
    sides = [_slots(each) for each in (journal, patient, steady)]
    for slot in sorted({slot for side in sides for slot in side}):
        told, calm, driven = (side.get(slot, []) for side in sides)
        _compare_slot(findings, span, told, calm, driven, behind.get(slot[0], ()))
        _compare_late(findings, span, told, calm, driven)


def _slots(episodes: Iterable[Episode]) -> dict[tuple[str, str], list[Episode]]:
    found: dict[tuple[str, str], list[Episode]] = {}
    for episode in episodes:
        found.setdefault((episode.key, episode.rule), []).append(episode)
    return found


def _compare_slot(
    findings: Findings,
    span: Span,
    told: Sequence[Episode],
    calm: Sequence[Episode],
    driven: Sequence[Episode],
    behind: Sequence[int],
) -> None:
    left = [each for each in calm if not each.late and _like(each, driven) is not None]
    unmatched: list[Episode] = []
    for episode in told:
        if episode.late:
            left = [each for each in left if not _overlap(each, episode)]
            continue
        found = [each for each in (_like(episode, calm), _like(episode, driven)) if each]
        left = [each for each in left if not each.same_begin(episode)]
        if not found:
            # What a late reading corrects depends on how messages came together, as does by whom.
            if not any(each.late and _overlap(episode, each) for each in (*calm, *driven)):
                unmatched.append(episode)
            continue
        findings.checked += _counts(span, episode)
        if not any(_agree(span, episode, each, behind) for each in found):
            findings.mistimed.append(_pair(episode, found[0]))
    for episode in unmatched:
        if not span.has(episode.moment):
            continue
        findings.checked += 1
        near = [each for each in left if abs(each.moment - episode.moment) <= _NEAR_US]
        if not near:
            findings.extra.append(episode.document())
            continue
        nearest = min(near, key=lambda each: abs(each.moment - episode.moment))
        left.remove(nearest)
        if not _moved(episode, nearest, behind):
            findings.mistimed.append(_pair(episode, nearest))
    for episode in left:
        if span.has(episode.moment) and not episode.seeded:
            findings.checked += 1
            findings.missed.append(episode.document())


def _compare_late(
    findings: Findings,
    span: Span,
    told: Sequence[Episode],
    calm: Sequence[Episode],
    driven: Sequence[Episode],
) -> None:
    """Compare what was over when heard of: how it was cut depends on how messages came together."""
    computed = [*calm, *driven]
    for sides, against, found in (
        (told, computed, findings.extra),
        (calm, [*told, *_whole(told)], findings.missed),
    ):
        for episode in sides:
            if episode.late and span.has(episode.moment) and not _withdrawn(episode):
                findings.checked += 1
                if not any(_overlap(episode, other) for other in against):
                    found.append(episode.document())


def _withdrawn(episode: Episode) -> bool:
    """Tell whether an alarm was told and withdrawn: how messages came together decides it.

    What a late reading shows in the batch that would tell it otherwise is not told at all. Limits
    are left: what they tell is their readings' own.
    """
    return episode.kind != Kind.limit and episode.returned == episode.moment


def _whole(told: Sequence[Episode]) -> list[Episode]:
    """Return alarms from their first raise to their last return.

    What was over in between and heard of once the alarm was raised again changes nothing of it.
    """
    first: dict[str, Episode] = {}
    whole: dict[str, Episode] = {}
    for episode in told:
        begin = first.setdefault(episode.alarm, episode)
        whole[episode.alarm] = replace(begin, returned=episode.returned)
    return list(whole.values())


def _like(episode: Episode, others: Iterable[Episode]) -> Episode | None:
    return next((each for each in others if not each.late and each.same_begin(episode)), None)


def _agree(span: Span, told: Episode, other: Episode, behind: Sequence[int]) -> bool:
    """Tell whether two episodes of one beginning went on alike, as far as the span goes."""
    if _tiers(span, told) != _tiers(span, other):
        return False
    if told.returned == other.returned:
        return True
    ends = [each.returned for each in (told, other) if each.returned is not None]
    if told.superseded and any(told.moment <= at <= max(ends) for at in behind):
        return True
    return not any(span.has(at) for at in ends)


def _moved(told: Episode, other: Episode, behind: Sequence[int]) -> bool:
    """Tell whether a late reading may have moved a raise of which the record keeps the first only.

    An alarm that was raised again keeps its first raise: where it was told that it stands again,
    and a reading before that came late, by how they came together it was told of one or of both.
    """
    first, last = sorted((told.moment, other.moment))
    return told.began is None and any(first <= at <= last for at in behind)


def _tiers(span: Span, each: Episode) -> list[str]:
    """Return an episode's tiers; of one that stood before, from where the span begins."""
    since = span.first if each.seeded else each.path[0][0]
    before = [tier for read, tier in each.path if read <= since]
    return before[-1:] + [tier for read, tier in each.path if since < read < span.end]


def _counts(span: Span, episode: Episode) -> bool:
    return span.has(episode.moment) or span.has(episode.returned)


def _overlap(one: Episode, other: Episode) -> bool:
    return (other.returned is None or one.moment <= other.returned) and (
        one.returned is None or other.moment <= one.returned
    )


def _pair(told: Episode, computed: Episode) -> dict[str, Any]:
    return {**computed.document(), "journal": told.document()}
