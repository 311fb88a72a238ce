"""Floods: more alarms at an operator position than a person can take in, and which came first.

A flood begins with more than 10 annunciations within 10 minutes of event time and ends with fewer
than 5 (alarms.md 1.4, row 29, [2nd]). A position is the region of an enterprise. Label only:
nothing is dropped, grouped or hidden by it. What is suppressed by design rings when that is lifted,
if it still stands; what people shelve or take out of service is known to the record alone.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from alarms.alarm import Flood, ProcessEvent, Transition
from alarms.proposal import ChannelState, Proposal

WINDOW_US: Final = 600_000_000
STARTS_ABOVE: Final = 10
ENDS_BELOW: Final = 5
RULE: Final = "flood"
_KEY: Final = "position:"
_RINGS: Final = frozenset({Transition.raised, Transition.tier_up})
_TOLD: Final = _RINGS | {Transition.returned, Transition.late, Transition.unsuppressed}


class Position(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What must be known of a position: as many newest annunciations as decide, times in Micros.

    `since` is when the flood began, None where there is none; `first` has of each hazard source the
    point that was first in it, or in the window before it, and when. `unheard` are the (key, rule)
    that stand, of which a raise or rise was suppressed by design.
    """

    moments: tuple[int, ...] = ()
    since: int | None = None
    first: Mapping[str, tuple[str, int]] = {}
    unheard: frozenset[tuple[str, str]] = frozenset()

    def is_flooded(self, now: int) -> bool:
        """Tell whether the flood still goes on at `now`, Micros: nobody says when it has ended."""
        within = sum(moment > now - WINDOW_US for moment in self.moments)
        return self.since is not None and within >= ENDS_BELOW

    def heard(self, at: int, source: str, key: str) -> "Position":
        """Return the position after an annunciation at `at` of a point of a source."""
        newest = max(at, *self.moments) if self.moments else at
        window = [moment for moment in self.moments if moment > newest - WINDOW_US]
        since = self.since if len(window) >= ENDS_BELOW else None
        first = dict(self.first)
        if since is None:
            first = {name: seen for name, seen in first.items() if seen[1] > newest - WINDOW_US}
        first.setdefault(source, (key, at))
        window = sorted([*window, at])[-(STARTS_ABOVE + 1) :]
        if since is None and len(window) > STARTS_ABOVE:
            since = newest
        return msgspec.structs.replace(self, moments=tuple(window), since=since, first=first)


_QUIET: Final = Position()
Changes = dict[str, Position]
"""Positions by region, as they are after a proposal."""


class Floods:
    """The positions of a plant, by region."""

    def __init__(self) -> None:
        self._positions: dict[str, Position] = {}

    def recall(self, states: Iterable[ChannelState]) -> None:
        """Take up where the record left off."""
        self._positions.update(position_of(state) for state in states if state.rule == RULE)

    def label(self, events: Sequence[ProcessEvent]) -> tuple[tuple[ProcessEvent, ...], Changes]:
        """Return events in order, with the flood they fall in; what came late rings for nobody."""
        changes: Changes = {}
        labelled: list[ProcessEvent] = []
        for event in events:
            subject = event.subject
            if event.change in _TOLD and subject.region is not None:
                known = changes.get(subject.region) or self._positions.get(subject.region, _QUIET)
                unheard = _unheard(known.unheard, event)
                now = known
                if unheard != known.unheard:
                    now = msgspec.structs.replace(known, unheard=unheard)
                if _rings(known, event):
                    source = f"{subject.enterprise}/{subject.source or ''}"
                    now = now.heard(event.t_change, source, subject.key)
                    if now.since is not None:
                        mark = Flood(since=now.since, first_out=now.first[source][0])
                        event = msgspec.structs.replace(event, flood=mark)
                if now is not known:
                    changes[subject.region] = now
            labelled.append(event)
        return tuple(labelled), changes

    def told_late(self, events: Iterable[ProcessEvent], upon: Proposal) -> Changes:
        """Return what events of late readings, which ring for nobody, change after a proposal."""
        before: Changes = upon.changes_of(self) or {}
        changes: Changes = {}
        for event in events:
            region = event.subject.region
            if event.change in _TOLD and region is not None:
                known = changes.get(region) or before.get(region)
                known = known or self._positions.get(region, _QUIET)
                unheard = _unheard(known.unheard, event)
                if unheard != known.unheard:
                    changes[region] = msgspec.structs.replace(known, unheard=unheard)
        return changes

    def states(self, changes: Changes) -> list[ChannelState]:
        """Return the rows of the record to upsert."""
        return [
            ChannelState(
                key=f"{_KEY}{region}",
                rule=RULE,
                process={
                    "moments": list(position.moments),
                    "since": position.since,
                    "first": {name: list(seen) for name, seen in position.first.items()},
                    "unheard": [list(slot) for slot in sorted(position.unheard)],
                },
            )
            for region, position in changes.items()
        ]

    def adopt(self, changes: Changes) -> None:
        """Let changes take effect: the transaction has committed."""
        self._positions.update(changes)


def position_of(state: ChannelState) -> tuple[str, Position]:
    """Return the region and the position that a row of the record tells of."""
    known = state.process
    return state.key.removeprefix(_KEY), Position(
        moments=tuple(known["moments"]),
        since=known["since"],
        first={name: (key, at) for name, (key, at) in known["first"].items()},
        unheard=frozenset((key, rule) for key, rule in known.get("unheard", ())),
    )


def _unheard(before: frozenset[tuple[str, str]], event: ProcessEvent) -> frozenset[tuple[str, str]]:
    """Return which alarms nobody has heard of after an event, of those that stand."""
    slot = event.subject.key, event.rule
    if event.change in _RINGS and event.suppression is not None and not event.late:
        return before | {slot}
    if slot not in before or (event.change is Transition.late and event.t_end is None):
        return before
    return before - {slot}


def _rings(before: Position, event: ProcessEvent) -> bool:
    """Tell whether an event is heard: not suppressed, or no longer while its alarm stands."""
    if event.change in _RINGS:
        return event.suppression is None and not event.late
    slot = event.subject.key, event.rule
    return event.change is Transition.unsuppressed and slot in before.unheard


def floods(moments: Sequence[int]) -> list[tuple[int, int]]:
    """Return each flood among annunciations in order of time, from and to, Micros.

    It begins with more than 10 within 10 minutes and ends with fewer than 5 (alarms.md 1.4).
    """
    found: list[tuple[int, int]] = []
    window: deque[int] = deque()
    since: int | None = None
    for moment in moments:
        while window and window[0] <= moment - WINDOW_US:
            leaving = window.popleft()
            if since is not None and len(window) < ENDS_BELOW:
                found.append((since, leaving + WINDOW_US))
                since = None
        window.append(moment)
        if since is None and len(window) > STARTS_ABOVE:
            since = moment
    if since is not None:
        end = window[-ENDS_BELOW] + WINDOW_US
        found.append((since, end))
    return found
