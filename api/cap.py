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
SEVERITY: Final = {"red": "Extreme", "orange": "Severe", "yellow": "Moderate", "blue": "Minor"}
RESPONSE: Final = {"red": "Execute", "orange": "Prepare", "yellow": "Monitor", "blue": "Monitor"}
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
TIER_WORDS: Final = {
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
    root = begun(alarm, sender=sender, earlier=earlier, ended=alarm["t_closed"] is not None)
    for language, words in (("zh-CN", "zh"), ("en-US", "en")):
        _info(root, alarm, language, alarm["message"][words], where)
    return written(root)


def begun(
    document: Mapping[str, Any], *, sender: str, earlier: Earlier | None, ended: bool
) -> ET.Element:
    """Return the message of an alarm or warning up to its `info`; `earlier` was said before."""
    root = ET.Element("alert", xmlns=NAMESPACE)
    add(root, "identifier", _identifier(document["id"], document["rev"]))
    add(root, "sender", sender)
    add(root, "sent", moment(document["t_committed"]))
    add(root, "status", "Exercise" if document["simulated"] else "Actual")
    add(root, "msgType", "Alert" if earlier is None else "Cancel" if ended else "Update")
    add(root, "source", "Fengsui")
    add(root, "scope", "Restricted")
    add(root, "restriction", "authorities and enterprises whose scope covers it")
    if earlier is not None:
        sent = earlier.committed.astimezone(_SITE).isoformat(timespec="seconds")
        add(root, "references", f"{sender},{_identifier(document['id'], earlier.rev)},{sent}")
    return root


def written(root: ET.Element) -> bytes:
    """Return a whole message as it is sent."""
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text


def _info(
    root: ET.Element, alarm: Mapping[str, Any], language: str, words: str, where: Whereabouts
) -> None:
    info = ET.SubElement(root, "info")
    tier = alarm["tier"]
    over = alarm["t_returned"] is not None or alarm["t_closed"] is not None
    add(info, "language", language)
    add(info, "category", "Safety")
    if alarm["quantity"] in _CATEGORY:
        add(info, "category", _CATEGORY[alarm["quantity"]])
    add(info, "event", _EVENT[language].format(TIER_WORDS[language][alarm["peak_tier"]]))
    add(info, "responseType", "AllClear" if over else RESPONSE.get(tier, "Monitor"))
    add(info, "urgency", "Past" if over else _urgency(alarm))
    add(info, "severity", SEVERITY.get(tier, SEVERITY[alarm["peak_tier"]]))
    add(info, "certainty", _certainty(alarm))
    code(info, "eventCode", "cn.fengsui.rule", alarm["rule"])
    add(info, "effective", moment(alarm["t_raised"]))
    forecast = alarm["forecast"]
    add(info, "onset", moment(alarm["t_raised"] if forecast is None else forecast["eta"]))
    if over:
        add(info, "expires", moment(alarm["t_closed"] or alarm["t_returned"]))
    add(info, "senderName", where.enterprise or "Fengsui")
    add(info, "headline", words[:160])
    add(info, "description", f"{alarm['name']}: {words}" if alarm["name"] else words)
    for name in (
        *("tier", "peak_tier", "kind", "state", "quality", "value", "limit", "engineering_unit"),
        *("peak", "basis", "enterprise", "source", "unit", "point", "t_event"),
    ):
        if alarm[name] is not None and alarm[name] != "":
            code(info, "parameter", name, str(alarm[name]))
    named = [name for name in (where.region, where.enterprise, where.source) if name]
    place(info, " ".join(named) or alarm["subject"], where, region=alarm["region"])


def place(info: ET.Element, words: str, where: Whereabouts, *, region: str | None) -> None:
    """Add where it is: in words, as a spot where one is known, and as a code of GB/T 2260."""
    area = ET.SubElement(info, "area")
    add(area, "areaDesc", words)
    if where.latitude is not None and where.longitude is not None:
        add(area, "circle", f"{where.latitude},{where.longitude} 0")
    if region is not None:
        code(area, "geocode", "GB/T 2260", region)


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


def moment(text: str) -> str:
    """Write an instant as CAP wants it: whole seconds with an offset, never Z."""
    instant = instants.to_datetime(instants.from_text(text))
    return instant.astimezone(_SITE).isoformat(timespec="seconds")


def add(parent: ET.Element, name: str, text: str) -> None:
    """Add an element with a text, without the signs that no XML may have."""
    ET.SubElement(parent, name).text = _NO_XML.sub("", text)


def code(parent: ET.Element, element: str, name: str, value: str) -> None:
    """Add a named value."""
    held = ET.SubElement(parent, element)
    add(held, "valueName", name)
    add(held, "value", value)
