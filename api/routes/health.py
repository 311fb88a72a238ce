"""For those who watch the server: is it alive, is it ready, what does it count."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from psycopg import AsyncConnection

from alarms import scope as scopes
from alarms.storage import facts, notifications, origins, places, queries, relays
from api import answers, clock
from api.service import Service, Shared, bearer, identify

router = APIRouter(tags=["health"])
INGEST_SILENT: Final = timedelta(seconds=15)
_PUBLIC: Final[dict[str, Any]] = {"security": []}


@router.get("/healthz", include_in_schema=False)
@router.get("/api/v1/healthz", summary="The process lives", openapi_extra=_PUBLIC)
async def healthz() -> Response:
    """Answer that this process runs."""
    return answers.answer({"status": "ok"})


@router.get("/readyz", include_in_schema=False)
@router.get(
    "/api/v1/readyz",
    summary="Database, schema, journal and ingest are well",
    responses={
        503: {
            "description": "Something this needs is away; `checks` says what, and the mend.",
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
    },
    openapi_extra=_PUBLIC,
)
async def readyz(service: Shared) -> Response:
    """Answer 200 when all this server needs is well, else 503; `checks` says what is not."""
    checks = await _checks(service)
    well = all(check["ok"] for check in checks.values())
    return answers.answer(
        {"status": "ready" if well else "not ready", "checks": checks}, status=200 if well else 503
    )


async def _checks(service: Service) -> dict[str, dict[str, Any]]:
    loop = asyncio.get_running_loop()
    age_s = loop.time() - service.feed.confirmed
    try:
        async with service.transaction() as conn:
            edition = await facts.edition(conn)
            version = await queries.schema_version(conn)
            beat = await places.heartbeat(conn, "ingest")
    except Exception as error:  # noqa: BLE001  whatever it is, the database is not well
        return {
            "database": {"ok": False, "seen": type(error).__name__, "mend": "start the database"}
        }
    living = beat is not None and clock.now() - beat < INGEST_SILENT
    return {
        "database": {"ok": True, "seen": edition},
        "schema": _check(version, "run `fengsui migrate`", is_well=version is not None),
        "journal": _check(service.feed.head, "wait, or see the log", is_well=age_s < 5),
        "ingest": _check(
            answers.text_of(beat), "start `fengsui serve --role ingest`", is_well=living
        ),
    }


def _check(seen: object, mend: str, *, is_well: bool) -> dict[str, Any]:
    """Return a check as it is shown: with its mend where there is something to mend."""
    return {"ok": is_well, "seen": seen} | ({} if is_well else {"mend": mend})


@router.get("/api/v1/metrics", include_in_schema=False)
@router.get(
    "/metrics",
    summary="Counters for Prometheus",
    response_class=PlainTextResponse,
    responses=answers.problems_described((401, 503)),
    openapi_extra={"security": [{}, {"token": []}]},
)
async def metrics(request: Request, service: Shared) -> Response:
    """Answer counters in the Prometheus text format.

    To a token it tells the figures of each position within its scope, to others only their sum.
    """
    known = bearer(request) is not None
    scope = (await identify(request)).scope if known else None
    async with service.transaction() as conn:
        open_alarms = await queries.open_by_tier(conn)
        counters = await places.counters(conn)
        towers = await _towers(conn)
        told = await notifications.counted(conn, clock.now() - timedelta(days=1))
    lines = [
        *_metric("fengsui_journal_head", "gauge", "Newest journal offset.", service.feed.head),
        "# HELP fengsui_alarms_open Open alarms by tier.",
        "# TYPE fengsui_alarms_open gauge",
        *(f'fengsui_alarms_open{{tier="{tier}"}} {count}' for tier, count in open_alarms.items()),
        "# HELP fengsui_notifications Notifications of 24 hours, and all that wait, by state.",
        "# TYPE fengsui_notifications gauge",
        *(f'fengsui_notifications{{state="{state}"}} {count}' for state, count in told.items()),
        *_metric("fengsui_websocket_clients", "gauge", "Open sockets.", len(service.connections)),
        *_metric(
            "fengsui_gateways_online", "gauge", "Gateways that are online.", counters["online"]
        ),
        *_metric("fengsui_gateways", "gauge", "Registered gateways.", counters["gateways"]),
    ]
    for name, said in (
        ("messages", "Messages taken from gateways."),
        ("accepted", "Readings accepted."),
        ("rejected", "Readings rejected."),
        ("lost", "Messages lost on the way, by their sequence numbers."),
    ):
        # What was taken for lost and came behind its time is taken off again.
        kind = "gauge" if name == "lost" else "counter"
        lines += _metric(f"fengsui_{_SERIES[name]}_total", kind, said, counters[name])
    lines += service.burdens.lines(scope)
    lines += towers
    return Response("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")


async def _towers(conn: AsyncConnection) -> list[str]:
    """Return how far relays to towers above are behind, and when towers below were heard last."""
    above = await relays.listed(conn, scopes.ALL)
    below = await origins.listed(conn)
    now = clock.now()
    behind_s = [
        0.0 if each.waiting_since is None else (now - each.waiting_since).total_seconds()
        for each in above
    ]
    silence_s = [(now - each.heard_at).total_seconds() for each in below]
    relay = [f'relay="{each.id}"' for each in above]
    tower = [f'tower="{each.tower}"' for each in below]
    return [
        *_series("relay_behind_rows", "Rows not yet above.", relay, [e.behind for e in above]),
        *_series("relay_behind_seconds", "How long the first has waited.", relay, behind_s),
        *_series(
            "relay_refused", "Events the tower above refuses.", relay, [e.refused for e in above]
        ),
        *_series("tower_silent_seconds", "Since a tower below was heard.", tower, silence_s),
        *_series("tower_refused", "Events refused here.", tower, [e.refused for e in below]),
    ]


def _series(name: str, said: str, labels: Sequence[str], values: Sequence[float]) -> list[str]:
    if not labels:
        return []
    shown = [
        f"fengsui_{name}{{{label}}} {max(0, value)}"
        for label, value in zip(labels, values, strict=True)
    ]
    return [f"# HELP fengsui_{name} {said}", f"# TYPE fengsui_{name} gauge", *shown]


_SERIES: Final = {
    "messages": "messages",
    "accepted": "readings_accepted",
    "rejected": "readings_rejected",
    "lost": "messages_lost",
}


def _metric(name: str, kind: str, said: str, value: int) -> tuple[str, str, str]:
    return f"# HELP {name} {said}", f"# TYPE {name} {kind}", f"{name} {value}"
