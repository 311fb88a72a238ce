"""Refused readings and messages: kept, so that what was refused can be seen."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from alarms import instants

KEPT_BYTES: Final = 4096
"""How much of a refused message is kept (contracts.md section 4)."""


class Reject(Struct, frozen=True, kw_only=True):
    """`count` readings of a message refused for one reason; `first` is the first of them."""

    received: int
    gateway: str
    enterprise: str | None
    region: str | None
    reason: str
    tag: str | None
    count: int
    first: dict[str, Any] | None
    payload: bytes


async def keep(conn: AsyncConnection, rejects: Sequence[Reject]) -> None:
    """Store rejects with at most KEPT_BYTES of each message."""
    if not rejects:
        return
    async with conn.cursor() as cursor:
        await cursor.executemany(
            """
            insert into reject (received, gateway, enterprise, region, reason, tag, count, first,
                                payload)
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
            """,
            [
                (
                    instants.to_datetime(reject.received),
                    reject.gateway,
                    reject.enterprise,
                    reject.region,
                    reject.reason,
                    reject.tag,
                    reject.count,
                    None if reject.first is None else Jsonb(reject.first),
                    reject.payload[:KEPT_BYTES],
                )
                for reject in rejects
            ],
        )
