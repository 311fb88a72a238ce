"""Stories of readings that come late to groups: what they raise, put right and leave as it is."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from alarms.alarm import ProcessEvent
from alarms.engine import ChannelState, Engine, Proposal
from alarms.plant import Group
from tests.unit.group_plants import BALANCE, ROW, Told, group, grouped
from tests.unit.late_streams import Server
from tests.unit.plants import at, readings
from tests.unit.streams import Row

DOORS = group("air_lock", ("DA", "DB"), on_delay_s=6.0)
LEVELS = group("difference", ("L1", "L2"), bound=0.5, on_delay_s=0.0, off_delay_s=0.0)
SLOWLY = group("difference", ("L1", "L2"), bound=0.5, on_delay_s=10.0, off_delay_s=0.0)
VOTED = group("vote", ("GA", "GB", "GC"), k=2, limit=25.0, degrade="safe")
SLOT = "DY-CHEM-01/G-difference", "group.difference"


@dataclass(slots=True)
class Heard(Server):
    """A server that remembers what groups said."""

    events: list[ProcessEvent] = field(default_factory=list)

    def read(self, tag: str, taken: float, value: float, *, came: float | None = None) -> "Heard":
        """Let one reading arrive, when it was taken or later."""
        return self.several((tag, taken, value, came))

    def several(self, *readings: tuple[str, float, float, float | None]) -> "Heard":
        """Let readings arrive in one batch."""
        rows: list[Row] = [
            (ROW[tag], at(taken), at(taken if came is None else came), value, 0)
            for tag, taken, value, came in readings
        ]
        self.take(rows)
        return self

    def _commit(self, proposals: Sequence[Proposal], now: int) -> None:
        Server._commit(self, proposals, now)
        told = (event for proposal in proposals for event in proposal.events)
        self.events += (event for event in told if event.rule.startswith("group."))

    @property
    def changes(self) -> list[tuple[str, float]]:
        return [(event.change.value, (event.t_change - at(0)) / 1e6) for event in self.events]

    @property
    def spans(self) -> list[tuple[float, float | None]]:
        return sorted(
            (
                (each.t_raised - at(0)) / 1e6,
                None if each.t_returned is None else (each.t_returned - at(0)) / 1e6,
            )
            for each in self.alarms.values()
            if each.rule.startswith("group.")
        )


def server(*groups: Group) -> Heard:
    return Heard(grouped(*groups), acknowledges=True)


def test_a_member_that_lags_raises_and_returns_as_any_other() -> None:
    heard = server(LEVELS).read("L1", 0, 1.0).read("L2", 0, 1.0)
    heard.read("L1", 10, 1.0).read("L2", 5, 1.8, came=10).read("L1", 15, 1.0)
    heard.read("L2", 12, 1.0, came=16)
    assert heard.changes == [("raised", 5), ("returned", 12)]


def test_a_reading_that_shows_that_an_alarm_was_none_withdraws_it() -> None:
    heard = server(LEVELS).read("L1", 0, 1.0).read("L2", 0, 1.0).read("L1", 10, 1.8)
    assert heard.changes == [("raised", 10)]
    heard.read("L2", 10, 1.8, came=12)
    assert heard.changes[1:] == [("late", 10)]
    assert heard.spans == [(10, 10)]
    assert "不成立" in heard.events[-1].message_zh
    assert "was none" in heard.events[-1].message_en


def test_what_was_withdrawn_is_brought_back_as_the_same_alarm() -> None:
    heard = server(VOTED)
    heard.several(("GA", 0, 10.0, None), ("GB", 0, 40.0, None), ("GC", 0, 10.0, None))
    heard.read("GA", 10, 40.0).read("GB", 9, 10.0, came=11)
    assert heard.spans == [(10, 10)]
    heard.read("GC", 8, 40.0, came=12)
    assert heard.spans == [(8, None)]


def test_what_was_withdrawn_is_forgotten_once_nothing_can_bring_it_back() -> None:
    heard = server(LEVELS).read("L1", 0, 1.0).read("L2", 0, 1.0).read("L1", 10, 1.8)
    heard.read("L2", 10, 1.8, came=12)
    assert SLOT in heard.states
    for second in range(20, 200, 5):
        heard.several(("L1", second, 1.8, None), ("L2", second, 1.8, None))
    assert SLOT not in heard.states


def test_a_proposal_that_nobody_adopted_leaves_nothing() -> None:
    heard = server(LEVELS).read("L1", 0, 1.0).read("L2", 0, 1.0)
    heard.engine.judge(readings([(ROW["L2"], at(7), at(7), 1.8, 0)]), now=at(7))
    heard.read("L1", 10, 1.0).read("L1", 5, 1.0, came=11)
    assert heard.changes == []


def test_a_late_reading_older_than_what_is_judged_again_is_what_stood_there() -> None:
    heard = server(LEVELS).read("L2", 0, 1.0)
    for second in range(0, 205, 5):
        heard.read("L1", second, 1.0)
        if second == 150:
            heard.read("L2", second, 1.0)
    heard.read("L2", 110, 1.8, came=201)
    assert heard.spans == [(120, 150)]
    before = heard.engine.groups._past[0]
    heard.restart()
    after = heard.engine.groups._past[0]
    assert (after.said, after.now, after.base.clock) == (
        before.said, before.now, before.base.clock,
    )  # fmt: skip


def test_an_engine_that_knows_only_the_newest_readings_waits_for_lost_members() -> None:
    told = Told(VOTED).read(0, GA=10, GB=10, GC=10).read(20, GB=30, GC=10)
    engine = Engine.build(told.keeper.plant, states=(), last=told.keeper.last, started=at(0))
    for second in (25, 35):
        engine.adopt(engine.tick(now=at(second), link_since=at(0)))
    (past,) = engine.groups._past
    assert past.now.seen == at(30)


def test_a_late_reading_behind_its_own_members_newest_counts() -> None:
    heard = server(LEVELS).read("L1", 0, 1.0).read("L2", 0, 1.0)
    heard.read("L1", 10, 1.0).read("L2", 10, 1.0).read("L2", 5, 1.8, came=12)
    assert heard.spans == [(5, 10)]


def test_readings_of_one_instant_are_judged_at_once_where_they_come_in_one_batch() -> None:
    heard = server(LEVELS).several(("L1", 0, 1.0, None), ("L2", 0, 1.0, None))
    assert heard.several(("L1", 10, 1.8, None), ("L2", 10, 1.8, None)).changes == []


def test_what_a_batch_tells_is_told_in_the_order_of_event_time() -> None:
    heard = server(LEVELS).read("L1", 0, 1.0).read("L2", 0, 1.0)
    heard.several(("L1", 20, 1.8, None), ("L2", 5, 1.8, 21))
    assert heard.changes == [("raised", 5), ("returned", 20)]
    assert heard.spans == [(5, 20)]


def test_a_late_reading_belongs_where_its_receipt_puts_it_however_far_its_batch_goes() -> None:
    course: list[tuple[str, float, float, float | None]] = [
        (tag, second, 1.0, None) for second in range(0, 180, 5) for tag in ("L1", "L2")
    ]
    late: tuple[str, float, float, float | None] = ("L2", 22.0, 1.8, 31.0)
    course.insert(14, late)
    assert server(LEVELS).several(*course).spans == [(22, 25)]


def test_what_a_tick_told_stays_so_while_late_readings_agree() -> None:
    heard = server(SLOWLY).read("L1", 0, 1.0).read("L2", 0, 1.8).read("L1", 4, 1.0)
    heard.read("L2", 4, 1.8).tick(at(13))
    assert heard.changes == [("raised", 10)]
    heard.read("L1", 1, 1.0, came=14).read("L2", 2, 1.8, came=14).read("L2", 3, 1.8, came=14)
    heard.tick(at(15))
    assert heard.changes == [("raised", 10)]
    assert heard.read("L2", 9, 1.0, came=16).spans == [(10, 10)]


def test_an_alarm_in_doubt_is_so_no_longer_once_the_missing_readings_have_come() -> None:
    heard = server(SLOWLY)
    for second in range(0, 80, 5):
        heard.read("L1", second, 1.0)
        if second < 20:
            heard.read("L2", second, 1.8)
    assert heard.changes == [("raised", 10), ("quality", 45)]
    for second in range(20, 80, 5):
        heard.read("L2", second, 1.8, came=80)
    (alarm,) = heard.alarms.values()
    assert (alarm.quality, alarm.active) == ("good", True)


def test_a_member_more_than_a_minute_behind_is_news_at_the_clock_and_a_restart_knows_it() -> None:
    heard = server(LEVELS)
    for second in range(0, 200, 5):
        heard.read("L1", second, 1.0)
    heard.read("L1", 200, 1.0).read("L2", 190, 1.0)
    heard.read("L1", 400, 1.8)
    heard.read("L2", 280, 1.8, came=401).read("L2", 395, 1.0, came=402)
    assert heard.changes == [("raised", 400)]
    before = heard.engine.groups._past[0]
    heard.restart()
    after = heard.engine.groups._past[0]
    assert after.blind == before.blind == at(400)
    assert (after.said, after.now) == (before.said, before.now)


def test_a_row_of_an_older_version_is_taken_up_and_its_alarm_returns() -> None:
    told = Told(LEVELS).read(0, L1=1.0, L2=1.8)
    process = {"phase": "ACTIVE", "t0": 0, "seen": at(0), "unsure": 0, "memory": None}
    told.keeper.states[SLOT] = ChannelState(key=SLOT[0], rule=SLOT[1], process=process)
    told.keeper.restart()
    told.read(10, L1=1.0, L2=1.0)
    assert told.changes == [("raised", 0), ("returned", 10)]
    assert "said" in told.record[0].process


def test_both_rows_of_a_balance_of_an_older_version_are_taken_up_without_its_sums() -> None:
    told = Told(BALANCE)
    for second in range(0, 40, 5):
        told.read(second, QI=20.0, QO=15.0, L1=1.0)
    key, rule = "DY-CHEM-01/G-balance", "group.balance"
    rest = {"phase": "ACTIVE", "t0": 0, "seen": 0, "unsure": 0}
    bucket = [25.0, 100.0]
    closed = {"60000000": {"closed": [bucket] * 12, "on": True}}
    opened = {"60000000": {"open": [*bucket, 10.0]}}
    told.keeper.states = {
        (key, rule): ChannelState(key=key, rule=rule, process={**rest, "memory": closed}),
        (key, rule + ".open"): ChannelState(key=key, rule=rule + ".open", process=opened),
    }
    told.keeper.restart()
    for second in range(40, 140, 5):
        told.read(second, QI=20.0, QO=20.0, L1=1.0)
    assert told.changes == [("quality", 40), ("quality", 100), ("returned", 115)]
    assert [(state.key, state.rule) for state in told.record] == [(key, rule)]


def test_a_rule_changed_while_its_alarm_stood_is_judged_from_there_on() -> None:
    told = Told(SLOWLY)
    for second in range(0, 30, 5):
        told.read(second, L1=1.0, L2=1.8)
    told.keeper.plant = grouped(group("difference", ("L1", "L2"), bound=0.9, on_delay_s=10.0,
                                      off_delay_s=3.0))  # fmt: skip
    told.keeper.restart()
    told.read(30, L1=1.0, L2=1.8).read(35, L1=1.0, L2=1.8)
    assert told.changes == [("raised", 10), ("returned", 33)]
