"""Rule packs: what standards ask of limits and parameters, each with its clause and mark."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

MARKS: Final = ("V", "V2", "M", "D")
"""V verified, V2 verified in one second-hand source, M from memory, D derived by us."""
PACKS: Final = (
    *("gas_detection", "toxic_gases", "toxic_gases_health", "tanks"),
    *("coal_mine", "coal_mine_air", "mine_network", "city_gas", "pipelines"),
)
"""The packs that come with the software, in the order in which they speak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provision:
    """One thing a standard says: where it stands, how it was verified, in words, what to do.

    `seen` names the sources in which it was verified, by the ids of its pack's `sources`.
    """

    pack: str
    version: int
    standard: str
    clause: str
    mark: str
    seen: tuple[str, ...]
    words_zh: str
    words_en: str
    action_zh: str = ""
    action_en: str = ""

    @property
    def basis(self) -> str:
        """Return the standard and clause as an alarm quotes them."""
        return f"{self.standard} {self.clause}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound(Provision):
    """How far a limit may go: a `max` bound allows limits up to `value`, a `min` bound from it."""

    limit: str
    value: float
    direction: str

    def allows(self, limit: float) -> bool:
        """Tell whether a point's limit is as strict as the bound, or stricter."""
        return limit <= self.value if self.direction == "max" else limit >= self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Default(Provision):
    """A figure for what a site leaves open.

    Of kind `limit` it is only a suggestion, in the entry's unit: no point gets a limit by itself.
    Of another kind it is the detector's parameter of that name (alarms.parameters).
    """

    kind: str
    name: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice(Provision):
    """What people must see to; the import looks after the two that can be seen in a registry.

    `needs`: the limits of a tank's points of the quantity must hold one of each group.
    `instruments`: (continuous, switches) of which a tank must have one combination at least.
    """

    needs: tuple[tuple[str, ...], ...] = ()
    instruments: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Code(Provision):
    """One code of a table of a standard, with its words; it binds no point."""

    table: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one clause says of the points it means; () means any, but for quantities none."""

    place_zh: str
    place_en: str
    quantities: tuple[str, ...]
    units: tuple[str, ...]
    source_kinds: tuple[str, ...]
    sectors: tuple[str, ...]
    substances: tuple[str, ...]
    bounds: tuple[Bound, ...] = ()
    defaults: tuple[Default, ...] = ()
    advice: tuple[Advice, ...] = ()
    codes: tuple[Code, ...] = ()

    @property
    def provisions(self) -> tuple[Provision, ...]:
        """Return all that the entry says."""
        return (*self.bounds, *self.defaults, *self.advice, *self.codes)

    def speaks_of(
        self, *, quantity: str, source_kind: str, sector: str | None, substance: str | None
    ) -> bool:
        """Tell whether the clause means such a point, whatever its unit."""
        return (
            quantity in self.quantities
            and (not self.source_kinds or source_kind in self.source_kinds)
            and (not self.sectors or (sector or "").upper() in self.sectors)
            and (not self.substances or plain(substance or quantity) in map(plain, self.substances))
        )

    def is_in(self, unit: str) -> bool:
        """Tell whether the clause is written in a unit, or in none."""
        return not self.units or plain(unit) in map(plain, self.units)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """One pack; `sources` says, by id, in what its figures were verified."""

    name: str
    version: int
    title_zh: str
    title_en: str
    sources: Mapping[str, str]
    entries: tuple[Entry, ...]


def meaning(
    entries: Iterable[Entry],
    *,
    quantity: str,
    source_kind: str,
    sector: str | None,
    substance: str | None,
) -> tuple[Entry, ...]:
    """Return the entries that mean such a point, whatever its unit."""
    return tuple(
        entry
        for entry in entries
        if entry.speaks_of(
            quantity=quantity, source_kind=source_kind, sector=sector, substance=substance
        )
    )


def bounds(entries: Iterable[Entry], unit: str) -> list[Bound]:
    """Return all bounds of entries that mean a point, in their order; `unit` is the point's."""
    return [bound for entry in entries if entry.is_in(unit) for bound in entry.bounds]


def defaults(entries: Iterable[Entry], unit: str) -> dict[tuple[str, str], Default]:
    """Return each default by (kind, name); the first of the entries that has one wins."""
    found: dict[tuple[str, str], Default] = {}
    for entry in entries:
        for default in entry.defaults if entry.is_in(unit) else ():
            found.setdefault((default.kind, default.name), default)
    return found


def units_bound(
    entries: Iterable[Entry], limits: Collection[str]
) -> list[tuple[str, tuple[str, ...]]]:
    """Return each standard and clause that binds one of the limits, with the units it speaks of."""
    found: dict[str, dict[str, None]] = {}
    for entry in entries:
        for bound in entry.bounds:
            if bound.limit in limits:
                found.setdefault(bound.basis, {}).update(dict.fromkeys(entry.units))
    return [(basis, tuple(units)) for basis, units in found.items()]


@cache
def plain(word: str) -> str:
    """Write a unit or substance one way: `mg/m³` and `mg/m3`, `%VOL` and `% vol` are the same."""
    return word.strip().lower().replace(" ", "").replace("³", "3").replace("％", "%")
