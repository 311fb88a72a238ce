"""Gateways' credentials over REST: by role and scope, once, and with who did it written down."""

import json
from pathlib import Path
from typing import Any

import argon2
import psycopg
import pytest

from api import permissions
from tests.beacons import FAR, NEAR, House

RUN_BY = {"enterprise", "administrator"}


def accounts(house: House) -> dict[str, Any]:
    """Return the embedded broker's accounts, as the server wrote them."""
    file = Path(house.serve._env["FENGSUI_DATA_DIR"], "broker", "credentials")
    return dict(json.loads(file.read_text())["accounts"])


def trail(house: House, gateway: str) -> list[tuple[str, str, Any, Any]]:
    with psycopg.connect(house.database) as conn:
        return conn.execute(
            "select actor, action, before, after from audit_trail where object = %s order by id",
            (f"gateway:{gateway}",),
        ).fetchall()


@pytest.mark.parametrize("role", permissions.ROLES)
async def test_a_role_runs_gateways_of_its_scope_or_none(house: House, role: str) -> None:
    own, foreign = f"gw-own-{role}", f"gw-far-{role}"
    async with await house.http("all", "administrator") as http:
        for gateway, enterprise in ((own, NEAR), (foreign, FAR)):
            await http.post("gateways", json={"id": gateway, "enterprise": enterprise})
    async with await house.http(NEAR, role) as http:
        made = await http.post("gateways", json={"id": f"gw-new-{role}", "enterprise": NEAR})
        assert made.status_code == (201 if role in RUN_BY else 403), made.text
        strange = await http.post("gateways", json={"id": f"gw-x-{role}", "enterprise": FAR})
        assert strange.status_code == (404 if role in RUN_BY else 403), strange.text
        for deed in ("rotate", "revoke"):
            done = await http.post(f"gateways/{own}/{deed}")
            assert done.status_code == (200 if role in RUN_BY else 403), done.text
            for other in (foreign, "gw-nowhere"):
                refused = await http.post(f"gateways/{other}/{deed}")
                assert refused.status_code == (404 if role in RUN_BY else 403), refused.text
    assert [row[1] for row in trail(house, foreign)] == ["gateway_create"]


@pytest.mark.parametrize("deed", ["gateways", "gateways/gw-E1/rotate", "gateways/gw-E1/revoke"])
async def test_nobody_runs_no_gateway(house: House, deed: str) -> None:
    async with house.anonymous() as http:
        assert (await http.post(deed, json={"id": "g", "enterprise": NEAR})).status_code == 401


async def test_a_credential_is_shown_once_and_kept_as_a_hash(house: House) -> None:
    async with await house.http(NEAR, "enterprise") as http:
        answer = await http.post("gateways", json={"id": "gw-once", "enterprise": NEAR})
        made = answer.json()
        assert made["topics"]["readings"] == "fengsui/v1/gw-once/readings"
        again = await http.post("gateways", json={"id": "gw-once", "enterprise": NEAR})
        assert again.status_code == 409
        assert made["password"] not in again.text
        listed = await http.get("gateways", params={"limit": 1000})
    assert made["password"] not in listed.text
    account = accounts(house)["gw-once"]
    assert argon2.PasswordHasher().verify(account["hash"], made["password"])
    assert made["password"] not in json.dumps([row[2:] for row in trail(house, "gw-once")])


async def test_who_changed_a_credential_is_written_down_from_what_to_what(house: House) -> None:
    async with await house.http(NEAR, "enterprise") as http:
        await http.post("gateways", json={"id": "gw-told", "enterprise": NEAR})
        await http.post("gateways/gw-told/rotate")
        revoked = (await http.post("gateways/gw-told/revoke")).json()
        assert revoked["closed"] is True
    told = trail(house, "gw-told")
    assert [row[1] for row in told] == ["gateway_create", "gateway_rotate", "gateway_revoke"]
    standing = [
        (before and before["credential"], after["credential"]) for _, _, before, after in told
    ]
    assert standing == [(None, "given"), ("given", "given"), ("given", "revoked")]
    assert told[1][2]["since"] < told[1][3]["since"]
    assert len({row[0] for row in told}) == 1
    assert "gw-told" not in accounts(house)


async def test_a_revoked_gateway_may_be_let_in_again(house: House) -> None:
    async with await house.http("all", "administrator") as http:
        await http.post("gateways", json={"id": "gw-again", "enterprise": NEAR})
        await http.post("gateways/gw-again/revoke")
        answer = await http.post("gateways", json={"id": "gw-again", "enterprise": NEAR})
        assert answer.status_code == 201
        theirs = await http.post("gateways", json={"id": "gw-again", "enterprise": FAR})
        assert theirs.status_code == 409


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"id": "a"}', b'{"id": "a/b", "enterprise": "E1"}', b'{"id": 1}']
)
async def test_a_body_that_cannot_be_used_is_refused(house: House, body: bytes) -> None:
    async with await house.http("all", "administrator") as http:
        assert (await http.post("gateways", content=body)).status_code == 422
