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
            if found.always is not None:
                yield PointFinding(key="compute", problem=_constant(found))
            circle = _way(point.tag, point.tag, computes)
            if circle:
                problem = f"goes in a circle, {' → '.join(circle)}: one of them must be measured"
                yield PointFinding(key="compute", problem=problem)
    if "when" in point.suppress:
        condition = _parsed(point.suppress["when"], computes, Kind.condition)
        if isinstance(condition, ExpressionError):
            yield PointFinding(key="suppress.when", problem=str(condition))
        else:
            yield from _condition_findings(point.tag, condition, computes)


def _condition_findings(
    tag: str, condition: Expression, computes: Mapping[str, str | None]
) -> Iterator[PointFinding]:
    """Say where a suppression never changes, or hangs on the value it silences.

    A point's own value is what its alarms speak of: a condition on it would silence them just where
    they are meant to be heard, so it is refused. What is computed from it may serve a purpose (the
    balance around a tank) and is only warned of.
    """
    key = "suppress.when"
    if condition.always is not None:
        yield PointFinding(key=key, problem=_constant(condition))
    if tag in condition.tags:
        problem = (
            f"hangs on {tag} itself, so its alarms would be silent by the very value they speak "
            "of: set its limits to what deserves an alarm, and name what explains it here"
        )
        yield PointFinding(key=key, problem=problem)
        return
    for other in condition.tags:
        way = _way(other, tag, computes)
        if way:
            problem = (
                f"hangs on {tag} itself, {' → '.join(way)}: its alarms may be silent by the very "
                "value they speak of"
            )
            yield PointFinding(key=key, problem=problem, refused=False)


def _constant(found: Expression) -> str:
    says = str(bool(found.always)).lower() if found.kind is Kind.condition else f"{found.always:g}"
    return f"always gives {says}, whatever its points say: correct it or remove it"


def _parsed(
    text: str, computes: Mapping[str, str | None], kind: Kind
) -> Expression | ExpressionError:
    try:
        return parse(text, computes.keys(), kind=kind)
    except ExpressionError as error:
        return error


def _way(start: str, end: str, computes: Mapping[str, str | None]) -> list[str]:
    """Return the way from a computed tag to one it is computed from, [] where there is none."""
    way = {start: ""}
    waiting = [start]
    while waiting:
        here = waiting.pop()
        text = computes[here]
        found = None if text is None else _parsed(text, computes, Kind.number)
        if not isinstance(found, Expression):
            continue
        if end in found.tags:
            back = [end]
            while here:
                back.append(here)
                here = way[here]
            return back[::-1]
        for each in found.tags:
            if each not in way:
                way[each] = here
                waiting.append(each)
    return []
