"""Recorded readings from files, in chunks of columns and in order of receipt."""

import csv
import gzip
import importlib
import importlib.util
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final, Self, TextIO

import numpy as np
from numpy.typing import NDArray

from alarms.errors import FengsuiError
from alarms.readings import Mask
from fengsui.backtest import cells
from fengsui.backtest.cells import Instants, Points

CHUNK: Final = 1 << 13
MOST_FAULTS: Final = 1000
"""A file too wrong is read no further."""
_NEEDED: Final = ("ts", "point", "value")
_KNOWN: Final = (*_NEEDED, "quality", "received")
_HEADER: Final = "the header is ts,point,value[,quality][,received]"

Progress = Callable[[int], None]
"""Is told how many more bytes of the files have been read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Recorded rows as columns of one length, times in Micros.

    `clock` is the receipt where it is recorded, else the stamp, and never runs backwards. A value
    of NaN is no reading.
    """

    point: NDArray[np.int32]
    stamp: Instants
    value: NDArray[np.float64]
    quality: NDArray[np.int16]
    clock: Instants

    def __len__(self) -> int:
        return len(self.clock)

    def take(self, chosen: Mask | NDArray[np.intp] | slice) -> Self:
        """Return the chosen rows."""
        return type(self)(
            point=self.point[chosen],
            stamp=self.stamp[chosen],
            value=self.value[chosen],
            quality=self.quality[chosen],
            clock=self.clock[chosen],
        )

    @classmethod
    def joined(cls, chunks: Sequence["Chunk"]) -> "Chunk":
        """Put chunks behind each other."""
        if len(chunks) == 1:
            return chunks[0]
        return cls(
            point=np.concatenate([chunk.point for chunk in chunks]),
            stamp=np.concatenate([chunk.stamp for chunk in chunks]),
            value=np.concatenate([chunk.value for chunk in chunks]),
            quality=np.concatenate([chunk.quality for chunk in chunks]),
            clock=np.concatenate([chunk.clock for chunk in chunks]),
        )


class UnreadableError(FengsuiError):
    """Rows of recordings cannot be read; `faults` names each with file and line."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        shown = "\n".join(f"  {fault}" for fault in faults)
        super().__init__(f"nothing was judged; mend these rows and try again:\n{shown}")


def chunks(files: Sequence[Path], points: Points, progress: Progress) -> Iterator[Chunk]:
    """Read the files side by side, by time of receipt.

    Bad rows are gathered to the end of all files and raised as one UnreadableError.
    """
    faults: list[str] = []
    for chunk in _merged([_chunks_of(file, points, faults, progress) for file in files]):
        if not faults:
            yield chunk
    if faults:
        raise UnreadableError(faults)


def _merged(streams: Sequence[Iterator[Chunk]]) -> Iterator[Chunk]:
    """Merge by clock; rows of one instant keep the order of the files."""
    if len(streams) == 1:
        yield from streams[0]
        return
    waiting: list[Chunk | None] = [next(stream, None) for stream in streams]
    while held := [chunk for chunk in waiting if chunk is not None]:
        until = min(int(chunk.clock[-1]) for chunk in held)
        ready: list[Chunk] = []
        for place, chunk in enumerate(waiting):
            if chunk is None:
                continue
            cut = int(np.searchsorted(chunk.clock, until, side="right"))
            ready.append(chunk.take(slice(0, cut)))
            waiting[place] = chunk.take(slice(cut, None)) if cut < len(chunk) else None
        for place, stream in enumerate(streams):
            if waiting[place] is None:
                waiting[place] = next(stream, None)
        merged = Chunk.joined(ready)
        yield merged.take(np.argsort(merged.clock, kind="stable"))


def _chunks_of(
    file: Path, points: Points, faults: list[str], progress: Progress
) -> Iterator[Chunk]:
    """Read one file; its bad rows are noted."""
    newest = 0
    read = _parquet if file.suffix == ".parquet" else _csv
    for columns, line in read(file, faults, progress):
        chunk = _chunk(columns, line, points, file.name, faults)
        if len(faults) >= MOST_FAULTS:
            faults.append(f"{file.name}: too many bad rows, it was read no further")
            return
        if len(chunk):
            clock = np.maximum.accumulate(np.maximum(chunk.clock, newest))
            newest = int(clock[-1])
            yield Chunk(
                point=chunk.point,
                stamp=chunk.stamp,
                value=chunk.value,
                quality=chunk.quality,
                clock=clock,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """Rows of a file as cells; `places` says which cell is what."""

    rows: list[list[str]]
    places: dict[str, int]
    spans: bool
    """Whether a row may stand in several lines."""


def _csv(file: Path, faults: list[str], progress: Progress) -> Iterator[tuple[_Rows, int]]:
    with _opened(file) as (raw, text):
        lines = csv.reader(text)
        told = 0
        try:
            header = [name.strip() for name in next(lines, [])]
            if not _sound(header, file, faults):
                return
            places = {name: header.index(name) for name in header}
            while True:
                line = lines.line_num + 1
                rows = list(islice(lines, CHUNK))
                at = raw.tell()
                progress(at - told)
                told = at
                if not rows:
                    return
                spans = lines.line_num - line + 1 != len(rows)
                yield _Rows(rows=rows, places=places, spans=spans), line
        except (csv.Error, UnicodeDecodeError, EOFError, OSError) as error:
            faults.append(f"{file.name}, line {lines.line_num + 1}: cannot be read: {error}")


def _parquet(file: Path, faults: list[str], progress: Progress) -> Iterator[tuple[_Rows, int]]:
    if importlib.util.find_spec("pyarrow") is None:
        raise FengsuiError(
            f"{file} is Parquet, and pyarrow is not installed; install pyarrow, or give CSV"
        )
    pyarrow: Any = importlib.import_module("pyarrow")
    parquet: Any = importlib.import_module("pyarrow.parquet")
    line = 1
    size = file.stat().st_size
    try:
        with parquet.ParquetFile(file) as source:
            header = list(source.schema_arrow.names)
            if not _sound(header, file, faults):
                return
            places = {name: place for place, name in enumerate(header)}
            total = max(source.metadata.num_rows, 1)
            for batch in source.iter_batches(batch_size=CHUNK):
                columns = [_cells_of(pyarrow, batch.column(place)) for place in places.values()]
                rows = [list(row) for row in zip(*columns, strict=True)]
                yield _Rows(rows=rows, places=places, spans=False), line
                line += len(rows)
                progress(size * len(rows) // total)
    except (pyarrow.ArrowException, OSError) as error:
        faults.append(f"{file.name}, row {line}: cannot be read: {error}")


def _cells_of(pyarrow: Any, column: Any) -> list[str]:  # noqa: ANN401  # may be absent
    """Write a Parquet column as the cells a CSV would have."""
    if pyarrow.types.is_timestamp(column.type):
        micros = column.cast(pyarrow.timestamp("us")).cast(pyarrow.int64()).to_pylist()
        return ["" if moment is None else repr(moment / 1000) for moment in micros]
    return ["" if cell is None else str(cell) for cell in column.to_pylist()]


def _sound(header: Sequence[str], file: Path, faults: list[str]) -> bool:
    wrong = [f"{name} is missing" for name in _NEEDED if name not in header]
    wrong += [f"{name!r} is no column" for name in header if name not in _KNOWN]
    wrong += [f"{name} stands twice" for name in set(header) if header.count(name) > 1]
    if wrong:
        faults.append(f"{file.name}, line 1: {_HEADER}; {', '.join(wrong)}")
    return not wrong


@contextmanager
def _opened(file: Path) -> Iterator[tuple[BinaryIO, TextIO]]:
    try:
        raw = file.open("rb")
    except OSError as error:
        raise FengsuiError(f"{file} cannot be read: {error.strerror}; name a recording") from error
    with raw:
        if file.suffix != ".gz":
            yield raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
            return
        with gzip.open(raw, "rt", encoding="utf-8-sig", newline="") as text:
            yield raw, text


def _chunk(read: _Rows, line: int, points: Points, name: str, faults: list[str]) -> Chunk:
    """Read a chunk of rows: by whole columns, or one by one where something does not fit."""
    places = read.places
    try:
        columns = list(zip(*read.rows, strict=True))
        if len(columns) != len(places):
            raise ValueError("cells are missing")
        stamp = cells.instants(columns[places["ts"]])
        if int(stamp.min()) < 0:
            raise ValueError("a ts is missing")
        received = cells.instants(columns[places["received"]]) if "received" in places else stamp
        return Chunk(
            point=cells.rows(columns[places["point"]], points),
            stamp=stamp,
            value=cells.values(columns[places["value"]]),
            quality=(
                cells.qualities(columns[places["quality"]])
                if "quality" in places
                else np.zeros(len(stamp), np.int16)
            ),
            clock=np.where(received < 0, stamp, received),
        )
    except ValueError:
        return _one_by_one(read, line, points, name, faults)


def _one_by_one(read: _Rows, line: int, points: Points, name: str, faults: list[str]) -> Chunk:
    good: list[tuple[int, int, float, int, int]] = []
    for row in read.rows:
        here = line
        line += 1 + (sum(cell.count("\n") for cell in row) if read.spans else 0)
        if not row:
            continue
        try:
            good.append(_row(row, read.places, points))
        except ValueError as error:
            if len(faults) < MOST_FAULTS:
                faults.append(f"{name}, line {here}: {error}")
    columns = list(zip(*good, strict=True)) or [(), (), (), (), ()]
    return Chunk(
        point=np.array(columns[0], np.int32),
        stamp=np.array(columns[1], np.int64),
        value=np.array(columns[2], np.float64),
        quality=np.array(columns[3], np.int16),
        clock=np.array(columns[4], np.int64),
    )


def _row(
    row: Sequence[str], places: dict[str, int], points: Points
) -> tuple[int, int, float, int, int]:
    if len(row) != len(places):
        raise ValueError(f"{len(places)} cells are wanted, there were {len(row)}")
    stamp = cells.instant(row[places["ts"]], "ts")
    if stamp < 0:
        raise ValueError("ts is empty; give milliseconds or RFC 3339")
    received = cells.instant(row[places["received"]], "received") if "received" in places else -1
    return (
        cells.row(row[places["point"]], points),
        stamp,
        cells.value(row[places["value"]]),
        cells.quality(row[places["quality"]]) if "quality" in places else 0,
        stamp if received < 0 else received,
    )
