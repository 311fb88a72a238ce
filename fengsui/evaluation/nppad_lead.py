"""Measures how long before the reactor's trip the leaks of NPPAD are foretold, through the engine.

Pressure falls to its trip and, where the leak is into the containment, containment pressure rises
to its own: the first alarm of either gives the incident's lead to the pressure trip.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from fengsui.evaluation import foresight, nppad, recordings

KNOWN_S: Final = {1: 1872, 2: 956, 3: 652, 4: 438, 5: 287, 6: 209, 7: 163, 8: 132, 9: 110, 10: 94}
"""Lead of a 60-s least-squares line without noise, seconds, by size of the leak in percent."""
SAMPLE_S: Final = 10.0
SHARE: Final = 0.9
FEW: Final = 0.05
"""Share of the readings that come late in the gentler of the two disturbed replays."""
_SECOND: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """A leak: seconds to the trip's limit, and from the first alarm of each sensor to it."""

    size: int
    seed: int
    limit_s: float
    pressure_s: float | None
    containment_s: float | None

    @property
    def lead_s(self) -> float | None:
        """How long before the limit the first alarm of either sensor was raised."""
        known = [lead for lead in (self.pressure_s, self.containment_s) if lead is not None]
        return max(known, default=None)

    @property
    def is_early(self) -> bool:
        """Tell whether the lead is SHARE of the known one at least, less two samples."""
        return (self.lead_s or 0.0) >= SHARE * KNOWN_S[self.size] - 2 * SAMPLE_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The leaks under each seed, false alarms before the leaks began, warnings on other runs.

    `warned` counts the seeds under which a run that never trips raised, by run and sensor.
    """

    leads: tuple[Lead, ...]
    before: int
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
            told[seed, *run] = [episode.raised / _SECOND for episode in episodes]
    leads = []
    for size in KNOWN_S:
        limit = _limit_s(folder, size)
        for seed in seeds:
            firsts = [_first(told[seed, "LOCA", str(size), sensor]) for sensor in nppad.LIMITS]
            pressure, containment = (None if at is None else limit - at for at in firsts)
            leads.append(
                Lead(
                    size=size,
                    seed=seed,
                    limit_s=limit,
                    pressure_s=pressure,
                    containment_s=containment,
                )
            )
    before = sum(
        at < nppad.ONSET_S
        for (_, accident, _, _), raises in told.items()
        if accident == "LOCA"
        for at in raises
    )
    warned = {
        f"{accident} {size} {sensor}": sum(
            bool(told[seed, accident, size, sensor]) for seed in seeds
        )
        for accident, size in nppad.CONTROLS
        for sensor in nppad.LIMITS
    }
    return Result(leads=tuple(leads), before=before, warned=warned)


def _first(raises: Sequence[float]) -> float | None:
    return min((at for at in raises if at >= nppad.ONSET_S), default=None)


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
