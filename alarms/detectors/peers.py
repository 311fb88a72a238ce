"""What sensors of one unit and quantity tell about each other: one copies, one drifts away.

Readings are averaged over buckets of event time. Two sensors are compared in a bucket once both
have left it behind, so the verdict does not depend on whose readings arrive first, as long as one
lags the other by no more than RING buckets.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alarms.compiled import kernel
from alarms.readings import Instants, Values

RING: Final = 8
"""Buckets remembered of each sensor after it has left them."""
PEERS: Final = 2
"""Peers after a sensor in its group with which it keeps a pair."""
LINKS: Final = 2 * PEERS

MEMORY: Final = np.dtype(
    [
        ("bucket", "i8"),
        ("total", "f8"),
        ("count", "i8"),
        ("closed", "i8", (RING,)),
        ("mean", "f8", (RING,)),
        ("other", "u4", (PEERS,)),
        ("pairs", "i4", (PEERS,)),
        ("changes", "i4", (PEERS,)),
        ("state", "i4", (PEERS,)),
        ("stir", "i4", (PEERS,)),
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
    ]
)
"""What is remembered of a sensor that has peers, and of its pairs; all zero: nothing seen.

`total` and `count` fill the open `bucket` (number since 1970); `closed` and `mean` are those before
it. Of each pair: `other` names the peer; `pairs` and `changes` are counts; `own`, `theirs` the last
means; `stride` the last change; `usual` and `spread` the learned distance; `low` and `high` how far
each has moved meanwhile; `up` and `down` leaky sums; `share` of changes that agree; `state` bits,
told for `stir` more buckets.
"""

COPIED: Final = 1
UP: Final = 2
DOWN: Final = 4

CHANGES: Final = 30
"""Changes seen before copying is judged."""
AGREE: Final = 0.9
"""Share of changes that agree to a millionth from which one sensor copies the other."""
LEARN: Final = 300
"""Buckets after which the usual distance and its spread may be known."""
TOGETHER: Final = 10.0
"""Spreads that both sensors must have moved meanwhile: only then do they follow one process."""
SLACK: Final = 2.0
"""Spreads of distance that count for nothing."""
DRIFTED: Final = 60.0
"""Sum of what goes beyond the slack from which a pair has drifted apart."""

FINDING: Final = np.dtype(
    [
        ("place", "i4"),
        ("slot", "i4"),
        ("pair", "i4"),
        ("state", "i4"),
        ("bucket", "i8"),
        ("distance", "f8"),
        ("usual", "f8"),
        ("share", "f4"),
    ]
)
"""What a bucket says of a pair: of sensor `slot` with its peer number `pair`."""

LINGER: Final = 64
"""Buckets for which a pair is still told of after its state has become 0."""

_LEAK: Final = 1 / 200
_BRIEF: Final = 1 / 32
_CLIP: Final = 4.0
_MOST: Final = 2_000
_SAME: Final = 1e-6
_ROUNDING: Final = 1e-12


@kernel
def walk(
    memory: NDArray[np.void],
    width: NDArray[np.int64],
    links: NDArray[np.int32],
    names: NDArray[np.uint32],
    drifts: NDArray[np.bool_],
    slots: NDArray[np.int32],
    time: Instants,
    value: Values,
    findings: NDArray[np.void],
) -> int:
    """Learn from readings in order of receipt, compare closed buckets, return how many findings.

    `memory` changes in place: the engine adopts what follows or is built anew. `width` is a bucket
    in Micros; `links`, shape (k, LINKS, 3), holds for each sensor its peer, the slot that keeps the
    pair and the pair's number there (-1: none), `names`, shape (k, PEERS), the peers' names,
    `drifts` whether distance means anything. Every bucket of a pair whose state is not 0 makes a
    finding, and LINGER after it. A slot of -1 is passed over; NaN is calibration:
    its bucket is void and the usual distance is learned anew. With no room it only learns.
    """
    count = 0
    room = len(findings)
    for i in range(len(slots)):
        s = slots[i]
        if s < 0:
            continue
        m = memory[s]
        bucket = time[i] // width[s]
        if bucket == m["bucket"]:
            m["total"] = m["total"] + value[i]
            m["count"] = m["count"] + 1
            continue
        left = m["bucket"]
        mean = m["total"] / m["count"] if m["count"] > 0 else np.nan
        m["bucket"] = bucket
        m["total"] = value[i]
        m["count"] = 1
        if left == 0:
            continue
        m["closed"][left % RING] = left
        m["mean"][left % RING] = mean
        for k in range(LINKS):
            peer = links[s, k, 0]
            if peer < 0:
                continue
            if memory[peer]["closed"][left % RING] != left:
                continue
            keeper = links[s, k, 1]
            j = links[s, k, 2]
            theirs = memory[peer]["mean"][left % RING]
            a, b = (mean, theirs) if keeper == s else (theirs, mean)
            p = memory[keeper]
            if p["other"][j] != names[keeper, j]:
                p["other"][j] = names[keeper, j]
                p["pairs"][j] = 0
                p["changes"][j] = 0
                p["state"][j] = 0
                p["stir"][j] = 0
                p["own"][j] = np.nan
                p["theirs"][j] = np.nan
            state = np.int64(p["state"][j])
            step_a = a - p["own"][j]
            step_b = b - p["theirs"][j]
            p["own"][j] = a
            p["theirs"][j] = b
            if not (a == a and b == b):
                p["pairs"][j] = 0
                p["up"][j] = 0.0
                p["down"][j] = 0.0
                continue

            # Copied: every change of one is the other's; equal strides say nothing twice.
            share: float = np.float64(p["share"][j])
            rounding = _ROUNDING * max(abs(a), abs(b))
            scale = max(abs(step_a), abs(step_b))
            if scale > 1e3 * rounding and abs(step_a - p["stride"][j]) > _SAME * scale:
                agrees = abs(step_a - step_b) <= _SAME * scale + rounding
                changes = np.int64(p["changes"][j])
                if changes == 0:
                    share = 0.0
                share += max(_BRIEF, 1.0 / (changes + 1.0)) * ((1.0 if agrees else 0.0) - share)
                p["changes"][j] = min(changes + 1, _MOST)
                p["share"][j] = share
                p["stride"][j] = step_a
            least = AGREE / 2.0 if state & COPIED else AGREE
            new = COPIED if p["changes"][j] >= CHANGES and share >= least else 0

            # Drifting: leaky sums of what their distance exceeds its habit by (CUSUM).
            pairs = np.int64(p["pairs"][j])
            gap = a - b
            if pairs == 0:
                p["usual"][j] = gap
                p["spread"][j] = 0.0
                p["low"][j, 0] = p["high"][j, 0] = a
                p["low"][j, 1] = p["high"][j, 1] = b
                p["up"][j] = 0.0
                p["down"][j] = 0.0
            usual = p["usual"][j]
            spread = np.float64(p["spread"][j])
            moved = min(
                np.float64(p["high"][j, 0]) - np.float64(p["low"][j, 0]),
                np.float64(p["high"][j, 1]) - np.float64(p["low"][j, 1]),
            )
            sigma = 1.25 * spread + 1e-3 * moved
            off = gap - usual
            if drifts[s]:
                if pairs < LEARN or moved < TOGETHER * 1.25 * spread:
                    gain = 1.0 / (pairs + 1.0)
                    if pairs > LEARN // 10:
                        off = min(max(off, -_CLIP * sigma), _CLIP * sigma)
                    p["usual"][j] = usual + gain * off
                    p["spread"][j] = spread + gain * (abs(off) - spread)
                    p["low"][j, 0] = min(np.float64(p["low"][j, 0]), a)
                    p["high"][j, 0] = max(np.float64(p["high"][j, 0]), a)
                    p["low"][j, 1] = min(np.float64(p["low"][j, 1]), b)
                    p["high"][j, 1] = max(np.float64(p["high"][j, 1]), b)
                    p["pairs"][j] = min(pairs + 1, _MOST)
                elif sigma > 0.0:
                    z = min(max(off / sigma, -_CLIP), _CLIP)
                    up = max((1.0 - _LEAK) * np.float64(p["up"][j]) + z - SLACK, 0.0)
                    down = max((1.0 - _LEAK) * np.float64(p["down"][j]) - z - SLACK, 0.0)
                    p["up"][j] = up = min(up, 2.0 * DRIFTED)
                    p["down"][j] = down = min(down, 2.0 * DRIFTED)
                    material = abs(off) > 3.0 * sigma and abs(off) > 0.02 * moved
                    if (up >= DRIFTED and material) or (state & UP and up > DRIFTED / 2.0):
                        new |= UP
                    if (down >= DRIFTED and material) or (state & DOWN and down > DRIFTED / 2.0):
                        new |= DOWN
            p["state"][j] = new
            stir = LINGER if new else p["stir"][j]
            p["stir"][j] = max(stir - 1, 0)
            if room > 0 and stir > 0:
                f = findings[count]
                f["place"] = i
                f["slot"] = keeper
                f["pair"] = j
                f["state"] = new
                f["bucket"] = left
                f["distance"] = gap
                f["usual"] = usual
                f["share"] = share
                count += 1
    return count


def fresh(sensors: int) -> NDArray[Any]:
    """Return the memory of so many sensors of which nothing has been seen."""
    return np.zeros(sensors, MEMORY)
