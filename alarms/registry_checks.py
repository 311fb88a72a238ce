"""What single entries of a registry file must satisfy beyond their form."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from alarms import gb18218, rule_problems, rules, scope
from alarms.parameters import rate_bounds
from alarms.plant import Point, Region, prefix_of
from alarms.registry_fields import Spot

_USCC: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_BINDING: Final = frozenset({"V", "V2"})
"""Marks of bounds that refuse; the others (M, D) only warn."""
_ROLES: Final = ("principal", "technical", "operation")

Finding = tuple[str, str]
"""A key of the entry and the sentence about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointFinding:
    """Something about an entry's key: refused, or only to be warned of."""

    key: str
    problem: str
    refused: bool = True


def region_faults(
    found: Mapping[str, Any], registered: Mapping[str, Region], every: Mapping[str, Region]
) -> Iterator[Finding]:
    """Say what is wrong with a park or zone among the registered regions and the file's own."""
    code, above = found.get("code"), found.get("parent")
    held = registered.get(code or "")
    if held is not None and held.builtin:
        yield (
            "code",
            (
                f"{code} is {held.name} of the built-in GB/T 2260 list: "
                "a file adds only parks and zones, under codes of their own"
            ),
        )
        return
    if above is not None and above not in every:
        yield "parent", f"there is no region {above}: {_region_hint(above, every)}"
    elif code and above and (not code.startswith(prefix_of(above)) or code == above):
        yield (
            "code",
            (
                f"{code} must begin with {prefix_of(above)}, the code of its parent "
                f"{every[above].name}: who may see a place is decided by the beginning of its code"
            ),
        )
    if code and prefix_of(code) != code:
        yield "code", f"{code} reads as a city or province; end it in other signs than 00"
    for other in every.values():
        if code and not other.builtin and code != other.code and _look_nested(code, other, every):
            yield (
                "code",
                (
                    f"{code} and {other.code} begin alike and neither lies in the other: who may "
                    "see one would see both, so choose codes of one length"
                ),
            )


def _look_nested(code: str, other: Region, every: Mapping[str, Region]) -> bool:
    """Tell whether one of two codes begins with the other without lying below it."""
    if other.code.startswith(code):
        return code not in _above(other.code, every)
    return code.startswith(other.code) and other.code not in _above(code, every)


def _above(code: str, every: Mapping[str, Region]) -> set[str]:
    found: set[str] = set()
    region = every.get(code)
    while region is not None and region.parent is not None and region.parent not in found:
        found.add(region.parent)
        region = every.get(region.parent)
    return found


def enterprise_faults(found: Mapping[str, Any], every: Mapping[str, Region]) -> Iterator[Finding]:
    """Say what is wrong with an enterprise's code, region and credit code."""
    code, region, uscc = found.get("code"), found.get("region"), found.get("uscc")
    if code is not None and (code == "all" or code in every or scope.looks_like_region(code)):
        yield (
            "code",
            (
                f"{code} would be read as a region or as everything where a scope is given: "
                "choose another code"
            ),
        )
    if region is not None and region not in every:
        yield "region", f"there is no region {region}: {_region_hint(region, every)}"
    if uscc is not None and uscc[-1] != (digit := uscc_check_digit(uscc)):
        yield (
            "uscc",
            (
                f"the check digit of {uscc} is {uscc[-1]} and must be {digit} (GB 32100-2015): "
                "compare it with the business licence"
            ),
        )


def uscc_check_digit(uscc: str) -> str:
    """Compute the 18th sign of a unified social credit code from the 17 before (GB 32100-2015).

    Signs count 0 to 30 in the standard's order, weighted by 3^i mod 31; the sum and the check sign
    together are a multiple of 31.
    """
    total = sum(_USCC.index(sign) * pow(3, place, 31) for place, sign in enumerate(uscc[:17]))
    return _USCC[-total % 31]


def source_findings(
    at: Spot,
    chemicals: Sequence[tuple[Spot, Mapping[str, Any]]],
    responsible: Sequence[Mapping[str, Any]],
    exposed_population: int | None,
    warn: Callable[[Spot, str], None],
) -> gb18218.Appraisal | None:
    """Appraise a source by GB 18218-2018; None where it has no chemicals or one is at fault."""
    shares = []
    for spot, found in chemicals:
        cas = found.get("cas")
        if cas is not None and not gb18218.cas_is_sound(cas):
            spot.fault(f"cas {cas} is no CAS number, its check digit or form is wrong: correct it")
            continue
        if not {"name", "tonnes"} <= found.keys():
            continue
        share = gb18218.share(
            gb18218.Chemical(
                name=found["name"],
                cas=cas,
                tonnes=found["tonnes"],
                hazard_class=found.get("class"),
            )
        )
        if isinstance(share, gb18218.Unclear):
            spot.fault(share.problem)
        else:
            shares.append(share)
    if not chemicals or len(shares) < len(chemicals):
        return None
    appraisal = gb18218.appraise(shares, exposed_population)
    if appraisal.s >= 1 and exposed_population is None:
        warn(at, f"S is {appraisal.s:g}: give exposed_population, without it R and level are open")
    missing = [role for role in _ROLES if role not in {each.get("role") for each in responsible}]
    if appraisal.s >= 1 and missing:
        lacking = f"lacks: {', '.join(missing)}"
        warn(at, f"a major hazard source names three responsible persons; this one {lacking}")
    return appraisal


def point_findings(point: Point, source_kind: str) -> Iterator[PointFinding]:
    """Say what is wrong with a point's settings as a whole, and which bounds its limits pass."""
    for key, problem in (*rule_problems.of(point), *rule_problems.in_range(point)):
        yield PointFinding(key=key, problem=problem)
    if point.quantity == "toxic_gas" and point.substance is None:
        problem = (
            "toxic_gas needs substance, the name or CAS number of the gas: its limits hang on it"
        )
        yield PointFinding(key="quantity", problem=problem)
    cas = point.substance or ""
    if re.fullmatch(r"\d+-\d+-\d+", cas) and not gb18218.cas_is_sound(cas):
        problem = f"{cas} is no CAS number, its check digit or form is wrong: correct it"
        yield PointFinding(key="substance", problem=problem)
    yield from _rate_without_bound(point)
    yield from _tiers_without_limit(point)
    yield from _past_bounds(point, source_kind)
    yield from _unchecked(point, source_kind)
    yield from _without_limits(point, source_kind)


def _rate_without_bound(point: Point) -> Iterator[PointFinding]:
    if "rate" in rules.watched(point) and rate_bounds(point) == (None, None):
        problem = (
            "has no rate to raise at, and there is no range to take a tenth of: give "
            "params.rate.rise_per_min or fall_per_min, or range"
        )
        yield PointFinding(key="detect.rate", problem=problem)


def _tiers_without_limit(point: Point) -> Iterator[PointFinding]:
    for name in point.tiers:
        if name not in point.limits:
            problem = f"has no limit {name} to belong to: it has no effect"
            yield PointFinding(key=f"tiers.{name}", problem=problem, refused=False)


def _past_bounds(point: Point, source_kind: str) -> Iterator[PointFinding]:
    for bound in rules.bounds_for(point, source_kind):
        value = point.limits.get(bound.limit)
        if value is None or bound.allows(value):
            continue
        side = "at most" if bound.direction == "max" else "at least"
        problem = (
            f"is {value:g} {point.engineering_unit}, and {bound.basis} ({bound.words_en}) allows "
            f"{side} {bound.value:g} [{bound.mark}]"
        )
        yield PointFinding(
            key=f"limits.{bound.limit}", problem=problem, refused=bound.mark in _BINDING
        )


def _unchecked(point: Point, source_kind: str) -> Iterator[PointFinding]:
    """Say where a limit has a bound, but only in units that are not the point's."""
    spoken = rules.units_bound_elsewhere(point, source_kind)
    if spoken:
        told = ", ".join(f"{basis} speaks of {' or '.join(units)}" for basis, units in spoken)
        problem = f"no bound was checked: {told}, this point of {point.engineering_unit}"
        yield PointFinding(key="unit", problem=problem, refused=False)


def _without_limits(point: Point, source_kind: str) -> Iterator[PointFinding]:
    """Say what a point without a limit cannot raise, and what a rule pack suggests for it."""
    if point.limits:
        return
    for kind in point.detect or ():
        if kind in ("limit", "forecast"):
            problem = "goes by limits, and none is set: it can raise nothing; give limits"
            yield PointFinding(key=f"detect.{kind}", problem=problem, refused=False)
    suggested = [
        default
        for (kind, _), default in rules.defaults_for(point, source_kind).items()
        if kind == "limit"
    ]
    if suggested:
        told = ", ".join(f"{each.name} {each.value:g} [{each.mark}]" for each in suggested)
        problem = (
            f"no limit is set, so no limit alarm can arise: {suggested[0].basis} suggests {told} "
            f"{point.engineering_unit}"
        )
        yield PointFinding(key="limits", problem=problem, refused=False)


def _region_hint(code: str | None, every: Mapping[str, Region]) -> str:
    """Say what to write instead of an unknown region's code."""
    above = next(
        (
            held
            for cut in range(len(code or "") - 1, 1, -1)
            if (held := every.get((code or "")[:cut].ljust(6, "0")))
        ),
        None,
    )
    where = f" ({above.name} is {above.code})" if above else ""
    return f"use a six-digit code of GB/T 2260{where}, or add a park or zone under regions"
