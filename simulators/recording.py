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
_WANTED = "milliseconds or RFC 3339"
_EARLIEST_MS = 631_152_000_000  # 1990-01-01T00:00:00Z
_END_MS = 4_102_444_800_000  # 2100-01-01T00:00:00Z
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
    wrong: list[str] = []
    received = cells[places["received"]].strip() if "received" in places else ""
    ts_ms = _instant(cells[places["ts"]].strip(), "ts", wrong)
    moment_ms = _instant(received, "received", wrong) if received else ts_ms
    enterprise, slash, tag = cells[places["point"]].strip().rpartition("/")
    if not tag or (slash and not enterprise):
        wrong.append("point is a tag or enterprise/tag, there was nothing")
    value = _value(cells[places["value"]].strip(), wrong)
    quality = _quality(cells[places["quality"]].strip() if "quality" in places else "", wrong)
    if wrong:
        raise ValueError("; ".join(wrong))
    return Row(
        ts_ms=ts_ms,
        moment_ms=moment_ms,
        enterprise=enterprise or None,
        tag=tag,
        value=value,
        quality=quality,
    )


def _quality(text: str, wrong: list[str]) -> str | int | None:
    if text and text not in QUALITIES:
        wrong.append(f"{text!r} is no quality; one of {', '.join(sorted(QUALITIES))}")
        return None
    if text.isdecimal():
        return int(text) or None
    return None if text in ("", "good") else text


def _value(text: str, wrong: list[str]) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        wrong.append(f"value is a number or empty, there was {text!r}")
        return None
    if math.isinf(value):
        wrong.append(f"value is a finite number, there was {text!r}")
    return None if math.isnan(value) else value


def _instant(text: str, name: str, wrong: list[str]) -> int:
    """Read an instant in milliseconds; what is wrong with it goes to `wrong`, and 0 comes back."""
    found = _milliseconds(text)
    if found is None:
        moment = _moment(text)
        if moment is None:
            wrong.append(f"{name} is {_WANTED}, there was {text!r}")
            return 0
        if moment.tzinfo is None:
            example = "2026-01-01T08:00:00+08:00"
            wrong.append(f"{name} needs its offset ({example}), there was {text!r}")
            return 0
        found = moment.timestamp() * 1000.0
    elif _EARLIEST_MS <= found * 1000.0 < _END_MS:
        wrong.append(f"{name} looks like seconds; {_WANTED} are wanted, there was {text!r}")
        return 0
    if not _EARLIEST_MS <= found < _END_MS:
        years = "outside the years 1990 to 2099"
        wrong.append(f"{name} lies {years}; {_WANTED} are wanted, there was {text!r}")
        return 0
    return round(found)


def _milliseconds(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
