"""What is remembered of sensors that have peers, of their pairs and of their groups."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alarms.compiled import kernel
from alarms.readings import Instants

RING: Final = 8
"""Buckets remembered of each sensor, the newest among them."""
PEERS: Final = 2
"""Peers after a sensor in its group with which it keeps a pair."""
COUNTED: Final = 2_000
"""Buckets and changes of a pair are counted up to so many."""

MEMORY: Final = np.dtype(
    [
        ("newest", "u4"),
        ("compared", "u4"),
        ("total", "f8"),
        ("rest", "f8"),
        ("rest_before", "f8"),
        ("count", "i4"),
        ("bucket", "u4", (RING,)),
        ("counts", "i4", (RING,)),
        ("other", "u4", (PEERS,)),
        ("pairs", "i4", (PEERS,)),
        ("changes", "i4", (PEERS,)),
        ("state", "u1", (PEERS,)),
        ("stir", "u1", (PEERS,)),
        ("totals", "f8", (RING,)),
        ("own", "f8", (PEERS,)),
        ("theirs", "f8", (PEERS,)),
        ("stride", "f8", (PEERS,)),
        ("usual", "f8", (PEERS,)),
        ("spread", "f4", (PEERS,)),
        ("low", "f4", (PEERS, 2)),
        ("high", "f4", (PEERS, 2)),
        ("up", "f4", (PEERS,)),
        ("down", "f4", (PEERS,)),
        ("share", "f4", (PEERS,)),
        ("last", "f8"),
        ("move", "f8"),
        ("twin_stride", "f8"),
        ("last_at", "u4"),
        ("twin", "u4"),
        ("back", "i4"),
        ("twin_changes", "i4"),
        ("twin_share", "f4"),
        ("twin_chance", "f4"),
        ("twin_state", "u1"),
        ("twin_stir", "u1"),
    ]
)
"""What is remembered of a sensor that has peers, and of its pairs; all zero: nothing seen.

A bucket has the number of its width since 1970. `newest` is that of the newest reading, `total` and
`count` are of its readings, `rest` is what rounding took from the total. `bucket`, `totals` and
`counts` are of those before it, each in the place of its number in a ring, `rest_before` is of the
one just before. `compared` is the last bucket in which the group was compared.
Of each pair: `other` names the peer; `pairs` and `changes` are counts; `own`, `theirs` the last
means; `stride` the last change; `usual` and `spread` the learned distance; `low` and `high` how far
each has moved meanwhile; `up` and `down` leaky sums; `share` of changes that agree; `state` bits,
told for `stir` more buckets.
In a group too large for all to be peers: `last` is the mean of bucket `last_at`, `move` its change
from the one before (NaN: not known). `twin` names the sensor, `back` places before it in the group,
that changes as it does (0: none is known); `twin_*` are as for a pair, and `twin_chance` is the
share of changes that agree with those of any other.
"""

GROUP: Final = np.dtype(
    [
        ("first", "i4"),
        ("size", "i4"),
        ("next", "i8"),
        ("newest", "i8"),
        ("awaited", "i4"),
        ("drifts", "?"),
    ]
)
"""A group of peers, the sensors `first` and those after it, and how far it is.

`next` is the bucket to be compared next, `newest` that of its newest reading, `awaited` a sensor
that has still to come to the second bucket after `next`. `drifts` says that distance means
anything. All but the first two and the last follow from memory (`find`).
"""


def fresh(sensors: int) -> NDArray[Any]:
    """Return the memory of so many sensors of which nothing has been seen."""
    return np.zeros(sensors, MEMORY)


@kernel
def find(groups: NDArray[np.void], memory: NDArray[np.void]) -> None:
    """Find in the memory of its sensors how far each group is."""
    for i in range(len(groups)):
        group = groups[i]
        compared = newest = np.int64(0)
        for s in range(group["first"], group["first"] + group["size"]):
            compared = max(compared, np.int64(memory[s]["compared"]))
            newest = max(newest, np.int64(memory[s]["newest"]))
        group["next"] = compared + 1
        group["newest"] = newest
        awaited = group["first"]
        last = group["first"] + group["size"] - 1
        while awaited < last and memory[awaited]["newest"] >= group["next"] + 2:
            awaited += 1
        group["awaited"] = awaited


def forget(memory: NDArray[np.void], border: Instants) -> None:
    """Forget the readings of each sensor's buckets from the number `border` on."""
    memory["bucket"][memory["bucket"] >= border[:, None]] = 0
    begun = memory["newest"] >= border
    for name in ("total", "rest", "count"):
        memory[name][begun] = 0
