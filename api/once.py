"""A change asked for over a door: in one transaction, once under a key, its errors as problems."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from psycopg import AsyncConnection

from alarms.errors import ConflictError, FengsuiError, NotAllowedError, NotFoundError
from alarms.storage import idempotency
from alarms.storage.idempotency import Answer
from api import clock
from api.identity import Identity
from api.problems import ProblemError
from api.service import Service

Act = Callable[[AsyncConnection], Awaitable[tuple[int, str]]]
"""Makes the change; returns the answer's status and body."""
Current = Callable[[AsyncConnection, ConflictError], Awaitable[str | None]]
"""Returns the document of what a change did not fit, as it stands now."""


async def perform(
    service: Service,
    identity: Identity,
    asked: object,
    act: Act,
    *,
    key: str | None,
    named: str,
    current: Current,
) -> str:
    """Act and return the answer's body, or what was answered under the key before.

    `asked` tells one request from another. Raises ProblemError 403, 404, 409 (with the present
    document as the member `named`) or 422.
    """
    whose = identity.scope.code, identity.role  # an answer given under other rights is no answer
    digest = hashlib.sha256(msgspec.json.encode((whose, asked))).digest()
    try:
        async with service.transaction() as conn:
            before = None
            if key is not None:
                before = await idempotency.answered(conn, identity.name, key)
            if before is not None:
                return _again(before, digest)
            status, body = await act(conn)
            if key is not None:
                answer = Answer(digest, status, body)
                await idempotency.keep(conn, identity.name, key, answer, now=clock.now())
            return body
    except ConflictError as error:
        async with service.reading(identity.scope) as conn:
            document = await current(conn, error)
        shown: dict[str, Any] = {
            named: None if document is None else msgspec.Raw(document.encode())
        }
        raise ProblemError(409, str(error), **shown) from error
    except NotFoundError as error:
        raise ProblemError(404, str(error)) from error
    except NotAllowedError as error:
        raise ProblemError(403, str(error)) from error
    except FengsuiError as error:
        raise ProblemError(422, str(error)) from error


def _again(before: Answer, asked: bytes) -> str:
    if before.request_hash != asked:
        raise ProblemError(
            422, "this Idempotency-Key was used for another request; draw a new key for each"
        )
    return before.body
