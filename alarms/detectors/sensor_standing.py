"""Which alarms of a sensor stand: what is strange raises one, a while without it ends it.

Two are said by the sensor itself, in the quality of its readings: that it has failed, and that it
is under calibration, which is no alarm unless it does not end.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.compiled import kernel

FLAT: Final = 1
SPIKE: Final = 2
NOISE: Final = 4
CLIPPED: Final = 8
RECOVERED: Final = 16
SATURATED: Final = 32
FAILED: Final = 64
CALIBRATING: Final = 128
COUNT: Final = 8

OWN: Final = FAILED | CALIBRATING
"""What a sensor says of itself."""
FAILED_S: Final = 60
"""How long readings must be of no use until the sensor counts as failed [D]."""
CALIBRATING_S: Final = 7200
"""How long a calibration may last [D]: with its readings a gas detector is not judged."""

_QUIET: Final = (600.0, 600.0, 1800.0, 1800.0, 1800.0, 600.0, 60.0, 0.0)
"""Seconds of good behaviour after which each alarm returns, in the order of the bits [D]."""


@kernel
def unjudged(m: np.void, x: float, t: int) -> int:
    """Let a run of unjudged readings go on at `t`, Micros; return what has lasted too long by now.

    `x` is NaN under calibration, else infinite. A run of useless readings ends with one under
    calibration: somebody is at the sensor. One of calibration goes on over useless readings: it
    ends with a judged one.
    """
    second = -(-t // 1_000_000)
    if x != x:
        m["known"] = 0
        m["failed"] = 0
        if m["calibrating"] == 0:
            m["calibrating"] = second
        return CALIBRATING if t >= (np.int64(m["calibrating"]) + CALIBRATING_S) * 1_000_000 else 0
    if m["failed"] == 0:
        m["failed"] = second
    return FAILED if t >= (np.int64(m["failed"]) + FAILED_S) * 1_000_000 else 0


@kernel
def say(
    m: np.void,
    raised: NDArray[np.uint8],
    quiet: NDArray[np.int64],
    findings: NDArray[np.void],
    count: int,
    place: int,
    s: int,
    t: int,
    strange: int,
) -> int:
    """Let what a sensor says of itself stand or return; return the number of findings by then.

    `strange` is what `unjudged` returned, 0 at a judged reading. While readings are not judged,
    nothing that stands returns.
    """
    had = int(raised[s]) & OWN
    born = strange & ~had
    since = m["failed"] if m["failed"] != 0 else m["calibrating"]
    if since != 0:
        strange |= had
    died, moved = turn(raised, quiet, s, t, strange, born, OWN, 0.0)
    if moved:
        f = findings[count]
        f["place"] = place
        f["slot"] = s
        f["born"] = born
        f["died"] = died
        f["stood"] = t * 1e-6 - np.float64(since)
        count += 1
    return count


@kernel
def turn(
    raised: NDArray[np.uint8],
    quiet: NDArray[np.int64],
    s: int,
    t: int,
    strange: int,
    born: int,
    asked: int,
    flat_s: float,
) -> tuple[int, bool]:
    """Let the alarms `asked` for stand or return at `t`; return which ended, and if any moved.

    `raised` and `quiet` are as sensor_faults.walk has them, `born` are those that begin. A flat
    line ends after `flat_s` at the soonest.
    """
    stands = int(raised[s]) | born
    died = 0
    moved = born != 0
    for k in range(COUNT):
        bit = 1 << k
        if stands & asked & bit == 0:
            continue
        if strange & bit:
            moved |= quiet[s, k] != 0
            quiet[s, k] = 0
            continue
        if quiet[s, k] == 0:
            quiet[s, k] = t
            moved = True
        while_s = max(_QUIET[k], flat_s) if bit == FLAT else _QUIET[k]
        if (t - quiet[s, k]) * 1e-6 >= while_s:
            died |= bit
            quiet[s, k] = 0
            moved = True
    raised[s] = stands & ~died
    return died, moved
