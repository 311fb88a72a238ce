"""Reads what PostgreSQL sends of readings in binary, whole columns at a time."""

from collections.abc import AsyncIterator, Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncConnection, sql

from alarms.plant import Plant
from alarms.readings import Readings
from alarms.storage.readings import POSTGRES_EPOCH_US, ROW

PACKED: Final = """
    string_agg(timestamptz_send(ts), '') as ts, string_agg(timestamptz_send(received), ''),
    string_agg(float8send(value), ''), string_agg(int4send(point_id), ''),
    string_agg(int2send(quality), '')
    """
"""SQL aggregates that pack readings, a column each: what `Unpacked.readings` takes. All meet the
same rows in the same order."""
_TYPES: Final = (">i8", ">i8", ">f8", ">i4", ">i2")
_HEADER: Final = 19
_TRAILER: Final = 2
_CHUNK: Final = 1 << 16


class Unpacked:
    """Readings of a plant as they come out of the record."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant

    async def copied(
        self, conn: AsyncConnection, statement: sql.Composed
    ) -> AsyncIterator[Readings]:
        """Run `copy (select ts, received, value, point_id, quality …) to stdout (format binary)`.

        Yields blocks in the statement's order; points registered no more are left out.
        """
        waiting = bytearray()
        skip = _HEADER
        async with conn.cursor() as cursor, cursor.copy(statement) as copy:
            async for block in copy:
                waiting += block
                if len(waiting) >= skip + _CHUNK * ROW.itemsize:
                    whole = (len(waiting) - skip) // ROW.itemsize * ROW.itemsize
                    yield self._of_rows(np.frombuffer(bytes(waiting[skip : skip + whole]), ROW))
                    del waiting[: skip + whole]
                    skip = 0
        if len(waiting) > skip + _TRAILER:
            yield self._of_rows(np.frombuffer(bytes(waiting[skip:-_TRAILER]), ROW))

    async def asked(self, conn: AsyncConnection, statement: sql.Composed) -> Readings:
        """Run `select ts, received, value, point_id, quality …` and return all it finds.

        They come point by point, in no order; points registered no more are left out.
        """
        packed = sql.SQL("select {} from ({}) r group by point_id")
        async with conn.cursor(binary=True) as cursor:
            await cursor.execute(packed.format(sql.SQL(PACKED), statement))
            return self.readings(await cursor.fetchall())

    def readings(self, packed: Iterable[tuple[bytes, ...]]) -> Readings:
        """Return what PACKED made of readings; points registered no more are left out."""
        whole = [b"".join(each) for each in zip(*packed, strict=True)] or [b""] * len(_TYPES)
        return self._of(*map(np.frombuffer, whole, _TYPES))

    def _of(
        self,
        ts: NDArray[np.int64],
        received: NDArray[np.int64],
        value: NDArray[np.float64],
        point: NDArray[np.int32],
        quality: NDArray[np.int16],
    ) -> Readings:
        """Return columns as PostgreSQL sends them, whatever their order of bytes, as readings."""
        time = ts.astype(np.int64) + POSTGRES_EPOCH_US
        found = Readings(
            point=self._plant.rows_with(point),
            time=time,
            value=value.astype(np.float64),
            quality=quality.astype(np.int16),
            received=received.astype(np.int64) + POSTGRES_EPOCH_US,
            stamp=time,
        )
        known = found.point >= 0
        return found if known.all() else found.take(known)

    def _of_rows(self, rows: NDArray[np.void]) -> Readings:
        return self._of(*(rows[name] for name in ("ts", "received", "value", "point", "quality")))
