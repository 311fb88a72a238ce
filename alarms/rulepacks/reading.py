"""A rule pack's YAML, read and checked whole: every contradiction is named with its place."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from itertools import combinations
from typing import Annotated, Any, Final, Literal

import msgspec
import yaml

from alarms.plant import QUANTITIES, SOURCE_KINDS
from alarms.rulepacks import PACKS, Advice, Bound, Code, Default, Entry, Pack

_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Name = Literal["ll", "l", "h", "hh", "cut", "reset"]
_ORDERED: Final = ("ll", "l", "h", "hh")
"""Limits that must rise in this order."""


class _Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    zh: _Text
    en: _Text


class _Level(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The words of a limit, a default or an advice, and what to do."""

    words: _Words | None = None
    action: _Words | None = None


class _Limit(_Level, frozen=True, forbid_unknown_fields=True):
    max: float | None = None
    min: float | None = None


class _Default(_Level, frozen=True, forbid_unknown_fields=True, kw_only=True):
    value: float


class _Instruments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    continuous: int
    switches: int = 0


class _Advice(_Level, frozen=True, forbid_unknown_fields=True):
    needs: tuple[tuple[_Name, ...], ...] = ()
    instruments: tuple[_Instruments, ...] = ()


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    mark: Literal["V", "V2", "M", "D"]
    quantities: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    standard: str | None = None
    clause: str | None = None
    units: tuple[str, ...] = ()
    source_kinds: tuple[str, ...] | None = None
    sectors: tuple[_Text, ...] = ()
    substances: tuple[_Text, ...] = ()
    place: _Words | None = None
    action: _Words | None = None
    """What to do at any level of the entry that gives no action of its own."""
    limits: dict[_Name, _Limit] = {}
    defaults: dict[str, _Default] = {}
    advice: _Advice | None = None
    table: str | None = None
    codes: dict[_Text, _Words] = {}


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pack: _Text
    version: Annotated[int, msgspec.Meta(ge=1)]
    title: _Words
    sources: dict[str, _Text] = {}
    standard: str | None = None
    clause: str | None = None
    source_kinds: tuple[str, ...] = ()
    levels: dict[str, _Level] = {}
    """Words and actions of limits (by name) and defaults (kind.name) whose entry gives none."""
    entries: Annotated[tuple[_Entry, ...], msgspec.Meta(min_length=1)]


def parse(text: str) -> Pack:
    """Read a rule pack's YAML; ValueError that names what is wrong with it, and where."""
    try:
        tree = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(f"the rule pack is no YAML: {error}") from error
    try:
        file = msgspec.convert(tree, _File)
    except msgspec.ValidationError as error:
        named = f" {tree['pack']}" if isinstance(tree, Mapping) and "pack" in tree else ""
        raise ValueError(f"the rule pack{named} cannot be read: {error}") from error
    faults = [
        f"entries[{row}].{fault}"
        for row, entry in enumerate(file.entries)
        for fault in _faults(entry, file)
    ]
    if faults:
        raise ValueError(f"the rule pack {file.pack} contradicts itself: {'; '.join(faults)}")
    return Pack(
        name=file.pack,
        version=file.version,
        title_zh=file.title.zh,
        title_en=file.title.en,
        sources=file.sources,
        entries=tuple(_entry(entry, file) for entry in file.entries),
    )


def text_of(name: str) -> str:
    """Return the YAML of a shipped pack."""
    return resources.files("alarms.rulepacks").joinpath(f"{name}.yaml").read_text(encoding="utf-8")


@cache
def packs() -> tuple[Pack, ...]:
    """Return the packs that come with the software."""
    return tuple(parse(text_of(name)) for name in PACKS)


@cache
def shipped() -> tuple[Entry, ...]:
    """Return the entries of all packs that come with the software."""
    return tuple(entry for pack in packs() for entry in pack.entries)


def _faults(entry: _Entry, file: _File) -> Iterator[str]:
    if not (entry.standard or file.standard):
        yield "standard: the entry names none, nor does the pack"
    if entry.clause is None and file.clause is None:
        yield "clause: the entry names none, nor does the pack; write '' where there is none"
    for key, given, known in (
        ("quantities", entry.quantities, QUANTITIES),
        ("source_kinds", entry.source_kinds or file.source_kinds, SOURCE_KINDS),
        ("seen", entry.seen, file.sources),
    ):
        for word in given:
            if word not in known:
                yield f"{key}: {word} is unknown"
    if entry.mark in ("V", "V2") and not entry.seen:
        yield f"seen: {entry.mark} says that it was verified; name the sources"
    if not (entry.limits or entry.defaults or entry.advice or entry.codes):
        yield "limits: the entry says nothing; give limits, defaults, advice or codes"
    if not (entry.quantities or entry.codes):
        yield "quantities: none, so it means no point"
    if bool(entry.codes) is not (entry.table is not None):
        yield "codes: stand in a table, and a table holds codes"
    if (entry.limits or any(map(_limit_named, entry.defaults))) and not entry.units:
        yield "units: limits have a unit"
    for name, limit in entry.limits.items():
        yield from (f"limits.{name}: {fault}" for fault in _limit_faults(name, limit, entry, file))
    for key, default in entry.defaults.items():
        if _words(default, file.levels.get(key)) is None:
            yield f"defaults.{key}: no words, neither here nor in levels"
        if "." not in key or (_limit_named(key) and key.partition(".")[2] not in _ORDERED):
            yield f"defaults.{key}: write limit.h, or the kind and name of a parameter"
        if _limit_named(key) and _action(default, entry, file.levels.get(key)) is None:
            yield f"defaults.{key}: no action: an alarm says what to do"
    if entry.advice is not None and entry.advice.words is None:
        yield "advice: no words"
    yield from _disorder("limits", {name: _value(each) for name, each in entry.limits.items()})
    suggested = {
        name.partition(".")[2]: default.value
        for name, default in entry.defaults.items()
        if _limit_named(name)
    }
    yield from _disorder("defaults", suggested)


def _limit_faults(name: str, limit: _Limit, entry: _Entry, file: _File) -> Iterator[str]:
    wanted = "min" if name in ("l", "ll") else "max"
    if (limit.min is None) is (wanted == "min") or (limit.max is None) is (wanted == "max"):
        yield f"give {wanted} and nothing else"
    if _words(limit, file.levels.get(name)) is None:
        yield "no words, neither here nor in levels"
    if name != "reset" and _action(limit, entry, file.levels.get(name)) is None:
        yield "no action: an alarm says what to do"


def _disorder(key: str, values: Mapping[str, float]) -> Iterator[str]:
    """Name each pair of limits that stand in the wrong order."""
    for lower, upper in combinations(_ORDERED, 2):
        if lower in values and upper in values and not values[lower] < values[upper]:
            yield (
                f"{key}.{upper}: {upper} is {values[upper]:g} and {lower} is {values[lower]:g}; "
                "limits must rise: ll < l < h < hh"
            )
    for lower in ("h", "reset"):
        if lower in values and "cut" in values and not values[lower] <= values["cut"]:
            yield (
                f"{key}.cut: cut is {values['cut']:g} and {lower} is {values[lower]:g}; "
                f"cut must be {lower} or more"
            )
    if "reset" in values and "cut" not in values:
        yield f"{key}.reset: stands without cut"


def _entry(entry: _Entry, file: _File) -> Entry:
    shared: dict[str, Any] = {
        "pack": file.pack,
        "version": file.version,
        "standard": entry.standard or file.standard,
        "clause": file.clause if entry.clause is None else entry.clause,
        "mark": entry.mark,
        "seen": entry.seen,
    }
    kinds = file.source_kinds if entry.source_kinds is None else entry.source_kinds
    return Entry(
        place_zh=entry.place.zh if entry.place else "",
        place_en=entry.place.en if entry.place else "",
        quantities=entry.quantities,
        units=tuple(unit.replace("m3", "m³") for unit in entry.units),
        source_kinds=kinds,
        sectors=tuple(sector.upper() for sector in entry.sectors),
        substances=entry.substances,
        bounds=tuple(
            Bound(
                **shared,
                **_said(limit, entry, file.levels.get(name)),
                limit=name,
                value=_value(limit),
                direction="min" if limit.max is None else "max",
            )
            for name, limit in entry.limits.items()
        ),
        defaults=tuple(
            Default(
                **shared,
                **_said(default, entry, file.levels.get(name)),
                kind=name.partition(".")[0],
                name=name.partition(".")[2],
                value=default.value,
            )
            for name, default in entry.defaults.items()
        ),
        advice=()
        if entry.advice is None
        else (
            Advice(
                **shared,
                **_said(entry.advice, entry, None),
                needs=entry.advice.needs,
                instruments=tuple(
                    (each.continuous, each.switches) for each in entry.advice.instruments
                ),
            ),
        ),
        codes=tuple(
            Code(**shared, words_zh=said.zh, words_en=said.en, table=entry.table or "", code=code)
            for code, said in entry.codes.items()
        ),
    )


def _said(level: _Level, entry: _Entry, shared: _Level | None) -> dict[str, Any]:
    words, action = _words(level, shared), _action(level, entry, shared)
    return {
        "words_zh": words.zh if words else "",
        "words_en": words.en if words else "",
        "action_zh": action.zh if action else "",
        "action_en": action.en if action else "",
    }


def _words(level: _Level, shared: _Level | None) -> _Words | None:
    return level.words or (shared.words if shared else None)


def _action(level: _Level, entry: _Entry, shared: _Level | None) -> _Words | None:
    return level.action or entry.action or (shared.action if shared else None)


def _value(limit: _Limit) -> float:
    value = limit.min if limit.max is None else limit.max
    return 0.0 if value is None else value


def _limit_named(name: str) -> bool:
    return name.startswith("limit.")
