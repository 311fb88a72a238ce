"""The abnormal type 异常类型 under which the coal-mine network would file an alarm.

The types are those of the pack `mine_network` (MT/T 1201.1-2023 as public code reads it, V2); which
alarm is of which type is our reading (D). So an alarm carries the code as a help to whoever reports
it, and as no conformity. Three of the types are left out: 004 (a broken line), 005 (a substation
without power) and 006 (a substation silent) cannot be told from what a gateway says.
"""

from typing import Final

from alarms.plant import Group, Plant, Point

EMISSION: Final = "EMISSION"
"""The sector of a computed point that shows by how much emission of gas has risen."""
OVER: Final = "001"
CUT: Final = "002"
UPPER: Final = "009"
LOWER: Final = "010"
_OF_RULES: Final = {
    "group.power_cut": "003",
    "sensor.calibrating": "007",
    "sensor.range": "008",
    "sensor.saturated": "008",
}


def abnormal_type(plant: Plant, whose: Point | Group, rule: str, level: str = "") -> str:
    """Return the type of an alarm, empty where it has none or its source is no coal mine.

    `level` is the name of the limit that a limit alarm or a forecast speaks of, if of one.
    """
    if plant.sources[whose.enterprise, whose.source].kind != "coal_mine":
        return ""
    kind = rule.partition(".")[0]
    sector = (whose.sector or "").upper() if isinstance(whose, Point) else ""
    if kind == "forecast" or (kind == "limit" and level and sector == EMISSION):
        return LOWER if level in ("l", "ll") else UPPER
    if kind == "limit" and level:
        return CUT if level == "cut" else OVER
    return _OF_RULES.get(rule, "")
