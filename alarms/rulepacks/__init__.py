"""Rule packs: bounds that standards put on limits, each with its clause and verification mark."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

import yaml

PACKS: Final = ("gas_detection", "toxic_gases", "coal_mine")
MARKS: Final = ("V", "V2", "M", "D")
"""V verified, V2 verified in one second-hand source, M from memory, D derived by us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """How far a limit may go: a `max` bound allows limits up to `value`, a `min` bound from it."""

    standard: str
    clause: str
    mark: str
    limit: str
    value: float
    direction: str
    words_zh: str
    words_en: str
    action_zh: str = ""
    action_en: str = ""

    @property
    def basis(self) -> str:
        """Return the standard and clause as an alarm quotes them."""
        return f"{self.standard} {self.clause}".strip()

    def allows(self, limit: float) -> bool:
        """Tell whether a point's limit is as strict as the bound, or stricter."""
        return limit <= self.value if self.direction == "max" else limit >= self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One clause's bounds and the points they bind; None and () bind any."""

    quantities: tuple[str, ...]
    units: tuple[str, ...]
    source_kinds: tuple[str, ...]
    sectors: tuple[str, ...]
    substances: tuple[str, ...]
    bounds: tuple[Bound, ...]

    def speaks_of(
        self, *, quantity: str, source_kind: str, sector: str | None, substance: str | None
    ) -> bool:
        """Tell whether the clause means such a point, whatever its unit."""
        return (
            quantity in self.quantities
            and (not self.source_kinds or source_kind in self.source_kinds)
            and (not self.sectors or (sector or "").upper() in self.sectors)
            and (not self.substances or _plain(substance or quantity) in self.substances)
        )


def parse(text: str) -> tuple[Entry, ...]:
    """Read a rule pack's YAML; KeyError or ValueError where the pack itself is wrong."""
    tree = yaml.safe_load(text)
    return tuple(_entry(entry, tree) for entry in tree["entries"])


def bounds(
    *,
    quantity: str,
    unit: str,
    source_kind: str,
    sector: str | None,
    substance: str | None,
) -> list[Bound]:
    """Return all bounds for such a point, in the packs' order."""
    return list(_bounds(quantity, unit, source_kind, sector, substance))


def units_bound(
    *,
    quantity: str,
    source_kind: str,
    sector: str | None,
    substance: str | None,
    limits: Collection[str],
) -> list[tuple[str, tuple[str, ...]]]:
    """Return each standard and clause that binds one of the limits, with the units it speaks of."""
    found: dict[str, dict[str, None]] = {}
    for entry in shipped():
        if not entry.speaks_of(
            quantity=quantity, source_kind=source_kind, sector=sector, substance=substance
        ):
            continue
        for bound in entry.bounds:
            if bound.limit in limits:
                found.setdefault(bound.basis, {}).update(dict.fromkeys(entry.units))
    return [(basis, tuple(units)) for basis, units in found.items()]


@cache
def shipped() -> tuple[Entry, ...]:
    """Return the entries of the packs that come with the software."""
    here = resources.files("alarms.rulepacks")
    return tuple(
        entry
        for pack in PACKS
        for entry in parse(here.joinpath(f"{pack}.yaml").read_text(encoding="utf-8"))
    )


@cache
def _bounds(
    quantity: str, unit: str, source_kind: str, sector: str | None, substance: str | None
) -> tuple[Bound, ...]:
    return tuple(
        bound
        for entry in shipped()
        if _plain(unit) in map(_plain, entry.units)
        and entry.speaks_of(
            quantity=quantity, source_kind=source_kind, sector=sector, substance=substance
        )
        for bound in entry.bounds
    )


def _entry(entry: Mapping[str, Any], pack: Mapping[str, Any]) -> Entry:
    mark = entry["mark"]
    if mark not in MARKS:
        raise ValueError(f"mark {mark!r} of a rule pack entry is not one of {', '.join(MARKS)}")
    shared = {
        "standard": entry.get("standard", pack.get("standard")),
        "clause": entry.get("clause", pack.get("clause", "")),
        "mark": mark,
    }
    found = []
    for name, bound in entry["limits"].items():
        direction = "max" if "max" in bound else "min"
        words = bound["words"]
        action = bound.get("action", {})
        found.append(
            Bound(
                **shared,
                limit=name,
                value=float(bound[direction]),
                direction=direction,
                words_zh=words["zh"],
                words_en=words["en"],
                action_zh=action.get("zh", ""),
                action_en=action.get("en", ""),
            )
        )
    return Entry(
        quantities=tuple(entry["quantities"]),
        units=tuple(str(unit).replace("m3", "m³") for unit in entry["units"]),
        source_kinds=tuple(entry.get("source_kinds", pack.get("source_kinds", ()))),
        sectors=tuple(str(sector).upper() for sector in entry.get("sectors", ())),
        substances=tuple(_plain(str(name)) for name in entry.get("substances", ())),
        bounds=tuple(found),
    )


def _plain(word: str) -> str:
    """Write a unit or substance one way: `mg/m³` and `mg/m3`, `%VOL` and `% vol` are the same."""
    return word.strip().lower().replace(" ", "").replace("³", "3").replace("％", "%")
