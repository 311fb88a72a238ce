"""Replays recordings over the wire: same order, recorded spacing divided by the speed."""

import heapq
import itertools
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from simulators import recording
from simulators.broker import Broker
from simulators.devices import Device
from simulators.errors import RequestError
from simulators.faults import Faults, Mischief, Outgoing
from simulators.readings import Message
from simulators.recording import RecordingError, Row

GATEWAY_PATTERN = r"[A-Za-z0-9_-]{1,64}"

_READINGS_A_MESSAGE = 5_000
_SETTLE_S = 30.0
_SHOW_EVERY_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateways:
    """Whose name readings go under: by enterprise, else one for all, else the file's own name."""

    everywhere: str | None = None
    by_enterprise: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, words: Sequence[str]) -> Self:
        """Read `ID` and `ENTERPRISE=ID`."""
        everywhere: str | None = None
        by_enterprise: dict[str, str] = {}
        for word in words:
            enterprise, equals, gateway = word.rpartition("=")
            if not re.fullmatch(GATEWAY_PATTERN, gateway) or (equals and not enterprise):
                raise RequestError(
                    f"--gateway is an id ({GATEWAY_PATTERN}) or ENTERPRISE=id, there was {word!r}"
                )
            if equals:
                by_enterprise[enterprise] = gateway
            elif everywhere is not None:
                raise RequestError(
                    "--gateway ID is for all and comes once; use ENTERPRISE=ID for more"
                )
            else:
                everywhere = gateway
        return cls(everywhere=everywhere, by_enterprise=by_enterprise)

    def of(self, file: Path, enterprise: str | None) -> str:
        """The gateway of a row."""
        if enterprise is not None and enterprise in self.by_enterprise:
            return self.by_enterprise[enterprise]
        return self.everywhere or gateway_of(file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a first pass over the recording found: it is sound, and so long and so large."""

    files: tuple[Path, ...]
    gateways: Mapping[tuple[Path, str | None], str]
    rows: int
    readings: int
    span_s: float
    first_ts_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was sent."""

    readings: int
    messages: int
    unacknowledged: int
    seconds: float
    rejected: dict[str, int]

    @property
    def rate(self) -> float:
        """Readings per second."""
        return self.readings / self.seconds if self.seconds > 0.0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Readings that arrived together: `rows` read so far, when it is due, and its messages."""

    moment_ms: int
    rows: int
    message: Message


def survey(path: Path, gateways: Gateways) -> Plan:
    """Read everything once; raises RecordingError that names every bad row of every file."""
    files = recording.files_of(path)
    seen = _Seen()
    faults: list[str] = []
    for file in files:
        try:
            seen.follow(file)
        except RecordingError as error:
            faults.extend(error.faults)
    if faults:
        raise RecordingError(faults)
    names = {key: gateways.of(*key) for key in sorted(seen.origins, key=str)}
    owners: dict[str, set[str]] = {}
    for (_, enterprise), gateway in names.items():
        owners.setdefault(gateway, set()).update({enterprise} if enterprise else ())
    for gateway, enterprises in owners.items():
        if len(enterprises) > 1:
            raise RequestError(
                f"{path} holds points of {', '.join(sorted(enterprises))}, and a gateway belongs "
                f"to one enterprise; instead of {gateway} for all, name one for each: "
                f"{' '.join(f'--gateway {code}=ID' for code in sorted(enterprises))}"
            )
    return Plan(
        files=files,
        gateways=names,
        rows=seen.rows,
        readings=seen.readings,
        span_s=max(0, seen.end_ms - seen.begin_ms) / 1000.0,
        first_ts_ms=seen.first_ts_ms,
    )


def gateway_of(file: Path) -> str:
    """The gateway a recording is published under when none is named: its file's name."""
    stem = file.name.removesuffix(".gz").removesuffix(".csv")
    if not re.fullmatch(GATEWAY_PATTERN, stem):
        raise RequestError(
            f"the name of {file.name} is no gateway's id ({GATEWAY_PATTERN}); name one with "
            f"--gateway"
        )
    return stem


def batches(plan: Plan, *, shift_ms: int = 0) -> Iterator[Batch]:
    """Rows of the same instant, gateway and stamp as one message, in the recorded order.

    Files of a folder run side by side, by time of receipt. A point that comes twice in an instant
    begins a new message, so nothing overtakes and nothing is lost.
    """
    streams = [_batches_of(plan, file, shift_ms) for file in plan.files]
    return heapq.merge(*streams, key=lambda batch: batch.moment_ms)


def _batches_of(plan: Plan, file: Path, shift_ms: int) -> Iterator[Batch]:
    held: list[Row] = []
    seen: set[str] = set()
    count = 0
    gateway = ""
    for row in recording.rows(file):
        name = plan.gateways[file, row.enterprise]
        if held and (
            row.ts_ms != held[0].ts_ms
            or row.moment_ms != held[0].moment_ms
            or name != gateway
            or row.tag in seen
            or len(held) >= _READINGS_A_MESSAGE
        ):
            yield _batch(held, count, gateway=gateway, shift_ms=shift_ms)
            held, seen, count = [], set(), 0
        gateway = name
        count += 1
        if row.value is not None:
            held.append(row)
            seen.add(row.tag)
    if held:
        yield _batch(held, count, gateway=gateway, shift_ms=shift_ms)


def publish(
    plan: Plan,
    *,
    broker: Broker,
    prefix: str,
    speed: float | None,
    shift_ms: int = 0,
    faults: Faults | None = None,
    seed: int = 1,
    stop: threading.Event,
    progress: Callable[[int], None] | None = None,
) -> Done:
    """Send everything; speed None is as fast as the broker acknowledges. Ends early with stop."""
    devices = {
        name: Device(name, form="values", broker=broker, prefix=prefix)
        for name in sorted(set(plan.gateways.values()))
    }
    mischief = Mischief(faults or Faults(), seed=seed)
    connected: list[Device] = []
    try:
        for device in devices.values():
            device.connect()
            connected.append(device)
        began = time.monotonic()
        outgoing = (
            (batch.moment_ms, batch.rows, mischief.upon(batch.message))
            for batch in batches(plan, shift_ms=shift_ms)
        )
        _send(outgoing, devices, speed=speed, stop=stop, progress=progress)
        unacknowledged = sum(device.settle(_SETTLE_S, stop) for device in connected)
        seconds = time.monotonic() - began
    finally:
        for device in connected:
            device.close()
    return Done(
        readings=sum(device.tally.readings for device in connected),
        messages=sum(device.tally.messages for device in connected),
        unacknowledged=unacknowledged,
        seconds=seconds,
        rejected={
            f"{device.gateway} {words}": count
            for device in connected
            for words, count in device.tally.rejected.items()
        },
    )


def _send(
    stream: Iterator[tuple[int, int, Outgoing]],
    devices: dict[str, Device],
    *,
    speed: float | None,
    stop: threading.Event,
    progress: Callable[[int], None] | None,
) -> None:
    pace = _Pace(speed)
    order = itertools.count()
    late: list[tuple[float, int, Outgoing]] = []
    rows = 0
    shown = time.monotonic()
    for moment_ms, count, outgoing in stream:
        rows += count
        due = pace.due(moment_ms)
        while late and (late[0][0] <= due):
            when, _, held = heapq.heappop(late)
            if not _deliver(held, devices, when, stop):
                return
        if outgoing.delay_s > 0.0 and outgoing.times:
            heapq.heappush(late, (due + outgoing.delay_s, next(order), outgoing))
        elif not _deliver(outgoing, devices, due, stop):
            return
        if progress is not None and time.monotonic() - shown >= _SHOW_EVERY_S:
            progress(rows)
            shown = time.monotonic()
    for when, _, held in sorted(late, key=lambda entry: entry[:2]):
        if not _deliver(held, devices, when if speed is not None else 0.0, stop):
            return
    if progress is not None:
        progress(rows)


def _deliver(
    outgoing: Outgoing, devices: dict[str, Device], due: float, stop: threading.Event
) -> bool:
    pause_s = due - time.monotonic()
    if pause_s > 0.0 and stop.wait(pause_s):
        return False
    device = devices[outgoing.message.gateway]
    if outgoing.times == 0:
        device.lose()
        return not stop.is_set()
    return device.push(outgoing.message, times=outgoing.times, stop=stop)


class _Pace:
    """When a recorded moment is due on the monotonic clock; one that goes back is due at once."""

    def __init__(self, speed: float | None) -> None:
        self._speed = speed
        self._began = time.monotonic()
        self._first_ms: int | None = None

    def due(self, moment_ms: int) -> float:
        if self._speed is None:
            return time.monotonic()
        if self._first_ms is None:
            self._first_ms = moment_ms
        return self._began + (moment_ms - self._first_ms) / 1000.0 / self._speed


class _Seen:
    """What a first pass has met."""

    def __init__(self) -> None:
        self.rows = 0
        self.readings = 0
        self.begin_ms = 0
        self.end_ms = 0
        self.first_ts_ms: int | None = None
        self.origins: set[tuple[Path, str | None]] = set()

    def follow(self, file: Path) -> None:
        """Read one recording."""
        for row in recording.rows(file):
            if self.first_ts_ms is None or row.moment_ms < self.begin_ms:
                self.begin_ms, self.first_ts_ms = row.moment_ms, row.ts_ms
            self.end_ms = max(self.end_ms, row.moment_ms)
            self.rows += 1
            self.readings += row.value is not None
            self.origins.add((file, row.enterprise))


def _batch(rows: list[Row], count: int, *, gateway: str, shift_ms: int) -> Batch:
    return Batch(
        moment_ms=rows[0].moment_ms,
        rows=count,
        message=Message(
            gateway=gateway,
            ts_ms=rows[0].ts_ms + shift_ms,
            tags=tuple(row.tag for row in rows),
            values=[row.value for row in rows],
            marks={place: row.quality for place, row in enumerate(rows) if row.quality is not None},
        ),
    )
