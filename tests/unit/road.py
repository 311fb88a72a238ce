"""The road of readings through the product, without a database: sift, admit, judge, keep."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from alarms.alarm import Kind, ProcessEvent
from alarms.computed import Computed
from alarms.engine import ChannelState, Engine, LastReadings, Proposal
from alarms.memory import Part, Recollection, Rota
from alarms.occurrences import Episodes
from alarms.pasts import STATE
from alarms.plant import Plant
from alarms.readings import CORRECTED, Readings, newer_than
from ingest.decoders.decoded import Decoded
from ingest.refusals import Ledger
from ingest.roster import Roster
from ingest.sifting import Arrived, sift
from tests.unit.plants import START
from tests.unit.random_plants import GATEWAYS, Message, Step, Tick
from tests.unit.streams import replay_groups

_MINUTE_US = 60_000_000


class Road:
    """Takes messages as the server does and keeps what its storage would."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self.events: list[ProcessEvent] = []
        self.states: dict[tuple[str, str], ChannelState] = {}
        self.taken: list[Readings] = []
        self._corrected: set[tuple[int, int]] = set()
        self._parts: list[Part] = []
        self.engine = self._built()
        self._computed = Computed(plant, self.engine.rules)
        self._roster = Roster.of(plant, self.engine.gateways)

    def run(self, steps: Sequence[Step], cuts: frozenset[int], *, restarts: bool = False) -> "Road":
        """Take a stream, a batch ending before each tick and each step whose number is in `cuts`.

        With `restarts` the engine is built anew at every cut, from parts saved at every third.
        """
        ticks = {n for number, step in enumerate(steps) if isinstance(step, Tick)
                 for n in (number, number + 1)}  # fmt: skip
        borders = sorted({0, len(steps), *ticks, *(cut for cut in cuts if cut < len(steps))})
        for number, (first, end) in enumerate(pairwise(borders)):
            step = steps[first]
            if isinstance(step, Tick):
                self.commit(self.engine.tick(now=step.now, link_since=step.link_since))
            else:
                self.feed([one for one in steps[first:end] if isinstance(one, Message)])
            if restarts and end in cuts:
                if number % 3 == 0:
                    self.save()
                self.restart()
        return self

    def feed(self, messages: Sequence[Message]) -> None:
        """Judge a batch of messages and commit it."""
        sifted = sift([self._arrived(one) for one in messages], self._roster, Ledger())
        known = self._known(sifted.readings)
        readings, sender = sifted.readings, sifted.gateway
        derived = self._computed.derive(readings.take(~known), self.engine.newest)
        fresh = newer_than(derived.readings, self.engine.last)
        news = derived.readings.take(fresh)
        proposal = self.engine.judge(
            news,
            now=messages[-1].received,
            reported_by=derived.along(sender[~known])[fresh],
            faults=sifted.faults,
        )
        self.taken.append(news)
        self.commit(proposal)

    def commit(self, proposal: Proposal) -> None:
        """Keep what is proposed, and let the engine follow."""
        for state in proposal.states:
            self.states[state.key, state.rule] = state
        for key in proposal.gone:
            self.states.pop(key, None)
        self.events += proposal.events
        self.engine.adopt(proposal)

    def save(self) -> None:
        """Save all parts of the engine's memory."""
        self._parts = list(Rota(self.engine, now=0, fresh=True).due(0, stored=0))

    def standing(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Leave out what depends on what a batch held.

        How long a past is kept after a rest, and which alarms of groups were withdrawn again.
        """
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for slot, state in self.states.items():
            process = {name: each for name, each in state.process.items() if name != "ghosts"}
            at_rest = process.get("phase") == "CLEAR" and not any(
                each for name, each in process.items() if name != "phase"
            )
            if slot[1] != STATE and not at_rest:
                found[slot] = process
        return found

    def came_to(self) -> tuple[list[ProcessEvent], list[Any]]:
        """Return what was said of points, and what groups said comes to: a batch hears as one."""
        of_groups = [event for event in self.events if event.kind is Kind.group]
        episodes = Episodes()
        episodes.add(of_groups, now=START)
        return [event for event in self.events if event.kind is not Kind.group], sorted(
            (each.key, each.t_raised, each.t_returned, each.tiers)
            for each in episodes.found
            if each.t_raised != each.t_returned
        )

    def restart(self) -> None:
        """Build the engine anew from what is kept: states, parts and the readings after them."""
        newest = self.engine.newest
        self.engine = self._built()
        recollection = Recollection(self.engine)
        for part in self._parts:
            recollection.put(part)
        if not self._parts:
            recollection.meet(newest)
        recollection.since()
        stored = Readings.joined(self.taken or [Readings.none()])
        order = np.lexsort((stored.time, stored.point, stored.time // _MINUTE_US))
        recollection.learn(stored.take(order))
        self.engine.settle()
        replay_groups(self.engine, [stored])

    @property
    def memory(self) -> dict[str, bytes]:
        """Return what each family has learned, to the last bit."""
        return {family.name: family.memory.tobytes() for family in self.engine.learned}

    def _built(self) -> Engine:
        return Engine.build(
            self.plant,
            states=tuple(self.states.values()),
            last=LastReadings.never(len(self.plant.points)),
            started=START,
        )

    def _arrived(self, message: Message) -> Arrived:
        """Return a message as its decoder would: what is not a number is refused there."""
        decoded = Decoded()
        for row, stamp, value, quality in message.rows:
            if math.isfinite(value):
                decoded.add(self.plant.points[row].tag, value, stamp, quality)
        gateway = GATEWAYS[message.gateway]
        return Arrived(gateway=gateway, received=message.received, payload=b"", decoded=decoded)

    def _known(self, readings: Readings) -> np.ndarray:
        """Tell which corrected readings came before, by their own stamps."""
        known = np.zeros(len(readings), np.bool_)
        for place in np.flatnonzero((readings.quality & CORRECTED) != 0).tolist():
            identity = int(readings.point[place]), int(readings.stamp[place])
            known[place] = identity in self._corrected
            self._corrected.add(identity)
        return known
