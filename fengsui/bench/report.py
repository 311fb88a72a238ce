"""The one document a measurement prints: machine, versions, workload and results by name."""

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A measured value; `limit` is the bare measure of the same run, in the same unit."""

    value: float
    unit: str
    limit: float | None = None

    def document(self) -> dict[str, Any]:
        """Return the result as it is printed; limit and ratio only where there is a limit."""
        shown: dict[str, Any] = {"value": self.value, "unit": self.unit}
        if self.limit is not None:
            shown["limit"] = self.limit
            shown["ratio"] = self.value / self.limit if self.limit else 0.0
        return shown


def document(
    results: Mapping[str, Result],
    *,
    workload: Mapping[str, Any],
    versions: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the whole document of contracts.md section 8."""
    return {
        "machine": machine(),
        "versions": {**own_versions(), **(versions or {})},
        "workload": dict(workload),
        "results": {name: result.document() for name, result in results.items()},
    }


def machine() -> dict[str, Any]:
    """Say on what it was measured."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0,
        "memory_gib": round(memory / 2**30, 1),
    }


def own_versions() -> dict[str, str]:
    """Say with what it was measured."""
    names = ("fengsui", "numpy", "msgspec", "psycopg", "paho-mqtt", "websockets")
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in names}}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()
