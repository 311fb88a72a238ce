"""The gateways of a scenario together: they connect, publish second by second, and say farewell."""

import heapq
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from simulators.broker import Broker
from simulators.devices import Device
from simulators.errors import SimulatorError
from simulators.faults import Faults, Mischief, Outgoing
from simulators.scenario import Running

_CATCH_UP_S = 5.0
_FAREWELL_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a fleet has come."""

    elapsed_s: float
    gateways: int
    online: int
    messages: int
    readings: int
    waiting: int
    buffered: int
    overflowed: int
    lost: int
    accepted: int
    rejected: Mapping[str, int]
    faults: Mapping[str, int]


class Fleet:
    """One connection a gateway, one thread for the time line."""

    def __init__(
        self,
        running: Running,
        *,
        broker: Broker,
        prefix: str,
        faults: Faults | None = None,
        seed: int = 1,
        credentials: Mapping[str, tuple[str, str]] | None = None,
    ) -> None:
        self._running = running
        self._mischief = Mischief(faults or Faults(), seed=seed)
        self._lost = 0
        self._held: list[tuple[float, int, Outgoing]] = []
        self._order = itertools.count()
        self._devices = {
            device.id: Device(
                device.id,
                form=device.form,
                broker=_as_whom(broker, device.id, credentials or {}),
                prefix=prefix,
            )
            for device in running.scenario.devices
        }
        self._began = time.monotonic()

    def run(
        self,
        stop: threading.Event,
        *,
        duration_s: float | None = None,
        report: Callable[[Standing], None] | None = None,
    ) -> Standing:
        """Publish until stop is set or the duration is over; statuses say offline afterwards.

        Gives the standing just before the farewell. Messages held back as late then go at once.
        """
        connected: list[Device] = []
        try:
            for device in self._devices.values():
                device.connect()
                connected.append(device)
            self._began = time.monotonic()
            self._follow(stop, duration_s, report)
            self._release(until=float("inf"))
            for device in connected:
                device.settle(_FAREWELL_S)
            return self.standing()
        finally:
            for device in connected:
                device.close()

    def standing(self) -> Standing:
        """The sums over all gateways."""
        devices = self._devices.values()
        rejected: Counter[str] = Counter()
        for device in devices:
            rejected.update(device.tally.rejected)
        return Standing(
            elapsed_s=time.monotonic() - self._began,
            gateways=len(self._devices),
            online=sum(device.online for device in devices),
            messages=sum(device.tally.messages for device in devices),
            readings=sum(device.tally.readings for device in devices),
            waiting=sum(device.waiting + device.stored for device in devices),
            buffered=sum(device.tally.buffered for device in devices),
            overflowed=sum(device.tally.overflowed for device in devices),
            lost=self._lost,
            accepted=sum(device.tally.accepted for device in devices),
            rejected=dict(rejected),
            faults=dict(self._mischief.dealt),
        )

    def _follow(
        self,
        stop: threading.Event,
        duration_s: float | None,
        report: Callable[[Standing], None] | None,
    ) -> None:
        due = self._began
        while not stop.is_set():
            now = time.monotonic()
            if duration_s is not None and now - self._began >= duration_s:
                return
            for message in self._running.tick(time.time_ns() // 1_000_000):
                self._leave(self._mischief.upon(message))
            self._release(until=time.monotonic())
            for device in self._devices.values():
                device.forward()
            if report is not None:
                report(self.standing())
            due += self._running.tick_s
            if time.monotonic() - due > _CATCH_UP_S:
                due = time.monotonic()
            pause_s = due - time.monotonic()
            if duration_s is not None:
                pause_s = min(pause_s, self._began + duration_s - time.monotonic())
            stop.wait(max(pause_s, 0.0))

    def _leave(self, outgoing: Outgoing) -> None:
        device = self._devices[outgoing.message.gateway]
        if outgoing.times == 0:
            device.lose()
            self._lost += 1
        elif outgoing.delay_s > 0.0:
            due = time.monotonic() + outgoing.delay_s
            heapq.heappush(self._held, (due, next(self._order), outgoing))
        else:
            device.report(outgoing.message, times=outgoing.times)

    def _release(self, *, until: float) -> None:
        while self._held and self._held[0][0] <= until:
            _, _, outgoing = heapq.heappop(self._held)
            self._devices[outgoing.message.gateway].report(outgoing.message, times=outgoing.times)


def _as_whom(broker: Broker, gateway: str, credentials: Mapping[str, tuple[str, str]]) -> Broker:
    if gateway not in credentials:
        if credentials and broker.username is None:
            raise SimulatorError(
                f"there are credentials for {', '.join(sorted(credentials))}, but none for "
                f"{gateway}; create them with `fengsui gateway create {gateway}`"
            )
        return broker
    username, password = credentials[gateway]
    return replace(broker, username=username, password=password)
