"""Cells of a recording as columns: instants, values, qualities and points, a chunk at a time.

Every `…s` function takes a whole column the fast way and raises ValueError where one cell does not
fit; its singular then says of each cell what is wrong with it.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.plant import Plant
from alarms.readings import STATE_NUMBERS, Quality
from ingest.decoders import stamps

Instants = NDArray[np.int64]

ABSENT: Final = -1
"""Instead of an instant: the cell is empty."""
UNKNOWN: Final = -1
AMBIGUOUS: Final = -2
NAMELESS: Final = -3
MOST_UNKNOWN: Final = 1000

_MOST_MS: Final = 253_402_300_800_000
_QUALITIES: Final[Mapping[str, int]] = {
    "": int(Quality.good),
    **{quality.name: int(quality) for quality in Quality},
    **{str(number): int(quality) for number, quality in STATE_NUMBERS.items()},
}
_SEPARATORS: Final = {4: b"-", 7: b"-", 10: b"Tt ", 13: b":", 16: b":"}
_DIGITS: Final = [i for i in range(19) if i not in _SEPARATORS]


class Points(dict[str, int]):
    """Rows of a plant by `enterprise/tag`, and by tag where only one enterprise has it.

    `unknown` are the names met that the plant does not have, MOST_UNKNOWN of them at most.
    """

    def __init__(self, plant: Plant) -> None:
        super().__init__()
        self.unknown: set[str] = set()
        for row, point in enumerate(plant.points):
            self[point.tag] = AMBIGUOUS if point.tag in self else row
        for row, point in enumerate(plant.points):
            self[point.key] = row

    def __missing__(self, cell: str) -> int:
        name = cell.strip()
        if not name:
            return NAMELESS
        if name != cell and name in self:
            return self[name]
        if len(self.unknown) < MOST_UNKNOWN:
            self.unknown.add(name)
        return UNKNOWN


def rows(cells: Sequence[str], points: Points) -> NDArray[np.int32]:
    """Return the rows of points; UNKNOWN where the plant has none by that name."""
    found = np.fromiter(map(points.__getitem__, cells), np.int32, len(cells))
    if len(found) and int(found.min()) < UNKNOWN:
        raise ValueError("a point has no name, or several have it")
    return found


def row(cell: str, points: Points) -> int:
    """Return the row of one point."""
    found = points[cell]
    if found == NAMELESS:
        raise ValueError("point is empty; give a tag or enterprise/tag")
    if found == AMBIGUOUS:
        raise ValueError(f"several enterprises have a point {cell.strip()!r}; give enterprise/tag")
    return found


def values(cells: Sequence[str]) -> NDArray[np.float64]:
    """Return values; NaN where a cell is empty."""
    try:
        return np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:
        return np.array([float(cell) if cell else math.nan for cell in cells], np.float64)


def value(cell: str) -> float:
    """Return one value."""
    text = cell.strip()
    try:
        return float(text) if text else math.nan
    except ValueError:
        raise ValueError(f"value is a number or empty, there was {text[:60]!r}") from None


def qualities(cells: Sequence[str]) -> NDArray[np.int16]:
    """Return qualities as readings carry them; an empty cell is good."""
    try:
        return np.fromiter(map(_QUALITIES.__getitem__, cells), np.int16, len(cells))
    except KeyError as error:
        raise ValueError("a quality is unknown") from error


def quality(cell: str) -> int:
    """Return one quality."""
    found = _QUALITIES.get(cell.strip())
    if found is None:
        words = ", ".join(word for word in _QUALITIES if word)
        raise ValueError(f"{cell.strip()[:60]!r} is no quality; one of {words}")
    return found


def instants(cells: Sequence[str]) -> Instants:
    """Return instants in Micros of milliseconds or RFC 3339; ABSENT where a cell is empty."""
    if not cells:
        return np.empty(0, np.int64)
    if cells[0][4:5] == "-":
        written = _written(cells)
        if written is not None:
            return written
    elif cells[0].isdecimal():
        try:
            numbers = np.fromiter(map(int, cells), np.int64, len(cells))
        except (ValueError, OverflowError):
            pass
        else:
            if int(numbers.min()) >= 0 and int(numbers.max()) < _MOST_MS:
                return numbers * 1000
    known = _Instants()
    return np.fromiter(map(known.__getitem__, cells), np.int64, len(cells))


def instant(cell: str, name: str) -> int:
    """Return one instant in Micros, or ABSENT."""
    text = cell.strip()
    if not text:
        return ABSENT
    number: object = text
    try:
        number = int(text)
    except ValueError:
        try:
            number = float(text)
        except ValueError:
            number = text
    found = stamps.micros(number)
    if found is None:
        raise ValueError(
            f"{name} is milliseconds since 1970 or RFC 3339 with its offset, "
            f"there was {text[:60]!r}"
        )
    return found


class _Instants(dict[str, int]):
    """Instants met in a chunk: rows of one instant stand together."""

    def __missing__(self, cell: str) -> int:
        found = self[cell] = instant(cell, "time")
        return found


def _written(cells: Sequence[str]) -> Instants | None:
    """Read RFC 3339 of one length and one offset, whole columns at a time; None if it is not so."""
    width = len(cells[0])
    try:
        text = np.array(cells, dtype=np.bytes_)
    except UnicodeEncodeError:
        return None
    if text.dtype.itemsize != width or width < 20:
        return None
    signs = text.view(np.uint8).reshape(len(cells), width)
    if not signs.all():  # shorter cells are filled with zeros
        return None
    tail = 1 if cells[0][-1] in "Zz" else 6
    suffix = cells[0][-tail:]
    if not (signs[:, -tail:] == signs[0, -tail:]).all():
        return None
    for place, allowed in _SEPARATORS.items():
        if not np.isin(signs[:, place], list(allowed)).all():
            return None
    fraction = [*range(20, width - tail)]
    if width - tail > 19 and (not fraction or not (signs[:, 19] == ord(".")).all()):
        return None
    if len(fraction) > 6 or not _all_digits(signs[:, [*_DIGITS, *fraction]]):
        return None
    offset = _offset_us(suffix)
    if offset is None:
        return None
    signs = signs.copy()
    signs[:, 10] = ord("T")
    plain = np.ascontiguousarray(signs[:, : width - tail]).view(f"S{width - tail}").ravel()
    try:
        moments = plain.astype("datetime64[us]").astype(np.int64)
    except ValueError:
        return None
    moments -= offset
    return moments if int(moments.min()) >= 0 else None


def _all_digits(signs: NDArray[np.uint8]) -> bool:
    return bool(((signs >= ord("0")) & (signs <= ord("9"))).all())


def _offset_us(suffix: str) -> int | None:
    if suffix in ("Z", "z"):
        return 0
    if suffix[0] not in "+-" or suffix[3] != ":" or not (suffix[1:3] + suffix[4:]).isdecimal():
        return None
    hours, minutes = int(suffix[1:3]), int(suffix[4:])
    if hours > 23 or minutes > 59:
        return None
    return (1 if suffix[0] == "+" else -1) * (hours * 60 + minutes) * 60_000_000
