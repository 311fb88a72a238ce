"""Sign-ins, sign-outs and refused sign-ins, as lines of the audit trail."""

from typing import Final

from fastapi import Request

from alarms.storage import queries
from api import clock
from api.service import Service

_NOBODY: Final = "session"
"""The object of a refused sign-in that names no account; a name typed may be a password."""
_MOST: Final = 300
"""Characters kept of words that are a stranger's."""


async def record(service: Service, name: str, action: str, after: object = None) -> None:
    """Write down what somebody known did with a session."""
    async with service.transaction() as conn:
        await queries.record_trail(
            conn,
            at=clock.now(),
            actor=name,
            action=action,
            subject=f"person:{name}",
            after=after,
        )


async def record_refusal(
    service: Service, request: Request, *, by: str, why: str, account: str | None, **more: object
) -> None:
    """Write down that a sign-in was refused: from which address, by which way and why.

    `account` is whom it was for, None unless that account exists or a provider has proven it.
    """
    async with service.transaction() as conn:
        await queries.record_trail(
            conn,
            at=clock.now(),
            actor=f"address:{address_of(request)}",
            action="sign_in.refused",
            subject=_NOBODY if account is None else f"person:{account}",
            after={"by": by, "why": why, **more},
        )


async def record_stray(service: Service, request: Request, *, why: str, **more: str) -> None:
    """Write down a refused sign-in through the provider that proves nobody, within a bound.

    Anybody can bring these about: of one address five are written, then at most one a minute.
    """
    address = address_of(request)
    if service.strays.wait_s(address) > 0:
        return
    service.strays.failed(address)
    kept = {name: text.replace("\0", "")[:_MOST] for name, text in more.items()}
    await record_refusal(service, request, by="oidc", why=why, account=None, **kept)


def address_of(request: Request) -> str:
    """Return the address a request comes from."""
    return request.client.host if request.client is not None else "unknown"
