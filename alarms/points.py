"""The points of a plant as columns: settings once for all that share them, a point when asked for.

Hundreds of thousands of points are read at a start, and few of them are ever looked at one by one.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Self, overload

import numpy as np
from numpy.typing import NDArray

from alarms.point import Point, key_of

Place = tuple[str, str, str]
"""Enterprise, source and unit."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Points(Sequence[Point]):
    """Columns in row order: `like[of[row]]` has a point's settings, `places[at[row]]` its place.

    Settings are all but names, place and gateway. `reporter` is the place in `gateways` of the
    gateway a point names, -1 where it names none.
    """

    like: Sequence[Point]
    of: NDArray[np.int32]
    places: Sequence[Place]
    at: NDArray[np.int32]
    gateways: Sequence[str]
    reporter: NDArray[np.int32]
    tags: Sequence[str]
    names: Sequence[str]
    _made: dict[int, Point] = field(default_factory=dict)
    _keys: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of_each(cls, points: Iterable[Point]) -> Self:
        """Lay points out."""
        points = tuple(points)
        kinds, places, gateways = dict[object, int](), dict[Place, int](), dict[str, int]()
        like: list[Point] = []
        of, at, reporter = (np.full(len(points), -1, np.int32) for _ in range(3))
        for row, point in enumerate(points):
            of[row] = kinds.setdefault(settings(point), len(kinds))
            if of[row] == len(like):
                like.append(point)
            place = (point.enterprise, point.source, point.unit)
            at[row] = places.setdefault(place, len(places))
            if point.gateway is not None:
                reporter[row] = gateways.setdefault(point.gateway, len(gateways))
        return cls(
            like=like,
            of=of,
            places=tuple(places),
            at=at,
            gateways=tuple(gateways),
            reporter=reporter,
            tags=[point.tag for point in points],
            names=[point.name for point in points],
            _made=dict(enumerate(points)),
        )

    def __len__(self) -> int:
        return len(self.tags)

    @overload
    def __getitem__(self, row: int) -> Point: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[Point]: ...
    def __getitem__(self, row: int | slice) -> Point | Sequence[Point]:
        if isinstance(row, slice):
            return [self[each] for each in range(*row.indices(len(self)))]
        made = self._made.get(row)
        if made is None:
            row = range(len(self))[row]
            enterprise, source, unit = self.places[self.at[row]]
            reporter = int(self.reporter[row])
            made = self._made[row] = replace(
                self.like[self.of[row]],
                enterprise=enterprise,
                source=source,
                unit=unit,
                tag=self.tags[row],
                name=self.names[row],
                gateway=self.gateways[reporter] if reporter >= 0 else None,
            )
        return made

    def key(self, row: int) -> str:
        """Return a point's key without making the point; those that stir are asked for it often."""
        known = self._keys.get(row)
        if known is None:
            known = self._keys[row] = key_of(self.places[self.at[row]][0], self.tags[row])
        return known

    def where(self, chosen: Callable[[Point], bool]) -> NDArray[np.bool_]:
        """Tell of each row whether its settings are chosen."""
        return np.array([chosen(point) for point in self.like], np.bool_)[self.of]

    def rows_of_tags(self) -> dict[str, dict[str, int]]:
        """Return, for each enterprise that has points, its tags' rows."""
        codes: dict[str, int] = {}
        of_place = [codes.setdefault(code, len(codes)) for code, _, _ in self.places]
        owner = np.array(of_place, np.intp)[self.at]
        ends = np.cumsum(np.bincount(owner, minlength=len(codes)))[:-1]
        parts = np.split(np.argsort(owner, kind="stable"), ends)
        found: dict[str, dict[str, int]] = {}
        for code, part in zip(codes, parts, strict=False):  # of no points there is one part still
            rows = part.tolist()
            found[code] = dict(zip(map(self.tags.__getitem__, rows), rows, strict=True))
        return found


def settings(point: Point) -> tuple[object, ...]:
    """Return all of a point but its names, place and gateway, so that equal settings are equal."""
    return (
        *(point.quantity, point.engineering_unit, point.range, point.period_s, point.deadband),
        *(point.on_delay_s, point.off_delay_s, point.detect, point.substance, point.sector),
        *(point.latching, point.needs_closeout, point.compute),
        *(tuple(point.limits.items()), tuple(point.tiers.items())),
        tuple((kind, *known.items()) for kind, known in point.params.items()),
        tuple(point.suppress.items()),
    )
