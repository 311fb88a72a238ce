"""An alarm as a CAP 1.2 message (OASIS, Common Alerting Protocol), in Chinese and English. Pure.

Nothing here claims conformity with GB/T 35965.1: its text was not at hand.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from msgspec import Struct

from alarms import instants
from alarms.storage.places import Whereabouts

MEDIA_TYPE: Final = "application/cap+xml"
NAMESPACE: Final = "urn:oasis:names:tc:emergency:cap:1.2"
_SITE: Final = timezone(timedelta(hours=8))
_SEVERITY: Final = {"red": "Extreme", "orange": "Severe", "yellow": "Moderate", "blue": "Minor"}
_RESPONSE: Final = {"red": "Execute", "orange": "Prepare", "yellow": "Monitor", "blue": "Monitor"}
"""Red: carry out the plan made for it; nothing here decides an evacuation."""
_CATEGORY: Final = {
    "combustible_gas": "Fire",
    "methane": "Fire",
    "smoke": "Fire",
    "toxic_gas": "CBRNE",
    "carbon_monoxide": "CBRNE",
    "hydrogen_sulfide": "CBRNE",
}
"""Beside Safety, which all have."""
_TIER_WORDS: Final = {
    "zh-CN": {"red": "红色", "orange": "橙色", "yellow": "黄色", "blue": "蓝色"},
    "en-US": {"red": "red", "orange": "orange", "yellow": "yellow", "blue": "blue"},
}
_EVENT: Final = {"zh-CN": "{}报警", "en-US": "{} alarm"}
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Signs that no XML 1.0 may have."""
_SOON_US: Final = 3_600_000_000
"""CAP calls what is due within the next hour Expected."""


class Earlier(Struct, frozen=True, kw_only=True):
    """The revision before: its number, and when it was committed."""

    rev: int
    committed: datetime


def message(
    alarm: Mapping[str, Any],
    *,
    sender: str,
    where: Whereabouts,
    earlier: Earlier | None,
) -> bytes:
    """Return the message for an alarm's present revision; `alarm` is `data` of the push contract.

    A first revision is an Alert, later ones are Updates that refer to the one before, and the one
    that ends it is a Cancel. A simulated alarm is an Exercise, never Actual.
    """
    root = ET.Element("alert", xmlns=NAMESPACE)
    ended = alarm["t_closed"] is not None
    _add(root, "identifier", _identifier(alarm["id"], alarm["rev"]))
    _add(root, "sender", sender)
    _add(root, "sent", _moment(alarm["t_committed"]))
    _add(root, "status", "Exercise" if alarm["simulated"] else "Actual")
    _add(root, "msgType", "Alert" if earlier is None else "Cancel" if ended else "Update")
    _add(root, "source", "Fengsui")
    _add(root, "scope", "Restricted")
    _add(root, "restriction", "authorities and enterprises whose scope covers it")
    if earlier is not None:
        sent = earlier.committed.astimezone(_SITE).isoformat(timespec="seconds")
        _add(root, "references", f"{sender},{_identifier(alarm['id'], earlier.rev)},{sent}")
    for language, words in (("zh-CN", "zh"), ("en-US", "en")):
        _info(root, alarm, language, alarm["message"][words], where)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _info(
    root: ET.Element, alarm: Mapping[str, Any], language: str, words: str, where: Whereabouts
) -> None:
    info = ET.SubElement(root, "info")
    tier = alarm["tier"]
    over = alarm["t_returned"] is not None or alarm["t_closed"] is not None
    _add(info, "language", language)
    _add(info, "category", "Safety")
    if alarm["quantity"] in _CATEGORY:
        _add(info, "category", _CATEGORY[alarm["quantity"]])
    _add(info, "event", _EVENT[language].format(_TIER_WORDS[language][alarm["peak_tier"]]))
    _add(info, "responseType", "AllClear" if over else _RESPONSE.get(tier, "Monitor"))
    _add(info, "urgency", "Past" if over else _urgency(alarm))
    _add(info, "severity", _SEVERITY.get(tier, _SEVERITY[alarm["peak_tier"]]))
    _add(info, "certainty", _certainty(alarm))
    _code(info, "eventCode", "cn.fengsui.rule", alarm["rule"])
    _add(info, "effective", _moment(alarm["t_raised"]))
    forecast = alarm["forecast"]
    _add(info, "onset", _moment(alarm["t_raised"] if forecast is None else forecast["eta"]))
    if over:
        _add(info, "expires", _moment(alarm["t_closed"] or alarm["t_returned"]))
    _add(info, "senderName", where.enterprise or "Fengsui")
    _add(info, "headline", words[:160])
    _add(info, "description", f"{alarm['name']}: {words}" if alarm["name"] else words)
    for name in (
        *("tier", "peak_tier", "kind", "state", "quality", "value", "limit", "engineering_unit"),
        *("peak", "basis", "enterprise", "source", "unit", "point", "t_event"),
    ):
        if alarm[name] is not None and alarm[name] != "":
            _code(info, "parameter", name, str(alarm[name]))
    area = ET.SubElement(info, "area")
    named = [name for name in (where.region, where.enterprise, where.source) if name]
    _add(area, "areaDesc", " ".join(named) or alarm["subject"])
    if where.latitude is not None and where.longitude is not None:
        _add(area, "circle", f"{where.latitude},{where.longitude} 0")
    if alarm["region"] is not None:
        _code(area, "geocode", "GB/T 2260", alarm["region"])


def _urgency(alarm: Mapping[str, Any]) -> str:
    if alarm["kind"] in ("comms", "sensor", "system"):
        return "Unknown"
    if alarm["forecast"] is None:
        return "Immediate"
    left = instants.from_text(alarm["forecast"]["eta"]) - instants.from_text(alarm["t_committed"])
    return "Expected" if left <= _SOON_US else "Future"


def _certainty(alarm: Mapping[str, Any]) -> str:
    if alarm["forecast"] is not None:
        return "Likely" if alarm["forecast"]["probability"] > 0.5 else "Possible"
    return "Possible" if alarm["unconfirmed"] or alarm["quality"] != "good" else "Observed"


def _identifier(alarm: str, rev: int) -> str:
    return f"{alarm}.{rev}"


def _moment(text: str) -> str:
    """Write an instant as CAP wants it: whole seconds with an offset, never Z."""
    moment = instants.to_datetime(instants.from_text(text))
    return moment.astimezone(_SITE).isoformat(timespec="seconds")


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = _NO_XML.sub("", text)


def _code(parent: ET.Element, element: str, name: str, value: str) -> None:
    held = ET.SubElement(parent, element)
    _add(held, "valueName", name)
    _add(held, "value", value)
