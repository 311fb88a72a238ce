"""Which alarms ask for a warning: the shipped table, and a region's own in its place."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
import yaml
from msgspec import Meta

from alarms.alarm import Kind, Tier, occurrence_id
from alarms.plant import smallest_around
from alarms.warning import Asking, Notice

Level = Literal["blue", "yellow", "orange", "red"]
Government = Literal["county", "city", "province"]
_SPEAKS: Final = frozenset({Kind.limit, Kind.rate, Kind.deviation, Kind.group})
"""What a row that names no kinds looks at: what is, not what is foretold, nor instruments."""
_NO_DIVISION: Final = frozenset({"市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划"})
"""GB/T 2260 has these at a city's place where the province's level governs itself."""


class WarningRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row: which alarms of a source ask for a warning of which level.

    `lasting_s`: active for so long; `points`: so many points of the source at once; `probability`:
    of a forecast, at least; `source_levels`: of sources of these levels by GB 18218; `mark`: where
    it is from (V, V2, M, D). `automatic`: it is issued without a person.
    """

    level: Level
    tier: Level
    kinds: Annotated[tuple[Kind, ...], Meta(max_length=8)] = ()
    lasting_s: Annotated[float, Meta(ge=0, le=86_400 * 7)] = 0
    points: Annotated[int, Meta(ge=1, le=1_000)] = 1
    probability: Annotated[float, Meta(ge=0, le=1)] = 0
    source_levels: Annotated[tuple[Annotated[int, Meta(ge=1, le=4)], ...], Meta(max_length=4)] = ()
    automatic: bool = False
    mark: Literal["V", "V2", "M", "D"] = "D"


class WarningTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A region's table. What it leaves out, the shipped one says; no rows: nothing is proposed.

    `issued_by` maps a level to the government it belongs to, `issuer` a government to the
    department that publishes for it, `measures` a level to the words to begin with.
    """

    rows: Annotated[tuple[WarningRule, ...], Meta(max_length=100)]
    issued_by: dict[Level, Government] = {}
    issuer: dict[Government, str] = {}
    measures: dict[Level, str] = {}


class Standing(NamedTuple):
    """An active alarm that may ask for a warning; `raises` counts how often it was raised again.

    `t_raised` is in Micros.
    """

    id: str
    key: str
    kind: Kind
    tier: Tier
    t_raised: int
    raises: int
    probability: float
    words: str


class Told(NamedTuple):
    """What an alarm has asked for already: as it was raised for the how manieth time, and where."""

    raises: int
    level: int


class Place(NamedTuple):
    """Whose alarms they are: a source, its level by GB 18218 where it has one, its names."""

    region: str
    enterprise: str
    source: str
    level: int | None
    simulated: bool
    enterprise_name: str
    source_name: str


_NOTHING: Final = Told(-1, 0)


@cache
def shipped() -> WarningTable:
    """Return the table that holds where a region has none."""
    text = (resources.files("alarms") / "warnings.yaml").read_text("utf-8")
    return msgspec.convert(yaml.safe_load(text), WarningTable)


def of_region(tables: Mapping[str, WarningTable], region: str) -> tuple[str, WarningTable]:
    """Return the table of the smallest region around, and whose it is; the shipped one is ""."""
    code = smallest_around(tables, region)
    if code is None:
        return "", shipped()
    return code, tables[code]


def government_of(table: WarningTable, level: Tier) -> Government:
    """Return which government a warning of this level belongs to."""
    name: Level = level.name  # type: ignore[assignment]  # none is no level of a warning
    return table.issued_by.get(name) or shipped().issued_by[name]


def measures_of(table: WarningTable, level: Tier) -> str:
    """Return the measures that a warning of this level begins with."""
    name: Level = level.name  # type: ignore[assignment]  # none is no level of a warning
    return table.measures.get(name) or shipped().measures[name]


def issuer_of(
    table: WarningTable, region: str, government: Government, names: Mapping[str, str]
) -> str:
    """Return who publishes for a government over a region; "" where nobody is known."""
    return table.issuer.get(government) or _governing(region, government, names)


def asking(
    table: WarningTable,
    place: Place,
    alarms: Sequence[Standing],
    *,
    told: Mapping[str, Told],
    names: Mapping[str, str],
    whose: str,
    now: int,
) -> Asking | None:
    """Return what the table asks over a source's active alarms; None where it asks nothing new.

    `told` maps alarms to what they have asked for before, `names` region codes to names; `whose` is
    the table's region, `now` in Micros. The id follows from the source, the level and the oldest
    alarm that is news: the same one is never proposed twice.
    """
    asked = [
        (row, number, found)
        for number, row in enumerate(table.rows, start=1)
        if (found := _found(row, place, alarms, now))
    ]
    if not asked:
        return None
    row, number, _ = max(asked, key=lambda each: Tier[each[0].level])  # the first of the highest
    level = Tier[row.level]
    behind = sorted(
        {each.id: each for _, _, found in asked for each in found}.values(),
        key=lambda each: (each.t_raised, each.id),
    )
    news = [each for each in behind if told.get(each.id, _NOTHING) < Told(each.raises, int(level))]
    if not news:
        return None
    worst = max(behind, key=lambda each: (each.tier, -each.t_raised))
    government = government_of(table, level)
    first = news[0]
    named = f"warning {level.name} {first.raises} {first.id}"
    return Asking(
        id=occurrence_id(f"{place.enterprise}/{place.source}", named, first.t_raised),
        level=level,
        government=government,
        region=place.region,
        enterprise=place.enterprise,
        source=place.source,
        name=place.source_name,
        simulated=place.simulated,
        automatic=row.automatic,
        basis=f"{whose or 'default'} {number} ({row.mark})",
        notice=Notice(
            category="事故灾难",
            starts_at=behind[0].t_raised,
            area=f"{place.enterprise_name}{place.source_name}及其周边",
            cautions=worst.words,
            measures=measures_of(table, level),
            issuer=issuer_of(table, place.region, government, names),
        ),
        alarms=tuple(each.id for each in behind),
    )


def due(table: WarningTable, place: Place, alarms: Sequence[Standing], now: int) -> int | None:
    """Return the next moment (Micros) at which time alone may make the table ask for more."""
    moments = [
        each.t_raised + round(row.lasting_s * 1e6)
        for row in table.rows
        if row.lasting_s
        for each in alarms
        if _is_such(row, place, each)
    ]
    return min((moment for moment in moments if moment > now), default=None)


def _found(row: WarningRule, place: Place, alarms: Sequence[Standing], now: int) -> list[Standing]:
    found = [
        each
        for each in alarms
        if _is_such(row, place, each) and max(now - each.t_raised, 0) >= row.lasting_s * 1e6
    ]
    return found if len({each.key for each in found}) >= row.points else []


def _is_such(row: WarningRule, place: Place, alarm: Standing) -> bool:
    kinds = row.kinds or _SPEAKS
    return (
        alarm.kind in kinds
        and alarm.tier >= Tier[row.tier]
        and alarm.probability >= row.probability
        and (not row.source_levels or place.level in row.source_levels)
    )


def governing_codes(region: str) -> dict[str, str]:
    """Return which region each level of government over a place governs: its code, GB/T 2260."""
    return {"county": region[:6], "city": f"{region[:4]}00", "province": f"{region[:2]}0000"}


def _governing(region: str, government: str, names: Mapping[str, str]) -> str:
    """Return the government's name at a level, e.g. 德阳市人民政府; "" where it has none known."""
    codes = governing_codes(region)
    name = names.get(codes[government])
    if government == "city" and name in _NO_DIVISION | {None}:
        name = names.get(codes["province"])
    return "" if name is None else f"{name}人民政府"
