"""What gateways of other makers write becomes columns; each dialect's own turns and doubts."""

import json

import pytest

from alarms.plant import DIALECTS
from alarms.readings import STAMPED_HERE, Quality
from ingest.decoders import (
    advantech,
    choosing,
    hj212,
    influx,
    kepware,
    neuron,
    senml,
    shapes,
    thingsboard,
)
from ingest.decoders.decoded import MOST_BYTES, Decoded, Reason
from tests.captures import CAPTURED, Captured
from tests.dialects import GOLDEN, RECEIVED, Golden, refusals, rows

HERE = STAMPED_HERE


def packet(section: str) -> bytes:
    written = section.encode()
    return b"##%04d%b%04X\r\n" % (len(written), written, hj212.crc(written))


def measured(cp: str, *, command: str = "2011", more: str = "Flag=4") -> bytes:
    return packet(f"QN=20260101120000123;ST=31;CN={command};PW=1;MN=M1;{more};CP=&&{cp}&&")


@pytest.mark.parametrize("golden", [*GOLDEN, *CAPTURED], ids=lambda golden: golden.name)
def test_a_golden_message_says_what_its_source_says(golden: Golden) -> None:
    decoded = choosing.DECODERS[golden.dialect](golden.payload, RECEIVED)
    assert rows(decoded) == golden.readings
    assert refusals(decoded) == golden.refused


@pytest.mark.parametrize("golden", [*GOLDEN, *CAPTURED], ids=lambda golden: golden.name)
def test_a_message_is_told_by_its_shape(golden: Golden) -> None:
    spoken = choosing.decode(golden.payload, RECEIVED, None)
    assert spoken.dialect == ("native" if golden.flat else golden.dialect)
    if golden.flat:
        assert refusals(spoken) == [(Reason.bad_shape, None)]
    else:
        assert rows(spoken) == golden.readings


@pytest.mark.parametrize("captured", CAPTURED, ids=lambda captured: captured.name)
def test_a_capture_at_its_own_time_is_what_the_client_wrote(captured: Captured) -> None:
    assert captured.at(captured.second * 1000) == captured.payload
    later = choosing.DECODERS[captured.dialect](
        captured.at(captured.second * 1000 + 60_000), RECEIVED
    )
    moved = [(t, v, s if m & HERE else s + 60_000_000, m) for t, v, s, m in captured.readings]
    assert rows(later) == moved


def test_every_dialect_a_registry_may_name_has_a_decoder() -> None:
    assert tuple(choosing.DECODERS) == DIALECTS


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_message_too_large_is_refused_whole(dialect: str) -> None:
    decoded = choosing.decode(b" " * (MOST_BYTES + 1), RECEIVED, dialect)
    assert refusals(decoded) == [(Reason.too_large, None)]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("payload", [b"", b"{", b"null", b"[]", b"[1]", b"\xff\xfe", b"##", b"x y"])
def test_rot_is_refused_whole(dialect: str, payload: bytes) -> None:
    decoded = choosing.decode(payload, RECEIVED, dialect)
    assert rows(decoded) == []
    assert len(decoded.refused) == (0 if (dialect, payload) == ("native", b"[]") else 1) or (
        (dialect, payload) in {("kepware", b"[]"), ("thingsboard", b"[]")}
    )


def test_a_native_message_with_a_time_of_another_name_is_not_taken_as_one_without_time() -> None:
    spoken = choosing.decode(b'{"timestamp": 1650006388943, "values": {"A": 1}}', RECEIVED, None)
    assert rows(spoken) == [("A", 1.0, 1650006388943000, 0)]


@pytest.mark.parametrize(
    "payload",
    [
        b'{"points": [{"a": 1}], "rows": [{"b": 2}]}', b'[{"tag": "A", "n": 1}]',
        b'{"ts": 1, "timestamp": 5, "values": {"A": "x"}}', b'{"timestamp": "now", "values": {}}',
        b'{"t": 1, "q": 2}', b'{"a": []}', b'{"a": [1]}', b"hello, world", b"[[1]]", b"{}", b"[]",
        b'{"D": [{"ts": 1, "values": {"a"',
    ],
)  # fmt: skip
def test_a_shape_that_says_nothing_is_left_to_the_native_forms(payload: bytes) -> None:
    assert shapes.dialect_of(payload) == "native"


def test_neuron_says_which_device_spoke() -> None:
    decoded = neuron.decode(GOLDEN[0].payload, RECEIVED)
    assert decoded.origin == "modbus.grp"


def test_a_neuron_error_makes_no_value_up() -> None:
    decoded = neuron.decode(GOLDEN[1].payload, RECEIVED)
    (refusal,) = decoded.refused.values()
    assert json.loads(refusal.first) == {"tag": "tag1", "value": {"error": 2014}}


@pytest.mark.parametrize(
    ("update", "reading"),
    [
        ('{"id":"A","v":1}', ("A", 1.0, 5000, Quality.good)),
        ('{"id":"A","v":1,"t":7}', ("A", 1.0, 7000, Quality.good)),
        ('{"id":"A","v":1,"q":192}', ("A", 1.0, 5000, Quality.good)),
        ('{"id":"A","v":1,"q":64}', ("A", 1.0, 5000, Quality.uncertain)),
        ('{"id":"A","v":1,"q":24}', ("A", 1.0, 5000, Quality.offline)),
    ],
)
def test_a_kepware_update_may_lean_on_the_message(
    update: str, reading: tuple[str, float, int, int]
) -> None:
    assert rows(kepware.decode(b'{"timestamp":5,"values":[%b]}' % update.encode(), 9)) == [reading]
    bare = rows(kepware.decode(b"[%b]" % update.encode(), 9))
    expected = reading if '"t"' in update else (*reading[:2], 9, reading[3] | HERE)
    assert bare == [expected]


@pytest.mark.parametrize("quality", ['"fine"', "null", "-1", "[]"])
def test_a_kepware_quality_nobody_knows_refuses_its_update_only(quality: str) -> None:
    payload = b'[{"id":"A","v":1,"q":%b},{"id":"B","v":2}]' % quality.encode()
    decoded = kepware.decode(payload, RECEIVED)
    assert refusals(decoded) == [(Reason.bad_value, "A")]
    assert [row[0] for row in rows(decoded)] == ["B"]


def test_a_thingsboard_device_may_send_flat_entries_and_rot() -> None:
    payload = b'{"D":[{"a":1,"b":"x"},{"ts":5,"values":{"a":2}},3,{"ts":"?","values":{"c":1}}]}'
    decoded = thingsboard.decode(payload, RECEIVED)
    assert rows(decoded) == [("D.a", 1.0, RECEIVED, HERE), ("D.a", 2.0, 5000, 0)]
    assert refusals(decoded) == [
        (Reason.bad_value, "D.b"),
        (Reason.bad_shape, "D"),
        (Reason.bad_time, "D.c"),
    ]


@pytest.mark.parametrize(
    ("q", "quality"),
    [
        (192, Quality.good), (216, Quality.good), (64, Quality.uncertain), (0, Quality.bad),
        (8, Quality.offline), (12, Quality.fault), (16, Quality.fault), (24, Quality.offline),
        (28, Quality.bad),
    ],
)  # fmt: skip
def test_an_opc_quality_is_that_of_all_channels(q: int, quality: Quality) -> None:
    decoded = advantech.decode(b'{"t":0,"q":%d,"ai1":1,"di1":true}' % q, RECEIVED)
    assert rows(decoded) == [("ai1", 1.0, RECEIVED, quality | HERE),
                             ("di1", 1.0, RECEIVED, quality | HERE)]  # fmt: skip


@pytest.mark.parametrize(
    ("payload", "refused"),
    [
        (b'{"d":{},"ts":"2026-11-26T02:00:00Z"}', None),
        (b'{"d":{"Hbt":1},"ts":"2026-11-26T02:00:00Z"}', "Hbt"),
    ],
)
def test_what_an_advantech_agent_says_of_itself_is_no_reading(
    payload: bytes, refused: str | None
) -> None:
    decoded = advantech.decode(payload, RECEIVED)
    assert (rows(decoded), refusals(decoded)) == ([], [(Reason.bad_shape, refused)])


@pytest.mark.parametrize("t", [b"1717000000", b"1717000000000", b'"2024-05-29T16:26:40Z"'])
def test_an_advantech_time_is_seconds_or_rfc_3339(t: bytes) -> None:
    decoded = advantech.decode(b'{"t":%b,"q":192,"ai1":1}' % t, RECEIVED)
    assert rows(decoded) == [("ai1", 1.0, 1717000000000000, 0)]


@pytest.mark.parametrize(
    ("stamp", "micros"),
    [
        (b"1717000000", 1717000000000000), (b"1717000000123", 1717000000123000),
        (b"1717000000123456", 1717000000123456), (b"1717000000123456789", 1717000000123456),
    ],
)  # fmt: skip
def test_a_line_protocol_stamp_is_told_by_its_size(stamp: bytes, micros: int) -> None:
    assert rows(influx.decode(b"m v=1 " + stamp, RECEIVED)) == [("m.v", 1.0, micros, 0)]


@pytest.mark.parametrize(
    "line",
    [
        b"m",
        b"m v",
        b"m v=",
        b"m =1",
        b",t=1 v=1",
        b"m,t v=1",
        b"m v=1 2 3",
        b"m,t=1",
        b"m v=1, 5",
        b', "a": 1',
        b'm ,,"',
    ],
)
def test_a_broken_line_is_refused_and_the_next_is_read(line: bytes) -> None:
    decoded = influx.decode(line + b"\nA value=1", RECEIVED)
    assert rows(decoded) == [("A", 1.0, RECEIVED, HERE)]
    assert refusals(decoded) == [(Reason.bad_shape, None)]


@pytest.mark.parametrize(
    "value", [b"0x1f", b"nan", b"1e999", b"++1", b'"1"', b"1f", b"1_000", b"i"]
)
def test_a_line_protocol_value_that_is_no_number_is_refused_by_name(value: bytes) -> None:
    decoded = influx.decode(b"A value=%b,b=2" % value, RECEIVED)
    assert refusals(decoded) == [(Reason.bad_value, "A")]
    assert [row[:2] for row in rows(decoded)] == [("A.b", 2.0)]


@pytest.mark.parametrize("said", [b'"no answer"', b'""', b'"(0x)"'])
def test_a_quality_in_words_nobody_knows_refuses_its_line(said: bytes) -> None:
    decoded = influx.decode(b"A value=1,Quality=%b\nB value=2" % said, RECEIVED)
    assert refusals(decoded) == [(Reason.bad_value, "A")]
    assert [row[0] for row in rows(decoded)] == ["B"]


def test_senml_times_below_2_to_28_are_relative_to_the_receipt_and_no_identity() -> None:
    decoded = senml.decode(b'[{"n":"a","t":-5,"v":1},{"n":"b","t":268435456,"v":1}]', RECEIVED)
    assert rows(decoded) == [("a", 1.0, RECEIVED - 5_000_000, HERE),
                             ("b", 1.0, 268435456_000_000, 0)]  # fmt: skip


def test_senml_units_come_with_the_readings() -> None:
    payload = b'[{"bu":"kPa","n":"a","v":1},{"n":"b","u":"Cel","v":1},{"n":"c","vb":false}]'
    assert senml.decode(payload, RECEIVED).units == ["kPa", "Cel", None]


@pytest.mark.parametrize(
    "record", ['{"bver":11,"n":"b","v":1}', '{"bver":"5","n":"b","v":1}', '{"n":"b","v":1,"x_":1}']
)
def test_a_senml_pack_that_must_not_be_read_is_refused_whole(record: str) -> None:
    payload = b'[{"n":"a","v":1},%b]' % record.encode()
    assert refusals(senml.decode(payload, RECEIVED)) == [(Reason.bad_shape, None)]
    assert rows(senml.decode(payload, RECEIVED)) == []


@pytest.mark.parametrize("record", ['{"n":"b","v":"1"}', '{"n":3,"v":1}', '{"n":"b","v":true}'])
def test_a_rotten_senml_record_is_refused_alone(record: str) -> None:
    decoded = senml.decode(b'[{"bn":"x:","n":"a","v":1},%b,{"n":"c","v":2}]' % record.encode(), 1)
    assert [row[0] for row in rows(decoded)] == ["x:a", "x:c"]
    assert [reason for reason, _ in refusals(decoded)] == [Reason.bad_value]


@pytest.mark.parametrize(("mark", "quality"), [*hj212.MARKS.items()])
def test_a_data_mark_is_a_quality(mark: str, quality: Quality) -> None:
    payload = measured(f"DataTime=20260101120000;a34004-Rtd=12.3,a34004-Flag={mark}")
    assert rows(hj212.decode(payload, RECEIVED)) == [
        ("a34004-Rtd", 12.3, 1767240000000000, quality)
    ]


def test_a_data_mark_nobody_knows_refuses_its_value() -> None:
    cp = "DataTime=20260101120000;a-Rtd=1,a-Flag=Z;b-Rtd=2"
    decoded = hj212.decode(measured(cp), RECEIVED)
    assert refusals(decoded) == [(Reason.bad_value, "a-Rtd")]
    assert [row[0] for row in rows(decoded)] == ["b-Rtd"]


@pytest.mark.parametrize("command", ["2051", "2061", "2031"])
def test_a_statistic_has_its_command_in_front(command: str) -> None:
    cp = "DataTime=20260101120000;a-Cou=5,a-Min=1,a-Avg=2,a-Max=3,a-Flag=N"
    decoded = hj212.decode(measured(cp, command=command), RECEIVED)
    assert [row[:2] for row in rows(decoded)] == [
        (f"{command}.a-{name}", value)
        for name, value in (("Cou", 5.0), ("Min", 1.0), ("Avg", 2.0), ("Max", 3.0))
    ]


def said(decoded: Decoded) -> list[str]:
    return [json.loads(one.first)["value"] for one in decoded.refused.values()]


def test_a_packet_of_several_is_read_where_it_says_its_time() -> None:
    payload = measured("a-Rtd=1,a-Flag=N", more="Flag=7;PNUM=3;PNO=2")
    decoded = hj212.decode(payload, RECEIVED)
    assert said(decoded) == ["no DataTime of its own: packet 2 of 3"]
    last = measured("DataTime=20260101120000;a-Rtd=1", more="Flag=7;PNUM=3;PNO=3")
    assert len(rows(hj212.decode(last, RECEIVED))) == 1


def test_packets_numbered_without_a_flag_are_read_each() -> None:
    """As a public test of a collector sends them, taken from a data logger."""
    first = (
        b"##0270ST=21;CN=2011;PW=123456;MN=DM000001;PNO=1;PNUM=2;CP=&&DataTime=20191225155200;"
        b"w01001-Rtd=91.980,w01001-Flag=N;w01006-Rtd=21.130,w01006-Flag=N;w01010-Rtd=61.970,"
        b"w01010-Flag=N;w01014-Rtd=38.450,w01014-Flag=N;w21003-Rtd=56.427,w21003-Flag=N;"
        b"w21011-Rtd=2.497,w21011-Flag=N&&F9C1"
    )
    second = (
        b"##0143ST=21;CN=2011;PW=123456;MN=DM000001;PNO=2;PNUM=2;CP=&&DataTime=20191225155200;"
        b"w01019-Rtd=91.579,w01019-Flag=N;w01003-Rtd=48.624,w01003-Flag=N&&9301"
    )
    assert len(rows(hj212.decode(first, RECEIVED))) == 6
    assert len(rows(hj212.decode(first + second, RECEIVED))) == 8
    cut = measured("DataTime=20191225155200;a-Rtd=1", more="PNO=0001;PNUM=0002")
    assert refusals(hj212.decode(cut, RECEIVED)) == [(Reason.bad_value, "a-Rtd")]


def test_a_value_that_may_have_been_cut_between_two_packets_is_refused_by_name() -> None:
    cp = "DataTime=20260101120000;a-Rtd=1;b-Rtd=12"
    decoded = hj212.decode(measured(cp, more="Flag=7;PNUM=2;PNO=1"), RECEIVED)
    assert [row[0] for row in rows(decoded)] == ["a-Rtd"]
    assert refusals(decoded) == [(Reason.bad_value, "b-Rtd")]
    marked = hj212.decode(measured(f"{cp},b-Flag=N", more="Flag=7;PNUM=2;PNO=1"), RECEIVED)
    assert len(rows(marked)) == 2


def test_a_damaged_packet_is_refused_and_the_next_is_read() -> None:
    sound = measured("DataTime=20260101120000;b-Rtd=2")
    damaged = measured("DataTime=20260101120000;a-Rtd=1").replace(b"a-Rtd=1", b"a-Rtd=9")
    decoded = hj212.decode(damaged + sound, RECEIVED)
    assert [row[0] for row in rows(decoded)] == ["b-Rtd"]
    assert said(decoded)[0].startswith("damaged: the CRC is ")


def test_a_packet_cut_short_says_how_much_came() -> None:
    decoded = hj212.decode(GOLDEN[-2].payload[:300], RECEIVED)
    assert said(decoded) == ["cut short: 457 bytes are announced, 290 came"]


def test_a_local_time_that_is_none_refuses_its_readings() -> None:
    decoded = hj212.decode(measured("DataTime=20261301120000;a-Rtd=1"), RECEIVED)
    assert refusals(decoded) == [(Reason.bad_time, "a-Rtd")]


def test_a_message_of_nothing_but_damaged_packets_is_given_up_early() -> None:
    decoded = hj212.decode(b"##9999" * 10_000 + b"x" * 10_003, RECEIVED)
    (refusal,) = decoded.refused.values()
    assert refusal.count == hj212.MOST_BROKEN + 2
    assert decoded.tags == []
