"""The administrative divisions of China, shipped with the software, as regions with parents."""

import csv
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

from alarms.plant import Region


@cache
def builtin() -> Mapping[str, Region]:
    """Return provinces, cities, counties and statistical zones by six-digit code.

    Source, date and licence stand at the head of divisions.csv.
    """
    text = resources.files(__name__).joinpath("divisions.csv").read_text("utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return MappingProxyType(
        {
            row["code"]: Region(
                code=row["code"],
                name=row["name"],
                parent=parent_of(row["code"]),
                kind=row["kind"],
                builtin=True,
            )
            for row in csv.DictReader(lines)
        }
    )


def parent_of(code: str) -> str | None:
    """Return the division above a six-digit code by its digits; None for a province."""
    if code.endswith("0000"):
        return None
    return f"{code[:2]}0000" if code.endswith("00") else f"{code[:4]}00"
