"""What expressions of a registry file must satisfy: known tags, sound kinds, no circles."""

from collections.abc import Iterator, Mapping

from alarms.expressions import Expression, ExpressionError, Kind, parse
from alarms.plant import Point
from alarms.registry_checks import PointFinding


def expression_findings(point: Point, computes: Mapping[str, str | None]) -> Iterator[PointFinding]:
    """Say what is wrong with what a point is computed by and suppressed at.

    `computes` has every tag of the enterprise with what it is computed by, None where it is
    measured.
    """
    if point.compute is not None:
        if point.gateway is not None:
            problem = (
                f"{point.tag} is computed, so no gateway reports it: remove gateway, or compute "
                "where it is measured"
            )
            yield PointFinding(key="gateway", problem=problem)
        found = _parsed(point.compute, computes, Kind.number)
        if isinstance(found, ExpressionError):
            yield PointFinding(key="compute", problem=str(found))
        else:
            circle = _circle(point.tag, computes)
            if circle:
                problem = f"goes in a circle, {' → '.join(circle)}: one of them must be measured"
                yield PointFinding(key="compute", problem=problem)
    if "when" in point.suppress:
        condition = _parsed(point.suppress["when"], computes, Kind.condition)
        if isinstance(condition, ExpressionError):
            yield PointFinding(key="suppress.when", problem=str(condition))


def _parsed(
    text: str, computes: Mapping[str, str | None], kind: Kind
) -> Expression | ExpressionError:
    try:
        return parse(text, computes.keys(), kind=kind)
    except ExpressionError as error:
        return error


def _circle(tag: str, computes: Mapping[str, str | None]) -> list[str]:
    """Return the way from a computed tag back to itself, [] where there is none."""
    way = {tag: ""}
    waiting = [tag]
    while waiting:
        here = waiting.pop()
        text = computes[here]
        found = None if text is None else _parsed(text, computes, Kind.number)
        if not isinstance(found, Expression):
            continue
        if tag in found.tags:
            back = [tag]
            while here:
                back.append(here)
                here = way[here]
            return back[::-1]
        for each in found.tags:
            if each not in way:
                way[each] = here
                waiting.append(each)
    return []
