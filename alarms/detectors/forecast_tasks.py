"""What the forecast detector goes by: a point's limits, and the forecasts of it that stand."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.compiled import kernel
from alarms.rules import SLOTS

Floats = NDArray[np.float64]
Aims = NDArray[np.void]
"""Shape (k,), of dtype AIM."""
AIM: Final = np.dtype(
    [
        ("on", np.float64, (SLOTS,)),
        ("deadband", np.float64),
        ("response_s", np.float32),
        ("yellow_s", np.float32),
        ("orange_s", np.float32),
    ]
)
"""What points that are alike are judged by.

`on` are the limits, mirrored at low sides (alarms.rules.Ruleset); inf is no limit. `deadband` is
the smallest departure that may raise a forecast; within `yellow_s` and `orange_s` of a limit the
tier is yellow and orange, and within `response_s` (NaN: none) orange too.
"""
Tasks = NDArray[np.void]
"""Shape (n,), of dtype TASK."""
TASK: Final = np.dtype(
    [
        ("aim", np.int32),
        ("tier", np.int8, (SLOTS,)),
        ("misses", np.int8, (SLOTS,)),
        ("reached", np.int8, (2,)),
    ]
)
"""What stands of a point, and the place of what it is judged by.

`tier` (0: none) and `misses`, judgements in a row that say less, are of the forecast that stands;
`reached` is one more than the slot of each side's limit alarm, 0: none.
"""


def aims(on: Floats, deadband: Floats, response_s: Floats, within_s: Floats) -> Aims:
    """Lay out what points are judged by; shapes (k, SLOTS), (k,), (k,), (k, 2)."""
    made: Aims = np.zeros(len(on), AIM)
    made["on"], made["deadband"], made["response_s"] = on, deadband, response_s
    made["yellow_s"], made["orange_s"] = within_s.T
    return made


def tasks(aim: NDArray[np.int32]) -> Tasks:
    """Return points without a forecast, judged by the aims at these places."""
    made: Tasks = np.zeros(len(aim), TASK)
    made["aim"] = aim
    return made


@kernel
def stands(task: np.void) -> bool:
    """Tell whether any forecast of a point stands."""
    found = False
    for slot in range(SLOTS):
        found = found or task["tier"][slot] > 0
    return found
