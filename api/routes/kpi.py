"""Figures of the alarm system over REST: how well it serves those who watch it."""

import asyncio
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Query, Response

from alarms import instants, performance
from alarms.kpi import DAY_US
from alarms.plant import prefix_of
from alarms.storage import performance as counted
from alarms.targets import TARGETS
from api import answers, clock, performance_examples
from api.problems import ProblemError
from api.service import Asking, Shared

router = APIRouter(prefix="/api/v1", tags=["record"])
MOST_ROWS: Final = 500_000
MOST_US: Final = 92 * DAY_US
_DEFAULT_US: Final = 7 * DAY_US


@router.get(
    "/kpi",
    summary="ISA-18.2 and EEMUA 191 figures of each operator position, in event time",
    responses=answers.described(
        "Performance", performance_examples.PERFORMANCE, problems=(401, 422)
    ),
)
async def kpi(
    identity: Asking,
    service: Shared,
    start: Annotated[
        str | None, Query(alias="from", description="Absent: seven days before `to`.")
    ] = None,
    end: Annotated[str | None, Query(alias="to", description="Absent: now.")] = None,
    region: Annotated[str | None, Query(description="Code; matches everything below.")] = None,
) -> Response:
    """Answer the figures of all positions together and of each; a position is a region.

    Bounds that were published for them stand in `targets`, with their source and mark;
    `ten_minutes` tells how the alarms of the busiest position fell over the span.
    """
    until = clock.now() if end is None else answers.moment_of(end, "to")
    assert until is not None  # noqa: S101  # a text was given
    last = instants.from_datetime(until)
    begin = answers.moment_of(start, "from")
    first = last - _DEFAULT_US if begin is None else instants.from_datetime(begin)
    if not 0 < last - first <= MOST_US:
        raise ProblemError(422, "`from` lies before `to`, by 92 days at most")
    prefix = None if region is None else prefix_of(region)
    async with service.counting, service.reading(identity.scope) as conn:
        moves = await counted.moves(
            conn, identity.scope, region=prefix, start=first, end=last, most=MOST_ROWS
        )
        points = await counted.points(conn, identity.scope, region=prefix)
    if moves is None:
        raise ProblemError(
            422, f"more than {MOST_ROWS:,} transitions; ask for fewer days, or for one `region`"
        )
    found = await asyncio.to_thread(performance.report, moves, start=first, end=last, points=points)
    where = performance.busiest(found)
    bars = performance.ten_minutes(moves, where, start=first, end=last)
    return answers.answer({**shown(found), "busiest": where or None, "ten_minutes": bars})


def shown(report: performance.Report) -> dict[str, Any]:
    """Return a report as it is shown: instants as text, what was published beside it."""
    document: dict[str, Any] = msgspec.to_builtins(report)
    return {
        "from": instants.to_text(report.start),
        "to": instants.to_text(report.end),
        **{name: document[name] for name in ("points", "alarms_per_point_day", "overall")},
        "positions": [
            {"region": code or None, **document["positions"][code]} for code in report.positions
        ],
        "targets": msgspec.to_builtins(TARGETS),
    }
