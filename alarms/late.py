"""Readings that came after newer ones: judged in their order, and what was told put right.

The law (alarms.md 1.5, invariant i): whatever order readings arrive in, twice or up to a minute
late, the occurrences of limits are in the end those of the readings in order of event time. A point
with such a reading is judged again from two minutes ago (alarms.past); where what follows is not
what was told, a `late` event says so (row 21). What comes later than the bound is judged by itself.

What never was is withdrawn: it ends at its own raise. An alarm raised again before it closed keeps
its first raise. After a change of its limits a point is judged again from that instant only. The
other families of rules (alarms.family) are told of limits' moves; those that go by single points
are judged again themselves (alarms.rewinds), and groups (alarms.group_past).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from alarms import record
from alarms.alarm import ProcessEvent
from alarms.confirmations import Confirmations, faced_anew, reach
from alarms.corrections import corrections
from alarms.detectors import limits
from alarms.family import LevelMove
from alarms.late_wording import judged_alone, peak_of, right
from alarms.past import (
    MINUTE_US,
    Changes,
    Followed,
    Past,
    Snap,
    Told,
    followed,
    in_order,
    leg,
    snap_of,
    snaps_after,
    standing_of,
    told,
    with_silences,
)
from alarms.pasts import Pasts
from alarms.plant import Plant
from alarms.proposal import Adoption, LastReadings, Newest, Proposal, judgeable
from alarms.readings import FAR, Instants, Readings, Rows
from alarms.rules import HIGH, LOW, Ruleset
from alarms.standing import Standing

KEPT_US = 2 * MINUTE_US
"""How far behind a point's newest reading its readings may still be asked for."""


class Around(NamedTuple):
    """Which readings are wanted: point rows, from when and until when, both inclusive; Micros.

    And `before`, shape (k,): how many of the judged ones before `since`, the newest of them.
    """

    rows: Rows
    since: Instants
    until: Instants
    before: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upon:
    """What the news of the same batch came to, for the limits: nothing of it is adopted yet."""

    changes: dict[int, Followed]
    swept: Standing | None
    until: int

    @classmethod
    def of(cls, proposal: Proposal, pasts: Pasts) -> "Upon":
        """Read it from the proposal."""
        swept, until = None, 0
        for part in proposal.memory:
            match part:
                case Standing():
                    swept = part
                case Newest():
                    until = int(part.readings.time.max(initial=0))
        changes = proposal.changes_of(pasts)
        return cls(changes={} if changes is None else changes.pasts, swept=swept, until=until)

    def standing(self, adopted: Standing, rows: Rows) -> Standing:
        """Return how rows stand by all that was told."""
        live = adopted.take(rows)
        if self.swept is None:
            return live
        both, here, there = np.intersect1d(rows, self.swept.rows, return_indices=True)
        if len(both):
            news = self.swept
            live.phase[here], live.t0[here] = news.phase[there], news.t0[there]
            live.peak[here], live.stored[here] = news.peak[there], news.stored[there]
        return live


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """What judging again came to; the changes of pasts have the moves that nobody was told of."""

    events: list[ProcessEvent]
    standing: Standing
    changes: Changes


def around(
    pasts: Pasts,
    newest: LastReadings,
    late: Readings,
    upon: Proposal,
    overtaken: Iterable[int] = (),
) -> Around:
    """Return which readings are judged again: those of points that late ones can matter to.

    `newest` was adopted before the batch. A point that was at rest for two minutes is stirred only
    by what is not calm. `overtaken` are rows of which more than limits ran ahead of the news.
    """
    part = Upon.of(upon, pasts)
    changes = part.changes
    close = late.take((late.quality & FAR) == 0)
    calm = pasts.rules.calm(close.point)
    stirs = ~((close.value > calm[:, 0]) & (close.value < calm[:, 1]))
    stirs &= judgeable(close)
    stirs |= pasts.kept[close.point] | np.isin(close.point, list(changes))
    blind = {row: past.blind for row in np.unique(close.point).tolist()
             if (past := pasts.of(row)) is not None}  # fmt: skip
    stirs &= close.time >= np.array([blind.get(row, 0) for row in close.point.tolist()], np.int64)
    rows = {*close.point[stirs].tolist(), *(r for r, each in changes.items() if each.overtaken)}
    rows |= {row for row in overtaken if (past := pasts.of(row)) is None or not past.blind}
    chosen = np.array(sorted(rows), np.int32)
    since = [(pasts.of(row) or pasts.rested(row, newest)).since for row in chosen.tolist()]
    return Around(
        rows=chosen,
        since=np.maximum(np.array(since, np.int64), 0),
        until=np.maximum(newest.time[chosen], part.until),
        before=reach(pasts.rules, chosen),
    )


def proposal(
    plant: Plant,
    pasts: Pasts,
    confirmations: Confirmations,
    adopted: Standing,
    newest: LastReadings,
    *,
    readings: Readings,
    neighbours: Readings,
    wanted: Around,
    upon: Proposal,
) -> Proposal:
    """Propose what late readings put right, to be adopted after `upon`, that of their batch's news.

    `neighbours` are the stored readings that `around` asks for, without these.
    """
    far = occurrences(plant, pasts.rules, readings)
    near = judged_near(readings)
    learned = (
        Adoption(family=newest, changes=near),
        Adoption(family=confirmations, changes=near),
    )
    if len(wanted.rows) == 0:
        return Proposal(events=tuple(far), memory=learned)
    part = Upon.of(upon, pasts)
    live = part.standing(adopted, wanted.rows)
    again = judge_again(
        plant,
        pasts.rules,
        pasts,
        wanted,
        readings,
        neighbours,
        live=live,
        upon=part,
        newest=newest,
    )
    standing, kept, gone = record.changes(plant, pasts.rules, live, again.standing)
    more, less = pasts.states(again.changes, part.changes)
    return Proposal(
        events=(*far, *again.events),
        states=(*kept, *more),
        gone=(*gone, *less),
        memory=(
            Adoption(family=pasts, changes=again.changes),
            *learned,
            standing,
        ),
    )


def judge_again(
    plant: Plant,
    rules: Ruleset,
    pasts: Pasts,
    wanted: Around,
    readings: Readings,
    neighbours: Readings,
    *,
    live: Standing,
    upon: Upon,
    newest: LastReadings,
) -> Again:
    """Judge points again over all their readings since their pasts begin.

    `live` is how the wanted rows stand by what was told, `upon` with the news of the same batch.
    """
    changes = upon.changes
    taken = in_order(Readings.joined([neighbours, readings]))
    rows = wanted.rows
    taken = taken.take(np.isin(taken.point, rows) & ((taken.quality & FAR) == 0))
    early = taken.time < wanted.since[np.searchsorted(rows, taken.point)]
    before, taken = taken.take(early & judgeable(taken)), taken.take(~early)
    olds = [pasts.of(row) or pasts.rested(row, newest) for row in rows.tolist()]
    known = [changes.get(row) or _unchanged(past) for row, past in zip(rows.tolist(), olds,
             strict=True)]  # fmt: skip
    ends = np.searchsorted(taken.point, rows, side="right")
    last = taken.time[ends - 1]
    silences = [
        _silences(taken, int(row), int(rules.stale[row]), each.past or past)
        for row, each, past in zip(rows, known, olds, strict=True)
    ]
    faced = faced_anew(rules, rows, taken, judgeable(taken), before)
    whole, faced = with_silences(taken, faced, rows, silences)
    borders = last // MINUTE_US * MINUTE_US
    spans = [(None, borders - MINUTE_US), (borders - MINUTE_US, borders), (borders, last + 1),
             (last + 1, None)]  # fmt: skip
    snaps: list[list[Snap]] = [[past.before for past in olds]]
    closed: list[list[Told]] = [[] for _ in rows]
    for since, until in spans:
        part = leg(rules, rows, snaps[-1], whole, faced, since, until)
        after, closed = snaps_after(part, snaps[-1], closed)
        snaps.append(after)
    ahead = live.t0.max(axis=1, initial=0)
    now, closed = _ahead(rules, rows, snaps[-1], closed, np.where(ahead > last, ahead, 0))
    events: list[ProcessEvent] = []
    later: dict[int, Followed] = {}
    for i, row in enumerate(rows.tolist()):
        told_before = [*known[i].closed, *(each for each in known[i].open if each is not None)]
        found = [*closed[i], *(each for each in now[i].open if each is not None)]
        past = known[i].past or olds[i]
        due, ghosts = corrections(told_before, found, past.ghosts)
        for each in due:
            events += right(plant, rules, row, taken, each, now[i])
        later[row] = followed(
            minute=int(last[i]) // MINUTE_US,
            before=snaps[1][i],
            begin=snaps[2][i],
            alone=None if _same(now[i], snaps[3][i]) else snaps[3][i],
            closed=tuple(closed[i]),
            open_=now[i].open,
            past=msgspec.structs.replace(past, silences=tuple(silences[i])),
            at_rest=now[i].at_rest,
            ghosts=ghosts,
        )
    standing = standing_of(rows, now)
    standing.stored[:] = live.stored
    changes_ = Changes(pasts=later, moves=_moves(live, standing))
    return Again(events=events, standing=standing, changes=changes_)


def moves_of(pasts: Pasts, rows: Rows, since: Instants, *upon: Proposal) -> list[LevelMove]:
    """Return what the limits of rows did since then, by all these proposals and what is adopted."""
    changes: dict[int, Followed] = {}
    for proposal in upon:
        changes |= Upon.of(proposal, pasts).changes
    moves: list[LevelMove] = []
    for row, start in zip(rows.tolist(), since.tolist(), strict=True):
        known = changes.get(row) or pasts.of(row)
        for each in () if known is None else (*known.closed, *known.open):
            if each is None:
                continue
            steps = list(each.path)
            if each.t_returned is not None:
                steps.append((each.t_returned, limits.NONE))
            was = limits.NONE
            for at, top in steps:
                if at >= start:
                    moves.append(
                        LevelMove(
                            place=0, row=row, side=each.side, was=was, top=top, at=at, lost=False
                        )
                    )
                was = top
    return moves


def judged_near(late: Readings) -> Readings:
    """Return late readings that others are judged again with, in order."""
    return in_order(late.take(judgeable(late) & ((late.quality & FAR) == 0)))


def occurrences(plant: Plant, rules: Ruleset, readings: Readings) -> list[ProcessEvent]:
    """Return what readings behind the bound of lateness would have raised, judged by themselves.

    An occurrence lasts from the instant it would have raised to its return or, where none came, to
    the last of these readings of its point. Bad quality says nothing here: it is past.
    """
    far = readings.take((readings.quality & FAR) != 0)
    rows = np.unique(far.point)
    if len(rows) == 0:
        return []
    taken = in_order(far)
    heard = taken.take(judgeable(taken))
    start = [Snap() for _ in rows]
    # A window not full counts only what is known: it confirms too little, never too much.
    faced = faced_anew(rules, rows, heard, judgeable(heard), Readings.none())
    part = leg(rules, rows, start, heard, faced, None, None)
    snaps, closed = snaps_after(part, start, [[] for _ in rows])
    last = taken.time[np.searchsorted(taken.point, rows, side="right") - 1]
    events: list[ProcessEvent] = []
    for i, row in enumerate(rows.tolist()):
        stands = [
            msgspec.structs.replace(
                each, t_returned=max(int(last[i]), each.t_raised), peak=peak_of(snaps[i], each.side)
            )
            for each in snaps[i].open
            if each is not None
        ]
        events += [judged_alone(plant, rules, row, heard, each) for each in (*closed[i], *stands)]
    return sorted(events, key=lambda event: (event.t_change, event.subject.key, event.rule))


def _unchanged(past: Past) -> Followed:
    return Followed(past=past, closed=past.closed, open=past.open)


def _silences(taken: Readings, row: int, stale: int, past: Past) -> list[int]:
    """Return when a point's signal was lost, without what a reading that came late has filled."""
    time = taken.time[taken.point == row]
    return [at for at in past.silences if not ((time > at - stale) & (time <= at)).any()]


def _ahead(
    rules: Ruleset,
    rows: Rows,
    snaps: Sequence[Snap],
    closed: Sequence[Sequence[Told]],
    ahead: Instants,
) -> tuple[list[Snap], list[list[Told]]]:
    """Let delays run out as far ahead of the readings as the clock had let them."""
    standing = standing_of(rows, snaps)
    levels = limits.Levels.gather(rules, rows)
    phase, t0, peak = standing.phase, standing.t0, standing.peak.copy()
    judged_time = np.array([snap.judged_time for snap in snaps], np.int64)
    reach = np.minimum(ahead, judged_time + levels.bridge)
    pending = limits.running(phase)
    ripe = pending & (limits.due_at(phase, t0, levels) <= reach[:, None])
    elapsed = limits.confirm(phase, t0, levels, ripe)
    moves: dict[int, list[LevelMove]] = {}
    for i, side, was, top, _, at in elapsed.tolist():
        shown = peak_of(snaps[i], side)
        moves.setdefault(i, []).append(
            LevelMove(place=0, row=int(rows[i]), side=side, was=was, top=top, at=at,
                      lost=False, peak=shown)
        )  # fmt: skip
    if len(elapsed):
        for side, slots in enumerate((LOW, HIGH)):
            peak[(phase[:, slots] == limits.CLEAR).all(axis=1), side] = np.nan
    done = Standing(rows=rows, phase=phase, t0=t0, peak=peak, stored=standing.stored)
    found: list[Snap] = []
    ended: list[list[Told]] = []
    for i, snap in enumerate(snaps):
        past, stands = told(closed[i], snap.open, moves.get(i, ()))
        found.append(snap_of(done, i, snap.judged_time, len(past), stands))
        ended.append(list(past))
    return found, ended


def _same(one: Snap, other: Snap) -> bool:
    return (one.phase, one.t0) == (other.phase, other.t0)


def _moves(live: Standing, standing: Standing) -> list[LevelMove]:
    """Return what those who follow the limits' moves were not told."""
    was, top = limits.tops(live.phase), limits.tops(standing.phase)
    return [
        LevelMove(
            place=int(standing.rows[i]),
            row=int(standing.rows[i]),
            side=side,
            was=int(was[i, side]),
            top=int(top[i, side]),
            at=int(standing.t0[i].max()),
            lost=False,
        )
        for i, side in np.argwhere(was != top).tolist()
    ]
