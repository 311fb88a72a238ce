"""A small plant with one group of each kind, for tests of group rules."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from alarms.alarm import ProcessEvent
from alarms.engine import ChannelState
from alarms.plant import Group, Plant
from tests.unit.plants import at, plant, point
from tests.unit.streams import Keeper

POINTS = (
    point("GA", name="甲", quantity="combustible_gas", engineering_unit="%LEL", period_s=5),
    point("GB", name="乙", quantity="combustible_gas", engineering_unit="%LEL", period_s=5),
    point("GC", name="丙", quantity="combustible_gas", engineering_unit="%LEL", period_s=20),
    point("DA", name="风门 A", quantity="air_door", engineering_unit="1", period_s=5),
    point("DB", name="风门 B", quantity="air_door", engineering_unit="1", period_s=5),
    point(
        "M1",
        name="甲烷 T1",
        quantity="methane",
        engineering_unit="%CH4",
        period_s=5,
        limits={"h": 1.0, "cut": 1.5, "reset": 1.0},
    ),
    point("M2", name="甲烷 T2", quantity="methane", engineering_unit="%CH4", period_s=5),
    point("FD", name="馈电", quantity="feeder_state", engineering_unit="1", period_s=5),
    point("QI", name="进料", quantity="flow", engineering_unit="m³/h", period_s=5),
    point("QO", name="出料", quantity="flow", engineering_unit="m³/h", period_s=5),
    point("L1", name="雷达液位", period_s=5),
    point("L2", name="伺服液位", period_s=5),
)
ROW = {one.tag: row for row, one in enumerate(POINTS)}


def group(kind: str, members: Any, **settings: Any) -> Group:
    """Return a group; a plain sequence of tags are its points, settings its params or fields."""
    own = {name: settings.pop(name) for name in ("tier", "on_delay_s", "off_delay_s", "unit")
           if name in settings}  # fmt: skip
    if isinstance(members, Sequence):
        members = {"points": tuple(members)}
    return Group(
        enterprise="DY-CHEM-01",
        source="R001",
        code=f"G-{kind}",
        name="组",
        kind=kind,
        members=members,
        params=settings,
        **own,
    )


VOTE = group("vote", ("GA", "GB", "GC"), k=2, limit=25.0, deadband=2.0, degrade="safe")
BALANCE = group(
    "balance",
    {"inflows": ("QI",), "outflows": ("QO",), "inventory": ("L1",)},
    factors=(10.0,),
    windows=({"span_s": 60.0, "least": 5.0}, {"span_s": 300.0, "percent": 5.0, "least": 1.0}),
)
GROUPS = (
    VOTE,
    group("difference", ("L1", "L2"), bound=0.5, deadband=0.1, on_delay_s=10.0, off_delay_s=7.0),
    BALANCE,
    group("air_path", ("M1", "M2"), bound=0.5, on_delay_s=20.0, off_delay_s=0.0),
    group("air_lock", ("DA", "DB"), on_delay_s=6.0),
    group("power_cut", {"order": ("M1",), "feeder": ("FD",)}),
)


def grouped(*groups: Group) -> Plant:
    """Return the small plant with these groups, or with one of each kind."""
    return replace(plant(POINTS), groups=groups or GROUPS)


class Told:
    """A keeper fed by tags and seconds, for stories."""

    def __init__(self, *groups: Group) -> None:
        self.keeper = Keeper(grouped(*groups))

    def read(self, seconds: float, quality: int = 0, **values: float) -> "Told":
        """Let readings arrive as they are taken, in one batch."""
        now = at(seconds)
        self.keeper.feed([(ROW[tag], now, now, value, quality) for tag, value in values.items()])
        return self

    def tick(self, seconds: float) -> "Told":
        """Let the server's clock stand there."""
        self.keeper.tick(at(seconds))
        return self

    @property
    def events(self) -> list[ProcessEvent]:
        """Return what groups have said."""
        return [event for event in self.keeper.events if event.rule.startswith("group.")]

    @property
    def record(self) -> list[ChannelState]:
        """Return the groups' rows of the record."""
        return [state for state in self.keeper.states.values() if state.rule.startswith("group.")]

    @property
    def changes(self) -> list[tuple[str, float]]:
        """Return each event's change and its t_change in seconds."""
        return [(event.change.value, (event.t_change - at(0)) / 1e6) for event in self.events]
