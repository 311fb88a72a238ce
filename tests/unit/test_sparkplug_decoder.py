"""Sparkplug metrics become readings by datatype, time and quality; nothing breaks the decoder."""

import math
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.readings import HISTORY, STAMPED_HERE, Quality
from ingest.decoders import sparkplug
from ingest.decoders.decoded import MOST_BYTES, Decoded, Reason
from ingest.decoders.sparkplug import Born, Table
from ingest.sparkplug.payload_pb2 import Payload
from tests.sparkplug import Metric, payload
from tests.unit.edge_plant import RECEIVED, TS

KNOWN = {"A", "B", "skid/B"}
BORN = (Born("A", 1, 10), Born("B", 2, 1), Born("zero", 0, 10), Born("text", 3, 12))
TABLE = Table.of(BORN, device="skid", known=KNOWN)


def decode(encoded: bytes) -> Decoded:
    parsed = sparkplug.parse(encoded)
    return parsed if isinstance(parsed, Decoded) else sparkplug.decode(parsed, RECEIVED, TABLE)[0]


def one(**fields: object) -> Decoded:
    return decode(payload([fields], ts=TS))


def test_the_metrics_name_is_the_tag_and_the_devices_own_where_that_is_registered() -> None:
    decoded = decode(payload([{"name": "A", "double_value": 1.0}, {"name": "B", "int_value": 1}]))
    assert decoded.tags == ["A", "skid/B"]


@pytest.mark.parametrize(
    ("datatype", "field", "sent", "value"),
    [
        (1, "int_value", 0xFF, -1),
        (1, "int_value", 0xFFFF_FFFF, -1),
        (2, "int_value", 0x8000, -32768),
        (3, "int_value", 0x7FFF_FFFF, 2_147_483_647),
        (3, "int_value", 0x8000_0000, -2_147_483_648),
        (4, "long_value", (1 << 64) - 2, -2),
        (5, "int_value", 255, 255),
        (7, "int_value", 0xFFFF_FFFF, 4_294_967_295),
        (8, "long_value", 1 << 40, 1 << 40),
        (9, "float_value", 0.5, 0.5),
        (11, "boolean_value", True, 1),
        (13, "long_value", 1_763_712_000_120, 1_763_712_000_120),
    ],
)
def test_a_value_is_read_by_its_datatype(
    datatype: int, field: str, sent: object, value: float
) -> None:
    assert one(alias=1, datatype=datatype, **{field: sent}).values == [value]


def test_the_datatype_of_the_birth_holds_where_data_gives_none() -> None:
    assert one(alias=2, int_value=0xFE).values == [-2]


@pytest.mark.parametrize(
    ("quality", "mark"),
    [
        (192, Quality.good), (216, Quality.good), (64, Quality.uncertain), (0, Quality.bad),
        (500, Quality.offline), (512, Quality.bad),
    ],
)  # fmt: skip
def test_quality_is_sparkplugs_or_an_opc_quality(quality: int, mark: Quality) -> None:
    assert one(alias=1, double_value=1.0, quality=quality).marks == [mark]


def test_a_value_without_quality_is_good() -> None:
    assert one(alias=1, double_value=1.0).marks == [Quality.good]


def test_a_metrics_time_goes_before_the_payloads_and_without_either_it_is_the_receipt() -> None:
    assert one(alias=1, double_value=1.0, timestamp=TS + 5).stamps == [(TS + 5) * 1000]
    assert one(alias=1, double_value=1.0).stamps == [TS * 1000]
    bare = decode(payload([{"alias": 1, "double_value": 1.0}]))
    assert (bare.stamps, bare.marks) == ([RECEIVED], [STAMPED_HERE])


def test_a_time_beyond_the_year_10000_is_refused_and_the_rest_taken() -> None:
    decoded = decode(
        payload(
            [
                {"alias": 1, "double_value": 1.0, "timestamp": 1 << 63},
                {"alias": 2, "int_value": 1, "timestamp": TS},
            ]
        )
    )
    assert [(r.reason, r.tag) for r in decoded.refused.values()] == [(Reason.bad_time, "A")]
    assert decoded.tags == ["skid/B"]


def test_historical_values_are_marked_one_by_one() -> None:
    decoded = decode(
        payload(
            [
                {"alias": 1, "double_value": 1.0, "timestamp": TS, "is_historical": True},
                {"alias": 1, "double_value": 2.0, "timestamp": TS},
            ]
        )
    )
    assert decoded.marks == [HISTORY, 0]


def test_an_alias_of_zero_is_an_alias_and_a_value_of_zero_a_value() -> None:
    assert one(alias=0, double_value=1.0).tags == ["zero"]
    assert one(alias=1, double_value=0.0).values == [0.0]


def test_values_of_several_types_share_a_message() -> None:
    kinds: list[Metric] = [{"double_value": 1.5}, {"int_value": 7}, {"boolean_value": True}]
    metrics = [{"alias": 1, "timestamp": TS, **kind} for kind in kinds]
    assert decode(payload(metrics)).values == [1.5, 7.0, 1.0]


@pytest.mark.parametrize(
    "fields",
    [
        {"is_null": True, "double_value": 1.0},
        {"double_value": math.nan},
        {"float_value": math.inf},
        {"string_value": "high"},
        {"bytes_value": b"\0"},
        {},
    ],
)
def test_what_is_no_number_is_refused_by_name(fields: Metric) -> None:
    decoded = one(alias=1, **fields)
    assert [(r.reason, r.tag) for r in decoded.refused.values()] == [(Reason.bad_value, "A")]
    assert not decoded.tags


def test_a_text_of_no_registered_point_is_an_unknown_point() -> None:
    decoded = one(alias=3, string_value="x")
    assert [(r.reason, r.tag) for r in decoded.refused.values()] == [(Reason.unknown_point, "text")]


def test_an_alias_that_was_not_born_is_told() -> None:
    parsed = sparkplug.parse(payload([{"alias": 9, "double_value": 1.0}], ts=TS))
    assert isinstance(parsed, Payload)
    decoded, all_born = sparkplug.decode(parsed, RECEIVED, TABLE)
    assert not all_born
    assert [r.reason for r in decoded.refused.values()] == [Reason.unknown_point]


def test_the_protocols_own_metrics_are_no_readings() -> None:
    names = ("bdSeq", "Node Control/Rebirth", "Device Control/Reboot")
    decoded = decode(payload([{"name": name, "long_value": 1} for name in names], ts=TS))
    assert not decoded.tags
    assert not decoded.refused


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [(b"\xff", Reason.bad_shape), (b"\0" * (MOST_BYTES + 1), Reason.too_large)],
)
def test_what_is_no_payload_is_refused_whole(encoded: bytes, reason: Reason) -> None:
    assert [r.reason for r in decode(encoded).refused.values()] == [reason]


def test_a_name_that_is_no_text_is_refused_and_the_rest_taken() -> None:
    broken = payload([{"name": "Aé", "double_value": 1.0}, {"alias": 1, "double_value": 2.0}])
    decoded = decode(broken.replace("é".encode(), b"\xff\xfe"))
    assert decoded.values == [2.0]
    assert [r.reason for r in decoded.refused.values()] == [Reason.bad_shape]


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["A", "B", "new", "bdSeq"]),
        "alias": st.integers(0, 4),
        "timestamp": st.sampled_from([0, TS, TS + 1, 1 << 63]),
        "datatype": st.integers(0, 40),
        "is_historical": st.booleans(),
        "is_null": st.booleans(),
        "quality": st.sampled_from([0, 64, 192, 500, 0xFFFF_FFFF]),
    },
)
VALUES: st.SearchStrategy[Metric] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"double_value": st.floats()}),
    st.fixed_dictionaries({"float_value": st.floats(width=32)}),
    st.fixed_dictionaries({"int_value": st.integers(0, 2**32 - 1)}),
    st.fixed_dictionaries({"string_value": st.text(max_size=3)}),
)
METRICS = st.lists(st.builds(lambda a, b: {**a, **b}, FIELDS, VALUES), max_size=6)


@given(METRICS, st.sampled_from([None, TS]))
def test_both_roads_say_the_same(metrics: list[Metric], ts: int | None) -> None:
    parsed = Payload.FromString(payload(metrics, ts=ts))
    quick = sparkplug._fast(parsed, TABLE)
    slow, all_born = sparkplug._slow(parsed, RECEIVED, TABLE)
    if quick is not None:
        assert all_born
        assert quick == slow


@given(METRICS, st.data())
def test_damaged_payloads_are_refused_and_never_raise(
    metrics: list[Metric], drawn: st.DataObject
) -> None:
    encoded = bytearray(payload(metrics, ts=TS))
    for _ in range(drawn.draw(st.integers(0, 3)) if encoded else 0):
        encoded[drawn.draw(st.integers(0, len(encoded) - 1))] = drawn.draw(st.integers(0, 255))
    decoded = decode(bytes(encoded))
    assert sum(decoded.counts) == len(decoded.tags) == len(decoded.values)
    assert all(map(math.isfinite, decoded.values))


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(encoded: bytes) -> None:
    decode(encoded)


@pytest.mark.parametrize("window", [zlib.MAX_WBITS, 16 + zlib.MAX_WBITS])
def test_a_compressed_payload_says_what_it_said_before(window: int) -> None:
    plain = payload([{"alias": 1, "double_value": 2.5}], ts=TS)
    packing = zlib.compressobj(wbits=window)
    body = packing.compress(plain) + packing.flush()
    whole = Payload(uuid=sparkplug.COMPRESSED, body=body).SerializeToString()
    assert decode(whole) == decode(plain)
    cut = Payload(uuid=sparkplug.COMPRESSED, body=body[:-5]).SerializeToString()
    assert [one.reason for one in decode(cut).refused.values()] == [Reason.bad_shape]


def test_what_unpacks_to_more_than_a_message_may_be_is_refused_without_unpacking_it_all() -> None:
    bomb = Payload(uuid=sparkplug.COMPRESSED, body=zlib.compress(bytes(100 * MOST_BYTES)))
    assert len(bomb.SerializeToString()) < MOST_BYTES
    decoded = decode(bomb.SerializeToString())
    assert [one.reason for one in decoded.refused.values()] == [Reason.too_large]
