"""What alarms and warnings share over REST: pages of them, their revisions, their stories."""

from collections.abc import Sequence
from typing import Any

import msgspec
from fastapi import Response

from alarms import instants
from alarms.scope import Scope
from alarms.storage import journal, places, writer
from alarms.storage.journal import JournalRow
from alarms.storage.places import Whereabouts
from alarms.storage.queries import AlarmRow
from api import answers
from api.service import Service


def page(rows: Sequence[AlarmRow], *, limit: int) -> Response:
    """Return a page of documents; the last one's moment and id are its place in the order."""
    last = rows[-1] if rows else None
    place = None if last is None else f"{instants.from_datetime(last.t_raised)} {last.id}"
    items = [msgspec.Raw(row.document.encode()) for row in rows]
    return answers.page(items, limit=limit, place=place)


def unless_known(document: str, *, etag: str, if_none_match: str | None) -> Response:
    """Return a document with its ETag, or 304 where the caller has that one."""
    if if_none_match is not None and etag in if_none_match:
        return Response(status_code=304, headers={"etag": etag})
    return answers.raw(document, etag=etag)


async def story(
    service: Service,
    scope: Scope,
    of: str,
    name: str,
    *,
    cursor: str | None,
    limit: int,
    after: int = 0,
) -> Response:
    """Return a page of what happened to one alarm or warning; `name` is what its id is called.

    Nothing up to the rev `after` is shown.
    """
    after = max(answers.number_of(cursor) or 0, after)
    async with service.reading(scope) as conn:
        rows = await journal.of_alarm(conn, of, after_rev=after, limit=limit)
    place = str(rows[-1].rev) if rows else None
    return answers.page([_entry(row, name) for row in rows], limit=limit, place=place)


def _entry(row: JournalRow, name: str) -> dict[str, Any]:
    return {
        "offset": row.log_offset,
        name: row.alarm_id,
        "rev": row.rev,
        "type": row.type,
        "t_event": answers.text_of(row.t_event),
        "t_committed": answers.text_of(row.t_committed),
        "actor": row.actor,
        "org_level": row.org_level,
        "note": row.note,
        "data": msgspec.Raw(row.document.encode()),
    }


async def surroundings(
    service: Service, scope: Scope, document: dict[str, Any]
) -> tuple[str, Whereabouts, JournalRow | None]:
    """Return what a message needs beside a document: who sends it, where, the revision before."""
    async with service.reading(scope) as conn:
        sender = f"fengsui/{await writer.identity(conn)}"
        where = await places.whereabouts(
            conn,
            region=document["region"],
            enterprise=document["enterprise"],
            source=document["source"],
        )
        rows = await journal.of_alarm(conn, document["id"], after_rev=document["rev"] - 2, limit=1)
    before = rows[0] if rows and rows[0].rev < document["rev"] else None
    return sender, where, before
