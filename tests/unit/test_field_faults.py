"""Faults of the field are dealt out as asked for, by the seed, and asked for in clear words."""

import json
import math
from itertools import pairwise

import pytest

from simulators import broker, faults, readings
from simulators.errors import RequestError
from simulators.faults import Faults, Mischief, Outgoing
from simulators.readings import Form, Message


def message(second: int = 0, *, value: float = 1.0) -> Message:
    return Message(gateway="gw-1", ts_ms=second * 1000, tags=("A", "B"), values=[value, value])


def dealt(spec: str, count: int = 2000, seed: int = 1) -> list[Outgoing]:
    mischief = Mischief(faults.parse(spec), seed=seed)
    return [mischief.upon(message(second, value=float(second))) for second in range(count)]


def test_without_faults_every_message_passes_unchanged() -> None:
    assert dealt("", 1) == [Outgoing(message=message(value=0.0), delay_s=0.0, times=1)]


def test_the_asked_share_of_messages_is_lost() -> None:
    lost = sum(outgoing.times == 0 for outgoing in dealt("drop=0.05"))
    assert lost / 2000 == pytest.approx(0.05, abs=0.02)


def test_the_asked_share_of_messages_goes_twice() -> None:
    twice = sum(outgoing.times == 2 for outgoing in dealt("dup=0.2"))
    assert twice / 2000 == pytest.approx(0.2, abs=0.03)


def test_late_messages_are_held_back_for_late_s() -> None:
    assert {outgoing.delay_s for outgoing in dealt("late=0.3,late_s=12")} == {0.0, 12.0}


def test_late_s_alone_holds_back_a_tenth() -> None:
    late = sum(outgoing.delay_s == 30.0 for outgoing in dealt("late_s=30"))
    assert late / 2000 == pytest.approx(0.1, abs=0.03)


def test_a_wrong_clock_moves_every_stamp() -> None:
    assert [outgoing.message.ts_ms for outgoing in dealt("clock_s=-90", 2)] == [-90_000, -89_000]


def test_a_frozen_point_repeats_its_value_while_others_move() -> None:
    shown = [list(outgoing.message.values) for outgoing in dealt("freeze=0.02,freeze_s=20", 400)]
    repeated = [now[0] == then[0] for then, now in pairwise(shown)]
    assert any(repeated)
    assert not all(repeated)


def test_the_asked_share_of_values_is_not_a_number() -> None:
    spoilt = sum(list(outgoing.message.values).count("NaN") for outgoing in dealt("nan=0.1"))
    assert spoilt / 4000 == pytest.approx(0.1, abs=0.02)


def test_what_was_dealt_is_counted_by_kind() -> None:
    mischief = Mischief(faults.parse("drop=0.1,dup=0.2,late=0.3,freeze=0.02,nan=0.1"), seed=1)
    sent = [mischief.upon(message(second, value=float(second))) for second in range(500)]
    left = [outgoing for outgoing in sent if outgoing.times]
    shown = [
        (outgoing.message.ts_ms / 1000, value)
        for outgoing in left
        for value in outgoing.message.values
    ]
    assert mischief.dealt == {
        "dropped": 500 - len(left),
        "duplicated": sum(outgoing.times == 2 for outgoing in left),
        "late": sum(outgoing.delay_s > 0 for outgoing in left),
        "frozen": sum(value not in ("NaN", second) for second, value in shown),
        "nan": sum(value == "NaN" for _, value in shown),
    }
    assert min(mischief.dealt.values()) > 0


def test_no_faults_are_counted_as_none() -> None:
    mischief = Mischief(Faults(), seed=1)
    mischief.upon(message())
    assert dict(mischief.dealt) == dict.fromkeys(faults.DEALT, 0)


def test_the_same_seed_deals_the_same_faults() -> None:
    spec = "drop=0.1,dup=0.1,late_s=5,freeze=0.01,nan=0.1"
    assert dealt(spec, 200, seed=3) == dealt(spec, 200, seed=3)


def test_another_seed_deals_others() -> None:
    assert dealt("drop=0.1", 200, seed=3) != dealt("drop=0.1", 200, seed=4)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("rain=1", "'rain' is no fault"),
        ("drop", "drop needs a number"),
        ("drop=much", "there was 'much'"),
        ("drop=1.5", "0 to 1, there was 1.5"),
        ("late_s=-1", "cannot be negative"),
        ("drop=0.1,drop=0.2", "given twice"),
        ("nan=nan", "nan needs a number"),
    ],
)
def test_wrong_faults_are_refused_by_name(spec: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        faults.parse(spec)


def test_all_wrong_faults_of_a_line_are_named_at_once() -> None:
    with pytest.raises(RequestError, match=r"rain.*snow"):
        faults.parse("rain=1,snow=2")


def test_no_words_are_no_faults() -> None:
    assert faults.parse("") == Faults()


@pytest.mark.parametrize("form", ["values", "rows", "single"])
def test_every_form_is_json_with_its_readings(form: Form) -> None:
    sent = json.loads(readings.payload(message(7, value=2.5), form, 12))
    expected = {
        "values": {"ts": 7000, "values": {"A": 2.5, "B": 2.5}, "seq": 12},
        "rows": {"points": ["A", "B"], "rows": [[7000, 2.5, 2.5]], "seq": 12},
        "single": [
            {"ts": 7000, "tag": "A", "value": 2.5, "seq": 12},
            {"ts": 7000, "tag": "B", "value": 2.5},
        ],
    }
    assert sent == expected[form]


@pytest.mark.parametrize("form", ["values", "rows", "single"])
def test_stored_readings_say_that_they_are_history(form: Form) -> None:
    stored = Message(gateway="g", ts_ms=1, tags=("A",), values=[1.0], history=True)
    assert json.loads(readings.payload(stored, form, 0))["history"] is True


@pytest.mark.parametrize("form", ["values", "rows"])
def test_a_quality_travels_with_its_value(form: Form) -> None:
    marked = Message(gateway="g", ts_ms=1, tags=("A", "B"), values=[1.0, 2.0], marks={1: "bad"})
    sent = json.loads(readings.payload(marked, form, 0))
    assert sent["values"] == {"A": 1.0, "B": {"v": 2.0, "q": "bad"}}


def test_a_brokers_address_may_carry_name_and_password() -> None:
    found = broker.parse("mqtts://gw:p%40ss@plant.example")
    assert (found.host, found.port, found.tls, found.username, found.password) == (
        "plant.example",
        8883,
        True,
        "gw",
        "p@ss",
    )


def test_a_name_given_apart_wins_over_the_address() -> None:
    found = broker.parse("mqtt://a:b@h", username="c", password="d")
    assert (found.username, found.password) == ("c", "d")


@pytest.mark.parametrize("url", ["localhost:1883", "http://h", "mqtt://", "mqtt://h:99999"])
def test_a_wrong_address_is_refused(url: str) -> None:
    with pytest.raises(RequestError, match="broker"):
        broker.parse(url)


def test_a_refused_address_does_not_show_its_password() -> None:
    with pytest.raises(RequestError) as refused:
        broker.parse("http://me:secret@h")
    assert "secret" not in str(refused.value)


def test_no_fault_writes_broken_json() -> None:
    spoilt = Message(gateway="g", ts_ms=1, tags=("A",), values=[math.pi])
    outgoing = Mischief(faults.parse("nan=1"), seed=1).upon(spoilt)
    assert json.loads(readings.payload(outgoing.message, "rows", 0))["rows"] == [[1, "NaN"]]
