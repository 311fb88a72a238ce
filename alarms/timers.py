"""How long an alarm's life waits: to ring again, to be told further, on the shelf; for each rule.

The defaults are those of alarms.md 1.4. A rule may say otherwise for each tier, in the names of
NAMES; how far it may go for red, and all other bounds, are our choice. An alarm carries what its
rule says (`Alarm.timers`), so whoever moves it needs nothing else.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

from alarms.alarm import Alarm, Tier

TIERED: Final = tuple(tier for tier in Tier if tier is not Tier.none)
REALARM_S: Final[Mapping[Tier, float]] = {Tier.red: 900.0}
"""How long after its acknowledgement an alarm that is still active rings again."""
LADDER_S: Final[Mapping[Tier, tuple[float, ...]]] = {
    Tier.red: (60.0, 180.0, 600.0),
    Tier.orange: (300.0, 900.0, 3600.0),
}
"""How long after it rang an alarm that the site has not acknowledged is told further."""
SHELF_MOST_S: Final[Mapping[Tier, float]] = {
    tier: 3600.0 if tier is Tier.red else 28_800.0 for tier in TIERED
}
"""So long an alarm can be shelved at most; for red a second person must agree (the caller's)."""
STEPS: Final = 3
"""Steps of a whole ladder: the site's supervisor, the county, the city and with it the province."""
LADDER_LEAST_S: Final = 10.0
REALARM_LEAST_S: Final = 60.0
REALARM_RED_MOST_S: Final = SHELF_MOST_S[Tier.red]
"""Acknowledged by one, red stays quiet no longer than two may agree to shelve it."""
LADDER_RED_MOST_S: Final = LADDER_S[Tier.orange]
"""Red is told no later than orange is by default."""
NAMES: Final = tuple(
    f"{what}_{tier.name}_s" for what in ("realarm", "acknowledge", "shelve_max") for tier in TIERED
)

_SECOND: Final = 1_000_000


def realarm_us(alarm: Alarm) -> int | None:
    """Return how long after its acknowledgement an alarm rings again, None for never."""
    own = alarm.timers.get(f"realarm_{alarm.tier.name}_s", REALARM_S.get(alarm.tier, 0.0))
    return _micros(own) or None


def ladder_us(alarm: Alarm) -> tuple[int, ...]:
    """Return how long after it rang each step of an alarm's ladder is due; none: no ladder."""
    own = alarm.timers.get(f"acknowledge_{alarm.tier.name}_s", LADDER_S.get(alarm.tier, ()))
    return tuple(_micros(step) for step in own)


def shelf_most_us(alarm: Alarm) -> int:
    """Return how long an alarm can be shelved at most; 0: not at all."""
    return _micros(alarm.timers.get(f"shelve_max_{alarm.tier.name}_s", SHELF_MOST_S[alarm.tier]))


def of_rule(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a rule's settings say of these timers, as an alarm carries it."""
    return {name: value for name, value in settings.items() if name in NAMES}


def problems(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Say what contradicts itself in a rule's timers: the name and a sentence about it."""
    for tier in TIERED:
        realarm, ladder = f"realarm_{tier.name}_s", f"acknowledge_{tier.name}_s"
        again = settings.get(realarm, 0.0)
        if 0 < again < REALARM_LEAST_S:
            yield realarm, f"is {again:g}, allowed are 0 for never, or {REALARM_LEAST_S:g} and more"
        steps = settings.get(ladder, ())
        if any(later <= sooner for sooner, later in pairwise(steps)):
            yield ladder, f"is {_listed(steps)}, and each step must come after the one before"
        if tier is Tier.red and any(
            step > most for step, most in zip(steps, LADDER_RED_MOST_S, strict=False)
        ):
            yield (
                ladder,
                (
                    f"is {_listed(steps)}, allowed is {_listed(LADDER_RED_MOST_S)} at most: nobody "
                    "hears of a red alarm later than of an orange one by default"
                ),
            )


def _listed(steps: tuple[float, ...]) -> str:
    return ", ".join(f"{step:g}" for step in steps)


def _micros(seconds: float) -> int:
    return round(seconds * _SECOND)
