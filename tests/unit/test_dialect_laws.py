"""Whatever comes, no decoder raises, and what it returns fits together."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alarms.plant import DIALECTS
from ingest.decoders import choosing, hj212, influx, kepware, neuron, senml, thingsboard
from tests.captures import CAPTURED
from tests.dialects import GOLDEN, RECEIVED, rows, sound
from tests.mutation import spoilt

KEYS = st.sampled_from(
    ["ts", "values", "points", "rows", "tag", "value", "v", "q", "seq", "timestamp", "node",
     "group", "errors", "tags", "name", "error", "id", "t", "s", "c", "ai1", "di1", "ai_st1", "n",
     "bn", "bt", "bu", "bv", "bs", "bver", "u", "vb", "vs", "vd", "d"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=6)
    ),
    max_leaves=25,
)


@pytest.mark.parametrize("dialect", [None, *DIALECTS])
@given(payload=st.binary(max_size=300))
@example(payload=b'{"a":' * 5000)
@example(payload=b"[" * 100_000)
@example(payload=b'm v="' + b'\\"' * 5000)
@example(payload=b"##9999")
def test_no_bytes_at_all_make_a_decoder_raise(dialect: str | None, payload: bytes) -> None:
    sound(choosing.decode(payload, RECEIVED, dialect))


@pytest.mark.parametrize("dialect", [None, *DIALECTS])
@given(message=JSON)
@example(message={"timestamp": 1, "values": {"\ud800": 1, "\0": "x"}, "node": "\0", "group": ""})
@example(message={"timestamp": 10**40, "values": [{"id": "A", "v": 1, "q": 10**40, "t": 1e308}]})
@example(message={"t": 1e308, "q": 192, "ai1": 10**400, "di1": True})
@example(message=[{"n": "a", "v": 1e308, "bv": 1e308, "bt": 1e308, "bs": 1e308, "s": 1e308}])
@example(message=[{"n": "a", "v": 1, "t": -1e300}])
@example(message={"D": [{"ts": 1e308, "values": {"a": [1]}}]})
def test_no_json_at_all_makes_a_decoder_raise(dialect: str | None, message: Any) -> None:
    sound(choosing.decode(json.dumps(message).encode(), RECEIVED, dialect))


@pytest.mark.parametrize("dialect", [None, *DIALECTS])
@given(seed=st.integers(0, 2**32))
def test_no_spoilt_golden_makes_a_decoder_raise(dialect: str | None, seed: int) -> None:
    goldens = [golden.payload for golden in (*GOLDEN, *CAPTURED)]
    for payload in itertools.islice(spoilt(goldens, seed), 5):
        sound(choosing.decode(payload, RECEIVED, dialect))


SIGNS = st.characters(categories=("L", "N", "P", "Zs"), exclude_characters="\\\n\r\"'#")
NAMES = st.text(SIGNS, min_size=1, max_size=8).filter(lambda name: name.strip() == name)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def escaped(name: str) -> str:
    return name.replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ")


@given(NAMES, st.dictionaries(NAMES, NAMES, max_size=3), NAMES, FLOATS)
def test_a_line_as_influx_writes_it_is_read_as_it_was_meant(
    measurement: str, tags: dict[str, str], key: str, value: float
) -> None:
    series = "".join(f",{escaped(name)}={escaped(one)}" for name, one in tags.items())
    line = f"{escaped(measurement)}{series} {escaped(key)}={value!r} 1717000000"
    (reading,) = rows(influx.decode(line.encode(), RECEIVED))
    assert reading[1:] == (value, 1717000000000000, 0)
    assert reading[0].startswith(measurement)
    assert key == "value" or reading[0].endswith(f".{key}")


@given(st.lists(st.tuples(NAMES, st.floats(-1e9, 1e9), st.integers(2**28, 2**32)), min_size=1))
def test_a_senml_pack_says_the_same_resolved_and_with_base_fields(
    records: list[tuple[str, float, int]],
) -> None:
    plain = [{"n": f"b{name}", "u": "kPa", "v": value, "t": time} for name, value, time in records]
    based = [{"n": name, "v": value, "t": time - 2**28} for name, value, time in records]
    based[0] |= {"bn": "b", "bu": "kPa", "bt": 2**28}
    one = senml.decode(json.dumps(plain).encode(), RECEIVED)
    other = senml.decode(json.dumps(based).encode(), RECEIVED)
    assert (rows(one), one.units) == (rows(other), other.units)


@given(st.binary(max_size=60), st.integers(0, 59), st.integers(1, 255))
def test_one_changed_byte_changes_the_check(section: bytes, place: int, change: int) -> None:
    if place < len(section):
        spoiled = bytearray(section)
        spoiled[place] ^= change
        assert hj212.crc(bytes(spoiled)) != hj212.crc(section)


READINGS = st.dictionaries(st.text(min_size=1, max_size=5), FLOATS | st.booleans(), max_size=6)
STAMPS = st.integers(0, 253_402_300_799_999)


@given(READINGS, STAMPS, st.booleans())
def test_both_roads_say_the_same_of_plain_messages(
    values: dict[str, float], ts: int, good: bool
) -> None:
    """One odd entry sends a whole message over the slow road; the rest must not change."""
    odd = {**values, "odd": "x"}
    updates = [{"id": tag, "v": value, "q": good, "t": ts} for tag, value in values.items()]
    time = max(2**28, ts // 1000)
    records = [{"n": tag, "v": float(value), "t": time} for tag, value in values.items()]
    for decode, plain, other in (
        (neuron.decode, {"timestamp": ts, "values": values}, {"timestamp": ts, "values": odd}),
        (kepware.decode, {"values": updates}, {"values": [*updates, {"id": "odd", "v": "x"}]}),
        (
            thingsboard.decode,
            {"D": [{"ts": ts, "values": values}]},
            {"D": [{"ts": ts, "values": odd}]},
        ),
        (senml.decode, records, [*records, {"n": "odd", "vs": "x"}]),
    ):
        fast, slow = (decode(json.dumps(each).encode(), RECEIVED) for each in (plain, other))
        if plain:
            assert (rows(fast), fast.units) == (rows(slow), slow.units)
            assert not fast.refused
        assert [one.tag and one.tag[-3:] for one in slow.refused.values()] == ["odd"]
