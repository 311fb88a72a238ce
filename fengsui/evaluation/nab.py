"""Scores raised deviations the way the Numenta Anomaly Benchmark does, all profiles at once.

The rules are those of Lavin and Ahmad (2015) and of the benchmark's public sweeper: the earliest
raise inside a labelled window earns a sigmoid of its place in the window, every raise outside costs
a sigmoid of its distance behind the last window, the first 15 % of a series (750 rows at most) do
not count, and each profile takes the one threshold over the whole corpus that suits it best.
"""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

PROBATION: Final = 0.15
PROBATION_ROWS: Final = 5000
FAR: Final = 3.0
"""Window widths behind a window from which on a raise costs its full weight."""

Scores = NDArray[np.float64]
"""One a row of a series, 0 where nothing is raised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One series of the corpus: Micros, values and the labelled windows as row spans, ends in."""

    name: str
    time: NDArray[np.int64]
    value: NDArray[np.float64]
    windows: tuple[tuple[int, int], ...]

    @property
    def probation(self) -> int:
        """Rows at the start that are for learning only."""
        return math.floor(PROBATION * min(len(self.value), PROBATION_ROWS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a window found, a window missed and a raise outside weigh."""

    name: str
    found: float
    missed: float
    outside: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A profile's score of the corpus (0: silence, 100: perfect) at its best threshold."""

    profile: str
    score: float
    threshold: float
    windows: int
    found: int
    outside: int


def corpus(folder: Path) -> list[Series]:
    """Read every series of the benchmark in `folder`, in order of name."""
    labels: Mapping[str, Sequence[Sequence[str]]] = json.loads(
        (folder / "labels" / "combined_windows.json").read_text(encoding="utf-8")
    )
    return [_series(folder / "data" / name, name, labels[name]) for name in sorted(labels)]


def profiles(folder: Path) -> list[Profile]:
    """Read the scoring profiles of the benchmark in `folder`."""
    tree = json.loads((folder / "config" / "profiles.json").read_text(encoding="utf-8"))
    return [
        Profile(
            name=name, found=cost["tpWeight"], missed=cost["fnWeight"], outside=cost["fpWeight"]
        )
        for name, cost in ((name, entry["CostMatrix"]) for name, entry in tree.items())
    ]


def score(series: Sequence[Series], raised: Sequence[Scores], profile: Profile) -> Result:
    """Score the corpus at the threshold that is best for the profile over all series together."""
    height, gain, window = _rows(series, raised, profile)
    order = np.argsort(-height, kind="stable")
    height, gain, window = height[order], gain[order], window[order]
    count = sum(len(one.windows) for one in series)
    silence = -profile.missed * count
    best = np.full(count, -profile.missed)
    total, at, found, outside = silence, math.inf, 0, 0
    running, hits, misses = silence, 0, 0
    for i in range(len(height)):
        if window[i] < 0:
            running += gain[i]
            misses += 1
        elif gain[i] > best[window[i]]:
            hits += bool(best[window[i]] == -profile.missed)
            running += gain[i] - best[window[i]]
            best[window[i]] = gain[i]
        last = i + 1 == len(height) or height[i + 1] != height[i]
        if last and running > total:
            total, at, found, outside = running, float(height[i]), hits, misses
    return Result(
        profile=profile.name,
        score=100.0 * (total - silence) / (profile.found * count - silence),
        threshold=at,
        windows=count,
        found=found,
        outside=outside,
    )


def counted(one: Series, raised: Scores, threshold: float) -> tuple[int, int]:
    """Return how many windows of a series are found and how many raises lie outside."""
    on = (raised >= threshold) & (raised > 0.0)
    on[: one.probation] = False
    inside = np.zeros(len(on), np.bool_)
    found = 0
    for first, last in one.windows:
        found += bool(on[first : last + 1].any())
        inside[first : last + 1] = True
    return found, int((on & ~inside).sum())


def _rows(
    series: Sequence[Series], raised: Sequence[Scores], profile: Profile
) -> tuple[Scores, Scores, NDArray[np.int64]]:
    """Return height, gain and window (-1: none) of every row that is raised and counts."""
    heights, gains, windows = [], [], []
    before = 0
    for one, scores in zip(series, raised, strict=True):
        place, window = _places(one)
        gain = np.where(
            window >= 0,
            _sigmoid(place) * profile.found / _sigmoid(np.array(-1.0)),
            np.where(place > FAR, -1.0, _sigmoid(place)) * profile.outside,
        )
        counts = (scores > 0.0) & (np.arange(len(scores)) >= one.probation)
        heights.append(scores[counts])
        gains.append(gain[counts])
        windows.append(np.where(window >= 0, window + before, -1)[counts])
        before += len(one.windows)
    return np.concatenate(heights), np.concatenate(gains), np.concatenate(windows)


def _places(one: Series) -> tuple[Scores, NDArray[np.int64]]:
    """Return each row's place relative to its window or the last one, and its window or -1."""
    row = np.arange(len(one.value))
    place = np.full(len(row), np.inf)
    window = np.full(len(row), -1)
    for index, (first, last) in enumerate(one.windows):
        width = last - first + 1
        place[last + 1 :] = (row[last + 1 :] - last) / (width - 1)
        place[first : last + 1] = -(last - row[first : last + 1] + 1) / width
        window[first : last + 1] = index
    return place, window


def _sigmoid(place: Scores) -> Scores:
    return 2.0 / (1.0 + np.exp(np.minimum(5.0 * place, 700.0))) - 1.0


def _series(path: Path, name: str, labels: Sequence[Sequence[str]]) -> Series:
    with path.open(encoding="utf-8", newline="") as rows:
        table = [(_micros(row["timestamp"]), float(row["value"])) for row in csv.DictReader(rows)]
    time = np.array([at for at, _ in table], np.int64)
    spans = []
    for first, last in labels:
        # The first row of a stamp: where clocks went back, a stamp stands twice.
        spans.append(tuple(int(np.argmax(time == _micros(end))) for end in (first, last)))
    return Series(
        name=name,
        time=time,
        value=np.array([value for _, value in table]),
        windows=tuple((first, last) for first, last in spans),
    )


def _micros(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000_000)
