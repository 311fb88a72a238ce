"""Advice on deadbands and delays, from what each point showed in the recording."""

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Column, Table

from alarms import rules, tuning
from alarms.plant import Plant
from alarms.proposal import judged
from alarms.readings import Instants, Readings, Values

_MOST: Final = 20_000_000
"""Readings kept to learn from; beyond it the oldest are forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What is advised for one limit of one point; `delays` has every choice with its outcome."""

    point: str
    limit: str
    at: float
    engineering_unit: str
    past: tuning.Past
    deadband: float
    present_deadband: float
    present_on_delay_s: float
    present_off_delay_s: float
    present_confirmation: tuple[int, int]
    delays: tuple[tuning.Delay, ...]

    @property
    def chosen(self) -> tuning.Delay:
        """Return the delay that is advised."""
        return tuning.best(list(self.delays))

    def document(self) -> dict[str, Any]:
        """Return the advice for the JSON document."""
        return {
            "point": self.point,
            "limit": self.limit,
            "at": self.at,
            "samples": self.past.samples,
            "period_s": self.past.period_s,
            "over_when_normal": self.past.over_when_normal,
            "over_when_abnormal": self.past.over_when_abnormal,
            "present": {
                "deadband": self.present_deadband,
                "on_delay_s": self.present_on_delay_s,
                "off_delay_s": self.present_off_delay_s,
                **_confirmation(self.present_confirmation),
            },
            "deadband": self.deadband,
            **self._settings(self.chosen),
            "choices": [
                {
                    "n": each.n,
                    "m": each.m,
                    **self._settings(each),
                    "false_raises_per_day": each.false_raises_per_day,
                    "missed_share": each.missed_alarm_rate,
                    "delay_s": each.delay_samples * self.past.period_s,
                }
                for each in self.delays
            ],
        }

    def _settings(self, delay: tuning.Delay) -> dict[str, Any]:
        """Return what an engineer would write: delays, or a confirmation without them."""
        on, off, confirmed = _written(delay, self.past.period_s)
        return {"on_delay_s": on, "off_delay_s": off, **_confirmation(confirmed)}


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

    def advice(self) -> list[Advice]:
        """Return what is advised for each limit of each point with enough of a past."""
        if not self._kept:
            return []
        points = np.concatenate([readings.point for readings in self._kept])
        times = np.concatenate([readings.time for readings in self._kept])
        values = np.concatenate([readings.value for readings in self._kept])
        order = np.lexsort((times, points))
        starts = np.searchsorted(points[order], np.arange(len(self.plant.points) + 1))
        found: list[Advice] = []
        for row, (first, end) in enumerate(pairwise(starts.tolist())):
            mine = order[first:end]
            found += self._of_point(row, times[mine], values[mine])
        return found

    def _of_point(self, row: int, times: Instants, values: Values) -> list[Advice]:
        point = self.plant.points[row]
        found: list[Advice] = []
        levels = [(level, True) for level in rules.high_levels(point)]
        levels += [(level, False) for level in rules.low_levels(point)]
        if not levels:
            return []
        deadband = tuning.deadband(values)
        for level, above in levels:
            past = tuning.past(times, values, limit=level.limit, above=above)
            if past is None:
                continue
            found.append(
                Advice(
                    point=point.key,
                    limit=level.name,
                    at=level.limit,
                    engineering_unit=point.engineering_unit,
                    past=past,
                    deadband=deadband,
                    present_deadband=point.deadband,
                    present_on_delay_s=level.on_delay / rules.SECOND,
                    present_off_delay_s=level.off_delay / rules.SECOND,
                    present_confirmation=rules.confirmation_of(point),
                    delays=tuple(tuning.choices(past, rules.confirmation_of(point))),
                )
            )
        return found


def show(console: Console, advised: list[Advice]) -> None:
    """Print the advice, one line a limit."""
    if not advised:
        console.print("no point with limits has enough of a past to advise on")
        return
    table = Table(
        Column("point", overflow="fold"), "limit",
        "deadband now", "advised", "on/off delay now", "advised",
        "false raises/day", "found late by",
        title="advice",
    )  # fmt: skip
    for each in advised:
        chosen, period = each.chosen, each.past.period_s
        present = each.present_on_delay_s, each.present_off_delay_s, each.present_confirmation
        table.add_row(
            each.point,
            f"{each.limit} {each.at:g} {each.engineering_unit}",
            f"{each.present_deadband:g}",
            f"{each.deadband:g}",
            _told(*present),
            _told(*_written(chosen, period)),
            f"{chosen.false_raises_per_day:.2g}",
            f"{chosen.delay_samples * period:.3g} s",
        )
    console.print(table)
    console.print(
        "Samples are taken as independent: noise that lingers raises falsely more often.",
        highlight=False,
    )


def _written(delay: tuning.Delay, period_s: float) -> tuple[float, float, tuple[int, int]]:
    """Return on-delay and off-delay in seconds, and n and m of a confirmation (1 and 1: none)."""
    if delay.window is not None:
        return 0.0, 0.0, (delay.n, delay.window)
    return (delay.n - 1) * period_s, (delay.m - 1) * period_s, (1, 1)


def _confirmation(known: tuple[int, int]) -> dict[str, int | None]:
    n, m = known if known[1] > 1 else (None, None)
    return {"confirm_n": n, "confirm_m": m}


def _told(on_s: float, off_s: float, confirmation: tuple[int, int]) -> str:
    n, m = confirmation
    return f"{on_s:g} / {off_s:g} s" + (f", {n} of {m}" if m > 1 else "")
