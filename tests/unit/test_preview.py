"""A preview says what ingest would do with a message, and why not."""

import json
from typing import Any

import pytest

from alarms.errors import NotFoundError, RefusedError
from alarms.plant import Plant
from ingest import preview as previews
from ingest.decoders.decoded import Reason
from ingest.preview import preview
from tests.dialects import RECEIVED
from tests.unit import plants

POINTS = (
    plants.point("LT", range=(0.0, 10.0)),
    plants.point("PT", quantity="pressure", engineering_unit="kPa"),
)
PLANT: Plant = plants.plant(POINTS)
NEURON = b'{"timestamp":1763712000120,"node":"n","group":"g","values":{"l":3.25},"errors":{"p":1}}'


def told(payload: bytes, **settings: object) -> dict[str, Any]:
    found = preview(PLANT, "gw-1", payload, RECEIVED, settings)
    assert json.loads(json.dumps(found)) == found
    return found


def test_it_says_dialect_readings_and_refusals_in_plain_words() -> None:
    found = told(NEURON, mapping=[{"field": "l", "tag": "LT", "scale": 10, "unit": "dm"}])
    assert (found["dialect"], found["dialect_set"]) == ("neuron", False)
    assert (found["accepted"], found["rejected"]) == (1, 1)
    assert found["readings"] == [
        {"tag": "LT", "name": "液位", "value": pytest.approx(3.25), "unit": "m",
         "time": "2025-11-21T08:00:00.120Z", "quality": "good", "flags": []}
    ]  # fmt: skip
    [refused] = found["refused"]
    assert (refused["reason"], refused["tag"]) == ("bad_value", "p")
    assert "采集错误码" in refused["words"]["zh"]


def test_a_refusal_has_the_points_tag_and_the_gateways_field() -> None:
    mapping = [{"field": "l", "tag": "LT"}, {"field": "n.g.p", "tag": "PT"}]
    found = told(
        b'{"timestamp":1763712000120,"node":"n","group":"g","values":{"y":1,"l":99},'
        b'"errors":{"p":1}}',
        mapping=mapping,
    )
    assert [(one["reason"], one["tag"], one["field"]) for one in found["refused"]] == [
        ("bad_value", "PT", "n.g.p"),
        ("unknown_point", "y", None),
        ("out_of_range", "LT", "l"),
    ]
    assert found["refused"][2]["first"] == {"tag": "LT", "field": "l", "value": 99.0}


def test_a_dialect_is_tried_without_being_set() -> None:
    flat = b'{"LT": 3, "PT": true, "XX": 1}'
    assert told(flat)["accepted"] == 0
    found = told(flat, dialect="thingsboard")
    assert (found["dialect"], found["accepted"]) == ("thingsboard", 2)
    assert [one["reason"] for one in found["refused"]] == ["unknown_point"]
    assert found["readings"][0]["flags"] == ["stamped_here"]


def test_readings_are_sifted_as_they_would_be() -> None:
    found = told(b'{"ts": 1763712000120, "values": {"LT": 11, "PT": {"v": 1, "q": "calibrating"}}}')
    assert [(one["value"], one["quality"], one["flags"]) for one in found["readings"]] == [
        (10.0, "uncertain", ["clamped"]),
        (1.0, "calibrating", []),
    ]
    assert [one["reason"] for one in told(b'{"values": {"LT": 99}}')["refused"]] == ["out_of_range"]


@pytest.mark.parametrize(
    "settings",
    [
        {"dialect": "klingon"},
        {"mapping": [{"field": "l", "tag": "LT", "unit": "bar"}]},
        {"mapping": [{"field": "l", "tag": "XX"}]},
        {"mapping": {"l": "LT"}},
        {"enterprise": "E2"},
    ],
)
def test_settings_no_registry_could_have_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(RefusedError):
        told(NEURON, **settings)


def test_a_gateway_nobody_registered_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="gw-9"):
        preview(PLANT, "gw-9", NEURON, RECEIVED, {})


def test_every_reason_has_its_words_in_both_languages() -> None:
    assert set(previews._WORDS) == set(Reason)
    assert all(zh and en for zh, en in previews._WORDS.values())
