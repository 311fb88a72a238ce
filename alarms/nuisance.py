"""Labels for alarms that come and go: chattering and fleeting (alarms.md 1.4); they hide nothing.

Chattering is the starting rule of PAS/Hexagon [doc], fleeting is [2nd]. All times are event times.
"""

from typing import Final

from alarms.alarm import Alarm, Nuisance

CYCLES: Final = 3
WINDOW_US: Final = 60_000_000
"""So many raises that returned within so long are chattering; a repeat within it is no fleeting."""
QUIET_US: Final = 600_000_000
"""Chattering is over after so long without a raise or a return."""
FLEETING_US: Final = 10_000_000
"""Active for less than this, and not again within the window, is fleeting."""


def raised(before: Alarm | None, at: int) -> dict[str, object]:
    """Return what a raise at `at` changes; `before` is the same rule's alarm until then."""
    raises = () if before is None else before.raises[1 - CYCLES :]
    return {"raises": (*raises, at)} | _chattering(before, at)


def returned(alarm: Alarm, at: int) -> dict[str, object]:
    """Return what a return at `at` changes."""
    recent = [moment for moment in alarm.raises if at - moment <= WINDOW_US]
    if len(recent) >= CYCLES:
        return {"nuisance": Nuisance.chattering, "nuisance_until": at + QUIET_US}
    still = _chattering(alarm, at)
    if still["nuisance"] is Nuisance.none and alarm.raises:
        newest = alarm.raises[-1]
        alone = len(alarm.raises) == 1 or newest - alarm.raises[-2] > WINDOW_US
        if alone and at - newest < FLEETING_US:
            return {"nuisance": Nuisance.fleeting, "nuisance_until": None}
    return still


def _chattering(alarm: Alarm | None, at: int) -> dict[str, object]:
    """Keep and renew the label of what chattered and was not quiet since."""
    until = None if alarm is None else alarm.nuisance_until
    if until is None or at > until:
        return {"nuisance": Nuisance.none, "nuisance_until": None}
    return {"nuisance": Nuisance.chattering, "nuisance_until": at + QUIET_US}
