"""Gateways in the record: whether they are there, what they sent, and what was lost on the way."""

from collections.abc import Sequence

from msgspec import Struct
from psycopg import AsyncConnection

from alarms import instants


class Seen(Struct, frozen=True, kw_only=True):
    """What a batch adds to a gateway's account; None leaves what is known. Times in Micros.

    `ahead`: the newest stamp of the last message that was corrected, and when that was received.
    """

    gateway: str
    received: int
    clock_error_s: float | None
    newest_seq: int | None
    messages: int
    accepted: int
    rejected: int
    lost: int
    corrected: int = 0
    ahead: tuple[int, int] | None = None


class Stated(Struct, frozen=True, kw_only=True):
    """What a gateway, or its will, said of it: online or offline."""

    gateway: str
    state: str
    at: int


async def sequences(conn: AsyncConnection) -> dict[str, int | None]:
    """Recall the newest sequence number of every gateway."""
    rows = await (await conn.execute("select id, last_seq from gateway")).fetchall()
    return dict(rows)


async def note_seen(conn: AsyncConnection, seen: Sequence[Seen]) -> None:
    """Add a batch to its gateways' accounts, in order of their ids."""
    if not seen:
        return
    ordered = sorted(seen, key=lambda one: one.gateway)
    await conn.execute(
        """
        update gateway
           set last_seen_at = greatest(last_seen_at, new.received),
               clock_error_s = coalesce(new.clock_error_s, gateway.clock_error_s),
               last_seq = coalesce(new.newest_seq, last_seq),
               messages = gateway.messages + new.messages,
               accepted = gateway.accepted + new.accepted,
               rejected = gateway.rejected + new.rejected,
               lost = gateway.lost + new.lost,
               corrected = gateway.corrected + new.corrected,
               corrected_stamp = coalesce(new.ahead_stamp, corrected_stamp),
               corrected_at = coalesce(new.ahead_at, corrected_at)
          from unnest(%s::text[], %s::timestamptz[], %s::double precision[], %s::bigint[],
                      %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
                      %s::bigint[], %s::timestamptz[], %s::timestamptz[])
               as new (id, received, clock_error_s, newest_seq, messages, accepted, rejected, lost,
                       corrected, ahead_stamp, ahead_at)
         where gateway.id = new.id
        """,
        (
            [one.gateway for one in ordered],
            [instants.to_datetime(one.received) for one in ordered],
            [one.clock_error_s for one in ordered],
            [one.newest_seq for one in ordered],
            [one.messages for one in ordered],
            [one.accepted for one in ordered],
            [one.rejected for one in ordered],
            [one.lost for one in ordered],
            [one.corrected for one in ordered],
            [one.ahead and instants.to_datetime(one.ahead[0]) for one in ordered],
            [one.ahead and instants.to_datetime(one.ahead[1]) for one in ordered],
        ),
    )


async def note_states(conn: AsyncConnection, stated: Sequence[Stated]) -> None:
    """Store what gateways said of themselves; the last word of a batch stands."""
    last_words = {one.gateway: one for one in stated}
    for gateway in sorted(last_words):
        one = last_words[gateway]
        await conn.execute(
            "update gateway set state = %s, state_at = %s where id = %s",
            (one.state, instants.to_datetime(one.at), one.gateway),
        )


async def beat(conn: AsyncConnection, service: str, *, now: int) -> None:
    """Note that a service is at work (Micros)."""
    await conn.execute(
        """
        insert into service_heartbeat (service, at) values (%s, %s)
        on conflict (service) do update set at = excluded.at
        """,
        (service, instants.to_datetime(now)),
    )
