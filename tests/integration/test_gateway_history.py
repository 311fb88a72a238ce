"""What came of a gateway by minute and hour: rates, loss, the clock's error, what was refused."""

from datetime import UTC, datetime, timedelta

import pytest
from psycopg import AsyncConnection

from alarms import instants
from alarms.storage import connection, gateway_history, gateways
from alarms.storage.gateways import Seen
from tests import plants

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def seen(at: datetime, *, messages: int = 1, accepted: int = 10, **more: object) -> Seen:
    given: dict[str, object] = {"clock_error_s": None, "newest_seq": None, "rejected": 0, "lost": 0}
    return Seen(
        gateway="gw",
        received=instants.from_datetime(at),
        messages=messages,
        accepted=accepted,
        **{**given, **more},  # type: ignore[arg-type]  # by name, as the test says
    )


@pytest.fixture
async def conn(database: str) -> AsyncConnection:
    """A connection to a record with one gateway, in autocommit."""
    async with await connection.connect(database) as made:
        await plants.register(made)
    return await connection.connect(database, autocommit=True)


async def rows(conn: AsyncConnection, *, hours: int = 0) -> list[gateway_history.Span]:
    return await gateway_history.spans(
        conn,
        "gw",
        start=NOON - timedelta(days=30),
        end=NOON + timedelta(days=30),
        hours=hours,
        limit=5000,
    )


async def test_batches_of_a_minute_add_up_and_the_clocks_error_keeps_its_extremes(
    conn: AsyncConnection,
) -> None:
    for second, error in ((1, -0.5), (30, 2.0), (59, None)):
        one = seen(NOON + timedelta(seconds=second), clock_error_s=error, lost=1, rejected=2)
        await gateway_history.add(conn, [one])
    await gateway_history.add(conn, [seen(NOON + timedelta(seconds=61))])
    first, second_minute = await rows(conn)
    assert first == (NOON, 3, 30, 6, 3, 2.0, -0.5, 2.0)
    assert second_minute[:3] == (NOON + timedelta(minutes=1), 1, 10)
    assert second_minute[5:] == (None, None, None)
    await conn.close()


async def test_a_gateway_that_is_not_registered_spoils_no_batch(conn: AsyncConnection) -> None:
    stranger = Seen(
        gateway="nobody", received=0, clock_error_s=None, newest_seq=None,
        messages=1, accepted=0, rejected=1, lost=0,
    )  # fmt: skip
    await gateway_history.add(conn, [stranger, seen(NOON)])
    assert len(await rows(conn)) == 1
    await conn.close()


async def test_old_minutes_become_hours_and_no_message_is_counted_twice_or_lost(
    conn: AsyncConnection,
) -> None:
    for minute in range(180):
        at = NOON + timedelta(minutes=minute)
        await gateway_history.add(conn, [seen(at, clock_error_s=float(minute))])
    for minute in range(0, 200, 7):
        now = NOON + gateway_history.KEPT_MINUTES + timedelta(minutes=minute)
        await gateway_history.condense(conn, now=instants.from_datetime(now))
    minutes, hours = await rows(conn), await rows(conn, hours=1)
    assert minutes == []
    assert [(span.at.hour, span.messages, span.accepted) for span in hours] == [
        (12, 60, 600),
        (13, 60, 600),
        (14, 60, 600),
    ]
    assert hours[0][5:] == (59.0, 0.0, 59.0)
    (day,) = await rows(conn, hours=24)
    assert (day.messages, day.clock_low_s, day.clock_high_s) == (180, 0.0, 179.0)
    await conn.close()


async def test_an_hour_asked_for_counts_its_minutes_that_are_not_old_yet(
    conn: AsyncConnection,
) -> None:
    for minute in range(120):
        await gateway_history.add(conn, [seen(NOON + timedelta(minutes=minute))])
    now = NOON + gateway_history.KEPT_MINUTES + timedelta(minutes=90)
    await gateway_history.condense(conn, now=instants.from_datetime(now))
    assert len(await rows(conn)) == 30
    assert [span.messages for span in await rows(conn, hours=1)] == [60, 60]
    await conn.close()


async def test_rates_are_of_the_last_minute_and_the_last_fifteen(conn: AsyncConnection) -> None:
    for minute in range(20):
        await gateway_history.add(
            conn, [seen(NOON + timedelta(minutes=minute), messages=60, accepted=600)]
        )
    even = await gateway_history.rates(conn, "gw", now=NOON + timedelta(minutes=20))
    assert even == pytest.approx((1.0, 1.0, 10.0, 10.0))
    gone = await gateway_history.rates(conn, "gw", now=NOON + timedelta(minutes=25))
    assert gone.messages_1m == 0
    assert gone.messages_15m == pytest.approx(60 * 10 / 900)
    assert await gateway_history.rates(conn, "gw", now=NOON) == pytest.approx(
        (1.0, 60 / 900, 10.0, 600 / 900)
    )
    await conn.close()


async def test_a_batch_is_counted_with_what_it_brought_or_not_at_all(
    conn: AsyncConnection,
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with conn.transaction():
            await gateways.note_seen(conn, [seen(NOON)])
            await gateway_history.add(conn, [seen(NOON)])
            raise ZeroDivisionError
    assert await rows(conn) == []
    await conn.close()
