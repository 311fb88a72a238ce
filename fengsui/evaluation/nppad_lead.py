"""Measures how long before the reactor's trip the leaks of NPPAD are foretold, through the engine.

Pressure falls to its trip and, where the leak is into the containment, containment pressure rises
to its own: the first alarm of either gives the incident's lead to the pressure trip.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from fengsui.evaluation import foresight, nppad, recordings

KNOWN_S: Final = {1: 1872, 2: 956, 3: 652, 4: 438, 5: 287, 6: 209, 7: 163, 8: 132, 9: 110, 10: 94}
"""Lead of a 60-s least-squares line without noise, seconds, by size of the leak in percent."""
SAMPLE_S: Final = 10.0
MERGE_US: Final = 600_000_000
"""Raises of a sensor closer than this are one (the protocol's gap for fast recordings)."""
SHARE: Final = 0.9
FEW: Final = 0.05
"""Share of the readings that come late in the gentler of the two disturbed replays."""
_SECOND: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """A leak: seconds from its first alarm to the trip's limit."""

    size: int
    seed: int
    lead_s: float | None
    """How long before the limit the first alarm of either sensor was raised, by the record."""
    told_s: float | None
    """How long before it that was told: a reading that came late tells of what was before."""

    @property
    def is_early(self) -> bool:
        """Tell whether the lead is SHARE of the known one at least, less two samples."""
        return (self.lead_s or 0.0) >= SHARE * KNOWN_S[self.size] - 2 * SAMPLE_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The leaks under each seed, false alarms, and warnings on runs that turn before they trip.

    False is an alarm of normal time: before a run leaves its calm, or after pressure has turned.
    `warned` counts the seeds under which a run that never trips raised between, by run and sensor.
    """

    leads: tuple[Lead, ...]
    false: int
    warned: dict[str, int]

    def early(self, size: int) -> int:
        """Count the seeds under which a leak was foretold early enough."""
        return sum(lead.is_early for lead in self.leads if lead.size == size)


def measure(folder: Path, *, seeds: Sequence[int], late: float | None = None) -> Result:
    """Replay all leaks and controls with each seed's noise.

    With `late` they are disturbed, too: that share of the readings arrives early or late.
    """
    runs = [
        *(("LOCA", str(size), sensor) for size in KNOWN_S for sensor in nppad.LIMITS),
        *((*control, sensor) for control in nppad.CONTROLS for sensor in nppad.LIMITS),
    ]
    told = {}
    for seed in seeds:
        feeds = [_feed(folder, *run, seed, late=late) for run in runs]
        for run, episodes in zip(runs, foresight.episodes(feeds), strict=True):
            told[seed, *run] = episodes
    leads = []
    for size in KNOWN_S:
        limit = _limit_s(folder, size)
        for seed in seeds:
            both = [
                episode
                for sensor in nppad.LIMITS
                for episode in told[seed, "LOCA", str(size), sensor]
                if episode.raised >= nppad.ONSET_S * _SECOND
            ]
            raised = min((episode.raised for episode in both), default=None)
            spoken = min((episode.told for episode in both), default=None)
            leads.append(
                Lead(
                    size=size,
                    seed=seed,
                    lead_s=None if raised is None else limit - raised / _SECOND,
                    told_s=None if spoken is None else limit - spoken / _SECOND,
                )
            )
    false, warned = 0, {}
    for run in runs:
        onset, turn = _course(folder, *run[:2])
        under = 0
        for seed in seeds:
            every = np.array([each.raised for each in told[seed, *run]], np.int64)
            raises = recordings.apart(every, MERGE_US) / _SECOND
            false += sum(not onset <= at <= turn for at in raises)
            under += any(onset <= at <= turn for at in raises)
        if run[0] != "LOCA":
            warned[" ".join(run)] = under
    return Result(leads=tuple(leads), false=false, warned=warned)


def _course(folder: Path, accident: str, size: str) -> tuple[float, float]:
    """Return when a run leaves its calm (incidents.csv), and when pressure turns, seconds."""
    if accident == "LOCA":
        return nppad.ONSET_S, float("inf")
    with (folder / "incidents.csv").open(encoding="utf-8", newline="") as rows:
        left = {(row["acc"], row["sev"]): float(row["t_dev"]) for row in csv.DictReader(rows)}
    second, exact = nppad.run(folder, accident, size, "P")
    return left[accident, size], float(second[np.argmin(exact)])


def _limit_s(folder: Path, size: int) -> float:
    second, exact = nppad.run(folder, "LOCA", str(size), "P")
    return float(second[np.flatnonzero(exact <= nppad.TRIP_BAR)[0]])


def _feed(
    folder: Path, accident: str, size: str, sensor: str, seed: int, *, late: float | None
) -> foresight.Feed:
    second, value = nppad.noisy(folder, accident, size, sensor, seed)
    feed = recordings.Recording(time=(second * _SECOND).astype(np.int64), value=value)
    if late is not None:
        draws = np.random.default_rng([seed, *f"{accident} {size} {sensor}".encode()])
        feed = recordings.disturbed(feed, draws, late=late)
    limit, side = nppad.LIMITS[sensor]
    return foresight.Feed(recording=feed, limit=limit, high=side > 0)
