"""GB 18218-2018: is a source a major hazard source, how great is R, and which level follows."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib import resources
from typing import Any, Final

import yaml

METHOD: Final = "GB 18218-2018"
"""The method behind S, R and level; the one before it (2011) used coarser factors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chemical:
    """A chemical of a source as its engineer wrote it; `tonnes` is the designed maximum."""

    name: str
    tonnes: float
    cas: str | None = None
    hazard_class: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of Table 1: `exact` rows hold under the condition in their name only."""

    number: int
    name: str
    cas: tuple[str, ...]
    critical_t: Fraction
    exact: bool
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardClass:
    """A class of Tables 2 and 4: critical quantity in tonnes and factor β."""

    symbol: str
    what: str
    critical_t: Fraction
    beta: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedGas:
    """A gas of Table 3 with its own β; `row` is its number in Table 1."""

    name: str
    cas: str
    row: int
    beta: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The standard's tables as shipped in tables.yaml."""

    rows: tuple[Row, ...]
    gases: tuple[NamedGas, ...]
    classes: Mapping[str, HazardClass]
    alphas: tuple[tuple[int, Fraction], ...]
    levels: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one chemical brings: critical quantity Q (t) and factor β, with where they come from."""

    name: str
    tonnes: Fraction
    critical_t: Fraction
    beta: Fraction
    basis: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """Why the tables do not settle a chemical, and what to write instead.

    A class settles what is merely missing; it does not settle a `contradiction`.
    """

    problem: str
    contradiction: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Appraisal:
    """S (equation 1), R (equation 2) and level (Table 6).

    `r` is None without an exposed population; `level` is None then, and where S < 1: such a source
    is not a major hazard source.
    """

    s: float
    r: float | None
    level: int | None
    shares: tuple[Share, ...]


@cache
def tables() -> Tables:
    """Read the shipped tables, once."""
    text = resources.files(__name__).joinpath("tables.yaml").read_text("utf-8")
    tree = yaml.load(text, Loader=yaml.CSafeLoader)
    return Tables(
        rows=tuple(_row(entry) for entry in tree["table_1"]),
        gases=tuple(
            NamedGas(name=e["name"], cas=e["cas"], row=e["row"], beta=Fraction(e["beta"]))
            for e in tree["table_3"]
        ),
        classes={
            symbol: HazardClass(
                symbol=symbol,
                what=e["what"],
                critical_t=Fraction(e["critical_t"]),
                beta=Fraction(e["beta"]),
            )
            for symbol, e in tree["classes"].items()
        },
        alphas=tuple((e["from"], Fraction(e["alpha"])) for e in tree["alpha"]),
        levels=tuple((e["from"], e["level"]) for e in tree["levels"]),
    )


def share(chemical: Chemical) -> Share | Unclear:
    """Find Q and β of a chemical: Q by Table 1, else Table 2; β by Table 3, else Table 4."""
    known = tables()
    hazard = known.classes.get(chemical.hazard_class or "")
    if chemical.hazard_class is not None and hazard is None:
        return Unclear(
            f"class {chemical.hazard_class!r} is not one of {', '.join(known.classes)} "
            "(Tables 2 and 4 of GB 18218-2018)"
        )
    row = find(chemical)
    if isinstance(row, Unclear) and (hazard is None or row.contradiction):
        return row
    gas = _named_gas(chemical, row) if isinstance(row, Row) else None
    match row, gas, hazard:
        case Row(), NamedGas(), _:
            critical, beta, basis = row.critical_t, gas.beta, f"Table 1 row {row.number}, Table 3"
        case Row(), None, HazardClass():
            critical, beta = row.critical_t, hazard.beta
            basis = f"Table 1 row {row.number}, Table 4 {hazard.symbol}"
        case _, _, HazardClass():
            critical, beta = hazard.critical_t, hazard.beta
            basis = f"Tables 2 and 4 {hazard.symbol}"
        case Row(), None, None:
            return Unclear(
                f"{chemical.name} stands in Table 1 (row {row.number}), "
                "but not in Table 3: write its class, a symbol of Table 4 such as W5.3"
            )
        case _:
            return Unclear(
                f"{chemical.name} does not stand in Table 1 of GB 18218-2018: write its class, "
                "a symbol of Tables 2 and 4 such as W2, or correct its name or cas"
            )
    return Share(
        name=chemical.name,
        tonnes=Fraction(repr(chemical.tonnes)),
        critical_t=critical,
        beta=beta,
        basis=basis,
    )


def find(chemical: Chemical) -> Row | Unclear | None:
    """Find a chemical's row of Table 1: by its whole name, then another name of it, then its CAS.

    CAS numbers are no key: rows that hold under a condition are found by their whole name only.
    """
    rows = tables().rows
    wanted = plain(chemical.name)
    for row in rows:
        if wanted == plain(row.name):
            return _agreeing(row, chemical)
    for row in rows:
        if any(wanted == plain(alias) for alias in row.aliases):
            return _agreeing(row, chemical)
    if chemical.cas is None:
        return None
    held = [row for row in rows if chemical.cas in row.cas]
    if any(row.exact for row in held):
        names = "; ".join(row.name for row in held)
        return Unclear(
            f"cas {chemical.cas} ({chemical.name}) is decided by its condition in Table 1: write "
            f"the whole name as it stands there ({names}), or a class if none of them holds"
        )
    gas = next((gas for gas in tables().gases if gas.cas == chemical.cas), None)
    if not held and gas is not None:
        held = [row for row in rows if row.number == gas.row]
    return held[0] if held else None


def appraise(shares: Sequence[Share], exposed_population: int | None) -> Appraisal:
    """Compute S = Σ q/Q, R = α Σ β q/Q and the level, exactly: 100 is 100, not 99.999.

    `exposed_population`: permanent residents within 500 m outside the plant's boundary (Table 5).
    """
    s = sum((each.tonnes / each.critical_t for each in shares), Fraction(0))
    if exposed_population is None:
        return Appraisal(s=float(s), r=None, level=None, shares=tuple(shares))
    weighted = sum((e.beta * e.tonnes / e.critical_t for e in shares), Fraction(0))
    r = alpha(exposed_population) * weighted
    level = next(level for least, level in tables().levels if r >= least) if s >= 1 else None
    return Appraisal(s=float(s), r=float(r), level=level, shares=tuple(shares))


def alpha(exposed_population: int) -> Fraction:
    """Return Table 5's α; raises ValueError for fewer than no persons."""
    if exposed_population < 0:
        raise ValueError(f"exposed_population {exposed_population} is below 0")
    return next(value for least, value in tables().alphas if exposed_population >= least)


def cas_is_sound(cas: str) -> bool:
    """Check a CAS number: digits weighted 1, 2, 3 … from the right, modulo 10, are its last one."""
    parts = cas.split("-")
    if [len(part) for part in parts[1:]] != [2, 1] or not 2 <= len(parts[0]) <= 7:
        return False
    if not all(part.isascii() and part.isdigit() for part in parts):
        return False
    body = (parts[0] + parts[1])[::-1]
    return sum(place * int(digit) for place, digit in enumerate(body, 1)) % 10 == int(parts[2])


def plain(name: str) -> str:
    """Fold full-width signs and drop blanks, so that names compare as people read them."""
    return "".join(unicodedata.normalize("NFKC", name).split()).casefold()


def _agreeing(row: Row, chemical: Chemical) -> Row | Unclear:
    gases = {gas.cas for gas in tables().gases if gas.row == row.number}
    known = {*row.cas, *gases}
    if chemical.cas is not None and known and chemical.cas not in known:
        return Unclear(
            f"{chemical.name} has the cas {' or '.join(sorted(known))} in GB 18218-2018, "
            f"not {chemical.cas}: correct the name or the cas",
            contradiction=True,
        )
    return row


def _named_gas(chemical: Chemical, row: Row) -> NamedGas | None:
    """Return the gas of Table 3 that is meant; 煤气 is a mixture and not the gas of its row."""
    for gas in tables().gases:
        if gas.row != row.number:
            continue
        if row.cas or chemical.cas == gas.cas or plain(chemical.name) == plain(gas.name):
            return gas
    return None


def _row(entry: Mapping[str, Any]) -> Row:
    return Row(
        number=entry["number"],
        name=entry["name"],
        cas=tuple(entry["cas"]),
        critical_t=Fraction(entry["critical_t"]),
        exact=entry.get("exact", False),
        aliases=tuple(entry.get("aliases", ())),
    )
