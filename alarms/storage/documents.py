"""An alarm as the outside sees it: `data` of the push contract (contracts.md section 5)."""

import re
from typing import Any

from alarms import instants, timers
from alarms.alarm import Alarm


def document(alarm: Alarm, *, t_committed: int | None) -> dict[str, Any]:
    """Return the alarm's whole state, JSON-able; `t_pushed` is null until a frame is sent."""
    subject = alarm.subject
    return {
        "id": alarm.id,
        "rev": alarm.rev,
        "kind": alarm.kind.value,
        "rule": alarm.rule,
        "rule_version": alarm.rule_version,
        "rule_pack": alarm.rule_pack or None,
        "abnormal_type": alarm.abnormal_type or None,
        "tier": alarm.tier.name,
        "peak_tier": alarm.peak_tier.name,
        "state": alarm.state.value,
        "active": alarm.active,
        "quality": alarm.quality,
        "late": alarm.late,
        "unconfirmed": alarm.unconfirmed,
        "simulated": subject.simulated,
        "subject": subject.point or re.split("[:/]", subject.key, maxsplit=1)[-1],
        "name": subject.name,
        "region": subject.region,
        "enterprise": subject.enterprise,
        "source": subject.source,
        "unit": subject.unit,
        "point": subject.point,
        "quantity": subject.quantity,
        "value": alarm.value,
        "limit": alarm.limit,
        "engineering_unit": subject.engineering_unit,
        "peak": alarm.peak,
        "basis": alarm.basis,
        "forecast": None
        if alarm.forecast is None
        else {
            "limit": alarm.forecast.limit,
            "eta": instants.to_text(alarm.forecast.eta),
            "eta_low": instants.to_text(alarm.forecast.eta_low),
            "eta_high": instants.to_text(alarm.forecast.eta_high),
            "probability": alarm.forecast.probability,
        },
        "reraise_count": alarm.reraise_count,
        "t_raised": instants.to_text(alarm.t_raised),
        "t_event": instants.to_text(alarm.t_event),
        "t_received": instants.to_text(alarm.t_received),
        "t_committed": _text(t_committed),
        "t_pushed": None,
        "t_returned": _text(alarm.t_returned),
        "t_closed": _text(alarm.t_closed),
        "acks": {
            level: None
            if ack is None
            else {"by": ack.by, "at": instants.to_text(ack.at), "note": ack.note}
            for level, ack in alarm.acks.items()
        },
        "shelf": None
        if alarm.shelf is None
        else {
            "until": instants.to_text(alarm.shelf.until),
            "by": alarm.shelf.by,
            "at": instants.to_text(alarm.shelf.at),
            "reason": alarm.shelf.reason,
            "one_shot": alarm.shelf.one_shot,
        },
        "suppression": None
        if alarm.suppression is None
        else {
            "until": instants.to_text(alarm.suppression.until),
            "by": alarm.suppression.by,
            "at": instants.to_text(alarm.suppression.at),
            "reason": alarm.suppression.reason,
        },
        "out_of_service": None
        if alarm.outage is None
        else {
            "until": instants.to_text(alarm.outage.until),
            "by": alarm.outage.by,
            "at": instants.to_text(alarm.outage.at),
            "permit": alarm.outage.permit,
        },
        "shelve_max_s": timers.shelf_most_us(alarm) / 1e6,
        "latched": alarm.latched,
        "needs_closeout": alarm.needs_closeout,
        "closeout": None
        if alarm.closeout is None
        else {
            "by": alarm.closeout.by,
            "at": instants.to_text(alarm.closeout.at),
            "cause": alarm.closeout.cause,
            "text": alarm.closeout.text,
        },
        "escalation": None
        if alarm.escalation is None
        else {
            "step": alarm.escalation.step,
            "targets": list(alarm.escalation.targets),
            "at": instants.to_text(alarm.escalation.at),
        },
        "nuisance": alarm.nuisance.value,
        "nuisance_until": _text(alarm.nuisance_until),
        "flood": None
        if alarm.flood is None
        else {"since": instants.to_text(alarm.flood.since), "first_out": alarm.flood.first_out},
        "message": {"zh": alarm.message_zh, "en": alarm.message_en},
    }


def _text(micros: int | None) -> str | None:
    return None if micros is None else instants.to_text(micros)
