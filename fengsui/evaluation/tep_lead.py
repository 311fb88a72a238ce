"""Measures how long before the reactor's pressure limit the Tennessee Eastman faults are foretold.

Reactor pressure (XMEAS 7) has a high limit of 2895 kPa; the runs are taken through the engine, with
its limit alarm and its forecast. Fault NN starts after row 160.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from fengsui.evaluation import foresight, recordings, tep

LIMIT_KPA: Final = 2895.0
PRESSURE: Final = 6
"""Column of XMEAS 7."""
FAULTS: Final = (6, 18, 13, 12)
"""The faults whose runs reach the limit."""
_STEP: Final = 180_000_000
_MERGE: Final = 30 * 60 * 1_000_000
_MINUTE: Final = 60_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """A fault: minutes from its start to the limit and to the first alarm (None: none came)."""

    fault: int
    limit_min: float
    alarm_min: float | None
    before: int
    """False episodes before the fault."""

    @property
    def lead_min(self) -> float | None:
        """How long before the limit the alarm was raised."""
        return None if self.alarm_min is None else self.limit_min - self.alarm_min


def measure(folder: Path, *, seed: int | None = None) -> tuple[tuple[Lead, ...], int]:
    """Return the faults' leads and the false episodes of the normal run.

    A seed disturbs the runs as the protocol says.
    """
    draws = None if seed is None else np.random.default_rng(seed)
    names = ("d00_te", *(f"d{fault:02}_te" for fault in FAULTS))
    values = [np.loadtxt(folder / f"{name}.dat")[:, PRESSURE] for name in names]
    feeds = []
    for value in values:
        feed = recordings.Recording(time=np.arange(len(value)) * _STEP, value=value)
        feed = feed if draws is None else recordings.disturbed(feed, draws)
        feeds.append(foresight.Feed(recording=feed, limit=LIMIT_KPA, high=True))
    calm, *told = foresight.episodes(feeds)
    onset = tep.ONSET * _STEP
    leads = []
    for fault, value, episodes in zip(FAULTS, values[1:], told, strict=True):
        raises = [episode.raised - onset for episode in episodes]
        first = min((at for at in raises if at >= 0), default=None)
        past = np.flatnonzero(value[tep.ONSET :] >= LIMIT_KPA)
        leads.append(
            Lead(
                fault=fault,
                limit_min=float(past[0]) * tep.STEP_MIN,
                alarm_min=None if first is None else first / _MINUTE,
                before=_episodes([at for at in raises if at < 0]),
            )
        )
    return tuple(leads), _episodes([episode.raised for episode in calm])


def _episodes(raises: Sequence[int]) -> int:
    return recordings.episodes(np.array(raises, np.int64), _MERGE)
