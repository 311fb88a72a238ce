"""Who has fallen silent: points, and gateways that absorb their points (alarms.md rows 19 and 20).

Silence is measured on the server's clock and on nothing else. A point is stale from
`max(last received, registered, engine started, link up, its gateway back) + T_stale`. It gets an
alarm of its own once another point of its gateway has spoken after that instant, or after twice
the time; when all points of a gateway are stale the gateway gets one alarm instead of them all.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alarms import tiers
from alarms.alarm import ProcessEvent, Transition
from alarms.plant import Plant
from alarms.proposal import ChannelState
from alarms.readings import Instants, Readings, Rows
from alarms.rules import Ruleset
from alarms.wording_comms import gateway_event, stale_event

STALE: Final = "comms.stale"
GATEWAY: Final = "comms.gateway"
REPORTER: Final = "comms.reporter"
UNKNOWN: Final = -1


class Down(NamedTuple):
    """Since when a gateway's points are all silent (Micros), and whether any ever reported."""

    at: int
    ever: bool


@dataclass(slots=True, kw_only=True)
class Heard:
    """What changes in a Watch when a proposal is adopted. Micros by point row or gateway index."""

    silent: dict[int, int] = field(default_factory=dict)
    speaking: list[int] = field(default_factory=list)
    down: dict[int, Down] = field(default_factory=dict)
    up: dict[int, int] = field(default_factory=dict)
    reporters: dict[int, int] = field(default_factory=dict)


class Watch:
    """The open silence alarms, and which gateway each point belongs to."""

    def __init__(self, plant: Plant, rules: Ruleset) -> None:
        self.plant = plant
        self.rules = rules
        self.gateways = {gateway_id: index for index, gateway_id in enumerate(plant.gateways)}
        self.ids = tuple(plant.gateways)
        self.gateway_of = plant.reporters.copy()
        self.fixed = (plant.columns.reporter >= 0) & (self.gateway_of != UNKNOWN)
        self.silent: dict[int, int] = {}
        self.own = np.zeros(len(plant.points), np.bool_)
        self.down: dict[int, Down] = {}
        self.is_down = np.zeros(len(self.ids) + 1, np.bool_)  # the last one stands for UNKNOWN
        self.since = np.zeros(len(self.ids) + 1, np.int64)
        self._regroup()

    def recall(self, states: Iterable[ChannelState], row_of: dict[str, int]) -> None:
        """Take up where the record left off."""
        heard = Heard()
        for state in states:
            row = row_of.get(state.key, UNKNOWN)
            if state.rule == STALE and row >= 0:
                heard.silent[row] = state.process["t"]
            elif state.rule == REPORTER and row >= 0 and not self.fixed[row]:
                gateway = self.gateways.get(state.process["gateway"])
                if gateway is not None:
                    heard.reporters[row] = gateway
            elif state.rule == GATEWAY:
                gateway = self.gateways.get(state.key.removeprefix("gateway:"))
                if gateway is None:
                    continue
                if "down" in state.process:
                    ever = state.process.get("ever", True)
                    heard.down[gateway] = Down(at=state.process["down"], ever=ever)
                else:
                    heard.up[gateway] = state.process["up"]
        self.adopt(heard)

    def adopt(self, heard: Heard) -> None:
        """Let proposed changes take effect."""
        for row in heard.speaking:
            del self.silent[row]
            self.own[row] = False
        for row, at in heard.silent.items():
            self.silent[row] = at
            self.own[row] = True
        for gateway, at in heard.up.items():
            self.down.pop(gateway, None)
            self.is_down[gateway] = False
            self.since[gateway] = at
        for gateway, down in heard.down.items():
            self.down[gateway] = down
            self.is_down[gateway] = True
        if heard.reporters:
            self.gateway_of[list(heard.reporters)] = list(heard.reporters.values())
            self._regroup()

    def deadlines(self, received: Instants, floor: Instants, link_since: int) -> Instants:
        """Return when each point becomes stale, server's clock, shape (n,)."""
        base = np.maximum(np.maximum(received, floor), self.since[self.gateway_of])
        np.maximum(base, link_since, out=base)
        base += self.rules.stale
        return base

    def hear(
        self,
        readings: Readings,
        reporters: NDArray[np.int32] | None,
        before: Instants,
        heard: Heard,
    ) -> list[tuple[int, ProcessEvent]]:
        """Return the alarms that readings end, each with the place of its reading in the batch.

        `before` has each point's last receipt before the batch, shape (n,), 0 for none.
        """
        rows, received = readings.point, readings.received
        events: list[tuple[int, ProcessEvent]] = []
        if reporters is not None:
            self._reassign(rows, reporters, heard)
        if self.down:
            gateway_of = self.gateway_of[rows] if reporters is None else reporters
            hits = np.flatnonzero(self.is_down[gateway_of])
            gateways, first = np.unique(gateway_of[hits], return_index=True)
            for gateway, place in zip(gateways.tolist(), hits[first].tolist(), strict=True):
                down = self.down[gateway]
                at = max(int(received[place]), down.at)
                heard.up[gateway] = at
                event = gateway_event(
                    self.plant, self.ids[gateway], Transition.returned, at, ever=down.ever
                )
                events.append((place, event))
        if self.silent:
            hits = np.flatnonzero(self.own[rows])
            found, first = np.unique(rows[hits], return_index=True)
            for row, place in zip(found.tolist(), hits[first].tolist(), strict=True):
                at = max(int(received[place]), self.silent[row])
                heard.speaking.append(row)
                ever = bool(before[row] > 0)
                events.append(
                    (place, stale_event(self.plant, row, Transition.returned, at, ever=ever))
                )
        return events

    def listen(
        self, received: Instants, deadline: Instants, now: int, heard: Heard
    ) -> list[ProcessEvent]:
        """Return the alarms that silence has begun by `now`."""
        news = (deadline <= now) & ~self.own & ~self.is_down[self.gateway_of]
        if not news.any():
            return []
        fresh = np.flatnonzero(news)
        events: list[ProcessEvent] = []
        for gateway in np.unique(self.gateway_of[fresh]).tolist():
            rows = self._rows_of(gateway)
            if gateway != UNKNOWN and (deadline[rows] <= now).all():
                ever = bool((received[rows] > 0).any())
                events += self._gateway_silent(
                    gateway, rows, int(deadline[rows].max()), heard, ever=ever
                )
                continue
            spoke = int(received[rows].max()) if gateway != UNKNOWN else 0
            mine = rows[news[rows]]
            due = mine[(spoke > deadline[mine]) | (deadline[mine] + self.rules.stale[mine] <= now)]
            for row in due.tolist():
                at = int(deadline[row])
                heard.silent[row] = at
                ever = bool(received[row] > 0)
                events.append(stale_event(self.plant, row, Transition.raised, at, ever=ever))
        return events

    def states(self, heard: Heard) -> tuple[list[ChannelState], list[tuple[str, str]]]:
        """Return the rows of the record that follow from changes: to upsert, and to delete."""
        kept = [
            ChannelState(key=self.plant.key_of(row), rule=STALE, process={"t": at})
            for row, at in heard.silent.items()
        ]
        gateways: dict[int, dict[str, int]] = {g: {"up": at} for g, at in heard.up.items()}
        gateways |= {g: {"down": down.at, "ever": down.ever} for g, down in heard.down.items()}
        kept += [
            ChannelState(key=f"gateway:{self.ids[g]}", rule=GATEWAY, process=process)
            for g, process in gateways.items()
        ]
        kept += [
            ChannelState(
                key=self.plant.key_of(row), rule=REPORTER, process={"gateway": self.ids[g]}
            )
            for row, g in heard.reporters.items()
        ]
        return kept, [(self.plant.key_of(row), STALE) for row in heard.speaking]

    def _gateway_silent(
        self, gateway: int, rows: Rows, at: int, heard: Heard, *, ever: bool
    ) -> list[ProcessEvent]:
        heard.down[gateway] = Down(at=at, ever=ever)
        name = self.ids[gateway]
        events = [
            gateway_event(
                self.plant,
                name,
                Transition.raised,
                at,
                ever=ever,
                tier=tiers.highest(self.plant, rows, "comms"),
            )
        ]
        for row in rows[self.own[rows]].tolist():
            heard.speaking.append(row)
            back = max(at, self.silent[row])
            events.append(
                stale_event(self.plant, row, Transition.returned, back, ever=ever, absorbed=name)
            )
        return events

    def _reassign(self, rows: Rows, reporters: NDArray[np.int32], heard: Heard) -> None:
        moved = np.flatnonzero(
            (reporters != self.gateway_of[rows]) & (reporters != UNKNOWN) & ~self.fixed[rows]
        )
        for place in moved.tolist():
            heard.reporters[int(rows[place])] = int(reporters[place])
        # A point that another gateway reported last in this batch may be back where it was.
        for row in heard.reporters:
            last = int(reporters[np.flatnonzero((rows == row) & (reporters != UNKNOWN))[-1]])
            heard.reporters[row] = last

    def _rows_of(self, gateway: int) -> Rows:
        first, end = np.searchsorted(self._grouped, [gateway, gateway + 1])
        return self._by_gateway[first:end]

    def _regroup(self) -> None:
        order = np.argsort(self.gateway_of, kind="stable")
        self._by_gateway = order.astype(np.int32)
        self._grouped = self.gateway_of[order]
