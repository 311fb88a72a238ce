"""The clocks of gateways: `comms.clock` where stamps lie ahead of their receipt, or stay behind it.

A stamp more than 5 min ahead raises at once. Behind is another matter: what was held up comes late
too. So a clock counts as slow only where the newest stamp of every live message lies more than
5 min behind its receipt, by the same amount to a minute, for 5 min on end: a backlog catches up and
a recording played faster gains, a slow clock does neither. The thresholds are our choice.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.alarm import Transition
from alarms.family import Found
from alarms.plant import Plant
from alarms.proposal import ChannelState, PointFault
from alarms.readings import CORRECTED, HISTORY, STAMPED_HERE, Readings
from alarms.silence import Watch
from alarms.wording_comms import clock_event

CLOCK: Final = "comms.clock"
RUN: Final = "comms.clock_run"
"""The state of a run of messages that may yet raise or end the alarm; nobody is told of it."""
BEHIND_US: Final = 300_000_000
"""Messages further behind their receipt may come of a slow clock."""
STEADY_US: Final = 60_000_000
"""A slow clock is behind by the same amount to within this; a right one is behind by less."""
LASTING_US: Final = 300_000_000
"""How long messages must agree on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """What is known of a gateway's clock; all times Micros, 0 for none.

    `since` is when the alarm was raised, `behind` why. `first` is the receipt of the first message
    of a run that agrees, behind by `least` to `most`: on a slow clock or, in its alarm, a right
    one.
    """

    since: int = 0
    behind: bool = False
    first: int = 0
    least: int = 0
    most: int = 0


RIGHT: Final = Clock()
Changes = dict[int, Clock]
"""Clocks to stand after adoption, by gateway index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    """What one message says of its gateway's clock.

    `proper` is the place of its first reading judged at its own stamp, -1 for none; `lag` is how
    far its newest live stamp lies behind its receipt, None without one. `ahead` marks a fault, by
    its stamp where that is known.
    """

    received: int
    proper: int = -1
    lag: int | None = None
    ahead: bool = False
    stamp: int | None = None


class Clocks:
    """The clocks of all gateways that are not known to be right."""

    def __init__(self, plant: Plant, watch: Watch) -> None:
        self._plant = plant
        self._watch = watch
        self._standing: Changes = {}

    def recall(self, states: Iterable[ChannelState]) -> None:
        """Take up where the record left off."""
        for state in states:
            gateway = self._watch.gateways.get(state.key.removeprefix("gateway:"))
            if state.rule not in (CLOCK, RUN) or gateway is None:
                continue
            known = self._standing.get(gateway, RIGHT)
            process = state.process
            self._standing[gateway] = (
                replace(known, since=process["t"], behind=process.get("behind", False))
                if state.rule == CLOCK
                else replace(
                    known, first=process["first"], least=process["least"], most=process["most"]
                )
            )

    def judge(
        self, readings: Readings, reporters: NDArray[np.int32] | None, faults: Sequence[PointFault]
    ) -> tuple[list[Found], Changes]:
        """Return the alarms that messages begin and end; what they say counts in order of receipt.

        `reporters` has a gateway's index a reading, None: each point's own.
        """
        ahead: dict[int, list[_Message]] = {}
        for fault in faults:
            if fault.reason == "future_time" and fault.gateway in self._watch.gateways:
                ahead.setdefault(self._watch.gateways[fault.gateway], []).append(
                    _Message(received=fault.received, ahead=True, stamp=fault.stamp)
                )
        live = (readings.quality & (HISTORY | STAMPED_HERE)) == 0
        lagging = live & (readings.received - readings.stamp > BEHIND_US)
        if not (ahead or self._standing or lagging.any()):
            return [], {}
        gateway_of = self._watch.gateway_of[readings.point] if reporters is None else reporters
        concerned = self._standing.keys() | ahead.keys() | set(gateway_of[lagging].tolist())
        found: list[Found] = []
        changes: Changes = {}
        for gateway in sorted(concerned - {-1}):
            told = list(_messages(readings, live, np.flatnonzero(gateway_of == gateway)))
            walk = sorted([*told, *ahead.get(gateway, [])], key=lambda one: one.received)
            clock = before = self._standing.get(gateway, RIGHT)
            for message in walk:
                after = _follow(clock, message)
                if after.since != clock.since:
                    found.append(self._found(gateway, after, message, readings))
                clock = after
            if clock != before:
                changes[gateway] = clock
        return found, changes

    def adopt(self, changes: Changes) -> None:
        """Let proposed changes take effect."""
        for gateway, clock in changes.items():
            self._standing.pop(gateway, None)
            if clock != RIGHT:
                self._standing[gateway] = clock

    def states(self, changes: Changes) -> tuple[list[ChannelState], list[tuple[str, str]]]:
        """Return the rows of the record that follow from changes: to upsert, and to delete."""
        kept: list[ChannelState] = []
        gone: list[tuple[str, str]] = []
        for gateway, clock in changes.items():
            key, before = f"gateway:{self._watch.ids[gateway]}", self._standing.get(gateway, RIGHT)
            if clock.since:
                process = {"t": clock.since} | ({"behind": True} if clock.behind else {})
                kept.append(ChannelState(key=key, rule=CLOCK, process=process))
            elif before.since:
                gone.append((key, CLOCK))
            if clock.first:
                process = {"first": clock.first, "least": clock.least, "most": clock.most}
                kept.append(ChannelState(key=key, rule=RUN, process=process))
            elif before.first:
                gone.append((key, RUN))
        return kept, gone

    def _found(self, gateway: int, after: Clock, message: _Message, readings: Readings) -> Found:
        at = message.received
        change = Transition.raised if after.since else Transition.returned
        lag = after.least if after.behind else None
        event = clock_event(
            *(self._plant, self._watch.ids[gateway], change, at), behind_us=lag, stamp=message.stamp
        )
        if message.ahead:
            return int(np.searchsorted(readings.received, at, side="right")), -1, at, event
        return message.proper, 1, at, event


def _messages(
    readings: Readings, live: NDArray[np.bool_], places: NDArray[np.intp]
) -> Iterator[_Message]:
    """Yield what came of one gateway at each instant, in order of receipt."""
    if len(places) == 0:
        return
    received = readings.received[places]
    starts = np.flatnonzero(np.r_[True, received[1:] != received[:-1]])
    for first, end in zip(starts.tolist(), [*starts[1:].tolist(), len(places)], strict=True):
        here = places[first:end]
        proper = here[(readings.quality[here] & CORRECTED) == 0]
        stamps = readings.stamp[here[live[here]]]
        at = int(received[first])
        yield _Message(
            received=at,
            proper=int(proper[0]) if len(proper) else -1,
            lag=at - int(stamps.max()) if len(stamps) else None,
        )


def _follow(clock: Clock, message: _Message) -> Clock:
    """Return what a message makes of a clock."""
    at, lag = message.received, message.lag
    if message.ahead:
        return Clock(since=clock.since or at, behind=clock.behind)
    if clock.since and not clock.behind:
        if message.proper < 0 or at <= clock.since:
            return clock
        return RIGHT
    if lag is None or message.proper < 0:
        return clock
    slow = lag > BEHIND_US
    if not (lag < STEADY_US if clock.since else slow):
        return replace(clock, first=0, least=0, most=0)
    least, most = min(clock.least, lag), max(clock.most, lag)
    if not clock.first or (slow and most - least >= STEADY_US):
        return replace(clock, first=at, least=lag, most=lag)
    if at - clock.first < LASTING_US:
        return replace(clock, least=least, most=most)
    return RIGHT if clock.since else Clock(since=at, behind=True, least=least)
