"""Small plants and readings for tests of the engine."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from alarms.plant import Enterprise, Gateway, Plant, Point, Source, Tiering, Unit
from alarms.readings import Readings

SECOND = 1_000_000
START = 1_763_712_000 * SECOND

ONE_TANK = """
enterprises:
  - code: E1
    name: 某化工有限公司
    region: "510603"
    sources:
      - code: S1
        name: 罐区
        kind: tank_farm
        units:
          - code: U1
            name: 1 号罐
            kind: tank
            points:
"""
"""A registry file of one tank, as far as its list of points."""


def point(tag: str = "TK101.LT", **settings: Any) -> Point:
    """Return a level point of TK101, or what the settings make of it."""
    given: dict[str, Any] = {
        "quantity": "level",
        "engineering_unit": "m",
        "name": "液位",
        "period_s": 10.0,
    }
    return Point(
        enterprise="DY-CHEM-01", source="R001", unit="TK101", tag=tag, **(given | settings)
    )


def plant(
    points: Sequence[Point],
    *,
    gateways: Sequence[str] = ("gw-1",),
    kind: str = "tank_farm",
    tierings: Sequence[Tiering] = (),
) -> Plant:
    """Return one enterprise in 510603 with one tank and these points, registered at START."""
    return Plant(
        enterprises={
            "DY-CHEM-01": Enterprise(code="DY-CHEM-01", name="某化工有限公司", region="510603")
        },
        sources={
            ("DY-CHEM-01", "R001"): Source(
                enterprise="DY-CHEM-01", code="R001", name="液氨罐区", kind=kind
            )
        },
        units={
            ("DY-CHEM-01", "R001", "TK101"): Unit(
                enterprise="DY-CHEM-01",
                source="R001",
                code="TK101",
                name="1 号液氨球罐",
                kind="tank",
            )
        },
        points=points,
        gateways={name: Gateway(id=name, enterprise="DY-CHEM-01") for name in gateways},
        point_ids=list(range(1, len(points) + 1)),
        registered=[START] * len(points),
        tierings=tierings,
    )


def at(seconds: float) -> int:
    """Return START plus seconds, in Micros."""
    return START + round(seconds * SECOND)


def readings(rows: Sequence[tuple[int, int, int, float, int]]) -> Readings:
    """Return readings of (row, time, received, value, quality with flags)."""
    columns = list(zip(*rows, strict=True)) or [(), (), (), (), ()]
    time = np.array(columns[1], np.int64)
    return Readings(
        point=np.array(columns[0], np.int32),
        time=time,
        received=np.array(columns[2], np.int64),
        value=np.array(columns[3], np.float64),
        quality=np.array(columns[4], np.int16),
        stamp=time,
    )
