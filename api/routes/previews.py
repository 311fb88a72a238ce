"""One gateway over REST: what would become of a message it sent."""

import asyncio
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request, Response

from alarms.errors import RefusedError
from alarms.storage import plant as stored
from api import answers, clock, examples
from api.problems import ProblemError
from api.service import Asking, Shared

router = APIRouter(prefix="/api/v1", tags=["plant"])
_LONGEST: Final = 3 << 20
"""A body: a message of 1 MiB as text in JSON, and a mapping."""
_BODY: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["sample"],
    "properties": {
        "sample": {
            "type": ["string", "object", "array"],
            "description": "The message: its text, or the JSON itself.",
        },
        "dialect": {"type": ["string", "null"], "description": "Tried instead of the set one."},
        "mapping": {
            "type": ["array", "null"],
            "items": {"type": "object"},
            "description": "Tried instead of the registered one, as in a registry file.",
        },
    },
    "additionalProperties": False,
}


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    sample: str | dict[str, Any] | list[Any]
    dialect: str | msgspec.UnsetType | None = msgspec.UNSET
    mapping: list[dict[str, Any]] | msgspec.UnsetType | None = msgspec.UNSET


_asked: Final = msgspec.json.Decoder(_Asked)


@router.post(
    "/gateways/{gateway_id}/preview",
    summary="Say what would become of a message of this gateway; publish and store nothing",
    responses=answers.described("Preview", examples.PREVIEW, problems=(401, 404, 413, 422, 503)),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": _BODY, "example": examples.PREVIEW_ASKED},
            },
        }
    },
)
async def preview(identity: Asking, service: Shared, request: Request, gateway_id: str) -> Response:
    """Answer the dialect, the readings as they would be stored, and refusals in plain words."""
    if service.preview is None:
        raise ProblemError(503, "this server does not decode messages; ask one that serves all")
    body = await request.body()
    if len(body) > _LONGEST:
        raise ProblemError(413, f"the body has {len(body)} bytes, {_LONGEST} are allowed")
    asked = _read(body)
    async with service.reading(identity.scope) as conn:
        found = await stored.of_gateway(conn, gateway_id)
    owner = None if found is None else found.enterprises[found.gateways[gateway_id].enterprise]
    if found is None or owner is None or not identity.scope.covers(owner.region, owner.code):
        raise ProblemError(404, f"there is no gateway {gateway_id!r} within your scope")
    sample = asked.sample
    payload = (
        sample.encode("utf-8", "replace")
        if isinstance(sample, str)
        else (msgspec.json.encode(sample))
    )
    given = {"dialect": asked.dialect, "mapping": asked.mapping}
    settings = {name: value for name, value in given.items() if value is not msgspec.UNSET}
    try:
        answer = await asyncio.to_thread(
            service.preview, found, gateway_id, payload, clock.micros(), settings
        )
    except RefusedError as error:
        faults = [{"place": fault.place, "problem": fault.problem} for fault in error.faults]
        said = f"these settings cannot be tried; {len(faults)} faults to mend"
        raise ProblemError(422, said, faults=faults) from error
    return answers.answer(answer)


def _read(body: bytes) -> _Asked:
    try:
        return _asked.decode(body)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise ProblemError(
            422, f"a JSON object with `sample`, and `dialect` or `mapping`, is wanted: {error}"
        ) from error
