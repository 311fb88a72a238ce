"""One alarm taken through a story, for tests of its life."""

from typing import Any, Final

from alarms.alarm import Alarm, Entry, Kind, ProcessEvent, Subject, Tier, Transition
from alarms.lifecycle import Action, Deed, Event, step

NOW: Final = 1_763_712_000_000_000
HOUR: Final = 3_600_000_000
SUBJECT: Final = Subject(key="DY-CHEM-01/TK101.LT", point="TK101.LT")


def says(change: Transition, tier: Tier = Tier.orange, at: int = 0, **more: Any) -> ProcessEvent:
    """Return what the plant says `at` Micros after NOW."""
    return ProcessEvent(
        subject=SUBJECT,
        rule="limit.high",
        kind=Kind.limit,
        change=change,
        tier=tier,
        t_change=NOW + at,
        t_event=NOW + at,
        t_received=NOW + at,
        **more,
    )


def does(kind: Deed, **more: Any) -> Action:
    """Return what an operator does."""
    return Action(kind=kind, actor="张三", role="operator", **more)


class Story:
    """One alarm taken through events, with its journal."""

    def __init__(self) -> None:
        self.alarm: Alarm | None = None
        self.journal: list[Entry] = []

    def tell(self, *events: Event, now: int = NOW) -> "Story":
        """Let events happen."""
        for event in events:
            outcome = step(self.alarm, event, now=now)
            self.alarm = outcome.alarm
            self.journal += outcome.entries
        return self

    @property
    def told(self) -> list[str]:
        """Return the journal's transitions."""
        return [entry.transition.value for entry in self.journal]

    @property
    def now(self) -> Alarm:
        """Return the alarm as it is."""
        assert self.alarm is not None
        return self.alarm


RAISED = says(Transition.raised)
UP = says(Transition.tier_up, Tier.red, 10)
DOWN = says(Transition.tier_down, Tier.orange, 20)
RETURNED = says(Transition.returned, at=30)
ACK = does(Deed.acknowledge)
