"""Recorded readings: CSV files `ts,point,value[,quality][,received]`, plain or gzipped."""

import csv
import gzip
import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

from simulators.errors import SimulatorError

QUALITIES = frozenset(
    {"good", "uncertain", "bad", "calibrating", "over_range", "fault", "offline"}
    | {"0", "1", "2", "4", "8", "16", "32", "64", "128"}
)
_NEEDED = ("ts", "point", "value")
_KNOWN = (*_NEEDED, "quality", "received")
_MOST_FAULTS = 1000
_ENDINGS = (".csv", ".csv.gz")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One recorded reading; `moment_ms` is when it arrived: `received`, else `ts`."""

    ts_ms: int
    moment_ms: int
    enterprise: str | None
    tag: str
    value: float | None
    quality: str | int | None


class RecordingError(SimulatorError):
    """Rows of recordings cannot be read; `faults` names each with file, line and what is wrong."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        listed = "\n".join(f"  {fault}" for fault in faults)
        super().__init__(f"nothing was published; mend these rows and try again:\n{listed}")


def files_of(path: Path) -> tuple[Path, ...]:
    """The recording itself, or all recordings of a folder by name."""
    if path.is_dir():
        found = tuple(sorted(file for file in path.iterdir() if file.name.endswith(_ENDINGS)))
        if not found:
            raise SimulatorError(f"{path} holds no recording; one ends in .csv or .csv.gz")
        return found
    if not path.exists():
        raise SimulatorError(f"there is no file or folder {path}")
    return (path,)


def rows(file: Path) -> Iterator[Row]:
    """The rows of a recording in order of receipt; bad rows raise one RecordingError at the end.

    Read a first time to the end, this says of every row whether it is good; a file too wrong
    (a thousand bad rows) ends sooner.
    """
    faults: list[str] = []
    with _opened(file) as text:
        lines = csv.reader(text)
        try:
            header = [name.strip() for name in next(lines, [])]
            places = _places(file, header)
            for cells in lines:
                if not cells:
                    continue
                try:
                    yield _row(cells, places)
                except ValueError as error:
                    faults.append(f"{file.name}, line {lines.line_num}: {error}")
                    if len(faults) >= _MOST_FAULTS:
                        break
        except (csv.Error, UnicodeDecodeError, EOFError, OSError) as error:
            faults.append(f"{file.name}, line {lines.line_num + 1}: cannot be read: {error}")
    if faults:
        raise RecordingError(faults)


@contextmanager
def _opened(file: Path) -> Iterator[TextIO]:
    try:
        raw = file.open("rb")
    except OSError as error:
        raise SimulatorError(f"{file} cannot be read: {error.strerror}") from error
    with raw:
        if not file.name.endswith(".gz"):
            yield io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
            return
        with gzip.open(raw, "rt", encoding="utf-8-sig", newline="") as text:
            yield text


def _places(file: Path, header: Sequence[str]) -> dict[str, int]:
    missing = [name for name in _NEEDED if name not in header]
    unknown = [name for name in header if name not in _KNOWN]
    if missing or unknown:
        wrong = [f"{name} is missing" for name in missing] + [
            f"{name!r} is no column" for name in unknown
        ]
        header_words = "the header is ts,point,value[,quality][,received]"
        raise RecordingError([f"{file.name}, line 1: {header_words}; {', '.join(wrong)}"])
    return {name: header.index(name) for name in header}


def _row(cells: Sequence[str], places: dict[str, int]) -> Row:
    if len(cells) != len(places):
        raise ValueError(f"{len(places)} cells are wanted, there were {len(cells)}")
    ts_ms = _instant(cells[places["ts"]], "ts")
    received = cells[places["received"]].strip() if "received" in places else ""
    enterprise, slash, tag = cells[places["point"]].strip().rpartition("/")
    if not tag or (slash and not enterprise):
        raise ValueError("point is a tag or enterprise/tag, there was nothing")
    quality = cells[places["quality"]].strip() if "quality" in places else ""
    return Row(
        ts_ms=ts_ms,
        moment_ms=_instant(received, "received") if received else ts_ms,
        enterprise=enterprise or None,
        tag=tag,
        value=_value(cells[places["value"]].strip()),
        quality=_quality(quality),
    )


def _quality(text: str) -> str | int | None:
    if text and text not in QUALITIES:
        raise ValueError(f"{text!r} is no quality; one of {', '.join(sorted(QUALITIES))}")
    if text.isdecimal():
        return int(text) or None
    return None if text in ("", "good") else text


def _value(text: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError as error:
        raise ValueError(f"value is a number or empty, there was {text!r}") from error
    if math.isinf(value):
        raise ValueError(f"value is a finite number, there was {text!r}")
    return None if math.isnan(value) else value


def _instant(text: str, name: str) -> int:
    text = text.strip()
    try:
        milliseconds = float(text)
    except ValueError:
        pass
    else:
        if not math.isfinite(milliseconds):
            raise ValueError(f"{name} is milliseconds or RFC 3339, there was {text!r}")
        return round(milliseconds)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{name} is milliseconds or RFC 3339, there was {text!r}") from error
    if moment.tzinfo is None:
        raise ValueError(f"{name} needs its offset (2026-01-01T08:00:00+08:00), there was {text!r}")
    return round(moment.timestamp() * 1000.0)
