"""Judges points again from how they stood: readings in order, limits' moves among them."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from alarms.family import Columns, Found, LevelMove, Rewindable, Seen, Walk, write_at
from alarms.proposal import LastReadings, sifted
from alarms.readings import Instants, Readings, Rows


class Rewound(NamedTuple):
    """A family judged again: its places, how it stood after each leg, how it stands, what it said.

    `legs` has, for each leg but the last, the columns at its end; `found` lies by leg and place.
    """

    places: Rows
    legs: list[Columns]
    ended: Rewindable
    found: list[Found]


def rewound(family: Rewindable, rows: Rows, start: Columns, legs: Sequence[Seen]) -> Rewound:
    """Judge rows of a family again, leg by leg, from `start`, its columns for those it watches."""
    places = family.place_of[rows]
    mine = places >= 0
    part = family.apart(places[mine])
    write_at(part.columns, np.arange(len(part.rows)), start)
    ends: list[Columns] = []
    found: list[Found] = []
    for leg in legs:
        if len(leg.readings) or leg.moves:
            found += sorted(part.judge(leg)[0], key=lambda item: item[:3])
        if len(ends) < len(legs) - 1:
            ends.append([column.copy() for column in part.columns])
    return Rewound(places=places[mine], legs=ends, ended=part, found=found)


def legs_of(
    rows: Rows,
    readings: Readings,
    moves: Sequence[LevelMove],
    *,
    borders: Sequence[Instants],
    newest: LastReadings,
) -> list[Seen]:
    """Cut readings, by point and time, at `borders`, which have one instant a row; moves, too."""
    place = np.searchsorted(rows, readings.point)
    leg_of = np.zeros(len(readings), np.int64)
    for border in borders:
        leg_of += readings.time >= border[place]
    place_of = {row: i for i, row in enumerate(rows.tolist())} if moves else {}
    moved: list[list[LevelMove]] = [[] for _ in range(len(borders) + 1)]
    for move in moves:
        moved[sum(move.at >= border[place_of[move.row]] for border in borders)].append(move)
    return [_seen(readings.take(leg_of == leg), mine, newest) for leg, mine in enumerate(moved)]


def _seen(readings: Readings, moves: Iterable[LevelMove], newest: LastReadings) -> Seen:
    """Return readings as families see them: each move before the first that is not older."""
    is_judged, holding = sifted(readings)
    placed = []
    for move in sorted(moves, key=lambda move: move.at):
        first, end = np.searchsorted(readings.point, [move.row, move.row + 1])
        place = first + np.searchsorted(readings.time[first:end], move.at)
        placed.append(msgspec.structs.replace(move, place=int(place)))
    return Seen(
        readings=readings,
        is_judged=is_judged,
        holding=holding,
        moves=placed,
        newest=newest,
        walk=Walk(
            order=np.arange(len(readings)),
            rows=readings.point,
            time=readings.time,
            value=readings.value,
            is_judged=is_judged,
        ),
        swept=None,
        stirred=Readings.none(),
        faced=None,
    )
