"""One gateway over REST: rates, what was refused in plain words, history, by scope."""

from datetime import UTC, datetime, timedelta

import httpx
import jsonschema
import pytest

from alarms import instants
from alarms.storage import connection, gateway_history, gateways
from alarms.storage.gateways import Seen
from api import permissions, schemas
from tests.beacons import NEAR, House


async def heard(house: House, gateway: str, *, at: datetime, error: float) -> None:
    async with await connection.connect(house.database) as conn:
        await gateway_history.add(
            conn,
            [
                Seen(
                    gateway=gateway,
                    received=instants.from_datetime(at),
                    clock_error_s=error,
                    newest_seq=None,
                    messages=60,
                    accepted=600,
                    rejected=1,
                    lost=2,
                )
            ],
        )


@pytest.mark.parametrize("role", permissions.ROLES)
@pytest.mark.parametrize("scope", ["5106", NEAR])
async def test_every_role_sees_the_gateways_of_its_scope_and_no_other(
    house: House, scope: str, role: str
) -> None:
    async with await house.http(scope, role) as http:
        for path in ("", "/history"):
            assert (await http.get(f"gateways/gw-E1{path}")).status_code == 200
            for other in ("gw-E2", "nowhere", "%00"):
                answer = await http.get(f"gateways/{other}{path}")
                assert answer.status_code in {404, 422}, answer.text


@pytest.mark.parametrize("path", ["gateways/gw-E1", "gateways/gw-E1/history"])
async def test_nobody_sees_none(house: House, path: str) -> None:
    async with house.anonymous() as http:
        assert (await http.get(path)).status_code == 401


async def test_what_an_enterprise_sees_of_its_gateway(house: House) -> None:
    now = datetime.now(UTC)
    await heard(house, "gw-E1", at=now - timedelta(seconds=90), error=-1.5)
    async with await connection.connect(house.database) as conn:
        for tag, count in (("X1", 3), ("X2", 4)):
            await conn.execute(
                """
                insert into reject (received, gateway, enterprise, region, reason, tag, count,
                                    first, payload)
                values (now(), 'gw-E1', %s, '510603', 'unknown_point', %s, %s, '{"tag": "X"}', '{}')
                """,
                (NEAR, tag, count),
            )
    async with await house.http(NEAR) as http:
        shown = (await http.get("gateways/gw-E1")).json()
        history = (await http.get("gateways/gw-E1/history")).json()
        listed = (await http.get("rejects", params={"gateway": "gw-E1"})).json()["items"]
    jsonschema.validate(shown, schemas.standing_alone("GatewayDetail"))
    jsonschema.validate(history, schemas.standing_alone("GatewayHistory"))
    assert shown["rates"]["readings_per_s"]["15m"] == pytest.approx(600 / 900)
    (refused,) = shown["refused"]
    assert (refused["reason"], refused["count"], refused["tags"]) == (
        "unknown_point",
        7,
        ["X1", "X2"],
    )
    assert "位号" in refused["words"]["zh"]
    assert refused["payload"] == "{}"
    assert listed[0]["words"] == refused["words"]
    assert history["resolution"] == "1m"
    assert history["rows"][-1][1:] == [60, 600, 1, 2, -1.5, -1.5, -1.5]


async def test_history_is_as_fine_as_it_is_kept(house: House) -> None:
    now = datetime.now(UTC)

    async def asked(http: httpx.AsyncClient, days: int, **more: str) -> str:
        start = (now - timedelta(days=days)).isoformat()
        answer = await http.get("gateways/gw-E1/history", params={"from": start, **more})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["resolution"])

    async with await house.http(NEAR) as http:
        assert await asked(http, 1) == "1m"
        assert await asked(http, 30) == "1h"
        assert await asked(http, 390) == "1d"
        assert await asked(http, 390, resolution="1h") == "1h"
        backwards = {"from": now.isoformat(), "to": (now - timedelta(days=1)).isoformat()}
        answer = await http.get("gateways/gw-E1/history", params=backwards)
        assert answer.status_code == 422


async def test_a_gateway_that_never_spoke_of_itself_is_heard_while_it_sends(house: House) -> None:
    async with await house.http("all") as http:
        for seen, heard_then in (
            (None, "never"),
            (timedelta(seconds=5), "online"),
            (timedelta(seconds=200), "online"),
            (timedelta(seconds=310), "silent"),
        ):
            async with await connection.connect(house.database) as conn:
                at = None if seen is None else datetime.now(UTC) - seen
                await conn.execute("update gateway set last_seen_at = %s where id = 'gw-E2'", (at,))
                await conn.execute(
                    """
                    update point set period_s = case tag when 'T1' then 100 else 900 end
                     where enterprise_id = (select id from enterprise where code = 'E2')
                    """
                )
            listed = (await http.get("gateways", params={"limit": 1000})).json()["items"]
            (found,) = (each for each in listed if each["id"] == "gw-E2")
            jsonschema.validate(found, schemas.standing_alone("Gateway"))
            one = (await http.get("gateways/gw-E2")).json()
            for shown in (found, one):
                assert (shown["state"], shown["heard"]) == ("unknown", heard_then), seen
                assert shown["expected_silence_s"] == 300
                assert "silence_s" not in shown
    own = """{"comms": {"stale_s": 240}}"""
    async with await connection.connect(house.database) as conn:
        await conn.execute(
            """
            update point set params = %s
             where tag = 'T2'
               and enterprise_id = (select id from enterprise where code = 'E2')
            """,
            (own,),
        )
    async with await house.http("all") as http:
        assert (await http.get("gateways/gw-E2")).json()["expected_silence_s"] == 240


async def test_what_was_stamped_ahead_is_found_afterwards(house: House) -> None:
    received = instants.from_text("2026-11-20T08:00:00Z")

    def seen(corrected: int, ahead: tuple[int, int] | None) -> Seen:
        return Seen(
            gateway="gw-E2",
            received=received,
            clock_error_s=None,
            newest_seq=None,
            messages=1,
            accepted=9,
            rejected=0,
            lost=0,
            corrected=corrected,
            ahead=ahead,
        )

    async with await house.http("all") as http:
        before = (await http.get("gateways/gw-E2")).json()["corrected"]
        assert before == {"count": 0, "stamp": None, "received": None, "ahead_s": None}
        async with await connection.connect(house.database) as conn:
            await gateways.note_seen(conn, [seen(9, (received + 7_200_000_000, received))])
            await gateways.note_seen(conn, [seen(3, (received + 3_600_500_000, received))])
            await gateways.note_seen(conn, [seen(0, None)])
        found = (await http.get("gateways/gw-E2")).json()
        jsonschema.validate(found, schemas.standing_alone("GatewayDetail"))
        assert found["corrected"] == {
            "count": 12,
            "stamp": "2026-11-20T09:00:00.500Z",
            "received": "2026-11-20T08:00:00.000Z",
            "ahead_s": 3600.5,
        }
