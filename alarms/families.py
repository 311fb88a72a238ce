"""The families of rules beside the limits, in the order in which they are asked."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from alarms.alarm import ProcessEvent
from alarms.authenticity import Authenticity
from alarms.confirmations import Confirmations
from alarms.deviations import Deviations
from alarms.family import Changes, Clock, Family, Found, Learned, Seen
from alarms.flood import Floods
from alarms.forecasts import Forecasts
from alarms.groups import Groups
from alarms.pasts import Pasts
from alarms.peer_sensors import PeerSensors
from alarms.plant import Plant
from alarms.proposal import Adoption, ChannelState, LastReadings
from alarms.raising import Raising
from alarms.rates import Rates
from alarms.rewinds import Rewinds
from alarms.rules import Ruleset
from alarms.standing import Standing
from alarms.suppressions import Suppressions
from alarms.trust import Trust


class Told(NamedTuple):
    """What one family says: events, what to adopt, rows of the record to upsert and to delete."""

    found: list[Found]
    adoption: Adoption
    kept: list[ChannelState]
    gone: list[tuple[str, str]]


class Families:
    """Every family of one plant; suppressions come last, for they cover what the others say.

    `confirmations` speak before all of them: what the limits go by.
    """

    def __init__(self, plant: Plant, rules: Ruleset, standing: Standing) -> None:
        self.confirmations = Confirmations(rules)
        self.floods = Floods()
        self.pasts = Pasts(plant, rules, standing)
        self.raising = Raising(plant, rules)
        self.groups = Groups(plant, rules)
        self._suppressions = Suppressions(plant, rules)
        sensors = Authenticity(plant, rules)
        alone = (Forecasts(plant, rules), Deviations(plant), Rates(plant), sensors)
        self.rewinds = Rewinds(plant, alone)
        sensors.outages.trails = self.rewinds.trails
        self.peers = PeerSensors(plant)
        self._each: tuple[Family, ...] = (
            self.pasts,
            self.rewinds,
            Trust(plant, rules, standing),
            self.raising,
            *alone,
            self.peers,
            self.groups,
            self._suppressions,
        )
        learning = [family for family in self._each if isinstance(family, Learned)]
        self.learned = tuple(each for each in (self.confirmations, *learning) if len(each.rows))
        """Those that learn from readings, where they watch a point at all."""

    def __iter__(self) -> Iterator[Family]:
        return iter(self._each)

    @property
    def nbytes(self) -> int:
        """Return the size of all their columns in bytes."""
        return self.confirmations.nbytes + sum(each.nbytes for each in self._each)

    def recall(self, states: Iterable[ChannelState], row_of: Mapping[str, int]) -> None:
        """Take up where the record left off."""
        states = tuple(states)
        for family in self._each:
            family.recall(states, row_of)
        self.floods.recall(states)

    def settle(self, newest: LastReadings) -> None:
        """Let those that go by points' newest readings know them."""
        self.groups.take_up(newest)
        self.pasts.settle(newest)
        self.rewinds.settle(newest)

    def judge(self, seen: Seen) -> list[Told]:
        """Return what each family says of a batch."""
        return [_told(family, *family.judge(seen)) for family in self]

    def tick(self, clock: Clock) -> list[Told]:
        """Return what time alone means to each family."""
        return [_told(family, *family.tick(clock)) for family in self]

    def cover(self, events: Iterable[ProcessEvent]) -> tuple[ProcessEvent, ...]:
        """Return events of late readings, covered by suppressions."""
        return tuple(self._suppressions.cover(events))

    def finish(
        self, ended: Iterable[ProcessEvent], found: Iterable[Found]
    ) -> tuple[tuple[ProcessEvent, ...], Changes]:
        """Return all events in order, covered by suppressions, and the floods' changes."""
        return self.floods.label((*ended, *self._suppressions.cover(item[3] for item in found)))


def _told(family: Family, found: list[Found], changes: Changes) -> Told:
    # At once, while what it goes by is at hand.
    return Told(found, Adoption(family=family, changes=changes), *family.states(changes))
