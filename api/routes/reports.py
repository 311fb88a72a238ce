"""Reports over REST: a shift, a day or a month as a page, on paper or as a sheet."""

import asyncio
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from psycopg import AsyncConnection

from alarms import instants, spans
from alarms import scope as scopes
from alarms.handover import Handover, Standing, Told, handover
from alarms.moves import Move
from alarms.scope import Scope
from alarms.spans import Span
from alarms.storage import performance as counted
from alarms.storage import reports as stored
from api import answers, clock
from api.problems import ProblemError
from api.reports import content, ledger, page, paper
from api.reports.blocks import Sheet
from api.reports.words import Lang, say
from api.routes.kpi import MOST_ROWS
from api.service import Asking, Shared

router = APIRouter(prefix="/api/v1", tags=["record"])
_MOST_OPEN: Final = 2_000
_MOST_WARNINGS: Final = 500


class Form(StrEnum):
    """What a report may be written as."""

    html = "html"
    csv = "csv"
    pdf = "pdf"


_MEDIA: Final = {
    Form.html: "text/html; charset=utf-8",
    Form.csv: "text/csv; charset=utf-8",
    Form.pdf: "application/pdf",
}
_DESCRIBED: Final = {
    200: {
        "description": "As asked.",
        "content": {
            "text/html": {"schema": {"type": "string"}},
            "text/csv": {"schema": {"type": "string"}},
            "application/pdf": {"schema": {"type": "string", "format": "binary"}},
        },
    },
    **answers.problems_described((401, 403, 404, 422)),
}


@router.get(
    "/reports/{span}.{form}",
    summary="The alarm system's report of a shift, a day or a month, to be signed",
    response_class=Response,
    responses=_DESCRIBED,
)
async def report(
    identity: Asking,
    service: Shared,
    span: Span,
    form: Form,
    at: Annotated[
        str | None,
        Query(
            max_length=40,
            description="A time within the span; `2026-11-21` names a day, `2026-11` a month. "
            "Absent: the newest span that is over.",
        ),
    ] = None,
    region: Annotated[
        str | None, Query(max_length=64, description="Code; with everything below it.")
    ] = None,
    enterprise: Annotated[str | None, Query(max_length=64, description="Code.")] = None,
    lang: Lang = Lang.zh,
) -> Response:
    """Answer figures beside their targets, floods, bad actors and what stood at the end.

    Shifts, days and months are those of Asia/Shanghai; a shift begins at 0, 8 and 16 o'clock.
    Without `region` and `enterprise` the report is about all that the caller's scope covers.
    """
    now = clock.micros()
    start, end = _span(span, at, now)
    until = min(end, now)
    async with service.counting, service.reading(identity.scope) as conn:
        scope, place = await _place(conn, identity.scope, region, enterprise)
        moves = await counted.moves(
            conn, scope, region=None, start=start, end=until, most=MOST_ROWS
        )
        if moves is None:
            raise ProblemError(
                422, f"more than {MOST_ROWS:,} transitions; ask for one `region` or a shorter span"
            )
        points = await stored.points(conn, scope)
        standing, open_at_end = await stored.standing(conn, scope, end=until, most=_MOST_OPEN)
        warnings = await stored.warnings(conn, scope, start=start, end=until, most=_MOST_WARNINGS)
        positions = sorted({move.position for move in moves if move.position is not None})
        regions = await stored.region_names(conn, positions)
    parts = await asyncio.to_thread(
        _parts, moves, standing, warnings, start=start, end=until, points=points
    )
    async with service.reading(identity.scope) as conn:
        names = await stored.names(conn, _keys(parts))
    subject = content.Subject(
        span=span,
        lang=lang,
        place=say(lang, "everything") if place is None else place.name,
        code="all" if place is None else place.code,
        start=start,
        end=end,
        until=until,
        made=now,
        by=identity.name,
        names=names,
        regions={**regions, "": say(lang, "system")},
        open_at_end=open_at_end,
        listed=len(standing),
    )
    return await asyncio.to_thread(_written, content.sheet(subject, *parts), form, now, span)


def _span(span: Span, at: str | None, now: int) -> tuple[int, int]:
    """Return the span asked for; raise ProblemError for one that has not begun."""
    if at is None:
        begin, _ = spans.around(span, now)
        return spans.around(span, begin - 1)
    start, end = spans.around(span, spans.moment_of(span, at))
    if start >= now:
        raise ProblemError(
            422, f"`at` is in the future: this {span} begins at {instants.to_text(start)}"
        )
    return start, end


async def _place(
    conn: AsyncConnection, scope: Scope, region: str | None, enterprise: str | None
) -> tuple[Scope, stored.Place | None]:
    """Return what the report covers and its name; None is everything.

    What is unknown and what lies outside the caller's scope are answered alike.
    """
    if region is not None and enterprise is not None:
        raise ProblemError(422, "a report is about a `region` or about an `enterprise`, not both")
    if enterprise is None:
        enterprise = scope.enterprise if region is None else None
    if enterprise is not None:
        owner = await stored.enterprise(conn, enterprise)
        if owner is None or not scope.covers(owner.region, owner.code):
            raise ProblemError(404, f"there is no enterprise {enterprise!r} within your scope")
        return scopes.of_enterprise(owner.code), owner
    code = scope.code if region is None and scope.region is not None else region
    if code is None:
        return scope, None
    found = await stored.region(conn, code)
    within = None if found is None else scopes.of_region(found.code)
    if found is None or within is None or not scope.covers(within.region, None):
        raise ProblemError(404, f"there is no region {code!r} within your scope")
    return within, found


def _parts(
    moves: Sequence[Move],
    standing: Sequence[Standing],
    warnings: Sequence[Told],
    *,
    start: int,
    end: int,
    points: Mapping[bool, int],
) -> tuple[Handover | None, Handover | None]:
    """Put together what real and what simulated enterprises have to tell, if there are any.

    Where there is nothing at all, the real ones say so.
    """
    found: list[Handover | None] = []
    for simulated in (False, True):
        its = [move for move in moves if move.simulated is simulated]
        there = bool(its) or points.get(simulated, 0) > 0
        found.append(
            handover(
                its,
                [each for each in standing if each.simulated is simulated],
                [each for each in warnings if each.simulated is simulated],
                start=start,
                end=end,
                points=points.get(simulated, 0),
            )
            if there or (not simulated and not points.get(True, 0))
            else None
        )
    return found[0], found[1]


def _keys(parts: Sequence[Handover | None]) -> list[str]:
    """Return the keys of alarms that a report names."""
    return sorted(
        {
            key
            for part in parts
            if part is not None
            for key in (
                *(each.key for each in part.report.overall.top_10),
                *(key for key, _ in part.chattering),
                *(each.first[0] for each in part.floods),
            )
        }
    )


def _written(sheet: Sheet, form: Form, now: int, span: Span) -> Response:
    match form:
        case Form.html:
            body = page.html_of(sheet)
        case Form.csv:
            body = ledger.csv_of(sheet)
        case Form.pdf:
            body = paper.pdf_of(sheet, made=instants.to_datetime(now))
    headers = {"content-disposition": f'inline; filename="fengsui-{span}.{form}"'}
    return Response(body, media_type=_MEDIA[form], headers=headers)
