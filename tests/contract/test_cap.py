"""CAP 1.2: every alarm's message is valid against the OASIS schema and says what the alarm says."""

import copy
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as st

from alarms.alarm import Kind
from alarms.plant import QUANTITIES
from alarms.storage.places import Whereabouts
from api import cap, examples

SCHEMA: Final = xmlschema.XMLSchema(Path(__file__).parent / "oasis/CAP-v1.2.xsd")
TIERS: Final = ("red", "orange", "yellow", "blue")
WHERE: Final = Whereabouts("旌阳区", "某化工有限公司", "罐区", 31.13, 104.39)
NOWHERE: Final = Whereabouts(None, None, None, None, None)
FIRST: Final = cap.Earlier(rev=2, committed=datetime(2026, 11, 21, 8, 0, 1, 999_000, UTC))
FORECAST: Final = {
    "limit": 50.0, "eta": "2026-11-21T08:20:00.000Z", "eta_low": "2026-11-21T08:15:00.000Z",
    "eta_high": "2026-11-21T08:30:00.000Z", "probability": 0.93,
}  # fmt: skip


def alarm(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(examples.ALARM), **changes}


def read(
    document: dict[str, Any],
    *,
    where: Whereabouts = WHERE,
    earlier: cap.Earlier | None = FIRST,
) -> dict[str, Any]:
    return sound(cap.message(document, sender="fengsui/a/b", where=where, earlier=earlier))


def sound(message: bytes) -> dict[str, Any]:
    """Check a message against the schema, and return it as a tree of plain values."""
    root = ET.fromstring(message)  # noqa: S314  # we wrote it
    SCHEMA.validate(root)
    found: dict[str, Any] = plain(root)
    return found


def plain(element: ET.Element) -> Any:
    """Return an element's text, or lists of its children by name."""
    if len(element) == 0:
        return element.text or ""
    found: dict[str, list[Any]] = {}
    for child in element:
        found.setdefault(child.tag.removeprefix(f"{{{cap.NAMESPACE}}}"), []).append(plain(child))
    many = {"info", "category", "parameter"}
    return {name: held if name in many else held[0] for name, held in found.items()}


def info(document: dict[str, Any]) -> dict[str, Any]:
    chinese: dict[str, Any] = read(document)["info"][0]
    return chinese


def test_the_first_is_an_alert_then_updates_refer_to_the_one_before_and_the_last_cancels() -> None:
    first = read(alarm(rev=1), earlier=None)
    assert (first["msgType"], first["status"]) == ("Alert", "Actual")
    assert "references" not in first
    later = read(alarm())
    assert later["msgType"] == "Update"
    assert later["references"] == f"fengsui/a/b,{alarm()['id']}.2,2026-11-21T16:00:01+08:00"
    assert later["identifier"] == f"{alarm()['id']}.3"
    assert read(alarm(t_closed="2026-11-21T09:00:00.000Z"))["msgType"] == "Cancel"


def test_what_is_simulated_is_an_exercise_and_never_actual() -> None:
    assert read(alarm(simulated=True))["status"] == "Exercise"


@pytest.mark.parametrize(
    ("tier", "severity"),
    [("red", "Extreme"), ("orange", "Severe"), ("yellow", "Moderate"), ("blue", "Minor")],
)
def test_a_tier_is_a_severity(tier: str, severity: str) -> None:
    assert info(alarm(tier=tier))["severity"] == severity


def test_an_alarm_that_returned_is_past_and_all_clear_at_the_severity_it_had() -> None:
    said = info(alarm(tier="none", active=False, t_returned="2026-11-21T08:30:00.000Z"))
    assert (said["urgency"], said["responseType"]) == ("Past", "AllClear")
    assert said["severity"] == "Extreme"


def test_a_forecast_is_likely_expected_within_the_hour_and_begins_when_it_is_due() -> None:
    said = info(alarm(kind="forecast", forecast=FORECAST))
    assert (said["urgency"], said["certainty"]) == ("Expected", "Likely")
    assert said["onset"] == "2026-11-21T16:20:00+08:00"
    later = {**FORECAST, "eta": "2026-11-21T12:20:00.000Z", "probability": 0.4}
    said = info(alarm(kind="forecast", forecast=later))
    assert (said["urgency"], said["certainty"]) == ("Future", "Possible")


def test_what_was_not_confirmed_is_not_said_to_be_observed() -> None:
    assert info(alarm())["certainty"] == "Observed"
    assert info(alarm(unconfirmed=True))["certainty"] == "Possible"
    assert info(alarm(quality="stale"))["certainty"] == "Possible"


def test_it_says_where_in_words_and_codes() -> None:
    area = info(alarm())["area"]
    assert area["areaDesc"] == "旌阳区 某化工有限公司 罐区"
    assert area["circle"] == "31.13,104.39 0"
    assert area["geocode"] == {"valueName": "GB/T 2260", "value": "510603"}


@given(
    words=st.text(max_size=300),
    tier=st.sampled_from(TIERS),
    now=st.sampled_from([*TIERS, "none"]),
    kind=st.sampled_from(list(Kind)),
    quantity=st.sampled_from([*QUANTITIES, None]),
    forecast=st.sampled_from([None, FORECAST]),
    is_simulated=st.booleans(),
    closed=st.sampled_from([None, "2026-11-21T09:00:00.000Z"]),
    where=st.sampled_from([WHERE, NOWHERE]),
    earlier=st.sampled_from([None, FIRST]),
)
def test_whatever_an_alarm_says_its_message_is_valid(
    words: str,
    tier: str,
    now: str,
    kind: Kind,
    quantity: str | None,
    forecast: dict[str, Any] | None,
    is_simulated: bool,
    closed: str | None,
    where: Whereabouts,
    earlier: cap.Earlier | None,
) -> None:
    document = alarm(
        message={"zh": words, "en": words}, name=words, peak_tier=tier, tier=now, kind=kind.value,
        quantity=quantity, forecast=forecast, simulated=is_simulated, t_closed=closed,
        region=None if where is NOWHERE else "510603",
    )  # fmt: skip
    said = read(document, where=where, earlier=earlier)
    assert (said["status"] == "Exercise") is is_simulated
    assert [each["language"] for each in said["info"]] == ["zh-CN", "en-US"]
