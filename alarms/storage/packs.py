"""The rule packs in the record: a change of them is audited and told to the open limit alarms."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, NamedTuple

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from alarms import instants
from alarms.alarm import Alarm
from alarms.lifecycle import RuleChange
from alarms.pack_changes import pack_change
from alarms.rulepacks import Entry, Pack, reading
from alarms.storage import alarms, journal, plant

ACTOR = "system"
"""Who changes the packs: they come with the software."""


_PARTS: Final = ("bounds", "defaults", "advice", "codes")


class Stored(NamedTuple):
    """A pack as it stood: `pack` is None where this version can no longer read its text."""

    version: int
    content: str
    pack: Pack | None


async def refresh(
    conn: AsyncConnection, texts: Mapping[str, str], *, now: int | None = None
) -> tuple[str, ...]:
    """Bring the record to these packs (YAML by name); return the names of those that changed.

    The first packs of a database are no change. Open limit alarms keep their state and get a
    `rule_changed` where a bound on their limits differs (alarms.md 1.5, row 24); the audit trail
    has each pack's differing entries before and after. A pack that the record has in a newer
    version, or that is not among these, is left alone: an older server may start beside a newer
    one. Raises ValueError for a text that is no pack. `now` in Micros, by default the database's.
    """
    await conn.execute("select revision from plant_revision for update")
    before = await _stored(conn)
    after = {
        name: pack
        for name, pack in ((name, reading.parse(text)) for name, text in texts.items())
        if name not in before
        or (before[name].content != texts[name] and before[name].version <= pack.version)
    }
    if not after:
        return ()
    if now is None:
        now = await _now(conn)
    if before:
        await _tell(conn, before, after, now=now)
        await _audit(conn, before, after, now=now)
    async with conn.cursor() as cursor:
        await cursor.executemany(
            """
            insert into rule_pack (name, version, content, since) values (%s, %s, %s, %s)
            on conflict (name) do update
               set version = excluded.version, content = excluded.content, since = excluded.since
            """,
            [
                (name, pack.version, texts[name], instants.to_datetime(now))
                for name, pack in after.items()
            ],
        )
    return tuple(after) if before else ()


async def _stored(conn: AsyncConnection) -> dict[str, Stored]:
    rows = await (
        await conn.execute("select name, version, content from rule_pack order by name")
    ).fetchall()
    return {name: Stored(version, content, _readable(content)) for name, version, content in rows}


def _readable(content: str) -> Pack | None:
    """Read a pack of another version of the software, if its form is still known."""
    try:
        return reading.parse(content)
    except ValueError:
        return None


async def _now(conn: AsyncConnection) -> int:
    row = await (await conn.execute("select now()")).fetchone()
    if row is None:
        raise RuntimeError("the database does not say what time it is")
    return instants.from_datetime(row[0])


async def _tell(
    conn: AsyncConnection, before: Mapping[str, Stored], after: Mapping[str, Pack], *, now: int
) -> None:
    """Tell every open limit alarm whose limits' bounds differ, as far as that can be seen."""
    was: list[Entry] = []
    now_is: list[Entry] = []
    for name, pack in after.items():
        stood = before.get(name)
        if stood is None or stood.pack is not None:
            was += stood.pack.entries if stood is not None and stood.pack is not None else ()
            now_is += pack.entries
    head = await journal.lock(conn)
    registered = await plant.load(conn)
    row_of = {point.key: row for row, point in enumerate(registered.points)}

    def change(alarm: Alarm) -> RuleChange | None:
        row = row_of.get(alarm.subject.key)
        if row is None:
            return None
        point = registered.points[row]
        source = registered.sources[point.enterprise, point.source]
        return pack_change(point, source.kind, alarm.rule, was, now_is, actor=ACTOR)

    await alarms.rules_changed(conn, list(row_of), change, head=head, now=now)


async def _audit(
    conn: AsyncConnection, before: Mapping[str, Stored], after: Mapping[str, Pack], *, now: int
) -> None:
    """Note each changed pack with its version and the entries that differ, before and after."""
    rows = []
    for name, pack in after.items():
        stood, new = before.get(name), _plain(pack)
        old = _plain(stood.pack) if stood is not None else []
        was = None if stood is None else Jsonb(_shown(stood.version, old, new))
        now_is = Jsonb(_shown(pack.version, new, old))
        rows.append((instants.to_datetime(now), ACTOR, "rule_pack.changed", name, was, now_is))
    async with conn.cursor() as cursor:
        await cursor.executemany(
            """
            insert into audit_trail (at, actor, action, object, before, after)
            values (%s, %s, %s, %s, %s, %s)
            """,
            rows,
        )


def _shown(
    version: int, own: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    return {"version": version, "entries": [each for each in own if each not in other]}


def _plain(pack: Pack | None) -> list[dict[str, Any]]:
    """Return a pack's entries without the version each of them carries."""
    if pack is None:
        return []
    found = [asdict(entry) for entry in pack.entries]
    for entry in found:
        for provision in (each for part in _PARTS for each in entry[part]):
            del provision["version"]
    return found
