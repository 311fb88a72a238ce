"""A process that does what ingest does from its start until it could judge, and says when."""

import asyncio
import sys
import time

import msgspec

from alarms.storage import connection, writer
from ingest.pipeline import Pipeline


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """The record to recall."""

    database_url: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """When each step was done: its name, and seconds since 1970, in order."""

    steps: list[tuple[str, float]]


async def recalled(order: Order) -> Report:
    """Recall a record as the ingest role does at its start."""
    steps = [("started", time.time())]

    def done(name: str) -> None:
        steps.append((name, time.time()))

    pipeline = Pipeline(prefix="bench", steps=done)
    async with await connection.connect(order.database_url, autocommit=True) as conn:
        await writer.claim(conn)
        done("connected")
        await pipeline.recall(conn, now=time.time_ns() // 1000)
        done("live")
    return Report(steps=steps)


if __name__ == "__main__":
    wanted = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(recalled(wanted))))
