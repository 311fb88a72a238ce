"""Those who hear the same: for one filter and scope an event is looked at and written once."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from alarms import instants
from alarms.alarm import Tier
from alarms.scope import Scope
from api import clock, frames
from api.frames import Event, Filter

_SAME_MOMENT_S: Final = 0.05
"""How long a written run may serve others too; its `t_pushed` is the moment of writing."""
_RUNS_MOST: Final = 16


class Member(Protocol):
    """Whoever is woken when there is something new."""

    def wake(self) -> None:
        """Look again."""


class Audience:
    """The newest events for one filter and scope, complete after the offset `after`."""

    def __init__(
        self, wanted: Filter, scope: Scope, *, after: int, now_s: Callable[[], float]
    ) -> None:
        self.wanted = wanted
        self.scope = scope
        self.after = after
        self.members: set[Member] = set()
        self._now_s = now_s
        self._events: list[Event] = []
        self._offsets: list[int] = []
        self._taken_s: list[float] = []
        self._runs: dict[tuple[str, int, int, int, bool], tuple[float, bytes]] = {}

    def wants(self, event: Event) -> bool:
        """Tell whether an event is for this audience."""
        return frames.matches(event, self.wanted, self.scope)

    def hear(self, events: Sequence[Event]) -> None:
        """Take what is for this audience of the next events of the journal, and wake all."""
        mine = [event for event in events if self.wants(event)]
        if not mine:
            return
        self._events += mine
        self._offsets += [event.offset for event in mine]
        self._taken_s += [self._now_s()] * len(mine)
        self._runs.clear()
        self.wake()

    def forget(self, offset: int) -> None:
        """Let go of events up to an offset."""
        gone = bisect_right(self._offsets, offset)
        if gone:
            self.after = self._offsets[gone - 1]
            del self._events[:gone], self._offsets[:gone], self._taken_s[:gone]

    def restart(self, after: int) -> None:
        """Begin anew with another journal."""
        self.after = after
        self._events, self._offsets, self._taken_s = [], [], []
        self._runs.clear()
        self.wake()

    def wake(self) -> None:
        """Let every member look again."""
        for member in self.members:
            member.wake()

    def next_after(self, offset: int, *, limit: int) -> list[Event] | None:
        """Return the next events after an offset; None where memory does not reach back to it."""
        if offset < self.after:
            return None
        start = bisect_right(self._offsets, offset)
        return self._events[start : start + limit]

    def waiting_since(self, offset: int) -> float | None:
        """Return when the first event after an offset came (loop's time); None without one."""
        start = bisect_right(self._offsets, offset)
        return self._taken_s[start] if start < len(self._taken_s) else None

    def alarming_after(self, offset: int, *, passing: int, told: int) -> list[Event]:
        """Return red and orange events after an offset but for the next `passing` events.

        Those up to the offset `told` are left out.
        """
        start = max(
            bisect_right(self._offsets, offset) + passing, bisect_right(self._offsets, told)
        )
        return [event for event in self._events[start:] if event.tier >= Tier.orange]

    def run(
        self,
        events: Sequence[Event],
        *,
        deflated: bool,
        sub: str,
        prev: int,
        redelivered_to: int,
    ) -> bytes:
        """Write event frames one after the other; events up to `redelivered_to` say so."""
        key = sub, prev, events[0].offset, events[-1].offset, deflated
        now_s = self._now_s()
        fresh = events[0].offset > redelivered_to
        made_s, written = self._runs.get(key, (float("-inf"), b""))
        if fresh and now_s - made_s < _SAME_MOMENT_S:
            return written
        parts: list[bytes] = []
        t_pushed = instants.to_text(clock.micros())
        for event in events:
            text = frames.event_frame(
                event,
                sub=sub,
                offset=event.offset,
                prev=prev,
                redelivered=event.offset <= redelivered_to,
                t_pushed=t_pushed,
            )
            parts.append(frames.framed(text, deflated=deflated))
            prev = event.offset
        written = b"".join(parts)
        if fresh and len(self._runs) < _RUNS_MOST:
            self._runs[key] = now_s, written
        return written
