"""Lines of the processor's cache: memory that begins with one, and lines asked for ahead of use.

Points report in any order and their memories lie far apart: what a loop over readings waits for is
memory. A kernel asks for the lines of readings to come while it works on the one at hand.
"""

from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

from alarms.compiled import kernel

LINE: Final = 64
AHEAD: Final = 32
"""Readings that memory is asked for ahead,"""
PACE: Final = 16
"""and between one step of asking and the next, where one tells what the next needs."""
_READ, _KEEP, _DATA = 0, 3, 1
"""How a line is asked for (LLVM's `prefetch`): to be read, kept near, and data."""


def in_lines(many: int, layout: np.dtype[np.void]) -> NDArray[np.void]:
    """Return so many records of zeros, shape (many,), the first at the beginning of a line.

    Memory is taken where it is written to first.
    """
    room = np.zeros(many * layout.itemsize + LINE, np.uint8)
    begin = -room.ctypes.data % LINE
    return room[begin : begin + many * layout.itemsize].view(layout)


def begins(layout: np.dtype[np.void], field: str) -> int:
    """Return the byte of a record at which a field begins."""
    return int(layout.fields[field][1])  # type: ignore[index]  # records have fields


def fetch(records: NDArray[Any], place: int, byte: int) -> None:
    """Ask for the line that holds this byte of a record; nothing waits for it, nothing changes.

    `place` is not looked at: one outside of `records` asks for a line that is not used.
    """


@intrinsic
def _asked(_typing: Any, records: types.Type, place: types.Type, byte: types.Type) -> Any:  # noqa: ANN401  # numba's own
    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:  # noqa: ANN401
        columns = context.make_array(signature.args[0])(context, builder, given[0])
        at, inside = (
            context.cast(builder, number, kind, types.intp)
            for number, kind in zip(given[1:], signature.args[1:], strict=True)
        )
        stride = builder.extract_value(columns.strides, 0)
        offset = builder.add(builder.mul(at, stride), inside)
        line = builder.gep(builder.bitcast(columns.data, cgutils.voidptr_t), [offset])
        flag = cgutils.int32_t
        prefetch = builder.module.declare_intrinsic(
            "llvm.prefetch", [line.type], ir.FunctionType(ir.VoidType(), [line.type, *3 * [flag]])
        )
        builder.call(prefetch, [line, *(flag(each) for each in (_READ, _KEEP, _DATA))])
        return context.get_dummy_value()

    return types.void(records, place, byte), code


@overload(fetch, inline="always", strict=False)
def _fetched(records: types.Type, place: types.Type, byte: types.Type) -> Any:  # noqa: ANN401, ARG001  # numba's own
    return lambda records, place, byte: _asked(records, place, byte)  # type: ignore[call-arg]


def gathered(column: NDArray[Any], places: NDArray[np.integer[Any]]) -> NDArray[Any]:
    """Return what a column has at these places, in their order."""
    found = np.empty(len(places), column.dtype)
    _gather(column, places, found)
    return found


@kernel
def _gather(column: NDArray[Any], places: NDArray[np.integer[Any]], found: NDArray[Any]) -> None:
    for i in range(len(places)):
        if i + AHEAD < len(places):
            fetch(column, places[i + AHEAD], 0)
        found[i] = column[places[i]]
