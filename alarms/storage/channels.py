"""Channels: the means by which people are told; each carries only what its scope covers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from msgspec import Struct
from psycopg import AsyncConnection, sql
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from alarms.errors import ConflictError
from alarms.notices import Language
from alarms.scope import Scope
from alarms.storage import fences

Kind = Literal["smtp", "webhook", "dingtalk", "wecom", "feishu"]
CHATS: Final[frozenset[str]] = frozenset({"dingtalk", "wecom", "feishu"})
"""Kinds whose address is a group of people: one message tells all of them."""


class Channel(Struct, frozen=True, kw_only=True):
    """One channel as the record has it; `account` and `sender` belong to a mail server."""

    name: str
    kind: Kind
    url: str
    secret: str | None
    account: str | None
    sender: str | None
    language: Language
    template: Any
    scope: str
    region: str | None
    enterprise: str | None
    changed_by: str
    changed_at: datetime

    @property
    def covers(self) -> Scope:
        """Return what it may carry."""
        return Scope(code=self.scope, region=self.region, enterprise=self.enterprise)


_SELECT: Final = """
    select name, kind, url, secret, account, sender, language, template, scope, region, enterprise,
           changed_by, changed_at
      from channel
"""


async def listed(conn: AsyncConnection, scope: Scope, *, name: str | None = None) -> list[Channel]:
    """Return the channels of a scope, or one of them, by name."""
    conditions = fences.Conditions()
    fences.within(conditions, scope, region="region", enterprise="enterprise")
    if name is not None:
        conditions.add("name = %s", name)
    async with conn.cursor(row_factory=class_row(Channel)) as cursor:
        await cursor.execute(
            sql.SQL(_SELECT) + sql.SQL(" where {} order by name").format(conditions.where()),
            conditions.values,
        )
        return await cursor.fetchall()


async def every(conn: AsyncConnection) -> Mapping[str, Channel]:
    """Return all channels by name."""
    return {each.name: each for each in await listed(conn, Scope(code="all"))}


async def put(conn: AsyncConnection, channel: Channel) -> None:
    """Make or change a channel; ConflictError where the name belongs to another scope or kind."""
    cursor = await conn.execute(
        """
        insert into channel (name, kind, url, secret, account, sender, language, template, scope,
                             region, enterprise, changed_by, changed_at)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        on conflict (name) do update
           set url = excluded.url, secret = excluded.secret, account = excluded.account,
               sender = excluded.sender, language = excluded.language,
               template = excluded.template, changed_by = excluded.changed_by,
               changed_at = excluded.changed_at
         where channel.scope = excluded.scope and channel.kind = excluded.kind
        """,
        (
            *(channel.name, channel.kind, channel.url, channel.secret, channel.account),
            *(channel.sender, channel.language),
            None if channel.template is None else Jsonb(channel.template),
            *(channel.scope, channel.region, channel.enterprise),
            *(channel.changed_by, channel.changed_at),
        ),
    )
    if cursor.rowcount == 0:
        raise ConflictError(
            f"there is a channel {channel.name} of another kind or scope; choose another name"
        )


async def delete(conn: AsyncConnection, name: str) -> None:
    """Forget a channel; what waits for it fails and says so."""
    await conn.execute("delete from channel where name = %s", (name,))
