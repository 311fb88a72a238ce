"""Alarms put into the record as the engine would, for tests of what the record keeps of them."""

from psycopg import AsyncConnection

from alarms.alarm import Kind, ProcessEvent, Subject, Tier, Transition
from alarms.storage import alarms

NOON = 1_763_712_000_000_000
SECOND = 1_000_000


def event(
    change: Transition, at_s: int, *, tag: str = "T1", tier: Tier = Tier.yellow, until_s: int = 0
) -> ProcessEvent:
    """Build what the engine would say of a point's high limit."""
    return ProcessEvent(
        subject=Subject(key=f"E1/{tag}", region="510603", enterprise="E1", point=tag, name=tag),
        rule="limit.high",
        kind=Kind.limit,
        change=change,
        tier=tier,
        t_change=NOON + at_s * SECOND,
        t_event=NOON + at_s * SECOND,
        t_received=NOON + (at_s + 1) * SECOND,
        t_end=NOON + until_s * SECOND if until_s else None,
        value=9.0,
        limit=8.0,
    )


async def apply(conn: AsyncConnection, *events: ProcessEvent) -> int:
    """Apply events in a transaction of their own; return how many rows that made."""
    async with conn.transaction():
        return await alarms.apply_events(conn, events, now=NOON + 100 * SECOND)
