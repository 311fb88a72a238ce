"""A warning as the outside sees it: `data` of `cn.fengsui.warning.*` and of REST."""

from typing import Any, Final

from alarms import instants
from alarms.alarm import Acknowledgement, Tier
from alarms.warning import EarlyWarning

_LEVEL: Final = {
    Tier.red: "红色预警（一级）",
    Tier.orange: "橙色预警（二级）",
    Tier.yellow: "黄色预警（三级）",
    Tier.blue: "蓝色预警（四级）",
}


def document(warning: EarlyWarning, *, t_committed: int | None) -> dict[str, Any]:
    """Return the warning's whole state, JSON-able; `t_pushed` is null until a frame is sent.

    What it shares with an alarm has an alarm's name: `tier` is its level, `peak_tier` the highest
    it had, `active` whether it is not lifted. What only a point's alarm has is null, for those who
    read every event of the log alike.
    """
    notice, lift = warning.notice, warning.lift
    return {
        "id": warning.id,
        "rev": warning.rev,
        "kind": "warning",
        "stage": warning.stage.value,
        "level": warning.level.name,
        "tier": warning.level.name,
        "peak_tier": warning.peak_level.name,
        "asked_level": warning.asked.name,
        "government": warning.government,
        "active": lift is None,
        "simulated": warning.simulated,
        "automatic": warning.automatic,
        "basis": warning.basis,
        "subject": warning.source or warning.region,
        "name": warning.name,
        "region": warning.region,
        "enterprise": warning.enterprise,
        "source": warning.source,
        **dict.fromkeys(("unit", "point", "quantity", "value", "limit", "engineering_unit")),
        "category": notice.category,
        "starts_at": _text(notice.starts_at),
        "area": notice.area,
        "cautions": notice.cautions,
        "measures": notice.measures,
        "issuer": notice.issuer,
        "published_at": _text(warning.published_at),
        "alarms": list(warning.alarms),
        "receipts": {
            level: None if given is None else _words(given)
            for level, given in warning.receipts.items()
        },
        "received_by": {
            place: {"by": given.by, "at": instants.to_text(given.at)}
            for place, given in warning.received_by.items()
        },
        "handling": [_words(each) for each in warning.handling],
        "feedback": [_words(each) for each in warning.feedback],
        "lift": None
        if lift is None
        else {
            "by": lift.by,
            "at": instants.to_text(lift.at),
            "reason": lift.reason,
            "active": list(lift.active),
        },
        "t_proposed": instants.to_text(warning.t_proposed),
        "t_event": instants.to_text(warning.t_event),
        "t_received": instants.to_text(warning.t_event),
        "t_committed": _text(t_committed),
        "t_pushed": None,
        "t_lifted": None if lift is None else instants.to_text(lift.at),
        "message": _message(warning),
    }


def _message(warning: EarlyWarning) -> dict[str, str]:
    """Return the warning in one sentence."""
    zh, en = _LEVEL[warning.level], f"{warning.level.name} warning"
    area, issuer = warning.notice.area, warning.notice.issuer
    if warning.lift is not None:
        return {"zh": f"{issuer}解除{zh}：{area}", "en": f"{en} lifted by {issuer}: {area}"}
    if warning.published_at is None:
        return {"zh": f"建议发布{zh}：{area}", "en": f"{en} proposed: {area}"}
    return {"zh": f"{issuer}发布{zh}：{area}", "en": f"{en} issued by {issuer}: {area}"}


def _words(given: Acknowledgement) -> dict[str, str]:
    return {"by": given.by, "at": instants.to_text(given.at), "note": given.note}


def _text(micros: int | None) -> str | None:
    return None if micros is None else instants.to_text(micros)
