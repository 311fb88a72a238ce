"""Tanks of a registry file against what rule packs ask of their instruments and limits."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from alarms.plant import Point, Source
from alarms.rulepacks import Advice
from alarms.rulepacks.reading import shipped

_NO_UNIT: Final = ("1", "")
"""The unit of a point that is only on or off."""


def tank_findings(source: Source, points: Sequence[Point]) -> Iterator[str]:
    """Say what one tank with these points lacks; never more than a warning.

    Only tanks of major hazard sources (S of 1 or more) that report the quantity are looked at: the
    standards mean those, and a tank without it may be watched elsewhere.
    """
    if source.s is None or source.s < 1:
        return
    for entry in shipped():
        if not entry.advice or source.kind not in entry.source_kinds:
            continue
        own = [point for point in points if point.quantity in entry.quantities]
        for advice in entry.advice:
            if own and advice.instruments:
                yield from _instruments(advice, own)
            if own and advice.needs:
                yield from _needs(advice, own)


def _instruments(advice: Advice, points: Sequence[Point]) -> Iterator[str]:
    switches = sum(point.engineering_unit.strip() in _NO_UNIT for point in points)
    continuous = len(points) - switches
    if not any(continuous >= c and switches >= s for c, s in advice.instruments):
        yield (
            f"has {continuous} continuous and {switches} on-off {points[0].quantity} instruments: "
            f"{_asked(advice)}"
        )


def _needs(advice: Advice, points: Sequence[Point]) -> Iterator[str]:
    held = set(chain.from_iterable(point.limits for point in points))
    for group in advice.needs:
        if not held.intersection(group):
            yield f"no {points[0].quantity} point has a limit {' or '.join(group)}: " + _asked(
                advice
            )


def _asked(advice: Advice) -> str:
    return f"{advice.basis} asks for {advice.words_en} [{advice.mark}]"
