"""What sensors of one unit and quantity tell about each other: one copies, one drifts away.

Readings are averaged over buckets of event time. Sensors are compared in a bucket, all of their
group at once, when none of them can add to it any more: each has come to the second bucket after
it. So the verdict does not depend on whose readings arrive first, nor on the order of one sensor's
own, as long as a reading comes no later behind a newer one of its sensor than a bucket lasts, and
no sensor lags another by more than RING - 3 buckets. One that is silent is waited for so long.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.compiled import kernel
from alarms.detectors.copying import CHANGES, LINGER, WIDE, compared, move, repeats, shared, watch
from alarms.detectors.peer_memory import COUNTED, MEMORY, PEERS, RING
from alarms.lines import LINE, PACE, begins, fetch
from alarms.readings import Instants, Values

COPIED: Final = 1
UP: Final = 2
DOWN: Final = 4

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
        ("back", "i4"),
    ]
)
"""What a bucket says of a pair: of sensor `slot` with its peer number `pair`, or its TWIN.

A twin lies `back` places before the sensor.
"""

TWIN: Final = PEERS
"""The number of a sensor's pair with its twin (copying)."""
MOST: Final = 2 * RING * (PEERS + 1)
"""Findings that one reading can bring for each sensor of its group."""

_COUNT: Final = begins(MEMORY, "count")
_SIZE: Final = MEMORY.itemsize
_LEAK: Final = 1 / 200
_CLIP: Final = 4.0


@kernel
def walk(
    memory: NDArray[np.void],
    groups: NDArray[np.void],
    group_of: NDArray[np.int32],
    width: NDArray[np.int64],
    names: NDArray[np.uint32],
    slots: NDArray[np.int32],
    time: Instants,
    value: Values,
    start: int,
    findings: NDArray[np.void],
) -> tuple[int, int]:
    """Learn from readings from place `start` on; return how many findings, and where it stopped.

    `memory` and `groups` change in place: the engine adopts what follows or is built anew. Along
    the sensors, `group_of` is the place of each one's group, `width` a bucket in Micros and
    `names`, shape (k, PEERS), names the peers of the pairs each one keeps, 0: none. Every bucket of
    a pair whose state is not 0 makes a finding, and LINGER after it: those of one bucket and group
    lie together. Where the room for them may not last it stops; with none it only learns. A slot
    of -1 is passed over; NaN is calibration: its bucket is void and the usual distance is learned
    anew.
    """
    count = 0
    room = len(findings)
    for i in range(start, len(slots)):
        _fetch(memory, groups, group_of, width, slots, time, i)
        s = slots[i]
        if s < 0:
            continue
        m = memory[s]
        bucket = time[i] // width[s]
        if bucket != m["newest"]:
            if bucket <= m["compared"] or bucket + 1 < m["newest"]:
                continue
            if bucket < m["newest"]:
                _add_before(m, bucket, value[i])
                continue
            group = groups[group_of[s]]
            if 0 < room < count + MOST * group["size"]:
                return count, i
            _leave(m, bucket)
            # A bucket RING behind is compared, whoever may still be missing: its place is needed.
            while s == group["awaited"] or group["next"] + RING <= bucket:
                if group["next"] + RING > bucket:
                    end = group["first"] + group["size"]
                    while s < end and memory[s]["newest"] >= group["next"] + 2:
                        s += 1
                    if s < end:
                        group["awaited"] = s
                        break
                elif group["next"] > group["newest"]:
                    group["next"] = bucket - RING
                count = _compare(memory, names, group, i, findings, count)
                group["awaited"] = s = group["first"]
            if bucket > group["newest"]:
                group["newest"] = bucket
        m["total"], m["rest"] = _sum(m["total"], m["rest"], value[i])
        m["count"] += 1
    return count, len(slots)


@kernel
def _fetch(
    memory: NDArray[np.void],
    groups: NDArray[np.void],
    group_of: NDArray[np.int32],
    width: NDArray[np.int64],
    slots: NDArray[np.int32],
    time: Instants,
    now: int,
) -> None:
    """Ask for what the readings to come need, and for more of it where a bucket begins.

    `now` is the place of the reading at hand.
    """
    if now + 3 * PACE < len(slots):
        s = slots[now + 3 * PACE]
        fetch(memory, s, 0)
        fetch(memory, s, _COUNT)
        fetch(width, s, 0)
    for part in range(2, 0, -1):
        if now + part * PACE < len(slots):
            s = slots[now + part * PACE]
            if s >= 0 and time[now + part * PACE] // width[s] != memory[s]["newest"]:
                if part == 1:
                    fetch(groups, group_of[s], 0)
                    continue
                fetch(group_of, s, 0)
                for byte in range(LINE, _SIZE, LINE):
                    fetch(memory, s, byte)


@kernel
def _add_before(m: np.void, bucket: int, value: float) -> None:
    """Let a sensor learn a reading of the bucket before its newest."""
    at = bucket % RING
    if m["bucket"][at] != bucket:
        m["bucket"][at] = bucket
        m["totals"][at] = m["rest_before"] = 0.0
        m["counts"][at] = 0
    m["totals"][at], m["rest_before"] = _sum(m["totals"][at], m["rest_before"], value)
    m["counts"][at] += 1


@kernel
def _leave(m: np.void, bucket: int) -> None:
    """Put a sensor's newest bucket in the ring, where it holds anything, and begin another."""
    if m["count"] > 0:
        at = m["newest"] % RING
        m["bucket"][at] = m["newest"]
        m["totals"][at] = m["total"]
        m["counts"][at] = m["count"]
        m["rest_before"] = m["rest"]
    m["newest"] = bucket
    m["total"] = m["rest"] = 0.0
    m["count"] = 0


@kernel
def _sum(total: float, rest: float, value: float) -> tuple[float, float]:
    """Add to a total and what rounding took from it: Knuth's two-sum, then Dekker's.

    Both are exact, and so the same in any order, as long as the readings of a bucket are within
    2^40 (a million million) of one another, zeros apart.
    """
    first = total + value
    part = first - total
    rest += (total - (first - part)) + (value - part)
    second = first + rest
    return second, rest - (second - first)


@kernel
def _mean(m: np.void, bucket: np.int64) -> tuple[bool, float]:
    """Return whether a sensor has readings in a bucket, and their mean."""
    if m["newest"] == bucket and m["count"] > 0:
        return True, m["total"] / m["count"]
    at = bucket % RING
    if m["bucket"][at] == bucket:
        return True, m["totals"][at] / m["counts"][at]
    return False, 0.0


@kernel
def _compare(
    memory: NDArray[np.void],
    names: NDArray[np.uint32],
    group: np.void,
    place: int,
    findings: NDArray[np.void],
    count: int,
) -> int:
    """Compare a group's sensors in its next bucket; return how many findings there are then."""
    bucket = np.int64(group["next"])
    group["next"] = bucket + 1
    size = np.int64(group["size"])
    for index in range(size):
        s = group["first"] + index
        p = memory[s]
        p["compared"] = bucket
        known, a = _mean(p, bucket)
        if not known:
            continue
        if size > WIDE:
            move(p, bucket, a)
        for j in range(PEERS):
            if names[s, j] == 0:
                break
            known, b = _mean(memory[group["first"] + (index + j + 1) % size], bucket)
            if not known:
                continue
            if p["other"][j] != names[s, j]:
                p["other"][j] = names[s, j]
                p["pairs"][j] = 0
                p["changes"][j] = 0
                p["share"][j] = 0.0
                p["stir"][j] = LINGER if p["state"][j] else 0
                p["state"][j] = 0
                p["own"][j] = np.nan
                p["theirs"][j] = np.nan
            is_number, usual = _learn(p, j, a, b, group["drifts"])
            if not is_number:
                continue
            stir = LINGER if p["state"][j] else np.int64(p["stir"][j])
            p["stir"][j] = max(stir - 1, 0)
            if len(findings) > 0 and stir > 0:
                f = findings[count]
                _note(f, place, s, j, bucket, p["state"][j], p["share"][j])
                f["distance"] = a - b
                f["usual"] = usual
                f["back"] = 0
                count += 1
    for index in range(size if size > WIDE else 0):
        if watch(memory, names, group, index, bucket) and len(findings) > 0:
            s = group["first"] + index
            p = memory[s]
            state = COPIED if p["twin_state"] else 0
            f = findings[count]
            _note(f, place, s, TWIN, bucket, state, p["twin_share"])
            f["distance"] = f["usual"] = np.nan
            f["back"] = p["back"]
            count += 1
    return count


@kernel
def _note(
    f: np.void, place: int, slot: int, pair: int, bucket: np.int64, state: int, share: float
) -> None:
    f["place"], f["slot"], f["pair"] = place, slot, pair
    f["bucket"], f["state"], f["share"] = bucket, state, share


@kernel
def _learn(p: np.void, j: int, a: float, b: float, drifts: np.bool_) -> tuple[bool, float]:
    """Let pair j of a sensor learn two means of one bucket.

    Return whether both are a number, and the usual distance until then.
    """
    state = np.int64(p["state"][j])
    step_a = a - p["own"][j]
    step_b = b - p["theirs"][j]
    p["own"][j] = a
    p["theirs"][j] = b
    if not (a == a and b == b):
        p["pairs"][j] = 0
        p["up"][j] = 0.0
        p["down"][j] = 0.0
        return False, 0.0

    # Copied: every change of one is the other's; equal strides say nothing twice.
    share: float = np.float64(p["share"][j])
    verdict = compared(step_a, step_b, p["stride"][j], max(abs(a), abs(b)))
    if verdict:
        changes = int(p["changes"][j])
        share = shared(share, changes, verdict)
        p["changes"][j] = min(changes + 1, COUNTED)
        p["share"][j] = share
        p["stride"][j] = step_a
    was = state & COPIED != 0
    new = COPIED if repeats(share, int(p["changes"][j]), CHANGES, was) else 0

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
    if drifts:
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
            p["pairs"][j] = min(pairs + 1, COUNTED)
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
    return True, usual
