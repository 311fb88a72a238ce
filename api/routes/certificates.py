"""Certificates over REST: issued and revoked for gateways; the authority's own, for brokers."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response
from msgspec import Struct

from api import answers, clock, examples, gateway_certificates
from api.routes.credentials import GatewayId, wish
from api.service import Asking, Shared

router = APIRouter(prefix="/api/v1", tags=["gateways"])
_PEM: Final = "application/x-pem-file"
_ASKED: Final = (401, 403, 404, 409, 422, 503)


class CertificateWish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how long, and the signing request (PEM) of a gateway that keeps its key to itself."""

    days: int = gateway_certificates.DAYS
    csr: str | None = None


@router.post(
    "/gateways/{gateway}/certificates",
    summary="Issue a certificate; its key is shown this once, and not at all with a `csr`",
    status_code=201,
    responses=answers.described(
        "IssuedCertificate", examples.ISSUED_CERTIFICATE, status=201, problems=_ASKED
    ),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/CertificateWish"}}
            },
        }
    },
)
async def issue(
    identity: Asking, service: Shared, gateway: GatewayId, request: Request
) -> Response:
    """Answer the certificate; those the gateway has keep counting."""
    given = wish(identity, gateway)
    asked = await answers.body_of(request, CertificateWish)
    async with service.transaction() as conn:
        handed = await gateway_certificates.issue(
            conn, service.entrance, days=asked.days, request=asked.csr, **given
        )
    return answers.answer(handed, status=201)


@router.post(
    "/gateways/{gateway}/certificates/{serial}/revoke",
    summary="Let one certificate count no more; brokers learn of it by the list of revocations",
    status_code=204,
    responses={
        204: {"description": "It counts no more."},
        **{code: answers.problem_described(code) for code in _ASKED},
    },
)
async def revoke(
    identity: Asking,
    service: Shared,
    gateway: GatewayId,
    serial: Annotated[str, Path(description="Hexadecimal, as the certificate's answer gives it.")],
) -> Response:
    """Revoke a certificate of a gateway within the scope."""
    async with service.transaction() as conn:
        await gateway_certificates.revoke(conn, serial=serial, **wish(identity, gateway))
    return Response(status_code=204)


def _pem_described() -> dict[int | str, dict[str, object]]:
    found: dict[int | str, dict[str, object]] = {
        200: {"description": "PEM.", "content": {_PEM: {"schema": {"type": "string"}}}}
    }
    return found | {401: answers.problem_described(401)}


@router.get(
    "/authority/ca.pem",
    summary="The authority's certificate: what brokers and gateways trust",
    responses=_pem_described(),
)
async def authority(identity: Asking, service: Shared) -> Response:  # noqa: ARG001  # somebody known
    """Answer the certificate."""
    return Response(service.entrance.authority.certificate(clock.now()), media_type=_PEM)


@router.get(
    "/authority/revocations.pem",
    summary="The signed list of certificates that count no more, for a broker's crlfile",
    responses=_pem_described(),
)
async def revocations(identity: Asking, service: Shared) -> Response:  # noqa: ARG001
    """Answer the list, signed anew."""
    async with service.transaction() as conn:
        listed = await gateway_certificates.revocations(
            conn, service.entrance.authority, now=clock.now()
        )
    return Response(listed, media_type=_PEM)
