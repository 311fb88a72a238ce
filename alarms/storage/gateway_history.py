"""What came of a gateway, minute by minute for a day and then hour by hour: rates, loss, clock."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from psycopg import AsyncConnection

from alarms import instants
from alarms.storage.gateways import Seen

MINUTE_US: Final = 60_000_000
KEPT_MINUTES: Final = timedelta(hours=25)
"""Older minutes are added to their hour."""
MOST_TAGS: Final = 20
"""Tags named of one reason."""
KEPT_HOURS: Final = timedelta(days=400)
"""Older hours are dropped: as long as raw readings are kept."""


class Span(NamedTuple):
    """What came in a minute or an hour from `at` on; the clock's error in seconds, or None."""

    at: datetime
    messages: int
    accepted: int
    rejected: int
    lost: int
    clock_error_s: float | None
    clock_low_s: float | None
    clock_high_s: float | None


class Rates(NamedTuple):
    """Per second over the last minute, and over the last fifteen."""

    messages_1m: float
    messages_15m: float
    readings_1m: float
    readings_15m: float


async def add(conn: AsyncConnection, seen: Sequence[Seen]) -> None:
    """Add what a batch brought to its gateways' minutes, in order of their ids."""
    if not seen:
        return
    seen = sorted(seen, key=lambda one: one.gateway)
    await conn.execute(
        """
        insert into gateway_minute as kept
               (gateway_id, at, messages, accepted, rejected, lost,
                clock_error_s, clock_low_s, clock_high_s)
        select new.id, new.at, new.messages, new.accepted, new.rejected, new.lost,
               new.clock, new.clock, new.clock
          from unnest(%s::text[], %s::timestamptz[], %s::int[], %s::int[], %s::int[], %s::int[],
                      %s::real[])
               as new (id, at, messages, accepted, rejected, lost, clock)
          join gateway on gateway.id = new.id
        on conflict (gateway_id, at) do update
           set messages = kept.messages + excluded.messages,
               accepted = kept.accepted + excluded.accepted,
               rejected = kept.rejected + excluded.rejected,
               lost = kept.lost + excluded.lost,
               clock_error_s = coalesce(excluded.clock_error_s, kept.clock_error_s),
               clock_low_s = least(kept.clock_low_s, excluded.clock_low_s),
               clock_high_s = greatest(kept.clock_high_s, excluded.clock_high_s)
        """,
        (
            [one.gateway for one in seen],
            [instants.to_datetime(one.received - one.received % MINUTE_US) for one in seen],
            [one.messages for one in seen],
            [one.accepted for one in seen],
            [one.rejected for one in seen],
            [min(one.lost, 2**31 - 1) for one in seen],
            [one.clock_error_s for one in seen],
        ),
    )


async def condense(conn: AsyncConnection, *, now: int) -> None:
    """Add minutes that are old to their hours, and drop hours that are too old (Micros).

    Cheap when called every minute; a backlog is worked off in one go.
    """
    moment = instants.to_datetime(now)
    await conn.execute(
        """
        with old as (
            delete from gateway_minute where at < %(until)s returning *
        )
        insert into gateway_hour as kept
               (gateway_id, at, messages, accepted, rejected, lost,
                clock_error_s, clock_low_s, clock_high_s)
        select gateway_id, date_trunc('hour', at), sum(messages), sum(accepted),
               least(sum(rejected), 2147483647), least(sum(lost), 2147483647),
               (array_agg(clock_error_s order by at desc)
                    filter (where clock_error_s is not null))[1],
               min(clock_low_s), max(clock_high_s)
          from old group by gateway_id, date_trunc('hour', at) order by 1, 2
        on conflict (gateway_id, at) do update
           set messages = kept.messages + excluded.messages,
               accepted = kept.accepted + excluded.accepted,
               rejected = least(kept.rejected::bigint + excluded.rejected, 2147483647),
               lost = least(kept.lost::bigint + excluded.lost, 2147483647),
               clock_error_s = coalesce(excluded.clock_error_s, kept.clock_error_s),
               clock_low_s = least(kept.clock_low_s, excluded.clock_low_s),
               clock_high_s = greatest(kept.clock_high_s, excluded.clock_high_s)
        """,
        {"until": moment - KEPT_MINUTES},
    )
    await conn.execute("delete from gateway_hour where at < %s", (moment - KEPT_HOURS,))


async def rates(conn: AsyncConnection, gateway: str, *, now: datetime) -> Rates:
    """Return what comes of a gateway per second; a minute that ended counts by what is in reach."""
    found = await (
        await conn.execute(
            """
            with part as (
                select messages, accepted,
                       least(1, greatest(0, extract(epoch from at + interval '1 minute'
                                 - (%(now)s - interval '1 minute')) / 60)) as in_1,
                       least(1, greatest(0, extract(epoch from at + interval '1 minute'
                                 - (%(now)s - interval '15 minutes')) / 60)) as in_15
                  from gateway_minute
                 where gateway_id = %(gateway)s and at > %(now)s - interval '16 minutes'
                   and at <= %(now)s
            )
            select coalesce(sum(messages * in_1) / 60, 0)::double precision,
                   coalesce(sum(messages * in_15) / 900, 0)::double precision,
                   coalesce(sum(accepted * in_1) / 60, 0)::double precision,
                   coalesce(sum(accepted * in_15) / 900, 0)::double precision
              from part
            """,
            {"gateway": gateway, "now": now},
        )
    ).fetchone()
    assert found is not None  # noqa: S101  # sums have one row
    return Rates(*found)


async def spans(
    conn: AsyncConnection,
    gateway: str,
    *,
    start: datetime,
    end: datetime,
    hours: int,
    limit: int,
) -> list[Span]:
    """Return what came, oldest first: each minute where `hours` is 0, else that many hours.

    Minutes of the last day count into the hours that are asked for.
    """
    if hours == 0:
        found = await conn.execute(
            """
            select at, messages, accepted, rejected, lost, clock_error_s, clock_low_s, clock_high_s
              from gateway_minute where gateway_id = %s and at >= %s and at < %s
             order by at limit %s
            """,
            (gateway, start, end, limit),
        )
    else:
        found = await conn.execute(
            """
            with every as (
                select * from gateway_hour where gateway_id = %(gateway)s
                union all
                select gateway_id, at, messages, accepted, rejected, lost,
                       clock_error_s, clock_low_s, clock_high_s
                  from gateway_minute where gateway_id = %(gateway)s
            )
            select date_bin(make_interval(hours => %(hours)s), at, timestamptz '2000-01-01 00:00Z'),
                   sum(messages)::bigint, sum(accepted)::bigint, sum(rejected)::bigint,
                   sum(lost)::bigint,
                   (array_agg(clock_error_s order by at desc)
                        filter (where clock_error_s is not null))[1],
                   min(clock_low_s), max(clock_high_s)
              from every where at >= %(start)s and at < %(end)s
             group by 1 order by 1 limit %(limit)s
            """,
            {"gateway": gateway, "start": start, "end": end, "hours": hours, "limit": limit},
        )
    return [Span(*row) async for row in found]


class Refusals(NamedTuple):
    """What was refused of a gateway for one reason, with the newest sample of it."""

    reason: str
    number: int
    first_at: datetime
    last_at: datetime
    tags: list[str]
    sample: object
    payload: bytes | None


async def refusals(conn: AsyncConnection, gateway: str, *, since: datetime) -> list[Refusals]:
    """Return what was refused since then, by reason, the most frequent first."""
    found = await conn.execute(
        """
        with recent as (
            select * from reject where gateway = %(gateway)s and received >= %(since)s
        ), summed as (
            select reason, sum(count)::bigint as number, min(received) as first_at,
                   max(received) as last_at, max(id) as newest,
                   (array_agg(distinct tag) filter (where tag is not null))[1:%(most)s] as tags
              from recent group by reason
        )
        select s.reason, s.number, s.first_at, s.last_at, coalesce(s.tags, '{}'), r.first, r.payload
          from summed s join reject r on r.id = s.newest order by s.number desc, s.reason
        """,
        {"gateway": gateway, "since": since, "most": MOST_TAGS},
    )
    return [Refusals(*row) async for row in found]
