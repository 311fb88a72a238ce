"""A few numbers kept in rising order, in room that a kernel is given."""

import numpy as np
from numpy.typing import NDArray

from alarms.compiled import kernel


@kernel
def insert(ordered: NDArray[np.float64], many: int, value: float) -> None:
    """Put a value among the first so many, behind those that equal it."""
    at = many
    while at > 0 and ordered[at - 1] > value:
        ordered[at] = ordered[at - 1]
        at -= 1
    ordered[at] = value
