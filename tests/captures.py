"""What real clients wrote, byte for byte, each with who wrote it and how it was taken down."""

import re
import time
from dataclasses import dataclass
from typing import Final

from alarms.readings import Quality
from ingest.decoders import hj212
from ingest.decoders.decoded import Reason
from tests.dialects import GOOD, HERE, RECEIVED, Golden

T: Final = 1_795_658_400
"""The second, 2026-11-26T02:00:00Z, that clients were given where they take a time."""
_US: Final = 1_000_000
_AT: Final = T * _US + 123_000
_CALIBRATING, _FAULT = int(Quality.calibrating), int(Quality.fault)
_PACKET: Final = re.compile(rb"##\d{4}(.*?&&.*?&&)[0-9A-Fa-f]{4}", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured(Golden):
    """A message as a client wrote it: `client` with its version, and `taken`, how.

    `second` is the one its stamps lie in.
    """

    client: str
    taken: str
    second: int = T

    def at(self, ms: int) -> bytes:
        """Return the message as the client would have written it at a time: nothing else differs.

        Stamps move by whole seconds, so that a stamp of the first second has the milliseconds
        it had; a packet of HJ 212 gets the check that belongs to its new stamps.
        """
        shift = ms // 1000 - self.second
        head = str(self.second)[:8].encode()
        moved = re.sub(
            rb"%b\d\d" % head, lambda found: b"%d" % (int(found[0]) + shift), self.payload
        )
        for written in ("%Y-%m-%dT%H:%M:%S", "%Y%m%d%H%M%S"):
            ahead = 0 if "T" in written else 8 * 3600
            then, now = (
                time.strftime(written, time.gmtime(second + ahead)).encode()
                for second in (self.second, self.second + shift)
            )
            moved = moved.replace(then, now)
        return _PACKET.sub(_checked, moved) if self.dialect == "hj212" else moved


def _checked(found: re.Match[bytes]) -> bytes:
    return b"##%04d%b%04X" % (len(found[1]), found[1], hj212.crc(found[1]))


_NEURON: Final = "EMQX Neuron, main of 2026-07-22"
_NEURON_TAKEN: Final = (
    "printed by its encoder (src/parser/neu_json_rw.c), compiled with its own jansson"
)
_NEURON_TAGS: Final = (
    *(("level", 12.5), ("pressure", 1.23), ("count", -5.0), ("pump", 1.0), ("run", 1.0)),
)
_TB: Final = "ThingsBoard Python client, tb-mqtt-client 1.13.14"
_TB_TAKEN: Final = "published to a Mosquitto"
_MODBUS: Final = "modbus,name=skid,site=1号 罐,east,slave_id=1,type=holding_register"
_HJ: Final = "FreeIOE's data logger, lua-HJ212 of 2022-12-21"
_HJ_TAKEN: Final = "printed by its packet.lua"


def _each(rows: tuple[tuple[str, float], ...], stamp: int) -> list[tuple[str, float, int, int]]:
    return [(tag, value, stamp, GOOD) for tag, value in rows]


CAPTURED: Final = (
    Captured(
        name="mqtt.js",
        dialect="native",
        client="mqtt.js 5.16.0",
        taken="published by its command line: mqtt pub -q 1",
        payload=b'{"values": {"TK101.LT": 12.5}}',
        readings=[("TK101.LT", 12.5, RECEIVED, HERE)],
    ),
    Captured(
        name="node-red",
        dialect="native",
        client="Node-RED 4.1.15",
        taken="published by a flow of inject, function and mqtt out",
        payload=b'{"ts":1795658400123,"values":{"TK101.LT":12.5,"TK101.RUN":true}}',
        readings=_each((("TK101.LT", 12.5), ("TK101.RUN", 1.0)), _AT),
    ),
    Captured(
        name="neuron values-format",
        dialect="neuron",
        payload=b'{"node": "modbus", "group": "grp", "timestamp": 1795658400123, "values": '
        b'{"level": 12.5, "pressure": 1.23, "count": -5, "pump": 1, "run": true, "name": "P-101"}, '
        b'"errors": {"broken": 3002}, "metas": {}}',
        readings=_each(_NEURON_TAGS, _AT),
        refused=[(Reason.bad_value, "name"), (Reason.bad_value, "broken")],
        client=_NEURON,
        taken=_NEURON_TAKEN,
    ),
    Captured(
        name="neuron tags-format",
        dialect="neuron",
        payload=b'{"node": "modbus", "group": "grp", "timestamp": 1795658400123, "tags": '
        b'[{"name": "level", "value": 12.5}, {"name": "pressure", "value": 1.23}, '
        b'{"name": "count", "value": -5}, {"name": "pump", "value": 1}, {"name": "run", "value": '
        b'true}, {"name": "name", "value": "P-101"}, {"name": "broken", "error": 3002}]}',
        readings=_each(_NEURON_TAGS, _AT),
        refused=[(Reason.bad_value, "name"), (Reason.bad_value, "broken")],
        client=_NEURON,
        taken=_NEURON_TAKEN,
    ),
    Captured(
        name="neuron ECP-format",
        dialect="neuron",
        payload=b'{"node": "modbus", "group": "grp", "timestamp": 1795658400123, "tags": '
        b'[{"name": "level", "value": 12.5, "type": 3}, {"name": "pressure", "value": 1.23, '
        b'"type": 3}, {"name": "count", "value": -5, "type": 2}, {"name": "pump", "value": 1, '
        b'"type": 2}, {"name": "run", "value": true, "type": 1}, {"name": "name", "value": '
        b'"P-101", "type": 4}]}',
        readings=_each(_NEURON_TAGS, _AT),
        refused=[(Reason.bad_value, "name")],
        client=_NEURON,
        taken=_NEURON_TAKEN,
    ),
    Captured(
        name="kepware",
        dialect="kepware",
        client="Kepware IoT Gateway, standard template, 2020",
        taken="as a user received it: issue 338 of thingsboard/thingsboard-gateway",
        second=1_593_698_672,
        payload=b'{"timestamp":1593698672213,"values":['
        b'{"id":"Channel1.Device1.Tag1","v":1121,"q":true,"t":1593698671342},'
        b'{"id":"Channel1.Device1.Tag2","v":0,"q":true,"t":1593698671342}]}',
        readings=_each(
            (("Channel1.Device1.Tag1", 1121.0), ("Channel1.Device1.Tag2", 0.0)), 1593698671342000
        ),
    ),
    Captured(
        name="thingsboard flat",
        dialect="thingsboard",
        payload=b'[{"temperature":41.9,"enabled":false,"currentFirmwareVersion":"v1.2.2"}]',
        readings=[("temperature", 41.9, RECEIVED, HERE), ("enabled", 0.0, RECEIVED, HERE)],
        refused=[(Reason.bad_value, "currentFirmwareVersion")],
        flat=True,
        client=_TB,
        taken=_TB_TAKEN,
    ),
    Captured(
        name="thingsboard list",
        dialect="native",
        payload=b'[{"ts":1795658400123,"values":{"temperature":42.2,"humidity":71}},'
        b'{"ts":1795658401123,"values":{"temperature":42.3,"humidity":72}}]',
        readings=[
            *_each((("temperature", 42.2), ("humidity", 71.0)), _AT),
            *_each((("temperature", 42.3), ("humidity", 72.0)), _AT + _US),
        ],
        client=_TB,
        taken=_TB_TAKEN,
    ),
    Captured(
        name="thingsboard gateway",
        dialect="thingsboard",
        payload=b'{"Tank 101":[{"ts":1795658400123,"values":{"level":12.5,"pump":true}}]}',
        readings=_each((("Tank 101.level", 12.5), ("Tank 101.pump", 1.0)), _AT),
        client=_TB,
        taken=_TB_TAKEN,
    ),
    Captured(
        name="thingsboard gateway without time",
        dialect="thingsboard",
        payload=b'{"Tank 101":[{"level":12.6}]}',
        readings=[("Tank 101.level", 12.6, RECEIVED, HERE)],
        client=_TB,
        taken=_TB_TAKEN,
    ),
    Captured(
        name="advantech digital inputs",
        dialect="advantech",
        client="Advantech ADAM-6050",
        taken="as a public program for it, SecPi's adapter, has it from a module",
        payload=b'{"s":1,"t":0,"q":192,"c":1,"di1":true,"di2":true,"di3":true,"di4":true,'
        b'"di5":false,"di6":false,"di7":false,"di8":true,"di9":true,"di10":true,"di11":true,'
        b'"di12":true,"do1":true,"do2":true,"do3":false,"do4":false,"do5":false,"do6":false}',
        readings=[
            *((f"di{n}", float(n not in (5, 6, 7)), RECEIVED, HERE) for n in range(1, 13)),
            *((f"do{n}", float(n < 3), RECEIVED, HERE) for n in range(1, 7)),
        ],
    ),
    Captured(
        name="advantech analogue inputs",
        dialect="advantech",
        client="Advantech ADAM, eight analogue inputs",
        taken="as a public program for it has it from a module",
        payload=b'{"s":1,"t":0,"q":192,"c":1,"ai1":9999.9999,"ai_st1":0,"ai2":9999.9999,'
        b'"ai_st2":0,"ai3":0.677,"ai_st3":1,"ai4":4.899,"ai_st4":1,"ai5":0.688,"ai_st5":1,'
        b'"ai6":5.640,"ai_st6":1,"ai7":5.022,"ai_st7":1,"ai8":9999.9999,"ai_st8":0}',
        readings=[
            (tag, value, RECEIVED, HERE)
            for tag, value in (
                *(("ai3", 0.677), ("ai4", 4.899), ("ai5", 0.688)),
                *(("ai6", 5.64), ("ai7", 5.022)),
            )
        ],
        refused=[(Reason.bad_value, f"ai{n}") for n in (1, 2, 8)],
    ),
    Captured(
        name="advantech edge agent",
        dialect="advantech",
        client="Advantech EdgeSync360 EdgeHub SDK for Python 1.0.0 (WISE-PaaS DataHub 1.1.7 alike)",
        taken="published to a Mosquitto on /wisepaas/scada/NODE/data",
        payload=b'{"d": {"Device1": {"ATag1": 12.5, "DTag1": 1, "Arr": {"0": 1.5, "1": 2.5}}, '
        b'"Device2": {"ATag1": 7.25, "TTag1": "TEST"}}, "ts": "2026-11-26T02:00:00.123000Z"}',
        readings=_each(
            (
                *(("Device1.ATag1", 12.5), ("Device1.DTag1", 1.0), ("Device1.Arr.0", 1.5)),
                *(("Device1.Arr.1", 2.5), ("Device2.ATag1", 7.25)),
            ),
            _AT,
        ),
        refused=[(Reason.bad_value, "Device2.TTag1")],
    ),
    Captured(
        name="telegraf",
        dialect="influx",
        client="Telegraf 1.40.0 (development of 2026-08-21)",
        taken="printed by its serializer (plugins/serializers/influx) in a program of its own",
        payload=b"TK101.LT value=12.5 1795658400123456789\n"
        b"modbus,name=skid,site=1\xe5\x8f\xb7\\ \xe7\xbd\x90\\,east,slave_id=1,"
        b"type=holding_register level=12.5,count=-5i,run=true,big=15000000000000000000000,"
        b'note="say \\"hi\\"\\\\ok" 1795658400123456789\n'
        b'opcua,id=ns\\=3;s\\=Level Level=9.25,Quality="OK (0x0)" 1795658400123456789\n'
        b'opcua,id=ns\\=3;s\\=PT PT=1.25,Quality="The operation failed. '
        b'StatusBad (0x80000000)" 1795658400123456789\n',
        readings=[
            *_each(
                (
                    ("TK101.LT", 12.5),
                    *(
                        (f"{_MODBUS}.{field}", value)
                        for field, value in (
                            *(("level", 12.5), ("count", -5.0)),
                            *(("run", 1.0), ("big", 1.5e22)),
                        )
                    ),
                    ("opcua,id=ns=3;s=Level.Level", 9.25),
                ),
                T * _US + 123_456,
            ),
            ("opcua,id=ns=3;s=PT.PT", 1.25, T * _US + 123_456, int(Quality.bad)),
        ],
        refused=[(Reason.bad_value, f"{_MODBUS}.note")],
    ),
    Captured(
        name="influxdb-client",
        dialect="influx",
        client="InfluxDB Python client 1.50.0",
        taken="printed by Point.to_line_protocol",
        payload=b"TK101.LT value=12.5 1795658400123\n"
        b"tank,area=east\\ yard,site=1\xe5\x8f\xb7\xe7\xbd\x90 count=3i,level=12.5,"
        b'note="say \\"hi\\", ok",pump=true 1795658400123000000\n'
        b"tank=a\\,b\\ c,k\\=1=v\\,2 big=1.5e+22,f\\=1\\ x=1e-07,neg=-2i 1795658400\n"
        b"nots value=1",
        readings=[
            ("TK101.LT", 12.5, _AT, GOOD),
            *_each(
                tuple(
                    (f"tank,area=east yard,site=1号罐.{field}", value)
                    for field, value in (("count", 3.0), ("level", 12.5), ("pump", 1.0))
                ),
                _AT,
            ),
            *_each(
                tuple(
                    (f"tank=a,b c,k=1=v,2.{field}", value)
                    for field, value in (("big", 1.5e22), ("f=1 x", 1e-7), ("neg", -2.0))
                ),
                T * _US,
            ),
            ("nots", 1.0, RECEIVED, HERE),
        ],
        refused=[(Reason.bad_value, "tank,area=east yard,site=1号罐.note")],
    ),
    Captured(
        name="@influxdata/influxdb-client",
        dialect="influx",
        client="InfluxDB JavaScript client 1.35.0",
        taken="printed by Point.toLineProtocol",
        payload=b"TK101.LT value=12.5 1795658400123000000\n"
        b"tank,area=east\\ yard,site=1\xe5\x8f\xb7\xe7\xbd\x90 count=3i,level=12.5,"
        b'note="say \\"hi\\", ok",pump=T,u=4u 1795658400123000000',
        readings=_each(
            (
                ("TK101.LT", 12.5),
                *(
                    (f"tank,area=east yard,site=1号罐.{field}", value)
                    for field, value in (("count", 3.0), ("level", 12.5), ("pump", 1.0), ("u", 4.0))
                ),
            ),
            _AT,
        ),
        refused=[(Reason.bad_value, "tank,area=east yard,site=1号罐.note")],
    ),
    Captured(
        name="senml of kpn",
        dialect="senml",
        client="KPN's SenML library, kpn-senml 1.0.1",
        taken="printed by SenmlPack.to_json; it writes -5 s as that less the base time",
        payload=b'[{"n": "level", "v": 12.5, "u": "m", "bn": "urn:dev:mac:0024befffe804ff1:", '
        b'"bt": 1795658400}, {"n": "temp", "v": 23.1, "t": -1795658405, "u": "Cel"}, {"n": "pump", '
        b'"vb": true}, {"n": "note", "vs": "ok"}, {"n": "flow", "s": 77.0, "u": "l/s"}]',
        readings=[
            ("urn:dev:mac:0024befffe804ff1:level", 12.5, T * _US, GOOD),
            ("urn:dev:mac:0024befffe804ff1:temp", 23.1, RECEIVED - 5 * _US, HERE),
            ("urn:dev:mac:0024befffe804ff1:pump", 1.0, T * _US, GOOD),
            ("urn:dev:mac:0024befffe804ff1:flow.sum", 77.0, T * _US, GOOD),
        ],
        refused=[(Reason.bad_value, "urn:dev:mac:0024befffe804ff1:note")],
    ),
    Captured(
        name="senml of eistec",
        dialect="senml",
        client="Eistec's SenML library, senml 0.1.0",
        taken="printed by SenMLDocument.to_json",
        payload=b'[{"bver": 5, "bn": "TK101.", "bt": 1795658400.25, "bu": "kPa", "n": "PT", '
        b'"v": 18.25}, {"n": "TT", "t": -2.5, "u": "Cel", "v": 23.1}, {"n": "run", "vb": true}, '
        b'{"n": "note", "vs": "x"}]',
        readings=[
            ("TK101.PT", 18.25, T * _US + 250_000, GOOD),
            ("TK101.TT", 23.1, T * _US - 2_250_000, GOOD),
            ("TK101.run", 1.0, T * _US + 250_000, GOOD),
        ],
        refused=[(Reason.bad_value, "TK101.note")],
    ),
    Captured(
        name="hj212",
        dialect="hj212",
        payload=b"##0224QN=20261126100000123;ST=31;CN=2011;PW=123456;MN=81733553213013;Flag=9;"
        b"CP=&&DataTime=20261126100000;a01001-Flag=D,a01001-Rtd=17.04,"
        b"a01001-SampleTime=20261126100000;a34002-Flag=M,a34002-Rtd=31.2;"
        b"a34004-Flag=N,a34004-Rtd=12.5&&9AC1\r\n"
        b"##0175QN=20261126100000123;ST=31;CN=2061;PW=123456;MN=81733553213013;Flag=8;"
        b"CP=&&DataTime=20261126100000;a34004-Avg=2.5,a34004-Cou=60.0,a34004-Flag=N,"
        b"a34004-Max=3.5,a34004-Min=1.5&&CC01\r\n",
        readings=[
            ("a01001-Rtd", 17.04, T * _US, _FAULT),
            ("a34002-Rtd", 31.2, T * _US, _CALIBRATING),
            *_each(
                (
                    *(("a34004-Rtd", 12.5), ("2061.a34004-Avg", 2.5), ("2061.a34004-Cou", 60.0)),
                    *(("2061.a34004-Max", 3.5), ("2061.a34004-Min", 1.5)),
                ),
                T * _US,
            ),
        ],
        client=_HJ,
        taken=_HJ_TAKEN,
    ),
    Captured(
        name="hj212 in several packets",
        dialect="hj212",
        payload=b"##0114QN=20261126100000124;ST=31;CN=2011;PW=123456;MN=81733553213013;Flag=11;"
        b"PNUM=4;PNO=1;CP=&&DataTime=20261126100000&&BDC1\r\n"
        b"##0178QN=20261126100000125;ST=31;CN=2011;PW=123456;MN=81733553213013;Flag=11;"
        b"PNUM=4;PNO=2;CP=&&DataTime=20261126100000;a01001-Flag=D,a01001-Rtd=17.04,"
        b"a01001-SampleTime=20261126100000&&1B00\r\n"
        b"##0144QN=20261126100000126;ST=31;CN=2011;PW=123456;MN=81733553213013;Flag=11;"
        b"PNUM=4;PNO=3;CP=&&DataTime=20261126100000;a34002-Flag=M,a34002-Rtd=31.2&&59C0\r\n"
        b"##0144QN=20261126100000127;ST=31;CN=2011;PW=123456;MN=81733553213013;Flag=11;"
        b"PNUM=4;PNO=4;CP=&&DataTime=20261126100000;a34004-Flag=N,a34004-Rtd=12.5&&0440\r\n",
        readings=[
            ("a01001-Rtd", 17.04, T * _US, _FAULT),
            ("a34002-Rtd", 31.2, T * _US, _CALIBRATING),
            ("a34004-Rtd", 12.5, T * _US, GOOD),
        ],
        client=_HJ,
        taken=_HJ_TAKEN,
    ),
)
BY_NAME: Final = {one.name: one for one in CAPTURED}
