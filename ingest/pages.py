"""Takes memory from the machine before it is written to."""

import ctypes
import mmap
from collections.abc import Iterable
from typing import Any, Final

from numpy.typing import NDArray

_POPULATE_WRITE: Final = 23
"""MADV_POPULATE_WRITE, of Linux 5.14: pages are there as if written to; what they hold stays."""
_STEP: Final = 4 << 20
"""Bytes taken at once: meanwhile the kernel gives no new memory to who else asks for some."""


def take_pages(columns: Iterable[NDArray[Any]]) -> None:
    """Take the pages of new columns; a thread does it while others work.

    The host of a virtual machine gives them one by one when they are written to first: two seconds
    a GiB have been seen, where a machine of its own takes a tenth of one. Where the kernel does not
    know this call, the first write takes them.
    """
    machine = ctypes.CDLL(None)
    for column in columns:
        begin = -(-column.ctypes.data // mmap.PAGESIZE) * mmap.PAGESIZE
        end = column.ctypes.data + column.nbytes
        for at in range(begin, end, _STEP):
            length = min(_STEP, end - at)
            machine.madvise(ctypes.c_void_p(at), ctypes.c_size_t(length), _POPULATE_WRITE)
