"""CAP 1.2 of warnings: valid against the OASIS schema, and with all that the law asks."""

import copy
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.storage.places import Whereabouts
from api import cap, cap_warning, frames, schemas, warning_schemas
from tests.contract.test_cap import FIRST, NOWHERE, TIERS, WHERE, sound

LIFT = {"by": "li", "at": "2026-11-21T09:00:00.000Z", "reason": "", "active": []}


def warning(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(warning_schemas.EXAMPLE), **changes}


def read(
    document: dict[str, Any],
    *,
    where: Whereabouts = WHERE,
    earlier: cap.Earlier | None = FIRST,
) -> dict[str, Any]:
    return sound(cap_warning.message(document, sender="fengsui/a/b", where=where, earlier=earlier))


def lifted(**changes: Any) -> dict[str, Any]:
    return warning(
        stage="lifted", active=False, lift=LIFT, t_lifted="2026-11-21T09:00:00.000Z", **changes
    )


def test_the_laws_eight_fields_stand_in_caps_own_places() -> None:
    said = read(warning())
    info = said["info"][0]
    given = {each["valueName"]: each["value"] for each in info["parameter"]}
    assert given["category"] == "事故灾难"
    assert (given["level"], info["severity"], info["event"]) == ("orange", "Severe", "橙色预警")
    assert info["onset"] == "2026-11-21T16:00:00+08:00"
    assert info["area"]["areaDesc"] == warning()["area"]
    assert info["description"] == warning()["cautions"]
    assert info["instruction"] == warning()["measures"]
    assert info["senderName"] == "德阳市人民政府"
    assert info["effective"] == "2026-11-21T16:04:00+08:00"
    assert info["headline"] == f"德阳市人民政府发布橙色预警（二级）：{warning()['area']}"
    assert given["alarm"] == warning()["alarms"][0]


def test_the_first_is_an_alert_then_updates_and_the_end_a_cancel_with_all_clear() -> None:
    assert read(warning(), earlier=None)["msgType"] == "Alert"
    assert read(warning())["msgType"] == "Update"
    end = read(lifted())
    assert (end["msgType"], end["info"][0]["responseType"]) == ("Cancel", "AllClear")
    assert (end["info"][0]["urgency"], end["status"]) == ("Past", "Actual")
    told = " ".join(info[name] for info in end["info"] for name in ("description", "instruction"))
    assert "已解除" in told
    assert warning()["measures"] not in told
    assert warning()["cautions"] not in told


@given(
    words=st.text(max_size=300),
    level=st.sampled_from(TIERS),
    is_simulated=st.booleans(),
    is_lifted=st.booleans(),
    where=st.sampled_from([WHERE, NOWHERE]),
    earlier=st.sampled_from([None, FIRST]),
    alarms=st.lists(st.just("01KAKZ5N3G7Q2V9T4R6W8Y0ABC"), max_size=3),
)
def test_whatever_a_warning_says_its_message_is_valid(
    words: str,
    level: str,
    is_simulated: bool,
    is_lifted: bool,
    where: Whereabouts,
    earlier: cap.Earlier | None,
    alarms: list[str],
) -> None:
    texts = dict.fromkeys(("category", "area", "cautions", "measures", "issuer", "name"), words)
    made = lifted if is_lifted else warning
    document = made(level=level, simulated=is_simulated, alarms=alarms, **texts)
    said = read(document, where=where, earlier=earlier)
    assert (said["status"] == "Exercise") is is_simulated
    assert [each["language"] for each in said["info"]] == ["zh-CN", "en-US"]


def test_the_examples_keep_their_schemas() -> None:
    for name, example in (
        ("Warning", warning_schemas.EXAMPLE),
        ("WarningEvent", warning_schemas.EVENT_EXAMPLE),
        ("AnyEvent", warning_schemas.EVENT_EXAMPLE),
    ):
        jsonschema.validate(example, schemas.standing_alone(name))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(warning(stage="cold"), schemas.standing_alone("Warning"))


def test_a_filter_names_every_kind_of_alarm_and_warnings() -> None:
    kinds = schemas.components()["Filter"]["properties"]["kinds"]
    listed = next(each for each in kinds["anyOf"] if each.get("type") == "array")
    alarm_kinds = set(schemas.ALARM["properties"]["kind"]["enum"])
    assert set(listed["items"]["enum"]) == alarm_kinds | {"warning"}
    op = b'{"op":"subscribe","sub":"a","filter":{"kinds":["warning"]}}'
    assert isinstance(frames.parse_alarm_op(op), frames.Subscribe)


def national(document: dict[str, Any]) -> dict[str, str]:
    info = read(document)["info"]
    said = [{each["valueName"]: each["value"] for each in one["parameter"]} for one in info]
    found = [
        {name.removeprefix(cap_warning.NATIONAL): value for name, value in each.items()
         if name.startswith(cap_warning.NATIONAL)}
        for each in said
    ]  # fmt: skip
    assert found[1] == {}
    return found[0]


def test_the_national_systems_own_fields_stand_beside_in_chinese_only() -> None:
    assert national(warning()) == {
        "sender": "德阳市人民政府",
        "sendTime": "2026-11-21 16:05:10+08:00",
        "status": "Actual",
        "msgType": "Update",
        "secClassification": "Inner",
        "severity": "Orange",
        "headline": "德阳市人民政府发布事故灾难橙色预警",
    }
    assert national(lifted())["headline"] == "德阳市人民政府解除事故灾难橙色预警"


def test_a_simulated_warning_is_a_test_in_the_national_systems_words() -> None:
    assert national(warning(simulated=True))["status"] == "Test"
