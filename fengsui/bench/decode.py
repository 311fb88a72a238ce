"""How fast each dialect becomes columns, beside a bare parse of the same messages.

A dialect's rate is from bytes to sifted columns of readings, as ingest makes them: messages are
decoded one by one and sifted in batches. The bare measure parses the JSON, or cuts the text at its
separators, and makes nothing of it. Seconds are the process's own, on one core.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from time import process_time
from typing import Any, Final

import msgspec

from alarms.plant import DIALECTS, Enterprise, Gateway, Plant, Point
from fengsui.bench import report
from ingest.decoders import hj212
from ingest.decoders.decoded import Decoded
from ingest.intake import Intake
from ingest.refusals import Ledger
from ingest.roster import Roster
from ingest.sifting import Arrived, sift

_RECEIVED: Final = 1_763_712_060_000_000
_START_MS: Final = 1_763_712_000_000
_READINGS: Final = 2_000
"""Readings of a batch that is sifted at once."""
_SEPARATORS: Final = re.compile(rb"[,;= \n]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Readings in a message, and how long each of the measures lasts."""

    per_message: int
    seconds: float


def measure(workload: Workload) -> dict[str, Any]:
    """Measure every dialect, set and seen by its shape; return the document of contracts 8."""
    results: dict[str, report.Result] = {}
    for dialect in DIALECTS:
        for name, count, told in (
            (f"decode_{dialect}_readings_per_s", workload.per_message, dialect),
            (f"decode_{dialect}_seen_readings_per_s", workload.per_message, None),
            (f"decode_{dialect}_single_readings_per_s", 1, dialect),
        ):
            messages = [_WRITERS[dialect](count, n) for n in range(max(1, _READINGS // count))]
            batch = _batch(messages, told)
            readings = batch()
            speed = readings * _times_per_s(batch, workload.seconds)
            bare = readings * _times_per_s(partial(_bare, messages), workload.seconds)
            results[name] = report.Result(value=speed, unit="readings/s", limit=bare)
    return report.document(results, workload=asdict(workload))


def _batch(messages: list[bytes], dialect: str | None) -> Callable[[], int]:
    """Return what decodes and sifts these messages and counts the readings."""
    plain = _plant(dialect, ())
    tags = dict.fromkeys(
        tag for message in messages for tag in Intake(plain).decode("gw", message, _RECEIVED).tags
    )
    plant = _plant(dialect, tags)
    intake, roster = Intake(plant), Roster.of(plant, {"gw": 0})

    def run() -> int:
        ledger = Ledger()
        arrived = [
            _arrived(message, intake.decode("gw", message, _RECEIVED)) for message in messages
        ]
        found = sift(arrived, roster, ledger)
        assert not ledger.entries, ledger.entries[0]  # noqa: S101  the bench's own messages
        return len(found.readings)

    return run


def _arrived(message: bytes, decoded: Decoded) -> Arrived:
    return Arrived(gateway="gw", received=_RECEIVED, payload=message, decoded=decoded)


def _plant(dialect: str | None, tags: Iterable[str]) -> Plant:
    points = [
        Point(enterprise="E", source="S", unit="U", tag=tag, quantity="other", engineering_unit="m")
        for tag in tags
    ]
    return Plant(
        enterprises={"E": Enterprise(code="E", name="E", region="510603")},
        sources={},
        units={},
        points=points,
        gateways={"gw": Gateway(id="gw", enterprise="E", dialect=dialect)},
        point_ids=list(range(len(points))),
        registered=[0] * len(points),
    )


def _times_per_s(work: Callable[[], object], seconds: float) -> float:
    work()
    began, times = process_time(), 0
    while process_time() - began < seconds:
        work()
        times += 1
    return times / (process_time() - began)


def _bare(messages: list[bytes]) -> None:
    for message in messages:
        if message[:1] in b"[{":
            msgspec.json.decode(message)
        else:
            _SEPARATORS.split(message)


def _values(count: int, number: int) -> dict[str, float]:
    return {f"TK{n:03}.LT": round(3.0 + n / 100 + number / 1000, 3) for n in range(count)}


def _json(message: object) -> bytes:
    return msgspec.json.encode(message)


def _kepware(count: int, number: int) -> bytes:
    ms = _START_MS + number
    return _json(
        {
            "timestamp": ms,
            "values": [
                {"id": tag, "v": value, "q": True, "t": ms}
                for tag, value in _values(count, number).items()
            ],
        }
    )


def _senml(count: int, number: int) -> bytes:
    records: list[dict[str, object]] = [
        {"n": tag, "v": value} for tag, value in _values(count, number).items()
    ]
    records[0] |= {"bt": (_START_MS + number) / 1000, "bu": "m"}
    return _json(records)


def _influx(count: int, number: int) -> bytes:
    ns = (_START_MS + number) * 1_000_000
    lines = (f"{tag} value={value} {ns}" for tag, value in _values(count, number).items())
    return "\n".join(lines).encode()


def _advantech(count: int, number: int) -> bytes:
    channels = {f"ai{n}": value for n, value in enumerate(_values(count, number).values())}
    return _json({"s": 1, "t": "2025-11-21T08:00:00Z", "q": 192, "c": 1, **channels})


def _hj212(count: int, number: int) -> bytes:
    values = _values(count, number).values()
    read = ";".join(f"a{n:05}-Rtd={value},a{n:05}-Flag=N" for n, value in enumerate(values))
    head = "QN=20251121160000123;ST=31;CN=2011;PW=123456;MN=M1;Flag=4;CP=&&"
    section = f"{head}DataTime=20251121160000;{read}&&".encode()
    return b"##%04d%b%04X\r\n" % (len(section), section, hj212.crc(section))


_WRITERS: Final[dict[str, Callable[[int, int], bytes]]] = {
    "native": lambda count, n: _json({"ts": _START_MS + n, "values": _values(count, n)}),
    "neuron": lambda count, n: _json(
        {"timestamp": _START_MS + n, "node": "plc", "group": "g", "values": _values(count, n)}
    ),
    "kepware": _kepware,
    "thingsboard": lambda count, n: _json(
        {"TK": [{"ts": _START_MS + n, "values": _values(count, n)}]}
    ),
    "advantech": _advantech,
    "influx": _influx,
    "senml": _senml,
    "hj212": _hj212,
}
