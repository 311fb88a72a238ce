"""What the deviation detector remembers of a point, and how its answers are laid out."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

VIEWS: Final = (
    "value",
    "value_for_the_hour",
    "step",
    "short_mean",
    "long_mean",
    "short_mean_for_the_hour",
    "noise_grown_short",
    "noise_grown_long",
    "noise_vanished_short",
    "noise_vanished_long",
)
"""What a departure is seen in, in the order of the tails."""
SPACING: Final = 10_000_000
"""A point learns and is judged once in each such interval of its event clock, Micros."""
HASTE: Final = 1.0
"""Score taken off for each decade of readings a day above those of UNHURRIED."""
UNHURRIED: Final = 300_000_000
"""Spacing of readings, Micros, from which no score is taken off."""
HOURS: Final = 24
MEANS: Final = 3
"""Means kept of what is left: two of the plain departure, one of that for the hour."""

MEMORY: Final = np.dtype(
    [
        ("time", np.int64),
        ("level", np.float64),
        ("last", np.float64),
        ("origin", np.float64),
        ("raised", np.int64),
        ("raises", np.float32),
        ("surprised", np.int32),
        ("seen", np.int32),
        ("spread", np.float32),
        ("spread_for_the_hour", np.float32),
        ("step", np.float32),
        ("mean", np.float32, (MEANS,)),
        ("mean_spread", np.float32, (MEANS,)),
        ("restless", np.float32, (2,)),
        ("noise", np.float32, (2,)),
        ("noise_spread", np.float32, (2,)),
        ("begins", np.float32, (len(VIEWS),)),
        ("thins", np.float32, (len(VIEWS),)),
        ("hours", np.float32, (HOURS,)),
        ("visits", np.uint8, (HOURS,)),
    ]
)
"""What is remembered of a point, in its unit; it follows from its readings alone.

`time` (Micros) is that of the newest reading taken in, `seen` how many were. `raises` counts, as
of `raised` (Micros), how often the score passed the bar, older times less; `surprised` is how many
had been seen when it was last there. `hours` are levels less `origin`. `begins` and `thins` are
the tails, in logarithms of usual sizes.
"""
RULES: Final = np.dtype(
    [
        ("bridge", np.int64),
        ("deadband", np.float64),
        ("haste", np.float32),
        ("learn", np.int32),
    ]
)
"""A point's rules: the longest gap, Micros, across which a step means anything; the smallest
departure that may raise, in its unit; the score taken off for how often it reports; the readings it
is silent for."""
STANDING: Final = np.dtype(
    [("active", np.bool_), ("since", np.int32), ("mark", np.int32), ("height", np.float32)]
)
"""Where a point's alarm stands: `since` and `mark` count readings seen at the raise and when its
quiet last began, `height` is the score at the raise."""
SAID: Final = np.dtype(
    [
        ("change", np.int8),
        ("view", np.int8),
        ("score", np.float64),
        ("amount", np.float64),
        ("expected", np.float64),
        ("usual", np.float64),
    ]
)
"""What a reading did; `view` (of VIEWS), `amount`, `expected`, `usual` are told where it raised."""

Records = NDArray[np.void]
"""An array of one of the types above."""


def haste(spacing: float) -> float:
    """Return the score to take off for readings this far apart, Micros."""
    return HASTE * math.log10(UNHURRIED / max(spacing, SPACING))


def fresh(points: int) -> Records:
    """Return the memory of so many points of which nothing has been seen."""
    return np.zeros(points, MEMORY)
