"""The audit: every alarm computed again from the stored readings, and compared with the journal.

Nothing in the record tells when the server was away. So the readings are judged twice: by a server
that never was (`steady`), and by one that was whenever nothing came for a second (`patient`). What
both say must be in the journal; what is in the journal, one of them must say. On a plant that
reports every second the two differ only where the server was away or readings waited.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from psycopg import AsyncConnection

from alarms import instants
from alarms.alarm import Kind, ProcessEvent, Subject, Tier, Transition
from alarms.engine import ChannelState, Engine, LastReadings
from alarms.faults import RANGE
from alarms.occurrences import Episodes, Occurrence
from alarms.plant import Plant
from alarms.readings import Readings, newer_than
from alarms.rules import LEVEL_NAMES, RULES, Ruleset, rules_of
from alarms.storage import plant as registered
from alarms.storage import recount
from fengsui.backtest.clockwork import SECOND_US, Clockwork, second_of

WARM_UP_US: Final = 3_600_000_000
"""Before the first instant: running delays are known after it; open alarms are the journal's."""
TAIL_US: Final = 600_000_000
"""After the last instant: readings that were still to come then."""
PRESENT_US: Final = 5_000_000
"""What began so shortly before the server's last beat may not be in the journal yet."""
_NEAR_US: Final = 3_600_000_000
"""An alarm raised no farther off than this is the same one, mistimed."""
_AWAY_US: Final = 1_000_000
_BEYOND_READINGS: Final = (Kind.comms, Kind.system)


@dataclass(slots=True, kw_only=True)
class Episode:
    """One raise and its return as the journal or a recomputation has it; times in Micros.

    `began` is when it became true; None for a raise of an alarm that was raised before, of which
    the journal keeps the reading behind it only: `read`.
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
    """What an audit found; `left_out` are points whose rules changed meanwhile."""

    checked: int = 0
    readings: int = 0
    missed: list[dict[str, Any]] = field(default_factory=list)
    extra: list[dict[str, Any]] = field(default_factory=list)
    mistimed: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

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


async def audit(conn: AsyncConnection, *, first: int, end: int) -> Findings:
    """Compare what was raised from `first` to before `end` (event times, Micros) with the journal.

    `conn` must see one state of the record: a transaction of repeatable reads.
    """
    plant = await registered.load(conn)
    start = first - WARM_UP_US
    alive = await recount.alive(conn)
    stop = end + TAIL_US if alive is None else min(end + TAIL_US, alive + 1)
    span = Span(first=first, end=end if alive is None else min(end, alive - PRESENT_US))
    opened = await recount.open_at(conn, start)
    rows = await recount.journalled(conn, start, stop + TAIL_US)
    left_out = await recount.changed_points(conn, start, stop)
    last = await recount.last_before(conn, plant, start)
    roads = [_Road(plant, opened, last, start, away_us=away) for away in (None, _AWAY_US)]
    findings = Findings(left_out=sorted(left_out))
    async for readings in recount.received_between(conn, plant, start, stop):
        findings.readings += len(readings)
        for road in roads:
            road.take(readings)
    steady, patient = (road.end(stop) for road in roads)
    journal = [each for each in episodes(opened, rows) if each.key not in left_out]
    _compare(
        findings,
        span,
        journal,
        [each for each in patient if each.key not in left_out],
        [each for each in steady if each.key not in left_out],
    )
    return findings


class _Road:
    """One recomputation; with `away_us` the clock stands where nothing came for so long."""

    def __init__(
        self,
        plant: Plant,
        opened: Sequence[recount.Row],
        last: LastReadings,
        start: int,
        *,
        away_us: int | None,
    ) -> None:
        rules = rules_of(plant)
        points = {point.key: row for row, point in enumerate(plant.points)}
        states, events = [], []
        for row in opened:
            if row.document["rule"] in RULES and row.key in points:
                state = _standing(rules, points[row.key], row)
                if state is not None:
                    states.append(state)
            if _by_readings(row.document["kind"], row.document["rule"]):
                events.append(_raised(row))
        engine = Engine.build(plant, states=states, last=last, started=start)
        self._episodes = Episodes()
        self._episodes.add(events, now=start)
        self._seeded = len(self._episodes.found)
        self._clockwork = Clockwork(engine, self._hear, started=start)
        self._away_us = away_us
        self._heard = start
        self._carried = Readings.none()

    def take(self, readings: Readings) -> None:
        """Judge all but the newest second, which may not be whole yet."""
        readings = _joined(self._carried, readings)
        seconds = second_of(readings.received)
        cut = int(np.searchsorted(seconds, seconds[-1])) if len(seconds) else 0
        self._judge(readings.take(np.arange(cut)))
        self._carried = readings.take(np.arange(cut, len(readings)))

    def end(self, stop: int) -> list[Episode]:
        """Let time pass up to `stop` and return what was raised."""
        self._judge(self._carried)
        self._clockwork.pass_seconds(stop // SECOND_US)
        return [
            _episode(each, seeded=place < self._seeded)
            for place, each in enumerate(self._episodes.found)
            if _by_readings(each.kind, each.rule)
        ]

    def _judge(self, readings: Readings) -> None:
        seconds = second_of(readings.received)
        borders = np.flatnonzero(np.diff(seconds, prepend=-1, append=-1))
        for first, end in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
            part = readings.take(np.arange(first, end))
            arrived = int(part.received[0])
            if self._away_us is not None and arrived - self._heard > self._away_us:
                self._clockwork.stand_until(arrived)
            self._heard = int(part.received[-1])
            second = int(seconds[first])
            self._clockwork.pass_seconds(second - 1)
            fresh = newer_than(part, self._clockwork.engine.last)
            self._clockwork.take(part.take(fresh), part.take(~fresh), (), now=second * SECOND_US)

    def _hear(self, events: Sequence[ProcessEvent], now: int) -> None:
        self._episodes.add(events, now=now)


def _by_readings(kind: str, rule: str) -> bool:
    """Tell whether stored readings alone decide an alarm; refused numbers are not stored."""
    return Kind(kind) not in _BEYOND_READINGS and rule != RANGE


def _standing(rules: Ruleset, row: int, opened: recount.Row) -> ChannelState | None:
    """Return the engine's state of a limit alarm that stood: its level and those inside it."""
    low = opened.document["rule"] == RULES[0]
    slots = (0, 1) if low else (2, 3, 4)
    levels: dict[str, list[object]] = {}
    began = instants.from_text(opened.document["t_raised"])
    for slot in slots:
        code = int(rules.name[row, slot])
        if code < 0:
            break
        levels[LEVEL_NAMES[code]] = ["ACTIVE", began]
        if rules.limit(row, slot) == opened.document["limit"]:
            break
    if not levels:
        return None
    return ChannelState(key=opened.key, rule=opened.document["rule"], process={"levels": levels})


def _raised(row: recount.Row) -> ProcessEvent:
    """Tell the beginning of an alarm that stood before the audit began."""
    found = row.document
    began = instants.from_text(found["t_raised"])
    return ProcessEvent(
        subject=Subject(key=row.key),
        rule=found["rule"],
        kind=Kind(found["kind"]),
        change=Transition.raised,
        tier=Tier[found["tier"]],
        t_change=began,
        t_event=began,
        t_received=began,
        value=found["value"],
        limit=found["limit"],
    )


def _episode(each: Occurrence, *, seeded: bool) -> Episode:
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


def episodes(opened: Iterable[recount.Row], rows: Iterable[recount.Row]) -> list[Episode]:
    """Fold the journal's rows into episodes."""
    found: list[Episode] = []
    standing: dict[str, Episode] = {}
    for row in opened:
        if _by_readings(row.document["kind"], row.document["rule"]):
            began = instants.from_text(row.document["t_raised"])
            episode = _begun(row, began=began, read=began)
            episode.seeded = True
            found.append(episode)
            standing[row.alarm_id] = episode
    for row in rows:
        document = row.document
        if not _by_readings(document["kind"], document["rule"]):
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
                    standing.pop(row.alarm_id).returned = instants.from_text(returned)
            case _ if row.alarm_id not in standing and returned is not None:
                began = instants.from_text(document["t_raised"])
                episode = _begun(row, began=began, read=read)
                episode.late, episode.returned = True, instants.from_text(returned)
                found.append(episode)
    return found


def _begun(row: recount.Row, *, began: int | None, read: int) -> Episode:
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


def _compare(
    findings: Findings,
    span: Span,
    journal: Sequence[Episode],
    patient: Sequence[Episode],
    steady: Sequence[Episode],
) -> None:
    """Set journal and recomputations against each other, slot by slot."""
    sides = [_slots(each) for each in (journal, patient, steady)]
    for slot in sorted({slot for side in sides for slot in side}):
        told, calm, driven = (side.get(slot, []) for side in sides)
        _compare_slot(findings, span, told, calm, driven)
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
) -> None:
    left = [each for each in calm if not each.late and _like(each, driven) is not None]
    unmatched: list[Episode] = []
    for episode in told:
        if episode.late:
            continue
        found = [each for each in (_like(episode, calm), _like(episode, driven)) if each]
        left = [each for each in left if not each.same_begin(episode)]
        if not found:
            unmatched.append(episode)
            continue
        findings.checked += _counts(span, episode)
        if not any(_agree(span, episode, each) for each in found):
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
        (calm, told, findings.missed),
    ):
        for episode in sides:
            if episode.late and span.has(episode.moment):
                findings.checked += 1
                if not any(_overlap(episode, other) for other in against):
                    found.append(episode.document())


def _like(episode: Episode, others: Iterable[Episode]) -> Episode | None:
    return next((each for each in others if not each.late and each.same_begin(episode)), None)


def _agree(span: Span, one: Episode, other: Episode) -> bool:
    """Tell whether two episodes of one beginning went on alike, as far as the span goes."""
    paths = [[tier for read, tier in each.path[1:] if read < span.end] for each in (one, other)]
    if paths[0] != paths[1] or one.path[0][1] != other.path[0][1]:
        return False
    if one.returned == other.returned:
        return True
    return not any(span.has(each.returned) for each in (one, other))


def _counts(span: Span, episode: Episode) -> bool:
    return span.has(episode.moment) or span.has(episode.returned)


def _overlap(one: Episode, other: Episode) -> bool:
    return (other.returned is None or one.moment <= other.returned) and (
        one.returned is None or other.moment <= one.returned
    )


def _pair(told: Episode, computed: Episode) -> dict[str, Any]:
    return {**computed.document(), "journal": told.document()}


def _joined(first: Readings, second: Readings) -> Readings:
    if len(first) == 0:
        return second
    return Readings(
        **{
            name: np.concatenate([getattr(first, name), getattr(second, name)])
            for name in ("point", "time", "value", "quality", "received", "stamp")
        }
    )
