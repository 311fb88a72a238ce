"""Lines of the cache: memory laid on them, and asked for without any effect but time."""

from typing import Any

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from alarms.compiled import kernel
from alarms.lines import LINE, begins, fetch, in_lines

_RECORD = np.dtype([("one", np.int64), ("other", np.float32, (3,)), ("last", np.uint8)])


@kernel
def _total(records: NDArray[np.void], places: NDArray[np.int32]) -> int:
    total = 0
    for i in range(len(places)):
        fetch(records, places[i] + 1, 8)
        total += records[places[i]]["one"]
    return total


@pytest.mark.parametrize("many", [0, 1, 7, 1000])
def test_records_laid_in_lines_are_zeros_and_begin_with_a_line(many: int) -> None:
    laid = in_lines(many, _RECORD)
    assert laid.dtype == _RECORD
    assert laid.tobytes() == bytes(many * _RECORD.itemsize)
    assert laid.ctypes.data % LINE == 0 or many == 0


def test_a_field_begins_where_numpy_says() -> None:
    assert [begins(_RECORD, name) for name in ("one", "other", "last")] == [0, 8, 20]


def test_asking_ahead_changes_nothing_and_may_go_beyond_the_end() -> None:
    records = np.zeros(4, _RECORD)
    records["one"] = [1, 10, 100, 1000]
    places = np.array([3, 0, 3, -1], np.int32)
    plain: Any = _total
    assert _total(records, places) == plain.py_func(records, places) == 3001
    assert records["one"].tolist() == [1, 10, 100, 1000]


def test_compiled_it_is_the_processors_own_instruction() -> None:
    plain: Any = _total
    compiled = numba.njit(plain.py_func)  # what is kept on disk has no code to look at
    compiled(np.zeros(1, _RECORD), np.zeros(1, np.int32))
    assert any("llvm.prefetch" in code for code in compiled.inspect_llvm().values())
