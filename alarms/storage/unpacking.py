"""Reads what PostgreSQL sends of readings in binary, whole columns at a time."""

from collections.abc import AsyncIterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncConnection, sql

from alarms.plant import Plant
from alarms.readings import Readings
from alarms.storage.readings import POSTGRES_EPOCH_US, ROW

PACKED: Final = (
    "timestamptz_send(ts) || timestamptz_send(received) || float8send(value)"
    " || int4send(point_id) || int2send(quality)"
)
"""SQL expression that packs a reading; `string_agg` of it is what `Unpacked.readings` takes."""
_PACKED_ROW: Final = np.dtype(
    [("ts", ">i8"), ("received", ">i8"), ("value", ">f8"), ("point", ">i4"), ("quality", ">i2")]
)
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
                    yield self._of(np.frombuffer(bytes(waiting[skip : skip + whole]), ROW))
                    del waiting[: skip + whole]
                    skip = 0
        if len(waiting) > skip + _TRAILER:
            yield self._of(np.frombuffer(bytes(waiting[skip:-_TRAILER]), ROW))

    async def asked(self, conn: AsyncConnection, statement: sql.Composed) -> Readings:
        """Run `select ts, received, value, point_id, quality …` and return all it finds.

        They come point by point, in no order; points registered no more are left out.
        """
        packed = sql.SQL("select string_agg({}, '') from ({}) r group by point_id")
        async with conn.cursor(binary=True) as cursor:
            await cursor.execute(packed.format(sql.SQL(PACKED), statement))
            return self.readings(b"".join([block async for (block,) in cursor]))

    def readings(self, packed: bytes) -> Readings:
        """Return what PACKED made of readings; points registered no more are left out."""
        return self._of(np.frombuffer(packed, _PACKED_ROW))

    def _of(self, columns: NDArray[np.void]) -> Readings:
        time = columns["ts"].astype(np.int64) + POSTGRES_EPOCH_US
        found = Readings(
            point=self._plant.rows_with(columns["point"]),
            time=time,
            value=columns["value"].astype(np.float64),
            quality=columns["quality"].astype(np.int16),
            received=columns["received"].astype(np.int64) + POSTGRES_EPOCH_US,
            stamp=time,
        )
        return found.take(found.point >= 0)
