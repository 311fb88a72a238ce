"""The native JSON forms of readings become columns; what is wrong is named and counted."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alarms.readings import HISTORY, STAMPED_HERE, Quality
from ingest.decoders import native
from ingest.decoders.decoded import MOST_BYTES, MOST_READINGS, Decoded, Reason

RECEIVED = 1_763_712_001_000_000
TS = 1_763_712_000_120
STAMP = TS * 1000


def decode(message: object) -> Decoded:
    payload = message if isinstance(message, bytes) else json.dumps(message).encode()
    return native.decode(payload, RECEIVED)


def rows(decoded: Decoded) -> list[tuple[str, float, int, int]]:
    """Return (tag, value, stamp, mark) for each reading."""
    stamps = [s for s, n in zip(decoded.stamps, decoded.counts, strict=True) for _ in range(n)]
    marks = [m for m, n in zip(decoded.marks, decoded.counts, strict=True) for _ in range(n)]
    return list(zip(decoded.tags, decoded.values, stamps, marks, strict=True))


def refusals(decoded: Decoded) -> list[tuple[Reason, str | None, int]]:
    return [(r.reason, r.tag, r.count) for r in decoded.refused.values()]


def test_values_of_one_time_share_it() -> None:
    decoded = decode({"ts": TS, "values": {"A": 3.21, "B": 7}})
    assert rows(decoded) == [("A", 3.21, STAMP, 0), ("B", 7.0, STAMP, 0)]
    assert not decoded.refused


def test_rows_give_one_time_a_row_and_null_means_none_at_this_time() -> None:
    decoded = decode({"points": ["A", "B"], "rows": [[TS, 1, 2], [TS + 1000, 3, None]]})
    later = STAMP + 1_000_000
    assert rows(decoded) == [("A", 1, STAMP, 0), ("B", 2, STAMP, 0), ("A", 3, later, 0)]
    assert not decoded.refused


def test_a_single_reading_names_its_tag() -> None:
    assert rows(decode({"ts": TS, "tag": "A", "value": 3.21})) == [("A", 3.21, STAMP, 0)]


def test_forms_may_be_mixed_in_an_array() -> None:
    decoded = decode(
        [
            {"ts": TS, "values": {"A": 1}},
            {"ts": TS, "tag": "B", "value": True},
            {"points": ["C"], "rows": [[TS, 2]]},
        ]
    )
    assert rows(decoded) == [("A", 1, STAMP, 0), ("B", 1, STAMP, 0), ("C", 2, STAMP, 0)]


def test_quality_own_time_sequence_and_history_are_read() -> None:
    decoded = decode(
        {
            "ts": "2025-11-21T16:00:00.120+08:00",
            "values": {"A": {"v": 12.5, "q": "calibrating"}, "B": {"v": 1, "ts": TS + 5}, "C": 2},
            "seq": 881,
            "history": True,
        }
    )
    assert rows(decoded) == [
        ("A", 12.5, STAMP, Quality.calibrating | HISTORY),
        ("B", 1.0, STAMP + 5000, HISTORY),
        ("C", 2.0, STAMP, HISTORY),
    ]
    assert decoded.sequence == [881]


@pytest.mark.parametrize(
    ("q", "quality"),
    [
        ("good", Quality.good), ("uncertain", Quality.uncertain), ("bad", Quality.bad),
        ("over_range", Quality.over_range), ("fault", Quality.fault), ("offline", Quality.offline),
        (0, Quality.good), (1, Quality.good), (2, Quality.good), (4, Quality.calibrating),
        (8, Quality.over_range), (16, Quality.fault), (128, Quality.fault),
    ],
)  # fmt: skip
def test_a_quality_is_a_name_or_a_state_number(q: str | int, quality: Quality) -> None:
    assert rows(decode({"ts": TS, "values": {"A": {"v": 1, "q": q}}})) == [("A", 1, STAMP, quality)]


@pytest.mark.parametrize("q", ["great", 3, True, 4.5, [], {}, 10**30, -1])
def test_a_quality_nobody_knows_makes_the_value_bad(q: object) -> None:
    decoded = decode({"ts": TS, "values": {"A": {"v": 1, "q": q}, "B": 2}})
    assert refusals(decoded) == [(Reason.bad_value, "A", 1)]
    assert [row[0] for row in rows(decoded)] == ["B"]


@pytest.mark.parametrize(
    "value", [b'"3.2"', b"null", b"NaN", b"Infinity", b"1e999", b"[]", b"{}", b"9" * 5000]
)
def test_one_rotten_value_refuses_that_value_only(value: bytes) -> None:
    decoded = decode(b'{"ts":%d,"values":{"A":%b,"B":2.5}}' % (TS, value))
    assert rows(decoded) == [("B", 2.5, STAMP, 0)]
    assert refusals(decoded) == [(Reason.bad_value, "A", 1)]


def test_without_a_time_the_time_of_receipt_counts_and_is_marked() -> None:
    assert rows(decode({"values": {"A": 1}})) == [("A", 1, RECEIVED, STAMPED_HERE)]
    assert rows(decode({"tag": "A", "value": False})) == [("A", 0, RECEIVED, STAMPED_HERE)]


@pytest.mark.parametrize(
    "ts",
    [
        "2025-11-21T16:00:00", "2025-11-21", "yesterday", "", "2025-13-01T00:00:00Z",
        "1969-12-31T23:59:59Z", -1, 1e300, 10**40, TS * 1000, True, [], {},
    ],
)  # fmt: skip
def test_a_time_that_is_none_refuses_its_readings(ts: object) -> None:
    decoded = decode({"ts": ts, "values": {"A": 1, "B": 2}})
    assert rows(decoded) == []
    assert refusals(decoded) == [(Reason.bad_time, "A", 1), (Reason.bad_time, "B", 1)]


@pytest.mark.parametrize(
    ("ts", "stamp"),
    [
        (TS + 0.5, STAMP + 500), ("2025-11-21T08:00:00.12Z", STAMP), (0, 0),
        ("2025-11-21t08:00:00.120000z", STAMP), ("2025-11-21 03:00:00.120-05:00", STAMP),
    ],
)  # fmt: skip
def test_times_are_milliseconds_or_rfc_3339(ts: object, stamp: int) -> None:
    assert rows(decode({"ts": ts, "values": {"A": 1}})) == [("A", 1, stamp, 0)]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", Reason.bad_json), (b"{", Reason.bad_json), (b"\xff\xfe", Reason.bad_json),
        (b"ts=1", Reason.bad_json), (b"[" * 100_000, Reason.bad_json), (b"1", Reason.bad_shape),
        (b"null", Reason.bad_shape), (b"{}", Reason.bad_shape), (b'"x"', Reason.bad_shape),
        (b'{"values": 3}', Reason.bad_shape), (b'{"tag": "A"}', Reason.bad_shape),
        (b'{"points": [1], "rows": [[1, 2]]}', Reason.bad_shape),
        (b"{" + b" " * MOST_BYTES, Reason.too_large),
    ],
)  # fmt: skip
def test_a_rotten_message_is_refused_whole(payload: bytes, reason: Reason) -> None:
    decoded = decode(payload)
    assert refusals(decoded) == [(reason, None, 1)]
    assert decoded.tags == []


def test_more_readings_than_allowed_refuse_the_message() -> None:
    row = b"[1,%b]" % b",".join([b"1"] * 100)
    over = b'{"points":[%b],"rows":[%b]}' % (
        b",".join([b'"A"'] * 100),
        b",".join([row] * (MOST_READINGS // 100 + 1)),
    )
    assert refusals(decode(over)) == [(Reason.too_large, None, 1)]


def test_a_row_of_another_length_is_refused_alone() -> None:
    decoded = decode({"points": ["A", "B"], "rows": [[TS, 1], [TS, 1, 2]]})
    assert refusals(decoded) == [(Reason.bad_shape, None, 1)]
    assert [row[:2] for row in rows(decoded)] == [("A", 1), ("B", 2)]


def test_a_byte_order_mark_does_no_harm() -> None:
    assert len(rows(decode(b'\xef\xbb\xbf{"ts":1,"tag":"A","value":1}'))) == 1


def test_the_first_sample_of_a_refusal_is_kept() -> None:
    decoded = decode({"ts": TS, "values": {"A": "wet"}})
    (refusal,) = decoded.refused.values()
    assert json.loads(refusal.first) == {"tag": "A", "value": "wet"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["ts", "values", "points", "rows", "tag", "value", "v", "q", "seq", "A"]
            )
            | st.text(max_size=3),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


def sound(decoded: Decoded) -> bool:
    """Tell whether columns fit together and every sample can be shown and stored."""
    for refusal in decoded.refused.values():
        assert b"\\u0000" not in refusal.first
        json.loads(refusal.first)
        assert refusal.tag is None or "\0" not in refusal.tag
    return len(decoded.tags) == len(decoded.values) == sum(decoded.counts) and len(
        decoded.counts
    ) == len(decoded.stamps) == len(decoded.marks)


@given(JSON)
@example({"ts": 1, "values": {"\ud800": 1, "\0": "x"}})
@example({"ts": 1, "values": {"A": "\0", "B": "\\\0", "C": "\ud800"}})
@example([[]])
def test_no_json_at_all_makes_the_decoder_raise(message: Any) -> None:
    assert sound(decode(message))


@given(st.binary(max_size=200))
@example(b'{"a":' * 5000)
@example(b'{"values":{"A":1,"A":2},"ts":1}')
@example(b'{"values":{"A":' + b"[" * 2000 + b"]" * 2000 + b'},"ts":1}')
def test_no_bytes_at_all_make_the_decoder_raise(payload: bytes) -> None:
    assert sound(decode(payload))


@given(
    st.dictionaries(st.text(max_size=5), st.floats(allow_nan=False, allow_infinity=False)),
    st.integers(0, 253_402_300_799_999),
)
def test_both_roads_say_the_same_of_plain_numbers(values: dict[str, float], ts: int) -> None:
    odd = {**values, "odd": "x"}
    plain, slow = decode({"ts": ts, "values": values}), decode({"ts": ts, "values": odd})
    assert rows(plain) == [row for row in rows(slow) if row[0] in values]
