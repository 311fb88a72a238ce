"""What a running process and all it has started take of the machine: processor time, memory."""

import os
from pathlib import Path
from typing import Final

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


def cpu_s(pid: int) -> float:
    """Return the CPU seconds a process family has used."""
    return sum(map(_one_cpu_s, _family(pid)))


def cpu_s_since(pid: int, before: float) -> float:
    """Return the CPU seconds used since `cpu_s` was `before`: a tick at least, finer it is not."""
    return max(cpu_s(pid) - before, 1 / _TICKS_PER_S)


def resident_bytes(pid: int) -> int:
    """Return the resident bytes of a process family, pages they share counted for each."""
    return sum(
        int(Path(f"/proc/{each}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
        for each in _family(pid)
    )


def _family(pid: int) -> list[int]:
    """Return a process and all it has started, and what those have."""
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            found += map(int, task.read_text(encoding="ascii").split())
    return found


def _one_cpu_s(pid: int) -> float:
    after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / _TICKS_PER_S
