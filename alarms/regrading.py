"""Puts right what had raised the tiers of limit alarms whose points were judged again.

Of each occurrence the whole course is worked out anew (alarms.courses): from what was told before
the readings that are judged again, then from the limits' levels as they were, the first reading
that reached a peak, and durations as far as the clock had come. So tiers are in the end those of
the readings in order of event time. Extents are the exception: how many points were over is judged
as raises come, so one that spoke is kept, at the later of its instant and the raise, and a raise
that late readings tell of counts from when they do. A raise that ends the course of an alarm that
stands, and is above what was told, is told as a rise: it rings.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec
import numpy as np

from alarms.alarm import ProcessEvent, Transition
from alarms.courses import Course, Gone, Met, Own, went_on
from alarms.detectors import limits
from alarms.late import Around, Upon
from alarms.late_wording import late_event, rings_late
from alarms.past import Told, in_order
from alarms.pasts import Pasts
from alarms.plant import Raise
from alarms.proposal import Adoption, Proposal, judgeable
from alarms.raising import Changes, Raising, Slot
from alarms.readings import FAR, Readings
from alarms.rules import HIGH, LOW, RULES
from alarms.standing import Standing
from alarms.wording import behind_at

Key = TypeVar("Key")
Kept = TypeVar("Kept")


@dataclass(slots=True, kw_only=True)
class Graded:
    """One occurrence with its course; `olds` are the courses it has an instant with, as told."""

    row: int
    told: Told
    gone: Gone
    olds: Sequence[Course]

    @property
    def course(self) -> Course:
        """Return its course."""
        return self.gone.course

    @property
    def span(self) -> tuple[int, int | None]:
        """Return its raise and its return."""
        return self.told.t_raised, self.told.t_returned

    def known(self, span: tuple[int, int | None] | None) -> Course | None:
        """Return the course that was told of an occurrence with this raise and return."""
        return next((old for old in self.olds if (old.since, old.returned) == span), None)


def regraded(
    raising: Raising,
    pasts: Pasts,
    wanted: Around,
    readings: Readings,
    neighbours: Readings,
    told: Proposal,
    upon: Proposal,
) -> Proposal:
    """Return what limits have `told` of late readings, with the tiers that a table raised.

    `wanted` rows were judged again with these `readings` and `neighbours`, after `upon`.
    """
    rows = [row for row in wanted.rows.tolist() if row in raising.raises] if raising.raises else []
    if not rows:
        return told
    judged = Judged(raising, pasts, wanted, rows, Readings.joined([neighbours, readings]), told)
    before = raising.proposed(upon)
    both = Changes(open=dict(before.open), past=dict(before.past))
    graded = [each for row in rows for each in judged.row(row, both)]
    others = judged.opened(graded, both)
    events = (*judged.corrected(told.events, graded), *others)
    changes = Changes(open=_news(both.open, before.open), past=_news(both.past, before.past))
    kept, gone = raising.states(changes, before)
    return replace(
        told,
        events=events,
        states=(*told.states, *kept),
        gone=(*told.gone, *gone),
        memory=(*told.memory, Adoption(family=raising, changes=changes)),
    )


class Judged:
    """What judging these rows again came to for their limits, and by which readings."""

    def __init__(
        self,
        raising: Raising,
        pasts: Pasts,
        wanted: Around,
        rows: Sequence[int],
        readings: Readings,
        told: Proposal,
    ) -> None:
        self._raising = raising
        self._again = Upon.of(told, pasts).changes
        self._since = dict(zip(wanted.rows.tolist(), wanted.since.tolist(), strict=True))
        mine = np.isin(readings.point, rows) & ((readings.quality & FAR) == 0)
        self._taken = in_order(readings.take(mine))
        self._peaks: dict[Slot, float] = {}
        self._due: dict[Slot, int] = {}
        for part in told.memory:
            if isinstance(part, Standing):
                self._take(part)

    def row(self, row: int, changes: Changes) -> list[Graded]:
        """Return a row's occurrences with their courses, and remember these in the changes."""
        follows = self._again[row]
        sides = range(len(RULES))
        open_ = [self._raising.now((row, side), changes) for side in sides]
        olds = [*self._raising.past(row, changes), *(each for each in open_ if each is not None)]
        found = [
            self._graded(row, each, [old for old in olds if old.side == each.side])
            for each in (*follows.closed, *follows.open)
            if each is not None
        ]
        for side in sides:
            course = next(
                (each.course for each in found
                 if each.told.side == side and each.told.t_returned is None),
                None,
            )  # fmt: skip
            if course != open_[side]:
                changes.open[row, side] = course
        ended = tuple(each.course for each in found if each.told.t_returned is not None)
        ended = tuple(course for course in ended if course.spoken)
        if ended != self._raising.past(row, changes):
            changes.past[row] = ended
        return found

    def opened(self, graded: Sequence[Graded], changes: Changes) -> list[ProcessEvent]:
        """Let raises nobody knew make extents full: in their own courses, and as rises of others'.

        Return the others' events.
        """
        found: list[ProcessEvent] = []
        new = [each for each in graded if each.told.t_returned is None and not each.olds]
        for each in sorted(new, key=lambda each: each.told.t_raised):
            slot, at = (each.row, each.told.side), each.course.since
            for other, number in self._raising.full(slot, changes):
                if other == slot:
                    each.gone = self._gone(each.row, each.told, None, [(at, number)])
                    changes.open[slot] = each.course
                    continue
                for which, met in self._raising.full_later(other, at, number, changes):
                    behind = behind_at(self._taken, each.row, at)
                    found.append(rings_late(self._raising.event(which, met, behind)))
        return found

    def corrected(
        self, events: Iterable[ProcessEvent], graded: Sequence[Graded]
    ) -> Iterator[ProcessEvent]:
        """Yield events of limits with the tiers of the courses, then what is wrong without them."""
        left = {(each.row, each.told.side, *each.span): each for each in graded}
        raised: dict[Slot, list[ProcessEvent]] = {}
        for event in events:
            row = self._raising.plant.row_of(event.subject.key)
            if row not in self._raising.raises:
                yield event
            elif event.change is not Transition.late:
                raised.setdefault((row, RULES.index(event.rule)), []).append(event)
            else:
                # One judged by itself, or withdrawn, is none of these.
                span = event.t_change, event.t_end
                each = left.pop((row, RULES.index(event.rule), *span), None) if event.path else None
                yield from (event,) if each is None else self._as_it_was(event, each)
        for (row, side), steps in raised.items():
            each = left.pop((row, side, steps[0].t_change, None))
            yield from self._risen(steps, each, each.gone.heard)
        for each in left.values():
            yield from self._otherwise(each)

    def _take(self, standing: Standing) -> None:
        """Take up sides' peaks, and when the first of their running delays is met."""
        phase = standing.phase
        due = limits.due_at(
            phase, standing.t0, limits.Levels.gather(self._raising.rules, standing.rows)
        )
        due = np.where(limits.running(phase), due, np.iinfo(np.int64).max)
        for i, row in enumerate(standing.rows.tolist()):
            for side, (slots, sign) in enumerate(((LOW, -1), (HIGH, 1))):
                self._peaks[row, side] = sign * float(standing.peak[i, side])
                self._due[row, side] = int(due[i, slots].min())

    def _graded(self, row: int, told: Told, olds: Sequence[Course]) -> Graded:
        since = self._since[row]
        begun = None
        if told.t_raised < since:
            begun = next((old.until(since) for old in olds if old.covers(since)), None)
        touching = [
            old
            for old in olds
            if (told.t_returned is None or old.since <= told.t_returned)
            and (old.returned is None or told.t_raised <= old.returned)
        ]
        raises = self._raising.raises[row]
        extents = [
            (max(at, told.t_raised), number)
            for old in touching
            for at, number in old.spoken
            if number < len(raises) and raises[number].points is not None
        ]
        came = max((old.newest for old in olds), default=0)
        gone = self._gone(row, told, begun, extents, came)
        return Graded(row=row, told=told, gone=gone, olds=touching)

    def _gone(
        self,
        row: int,
        told: Told,
        begun: Course | None,
        extents: Sequence[Met] = (),
        came: int = 0,
    ) -> Gone:
        """Work out a course by all that was judged again; `came` is how far the clock had come.

        From where a delay is met that runs now, all is open again.
        """
        raises = self._raising.raises[row]
        own = self._own(row, told, 0 if begun is None else self._since[row])
        taken = self._readings(row)
        read = int(taken.time.max(initial=0))
        came = min(came, self._due[row, told.side] - 1)
        steps = (at for at, _ in told.path)
        return went_on(
            begun,
            raises,
            side=told.side,
            own=own,
            extents=extents,
            peaks=self._reached(taken, told, max(told.t_raised, self._since[row]), raises),
            until=max(read, came, *steps) if told.t_returned is None else told.t_returned,
            returned=told.t_returned,
        )

    def _readings(self, row: int) -> Readings:
        """Return the readings of a row, in order."""
        first, last = np.searchsorted(self._taken.point, (row, row + 1)).tolist()
        return self._taken.take(np.arange(first, last))

    def _reached(
        self, taken: Readings, told: Told, since: int, raises: Sequence[Raise]
    ) -> Iterator[Met]:
        """Yield the first judged reading of an occurrence since then that reaches each peak."""
        mine = judgeable(taken) & (taken.time >= since)
        if told.t_returned is not None:
            mine &= taken.time < told.t_returned
        time, value = taken.time[mine], taken.value[mine]
        sign = -1 if told.side == 0 else 1
        for number, each in enumerate(raises):
            if each.peak is not None:
                over = np.flatnonzero(sign * value >= sign * each.peak)
                if len(over):
                    yield int(time[over[0]]), number

    def _own(self, row: int, told: Told, since: int) -> list[Own]:
        """Return the moves of an occurrence's own levels since an instant."""
        own: list[Own] = []
        was = limits.NONE
        for at, top in told.path:
            if at >= since:
                own.append(self._raising.own(row, was=was, top=top, at=at))
            was = top
        return own

    def _otherwise(self, each: Graded) -> Iterator[ProcessEvent]:
        """Yield what puts right tiers alone, where the limits have nothing to put right."""
        raising, row, told = self._raising, each.row, each.told
        known = each.known(each.span)
        if known is None:
            own = self._own(row, told, 0)
            known = went_on(None, (), side=told.side, own=own, until=0).course
        if known.path == each.course.path:
            return
        peak = told.peak if told.t_returned is not None else self._peaks[row, told.side]
        event = late_event(raising.plant, raising.rules, row, self._taken, told, peak)
        event = msgspec.structs.replace(event, instead=each.span)
        for one in self._as_it_was(event, each):
            if one.change is not Transition.late or one.path != known.path:
                yield one

    def _as_it_was(self, event: ProcessEvent, each: Graded) -> Iterator[ProcessEvent]:
        """Yield a late event with an occurrence's tiers; what raises it at its end, by itself."""
        path, heard, last = each.course.path, each.gone.heard, each.gone.last
        stood = each.known(event.instead) if each.told.t_returned is None else None
        if stood is None or stood.returned is not None:
            last = 0
        else:
            last = sum(tier > stood.tier for _, tier in path[len(path) - last :])
        path, heard = path[: len(path) - last], heard[len(heard) - last :]
        tier = max(tier for _, tier in path)
        yield msgspec.structs.replace(event, path=path, tier=tier)
        yield from self._risen((), each, heard)

    def _risen(
        self, steps: Sequence[ProcessEvent], each: Graded, heard: Sequence[Met]
    ) -> list[ProcessEvent]:
        """Return steps of the limits, and among them the rises that were heard."""
        slot = each.row, each.told.side
        rises = [
            rings_late(self._raising.event(slot, met, behind_at(self._taken, each.row, met[0])))
            for met in heard
        ]
        return sorted([*steps, *rises], key=lambda event: event.t_change)


def _news(both: dict[Key, Kept], before: dict[Key, Kept]) -> dict[Key, Kept]:
    """Return what is kept otherwise than before."""
    return {key: kept for key, kept in both.items() if key not in before or kept != before[key]}
