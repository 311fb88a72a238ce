"""The burden of every position, counted every ten seconds and told to Prometheus from memory."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from psycopg_pool import AsyncConnectionPool

from alarms.scope import Scope
from alarms.storage import burdens as stored
from alarms.storage.burdens import Burden
from api import clock

EVERY_S: Final = 10.0
MOST_POSITIONS: Final = 200
"""Positions that have labels of their own; all others are told together as OTHER."""
OTHER: Final = "other"
_SERIES: Final[tuple[tuple[str, str, Callable[[Burden], int]], ...]] = (
    ("rate", "Alarms annunciated in the last 10 minutes of event time.", lambda its: its.rate),
    ("open", "Open alarms.", lambda its: its.open),
    ("unacknowledged", "Alarms the site has not acknowledged.", lambda its: its.unacknowledged),
    ("standing", "Alarms active for more than 24 hours.", lambda its: its.standing),
    ("in_flood", "Positions in a flood.", lambda its: its.in_flood),
)


class Burdens:
    """What was counted last; a scrape never waits for the database."""

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._pool = pool
        self._counted: dict[str, Burden] = {}
        self._at: int | None = None

    async def run(self) -> None:
        """Count for ever."""
        while True:
            async with self._pool.connection() as conn:
                self._counted = await stored.burdens(conn, now=clock.micros())
            self._at = clock.micros()
            await asyncio.sleep(EVERY_S)

    def lines(self, scope: Scope | None) -> list[str]:
        """Return what was counted in the Prometheus text format, of each position in a scope.

        Without a scope, of all positions together: nobody unknown hears how a region stands.
        Nothing before the first count.
        """
        if self._at is None:
            return []
        shown = _together(self._counted) if scope is None else _apart(self._counted, scope)
        age_s = (clock.micros() - self._at) / 1e6
        lines = [
            "# HELP fengsui_position_age_seconds Age of the figures of positions.",
            "# TYPE fengsui_position_age_seconds gauge",
            f"fengsui_position_age_seconds {age_s:.1f}",
        ]
        for name, said, value in _SERIES:
            series = f"fengsui_{'position' if scope is not None else 'positions'}_{name}"
            lines += [f"# HELP {series} {said}", f"# TYPE {series} gauge"]
            lines += [f"{series}{label} {value(its)}" for label, its in shown]
        return lines


def _together(counted: Mapping[str, Burden]) -> list[tuple[str, Burden]]:
    return [("", _sum(list(counted.values())))]


def _apart(counted: Mapping[str, Burden], scope: Scope) -> list[tuple[str, Burden]]:
    """Return the burdens of a scope's positions by label, those with most open alarms first."""
    its = [each for each in counted.items() if scope.covers(each[0], None)]
    its.sort(key=lambda each: (-each[1].open, -each[1].rate, each[0]))
    shown = [(f'{{region="{region}"}}', burden) for region, burden in its[:MOST_POSITIONS]]
    rest = [burden for _, burden in its[MOST_POSITIONS:]]
    return [*shown, (f'{{region="{OTHER}"}}', _sum(rest))] if rest else shown


def _sum(burdens: list[Burden]) -> Burden:
    return Burden(
        rate=sum(each.rate for each in burdens),
        open=sum(each.open for each in burdens),
        unacknowledged=sum(each.unacknowledged for each in burdens),
        standing=sum(each.standing for each in burdens),
        in_flood=sum(each.in_flood for each in burdens),
    )
