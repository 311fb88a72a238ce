"""Advice on deadbands and delays, from what each point showed in the recording."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Column, Table

from alarms import rule_problems, rules, tiers, tuning
from alarms.plant import Plant, Point
from alarms.proposal import judged
from alarms.readings import Instants, Readings, Values

_MOST: Final = 20_000_000
"""Readings kept to learn from; beyond it the oldest are forgotten."""
_NAMED: Final = 20
"""Limits named in a line on which nothing is advised."""
_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a setting would do; `bound`: at most so many false raises, for too little was seen."""

    told: tuning.Delay
    period_s: float
    bound: bool

    @property
    def late_s(self) -> float:
        """Return how long after its first sample an excursion is found."""
        return self.told.delay_samples * self.period_s

    def document(self) -> dict[str, Any]:
        """Return it for the JSON document; a bound stands under a name of its own."""
        told, raises = self.told, self.told.false_raises_per_day
        return {
            "n": told.n,
            "m": told.m,
            "false_raises_per_day": None if self.bound else raises,
            "false_raises_per_day_at_most": raises if self.bound else None,
            "missed_share": told.missed_alarm_rate,
            "delay_s": self.late_s,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What an engineer may write for a limit, and what it would do; None: it cannot be told."""

    deadband: float
    on_delay_s: float
    off_delay_s: float
    confirmation: tuple[int, int]
    outcome: Outcome | None

    def settings(self) -> dict[str, Any]:
        """Return what would be written: n and m are None without a confirmation."""
        n, m = self.confirmation if self.confirmation[1] > 1 else (None, None)
        delays = {"on_delay_s": self.on_delay_s, "off_delay_s": self.off_delay_s}
        return {"deadband": self.deadband, **delays, "confirm_n": n, "confirm_m": m}

    def document(self) -> dict[str, Any]:
        """Return it for the JSON document."""
        return self.settings() | ({} if self.outcome is None else self.outcome.document())


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What is advised for one limit of one point; `others` are the choices beside the present.

    `wanted` is the deadband that the noise asks for.
    """

    point: str
    limit: str
    at: float
    engineering_unit: str
    past: tuning.Past
    wanted: float
    present: Choice
    others: tuple[Choice, ...]

    @property
    def choices(self) -> tuple[Choice, ...]:
        """Return every choice that can be predicted, the present one first."""
        return tuple(each for each in (self.present, *self.others) if each.outcome is not None)

    @property
    def chosen(self) -> Choice:
        """Return what is advised: the present delays where too little was seen to say otherwise.

        A bound is no prediction: no delay on what has none for safety's sake rests on one alone
        (alarms.md 1.4). The deadband follows from the noise, which was seen.
        """
        if self.past.bound:
            return replace(self.present, deadband=self.wanted, outcome=None)
        outcomes = [each.outcome.told for each in self.choices if each.outcome is not None]
        return self.choices[tuning.best(outcomes)]

    def document(self) -> dict[str, Any]:
        """Return the advice for the JSON document."""
        return {
            "point": self.point,
            "limit": self.limit,
            "at": self.at,
            "samples": self.past.samples,
            "period_s": self.past.period_s,
            "hours": self.past.hours,
            "passed": self.past.passed,
            "bound": self.past.bound,
            "over_when_normal": self.past.over_when_normal,
            "over_when_abnormal": self.past.over_when_abnormal,
            "present": self.present.document(),
            **self.chosen.settings(),
            "choices": [
                each.document() | {"present": each is self.present} for each in self.choices
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Unadvised:
    """A limit on which nothing is advised, and why."""

    point: str
    limit: str
    samples: int
    reason: tuning.Unlearned

    def document(self) -> dict[str, Any]:
        """Return it for the JSON document."""
        return {
            "point": self.point,
            "limit": self.limit,
            "samples": self.samples,
            "reason": self.reason.value,
        }


class History:
    """The judged readings of a run, as far back as memory allows."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self._kept: deque[Readings] = deque()
        self._count = 0

    def add(self, readings: Readings) -> None:
        """Remember readings, each newer than its point's last."""
        taken = readings.take(judged(readings.quality))
        if len(taken) == 0:
            return
        self._kept.append(taken)
        self._count += len(taken)
        while self._count > _MOST:
            self._count -= len(self._kept.popleft())

    def advice(self) -> list[Advice | Unadvised]:
        """Return what is advised for each limit of each point, or why nothing is."""
        kept = self._kept
        points = np.concatenate([readings.point for readings in kept] or [np.zeros(0, np.int32)])
        times = np.concatenate([readings.time for readings in kept] or [np.zeros(0, np.int64)])
        values = np.concatenate([readings.value for readings in kept] or [np.zeros(0)])
        order = np.lexsort((times, points))
        starts = np.searchsorted(points[order], np.arange(len(self.plant.points) + 1))
        found: list[Advice | Unadvised] = []
        for row, (first, end) in enumerate(pairwise(starts.tolist())):
            mine = order[first:end]
            found += self._of_point(self.plant.points[row], times[mine], values[mine])
        return found

    def _of_point(
        self, point: Point, times: Instants, values: Values
    ) -> Iterator[Advice | Unadvised]:
        graded = tiers.graded(self.plant, point)
        levels = [(level, True) for level in rules.high_levels(graded)]
        levels += [(level, False) for level in rules.low_levels(graded)]
        if not levels:
            return
        wanted = _sound_deadband(point, values)
        for level, above in levels:
            present = rules.deadband_of(point, level.name)
            deadbands = present, present if wanted is None else wanted
            if level.name == "cut" and "reset" in point.limits:
                deadbands = (level.limit - level.release,) * 2
            yield _of_level(point, level, times, values, above=above, deadbands=deadbands)


def _sound_deadband(point: Point, values: Values) -> float | None:
    """Return the deadband that the noise asks for, None where it would be refused at saving."""
    wanted = tuning.deadband(values)
    changed = replace(point, deadband=wanted, params={})  # a limit's own would hide it
    refused = rule_problems.of(changed) or [*rule_problems.in_range(changed)]
    return None if refused else wanted


def _of_level(
    point: Point,
    level: rules.Level,
    times: Instants,
    values: Values,
    *,
    above: bool,
    deadbands: tuple[float, float],
) -> Advice | Unadvised:
    """Advise on one level, whose deadbands are the present and the wanted one."""
    abnormal = tuning.abnormal_states(values, limit=level.limit, above=above)
    known: dict[float, tuning.Past] = {}
    for deadband in deadbands:
        past = tuning.past(
            times, values, abnormal, limit=level.limit, above=above, deadband=deadband
        )
        if isinstance(past, tuning.Unlearned):
            return Unadvised(point=point.key, limit=level.name, samples=len(values), reason=past)
        known[deadband] = past
    now = known[deadbands[0]]
    return Advice(
        point=point.key,
        limit=level.name,
        at=level.limit,
        engineering_unit=point.engineering_unit,
        past=now,
        wanted=deadbands[1],
        present=_present(point, level, now, deadbands[0]),
        others=tuple(
            Choice(
                deadband=deadband,
                on_delay_s=0.0 if each.window else (each.n - 1) * past.period_s,
                off_delay_s=0.0 if each.window else (each.m - 1) * past.period_s,
                confirmation=(each.n, each.window) if each.window else (1, 1),
                outcome=Outcome(told=each, period_s=past.period_s, bound=past.bound),
            )
            for deadband, past in known.items()
            for each in tuning.choices(past)
        ),
    )


def _present(point: Point, level: rules.Level, past: tuning.Past, deadband: float) -> Choice:
    on_s, off_s = level.on_delay / rules.SECOND, level.off_delay / rules.SECOND
    confirmation = rules.confirmation_of(point)
    n, m = _samples(on_s, past.period_s), _samples(off_s, past.period_s)
    told = tuning.predicted(past, n, m, confirmation)
    return Choice(
        deadband=deadband,
        on_delay_s=on_s,
        off_delay_s=off_s,
        confirmation=confirmation,
        outcome=None
        if told is None
        else Outcome(told=told, period_s=past.period_s, bound=past.bound),
    )


def _samples(delay_s: float, period_s: float) -> int:
    """Return how many samples in a row a delay takes: one at its begin, one a period after it."""
    return int(delay_s / period_s + 1e-9) + 1


def show(console: Console, advised: list[Advice | Unadvised]) -> None:
    """Print the advice, one line a limit, and on what nothing is advised."""
    known = [each for each in advised if isinstance(each, Advice)]
    unknown = [each for each in advised if isinstance(each, Unadvised)]
    if known:
        _show(console, known)
    for reason in tuning.Unlearned:
        names = [f"{each.point} {each.limit}" for each in unknown if each.reason is reason]
        if names:
            more = f" … and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            console.print(
                f"no advice on {len(names)} limits, {reason}: {', '.join(names[:_NAMED])}{more}",
                highlight=False,
            )
    if not advised:
        console.print("no point has a limit to advise on")


def _show(console: Console, advised: list[Advice]) -> None:
    table = Table(
        Column("point", overflow="fold"), "limit",
        "deadband", "on/off delay", "false raises/day", "found late by",
        title="advice: now → advised",
    )  # fmt: skip
    for each in advised:
        chosen, present = each.chosen, each.present
        stands = each.past.bound
        table.add_row(
            each.point,
            f"{each.limit} {each.at:g} {each.engineering_unit}",
            _both(f"{present.deadband:g}", f"{chosen.deadband:g}"),
            _both(_told(present), _told(chosen)),
            _bound(each.past) if stands else _both(_rate(present), _rate(chosen)),
            _late(present) if stands else _both(_late(present), _late(chosen)),
        )
    console.print(table)
    if any(each.past.bound for each in advised):
        console.print(
            "Where 0, 1 or 2 readings passed a limit in the hours watched, that is too little to "
            "predict from: the delays stay as now. Up to the bound in brackets may pass it a day "
            "all the same (95 %).",
            highlight=False,
        )
    if any(not each.past.bound and _undelayed(each) for each in advised):
        console.print(
            "Gases, HH and LL have no delay by default, for safety: weigh what a delay costs there "
            "before you follow the advice, and look for the cause of what passes first.",
            highlight=False,
        )
    console.print(
        "Samples are taken as independent: noise that lingers raises falsely more often. Where "
        "no excursion was seen, 90 % of its samples are taken to be over the limit.",
        highlight=False,
    )


def _undelayed(advice: Advice) -> bool:
    """Tell whether a delay or confirmation is advised where none is in force."""
    now, then = advice.present, advice.chosen
    return now.on_delay_s == 0 and (then.on_delay_s > 0 or then.confirmation[1] > 1)


def _both(now: str, then: str) -> str:
    return now if now == then else f"{now} → {then}"


def _bound(past: tuning.Past) -> str:
    a_day = past.over_when_normal * 86_400 / past.period_s
    return f"{past.passed} passed in {past.hours:.3g} h (bound {a_day:.2g})"


def _rate(choice: Choice) -> str:
    return (
        "not told" if choice.outcome is None else f"{choice.outcome.told.false_raises_per_day:.2g}"
    )


def _late(choice: Choice) -> str:
    if choice.outcome is None:
        return "not told"
    late_s = choice.outcome.late_s
    return "over a day" if late_s > _DAY_S else f"{late_s:.3g} s"


def _told(choice: Choice) -> str:
    n, m = choice.confirmation
    delays = f"{choice.on_delay_s:g} / {choice.off_delay_s:g} s"
    return delays + (f", {n} of {m}" if m > 1 else "")
