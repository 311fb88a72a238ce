"""How a start comes to where groups stand: from their rows, by their members' stored readings."""

from collections.abc import Mapping, Sequence

import numpy as np

from alarms import group_record, group_telling
from alarms.group_course import NAN, Heard, Standing
from alarms.group_past import Past
from alarms.group_record import Rows
from alarms.group_rules import GroupRule
from alarms.late import Around
from alarms.past import in_order
from alarms.plant import Plant
from alarms.proposal import LastReadings, judgeable, judged
from alarms.readings import HISTORY, Readings

Columns = tuple[list[int], list[int], list[float], list[int]]
"""Times, receipts, values and flags of one point's readings, by time."""


def newest(rule: GroupRule, last: LastReadings) -> Standing:
    """Return a group's members with their newest readings, nothing else being known."""
    rows = list(rule.rows)
    value = last.value[rows]
    sound = judged(last.quality[rows]) & np.isfinite(value)
    standing = Standing.never(len(rows))
    standing.time = last.time[rows].tolist()
    standing.received = last.received[rows].tolist()
    standing.value = np.where(sound, value, np.nan).tolist()
    standing.quality = (last.quality[rows] & np.int16(HISTORY)).tolist()
    return standing


def wanted(rules: Sequence[GroupRule], recorded: Sequence[Rows], last: LastReadings) -> Around:
    """Return which stored readings groups are judged again with at a start."""
    since: dict[int, int] = {}
    for rule, rows in zip(rules, recorded, strict=True):
        first = group_record.since(rule, rows, _clock(rule, last))
        if first is not None:
            since |= {row: min(since.get(row, first), first) for row in rule.rows}
    asked = np.array(sorted(since), np.int32)
    return Around(
        rows=asked,
        since=np.array([since[row] for row in asked.tolist()], np.int64),
        until=last.time[asked],
        before=np.zeros(len(asked), np.int64),
    )


def by_row(readings: Readings) -> dict[int, Columns]:
    """Return readings by point row."""
    taken = in_order(readings)
    value = np.where(judgeable(taken), taken.value, np.nan)
    columns = (taken.time, taken.received, value, taken.quality & np.int16(HISTORY))
    rows, first, many = np.unique(taken.point, return_index=True, return_counts=True)
    found: dict[int, Columns] = {}
    for row, start, count in zip(rows.tolist(), first.tolist(), many.tolist(), strict=True):
        time, received, number, flags = (
            column[start : start + count].tolist() for column in columns
        )
        found[row] = time, received, number, flags
    return found


def replayed(
    plant: Plant,
    rule: GroupRule,
    rows: Rows,
    readings: Mapping[int, Columns],
    last: LastReadings,
) -> Past | None:
    """Return where a group is by its members' stored readings; None where that is not known."""
    since = group_record.since(rule, rows, _clock(rule, last))
    if since is None:
        return None
    standing = newest(rule, last)
    log: list[Heard] = []
    for member, row in enumerate(rule.rows):
        known = readings.get(row)
        before: Heard | None = None
        for time, received, value, flags in zip(*known, strict=True) if known else ():
            heard = time, member, received, value, flags
            if time < since:
                before = heard
            else:
                log.append(heard)
        if before is not None:
            standing.take(before)
        elif standing.time[member] >= since:
            standing.take((0, member, 0, NAN, 0))
    begun = group_record.at_base(rule, rows, standing)
    standing.look(rule)
    return group_telling.replayed(plant, rule, begun, sorted(log))


def _clock(rule: GroupRule, last: LastReadings) -> int:
    return int(last.time[list(rule.rows)].max())
