"""Ten shifts of simulated work in the record, remembered as a plain list for plain counting."""

import random
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alarms import instants
from alarms.alarm import Tier, Transition
from alarms.deeds import Action, Deed
from alarms.scope import ALL
from alarms.storage import alarms, connection
from tests.beacons import FAR, NEAR, event

SECOND: Final = 1_000_000
SHIFT: Final = 8 * 3600 * SECOND
FIRST: Final = instants.from_datetime(datetime.fromisoformat("2025-11-21T00:00:00+08:00"))
SHIFTS: Final = 10
FLOODED: Final = 3
"""The shift, counted from 0, in which the plant is upset."""


@dataclass(frozen=True, kw_only=True)
class Worked:
    """One alarm as it was made; times in Micros, `acknowledged_s` after it was recorded."""

    enterprise: str
    tag: str
    tier: Tier
    raised: int
    returned: int
    acknowledged_s: float | None


def work(seed: int) -> list[Worked]:
    """Draw ten shifts: some alarms in each, an upset in one, a point that chatters in another."""
    chance = random.Random(seed)  # noqa: S311  repeatable on purpose
    found: list[Worked] = []

    def alarm(
        at: int, tag: str, lasts_s: int, enterprise: str = NEAR, *, answered: float | None = None
    ) -> None:
        tier = chance.choice([Tier.blue, Tier.yellow, Tier.orange, Tier.red])
        found.append(
            Worked(
                enterprise=enterprise, tag=tag, tier=tier, raised=at,
                returned=at + lasts_s * SECOND, acknowledged_s=answered,
            )
        )  # fmt: skip

    for shift in range(SHIFTS):
        begin = FIRST + shift * SHIFT
        for number in range(chance.randrange(3, 8)):
            # One an hour: a point's alarms never overlap, and each answer is to its own.
            alarm(
                begin + (number * 3600 + chance.randrange(1200)) * SECOND,
                "T1",
                chance.choice([5, 90, 1500]),
                answered=chance.choice([None, float(chance.randrange(5, 300))]),
            )
        if shift == FLOODED:
            for number in range(14):
                alarm(begin + (7 * 3600 + 20 * number) * SECOND, f"T{2 + number % 2}", 15)
        if shift == 6:
            for number in range(3):
                alarm(begin + (7 * 3600 + 20 * number) * SECOND, "T2", 9)
        if shift % 2:
            alarm(begin + 5 * 3600 * SECOND, "T1", 60, FAR)
    return sorted(found, key=lambda each: each.raised)


async def record(url: str, worked: list[Worked]) -> None:
    """Let it happen, each thing one second before the server's clock."""
    steps: list[tuple[int, Worked, str]] = []
    for each in worked:
        steps += [(each.raised, each, "raised"), (each.returned, each, "returned")]
        if each.acknowledged_s is not None:
            steps.append((each.raised + int(each.acknowledged_s * SECOND), each, "acknowledged"))
    async with await connection.connect(url) as conn:
        for at, each, what in sorted(steps, key=lambda step: step[0]):
            now = at + SECOND
            if what == "acknowledged":
                found = await conn.execute(
                    "select id from alarm where key = %s and t_closed is null",
                    (f"{each.enterprise}/{each.tag}",),
                )
                (named,) = await found.fetchone() or ("none",)
                deed = Action(kind=Deed.acknowledge, actor="li")
                await alarms.act(conn, named, deed, scope=ALL, now=now)
            else:
                said = event(
                    each.enterprise, each.tag, change=Transition(what), tier=each.tier, moment=at
                )
                await alarms.apply_events(conn, [said], now=now)
            await conn.commit()
