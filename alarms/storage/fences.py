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
    if not scope.everything:
        conditions.add(*_covered(scope, region, enterprise))


def heard(conditions: Conditions, scope: Scope) -> None:
    """Keep only the rows of `warning w` that a scope covers, or that are issued around it."""
    if scope.everything:
        return
    covered, value = _covered(scope, "w.region", "w.enterprise")
    conditions.add(
        f"({covered} or w.region = any(%s) and w.enterprise is null"
        " and w.record ->> 'published_at' is not null)",
        value,
        scope.around(),
    )


def _covered(scope: Scope, region: str, enterprise: str) -> tuple[str, str]:
    if scope.enterprise is not None:
        return f"{enterprise} = %s", scope.enterprise
    return f"{region} ^@ %s", scope.region or ""
