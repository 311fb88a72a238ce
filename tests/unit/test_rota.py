"""Parts of memory are saved by time and by readings, whichever asks sooner, the oldest first."""

from dataclasses import replace

import numpy as np
import pytest

from alarms.engine import Engine
from alarms.memory import CHUNK_BITS, ROUND_READINGS, ROUND_US, Recollection, Rota
from alarms.proposal import LastReadings
from tests.unit import plants

CHUNKS = 4


def engine() -> Engine:
    """Return an engine whose points lie in a chunk each."""
    points = [plants.point(f"T{number}") for number in range(CHUNKS)]
    plant = replace(plants.plant(points), point_ids=[n << CHUNK_BITS for n in range(CHUNKS)])
    return Engine.build(plant, states=(), last=LastReadings.never(CHUNKS), started=plants.START)


@pytest.mark.parametrize(
    ("lasting", "stored"), [(ROUND_US, 0), (ROUND_US // 4, ROUND_READINGS), (1, ROUND_READINGS)]
)
def test_every_chunk_is_saved_once_a_round_of_time_or_of_readings(
    lasting: int, stored: int
) -> None:
    rota = Rota(engine(), now=0, fresh=False)
    ticks = [
        {part.chunk for part in rota.due(tick * lasting // 64, stored=stored // 64)}
        for tick in range(1, 65)
    ]
    turns = [chunks for chunks in ticks if chunks]
    assert turns[:3] == [{0}, {1}, {2}]


def test_a_start_goes_on_with_the_chunk_that_was_saved_the_longest_ago() -> None:
    rota = Rota(engine(), now=0, fresh=True, saved=(2, 3, 0, 1))
    order = list(dict.fromkeys(part.chunk for part in rota.due(0, stored=0)))
    assert order == [2, 3, 0, 1]


def test_what_was_kept_of_a_point_that_is_gone_is_put_back_to_no_other() -> None:
    before, after = engine(), engine()
    gone = 1 + max(before.plant.point_ids)
    part = next(Rota(before, now=0, fresh=True).due(0, stored=0))
    stale = np.frombuffer(part.records, before.newest.records.dtype).copy()
    stale["time"] = plants.START
    ids = np.full(1, gone, np.int32)
    Recollection(after).put(replace(part, ids=ids, records=stale.tobytes()))
    assert (after.newest.time == before.newest.time).all()
