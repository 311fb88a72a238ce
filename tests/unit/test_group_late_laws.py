"""The law of late readings for groups: in the end they say what their readings in order say."""

from dataclasses import dataclass, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from alarms.alarm import Kind
from alarms.plant import Group, Plant
from alarms.readings import Quality
from tests.unit.group_plants import GROUPS, POINTS, ROW, VOTE, group, grouped
from tests.unit.late_streams import Server
from tests.unit.plants import at
from tests.unit.streams import Row
from tests.unit.test_late_laws import Drawn, as_it_came, in_order
from tests.unit.tried import tried

VALUES = {
    "combustible_gas": (10.0, 24.0, 25.0, 40.0),
    "air_door": (0.0, 1.0, 1.0),
    "methane": (0.2, 0.4, 1.0, 1.6),
    "feeder_state": (0.0, 1.0, 1.0),
    "flow": (0.0, 10.0, 20.0),
    "level": (1.0, 1.45, 1.8),
}
ODD = {
    "vote": (40.0, 40.0, 10.0),
    "difference": (1.0, 1.8),
    "balance": (20.0, 10.0, 1.0),
    "air_path": (1.6, 0.4),
    "air_lock": (1.0, 1.0),
    "power_cut": (1.6, 1.0),
}
AT_ONCE = group("difference", ("L1", "L2"), bound=0.5, on_delay_s=0.0, off_delay_s=0.0)
AVAILABLE = replace(VOTE, params={**VOTE.params, "degrade": "available"}, tier="yellow",
                    on_delay_s=25.0)  # fmt: skip


@dataclass(frozen=True)
class DrawnGroup(Drawn):
    group: Group = VOTE

    @property
    def plant(self) -> Plant:
        return grouped(self.group)


@st.composite
def drawn(draw: st.DrawFn) -> DrawnGroup:
    """Draw how a group's members go, and how their readings arrive: at most 60 s late."""
    some = draw(st.sampled_from([*GROUPS, AT_ONCE, AVAILABLE]))
    rows = [ROW[tag] for tag in some.tags]
    lags = {row: draw(st.sampled_from([0, 0, 2, 5, 40])) for row in rows}
    late = st.sampled_from([0, 0, 0, 0, draw(st.sampled_from([0, 3, 9])), 20])
    seconds, together = draw(st.sampled_from([0.0, 31.0, 55.0])), draw(st.booleans())
    ordered: list[Row] = []
    arrived: list[tuple[float, Row]] = []
    for _ in range(draw(st.sampled_from([2, 3, 4]))):
        stand = {row: draw(st.sampled_from(VALUES[POINTS[row].quantity])) for row in rows}
        if draw(st.booleans()):
            stand = dict(zip(rows, ODD[some.kind], strict=True))
        silent = draw(st.sampled_from([None, None, None, *rows]))
        wait = draw(st.sampled_from([1.0, 3.0, 5.0, 5.0, 7.0, 31.0]))
        for _ in range(draw(st.sampled_from([3, 6, 9]))):
            seconds += wait
            for place, row in enumerate(rows):
                if row == silent:
                    continue
                when = seconds if together else seconds + 0.2 * place
                value = draw(st.sampled_from([stand[row]] * 19 + [VALUES[POINTS[row].quantity][0]]))
                quality = draw(st.sampled_from([0] * 38 + [Quality.bad, Quality.calibrating]))
                read: Row = (row, at(when), at(when), value, quality)
                ordered.append(read)
                arrived.append((when + lags[row] + draw(late), read))
                if draw(st.sampled_from([False] * 9 + [True])):
                    arrived.append((when + lags[row] + draw(late), read))
    arrived.sort(key=lambda each: each[0])
    came = [(row, time, at(when), x, q) for when, (row, time, _, x, q) in arrived]
    steps = st.frozensets(st.integers(0, len(came)), max_size=30)
    return DrawnGroup(POINTS, ordered, came, draw(steps), draw(steps), draw(steps), group=some)


def ended(server: Server, drawn: DrawnGroup) -> None:
    """Let the group's members go on in order, as they last stood and then at rest."""
    arrived = max(row[2] for row in drawn.arrived)
    time = drawn.ordered[-1][1]
    for _ in range(40):
        time += at(5) - at(0)
        now = max(time, arrived)
        rest = {ROW[tag]: VALUES[POINTS[ROW[tag]].quantity][0] for tag in drawn.group.tags}
        server.take([(row, time, now, value, 0) for row, value in rest.items()])


def of_groups(server: Server) -> list[Any]:
    return sorted(
        (each.rule, each.t_raised, each.t_returned, each.peak_tier,
         tuple((move.type.value, move.t_change, move.tier) for move in each.moves))
        for each in server.episodes.found
        if each.kind is Kind.group and each.t_raised != each.t_returned
    )  # fmt: skip


def records(server: Server) -> list[Any]:
    return sorted(
        (each.rule, each.t_raised, each.t_returned, each.peak, each.peak_tier)
        for each in server.alarms.values()
        if each.kind is Kind.group and each.t_raised != each.t_returned
    )


def shown(server: Server) -> set[str]:
    """Return which alarms of groups the record has as active."""
    return {
        key for (key, _), alarm in server.open.items() if alarm.active and alarm.kind is Kind.group
    }


def standing(server: Server) -> set[str]:
    """Return which the engine has so."""
    groups = server.engine.groups
    pairs = zip(groups.rules, groups._past, strict=True)
    return {rule.group.key for rule, past in pairs if past.now.active}


def ends_alike(drawn: DrawnGroup, *, acknowledges: bool = True) -> None:
    ordered, came = in_order(drawn), as_it_came(drawn, acknowledges=acknowledges)
    assert shown(came) == standing(came)
    for server in (ordered, came):
        ended(server, drawn)
    assert of_groups(came) == of_groups(ordered)
    assert shown(came) == standing(came) == standing(ordered)
    if acknowledges:
        assert records(came) == records(ordered)


@given(drawn(), st.booleans())
@tried(60)
def test_whatever_order_readings_come_in_what_groups_say_is_that_of_their_order(
    drawn: DrawnGroup, acknowledges: bool
) -> None:
    ends_alike(drawn, acknowledges=acknowledges)
