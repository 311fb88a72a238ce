"""Examples of the figures of an alarm system, as OpenAPI shows them."""

from typing import Any, Final

_FIGURES: Final[dict[str, Any]] = {
    "annunciated": 616,
    "per_hour": 3.67,
    "per_day": 88.0,
    "per_10_min": 0.61,
    "upset_per_10_min": 6.4,
    "most_in_minute": 3,
    "most_in_10_min": 9,
    "most_in_hour": 21,
    "ten_minutes_above_10": 0.0,
    "hours_above_30": 0.0,
    "floods": 0,
    "time_in_flood": 0.0,
    "top_10": [{"key": "DY-CHEM-01/TK101.GT", "rule": "limit.high", "count": 7}],
    "top_10_share": 0.04,
    "chattering": 0,
    "fleeting": 1,
    "stale": 0,
    "tiers": {"yellow": 592, "red": 24},
    "tier_shares": {"yellow": 0.961, "red": 0.039},
    "acknowledged": {"red": {"count": 24, "p50_s": 31.0, "p95_s": 88.0}},
    "receipts": {"county": {"count": 24, "p50_s": 140.0, "p95_s": 610.0}},
    "escalated": 3,
    "escalated_per_day": 0.43,
    "realarmed": 1,
    "late": 2,
    "late_share": 0.003,
    "not_good": 0,
    "not_good_share": 0.0,
    "unconfirmed": 1,
    "simulated": 0,
    "hidden": {"shelved": 2, "suppressed": 14, "out_of_service": 0},
    "opc_ua": {
        "AlarmCount": 616,
        "MaximumActiveState": 5400.0,
        "MaximumUnAck": 240.0,
        "CurrentAlarmRate": 1.0,
        "MaximumAlarmRate": 9.0,
        "MaximumReAlarmCount": 1,
        "AverageAlarmRate": 0.61,
    },
}
PERFORMANCE: Final[dict[str, Any]] = {
    "from": "2026-11-14T08:00:00.000Z",
    "to": "2026-11-21T08:00:00.000Z",
    "points": 8800,
    "alarms_per_point_day": 0.01,
    "overall": _FIGURES,
    "positions": [{"region": "510603", **_FIGURES}],
    "busiest": "510603",
    "ten_minutes": [0, 3, 12],
    "targets": [
        {"figure": "per_hour", "acceptable": 6, "limit": 12, "source": "ISA-18.2", "mark": "2nd"}
    ],
}
