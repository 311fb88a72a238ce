"""The audit trail as a file: rows as CSV for spreadsheets, or as one JSON document a line."""

import csv
import io
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, Final

import msgspec

from alarms.storage.queries import Trail
from api import answers
from api.reports import ledger

COLUMNS: Final = ("id", "at", "actor", "action", "object", "before", "after")


class Form(StrEnum):
    """What the trail may be written as."""

    csv = "csv"
    jsonl = "jsonl"


MEDIA: Final = {Form.csv: "text/csv; charset=utf-8", Form.jsonl: "application/jsonl; charset=utf-8"}


def shown(row: Trail) -> dict[str, Any]:
    """Return a row as REST shows it."""
    return {**row._asdict(), "at": answers.text_of(row.at)}


def head(form: Form) -> str:
    """Return what stands before the first row."""
    return ledger.BYTE_ORDER + _csv([COLUMNS]) if form is Form.csv else ""


def rows(form: Form, found: Iterable[Trail]) -> str:
    """Write rows; `before` and `after` are JSON in a cell of CSV, and no cell is a formula."""
    return _WRITTEN[form](map(shown, found))


def _table(found: Iterable[dict[str, Any]]) -> str:
    return _csv([_cell(row[name]) for name in COLUMNS] for row in found)


def _lines(found: Iterable[dict[str, Any]]) -> str:
    return "".join(msgspec.json.encode(row).decode() + "\n" for row in found)


def _csv(lines: Iterable[Iterable[str]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows([ledger.safe(cell) for cell in line] for line in lines)
    return written.getvalue()


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case str() | int():
            return str(value)
        case _:
            return msgspec.json.encode(value).decode()


_WRITTEN: Final[dict[Form, Callable[[Iterable[dict[str, Any]]], str]]] = {
    Form.csv: _table,
    Form.jsonl: _lines,
}
