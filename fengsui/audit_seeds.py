"""What stood where an audit begins: alarms, as the engine's states and as events, and windows."""

from collections.abc import Iterator, Sequence

from psycopg import AsyncConnection

from alarms import confirmations, group_record, instants
from alarms.alarm import Kind, ProcessEvent, Subject, Tier, Transition
from alarms.detectors import confirmation
from alarms.engine import ChannelState, Engine
from alarms.plant import Plant
from alarms.raising import STATES
from alarms.readings import Readings
from alarms.rules import RULES, Ruleset, rules_of
from alarms.storage import recount
from alarms.storage.recount import Row
from alarms.tiers import raises_of
from fengsui.audit_findings import by_readings
from fengsui.audit_scope import BALANCE, Scope


def states(plant: Plant, opened: Sequence[Row]) -> list[ChannelState]:
    """Return the engine's states of limits, raised tiers and groups that stood."""
    rules = rules_of(plant)
    points = {point.key: row for row, point in enumerate(plant.points)}
    groups = {group.key for group in plant.groups}
    found: list[ChannelState] = []
    for each in opened:
        rule = each.document["rule"]
        if rule in RULES and each.key in points:
            found += _limit(plant, rules, points[each.key], each)
        elif rule.startswith("group.") and rule != BALANCE and each.key in groups:
            began = instants.from_text(each.document["t_raised"])
            process = group_record.stood(began, each.document["value"])
            found.append(ChannelState(key=each.key, rule=rule, process=process))
    return found


async def windows(conn: AsyncConnection, plant: Plant, scope: Scope) -> Readings:
    """Return the readings before the mark from which confirmed limits are judged there."""
    rows = confirmations.rows_of(rules_of(plant))
    rows = rows[scope.begun[rows]]
    if len(rows) == 0:
        return Readings.none()
    return await recount.judged_before(conn, plant, rows, scope.mark, most=confirmation.LONGEST)


def fill(engine: Engine, windows: Readings) -> None:
    """Let the engine's windows know these readings."""
    for family in engine.learned:
        if family.name == confirmations.NAME:
            family.replay(windows.point, windows.time, windows.value)


def events(opened: Sequence[Row]) -> list[ProcessEvent]:
    """Tell the beginnings of alarms that stood before the audit began."""
    return [
        _raised(each)
        for each in opened
        if by_readings(each.document["kind"], each.document["rule"])
    ]


def _limit(plant: Plant, rules: Ruleset, row: int, opened: Row) -> Iterator[ChannelState]:
    """Yield the state of a limit alarm that stood: its level and those inside it, and its tier."""
    document = opened.document
    side = RULES.index(document["rule"])
    levels: dict[str, list[object]] = {}
    began = instants.from_text(document["t_raised"])
    for slot in (0, 1) if side == 0 else (2, 3, 4):
        name = rules.level_name(row, slot)
        if not name:
            break
        levels[name] = ["ACTIVE", began]
        if rules.limit(row, slot) == document["limit"]:
            break
    if not levels:
        return
    yield ChannelState(key=opened.key, rule=document["rule"], process={"levels": levels})
    peak = Tier[document["peak_tier"]]
    spoken = [
        number
        for number, each in enumerate(raises_of(plant, plant.points[row]))
        if Tier[each.tier] <= peak
    ]
    raised = {"since": began, "tier": document["tier"], "spoken": spoken}
    yield ChannelState(key=opened.key, rule=STATES[side], process=raised)


def _raised(row: Row) -> ProcessEvent:
    found = row.document
    began = instants.from_text(found["t_raised"])
    return ProcessEvent(
        subject=Subject(key=row.key),
        rule=found["rule"],
        kind=Kind(found["kind"]),
        change=Transition.raised,
        tier=Tier[found["tier"]],
        t_change=began,
        t_event=began,
        t_received=began,
        value=found["value"],
        limit=found["limit"],
    )
