"""A gateway's credential over REST: given once, rotated, revoked, as `fengsui gateway` does."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response
from msgspec import Struct

from api import answers, clock, examples, gateway_life, permissions
from api.identity import Identity
from api.problems import ProblemError
from api.service import Asking, Shared

router = APIRouter(prefix="/api/v1", tags=["gateways"])
GatewayId = Annotated[str, Path(description="The gateway's id.")]
_ASKED: Final = (401, 403, 404, 409, 422, 503)


class NewGateway(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The gateway to be let in, and whose it is."""

    id: str
    enterprise: str


@router.post(
    "/gateways",
    summary="Let a gateway in: its credential, shown this once (administrators, enterprises)",
    status_code=201,
    responses=answers.described("IssuedCredential", examples.ISSUED, status=201, problems=_ASKED),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/NewGateway"}}
            },
        }
    },
)
async def create(identity: Asking, service: Shared, request: Request) -> Response:
    """Register the gateway if it was not, and answer what is handed to the enterprise."""
    _allowed(identity)
    wanted = await answers.body_of(request, NewGateway)
    async with service.transaction() as conn:
        done = await gateway_life.create(
            conn,
            service.entrance,
            gateway=wanted.id,
            enterprise=wanted.enterprise,
            scope=identity.scope,
            actor=identity.name,
            now=clock.now(),
        )
    return answers.answer(done, status=201)


@router.post(
    "/gateways/{gateway}/rotate",
    summary="Give a gateway a new password; the old one is refused at once",
    responses=answers.described("IssuedCredential", examples.ISSUED, problems=_ASKED),
)
async def rotate(identity: Asking, service: Shared, gateway: GatewayId) -> Response:
    """Answer the new credential, this once."""
    async with service.transaction() as conn:
        done = await gateway_life.rotate(conn, service.entrance, **wish(identity, gateway))
    return answers.answer(done)


@router.post(
    "/gateways/{gateway}/revoke",
    summary="Take a gateway's password and certificates away; its connection ends",
    responses=answers.described("RevokedCredential", examples.REVOKED, problems=_ASKED),
)
async def revoke(identity: Asking, service: Shared, gateway: GatewayId) -> Response:
    """Answer whether the broker was told; where not, it is to be asked for again."""
    async with service.transaction() as conn:
        done = await gateway_life.revoke(conn, service.entrance, **wish(identity, gateway))
    return answers.answer(done)


def wish(identity: Identity, gateway: str) -> dict[str, Any]:
    """Return who wants what of which gateway, for our deeds.

    Raises ProblemError 403 for a role that may not.
    """
    _allowed(identity)
    return {
        "gateway": gateway,
        "scope": identity.scope,
        "actor": identity.name,
        "now": clock.now(),
    }


def _allowed(identity: Identity) -> None:
    if not permissions.runs_gateways(identity.role):
        raise ProblemError(
            403,
            f"the role {identity.role} may not change gateways' credentials; "
            "administrators and enterprises may, within their scope",
        )
