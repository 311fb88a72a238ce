"""Roll-ups: what is owed is noted with the readings, and settled beside them, exactly once.

The writer notes from which receipt and event time on buckets are touched, in the transaction that
stores the readings; once a minute it hands these notes over. Whoever rolls computes every touched
bucket anew from its readings and strikes the notes off in the same transaction. So late readings
count as if they had been in time, a kill costs work and nothing else, and no clock must be right.
An hour is put together from its minutes and a day from its hours, once they are over.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from psycopg import AsyncConnection, sql

from alarms import instants
from alarms.readings import JUDGED, QUALITY_MASK, Readings
from alarms.storage import partitions

ORIGIN: Final = datetime.fromisoformat("2000-01-01T00:00:00+08:00")
"""Where buckets are counted from: days are those of the site's clock, UTC+8."""
MINUTE: Final = timedelta(minutes=1)
STEPS: Final = {"1m": MINUTE, "1h": timedelta(hours=1), "1d": timedelta(days=1)}
"""The roll-ups, finest first, each made from the one before it and the first from readings."""
_MINUTE_US: Final = 60_000_000
_SETTLING_US: Final = 1_500_000
"""Notes are handed over so long after a minute's end: most of its readings have come by then."""
_AT_ONCE: Final = timedelta(hours=1)
"""Readings of so much receipt are rolled up in one transaction."""
_NEAR: Final = timedelta(minutes=10)
"""Buckets touched no farther back are found by one scan, those before by their points."""
_NEVER: Final = (1 << 63) - 1
_LOCK: Final = 0x726F6C6C_757073
"""Key of the roller's advisory lock: `rollups` in ASCII."""


class Owed(NamedTuple):
    """What notes stand in the record since the last handing over: least receipt and event time.

    All in Micros; `minute` is that of the last handing over.
    """

    received: int
    ts: int
    minute: int


NOTHING: Final = Owed(_NEVER, _NEVER, 0)


class Settled(NamedTuple):
    """What one transaction rolled up: buckets a step, and whether more is waiting."""

    buckets: dict[str, int]
    more: bool


class _Task(NamedTuple):
    """Roll up what was received from `first` to before `until` (None: all), not older than `ts`.

    `done` is how far buckets are complete before and `ending` after it.
    """

    last_id: int
    first: datetime
    until: datetime | None
    ts: datetime
    done: datetime | None
    ending: datetime | None


async def owe(conn: AsyncConnection, readings: Readings, owed: Owed) -> Owed:
    """Note that readings were stored, unless the notes that stand cover them; return what stands.

    What is returned holds once the transaction has committed.
    """
    if len(readings) == 0:
        return owed
    received, ts = int(readings.received.min()), int(readings.time.min())
    if received >= owed.received and ts >= owed.ts:
        return owed
    await conn.execute("insert into rollup_work (received, ts) values (%s, %s)", (received, ts))
    return Owed(min(received, owed.received), min(ts, owed.ts), owed.minute)


async def hand_over(conn: AsyncConnection, owed: Owed, *, now: int) -> Owed:
    """Hand the notes over when a minute is done (Micros); return what stands after the commit.

    Must not run beside a transaction that stores readings: the one writer calls both.
    """
    minute = (now - _SETTLING_US) // _MINUTE_US
    if minute == owed.minute:
        return owed
    await conn.execute(
        "update rollup_work set handed_at = %s where handed_at is null",
        (instants.to_datetime(now),),
    )
    return NOTHING._replace(minute=minute)


async def done(conn: AsyncConnection) -> datetime | None:
    """Return until when buckets are rolled up."""
    row = await (await conn.execute("select done from rollup_progress")).fetchone()
    return None if row is None else row[0]


async def settle(conn: AsyncConnection) -> Settled:
    """Roll up what was handed over, or an hour of it; the connection must be in autocommit.

    Where another process is at it, nothing is done: an older view must not overwrite a newer one.
    """
    task = await _task(conn)
    if task is None:
        return Settled({}, more=False)
    await _make_room(conn, task)
    async with conn.transaction():
        free = await conn.execute("select pg_try_advisory_xact_lock(%s)", (_LOCK,))
        if await free.fetchone() != (True,):
            return Settled({}, more=False)
        await conn.execute("set local work_mem = '64MB'; set local jit = off")
        buckets = {"1m": await _minutes(conn, task)}
        for child, parent in (("1m", "1h"), ("1h", "1d")):
            buckets[parent] = await _parents(conn, task, child, parent)
        await _strike_off(conn, task)
    return Settled(buckets, more=task.until is not None)


async def _task(conn: AsyncConnection) -> _Task | None:
    """Read what was handed over; 0 stands for the first reading there is."""
    row = await (
        await conn.execute(
            """
            select max(id), min(received), min(ts), max(handed_at),
                   (select done from rollup_progress), (select raw_since from rollup_progress)
              from rollup_work where handed_at is not null
            """
        )
    ).fetchone()
    if row is None or row[0] is None:
        return None
    last_id, received, ts, handed_at, before, raw_since = row
    if received == 0:
        oldest = await (
            await conn.execute("select min(received), min(ts) from reading")
        ).fetchone() or (None, None)
        first, since = oldest[0] or handed_at, oldest[1] or handed_at
    else:
        first, since = instants.to_datetime(received), instants.to_datetime(ts)
    whole = first + _AT_ONCE >= handed_at
    ending = max(_floor(handed_at, MINUTE), before or ORIGIN) if whole else before
    return _Task(
        last_id=last_id,
        first=first,
        until=None if whole else first + _AT_ONCE,
        ts=max(since, raw_since) if raw_since is not None else since,
        done=before,
        ending=ending,
    )


async def _make_room(conn: AsyncConnection, task: _Task) -> None:
    """Make the partitions that may be needed, before anything long begins."""
    first = min(task.ts, task.done or task.ts) - STEPS["1d"]
    last = (task.ending or task.until or task.first) + STEPS["1d"]
    for step in STEPS:
        await partitions.ensure(conn, f"reading_{step}", partitions.months_between(first, last))


async def _minutes(conn: AsyncConnection, task: _Task) -> int:
    """Compute every touched minute anew from its readings; they stay in the table `touched`."""
    await conn.execute(
        """
        create temporary table if not exists touched (point_id integer, bucket timestamptz)
            on commit delete rows
        """
    )
    near = _floor(task.first, MINUTE) - _NEAR
    values: dict[str, Any] = {
        "first": task.first,
        "until": task.until or "infinity",
        "ts": _floor(task.ts, MINUTE),
        "near": near,
        "mask": QUALITY_MASK,
        "judged": [int(quality) for quality in JUDGED],
        "origin": ORIGIN,
        "step": MINUTE,
    }
    await _run(conn, _TOUCH, values)
    await conn.execute("analyze touched")
    bounds = await (
        await conn.execute(
            """
            select min(bucket), max(bucket), min(bucket) filter (where bucket >= %(near)s),
                   max(bucket) filter (where bucket < %(near)s)
              from touched
            """,
            values,
        )
    ).fetchone()
    assert bounds is not None  # noqa: S101  # an aggregate has one row
    lowest, highest, near_from, far_to = bounds
    changed = 0
    if near_from is not None:
        values |= {"from": near_from, "to": highest + MINUTE}
        changed += await _run(conn, _ROLL.format(source=_BY_SCAN, keep=_KEEP), values)
    if far_to is not None:
        values |= {"from": lowest, "to": far_to + MINUTE}
        changed += await _run(conn, _ROLL.format(source=_BY_POINT, keep=_KEEP), values)
    return changed


async def _parents(conn: AsyncConnection, task: _Task, child: str, parent: str) -> int:
    """Put buckets together from finer ones: those that ended since, and earlier touched ones."""
    step = STEPS[parent]
    edge = None if task.done is None else _floor(task.done, step)
    ending = None if task.ending is None else _floor(task.ending, step)
    values: dict[str, Any] = {
        "step": step,
        "finer": STEPS[child],
        "origin": ORIGIN,
        "edge": edge or "-infinity",
        "to": ending,
    }
    names = {
        "child": sql.Identifier(f"reading_{child}"),
        "parent": sql.Identifier(f"reading_{parent}"),
        "keep": _KEEP,
    }
    changed = 0
    if ending is not None and (edge is None or edge < ending):
        gather = _GATHER.format(source=_ENDED.format(**names), **names)
        changed += await _run(conn, gather, values)
    if edge is not None:
        gather = _GATHER.format(source=_TOUCHED.format(**names), **names)
        changed += await _run(conn, gather, values)
    return changed


async def _strike_off(conn: AsyncConnection, task: _Task) -> None:
    """Note how far the work has come; it is one with the transaction."""
    if task.until is None:
        await conn.execute(
            "delete from rollup_work where id <= %s and handed_at is not null", (task.last_id,)
        )
    else:
        await conn.execute(
            """
            update rollup_work set received = greatest(received, %s), ts = greatest(ts, %s)
             where id <= %s and handed_at is not null
            """,
            (
                instants.from_datetime(task.until),
                instants.from_datetime(task.ts),
                task.last_id,
            ),
        )
    await conn.execute("update rollup_progress set done = greatest(done, %s)", (task.ending,))


def _floor(moment: datetime, step: timedelta) -> datetime:
    """Return the beginning of the bucket a moment is in."""
    return ORIGIN + (moment - ORIGIN) // step * step


async def _run(conn: AsyncConnection, query: sql.SQL | sql.Composed, values: dict[str, Any]) -> int:
    """Run a statement that is planned for its values; return how many rows it changed."""
    cursor = await conn.execute(query, values, prepare=False)
    return cursor.rowcount


_TOUCH: Final = sql.SQL(
    """
    insert into touched
    select distinct point_id, date_bin(%(step)s, ts, %(origin)s) from reading
     where received >= %(first)s and received < %(until)s and ts >= %(ts)s
       and quality & %(mask)s = any(%(judged)s)
    """
)
_BY_SCAN: Final = sql.SQL(
    """
    touched t join reading r on r.point_id = t.point_id
       and date_bin(%(step)s, r.ts, %(origin)s) = t.bucket
     where t.bucket >= %(near)s and r.ts >= %(from)s and r.ts < %(to)s
       and r.quality & %(mask)s = any(%(judged)s)
    """
)
_BY_POINT: Final = sql.SQL(
    """
    touched t cross join lateral (
         select ts, value from reading
          where point_id = t.point_id and ts >= t.bucket and ts < t.bucket + %(step)s
            and ts >= %(from)s and ts < %(to)s and quality & %(mask)s = any(%(judged)s)
          offset 0
    ) r where t.bucket < %(near)s
    """
)
_ROLL: Final = sql.SQL(
    """
    insert into reading_1m as kept
           (point_id, bucket, first_at, sum, min, max, first, last, mean, count)
    select point_id, bucket, min(ts), sum(value), min(value), max(value),
           min(value) filter (where before is null), min(value) filter (where after is null),
           sum(value * date_part('epoch', coalesce(after, bucket + %(step)s) - ts))
               / date_part('epoch', bucket + %(step)s - min(ts)),
           count(*)
      from (select t.point_id, t.bucket, r.ts, r.value, lag(r.ts) over w as before,
                   lead(r.ts) over w as after
              from {source}
            window w as (partition by t.point_id, t.bucket order by r.ts)) each
     group by point_id, bucket
    {keep}
    """
)
_ENDED: Final = sql.SQL(
    """
    (select *, date_bin(%(step)s, bucket, %(origin)s) as whole from {child}
      where bucket >= %(edge)s and bucket < %(to)s) finer
    """
)
_TOUCHED: Final = sql.SQL(
    """
    (select distinct point_id, date_bin(%(step)s, bucket, %(origin)s) as whole from touched
      where bucket < %(edge)s) t
      cross join lateral (
           select f.*, t.whole from {child} f
            where f.point_id = t.point_id and f.bucket >= t.whole
              and f.bucket < t.whole + %(step)s and f.bucket < %(edge)s
            offset 0
      ) finer
    """
)
_GATHER: Final = sql.SQL(
    """
    insert into {parent} as kept
           (point_id, bucket, first_at, sum, min, max, first, last, mean, count)
    select point_id, whole, min(first_at), sum(sum), min(min), max(max),
           min(first) filter (where before is null), min(last) filter (where after is null),
           sum(mean * date_part('epoch', bucket + %(finer)s - first_at)
               + last * date_part('epoch', coalesce(after, whole + %(step)s) - bucket - %(finer)s))
               / date_part('epoch', whole + %(step)s - min(first_at)),
           sum(count)
      from (select finer.*, lag(first_at) over w as before, lead(first_at) over w as after
              from {source}
            window w as (partition by finer.point_id, finer.whole order by bucket)) each
     group by point_id, whole
    {keep}
    """
)
_KEEP: Final = sql.SQL(
    """
    on conflict (point_id, bucket) do update
       set first_at = excluded.first_at, sum = excluded.sum, min = excluded.min,
           max = excluded.max, first = excluded.first, last = excluded.last,
           mean = excluded.mean, count = excluded.count
     where kept.count <> excluded.count
    """
)
"""Readings are only ever added: a bucket with as many as before is as it was."""


def tables() -> Sequence[str]:
    """Return the names of the tables, finest first."""
    return [f"reading_{step}" for step in STEPS]
