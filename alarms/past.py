"""What a point's limits were a minute ago: where judging begins again when a reading comes late.

Time is cut into minutes. Of each point that is not at rest, or was not within two minutes, it is
kept how its limits stood at the beginning of its newest reading's minute and of the one before,
by readings alone, and what was told of its alarms since. So every reading within the bound of
lateness can be judged again in its order, whatever came meanwhile, and the cost is that of the
readings of two minutes.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from alarms.detectors import limits
from alarms.family import LevelMove
from alarms.proposal import sifted
from alarms.readings import Instants, Quality, Readings, Rows
from alarms.rules import HIGH, LOW, SLOTS, Ruleset
from alarms.standing import Standing
from alarms.sweep import Faced, Finding, sweep
from alarms.wording import LATE_US

MINUTE_US: Final = LATE_US
_GHOSTS_US: Final = 4 * MINUTE_US
_SIDES: Final = (LOW, HIGH)

Step = tuple[int, int]
"""When a side's top level moved (Micros), and to which slot."""


class Told(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An occurrence of one side: its raise, its return if any (Micros), its levels on the way.

    `peak` is that of one that has returned.
    """

    side: int
    t_raised: int
    path: tuple[Step, ...]
    t_returned: int | None = None
    peak: float | None = None


class Snap(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a point stood at one moment: its limits' columns, and its occurrences.

    `judged_time` is that of its newest judged reading then; `closed` counts the occurrences that
    had returned by then, of those its Past knows; `open` has the active one of each side.
    """

    phase: tuple[int, ...] = (0,) * SLOTS
    t0: tuple[int, ...] = (0,) * SLOTS
    peak: tuple[float | None, ...] = (None, None)
    judged_time: int = 0
    closed: int = 0
    open: tuple[Told | None, Told | None] = (None, None)

    @property
    def at_rest(self) -> bool:
        """Tell whether nothing is pending, active or cleared ahead of the readings."""
        return not any(self.phase) and not any(self.t0)

    def after(self, closed: int) -> "Snap":
        """Return it as counted from so many occurrences on."""
        if closed == 0:
            return self
        return msgspec.structs.replace(self, closed=max(self.closed - closed, 0))


class Past(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is kept of one point.

    `minute` is that of its newest reading; `before` and `begin` are how it stood at the beginning
    of the minute before that and of that. `alone`, where the clock has let delays run out ahead of
    the readings, is how it stands by readings alone. `closed` and `open` were told since `before`;
    `ghosts` were told and withdrawn; at `silences` its signal counted as lost. What is older than
    `blind` (Micros) cannot be judged again.
    """

    minute: int
    before: Snap
    begin: Snap
    alone: Snap | None = None
    closed: tuple[Told, ...] = ()
    open: tuple[Told | None, Told | None] = (None, None)
    ghosts: tuple[Told, ...] = ()
    silences: tuple[int, ...] = ()
    blind: int = 0

    @property
    def since(self) -> int:
        """Return the instant from which on readings are judged again, Micros."""
        return (self.minute - 1) * MINUTE_US


class Followed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The past of a point after a batch; `closed` has all occurrences since the adopted past.

    `overtaken`: the clock had let a delay run out ahead of a reading that came now.
    """

    past: Past | None
    closed: tuple[Told, ...] = ()
    open: tuple[Told | None, Told | None] = (None, None)
    overtaken: bool = False


class Changes(msgspec.Struct, kw_only=True):
    """What is to be adopted: pasts by point row, and moves of levels that a tick has still to tell.

    `paid`: the moves owed before have been told.
    """

    pasts: dict[int, Followed] = {}
    moves: Sequence[LevelMove] = ()
    paid: bool = False


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """How points stand after part of their readings, and what was found on the way."""

    standing: Standing
    judged_time: Instants
    findings: list[Finding]
    readings: Readings


def followed(
    *,
    minute: int,
    before: Snap,
    begin: Snap,
    alone: Snap | None,
    closed: tuple[Told, ...],
    open_: tuple[Told | None, Told | None],
    past: Past,
    at_rest: bool,
    ghosts: tuple[Told, ...] | None = None,
    overtaken: bool = False,
) -> Followed:
    """Return the past after a batch, without what can matter no more."""
    settled = before.closed
    since = (minute - 1) * MINUTE_US
    still = past.ghosts if ghosts is None else ghosts
    later = Past(
        minute=minute,
        before=before.after(settled),
        begin=begin.after(settled),
        alone=None if alone is None else alone.after(settled),
        closed=closed[settled:],
        open=open_,
        ghosts=tuple(each for each in still if each.t_raised >= since - _GHOSTS_US),
        silences=tuple(at for at in past.silences if at >= since),
        blind=past.blind if past.blind > since else 0,
    )
    over = at_rest and before.at_rest and begin.at_rest and alone is None
    over &= not (later.closed or later.ghosts or later.blind)
    return Followed(past=None if over else later, closed=closed, open=open_, overtaken=overtaken)


def told(
    closed: Sequence[Told],
    open_: tuple[Told | None, Told | None],
    moves: Sequence[LevelMove | Finding],
) -> tuple[tuple[Told, ...], tuple[Told | None, Told | None]]:
    """Return the occurrences of one point after moves of its sides' top levels."""
    if not moves:
        return tuple(closed), open_
    ended, stands = list(closed), list(open_)
    for move in moves:
        known = stands[move.side]
        if move.top == limits.NONE:
            if known is not None:
                returned = msgspec.structs.replace(known, t_returned=move.at, peak=move.peak)
                ended.append(returned)
            stands[move.side] = None
        elif known is None:
            stands[move.side] = Told(side=move.side, t_raised=move.at, path=((move.at, move.top),))
        else:
            path = (*known.path, (move.at, move.top))
            stands[move.side] = msgspec.structs.replace(known, path=path)
    return tuple(ended), (stands[0], stands[1])


def opened(snap: Snap) -> tuple[Told | None, Told | None]:
    """Return the active occurrences of a standing of which no more is known."""
    found: list[Told | None] = []
    top = limits.tops(np.array([snap.phase], np.int8))[0].tolist()
    for side, slots in enumerate(_SIDES):
        began = [
            t0
            for phase, t0 in zip(snap.phase[slots], snap.t0[slots], strict=True)
            if phase >= limits.ACTIVE
        ]
        at = min(began, default=0)
        found.append(Told(side=side, t_raised=at, path=((at, top[side]),)) if began else None)
    return found[0], found[1]


def snap_of(
    standing: Standing,
    place: int,
    judged_time: int,
    closed: int,
    open_: tuple[Told | None, Told | None],
) -> Snap:
    """Return one place of standing columns with its occurrences.

    Nothing runs at rest: then it does not matter when the last reading was.
    """
    phase, t0 = tuple(standing.phase[place].tolist()), tuple(standing.t0[place].tolist())
    if not any(phase) and not any(t0):
        return Snap(closed=closed)
    return Snap(
        phase=phase,
        t0=t0,
        peak=tuple(None if np.isnan(x) else x for x in standing.peak[place].tolist()),
        judged_time=judged_time,
        closed=closed,
        open=open_,
    )


def standing_of(rows: Rows, snaps: Sequence[Snap]) -> Standing:
    """Return points' snaps as standing columns."""
    n = len(rows)
    peak = [[np.nan if x is None else x for x in snap.peak] for snap in snaps]
    return Standing(
        rows=rows,
        phase=np.array([snap.phase for snap in snaps], np.int8).reshape(n, SLOTS),
        t0=np.array([snap.t0 for snap in snaps], np.int64).reshape(n, SLOTS),
        peak=np.array(peak, np.float64).reshape(n, 2),
        stored=np.zeros((n, 2), np.bool_),
    )


def leg(
    rules: Ruleset,
    rows: Rows,
    starts: Sequence[Snap],
    readings: Readings,
    faced: Faced,
    since: Instants | None,
    until: Instants | None,
) -> Leg:
    """Judge readings, in order of time for each point, from `since` to before `until`.

    `faced` has what low and high sides go by at each of them.
    """
    place = np.searchsorted(rows, readings.point)
    chosen = np.ones(len(readings), np.bool_)
    if since is not None:
        chosen &= readings.time >= since[place]
    if until is not None:
        chosen &= readings.time < until[place]
    part = readings.take(chosen)
    is_judged, holding = sifted(part)
    judged_time = np.array([snap.judged_time for snap in starts], np.int64)
    swept = sweep(
        rules,
        standing_of(rows, starts),
        part,
        is_judged,
        holding,
        judged_time.copy(),
        None if faced is None else faced[chosen],
    )
    np.maximum.at(judged_time, place[chosen][is_judged], part.time[is_judged])
    return Leg(
        standing=swept.standing,
        judged_time=judged_time,
        findings=swept.findings,
        readings=part,
    )


def snaps_after(
    leg: Leg, starts: Sequence[Snap], closed: Sequence[Sequence[Told]]
) -> tuple[list[Snap], list[list[Told]]]:
    """Return how points stand after a leg, and all their occurrences that have returned."""
    moves: dict[int, list[Finding]] = {}
    for finding in leg.findings:
        moves.setdefault(finding.point, []).append(finding)
    snaps: list[Snap] = []
    ended: list[list[Told]] = []
    for i, start in enumerate(starts):
        past, stands = told(closed[i], start.open, moves.get(i, ()))
        snaps.append(snap_of(leg.standing, i, int(leg.judged_time[i]), len(past), stands))
        ended.append(list(past))
    return snaps, ended


def in_order(readings: Readings) -> Readings:
    """Return readings by point and time."""
    return readings.take(order_of(readings))


def order_of(readings: Readings) -> NDArray[np.intp]:
    """Return the places of readings by point and time."""
    return np.lexsort((readings.time, readings.point))


def with_silences(
    readings: Readings, faced: Faced, rows: Rows, silences: Sequence[Sequence[int]]
) -> tuple[Readings, Faced]:
    """Return readings, by point and time, with what says when a point's signal was lost.

    And what sides go by at each of them, as `faced` has it of the readings.
    """
    silent = [(row, at) for row, each in zip(rows.tolist(), silences, strict=True) for at in each]
    if not silent:
        return readings, faced
    time = np.array([at for _, at in silent], np.int64)
    lost = Readings(
        point=np.array([row for row, _ in silent], np.int32),
        time=time,
        value=np.full(len(silent), np.nan),
        quality=np.full(len(silent), Quality.offline, np.int16),
        received=time,
        stamp=time,
    )
    whole = Readings.joined([readings, lost])
    order = order_of(whole)
    if faced is not None:
        faced = np.concatenate([faced, np.full((len(silent), 2), np.nan)])[order]
    return whole.take(order), faced
