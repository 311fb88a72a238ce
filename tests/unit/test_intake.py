"""A gateway's fields become tags and its units the points'; what cannot be is refused by name."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.plant import Gateway, Mapped
from ingest import intake
from ingest.decoders import choosing
from ingest.decoders.decoded import Decoded, Reason
from ingest.intake import Intake
from tests.dialects import RECEIVED, refusals, rows, sound
from tests.unit import plants

POINTS = (
    plants.point("LT"),
    plants.point("PT", quantity="pressure", engineering_unit="kPa"),
    plants.point("TT", quantity="temperature", engineering_unit="℃"),
)


def listening(*mapping: Mapped, dialect: str | None = None) -> Intake:
    plant = plants.plant(POINTS)
    gateway = Gateway(id="gw-1", enterprise="DY-CHEM-01", dialect=dialect, mapping=mapping)
    plant.gateways["gw-1"] = gateway  # type: ignore[index]  # a dict in these plants
    return Intake(plant)


def firsts(decoded: Decoded) -> list[dict[str, object]]:
    return [json.loads(one.first) for one in decoded.refused.values()]


def decode(found: Intake, message: object, gateway: str = "gw-1") -> Decoded:
    payload = message if isinstance(message, bytes) else json.dumps(message).encode()
    return found.decode(gateway, payload, RECEIVED)


def test_a_field_becomes_a_tag_scaled_and_in_the_points_unit() -> None:
    found = listening(
        Mapped(field="p", tag="PT", unit="bar"),
        Mapped(field="ai1", tag="LT", scale=0.5, offset=-1.0),
        Mapped(field="t", tag="TT", scale=0.1, offset=2.0, unit="K"),
    )
    decoded = decode(found, {"ts": 1000, "values": {"p": 1.5, "ai1": 8, "t": 2711.5, "X": 7}})
    tags, values = zip(*((tag, value) for tag, value, *_ in rows(decoded)), strict=True)
    assert tags == ("PT", "LT", "TT", "X")
    assert values == (150.0, 3.0, pytest.approx(0.0, abs=1e-9), 7.0)


def test_a_gateway_without_settings_is_taken_at_its_word() -> None:
    payload = b'{"ts": 1000, "values": {"LT": 3.25}}'
    found = listening().decode("gw-1", payload, RECEIVED)
    assert found == choosing.decode(payload, RECEIVED, None)


def test_a_set_dialect_is_not_guessed() -> None:
    flat = b'{"temperature": 22.5}'
    assert rows(decode(listening(dialect="thingsboard"), flat))[0][:2] == ("temperature", 22.5)
    assert refusals(decode(listening(dialect="kepware"), flat)) == [(Reason.bad_shape, None)]
    assert refusals(decode(listening(), flat)) == [(Reason.bad_shape, None)]


def test_a_field_may_say_which_device_spoke() -> None:
    found = listening(Mapped(field="plc1.g.p", tag="PT"), Mapped(field="p", tag="LT"))
    for node, tag in (("plc1", "PT"), ("plc2", "LT")):
        message = {"timestamp": 1000, "node": node, "group": "g", "values": {"p": 1}}
        assert [row[0] for row in rows(decode(found, message))] == [tag]


def test_senml_is_converted_from_the_unit_it_names() -> None:
    pack = [
        {"bt": 1717000000, "n": "PT", "u": "bar", "v": 1.5},
        {"n": "TT", "u": "Cel", "v": 20.5},
        {"n": "LT", "u": "kPa", "v": 1},
        {"n": "X", "u": "kPa", "v": 1},
    ]
    decoded = decode(listening(), pack)
    assert [row[:2] for row in rows(decoded)] == [("PT", 150.0), ("TT", 20.5), ("X", 1.0)]
    assert refusals(decoded) == [(Reason.bad_value, "LT")]
    [refusal] = decoded.refused.values()
    assert b"kPa cannot become m: they measure different things" in refusal.first
    sound(decoded)


def test_a_unit_set_in_the_mapping_wins_over_the_one_a_message_names() -> None:
    found = listening(Mapped(field="p", tag="PT", unit="MPa"))
    decoded = decode(found, [{"bt": 1717000000, "n": "p", "u": "bar", "v": 0.5}])
    assert [row[:2] for row in rows(decoded)] == [("PT", 500.0)]


def test_a_unit_that_no_longer_meets_its_points_refuses_by_name() -> None:
    found = listening(Mapped(field="p", tag="PT", unit="m"), Mapped(field="l", tag="LT"))
    decoded = decode(found, {"ts": 1000, "values": {"p": 1.5, "l": 2}})
    assert [row[0] for row in rows(decoded)] == ["LT"]
    assert refusals(decoded) == [(Reason.bad_value, "PT")]
    assert firsts(decoded)[0]["field"] == "p"


def test_a_number_too_large_in_the_points_unit_is_refused() -> None:
    found = listening(Mapped(field="p", tag="PT", scale=1e12))
    decoded = decode(found, {"ts": 1000, "values": {"p": 1e300}})
    assert (rows(decoded), refusals(decoded)) == ([], [(Reason.bad_value, "PT")])


def test_what_a_decoder_refuses_has_both_its_names() -> None:
    found = listening(
        Mapped(field="p", tag="PT"), Mapped(field="plc2.grp.l", tag="LT"), Mapped(field="TT")
    )
    values = {"p": "text", "TT": None, "other": "x", "PT": "also"}
    decoded = decode(found, {"ts": 1000, "values": values})
    assert firsts(decoded) == [
        {"tag": "PT", "field": "p", "value": "text"},
        {"tag": "TT", "value": None},
        {"tag": "other", "value": "x"},
    ]
    assert [one.count for one in decoded.refused.values()] == [2, 1, 1], "PT was told twice"
    neuron = {
        "node": "plc2",
        "group": "grp",
        "timestamp": 1000,
        "values": {},
        "errors": {"l": 3000},
    }
    assert firsts(decode(found, neuron)) == [
        {"tag": "LT", "field": "plc2.grp.l", "value": {"error": 3000}}
    ]


def test_a_message_cannot_make_us_work_out_units_without_end() -> None:
    pack = [{"n": "LT", "u": f"u{'x' * n}", "v": 1, "t": 1717000000} for n in range(1, 30)]
    pack += [{"n": "LT", "u": "mm", "v": 1} for _ in range(3)]
    decoded = decode(listening(), pack)
    assert len(rows(decoded)) == 3
    many = [{"n": "LT", "u": f"a{'b' * n}", "v": 1} for n in range(intake.MOST_UNITS + 5)]
    refused = decode(listening(), many).refused
    assert sum(one.count for one in refused.values()) == len(many)


@given(
    st.lists(st.tuples(st.sampled_from(["p", "l", "X"]), st.floats(-1e9, 1e9)), max_size=8),
    st.integers(1, 4),
)
def test_readings_left_keep_their_times_when_others_are_refused(
    readings: list[tuple[str, float]], run: int
) -> None:
    found = listening(Mapped(field="p", tag="PT", unit="m"), Mapped(field="l", tag="LT", scale=2.0))
    message = [
        {"ts": 1000 + place // run, "tag": tag, "value": value}
        for place, (tag, value) in enumerate(readings)
    ]
    decoded = decode(found, message)
    sound(decoded)
    expected = [
        (
            "LT" if tag == "l" else tag,
            value * 2 if tag == "l" else value,
            (1000 + place // run) * 1000,
        )
        for place, (tag, value) in enumerate(readings)
        if tag != "p"
    ]
    assert [row[:3] for row in rows(decoded)] == expected
