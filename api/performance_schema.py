"""JSON Schema of the figures of an alarm system."""

from typing import Final

from api.schema_terms import MOMENT, TEXT, TEXT_OR_NULL, WHOLE, Schema, thing

_SHARE: Final[Schema] = {"type": "number", "minimum": 0, "maximum": 1}
_RATE: Final[Schema] = {"type": "number", "minimum": 0}
_TAKEN: Final[Schema] = {
    "type": "object",
    "description": "By tier, or by level: how many, and how long they took, s.",
    "additionalProperties": thing("How long.", count=WHOLE, p50_s=_RATE, p95_s=_RATE),
}
_FIGURES: Final[dict[str, Schema]] = {
    "annunciated": WHOLE,
    "per_hour": _RATE,
    "per_day": _RATE,
    "per_10_min": _RATE,
    "upset_per_10_min": _RATE,
    **dict.fromkeys(("most_in_minute", "most_in_10_min", "most_in_hour"), WHOLE),
    "ten_minutes_above_10": _SHARE,
    "hours_above_30": _SHARE,
    "floods": WHOLE,
    "time_in_flood": _SHARE,
    "top_10": {"type": "array", "items": thing("One.", key=TEXT, rule=TEXT, count=WHOLE)},
    "top_10_share": _SHARE,
    **dict.fromkeys(("chattering", "fleeting", "stale"), WHOLE),
    "tiers": {"type": "object", "additionalProperties": WHOLE},
    "tier_shares": {"type": "object", "additionalProperties": _SHARE},
    "acknowledged": _TAKEN,
    "receipts": _TAKEN,
    **dict.fromkeys(("escalated", "realarmed", "late", "not_good", "unconfirmed"), WHOLE),
    "escalated_per_day": _RATE,
    **dict.fromkeys(("late_share", "not_good_share"), _SHARE),
    "simulated": WHOLE,
    "hidden": thing(
        "Raises and rises that nobody heard, by what hid them; in none of the other figures.",
        shelved=WHOLE,
        suppressed=WHOLE,
        out_of_service=WHOLE,
    ),
    "opc_ua": thing(
        "OPC UA's AlarmMetricsType over the span, which begins at its StartTime; s, per 10 min.",
        AlarmCount=WHOLE,
        MaximumActiveState=_RATE,
        MaximumUnAck=_RATE,
        CurrentAlarmRate=_RATE,
        MaximumAlarmRate=_RATE,
        MaximumReAlarmCount=WHOLE,
        AverageAlarmRate=_RATE,
    ),
}
PERFORMANCE: Final[Schema] = thing(
    "Figures of a span, of all positions and of each.",
    **{"from": MOMENT},
    to=MOMENT,
    points=WHOLE,
    alarms_per_point_day=_RATE,
    overall=thing("Of all positions together.", **_FIGURES),
    positions={"type": "array", "items": thing("Of one.", region=TEXT_OR_NULL, **_FIGURES)},
    busiest=TEXT_OR_NULL,
    ten_minutes={
        "type": "array",
        "description": "Alarms in each whole ten minutes from `from` on, at the busiest position.",
        "items": WHOLE,
    },
    targets={"type": "array", "items": {"type": "object"}},
)
