"""What an audit can compute again exactly, from when on, and what it has to leave out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
from psycopg import AsyncConnection

from alarms import outages, sensor_bounds
from alarms.alarm import Kind
from alarms.engine import Engine, LastReadings
from alarms.peer_sensors import COPIED, DRIFT
from alarms.plant import Plant
from alarms.point import key_of
from alarms.readings import Instants, Mask
from alarms.rules import rules_of
from alarms.storage import recount

WARM_UP_US: Final = 3_600_000_000
"""Before the first instant: running delays are known after it; open alarms are the journal's."""
MOST_READINGS: Final = 20_000_000
"""Before the span: so many are judged again for what is learned from them, about a minute."""
LEARNED: Final = (Kind.forecast, Kind.deviation, Kind.rate, Kind.sensor)
BALANCE: Final = "group.balance"

_PEERS: Final = (COPIED, DRIFT)
_TOO_MANY: Final = f"more than {MOST_READINGS} readings were stored before"
_CUT: Final = "readings from which they learned are no longer stored"
_CHANGED: Final = "rules changed, and what was learned before that is not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is computed again; all times are Micros of receipt.

    Readings are judged from `start`. From `mark` on alarms count; those that stood then are the
    journal's. Points of `renewed`, shape (n,), changed in between: they begin at the mark.
    `changed` are keys that changed after it. `unlearned`, `unpeered` and `unjoined` are keys of
    which learned kinds, peers and groups are left out.
    """

    start: int
    mark: int
    renewed: Mask
    changed: frozenset[str]
    unlearned: frozenset[str]
    unpeered: frozenset[str]
    unjoined: frozenset[str]
    why: str | None

    def has(self, key: str, kind: str, rule: str) -> bool:
        """Tell whether an alarm's course is computed again."""
        if key in self.changed:
            return False
        learned = Kind(kind) in LEARNED
        if self.why is not None and (learned or rule == BALANCE):
            return False
        if rule in _PEERS and key in self.unpeered:
            return False
        return not (learned and key in self.unlearned) and key not in self.unjoined

    def last(self, known: LastReadings) -> LastReadings:
        """Return what is known of each point where the judging starts, of what was at the mark."""
        if self.start == self.mark:
            return known
        never = LastReadings.never(len(self.renewed))
        rows = np.flatnonzero(self.renewed)
        never.records[rows] = known.records[rows]
        return never

    def beside(self, plant: Plant, opened: Iterable[recount.Row]) -> Self:
        """Return it without the points of gateways whose alarm for them stood at the mark.

        That is, if one of them begins there: how many were ill before is not known.
        """
        found: set[str] = set()
        for name in [row.key for row in opened if row.document["rule"] == outages.RULE]:
            index = list(plant.gateways).index(name.removeprefix("gateway:"))
            mine = plant.reporters == index
            if (mine & self.renewed).any():
                found |= {name, *_keys(plant, mine)}
        return replace(self, unlearned=self.unlearned | found)

    @property
    def begun(self) -> Mask:
        """Tell which points' judging begins at the mark, with readings before it that count."""
        return self.renewed | (self.start == self.mark)

    def not_recomputed(self) -> list[dict[str, Any]]:
        """Say what is left out and why: kinds or rules, and of which subjects (None: of all)."""
        kinds = [kind.value for kind in LEARNED]
        told: list[tuple[list[str], list[str] | None, str | None]] = [
            ([*kinds, BALANCE], None, self.why),
            (kinds, sorted(self.unlearned), _CHANGED),
            (list(_PEERS), sorted(self.unpeered - self.unlearned), _CHANGED),
            (["group"], sorted(self.unjoined), _CHANGED),
        ]
        return [
            {"kinds": kinds, "subjects": subjects, "why": why}
            for kinds, subjects, why in told
            if why is not None and subjects != []
        ]


async def of(conn: AsyncConnection, plant: Plant, *, first: int, stop: int) -> Scope:
    """Find out what can be computed again of a span that begins at `first`, Micros.

    What is learned follows from every reading there ever was, so they are all judged, where they
    are stored and not too many.
    """
    mark = first - WARM_UP_US
    start, why = mark, None
    if _learns(plant):
        count, oldest = await recount.before(conn, mark, most=MOST_READINGS)
        told = await recount.first_told(conn)
        if count > MOST_READINGS:
            why = _TOO_MANY
        elif told is not None and told < oldest:
            why = _CUT
        else:
            start = min(oldest, mark)
    times = await recount.changed(conn, stop)
    points = _changed_points(plant, times)
    at = np.array([points.get(point.key, 0) for point in plant.points], np.int64)
    groups = {
        group.key: max(
            times.get("group", {}).get(group.key, 0),
            max(points.get(key_of(group.enterprise, tag), 0) for tag in group.tags),
        )
        for group in plant.groups
    }
    renewed = (at >= start) & (at < mark)
    return Scope(
        start=start,
        mark=mark,
        renewed=renewed,
        changed=frozenset(
            {key for key, moment in points.items() if moment >= mark}
            | {key for key, moment in groups.items() if moment >= mark}
        ),
        unlearned=frozenset() if why else _keys(plant, renewed),
        unpeered=frozenset() if why else _unpeered(plant, at, start),
        unjoined=frozenset(key for key, moment in groups.items() if start <= moment < mark),
        why=why,
    )


def _learns(plant: Plant) -> bool:
    engine = Engine(plant, rules_of(plant), started=0)
    return bool(engine.learned) or any(group.kind == "balance" for group in plant.groups)


def _keys(plant: Plant, chosen: Mask) -> frozenset[str]:
    return frozenset(plant.key_of(row) for row in np.flatnonzero(chosen).tolist())


def _changed_points(plant: Plant, times: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Return when each point's rules last changed, be it by its source, its region or a table.

    What came together with the point changed nothing.
    """
    sources, tables = times.get("source", {}), times.get("tiering", {})
    enterprises = times.get("enterprise", {})
    quantities: dict[str, int] = {}
    for name, at in tables.items():
        quantity = name.rpartition("/")[2]
        quantities[quantity] = max(at, quantities.get(quantity, 0))
    found = dict(times.get("point", {}))
    for point, registered in zip(plant.points, plant.registered, strict=True):
        other = max(
            sources.get(f"{point.enterprise}/{point.source}", 0),
            quantities.get(point.quantity, 0),
            enterprises.get(point.enterprise, 0),
        )
        if other > registered:
            found[point.key] = max(found.get(point.key, 0), other)
    return found


def _unpeered(plant: Plant, at: Instants, start: int) -> frozenset[str]:
    """Return the points whose peers changed or came anew since, or who did so themselves.

    `at` is when each point last changed, shape (n,), Micros.
    """
    places: dict[tuple[str, ...], list[int]] = {}
    for row, point in enumerate(plant.points):
        if sensor_bounds.is_watched(point):
            unit = point.enterprise, point.source, point.unit
            places.setdefault((*unit, point.quantity, point.engineering_unit), []).append(row)
    found: set[str] = set()
    for rows in places.values():
        born = [plant.registered[row] for row in rows]
        if max(at[rows]) >= start or (max(born) > start and max(born) > min(born)):
            found |= {plant.key_of(row) for row in rows}
    return frozenset(found)
