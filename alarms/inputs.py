"""What an expression says of its points' newest readings, and which readings count as one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from alarms.expressions import Expression, ExpressionError, Kind, parse
from alarms.plant import Plant
from alarms.proposal import LastReadings
from alarms.readings import JUDGED, QUALITY_MASK, Quality, Readings

GOOD: Final = (int(Quality.good),)
TAKEN: Final = tuple(int(quality) for quality in JUDGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A point's newest reading; `time` in Micros, `quality` without flags."""

    time: int
    value: float
    quality: int


class Newest(dict[int, Input]):
    """The newest reading of each point row that was asked for, as far as there is one."""

    def __init__(self, last: LastReadings) -> None:
        super().__init__()
        self._last = last

    def __missing__(self, row: int) -> Input:
        """Look a row up among the adopted readings; time 0 where it never reported."""
        last = self._last
        self[row] = one = Input(
            time=int(last.time[row]),
            value=float(last.value[row]),
            quality=int(last.quality[row]) & QUALITY_MASK,
        )
        return one


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """An expression on point rows: `rows` run along its tags, `stale` has each one's T_stale."""

    expression: Expression
    rows: tuple[int, ...]
    stale: tuple[int, ...]

    @classmethod
    def of(
        cls, plant: Plant, enterprise: str, text: str, stale: NDArray[np.int64], *, kind: Kind
    ) -> Self | None:
        """Parse an expression on a plant; None where it is unsound: it then has no answer ever.

        Saving refuses such a one; a record that holds it all the same must not stop the server.
        """
        row_of = plant.rows[enterprise]
        try:
            expression = parse(text, row_of.keys(), kind=kind)
        except ExpressionError:
            return None
        rows = tuple(row_of[tag] for tag in expression.tags)
        return cls(expression=expression, rows=rows, stale=tuple(stale[list(rows)].tolist()))

    def inputs(self, newest: Mapping[int, Input]) -> list[Input]:
        """Return its inputs' newest readings along `rows`, [] where one never reported."""
        found = [newest[row] for row in self.rows]
        return found if all(each.time for each in found) else []

    def expires(self, inputs: Sequence[Input]) -> int:
        """Return the event time (Micros) at which the first of its inputs is stale."""
        return min(each.time + stale for each, stale in zip(inputs, self.stale, strict=True))

    def value(self, inputs: Sequence[Input], qualities: Sequence[int]) -> float | None:
        """Return what it gives where all its inputs have one of these qualities, else None."""
        for each in inputs:
            if each.quality not in qualities:
                return None
        return self.expression.value([each.value for each in inputs])


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """Readings that came at one time with one event time: what follows from them follows once.

    `place` is that of the last of them in the batch; `received` in Micros.
    """

    place: int
    received: int
    rows: list[int]


def together(readings: Readings, places: NDArray[np.intp], newest: Newest) -> Iterator[Together]:
    """Take the readings of these places up into `newest`, and yield after each group of them.

    What is not newer than its point's newest is passed over.
    """
    instant, place, rows = (0, 0), 0, list[int]()
    columns = (
        places,
        readings.point[places],
        readings.received[places],
        readings.time[places],
        readings.value[places],
        readings.quality[places] & QUALITY_MASK,
    )
    for at, row, received, time, value, quality in zip(
        *(column.tolist() for column in columns), strict=True
    ):
        if rows and instant != (received, time):
            yield Together(place=place, received=instant[0], rows=rows)
            rows = []
        if time > newest[row].time:
            newest[row] = Input(time=time, value=value, quality=quality)
            rows.append(row)
        instant, place = (received, time), at
    if rows:
        yield Together(place=place, received=instant[0], rows=rows)
