"""Golden messages of every text dialect, byte for byte, and what they say."""

import json
import math
import re
from dataclasses import dataclass, field
from typing import Final

from alarms.readings import STAMPED_HERE, Quality
from ingest.decoders.decoded import Decoded, Reason

RECEIVED: Final = 1_763_712_001_000_000
GOOD, BAD, UNCERTAIN = int(Quality.good), int(Quality.bad), int(Quality.uncertain)
HERE: Final = int(STAMPED_HERE)

_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""A NUL in JSON, which no database takes; an escaped backslash before u0000 is none."""

Reading = tuple[str, float, int, int]
"""Tag, value, stamp in Micros, mark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """A message as its source prints it, and what a decoder makes of it.

    `flat` messages have no shape of their own: their dialect must be set.
    """

    name: str
    dialect: str
    payload: bytes
    readings: list[Reading]
    refused: list[tuple[Reason, str | None]] = field(default_factory=list)
    flat: bool = False


def rows(decoded: Decoded) -> list[Reading]:
    """Return (tag, value, stamp, mark) for each reading."""
    stamps = [s for s, n in zip(decoded.stamps, decoded.counts, strict=True) for _ in range(n)]
    marks = [m for m, n in zip(decoded.marks, decoded.counts, strict=True) for _ in range(n)]
    return list(zip(decoded.tags, decoded.values, stamps, marks, strict=True))


def refusals(decoded: Decoded) -> list[tuple[Reason, str | None]]:
    """Return (reason, tag) for each refusal."""
    return [(one.reason, one.tag) for one in decoded.refused.values()]


def sound(decoded: Decoded) -> None:
    """Fail where columns do not fit together or a sample cannot be shown and stored."""
    for refusal in decoded.refused.values():
        assert not _NUL.search(refusal.first)
        json.loads(refusal.first)
        assert refusal.tag is None or "\0" not in refusal.tag
    assert len(decoded.tags) == len(decoded.values) == sum(decoded.counts)
    assert len(decoded.counts) == len(decoded.stamps) == len(decoded.marks)
    assert decoded.units is None or len(decoded.units) == len(decoded.tags)
    assert all(type(value) is float and math.isfinite(value) for value in decoded.values)
    assert all(0 <= stamp < 2**62 for stamp in decoded.stamps)


GOLDEN: Final = (
    # docs.emqx.com, Neuron latest, "Upstream/Downstream Data Format".
    Golden(
        name="neuron values-format",
        dialect="neuron",
        payload=b"""{
    "timestamp": 1650006388943,
    "node": "modbus",
    "group": "grp",
    "values":
    {
        "tag0": 123
    },
    "errors":
    {
        "tag1": 2014
    },
    "metas":{}
}""",
        readings=[("tag0", 123.0, 1650006388943000, GOOD)],
        refused=[(Reason.bad_value, "tag1")],
    ),
    # docs.emqx.com, Neuron 2.3, without metas.
    Golden(
        name="neuron tags-format",
        dialect="neuron",
        payload=b"""{
  "node": "modbus",
  "group": "grp",
  "timestamp": 1647497389075,
  "tags": [
    {
      "name": "tag0",
      "value": 123
    },
    {
      "name": "tag1",
      "error": 2014
    }
  ]
}""",
        readings=[("tag0", 123.0, 1647497389075000, GOOD)],
        refused=[(Reason.bad_value, "tag1")],
    ),
    # docs.emqx.com, Neuron 2.2: text is no reading.
    Golden(
        name="neuron text",
        dialect="neuron",
        payload=b'{"node": "opcua-1", "group": "group-1", "timestamp": 1650006388943, '
        b'"values": {"cstr01": "hello!"}, "errors": {"cstr100": 10002}}',
        readings=[],
        refused=[(Reason.bad_value, "cstr01"), (Reason.bad_value, "cstr100")],
    ),
    # The standard template of Kepware's IoT Gateway.
    Golden(
        name="kepware standard template",
        dialect="kepware",
        payload=b'{"timestamp":1651604184861,"values":['
        b'{"id":"Ch1.Dev1.Tag1","v":42,"q":true,"t":1651604184801},'
        b'{"id":"Ch1.Dev1.Tag2","v":7.5,"q":false,"t":1651604184802},'
        b'{"id":"Ch1.Dev1.Run","v":true,"q":true,"t":1651604184802},'
        b'{"id":"Ch1.Dev1.Name","v":"P-101","q":true,"t":1651604184802}]}',
        readings=[
            ("Ch1.Dev1.Tag1", 42.0, 1651604184801000, GOOD),
            ("Ch1.Dev1.Tag2", 7.5, 1651604184802000, BAD),
            ("Ch1.Dev1.Run", 1.0, 1651604184802000, GOOD),
        ],
        refused=[(Reason.bad_value, "Ch1.Dev1.Name")],
    ),
    # thingsboard.io, "MQTT API: Telemetry".
    Golden(
        name="thingsboard flat",
        dialect="thingsboard",
        payload=b'{"temperature": 22.5, "humidity": 61}',
        readings=[("temperature", 22.5, RECEIVED, HERE), ("humidity", 61.0, RECEIVED, HERE)],
        flat=True,
    ),
    Golden(
        name="thingsboard array",
        dialect="native",
        payload=b'[ {"ts": 1451649600000, "values": {"temperature": 22.5, "humidity": 61}}, '
        b'{"ts": 1451649601000, "values": {"temperature": 22.7, "humidity": 60}}]',
        readings=[
            ("temperature", 22.5, 1451649600000000, GOOD),
            ("humidity", 61.0, 1451649600000000, GOOD),
            ("temperature", 22.7, 1451649601000000, GOOD),
            ("humidity", 60.0, 1451649601000000, GOOD),
        ],
    ),
    # thingsboard.io, "Gateway API: Telemetry".
    Golden(
        name="thingsboard gateway",
        dialect="thingsboard",
        payload=b"""{
"Device A": [
{"ts": 1483228800000, "values": {"temperature": 42, "humidity": 80}},
{"ts": 1483228801000, "values": {"temperature": 43, "humidity": 82}}
],
"Device B": [
{"ts": 1483228800000, "values": {"temperature": 42, "humidity": 80}}
]
}""",
        readings=[
            ("Device A.temperature", 42.0, 1483228800000000, GOOD),
            ("Device A.humidity", 80.0, 1483228800000000, GOOD),
            ("Device A.temperature", 43.0, 1483228801000000, GOOD),
            ("Device A.humidity", 82.0, 1483228801000000, GOOD),
            ("Device B.temperature", 42.0, 1483228800000000, GOOD),
            ("Device B.humidity", 80.0, 1483228800000000, GOOD),
        ],
    ),
    # WISE-4471 user manual, annex A.2, with its second ai_st1 and the comma it forgets mended.
    Golden(
        name="advantech",
        dialect="advantech",
        payload=b'{"s":1,"t":"2014-07-11T15:26:37Z","q":192,"c":1,"ai1":-1.234567,"ai_st1":1,'
        b'"ai2":9999.9999,"ai_st2":0,"di1":false,"di2":true }',
        readings=[
            ("ai1", -1.234567, 1405092397000000, GOOD),
            ("di1", 0.0, 1405092397000000, GOOD),
            ("di2", 1.0, 1405092397000000, GOOD),
        ],
        refused=[(Reason.bad_value, "ai2")],
    ),
    Golden(
        name="advantech without a clock",
        dialect="advantech",
        payload=b'{"s":7,"t":0,"q":64,"c":1,"ai1":3.5,"ai_st1":1}',
        readings=[("ai1", 3.5, RECEIVED, UNCERTAIN | HERE)],
    ),
    # docs.influxdata.com, "Line protocol"; the third line has every escape.
    Golden(
        name="influx",
        dialect="influx",
        payload=b"weather,location=us-midwest temperature=82 1465839830100400200\n"
        b"TK101.LT value=3.2,ok=t,n=3i,u=4u 1717000000\n"
        b'wea\\,ther,loc\\ x=us\\=m temp\\=x=82.5,s="too \\"hot\\", x=1" 1465839830100\n'
        b"# a comment\n"
        b"plant,line=2,cell=1 v=-1.5e3",
        readings=[
            ("weather,location=us-midwest.temperature", 82.0, 1465839830100400, GOOD),
            ("TK101.LT", 3.2, 1717000000000000, GOOD),
            ("TK101.LT.ok", 1.0, 1717000000000000, GOOD),
            ("TK101.LT.n", 3.0, 1717000000000000, GOOD),
            ("TK101.LT.u", 4.0, 1717000000000000, GOOD),
            ("wea,ther,loc x=us=m.temp=x", 82.5, 1465839830100000, GOOD),
            ("plant,cell=1,line=2.v", -1500.0, RECEIVED, HERE),
        ],
        refused=[(Reason.bad_value, "wea,ther,loc x=us=m.s")],
    ),
    # The first line from plugins/inputs/opcua/README.md of influxdata/telegraf.
    Golden(
        name="influx of telegraf's OPC UA input",
        dialect="influx",
        payload=b"group1_metric_name,group1_tag=val1,id=ns\\=3;i\\=1002,node1_tag=val3 "
        b'name=-1.389117,Quality="OK (0x0)" 1606893246000000000\n'
        b'opcua,id=ns\\=3;s\\=Level Level=0,Quality="Bad (0x80000000)" 1597820490000000000\n',
        readings=[
            (
                "group1_metric_name,group1_tag=val1,id=ns=3;i=1002,node1_tag=val3.name",
                *(-1.389117, 1606893246000000, GOOD),
            ),
            ("opcua,id=ns=3;s=Level.Level", 0.0, 1597820490000000, BAD),
        ],
    ),
    # RFC 8428, sections 5.1.1 and 5.1.2; the resolved form of the latter is its section 5.1.4.
    Golden(
        name="senml single",
        dialect="senml",
        payload=b'[\n  {"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}\n]\n',
        readings=[("urn:dev:ow:10e2073a01080063", 23.1, RECEIVED, HERE)],
    ),
    Golden(
        name="senml base fields",
        dialect="senml",
        payload=b"""[
  {"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,
   "bu":"A","bver":5,
   "n":"voltage","u":"V","v":120.1},
  {"n":"current","t":-5,"v":1.2},
  {"n":"current","t":-4,"v":1.3},
  {"n":"current","t":-3,"v":1.4},
  {"n":"current","t":-2,"v":1.5},
  {"n":"current","t":-1,"v":1.6},
  {"n":"current","v":1.7}
]
""",
        readings=[
            ("urn:dev:ow:10e2073a0108006:voltage", 120.1, 1276020076001000, GOOD),
            *(
                (
                    "urn:dev:ow:10e2073a0108006:current",
                    round(1.7 - back / 10, 1),
                    1276020076001000 - back * 1_000_000,
                    GOOD,
                )
                for back in range(5, -1, -1)
            ),
        ],
    ),
    Golden(
        name="senml values, sums, text",
        dialect="senml",
        payload=b'[{"bn":"T:","bt":1717000000,"bv":100,"n":"a","v":1},{"n":"b","vb":true},'
        b'{"n":"c","vs":"wet"},{"n":"d","s":7.5},{"n":"e","v":2,"bs":10,"s":1},{"n":"f","v":0}]',
        readings=[
            ("T:a", 101.0, 1717000000000000, GOOD),
            ("T:b", 1.0, 1717000000000000, GOOD),
            ("T:d.sum", 7.5, 1717000000000000, GOOD),
            ("T:e", 102.0, 1717000000000000, GOOD),
            ("T:e.sum", 11.0, 1717000000000000, GOOD),
            ("T:f", 100.0, 1717000000000000, GOOD),
            ("T:f.sum", 10.0, 1717000000000000, GOOD),
        ],
        refused=[(Reason.bad_value, "T:c")],
    ),
    # A real packet printed with its check (6E80) by another implementation of Annex A.
    Golden(
        name="hj212 real time",
        dialect="hj212",
        payload=b"##0457QN=20210320163101890;ST=32;CN=2011;PW=123456;MN=81733553213013;Flag=4;"
        b"CP=&&DataTime=20210320013400;w00000-Rtd=181.682,w00000-Flag=N;"
        b"w21001-SampleTime=20210320005400,w21001-Rtd=45.160,w21001-Flag=N;"
        b"w21011-SampleTime=20210320013400,w21011-Rtd=1.970,w21011-Flag=N;"
        b"w21003-SampleTime=20210320013400,w21003-Rtd=53.131,w21003-Flag=N;"
        b"w01018-SampleTime=20210320013400,w01018-Rtd=194.200,w01018-Flag=N;"
        b"w01001-SampleTime=20210320013406,w01001-Rtd=7.496,w01001-Flag=N&&6E80\r\n",
        readings=[
            (tag, value, 1616175240000000, GOOD)
            for tag, value in (
                *(("w00000-Rtd", 181.682), ("w21001-Rtd", 45.16), ("w21011-Rtd", 1.97)),
                *(("w21003-Rtd", 53.131), ("w01018-Rtd", 194.2), ("w01001-Rtd", 7.496)),
            )
        ],
    ),
    # The standard's own example of a packet (6.3.1, its check mended to 1C80): no readings in it.
    Golden(
        name="hj212 command",
        dialect="hj212",
        payload=b"##0101QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;"
        b"Flag=5;CP=&&RtdInterval=30&&1C80\r\n",
        readings=[],
        refused=[(Reason.bad_shape, None)],
    ),
)
