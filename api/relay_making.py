"""What a new relay must say, and when there may be none."""

from typing import Annotated, Literal

from msgspec import Meta, Struct
from psycopg import AsyncConnection

from alarms.plant import prefix_of
from alarms.scope import ALL
from alarms.storage import relays
from alarms.storage.relays import Relay, Wanted
from api import clock, frames, outbound
from api.identity import Identity
from api.problems import ProblemError


class NewRelay(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the tower above is, its token for us, what it acts for, and what it is to hear.

    `region` absent: all of the caller's scope. `escalated_only`: an alarm from the moment at which
    it is escalated; warnings in any case.
    """

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    url: Annotated[str, Meta(min_length=1, max_length=2000)]
    token: Annotated[str, Meta(min_length=1, max_length=500, pattern=r"^[!-~]+$")]
    level: Literal["county", "city", "province"]
    region: Annotated[str, Meta(min_length=2, max_length=64)] | None = None
    tier_min: frames.TierName | None = None
    escalated_only: bool = False


async def make(conn: AsyncConnection, identity: Identity, wanted: NewRelay) -> Relay:
    """Make a relay of the caller's scope; raise ProblemError 404, 409 or 422, ConflictError."""
    outbound.check(wanted.url)
    region = wanted.region or (None if identity.scope.everything else identity.scope.code)
    if region is not None and not identity.scope.covers(prefix_of(region), None):
        raise ProblemError(404, f"there is no region {region} within your scope")
    await _refuse_second(conn, identity, wanted.url)
    return await relays.create(
        conn,
        Wanted(
            name=wanted.name,
            url=wanted.url,
            token=wanted.token,
            region=region,
            tier_min=wanted.tier_min,
            escalated_only=wanted.escalated_only,
            level=wanted.level,
        ),
        actor=identity.name,
        now=clock.now(),
    )


async def _refuse_second(conn: AsyncConnection, identity: Identity, url: str) -> None:
    """Refuse a relay to where another leads: the tower there keeps one place for this one."""
    asked = outbound.place(url)
    for other in await relays.listed(conn, ALL):
        if outbound.place(other.url) != asked:
            continue
        if not await relays.listed(conn, identity.scope, relay=other.id):
            raise ProblemError(
                409,
                f"a relay outside your scope leads to {url} already, and one tower takes one; ask "
                "an administrator of scope all",
            )
        raise ProblemError(
            409,
            f"relay {other.name} leads to {url} already, and one tower takes one; delete it first "
            f"(DELETE /api/v1/relays/{other.id}), then make this one",
            relay=other.id,
        )
