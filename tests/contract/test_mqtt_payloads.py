"""MQTT payloads of contracts.md section 4: golden vectors, and schemas that say the same."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from alarms.readings import QUALITY_MASK, Quality
from ingest import schemas, topics
from ingest.decoders import native, senml, status
from ingest.decoders.decoded import Reason
from ingest.refusals import Ledger
from ingest.replies import Replies
from ingest.sifting import Account
from tests.dialects import GOLDEN as GOLDEN_DIALECTS
from tests.dialects import Golden

GOLDEN: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "golden" / "readings.json").read_text(encoding="utf-8")
)
RECEIVED = 1_763_712_002_000_000


def valid(name: str, payload: object) -> bool:
    return bool(Draft202012Validator(schemas.load(name)).is_valid(payload))


@pytest.mark.parametrize("name", schemas.NAMES)
def test_every_schema_is_a_schema(name: str) -> None:
    Draft202012Validator.check_schema(schemas.load(name))


@pytest.mark.parametrize("vector", GOLDEN, ids=lambda vector: json.dumps(vector["payload"])[:60])
def test_a_payload_means_what_it_always_meant(vector: dict[str, Any]) -> None:
    decoded = native.decode(json.dumps(vector["payload"]).encode(), RECEIVED)
    readings = []
    place = 0
    for count, stamp, mark in zip(decoded.counts, decoded.stamps, decoded.marks, strict=True):
        quality = Quality(mark & QUALITY_MASK).name
        readings += [
            [stamp / 1000, decoded.tags[at], decoded.values[at], quality]
            for at in range(place, place + count)
        ]
        place += count
    assert readings == vector["readings"]
    assert [[r.reason, r.tag, r.count] for r in decoded.refused.values()] == vector.get(
        "rejected", []
    )


@pytest.mark.parametrize("vector", GOLDEN, ids=lambda vector: json.dumps(vector["payload"])[:60])
def test_the_schema_takes_exactly_what_the_decoder_takes_whole(vector: dict[str, Any]) -> None:
    assert valid("readings", vector["payload"]) == ("rejected" not in vector)


@pytest.mark.parametrize("golden", [one for one in GOLDEN_DIALECTS if one.dialect == "senml"])
def test_a_senml_pack_follows_its_schema(golden: Golden) -> None:
    assert valid("senml", json.loads(golden.payload))


@pytest.mark.parametrize(
    "pack", [{}, [], [3], [{"n": 1}], [{"v": "1"}], [{"bver": 11}], [{"n": "a", "v": 1, "x_": 1}]]
)
def test_what_is_no_senml_meets_neither_schema_nor_decoder(pack: object) -> None:
    decoded = senml.decode(json.dumps(pack).encode(), RECEIVED)
    assert decoded.refused
    assert decoded.tags == []
    assert not valid("senml", pack)


@pytest.mark.parametrize(
    ("payload", "meant"),
    [
        ({"state": "online", "ts": 1}, "online"),
        ({"state": "offline"}, "offline"),
        ({"state": "asleep"}, Reason.bad_shape),
        ([], Reason.bad_shape),
    ],
)
def test_a_status_is_online_or_offline(payload: object, meant: str) -> None:
    assert status.decode(json.dumps(payload).encode()) == meant
    assert valid("status", payload) == (not isinstance(meant, Reason))


def test_a_reply_follows_its_schema_and_comes_at_most_once_a_second() -> None:
    ledger = Ledger()
    for _ in range(3):
        ledger.add("gw", Reason.unknown_point, tag="X", received=1, payload=b"", sample=1.5)
    ledger.add("stranger", Reason.unknown_gateway, tag=None, received=1, payload=b"")
    replies = Replies()
    replies.add({"gw": Account(accepted=2, corrected=1)}, ledger.entries)
    ((gateway, payload),) = replies.due(5_000_000)
    reply = json.loads(payload)
    assert gateway == "gw"
    assert reply == {
        "ts": 5000,
        "accepted": 2,
        "rejected": [
            {
                "reason": "unknown_point",
                "tag": "X",
                "count": 3,
                "first": {"tag": "X", "value": 1.5},
            }
        ],
        "corrected": [{"reason": "future_time", "count": 1}],
    }
    assert valid("replies", reply)
    replies.add({"gw": Account(accepted=1)}, [])
    assert list(replies.due(5_500_000)) == []
    replies.add({"gw": Account(accepted=1)}, [])
    ((_, payload),) = replies.due(6_000_000)
    assert json.loads(payload)["accepted"] == 2


@pytest.mark.parametrize(
    ("topic", "parsed"),
    [
        ("fengsui/v1/gw-1/readings", ("gw-1", "readings")),
        ("fengsui/v1/gw-1/status", ("gw-1", "status")),
        ("fengsui/v1/gw-1/other", None),
        ("fengsui/v1/gw-1", None),
        ("fengsui/v1//readings", None),
        ("fengsui/v1/a/b/readings", None),
        ("elsewhere/v1/gw-1/readings", None),
    ],
)
def test_topics_name_gateway_and_channel(topic: str, parsed: tuple[str, str] | None) -> None:
    found = topics.parse("fengsui/v1", topic)
    assert (None if found is None else (found.gateway, found.channel)) == parsed
