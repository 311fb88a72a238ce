"""What a scenario is: its gateways, its channels and the process that moves them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from simulators.physics import Column
from simulators.readings import Form, Message, Value
from simulators.sensors import Sensor, Sensors

_LONGEST_STEP_S = 1.0
_MOST_STEPS = 60
_READINGS_A_MESSAGE = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A gateway of the scenario and the JSON form it speaks."""

    id: str
    form: Form


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One point: the tag of the registry, who reports it how often, through which sensor."""

    tag: str
    gateway: str
    period_s: int
    sensor: Sensor


class Process(Protocol):
    """A plant in motion, for all its copies at once."""

    def advance(self, dt_s: float) -> Mapping[str, Column]:
        """Let dt_s pass and give the truth by tag, shape (copies,)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How a scenario begins."""

    copies: int
    seed: int
    lead_in_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A named plant with its story; `start` makes its process."""

    name: str
    title: str
    story: str
    devices: tuple[Device, ...]
    channels: tuple[Channel, ...]
    start: Callable[[Start], Process]


def suffix(copy: int) -> str:
    """The ending of every unit and tag in a further copy of a plant; the first copy has none."""
    return "" if copy == 0 else f"_{copy + 1:04d}"


def copies_for(scenario: Scenario, points: int | None) -> int:
    """The number of copies of the plant that holds so many points."""
    if points is None:
        return 1
    return max(1, -(-points // len(scenario.channels)))


class Running:
    """A scenario under way: every tick gives the messages its gateways send.

    The same scenario, seed, points, speed and ticks give the same messages.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        seed: int = 1,
        points: int | None = None,
        speed: float = 1.0,
        lead_in_s: float = 30.0,
    ) -> None:
        self.scenario = scenario
        self.tick_s = 1
        self.copies = copies_for(scenario, points)
        self.points = points or len(scenario.channels)
        self._speed = speed
        self._process = scenario.start(Start(copies=self.copies, seed=seed, lead_in_s=lead_in_s))
        self._sensors = Sensors(
            tuple(channel.sensor for channel in scenario.channels),
            self.copies,
            np.random.default_rng([seed, 7]),
        )
        self._order = {channel.tag: row for row, channel in enumerate(scenario.channels)}
        self._due: dict[tuple[int, ...], tuple[_Share, ...]] = {}
        self._ticks = 0

    def tick(self, ts_ms: int) -> Iterator[Message]:
        """Let one second of the clock pass and give what is due then, stamped ts_ms."""
        table, passed = self._sensors.read(self._advance(), self._speed * self.tick_s)
        values, beyond = table.ravel(), passed.ravel()
        for share in self._shares():
            shown: list[Value] = values[share.places].tolist()
            for place in share.switches:
                shown[place] = bool(shown[place])
            marks = {int(place): "over_range" for place in np.flatnonzero(beyond[share.places])}
            yield Message(
                gateway=share.gateway, ts_ms=ts_ms, tags=share.tags, values=shown, marks=marks
            )
        self._ticks += 1

    def _advance(self) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        span_s = self._speed * self.tick_s
        steps = min(max(1, int(np.ceil(span_s / _LONGEST_STEP_S))), _MOST_STEPS)
        truth: Mapping[str, Column] = {}
        for _ in range(steps):
            truth = self._process.advance(span_s / steps)
        return np.stack([truth[tag] for tag in self._order])

    def _shares(self) -> tuple["_Share", ...]:
        due = tuple(
            row
            for row, channel in enumerate(self.scenario.channels)
            if self._ticks % channel.period_s == 0
        )
        if due not in self._due:
            self._due[due] = tuple(self._share_out(due))
        return self._due[due]

    def _share_out(self, due: tuple[int, ...]) -> Iterator["_Share"]:
        channels = self.scenario.channels
        for device in self.scenario.devices:
            rows = [row for row in due if channels[row].gateway == device.id]
            places = [
                (row, copy)
                for copy in range(self.copies)
                for row in rows
                if copy * len(channels) + row < self.points
            ]
            for begin in range(0, len(places), _READINGS_A_MESSAGE):
                part = places[begin : begin + _READINGS_A_MESSAGE]
                yield _Share(
                    gateway=device.id,
                    tags=tuple(channels[row].tag + suffix(copy) for row, copy in part),
                    places=np.array([row * self.copies + copy for row, copy in part]),
                    switches=tuple(
                        place
                        for place, (row, _) in enumerate(part)
                        if channels[row].sensor.on_off and device.form == "values"
                    ),
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Share:
    """One gateway's part of a tick."""

    gateway: str
    tags: tuple[str, ...]
    places: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    switches: tuple[int, ...]
