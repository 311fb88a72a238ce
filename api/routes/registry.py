"""The registry file over REST: loaded whole or refused whole, as `fengsui import` does."""

import asyncio
from typing import Annotated

import psycopg
from fastapi import APIRouter, Query, Request, Response

from alarms import registry, registry_changes
from alarms.errors import RefusedError
from alarms.storage import registry as stored
from api import answers, clock, examples
from api.problems import ProblemError
from api.service import Asking, Shared

router = APIRouter(prefix="/api/v1", tags=["plant"])


@router.post(
    "/registry",
    summary="Load or update the registry (administrators of scope all)",
    responses=answers.described("Imported", examples.IMPORTED, problems=(401, 403, 409, 422)),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/yaml": {"schema": {"type": "string"}},
                "application/json": {"schema": {"type": "object"}},
            },
        }
    },
)
async def load(
    identity: Asking,
    service: Shared,
    request: Request,
    dry_run: Annotated[bool, Query(description="Say what would happen, change nothing.")] = False,  # noqa: FBT002
) -> Response:
    """Answer what was created and changed; a file with a fault is refused with all its faults."""
    if identity.role != "administrator" or not identity.scope.everything:
        raise ProblemError(403, "the registry is for administrators of scope all")
    document = await request.body()
    try:
        async with service.transaction() as conn:
            known = await stored.known(conn)
            found = await asyncio.to_thread(registry.parse, document, known, name="the registry")
            done = (
                await stored.plan(conn, found)
                if dry_run
                else await stored.apply(conn, found, actor=identity.name, now=clock.micros())
            )
    except RefusedError as error:
        faults = [
            {"line": fault.line, "place": fault.place, "problem": fault.problem}
            for fault in error.faults
        ]
        said = f"the registry was refused, nothing was changed; {len(faults)} faults to mend"
        raise ProblemError(422, said, faults=faults) from error
    except psycopg.errors.IntegrityError as error:
        raise ProblemError(
            409, "the registry changed meanwhile; nothing was changed, send it again"
        ) from error
    warned = [*map(str, found.warnings), *registry_changes.warnings(done)]
    return answers.answer(
        {
            "created": done.created,
            "changed": done.changed,
            "unchanged": done.unchanged,
            "kinds": done.counts(),
            "warnings": warned,
        }
    )
