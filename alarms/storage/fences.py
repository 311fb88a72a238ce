"""Write a scope as SQL conditions: every list a reader gets is cut on the server by these.

A prefix is asked for by `^@`: `like` is not leakproof, so it waits behind row security, and no
index serves it then.
"""

from typing import Any

from psycopg import sql

from alarms.scope import Scope


class Conditions:
    """A growing list of conditions joined by `and`, each with its parameters."""

    def __init__(self) -> None:
        self._parts: list[sql.Composable] = []
        self.values: list[Any] = []

    def add(self, condition: str, *values: object) -> None:
        """Require one more condition; its words come from this room's code, never from a reader."""
        self._parts.append(sql.SQL(condition))
        self.values.extend(values)

    def where(self) -> sql.Composable:
        """Return the whole condition."""
        if not self._parts:
            return sql.SQL("true")
        return sql.SQL(" and ").join(self._parts)


def within(conditions: Conditions, scope: Scope, *, region: str, enterprise: str) -> None:
    """Keep only what a scope covers; `region` and `enterprise` name the columns that say whose."""
    if scope.enterprise is not None:
        conditions.add(f"{enterprise} = %s", scope.enterprise)
    elif scope.region is not None:
        conditions.add(f"{region} ^@ %s", scope.region)
