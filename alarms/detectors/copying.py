"""When one sensor repeats another's changes, of its peers and of the rest of its group.

Each with each would be too much in a large group. So in every bucket a sensor looks at some of
those registered before it, others each time, until one has changed exactly as it has. That one,
its twin, is watched from then on, as a peer is, until the two are no longer alike. Coarse sensors
of one calm process step together by chance, and among many some nearly always do: where a sensor
often changes as any other does, nothing is said of its twin.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.compiled import kernel
from alarms.detectors.peer_memory import COUNTED, PEERS

CHANGES: Final = 30
"""Changes seen before copying is judged of a peer,"""
TWIN_CHANGES: Final = 60
"""and of a twin: it was chosen among many, and the first changes were alike for that reason."""
AGREE: Final = 0.9
"""Share of changes that agree to a millionth from which one sensor copies the other."""
LINGER: Final = 64
"""Buckets for which a pair is still told of after its state has become 0."""
WIDE: Final = 2 * PEERS + 1
"""Up to so many sensors all are peers of each other: none of them needs to look for a twin."""

_SOUGHT: Final = 64
"""Sensors that one without a twin looks at in a bucket."""
_UNLIKE: Final = 0.5
_CHANCE: Final = 0.05
"""Share of changes that may agree with any other's."""
_BRIEF: Final = 1 / 32
_SAME: Final = 1e-6
_ROUNDING: Final = 1e-12
_NOTHING, _DIFFERS, _AGREES = range(3)


@kernel
def compared(step_a: float, step_b: float, stride: float, size: float) -> int:
    """Tell what a change of two sensors says: nothing, that they differ, or that they agree.

    `size` is that of the larger mean, which bounds rounding. A change as large as the `stride`
    before it says nothing twice.
    """
    rounding = _ROUNDING * size
    scale = max(abs(step_a), abs(step_b))
    if not (scale > 1e3 * rounding and abs(step_a - stride) > _SAME * scale):
        return _NOTHING
    return _AGREES if abs(step_a - step_b) <= _SAME * scale + rounding else _DIFFERS


@kernel
def shared(share: float, changes: int, verdict: int) -> float:
    """Return the share of changes that agree, after one more than so many."""
    return share + max(_BRIEF, 1.0 / (changes + 1.0)) * (
        (1.0 if verdict == _AGREES else 0.0) - share
    )


@kernel
def repeats(share: float, changes: int, enough: int, was: bool) -> bool:  # noqa: FBT001
    """Tell whether one copies the other; where it did before, half the share will do."""
    return changes >= enough and share >= (AGREE / 2.0 if was else AGREE)


@kernel
def move(p: np.void, bucket: np.int64, mean: float) -> None:
    """Let a sensor's change be known, from the mean of one bucket to that of the next."""
    p["move"] = mean - p["last"] if p["last_at"] == bucket - 1 else np.nan
    p["last"] = mean
    p["last_at"] = bucket


@kernel
def watch(
    memory: NDArray[np.void],
    names: NDArray[np.uint32],
    group: np.void,
    index: int,
    bucket: np.int64,
) -> bool:
    """Compare a sensor with its twin in a bucket, or look for one; tell whether to tell of it.

    All sensors of the group have moved (`move`). `names` names the peers of each pair.
    """
    first, size = int(group["first"]), int(group["size"])
    p = memory[first + index]
    if p["last_at"] != bucket or p["move"] != p["move"]:
        return False
    back = int(p["back"])
    if p["twin"] and (back > index or p["twin"] != _name(names, first, size, index - back)):
        # Others are registered now.
        _forget(p)
        p["twin_stir"] = LINGER if p["twin_state"] else 0
        p["twin_state"] = 0
    stir = int(p["twin_stir"])
    if p["twin"] == 0:
        _seek(memory, names, first, size, index, bucket)
        p["twin_stir"] = max(stir - 1, 0)
        return bool(stir > 0)
    o = memory[first + index - back]
    if o["last_at"] != bucket or o["move"] != o["move"]:
        if bucket - o["last_at"] > LINGER and p["twin_state"] == 0:
            _forget(p)
        return False
    size_of = max(abs(p["last"]), abs(o["last"]))
    verdict = compared(p["move"], o["move"], p["twin_stride"], size_of)
    changes = int(p["twin_changes"])
    share: float = np.float64(p["twin_share"])
    if verdict:
        share = shared(share, changes, verdict)
        other = memory[first + _another(index, size, back, bucket)]
        if other["last_at"] == bucket:
            size_of = max(abs(p["last"]), abs(other["last"]))
            by_chance = compared(p["move"], other["move"], p["twin_stride"], size_of)
            p["twin_chance"] = shared(np.float64(p["twin_chance"]), changes, by_chance)
        changes = min(changes + 1, COUNTED)
        p["twin_share"], p["twin_changes"] = share, changes
        p["twin_stride"] = p["move"]
    was = p["twin_state"] != 0
    is_chance = p["twin_chance"] > _CHANCE and not was
    p["twin_state"] = repeats(share, changes, TWIN_CHANGES, was) and not is_chance
    stir = LINGER if p["twin_state"] else stir
    p["twin_stir"] = max(stir - 1, 0)
    if stir == 0 and share < (AGREE if changes >= TWIN_CHANGES else _UNLIKE):
        _forget(p)
    return bool(stir > 0)


@kernel
def _seek(
    memory: NDArray[np.void],
    names: NDArray[np.uint32],
    first: int,
    size: int,
    index: int,
    bucket: np.int64,
) -> None:
    """Let a sensor find one registered before it, and no peer, that has changed as it has."""
    p = memory[first + index]
    many = min(index, size - PEERS - 1) - PEERS
    for k in range(min(many, _SOUGHT)):
        back = PEERS + 1 + (int(bucket) * _SOUGHT + k) % many
        o = memory[first + index - back]
        if o["last_at"] != bucket:
            continue
        size_of = max(abs(p["last"]), abs(o["last"]))
        if compared(p["move"], o["move"], p["twin_stride"], size_of) == _AGREES:
            p["twin"], p["back"] = _name(names, first, size, index - back), back
            p["twin_changes"], p["twin_stride"] = 1, p["move"]
            p["twin_share"], p["twin_chance"] = 1.0, 0.0
            return


@kernel
def _another(index: int, size: int, back: int, bucket: np.int64) -> int:
    """Return the place of a sensor of the group that is neither this one nor its twin."""
    ahead = 1 + int(bucket) % (size - 2)
    return (index + (ahead if ahead < size - back else ahead + 1)) % size


@kernel
def _name(names: NDArray[np.uint32], first: int, size: int, index: int) -> int:
    """Return the name of a sensor of a group: that of the first peer of the one before it."""
    return int(names[first + (index - 1 + size) % size, 0])


@kernel
def _forget(p: np.void) -> None:
    p["twin"] = p["back"] = p["twin_changes"] = 0
