"""One gateway as its enterprise sees it: how it is heard, what was refused and why, its history."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Response

from alarms.rules import STALE_LEAST_S
from alarms.storage import certificates, credentials, gateway_history, places
from api import answers, clock, examples, refusal_words, wire_text
from api.problems import ProblemError
from api.routes.credentials import GatewayId
from api.service import Asking, Shared

router = APIRouter(prefix="/api/v1", tags=["gateways"])
MOST_ROWS: Final = 5_000
_REFUSED_SINCE: Final = timedelta(hours=24)
_STEP: Final = {
    "1m": timedelta(minutes=1),
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
}
_HOURS: Final = {"1m": 0, "1h": 1, "1d": 24}


@router.get(
    "/gateways/{gateway}",
    summary="One gateway: status, rates, loss, clock, credential, what was refused and why",
    responses=answers.described("GatewayDetail", examples.GATEWAY_DETAIL, problems=(401, 404)),
)
async def one(identity: Asking, service: Shared, gateway: GatewayId) -> Response:
    """Answer a gateway within the scope."""
    now = clock.now()
    async with service.reading(identity.scope) as conn:
        row = await places.gateway(conn, identity.scope, gateway)
        if row is None:
            raise ProblemError(404, f"there is no gateway {gateway!r} within your scope")
        rates = await gateway_history.rates(conn, gateway, now=now)
        refused = await gateway_history.refusals(conn, gateway, since=now - _REFUSED_SINCE)
        admitted = await credentials.entry(conn, gateway)
        issued = await certificates.of(conn, gateway)
    return answers.answer(
        places_shown(row, now)
        | {
            "rates": {
                "messages_per_s": {"1m": rates.messages_1m, "15m": rates.messages_15m},
                "readings_per_s": {"1m": rates.readings_1m, "15m": rates.readings_15m},
            },
            "credential": None if admitted is None else _credential(admitted),
            "certificates": [_certificate(each) for each in issued],
            "refused": [_refused(each) for each in refused],
        }
    )


def places_shown(row: places.Row, now: datetime) -> dict[str, Any]:
    """Return a gateway as lists show it; `loss` is the share of messages lost on the way.

    `state` is the gateway's own word. `heard` is ours: whether a message of any kind came within
    the silence after which the fastest of its points counts as stale.
    """
    carried = row["messages"] + row["lost"]
    silence_s = STALE_LEAST_S if row["silence_s"] is None else row["silence_s"]
    seen = row["last_seen_at"]
    heard = "silent" if seen is None or now - seen > timedelta(seconds=silence_s) else "online"
    hidden = {"last_seen_at", "state_at", "silence_s", "corrected_stamp", "corrected_at"}
    return {name: row[name] for name in row if name not in hidden} | {
        "heard": "never" if seen is None else heard,
        "expected_silence_s": silence_s,
        "state_at": answers.text_of(row["state_at"]),
        "last_seen": answers.text_of(row["last_seen_at"]),
        "corrected": _corrected(row),
        "loss": row["lost"] / carried if carried else 0.0,
    }


def _corrected(row: places.Row) -> dict[str, Any]:
    """Return what was stamped too far ahead: how many readings, and of the last by how much."""
    stamp, at = row["corrected_stamp"], row["corrected_at"]
    return {
        "count": row["corrected"],
        "stamp": answers.text_of(stamp),
        "received": answers.text_of(at),
        "ahead_s": None if stamp is None else (stamp - at).total_seconds(),
    }


def _credential(admitted: credentials.Admitted) -> dict[str, Any]:
    since = admitted.revoked_at or admitted.credential_at
    return {"standing": admitted.standing, "since": answers.text_of(since)}


def _certificate(issued: certificates.Issued) -> dict[str, Any]:
    return {
        "serial": issued.serial,
        "fingerprint": issued.fingerprint,
        "not_before": answers.text_of(issued.not_before),
        "not_after": answers.text_of(issued.not_after),
        "revoked_at": answers.text_of(issued.revoked_at),
    }


def _refused(found: gateway_history.Refusals) -> dict[str, Any]:
    text, packed = wire_text.of(found.payload)
    return {
        "reason": found.reason,
        "words": refusal_words.of(found.reason),
        "count": found.number,
        "first_at": answers.text_of(found.first_at),
        "last_at": answers.text_of(found.last_at),
        "tags": found.tags,
        "sample": found.sample,
        "payload": text,
        "payload_base64": packed,
    }


@router.get(
    "/gateways/{gateway}/history",
    summary="What came of a gateway and how wrong its clock was, by minute, hour or day",
    responses=answers.described("GatewayHistory", examples.GATEWAY_HISTORY, problems=(401, 404)),
)
async def history(
    identity: Asking,
    service: Shared,
    gateway: GatewayId,
    start: Annotated[
        str | None, Query(alias="from", description="Default: an hour before `to`.")
    ] = None,
    end: Annotated[str | None, Query(alias="to", description="Default: now; not included.")] = None,
    resolution: Annotated[
        Literal["1m", "1h", "1d"] | None,
        Query(description="Default: the finest that is kept and fits; minutes are kept for a day."),
    ] = None,
) -> Response:
    """Answer rows `[ms, messages, accepted, rejected, lost, clock s, lowest s, highest s]`."""
    now = clock.now()
    until = answers.moment_of(end, "to") or now
    since = answers.moment_of(start, "from") or until - timedelta(hours=1)
    if since > until:
        raise ProblemError(422, "`from` is later than `to`")
    step = resolution or _finest(since, until, now)
    async with service.reading(identity.scope) as conn:
        if await places.gateway(conn, identity.scope, gateway) is None:
            raise ProblemError(404, f"there is no gateway {gateway!r} within your scope")
        found = await gateway_history.spans(
            conn, gateway, start=since, end=until, hours=_HOURS[step], limit=MOST_ROWS
        )
    rows = [[int(span.at.timestamp() * 1000), *span[1:]] for span in found]
    return answers.answer({"gateway": gateway, "resolution": step, "rows": rows})


def _finest(since: datetime, until: datetime, now: datetime) -> str:
    if since >= now - gateway_history.KEPT_MINUTES:
        return "1m"
    return "1h" if until - since <= MOST_ROWS * _STEP["1h"] else "1d"
