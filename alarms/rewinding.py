"""Judges points again from how they stood: readings in order, limits' moves among them."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from alarms.family import Found, LevelMove, Rewindable, Seen, Walk
from alarms.proposal import LastReadings, holds, judgeable
from alarms.readings import Instants, Readings, Rows
from alarms.trails import Columns


class Rewound(NamedTuple):
    """A family judged again: its places, how it stood after each leg, how it stands, what it said.

    `legs` has, for each leg but the last, the columns at its end; `found` lies by leg and place.
    """

    places: Rows
    legs: list[Columns]
    ended: Rewindable
    found: list[Found]


def rewound(
    family: Rewindable,
    rows: Rows,
    start: Columns,
    readings: Readings,
    moves: Sequence[LevelMove],
    *,
    borders: Sequence[Instants],
    newest: LastReadings,
) -> Rewound:
    """Judge rows of a family again from `start`, its columns for those it watches.

    `readings` lie by point and time; a leg ends at each of the `borders`, which have one instant a
    row, and the last one at the end.
    """
    places = family.place_of[rows]
    mine = places >= 0
    part = family.apart(places[mine])
    for column, was in zip(part.columns, start, strict=True):
        column[:] = was
    legs: list[Columns] = []
    found: list[Found] = []
    for seen in _legs(rows, readings, moves, borders, newest):
        found += sorted(part.judge(seen)[0], key=lambda item: item[:3])
        if len(legs) < len(borders):
            legs.append([column.copy() for column in part.columns])
    return Rewound(places=places[mine], legs=legs, ended=part, found=found)


def _legs(
    rows: Rows,
    readings: Readings,
    moves: Sequence[LevelMove],
    borders: Sequence[Instants],
    newest: LastReadings,
) -> Iterable[Seen]:
    place = np.searchsorted(rows, readings.point)
    leg_of = np.zeros(len(readings), np.int64)
    for border in borders:
        leg_of += readings.time >= border[place]
    place_of = {row: i for i, row in enumerate(rows.tolist())}
    for leg in range(len(borders) + 1):
        mine = [
            move
            for move in moves
            if sum(move.at >= border[place_of[move.row]] for border in borders) == leg
        ]
        yield _seen(readings.take(leg_of == leg), mine, newest)


def _seen(readings: Readings, moves: Iterable[LevelMove], newest: LastReadings) -> Seen:
    """Return readings as families see them: each move before the first that is not older."""
    is_judged = judgeable(readings)
    placed = []
    for move in sorted(moves, key=lambda move: move.at):
        first, end = np.searchsorted(readings.point, [move.row, move.row + 1])
        place = first + np.searchsorted(readings.time[first:end], move.at)
        placed.append(
            LevelMove(
                place=int(place), row=move.row, side=move.side, was=move.was, top=move.top,
                at=move.at, lost=move.lost,
            )
        )  # fmt: skip
    return Seen(
        readings=readings,
        is_judged=is_judged,
        holding=holds(readings.quality),
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
