"""Groups in the record: the row from which a start knows a group, and how it begins without one.

The row has how the group stood at its base, and what was told since; the members' readings since
then are in the record anyway. Where nothing ran or was told there is no row.
"""

from typing import Any, Final

from alarms.detectors.limits import ACTIVE, CLEAR, PHASES
from alarms.group_course import NAN, Standing
from alarms.group_past import Past, Said, begins, border, raise_of
from alarms.group_rules import GroupRule
from alarms.past import Told

OPEN: Final = ".open"
"""An older version kept a balance's open buckets in a row of their own, of this ending: it goes."""

Rows = dict[str, dict[str, Any]]
"""A group's rows of the record, by rule."""


def rows_of(rule: GroupRule, past: Past) -> Rows:
    """Return what a start must know of a group beside its members' readings."""
    base = past.base.standing
    at_rest = base.rests and not base.seen and base.memory is None
    if at_rest and not (past.said or past.ghosts or past.waited or past.blind):
        return {}
    process = {
        **base.process(),
        "said": [list(step) for step in past.said],
        "ghosts": [[each.t_raised, each.peak] for each in past.ghosts],
        "waited": past.waited,
        "blind": past.blind,
    }
    if past.blind:
        process["members"] = {
            tag: [time, received, value if value == value else None, quality]
            for tag, time, received, value, quality in zip(
                rule.group.tags, base.time, base.received, base.value, base.quality, strict=True
            )
        }
    return {rule.name: process}


def stood(began: int, value: float | None) -> dict[str, Any]:
    """Return the row of a group of which only is known when its alarm was raised, Micros."""
    standing = Standing.never(0)
    standing.phase = ACTIVE
    said = ["raised", began, value]
    return {**standing.process(), "said": [said], "ghosts": [], "waited": 0, "blind": 0}


def begins_here(rule: GroupRule, rows: Rows, standing: Standing) -> Past:
    """Return a group that is judged by what is to come, from its members' newest readings on.

    What was told of its alarm stays so; in `standing` are only those readings.
    """
    process = rows.get(rule.name)
    if process is None:
        return begins(standing, blind=standing.clock)
    if _is_older(process):
        _recall(standing, process)
        standing.break_off(rule)
        said: Said = (("raised", 0, None),) if standing.active else ()
        return begins(standing, said, blind=standing.clock)
    said = _said(process)
    stands = bool(said) and said[-1][0] != "returned"
    _recall(standing, {**process, "phase": PHASES[ACTIVE if stands else CLEAR], "t0": 0, "seen": 0})
    standing.break_off(rule)
    return begins(standing, raise_of(standing, said), blind=standing.clock)


def since(rule: GroupRule, rows: Rows, clock: int) -> int | None:
    """Return from when on a start needs readings, Micros; None where it can do without.

    Before that, it needs the newest of each member.
    """
    process = rows.get(rule.name)
    if clock == 0 or (process is not None and _is_older(process)):
        return None
    blind = 0 if process is None else process["blind"]
    return max(border(clock), blind + 1)


def at_base(rule: GroupRule, rows: Rows, standing: Standing) -> Past:
    """Return a group as it stood at its base, given its members' newest readings by then."""
    process = rows.get(rule.name)
    if process is None:
        return begins(standing)
    _recall(standing, process)
    if process["blind"]:
        for member, tag in enumerate(rule.group.tags):
            time, received, value, quality = process["members"].get(tag, (0, 0, None, 0))
            standing.time[member], standing.received[member] = time, received
            standing.value[member] = NAN if value is None else value
            standing.quality[member] = quality
    said = _said(process)
    begun = begins(standing, said[:1] if standing.active else (), blind=process["blind"])
    ghosts = tuple(
        Told(side=0, t_raised=at, t_returned=at, path=((at, int(rule.tier)),), peak=peak)
        for at, peak in process["ghosts"]
    )
    return begun._replace(said=said, ghosts=ghosts, waited=process["waited"])


def _recall(standing: Standing, process: dict[str, Any]) -> None:
    standing.phase = PHASES.index(process["phase"])
    standing.t0, standing.seen = process["t0"], process["seen"]
    standing.unsure, standing.memory = process["unsure"], process["memory"]


def _is_older(process: dict[str, Any]) -> bool:
    """Tell whether an older version wrote it: how the group stood after its newest readings."""
    return "said" not in process


def _said(process: dict[str, Any]) -> Said:
    return tuple((change, at, value) for change, at, value in process["said"])
