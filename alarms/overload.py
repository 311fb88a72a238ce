"""The system's own alarms: its disk nearly full, ingest behind, the broker's queue nearly full.

Each has one alarm (`system:<part>`), seen with scope `all`. It goes down or returns only well below
the bound that raised it, so that a measure near a bound does not chatter; a measure that is not
there says nothing. The bounds are our choice.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from alarms.alarm import Kind, ProcessEvent, Subject, Tier, Transition

Standing = dict[str, Tier]
"""The tier of each active alarm, by part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strain:
    """What is measured at one moment; None where it cannot be.

    `disk_free_gib` of the fullest disk the record or the server writes to; `lag_s` how long the
    oldest message in hand has waited for its commit; `queue_share` of the broker's queue bound.
    """

    disk_free_gib: float | None = None
    lag_s: float | None = None
    queue_share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bound:
    """From where on a measure is of a tier, and where it is no more; `above` or else below."""

    tier: Tier
    at: float
    back: float
    above: bool = True

    def holds(self, value: float, *, standing: bool) -> bool:
        bar = self.back if standing else self.at
        return value >= bar if self.above else value < bar


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One thing that is watched, and the words for it, Chinese and English."""

    bounds: tuple[_Bound, ...]
    unit: str
    name: str
    over: tuple[str, str]
    back: tuple[str, str]


_PARTS: Final = {
    "disk": _Part(
        bounds=(
            _Bound(tier=Tier.yellow, at=5.0, back=6.0, above=False),
            _Bound(tier=Tier.orange, at=1.0, back=1.5, above=False),
        ),
        unit="GiB",
        name="服务器磁盘",
        over=(
            "服务器磁盘仅剩 {value} GiB，写满后读数和报警将停止入库，请清理或扩容",
            "server disk: only {value} GiB free; once full nothing more is recorded, make room",
        ),
        back=("服务器磁盘剩余 {value} GiB，已恢复", "server disk: {value} GiB free again"),
    ),
    "ingest": _Part(
        bounds=(
            _Bound(tier=Tier.yellow, at=60.0, back=10.0),
            _Bound(tier=Tier.orange, at=300.0, back=150.0),
        ),
        unit="s",
        name="读数入库",
        over=(
            "读数入库滞后 {value} 秒，报警相应推迟，请检查数据库和服务器负载",
            "ingest is {value} s behind and alarms with it; look at the database and the load",
        ),
        back=("读数入库已跟上，滞后 {value} 秒", "ingest has caught up, {value} s behind"),
    ),
    "broker": _Part(
        bounds=(
            _Bound(tier=Tier.yellow, at=70.0, back=60.0),
            _Bound(tier=Tier.orange, at=90.0, back=80.0),
        ),
        unit="%",
        name="MQTT 代理队列",
        over=(
            "MQTT 代理队列已用 {value}%，写满后新消息将丢失，请检查数据库和入库进程",
            "broker queue {value} % full; once full messages are lost, look at database and ingest",
        ),
        back=("MQTT 代理队列降至 {value}%，已恢复", "broker queue down to {value} %"),
    ),
}


class Overload:
    """The standing alarms of the system itself; memory follows the record, as the engine's does."""

    def __init__(self, standing: Iterable[tuple[str, Tier]] = ()) -> None:
        """Take up the active alarms as the record has them: (key, tier)."""
        self._standing: Standing = {
            key.removeprefix("system:"): tier for key, tier in standing if key[7:] in _PARTS
        }

    def judge(self, strain: Strain, now: int) -> tuple[list[ProcessEvent], Standing]:
        """Return what a measure taken `now` (Micros) changes, and what stands if it is adopted."""
        measured = {
            "disk": strain.disk_free_gib,
            "ingest": strain.lag_s,
            "broker": None if strain.queue_share is None else strain.queue_share * 100,
        }
        events: list[ProcessEvent] = []
        after = dict(self._standing)
        for part, value in measured.items():
            if value is None:
                continue
            was = self._standing.get(part, Tier.none)
            tier = _tier(_PARTS[part], value, was)
            if tier is was:
                continue
            events.append(_event(part, value, was, tier, now))
            if tier is Tier.none:
                del after[part]
            else:
                after[part] = tier
        return events, after

    def adopt(self, standing: Standing) -> None:
        """Let what `judge` proposed stand: call after its events have been committed."""
        self._standing = standing


def _tier(part: _Part, value: float, was: Tier) -> Tier:
    """Return the worst tier whose bound holds."""
    held = [bound.tier for bound in part.bounds if bound.holds(value, standing=bound.tier <= was)]
    return max(held, default=Tier.none)


def _event(part: str, value: float, was: Tier, tier: Tier, now: int) -> ProcessEvent:
    watched = _PARTS[part]
    if was is Tier.none:
        change = Transition.raised
    elif tier is Tier.none:
        change = Transition.returned
    else:
        change = Transition.tier_up if tier > was else Transition.tier_down
    zh, en = watched.back if change is Transition.returned else watched.over
    spoken = tier if tier is not Tier.none else was
    shown = f"{value:.1f}" if value < 10 else f"{value:.0f}"
    return ProcessEvent(
        subject=Subject(key=f"system:{part}", name=watched.name, engineering_unit=watched.unit),
        rule=f"system.{part}",
        kind=Kind.system,
        change=change,
        tier=spoken,
        t_change=now,
        t_event=now,
        t_received=now,
        value=round(value, 3),
        limit=next(bound.at for bound in watched.bounds if bound.tier is spoken),
        message_zh=zh.format(value=shown),
        message_en=en.format(value=shown),
    )
