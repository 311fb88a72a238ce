"""A warning as a CAP 1.2 message: Alert when issued, then Update, Cancel when lifted. Pure.

What the law makes a warning say stands in CAP's own elements. The fields that the national system
for early warnings (GB/T 35965.1) writes otherwise than CAP stand beside them as parameters, as far
as they are known from public code written for it (V2). Nothing here claims conformity: the
standard's text was not at hand, nor its codes of issuers and of kinds of events.
"""

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any, Final

from alarms.storage.places import Whereabouts
from api import cap

_URGENCY: Final = {"red": "Immediate", "orange": "Expected", "yellow": "Future", "blue": "Future"}
"""内蒙古 危化 plan (V:S93): 会随时发生, 即将发生, 已经临近, 即将临近; in CAP's words: ours (D)."""
NATIONAL: Final = "GB/T 35965.1 "
"""What the names of those parameters begin with."""
_LIFTED: Final = {
    "zh-CN": "预警已解除，原定措施不再执行。",
    "en-US": "The warning is lifted; its measures are no longer in force.",
}
_EVENT: Final = {"zh-CN": "{}预警", "en-US": "{} warning"}


def message(
    warning: Mapping[str, Any], *, sender: str, where: Whereabouts, earlier: cap.Earlier | None
) -> bytes:
    """Return the message for a published warning's present revision; `warning` is its document.

    `earlier` is the revision before if that was published too. A simulated one is an Exercise.
    """
    root = cap.begun(warning, sender=sender, earlier=earlier, ended=not warning["active"])
    for language in ("zh-CN", "en-US"):
        _info(
            root, warning, language, where, _national(root, warning) if language == "zh-CN" else {}
        )
    return cap.written(root)


def _national(root: ET.Element, warning: Mapping[str, Any]) -> dict[str, str]:
    """Return the national system's own fields: names and values.

    `secClassification` is None for the public's, Inner for what is not.
    """
    color, verb = cap.TIER_WORDS["zh-CN"][warning["level"]], "发布" if warning["active"] else "解除"
    return {
        "sender": warning["issuer"],
        "sendTime": cap.moment(warning["t_committed"]).replace("T", " "),
        "status": "Test" if warning["simulated"] else "Actual",
        "msgType": root.findtext("msgType", ""),
        "secClassification": "Inner",
        "severity": str(warning["level"]).capitalize(),
        "headline": f"{warning['issuer']}{verb}{warning['category']}{color}预警",
    }


def _info(
    root: ET.Element,
    warning: Mapping[str, Any],
    language: str,
    where: Whereabouts,
    national: Mapping[str, str],
) -> None:
    level, over = warning["level"], not warning["active"]
    color = cap.TIER_WORDS[language][level]
    info = ET.SubElement(root, "info")
    cap.add(info, "language", language)
    cap.add(info, "category", "Safety")
    cap.add(info, "event", _EVENT[language].format(color))
    cap.add(info, "responseType", "AllClear" if over else cap.RESPONSE[level])
    cap.add(info, "urgency", "Past" if over else _URGENCY[level])
    cap.add(info, "severity", cap.SEVERITY[level])
    cap.add(info, "certainty", "Likely")
    cap.code(info, "eventCode", "cn.fengsui.warning", warning["stage"])
    cap.add(info, "effective", cap.moment(warning["published_at"]))
    cap.add(info, "onset", cap.moment(warning["starts_at"]))
    if over:
        cap.add(info, "expires", cap.moment(warning["t_lifted"]))
    cap.add(info, "senderName", warning["issuer"])
    headline = warning["message"]["zh" if language == "zh-CN" else "en"]
    cap.add(info, "headline", headline[:160])
    # What was to be done then is not to be done now: the end has no words of the beginning.
    lifted = _LIFTED[language]
    cap.add(info, "description", lifted if over else warning["cautions"])
    cap.add(info, "instruction", lifted if over else warning["measures"])
    for name in ("level", "category", "government", "basis", "enterprise", "source"):
        if warning[name]:
            cap.code(info, "parameter", name, warning[name])
    for name, value in national.items():
        cap.code(info, "parameter", NATIONAL + name, value)
    for alarm in warning["alarms"]:
        cap.code(info, "parameter", "alarm", alarm)
    cap.place(info, warning["area"], where, region=warning["region"])
