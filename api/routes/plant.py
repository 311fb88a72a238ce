"""The plant over REST: regions, enterprises, sources, units, points and readings, gateways."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from alarms import rules
from alarms.alarm import Tier
from alarms.plant import Point
from alarms.readings import QUALITY_MASK, Quality
from alarms.storage import places, trends
from alarms.storage.places import Count, Page
from alarms.timers import of_rule
from api import answers, clock, examples
from api.problems import ProblemError
from api.routes.gateways import places_shown
from api.service import Asking, Shared

router = APIRouter(prefix="/api/v1", tags=["plant"])
_ANSWERED = (401, 422)
_JUDGED_BY = (
    *("enterprise", "source", "unit", "tag", "quantity", "engineering_unit", "limits", "deadband"),
    *("on_delay_s", "off_delay_s", "tiers", "params", "period_s"),
)


@router.get(
    "/regions",
    summary="Administrative divisions, parks and zones, with open alarms at and below each",
    responses=answers.described("Region", examples.REGION, of="page", problems=_ANSWERED),
)
async def regions(
    identity: Asking,
    service: Shared,
    parent: Annotated[
        str | None, Query(description="Only children of this code; empty: the provinces.")
    ] = None,
    used: Annotated[bool, Query(description="Only those with enterprises below them.")] = False,  # noqa: FBT002
    limit: answers.Limit = 1000,
    cursor: answers.Cursor = None,
) -> Response:
    """Answer what the scope covers, with the ancestors that lead to it."""
    page = Page(answers.place_of(cursor) or "", limit)
    async with service.reading(identity.scope) as conn:
        rows = await places.regions(conn, identity.scope, parent=parent, used=used, page=page)
        counts = await places.open_counts(conn, identity.scope)
        above = await places.ancestors(conn, sorted({count.region for count in counts}))
    pairs = [(code, count) for count in counts for code in above.get(count.region, ())]
    found = _summed(pairs, unacknowledged=False)
    owed = _summed(pairs, unacknowledged=True)
    items = [
        {**row, "open": found[row["code"]], "unacknowledged": owed[row["code"]]} for row in rows
    ]
    return answers.page(items, limit=limit, place=rows[-1]["code"] if rows else None)


@router.get(
    "/enterprises",
    summary="Enterprises",
    responses=answers.described("Enterprise", examples.ENTERPRISE, of="page", problems=_ANSWERED),
)
async def enterprises(
    identity: Asking,
    service: Shared,
    region: str | None = None,
    limit: answers.Limit = 100,
    cursor: answers.Cursor = None,
) -> Response:
    """Answer the enterprises the scope covers."""
    page = Page(answers.place_of(cursor) or "", limit)
    async with service.reading(identity.scope) as conn:
        rows = await places.enterprises(conn, identity.scope, region=region, page=page)
        counts = await places.open_counts(conn, identity.scope)
    found = _summed(((count.enterprise, count) for count in counts), unacknowledged=False)
    items = [{**row, "open": found[row["code"]]} for row in rows]
    return answers.page(items, limit=limit, place=rows[-1]["code"] if rows else None)


@router.get(
    "/sources",
    summary="Major hazard sources with S, R, level (GB 18218-2018), units and live state",
    responses=answers.described("Source", examples.SOURCE, of="page", problems=_ANSWERED),
)
async def sources(
    identity: Asking,
    service: Shared,
    region: str | None = None,
    enterprise: str | None = None,
    source: Annotated[str | None, Query(description="Only this code.")] = None,
    limit: answers.Limit = 100,
    cursor: answers.Cursor = None,
) -> Response:
    """Answer the sources the scope covers; `live.tier` is the worst that is open."""
    page = _numbered(cursor, limit)
    async with service.reading(identity.scope) as conn:
        rows = await places.sources(
            conn, identity.scope, region=region, enterprise=enterprise, code=source, page=page
        )
        counts = await places.open_counts(conn, identity.scope)
    found = _summed(
        (((count.enterprise, count.source), count) for count in counts), unacknowledged=False
    )
    items = [_source(row, found[row["enterprise"], row["code"]]) for row in rows]
    return answers.page(items, limit=limit, place=str(rows[-1]["id"]) if rows else None)


def _source(row: places.Row, counts: dict[str, int]) -> dict[str, Any]:
    latitude, longitude = row["latitude"], row["longitude"]
    shown = {name: row[name] for name in row if name not in {"id", "latitude", "longitude"}}
    worst = next((tier for tier, count in counts.items() if count), "none")
    return shown | {
        "location": None if latitude is None else {"lat": latitude, "lon": longitude},
        "live": {"tier": worst, "open": counts},
    }


@router.get(
    "/units",
    summary="Tanks, pipe sections, working faces, roadways, areas and equipment",
    responses=answers.described("Unit", examples.UNIT, of="page", problems=_ANSWERED),
)
async def units(
    identity: Asking,
    service: Shared,
    enterprise: str | None = None,
    source: str | None = None,
    limit: answers.Limit = 100,
    cursor: answers.Cursor = None,
) -> Response:
    """Answer the units the scope covers."""
    async with service.reading(identity.scope) as conn:
        rows = await places.units(
            conn,
            identity.scope,
            enterprise=enterprise,
            source=source,
            page=_numbered(cursor, limit),
        )
    items = [{name: row[name] for name in row if name != "id"} for row in rows]
    return answers.page(items, limit=limit, place=str(rows[-1]["id"]) if rows else None)


@router.get(
    "/gateways",
    summary="Gateways: last seen, rates, clock error, loss",
    responses=answers.described("Gateway", examples.GATEWAY, of="page", problems=_ANSWERED),
)
async def gateways(
    identity: Asking,
    service: Shared,
    enterprise: str | None = None,
    limit: answers.Limit = 100,
    cursor: answers.Cursor = None,
) -> Response:
    """Answer the gateways the scope covers."""
    now = clock.now()
    page = Page(answers.place_of(cursor) or "", limit)
    async with service.reading(identity.scope) as conn:
        rows = await places.gateways(conn, identity.scope, enterprise=enterprise, page=page)
    items = [places_shown(row, now) for row in rows]
    return answers.page(items, limit=limit, place=rows[-1]["id"] if rows else None)


@router.get(
    "/points",
    summary="Measured points with their newest reading",
    responses=answers.described("Point", examples.POINT, of="page", problems=_ANSWERED),
)
async def points(
    identity: Asking,
    service: Shared,
    region: str | None = None,
    enterprise: str | None = None,
    source: str | None = None,
    unit: str | None = None,
    tag: str | None = None,
    quantity: str | None = None,
    gateway: str | None = None,
    limit: answers.Limit = 100,
    cursor: answers.Cursor = None,
) -> Response:
    """Answer the points the scope covers."""
    given = {
        "region": region,
        "enterprise": enterprise,
        "source": source,
        "unit": unit,
        "tag": tag,
        "quantity": quantity,
        "gateway": gateway,
    }
    filters = {name: value for name, value in given.items() if value is not None}
    page = _numbered(cursor, limit)
    async with service.reading(identity.scope) as conn:
        rows = await places.points(conn, identity.scope, filters=filters, page=page)
    items = [_point(row) for row in rows]
    return answers.page(items, limit=limit, place=str(rows[-1]["id"]) if rows else None)


def _point(row: places.Row) -> dict[str, Any]:
    low, high, moment = row["range_low"], row["range_high"], row["ts"]
    judged = _judged(row)
    n, m = rules.confirmation_of(judged)
    bridge_s, stale_s = rules.silences_s(judged)
    hidden = {"range_low", "range_high", "gateway_id", "ts", "value", "quality", "registered_at"}
    hidden.add("params")
    return {name: row[name] for name in row if name not in hidden} | {
        "id": str(row["id"]),
        "range": None if low is None else [low, high],
        "delays": rules.on_delays_s(judged),
        "confirmation": {"n": n, "m": m} if m > 1 else None,
        "bridge_s": bridge_s,
        "stale_s": stale_s,
        "timers": {kind: own for kind in judged.params if (own := of_rule(judged.params[kind]))},
        "gateway": row["gateway_id"],
        "registered_at": answers.text_of(row["registered_at"]),
        "last": None
        if moment is None
        else {
            "t": int(moment.timestamp() * 1000),
            "v": row["value"],
            "q": row["quality"] & QUALITY_MASK,
        },
    }


def _judged(row: places.Row) -> Point:
    """Return what the rules need to know of a point."""
    return Point(
        **{name: row[name] for name in _JUDGED_BY},
        detect=None if row["detect"] is None else tuple(row["detect"]),
    )


@router.get(
    "/points/{point_id:path}/readings",
    summary="A point's readings, raw or rolled up, at most 5,000 rows",
    responses=answers.described("Readings", examples.READINGS, problems=(401, 404, 422)),
)
async def readings(
    identity: Asking,
    service: Shared,
    point_id: str,
    start: Annotated[
        str | None, Query(alias="from", description="Default: an hour before `to`.")
    ] = None,
    end: Annotated[str | None, Query(alias="to", description="Default: now; not included.")] = None,
    resolution: Annotated[
        Literal["raw", "1m", "1h", "1d"] | None,
        Query(description="Default: raw if that fits, else the finest that fits."),
    ] = None,
) -> Response:
    """Answer a trend of the point `{id}` or `{enterprise}:{tag}`."""
    until = answers.moment_of(end, "to") or clock.now()
    since = answers.moment_of(start, "from") or until - timedelta(hours=1)
    if since > until:
        raise ProblemError(422, "`from` is later than `to`")
    enterprise, colon, tag = point_id.partition(":")
    number = int(point_id) if point_id.isascii() and point_id.isdigit() else None
    if not colon and (number is None or number >= 2**31):
        raise ProblemError(404, f"there is no point {point_id!r} within your scope")
    async with service.reading(identity.scope) as conn:
        found = await places.point(
            conn,
            identity.scope,
            point_id=None if colon else number,
            key=(enterprise, tag) if colon else None,
        )
        if found is None:
            raise ProblemError(404, f"there is no point {point_id!r} within your scope")
        trend = await trends.trend(conn, found["id"], since, until, resolution=resolution)
    rows: Iterable[tuple[Any, ...]] = trend.rows
    if trend.resolution == "raw":
        rows = [(_ms(ms), value, Quality(quality).name) for ms, value, quality in rows]
    return answers.answer(
        {
            "point": str(found["id"]),
            "resolution": trend.resolution,
            "unit": found["engineering_unit"],
            "rows": rows,
        }
    )


def _ms(milliseconds: float) -> int | float:
    """Return whole milliseconds as an integer."""
    return int(milliseconds) if milliseconds.is_integer() else milliseconds


def _numbered(cursor: str | None, limit: int) -> Page:
    return Page(str(answers.number_of(cursor) or 0), limit)


def _summed(
    counts: Iterable[tuple[object, Count]], *, unacknowledged: bool
) -> defaultdict[object, dict[str, int]]:
    """Add up open alarms by place, red first within each."""
    found: defaultdict[object, dict[str, int]] = defaultdict(
        lambda: {tier.name: 0 for tier in sorted(Tier, reverse=True) if tier is not Tier.none}
    )
    for place, count in counts:
        found[place][count.tier.name] += count.unacknowledged if unacknowledged else count.open
    return found
