"""Random plants with every kind of rule, and what their gateways may send, wrong as it may be."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from alarms import rule_problems
from alarms.plant import Group, Plant, Point
from alarms.registry_form import DETECTORS
from tests.unit.plants import SECOND, START, plant, point

GATEWAYS = ("gw-1", "gw-2")
_UNITS = {
    "level": "m",
    "temperature": "℃",
    "pressure": "MPa",
    "flow": "m³/h",
    "methane": "%CH4",
    "combustible_gas": "%LEL",
    "oxygen": "%VOL",
    "vibration": "mm/s",
    "other": "1",
}
_TIERS = ("blue", "yellow", "orange", "red")
_SECONDS = (None, 0.0, 3.0, 7.0, 12.0, 30.0)
_NUMBERS = [*(n / 2 for n in range(-2, 32)), 3.9, 4.1, 7.99, 8.01]
ODD = (float("nan"), float("inf"), float("-inf"), 1e308, -1e308, 5e-324, 1e9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a gateway sends at once: rows of (row, stamp, value, quality); times in Micros."""

    received: int
    gateway: int
    rows: tuple[tuple[int, int, float, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A second that passes on the server's clock; while the link is down `link_since` is `now`."""

    now: int
    link_since: int


Step = Message | Tick


@st.composite
def points(draw: st.DrawFn, tag: str) -> Point:
    """Draw a point whose rules are sound; tiers that would not be are left out."""
    quantity = draw(st.sampled_from(sorted(_UNITS)))
    gas = quantity in ("methane", "combustible_gas")
    places = sorted(draw(st.sets(st.integers(0, 7), min_size=4, max_size=4)))
    limits = dict(zip(("ll", "l", "h", "hh"), (2.0 * place for place in places), strict=True))
    for name in draw(st.sets(st.sampled_from(sorted(limits)), max_size=3)):
        del limits[name]
    if gas and draw(st.booleans()):
        limits["cut"] = max(limits.get("h", 0.0), draw(st.sampled_from([6.0, 9.0, 15.0])))
        if draw(st.booleans()):
            reset = limits["cut"] - draw(st.sampled_from([0.0, 0.5, 3.0]))
            below = (limits[each] for each in ("h", "hh", "l", "ll") if each in limits)
            limits["reset"] = max(reset, next((at for at in below if at <= limits["cut"]), reset))
    made = point(
        tag,
        quantity=quantity,
        engineering_unit=_UNITS[quantity],
        limits=limits,
        deadband=draw(st.sampled_from([0.0, 0.1, 0.5, 2.0])),
        on_delay_s=draw(st.sampled_from(_SECONDS)),
        off_delay_s=draw(st.sampled_from(_SECONDS)),
        period_s=draw(st.sampled_from([None, 1.0, 5.0, 20.0])),
        range=draw(st.sampled_from([None, (0.0, 14.0), (-1.0, 8.0)])),
        detect=draw(
            st.one_of(
                st.none(),
                st.just(tuple(DETECTORS)),
                st.sets(st.sampled_from(DETECTORS), min_size=1).map(lambda found: tuple(found)),
            )
        ),
        gateway=draw(st.sampled_from([None, None, None, *GATEWAYS])),
        latching=draw(st.booleans()),
        params=draw(st.sampled_from(_PARAMS)) | draw(st.sampled_from(_CONFIRMED)),
    )
    made = _timed(made, draw(st.sampled_from(_SILENCES)), draw(st.sampled_from(_SILENCES)))
    if rule_problems.of(made):
        made = replace(made, deadband=0.0)
    own = sorted(draw(st.lists(st.integers(0, 3), min_size=2, max_size=2)))
    inner, outer = (_TIERS[place] for place in own)
    graded = {"l": inner, "h": inner, "ll": outer, "hh": outer, "cut": outer}
    tiered = replace(made, tiers={name: graded[name] for name in limits if name in graded})
    made = tiered if draw(st.booleans()) and not rule_problems.of(tiered) else made
    problems = rule_problems.of(made)
    assert not problems, problems
    return made


_PARAMS: Sequence[dict[str, Any]] = (
    {},
    {
        "deviation": {"learn": 30},
        "rate": {"rise_per_min": 4.0, "fall_per_min": 8.0, "span_s": 10.0},
        "sensor": {"hold_s": 20.0, "learn_s": 60.0},
        "forecast": {"response_s": 600.0},
    },
)


_CONFIRMED: Sequence[dict[str, Any]] = (
    {},
    {},
    *(
        {"limit": {"confirm_n": n, "confirm_m": m}}
        for n, m in ((1, 2), (2, 2), (2, 3), (3, 4), (4, 5), (3, 64))
    ),
)


_SILENCES = (None, None, None, 2.0, 4.0, 11.0, 40.0)
"""Of a point's bridge_s and stale_s, what is allowed of it."""


def _timed(made: Point, stale_s: float | None, bridge_s: float | None) -> Point:
    for kind, name, seconds in (("comms", "stale_s", stale_s), ("limit", "bridge_s", bridge_s)):
        if seconds is not None:
            own = {**made.params, kind: {**made.params.get(kind, {}), name: seconds}}
            timed = replace(made, params=own)
            keys = {key for key, _ in rule_problems.of(timed)}
            made = made if f"params.{kind}.{name}" in keys else timed
    return made


@st.composite
def plants(draw: st.DrawFn) -> Plant:
    """Draw a plant of one to five points, maybe a computed one, and groups over them."""
    found = [draw(points(f"P{number}")) for number in range(draw(st.integers(1, 4)))]
    if draw(st.booleans()):
        found[0] = replace(
            found[0], suppress={"when": f"{found[-1].tag} >= 6", "reason": "检修", "dwell_s": 5.0}
        )
    first, last = found[0].tag, found[-1].tag
    if draw(st.booleans()):
        computed = draw(points("PC"))
        found.append(replace(computed, compute=f"{first} - {last} / 2", gateway=None))
    made = plant(found, gateways=GATEWAYS)
    groups = []
    if first != last and draw(st.booleans()):
        groups.append(_group("vote", (first, last), k=1, limit=8.0, deadband=1.0, degrade="safe"))
    if first != last and draw(st.booleans()):
        groups.append(_group("difference", (first, last), bound=3.0, deadband=0.5))
    return replace(made, groups=groups)


def _group(kind: str, tags: tuple[str, ...], **params: Any) -> Group:
    return Group(
        enterprise="DY-CHEM-01",
        source="R001",
        code=f"G-{kind}",
        name="组",
        kind=kind,
        members={"points": tags},
        params=params,
    )


_WAITS_US = st.sampled_from([1, 1, 500_000, *(n * SECOND for n in (1, 2, 5, 7, 31))])
_BEHIND_US = [-400_000, -2_500_000, *(-n * SECOND for n in (8, 40, 400))]
_AHEAD_US = st.sampled_from([0] * 30 + _BEHIND_US + [n * SECOND for n in (3, 60, 600, 601)])
_VALUES = st.one_of(*[st.sampled_from(_NUMBERS)] * 15, st.sampled_from(ODD))
_QUALITIES = st.sampled_from([0] * 20 + [1, 2, 3, 4, 5, 6])
_READING = st.tuples(st.integers(0, 3), _AHEAD_US, _VALUES, _QUALITIES)
_ROWS = st.lists(_READING, min_size=1, max_size=4, unique_by=lambda reading: reading[0])
_STRETCH = st.tuples(
    _WAITS_US, st.integers(0, 1), _ROWS, st.integers(1, 14), st.sampled_from([0.0, 0.0, 0.01, -0.3])
)
_TICK = st.tuples(_WAITS_US, st.sampled_from([True, True, True, False]))
_AGAIN = st.tuples(_WAITS_US, st.integers(1, 4), st.booleans())
_WARM = st.sampled_from([False, False, True])
_DRAWN = st.one_of(_STRETCH, _STRETCH, _STRETCH, _TICK, _AGAIN)
_DRAWS = st.integers(1, 15).flatmap(lambda many: st.lists(_DRAWN, min_size=many, max_size=many))


@st.composite
def streams(draw: st.DrawFn, among: int) -> list[Step]:
    """Draw stretches of messages about the first `among` points, and ticks.

    Values stand, ramp or jump, and are any number or none; stamps lie behind, ahead or where they
    should; messages come again, as they were or with other values.
    """
    steps: list[Step] = []
    if draw(_WARM):
        steps += _warm(among, draw(st.sampled_from([0.0, 0.04, -0.04])))
    now, link_since = START + len(steps) * 2 * SECOND, START
    for drawn in draw(_DRAWS):
        sent = [step for step in steps if isinstance(step, Message)]
        match drawn:
            case (wait, bool(up)):
                now += wait
                link_since = link_since if up else now
                steps.append(Tick(now=now, link_since=link_since))
            case (wait, int(gateway), list(rows), int(count), float(slope)):
                for n in range(count):
                    now += wait
                    steps.append(_message(now, gateway, among, rows, n * slope))
            case (wait, int(back), bool(same)) if len(sent) >= back:
                now += wait
                told = sent[-back]
                other = tuple((*row[:2], 15.0 - row[2], row[3]) for row in told.rows)
                steps.append(replace(told, received=now, rows=told.rows if same else other))
    return steps


def _warm(among: int, slope: float) -> list[Step]:
    """Return two minutes of all points, noisy and on their way: some rules learn first."""
    noise = (0.0, 0.03, -0.02, 0.01, -0.03, 0.02, 0.0)
    rows = [(row, 0, 5.0 + row / 8, 0) for row in range(among)]
    return [
        _message(START + n * 2 * SECOND, n % 2, among, rows, n * slope + noise[n % 7])
        for n in range(60)
    ]


def _message(
    now: int, gateway: int, among: int, rows: list[tuple[int, int, float, int]], more: float
) -> Message:
    told = tuple((row % among, now + ahead, value + more, mark) for row, ahead, value, mark in rows)
    return Message(received=now, gateway=gateway, rows=told)


@st.composite
def plants_and_streams(draw: st.DrawFn) -> tuple[Plant, list[Step]]:
    """Draw a plant and what is sent about it."""
    made = draw(plants())
    return made, draw(streams(sum(each.compute is None for each in made.points)))
