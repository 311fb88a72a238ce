"""What judging points again puts right of forecasts, rates, deviations and sensors, as events."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import msgspec
import numpy as np

from alarms import tales
from alarms.alarm import Kind, ProcessEvent, Tier, Transition
from alarms.corrections import Correction
from alarms.late_wording import rings_late
from alarms.past import Told
from alarms.plant import Plant
from alarms.readings import Readings
from alarms.wording import behind_at, place, quality_name

Worded = Callable[[Told, tuple[str, str]], ProcessEvent]
"""Says of an occurrence, in Chinese and English words, what became of it."""
_NEVER_WAS: Final = (
    "补齐迟到的读数后，此报警不成立",
    "was none, as readings that came late have shown",
)
_ANOTHER_COURSE: Final = (
    "按迟到的读数更正了报警的经过",
    "has had another course, as readings that came late show",
)


def retold(
    plant: Plant, row: int, taken: Readings, one: Correction, found: Sequence[ProcessEvent]
) -> list[ProcessEvent]:
    """Say what puts one occurrence right; `found` are the events of judging the point again."""
    rule = tales.RULES[next(each.side for each in one if each is not None)]
    mine = [event for event in found if event.rule == rule]
    return put_right(one, mine, partial(_worded, plant, row, taken))


def put_right(one: Correction, found: Sequence[ProcessEvent], worded: Worded) -> list[ProcessEvent]:
    """Say what puts one occurrence right; `found` are the events of its rule, judged again."""
    old, new = one
    if old is not None and new is not None and old.t_raised == tales.UNKNOWN:
        return _since_the_start(old, new, worded)
    instead = None if old is None else (old.t_raised, old.t_returned)
    if new is None:
        assert old is not None  # noqa: S101  a correction has one of the two
        never = msgspec.structs.replace(old, t_returned=old.t_raised, path=old.path[:1])
        return [_late(worded(never, _NEVER_WAS), never, instead)]
    raised = [
        event
        for event in found
        if event.change is Transition.raised and event.t_change == new.t_raised
    ]
    if instead is None and new.t_returned is None:
        return [rings_late(event) for event in found if event.t_change >= new.t_raised]
    if raised:
        return [_late(raised[0], new, instead)]
    return [_late(worded(new, _ANOTHER_COURSE), new, instead)]


def _since_the_start(old: Told, new: Told, worded: Worded) -> list[ProcessEvent]:
    """Say what becomes of an alarm whose raise is not known: that it has ended, or stands yet."""
    ended = new.t_returned is not None
    if ended == (old.t_returned is not None):
        return []
    at = new.t_returned or old.t_returned
    assert at is not None  # noqa: S101  one of the two has ended
    change = Transition.returned if ended else Transition.raised
    event = worded(new, _ANOTHER_COURSE)
    return [rings_late(msgspec.structs.replace(event, change=change, t_change=at))]


def _late(event: ProcessEvent, each: Told, instead: tuple[int, int | None] | None) -> ProcessEvent:
    return msgspec.structs.replace(
        event,
        change=Transition.late,
        late=True,
        tier=tales.peak_tier(each),
        peak=event.peak if each.peak is None else each.peak,
        t_change=each.t_raised,
        t_end=each.t_returned,
        still_over=each.t_returned is None,
        path=tuple((at, Tier(tier)) for at, tier in each.path),
        instead=instead,
    )


def _worded(
    plant: Plant, row: int, taken: Readings, each: Told, words: tuple[str, str]
) -> ProcessEvent:
    rule = tales.RULES[each.side]
    behind = behind_at(taken, row, each.t_raised)
    zh, en = place(plant, row)
    return ProcessEvent(
        subject=plant.subject(row),
        rule=rule,
        kind=Kind(rule.partition(".")[0]),
        change=Transition.late,
        tier=tales.peak_tier(each),
        t_change=each.t_raised,
        t_event=behind.time,
        t_received=behind.received,
        value=behind.value if np.isfinite(behind.value) else None,
        quality=quality_name(behind.quality),
        message_zh=f"{zh} {words[0]}",
        message_en=f"{en} {words[1]}",
    )
