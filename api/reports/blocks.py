"""What a report is made of, before it takes a form: headings, facts, tables, bars, signatures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from alarms.targets import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A cell that says how a figure stands to its bounds."""

    text: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiered:
    """A cell that names a tier and wears its colour; `tier` is its plain name."""

    text: str
    tier: str


Cell: TypeAlias = str | Judged | Tiered


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """The beginning of a part; a marked one warns that nothing below it is real."""

    text: str
    marked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Names and what they are, in two columns."""

    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A titled table; `widths` are shares of the page, columns in `numbers` stand to the right.

    Page and paper show the first SHOWN rows and say `more`; a sheet has all. Without rows they say
    `nothing`.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    widths: Sequence[int]
    numbers: frozenset[int] = frozenset()
    more: str = ""
    nothing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Counts of equal intervals, each with its time, and a line they should stay at or below."""

    title: str
    head: tuple[str, str]
    counts: Sequence[int]
    times: Sequence[str]
    line: int
    line_says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A remark in small letters."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatures:
    """Lines to sign on."""

    labels: Sequence[str]
    time: str


Block: TypeAlias = Heading | Facts | Table | Bars | Note | Signatures
SHOWN: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A whole report: `lang` as HTML names it."""

    lang: str
    title: str
    subtitle: str
    section: str
    blocks: Sequence[Block]


def text_of(cell: Cell) -> str:
    """Return what a cell reads."""
    return cell if isinstance(cell, str) else cell.text
