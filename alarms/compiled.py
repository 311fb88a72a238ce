"""Compiles the engine's loops over readings to machine code, at their first call.

A kernel is plain Python over numpy arrays that walks readings in order of receipt; the uncompiled
function stays reachable as `kernel.py_func`, so that tests can hold the compiled one to it. No
fast-math: a machine gives the same bits whenever it judges the same readings again.
"""

from collections.abc import Callable
from typing import TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """Compile a function; keep the machine code on disk where a folder can be written."""
    try:
        return cast("F", numba.njit(cache=True, error_model="numpy")(function))
    except RuntimeError:  # nowhere to keep it: each process compiles for itself
        return cast("F", numba.njit(error_model="numpy")(function))
