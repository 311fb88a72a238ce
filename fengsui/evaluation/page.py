"""Writes docs/evaluation.md: what was measured, beside the figures others have published."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from alarms.detectors import deviation
from alarms.parameters import PARAMETERS
from fengsui.evaluation import nab, nppad, nppad_lead, recordings, tep, tep_lead

SEED: Final = 20261122
_KNOWN_NAB: Final = (
    ("ARTime", "74.9", "65.1", "80.4"),
    ("HTM", "70.5", "62.6", "75.2"),
    ("CAD-OSE", "69.9", "67.0", "73.2"),
    ("Skyline", "58.2", "", ""),
    ("KNN-CAD", "58.0", "", ""),
    ("Relative Entropy", "54.6", "", ""),
    ("Random Cut Forest", "51.7", "", ""),
    ("Twitter", "47.1", "", ""),
    ("Windowed Gaussian", "39.6", "", ""),
    ("Etsy Skyline", "35.7", "", ""),
    ("random", "11.0", "", ""),
)
_KNOWN_TEP: Final = (
    *(15, 54, None, None, 6, 6, 6, 69, None, 282, 33),
    *(12, 141, 12, None, 105, 72, 258, None, 258, 1680),
)
_KNOWN_LEADS: Final = ("207", "246", "531", "1575")
"""Faults 6, 18, 13, 12: a line through an hour of reactor pressure, four hours ahead."""
_SEEDS: Final = range(101, 121)
"""Seeds of noise that nothing was chosen by."""
_KEPT: Final = 0.9
"""Share of a lead that must be left when the recording is disturbed."""
_LEAKS: Final = tuple(("LOCA", size) for size in ("1", "2", "3", "5", "10", "20"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """NAB as it is served: a result a profile, and what was found in every series."""

    results: tuple[nab.Result, ...]
    series: tuple[tuple[str, int, int, int], ...]


def benchmark(folder: Path, *, seed: int | None = None) -> Benchmark:
    """Replay NAB with one configuration and score it; a seed disturbs it as the protocol says."""
    corpus = nab.corpus(folder)
    feeds = [recordings.Recording(time=one.time, value=one.value) for one in corpus]
    if seed is not None:
        draws = np.random.default_rng(seed)
        feeds = [recordings.sifted(recordings.disturbed(feed, draws)) for feed in feeds]
    judged = recordings.judge(feeds)
    raised = [_by_row(one, said) for one, said in zip(corpus, judged, strict=True)]
    results = tuple(nab.score(corpus, raised, profile) for profile in nab.profiles(folder))
    rows = tuple(
        (one.name, len(one.windows), *nab.counted(one, scores, results[0].threshold))
        for one, scores in zip(corpus, raised, strict=True)
    )
    return Benchmark(results=results, series=rows)


def write(folder: Path, page: Path) -> None:
    """Measure everything in `folder` and write the page."""
    plain = benchmark(folder / "nab")
    astir = benchmark(folder / "nab", seed=SEED)
    columns = (*tep.MEASUREMENTS, *tep.VALVES)
    both = tep.measure(folder / "tep", columns=columns)
    measured = tep.measure(folder / "tep", columns=tep.MEASUREMENTS)
    shaken = tep.measure(folder / "tep", columns=columns, seed=SEED)
    detector = nppad.deviations()
    leads = nppad.measure(folder / "nppad", detector, accidents=_LEAKS, seed=SEED)
    calm = nppad.controls(folder / "nppad", detector, seed=SEED)
    text = [
        "# Early warning on recorded feeds",
        "",
        (
            "Written by `make evaluate DATA=DIR`; do not edit. One configuration for everything,"
            " the one that is shipped."
        ),
        "",
        *_nab_part(plain, astir),
        *_tep_part(both, measured, shaken),
        *_nppad_part(leads, calm),
        *_foresight_part(folder),
    ]
    page.write_text("\n".join(text) + "\n", encoding="utf-8")


def _by_row(one: nab.Series, said: recordings.Judgement) -> nab.Scores:
    """Return the scores at the rows of the whole series, of which some readings may be missing."""
    rows = {at: row for row, at in reversed(list(enumerate(one.time.tolist())))}
    scores = np.zeros(len(one.time))
    for at, score in zip(said.time[said.raised].tolist(), said.score[said.raised], strict=True):
        scores[rows[at]] = score
    return scores


def _nab_part(plain: Benchmark, shaken: Benchmark) -> list[str]:
    ours = [
        (f"**Fengsui**{named}", *(f"{result.score:.1f}" for result in one.results))
        for named, one in (("", plain), (", disturbed replay", shaken))
    ]
    lines = ["## NAB, official scoring", "", *_table(("detector", "standard", "low FP", "low FN"))]
    lines += [_row(row) for row in sorted([*_KNOWN_NAB, *ours], key=lambda row: -float(row[1]))]
    best = plain.results[0]
    lines += [
        "",
        (
            f"Standard profile: {best.found} of {best.windows} windows, {best.outside} raises"
            f" outside. Only alarms that the server would raise are scored: its bar is"
            f" {deviation.BAR}, the scoring's own threshold over them {best.threshold:.2f}. As with"
            " every detector of the list the constants were chosen with this corpus in sight, and"
            " with Tennessee Eastman's runs at the same time."
        ),
        "",
        *_table(("series", "windows", "found", "raises outside")),
        *(_row(tuple(map(str, row))) for row in plain.series),
        "",
    ]
    return lines


def _tep_part(both: tep.Result, measured: tep.Result, shaken: tep.Result) -> list[str]:
    header = (
        "fault",
        "±5σ three in a row",
        "ours, XMEAS 1–22",
        "ours, with XMV",
        "disturbed replay",
    )
    lines = ["## Tennessee Eastman, minutes from fault to alarm", "", *_table(header)]
    for i, known in enumerate(_KNOWN_TEP):
        delays = [one.outcomes[i].delay_min for one in (measured, both, shaken)]
        lines.append(_row((str(i + 1), _minutes(known), *map(_minutes, delays))))
    results = (measured, both, shaken)
    lines += [
        _row(("found of 21", "16", *(str(one.found) for one in results))),
        _row(("false, normal run", "0", *(str(one.false) for one in results))),
        _row(
            (
                "false, before the fault",
                "0",
                *tuple(str(sum(run.before for run in one.outcomes)) for one in results),
            )
        ),
        "",
        (
            f"Normal run: {measured.sensor_days:.0f} sensor-days (XMEAS),"
            f" {both.sensor_days:.0f} with XMV. Each point learns from 500 normal rows, then sees"
            " the run."
        ),
        "",
    ]
    return lines


def _nppad_part(leads: Sequence[nppad.Lead], calm: dict[str, int]) -> list[str]:
    lines = [
        "## NPPAD, deviation alone",
        "",
        (
            f"A point learns for {PARAMETERS['deviation']['learn'].default} readings"
            " (50 minutes here) before it may raise;"
            " lead on these short runs is the forecast's part."
        ),
        "",
        *_table(("accident", "sensor", "limit met, s", "alarm, s", "lead, s")),
    ]
    for one in leads:
        seconds = (one.limit_s, one.alarm_s, one.lead_s)
        lines.append(_row((f"{one.accident} {one.size} %", one.sensor, *map(_minutes, seconds))))
    total = sum(calm.values())
    return [*lines, "", f"Alarms on the runs that never trip: {total}.", ""]


def _foresight_part(folder: Path) -> list[str]:
    """Forecasts, through the engine: leads to a limit, plain and disturbed."""
    plain, calm = tep_lead.measure(folder / "tep")
    shaken, calm_shaken = tep_lead.measure(folder / "tep", seed=SEED)
    lines = [
        "## Forecasts: minutes from the first alarm to 2895 kPa, Tennessee Eastman",
        "",
        *_table(("fault", "1-h least squares", "ours", "disturbed replay")),
    ]
    for known, one, other in zip(_KNOWN_LEADS, plain, shaken, strict=True):
        cells = (str(one.fault), known, _minutes(one.lead_min), _minutes(other.lead_min))
        lines.append(_row(cells))
    before = sum(one.before for one in plain), sum(one.before for one in shaken)
    lines += [
        _row(("false, normal run", "0", str(calm), str(calm_shaken))),
        _row(("false, before the fault", "0", *map(str, before))),
        "",
        "## Forecasts: seconds from the first alarm to the trip's limit, NPPAD",
        "",
        (
            f"Noise of {len(_SEEDS)} seeds; the first alarm of pressure or containment pressure."
            f" Early: {nppad_lead.SHARE:.0%} of the known lead at least, less two samples."
            f" Disturbed, all readings arrive up to 30 s early or late, or {nppad_lead.FEW:.0%}"
            " of them do: medians, by the record, in which an alarm is raised where the readings in"
            " their order raise it, and with all late also by when it was told, for that takes the"
            " readings to arrive."
        ),
        "",
        *_table(
            (
                "leak",
                "60-s least squares, no noise",
                "ours, median",
                "least",
                "early",
                "all late",
                "told, all late",
                "few late",
            )
        ),
    ]
    told = nppad_lead.measure(folder / "nppad", seeds=_SEEDS)
    stirred = nppad_lead.measure(folder / "nppad", seeds=_SEEDS, late=1.0)
    few = nppad_lead.measure(folder / "nppad", seeds=_SEEDS, late=nppad_lead.FEW)
    for size, known_s in nppad_lead.KNOWN_S.items():
        median, least = _middle_and_least(told, size)
        cells = (f"{size} %", str(known_s), median, least)
        early = f"{told.early(size)} of {len(_SEEDS)}"
        late = (
            f"{middle:.0f}"
            for middle in (_middle(stirred, size), _told(stirred, size), _middle(few, size))
        )
        lines.append(_row((*cells, early, *late)))
    return [
        *lines,
        "",
        (
            f"False alarms, raised in normal time (before a run leaves its calm, `t_dev` of"
            f" incidents.csv, or after pressure has turned; raises within"
            f" {nppad_lead.MERGE_US / 60e6:.0f} minutes are one), over {len(_SEEDS)} seeds of"
            f" {len(nppad_lead.KNOWN_S)} leaks and {len(nppad.CONTROLS)} runs that never trip:"
            f" {told.false}; {stirred.false} with all readings late."
        ),
        "",
        *_warned(told),
        *_unmet(told, stirred),
        "",
    ]


def _warned(told: nppad_lead.Result) -> list[str]:
    """Say which runs are warned of that turn before they trip, and why."""
    warned = ", ".join(f"{run} {count}" for run, count in told.warned.items() if count)
    if not warned:
        return []
    return [
        (
            f"Two such runs are warned of while pressure falls, under so many seeds: {warned}."
            " It goes three tenths of the way to the trip and more before it is caught. In TT 1 it"
            " has fallen in a line for nine minutes when it is five minutes and 36 of its noise's"
            " sigmas from the trip: one of the rises of alarms.md 4.2, of which 95 in a hundred"
            " must be forecast. A young point that speaks only of limits due within 10 minutes, or"
            " within 75 sigmas, warns of Normal 1 still, and misses a tenth of those rises where"
            " noise has a memory. The known line of 60 s warns on the same runs (`anchor.csv`)."
        ),
        "",
    ]


def _unmet(told: nppad_lead.Result, stirred: nppad_lead.Result) -> list[str]:
    """Say which of the figures asked for are not met, and why."""
    many = len(_SEEDS)
    lines = [
        f"* A leak of {size} % is foretold early enough under {told.early(size)} of {many} seeds."
        for size in nppad_lead.KNOWN_S
        if told.early(size) < many
    ]
    lost = [
        f"{size} %"
        for size in nppad_lead.KNOWN_S
        if _middle(stirred, size) < _KEPT * _middle(told, size)
    ]
    if lost:
        lines.append(
            "* Disturbed with all readings late, the lead falls by more than a tenth for leaks of "
            + ", ".join(lost)
            + "."
        )
    return ["Not met:", "", *lines] if lines else []


def _middle_and_least(told: nppad_lead.Result, size: int) -> tuple[str, str]:
    least = min(lead.lead_s or 0.0 for lead in told.leads if lead.size == size)
    return f"{_middle(told, size):.0f}", f"{least:.0f}"


def _told(told: nppad_lead.Result, size: int) -> float:
    return float(np.median([lead.told_s or 0.0 for lead in told.leads if lead.size == size]))


def _middle(told: nppad_lead.Result, size: int) -> float:
    return float(np.median([lead.lead_s or 0.0 for lead in told.leads if lead.size == size]))


def _table(header: Sequence[str]) -> list[str]:
    return [_row(header), _row(["---"] * len(header))]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _minutes(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"
