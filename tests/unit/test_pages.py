"""Memory taken ahead is there, and holds what it held."""

import os

import numpy as np
import pytest

from fengsui.bench.usage import resident_bytes
from ingest.pages import take_pages

_MIB = 1 << 20


@pytest.mark.parametrize("size", [0, 1, 4095, 4097, 12_345, 3 * _MIB + 7])
def test_what_columns_hold_stays(size: int) -> None:
    column = np.random.default_rng(size).integers(0, 256, size, np.uint8)
    before = column.copy()
    take_pages([column, column[1:], column[:0]])
    assert np.array_equal(column, before)


def test_pages_of_a_new_column_are_taken_at_once() -> None:
    column = np.zeros(256 * _MIB, np.uint8)
    before = resident_bytes(os.getpid())
    take_pages([column])
    assert resident_bytes(os.getpid()) - before > 250 * _MIB
