"""Certificates over REST: by role and scope, the key shown once, the list for brokers."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from api import permissions
from tests.beacons import FAR, NEAR, House

RUN_BY = {"enterprise", "administrator"}


@pytest.mark.parametrize("role", permissions.ROLES)
async def test_a_role_issues_and_revokes_within_its_scope_or_not(house: House, role: str) -> None:
    own, foreign = f"gw-cert-{role}", f"gw-cert-far-{role}"
    async with await house.http("all", "administrator") as http:
        for gateway, enterprise in ((own, NEAR), (foreign, FAR)):
            await http.post("gateways", json={"id": gateway, "enterprise": enterprise})
        theirs = (await http.post(f"gateways/{foreign}/certificates", json={})).json()["serial"]
    async with await house.http(NEAR, role) as http:
        made = await http.post(f"gateways/{own}/certificates", json={"days": 7})
        assert made.status_code == (201 if role in RUN_BY else 403), made.text
        strange = await http.post(f"gateways/{foreign}/certificates", json={})
        assert strange.status_code == (404 if role in RUN_BY else 403)
        for gateway in (foreign, own):
            road = f"gateways/{gateway}/certificates/{theirs}/revoke"
            assert (await http.post(road)).status_code == (404 if role in RUN_BY else 403)
        if role in RUN_BY:
            road = f"gateways/{own}/certificates/{made.json()['serial']}/revoke"
            assert (await http.post(road)).status_code == 204


async def test_a_certificate_is_of_the_authority_and_a_revoked_one_on_its_list(
    house: House,
) -> None:
    async with await house.http(NEAR, "enterprise") as http:
        await http.post("gateways", json={"id": "gw-pki", "enterprise": NEAR})
        made = (await http.post("gateways/gw-pki/certificates", json={})).json()
        assert "PRIVATE KEY" in made["key"]
        ca = x509.load_pem_x509_certificate((await http.get("authority/ca.pem")).content)
        issued = x509.load_pem_x509_certificate(made["certificate"].encode())
        issued.verify_directly_issued_by(ca)
        shown = (await http.get("gateways/gw-pki")).json()["certificates"]
        assert [one["serial"] for one in shown] == [made["serial"]]
        await http.post(f"gateways/gw-pki/certificates/{made['serial']}/revoke")
        listed = x509.load_pem_x509_crl((await http.get("authority/revocations.pem")).content)
    key = ca.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert listed.is_signature_valid(key)
    assert listed.get_revoked_certificate_by_serial_number(issued.serial_number) is not None


@pytest.mark.parametrize("path", ["authority/ca.pem", "authority/revocations.pem"])
async def test_nobody_reads_the_authority(house: House, path: str) -> None:
    async with house.anonymous() as http:
        assert (await http.get(path)).status_code == 401
        assert (await http.post("gateways/gw-E1/certificates", json={})).status_code == 401


@pytest.mark.parametrize("body", [{"days": 0}, {"days": 9999}, {"csr": "x"}, {"day": 1}])
async def test_a_wish_that_cannot_be_met_is_refused(house: House, body: dict[str, object]) -> None:
    async with await house.http("all", "administrator") as http:
        assert (await http.post("gateways/gw-E1/certificates", json=body)).status_code == 422
