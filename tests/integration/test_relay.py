"""Tower to tower over real servers: whole, in order, once; receipts come back; no circles."""

import asyncio
from typing import Any

import httpx
import jsonschema
import pytest

from alarms import instants
from alarms.alarm import Tier, Transition
from alarms.storage import alarms, burdens, chain, connection, recount
from api import clock, schemas
from tests import beacons, towers
from tests.beacons import FAR, NEAR, House, event, happen
from tests.towers import Pair

STAMPS = ("t_raised", "t_event", "t_received", "t_committed")


async def becomes(house: House, alarm: str, member: str, level: str) -> dict[str, Any]:
    """Wait until a level of an alarm's `acks` (or a warning's `receipts`) is given."""
    kind = "warnings" if member == "receipts" else "alarms"
    async with asyncio.timeout(30), await house.http() as http:
        while True:
            found = (await http.get(f"{kind}/{alarm}")).json()
            if found[member][level] is not None:
                return dict(found)
            await asyncio.sleep(0.05)


async def deed(
    house: House, path: str, *, scope: str, role: str = "duty", **wish: Any
) -> httpx.Response:
    async with await house.http(scope, role) as http:
        return await http.post(path, json=wish)


async def trailed(house: House, subject: str) -> list[str]:
    """Return what the audit trail of a tower says was done to something."""
    async with await connection.connect(house.database) as conn:
        rows = await conn.execute(
            "select action from audit_trail where object = %s order by id", (subject,)
        )
        return [action for (action,) in await rows.fetchall()]


async def test_the_province_sees_an_alarm_whole_with_its_origin_and_both_towers_stamps(
    pair: Pair,
) -> None:
    city, province = pair
    before = await city.raise_alarm()
    async with towers.relayed(city, province) as made:
        drill = await city.raise_alarm(FAR, tier=Tier.red)
        await towers.settled(city, made)
        for alarm in (before, drill):
            there, here = await towers.seen(city, alarm), await towers.seen(province, alarm)
            assert there is not None
            assert here is not None
            jsonschema.validate(here, schemas.standing_alone("AlarmNow"))
            own = {name: here.pop(name) for name in ("origin", "towers", "relayed")}
            assert here == there
            assert own["origin"]["name"] == "德阳市"
            assert [each["name"] for each in own["towers"]] == ["德阳市"]
            assert own["towers"][0]["t_committed"] == there["t_committed"]
            assert own["relayed"]["t_committed"] > there["t_committed"]
            assert all(here[stamp] == there[stamp] for stamp in STAMPS)
        assert (await towers.seen(province, drill) or {})["simulated"] is True
        async with await province.http() as http:
            text = (await http.get(f"alarms/{drill}.cap.xml")).text
        assert "<status>Exercise</status>" in text


async def test_subscribers_of_the_province_hear_it_like_an_alarm_of_its_own(pair: Pair) -> None:
    city, province = pair
    async with (
        towers.relayed(city, province),
        beacons.watching(province, scope="5106") as platform,
    ):
        await city.raise_alarm(FAR)
        alarm = await city.raise_alarm(NEAR)
        frame = await platform.next("event")
        assert beacons.the(frame)["id"] == alarm
        assert frame["event"]["type"] == "cn.fengsui.alarm.raised"
        jsonschema.validate(frame, schemas.standing_alone("EventFrame"))


async def test_a_receipt_of_the_province_is_given_at_the_city_and_comes_up_again(
    pair: Pair,
) -> None:
    city, province = pair
    async with towers.relayed(city, province) as made:
        alarm = await city.raise_alarm()
        await towers.settled(city, made)
        answer = await deed(province, f"alarms/{alarm}/receipt", scope="51", note="省厅已收到")
        assert answer.status_code == 202, answer.text
        jsonschema.validate(answer.json(), schemas.standing_alone("Pending"))
        for house in (city, province):
            given = (await becomes(house, alarm, "acks", "province"))["acks"]
            assert given["province"]["by"].endswith("@四川省")
            assert given["province"]["note"] == "省厅已收到"
            assert (given["site"], given["city"]) == (None, None)
        rows = await towers.journal(province, alarm)
        assert [(row.type, row.org_level) for row in rows] == [
            ("raised", None),
            ("receipt", "province"),
        ]
        assert rows == await towers.journal(city, alarm)
        async with await province.http("all", "administrator") as http:
            tower = (await towers.seen(province, alarm) or {})["origin"]["id"]
            (asked, *_) = (await http.get(f"origins/{tower}/commands")).json()["items"]
        jsonschema.validate(asked, schemas.standing_alone("RelayCommand"))
        assert (asked["id"], asked["action"], asked["status"]) == (alarm, "receipt", 200)
        assert await trailed(province, f"alarm:{alarm}") == ["alarm.receipt_asked"]
        assert await trailed(city, f"alarm:{alarm}") == ["alarm.receipt"]


async def test_an_acknowledgement_of_the_province_is_the_provinces_and_never_the_sites(
    pair: Pair,
) -> None:
    city, province = pair
    async with towers.relayed(city, province) as made:
        alarm = await city.raise_alarm()
        await towers.settled(city, made)
        answer = await deed(province, f"alarms/{alarm}/acknowledge", scope="all", role="operator")
        assert answer.status_code == 202, answer.text
        found = await becomes(city, alarm, "acks", "province")
        assert (found["state"], found["acks"]["site"]) == ("UNACK", None)


@pytest.mark.parametrize("action", ["shelve", "suppress", "reset", "close_out"])
async def test_the_province_cannot_hide_or_close_what_lives_at_the_city(
    pair: Pair, action: str
) -> None:
    city, province = pair
    async with towers.relayed(city, province) as made:
        alarm = await city.raise_alarm()
        await towers.settled(city, made)
        answer = await deed(
            province,
            f"alarms/{alarm}/{action}",
            scope="all",
            role="administrator",
            note="x",
            until="2030-01-01T00:00:00Z",
        )
        assert answer.status_code == 403
        assert "德阳市" in answer.json()["detail"]


async def test_a_deed_refused_at_the_city_says_so_and_is_not_tried_again(pair: Pair) -> None:
    city, province = pair
    async with towers.relayed(city, province) as made:
        moment = 1_763_712_000_000_000
        raised = event(rule="limit.test409", moment=moment)
        await happen(city.database, raised)
        async with await connection.connect(city.database) as conn:
            found = await conn.execute("select id from alarm where rule = 'limit.test409'")
            ((alarm,),) = await found.fetchall()
        await happen(
            city.database,
            event(rule="limit.test409", change=Transition.returned, moment=moment + 1),
            event(rule="limit.test409", moment=moment + 2),
        )
        await towers.settled(city, made)
        answer = await deed(province, f"alarms/{alarm}/receipt", scope="51", rev=1)
        assert answer.status_code == 202
        tower = (await towers.seen(province, alarm) or {})["origin"]["id"]
        async with asyncio.timeout(30), await province.http("all", "administrator") as http:
            while True:
                (asked, *_) = (await http.get(f"origins/{tower}/commands")).json()["items"]
                if asked["status"] is not None:
                    break
                await asyncio.sleep(0.05)
        assert (asked["id"], asked["status"]) == (alarm, 409)
        assert "raised again" in asked["error"]


async def test_only_what_is_asked_for_is_relayed_and_an_escalated_alarm_whole_from_then_on(
    pair: Pair,
) -> None:
    city, province = pair
    async with towers.relayed(
        city, province, region="510600", tier_min="orange", escalated_only=True
    ) as made:
        elsewhere = await city.raise_alarm(FAR, tier=Tier.red)
        low = await city.raise_alarm(tier=Tier.yellow)
        told = await city.raise_alarm(tier=Tier.red)
        for alarm in (elsewhere, low, told):
            await escalate(city, alarm)
        quiet = await city.raise_alarm(tier=Tier.red)
        assert (await deed(city, f"alarms/{told}/receipt", scope="5106")).status_code == 200
        await towers.settled(city, made)
        assert [await towers.seen(province, each) for each in (quiet, elsewhere, low)] == [None] * 3
        rows = await towers.journal(province, told)
        assert [(row.rev, row.type) for row in rows] == [(2, "escalated"), (3, "receipt")]
        here = await towers.seen(province, told)
        assert here is not None
        assert here["escalation"]["targets"] == ["site"]


async def escalate(house: House, alarm: str) -> None:
    """Let the ladder's first step be taken, as time would."""
    async with await connection.connect(house.database) as conn:
        found = await conn.execute("select due_at from alarm where id = %s", (alarm,))
        row = await found.fetchone()
        if row is None or row[0] is None:
            return
        await alarms.due(conn, now=instants.from_datetime(row[0]) + 1)


async def test_days_of_outage_and_kills_of_both_towers_lose_nothing_and_double_nothing(
    pair: Pair,
) -> None:
    city, province = pair
    async with towers.relayed(city, province) as made:
        names = []
        for n in range(6):
            names.append(await city.raise_alarm(tier=Tier.red))
            await happen(city.database, *beacons.flip_flop(400, tag="T2"))
            match n % 3:
                case 0:
                    province.serve.kill()
                case 1:
                    towers.start(province.serve)
                    city.serve.kill()
                case _:
                    towers.start(city.serve)
        await towers.settled(city, made, deadline_s=120)
        async with await connection.connect(city.database) as conn:
            found = await conn.execute("select id from alarm where point = 'T2'")
            names += [alarm for (alarm,) in await found.fetchall()]
        below, above = await towers.journal(city, *names), await towers.journal(province, *names)
        assert len(below) > 2400
        assert above == below
        async with await connection.connect(province.database) as conn:
            found = await conn.execute("select max(log_offset) from journal")
            checked = await chain.check(conn, [], told=lambda *_: None)
            assert (checked.rows, checked.breaks) == ((await found.fetchone() or (0,))[0], [])


async def test_a_journal_begun_anew_is_relayed_from_what_is_open(pair: Pair) -> None:
    city, province = pair
    async with towers.relayed(city, province) as made:
        province.serve.kill()
        alarm = await city.raise_alarm()
        city.serve.kill()
        async with await connection.connect(city.database) as conn:
            await conn.execute("update journal_head set epoch = gen_random_uuid()")
            await conn.execute("update relay set log_offset = 1000000000")
        towers.start(city.serve)
        towers.start(province.serve)
        later = await city.raise_alarm()
        before = made["position"].partition(":")[0]
        await towers.until(city, made, lambda found: found["position"].partition(":")[0] != before)
        await towers.settled(city, made)
        assert await towers.journal(province, alarm, later) == await towers.journal(
            city, alarm, later
        )


async def test_two_towers_that_relay_to_each_other_go_in_no_circle(pair: Pair) -> None:
    city, province = pair
    async with (
        towers.relayed(city, province) as up,
        towers.relayed(province, city, level=False) as down,
    ):
        alarm = await city.raise_alarm()
        await towers.settled(city, up)
        before = len(await towers.journal(city))
        await towers.settled(province, down)
        await towers.settled(city, up)
        assert len(await towers.journal(city)) == before
        assert len(await towers.journal(province, alarm)) == 1
        assert (await towers.standing(province, down))["refused"] == 0


async def test_a_warning_issued_at_the_city_is_received_by_the_province(pair: Pair) -> None:
    city, province = pair
    async with towers.relayed(city, province, escalated_only=True) as made:
        async with await city.http("5106", "duty") as http:
            drafted = await http.post(
                "warnings",
                json={
                    "level": "yellow",
                    "region": "510603",
                    "measures": "撤离",
                    "cautions": "泄漏",
                },
            )
            assert drafted.status_code in (200, 201), drafted.text
            warning = drafted.json()["id"]
            await towers.settled(city, made)
            async with await province.http() as upper:
                assert (await upper.get(f"warnings/{warning}")).status_code == 404
            issued = await http.post(
                f"warnings/{warning}/issue",
                json={
                    "category": "危险化学品",
                    "area": "旌阳区",
                    "cautions": "泄漏",
                    "measures": "撤离",
                    "issuer": "德阳市应急管理局",
                },
            )
            assert issued.status_code == 200, issued.text
        await towers.settled(city, made)
        async with await province.http() as upper:
            here = (await upper.get(f"warnings/{warning}")).json()
        jsonschema.validate(here, schemas.standing_alone("Warning"))
        assert (here["stage"], here["origin"]["name"]) == ("issued", "德阳市")
        for n in range(12):
            words = f"{n} " + "长" * 1990
            handled = await deed(city, f"warnings/{warning}/handle", scope="5106", note=words)
            assert handled.status_code == 200, handled.text
        await towers.settled(city, made)
        async with await province.http() as upper:
            last = (await upper.get(f"warnings/{warning}")).json()["handling"]
        assert [each["note"] for each in last] == [words]
        assert (await deed(province, f"warnings/{warning}/lift", scope="51")).status_code == 403
        answer = await deed(province, f"warnings/{warning}/receipt", scope="51", note="收到")
        assert answer.status_code == 200, answer.text
        for house in (city, province):
            found = await becomes(house, warning, "receipts", "province")
            assert found["stage"] == "handling"
            assert found["receipts"]["province"]["by"].endswith("@四川省")
        assert await trailed(province, f"warning:{warning}") == ["warning.receipt_asked"]
        assert (await trailed(city, f"warning:{warning}"))[-1] == "warning.receipt"


async def test_what_is_relayed_is_counted_and_judged_where_it_lives(pair: Pair) -> None:
    city, province = pair
    async with towers.relayed(city, province) as made:
        await city.raise_alarm(tier=Tier.red)
        await towers.settled(city, made)
        async with await province.http() as http:
            figures = (await http.get("kpi")).json()
        assert figures["overall"]["annunciated"] == 0
        async with httpx.AsyncClient() as plain:
            text = (await plain.get(f"{province.serve.url}/metrics")).text
        assert "fengsui_tower_silent_seconds{tower=" in text
        async with await connection.connect(province.database) as conn:
            assert await burdens.burdens(conn, now=clock.micros()) == {}
            found = await conn.execute(
                "select count(*) from alarm where origin is not null and due_at is not null"
            )
            assert await found.fetchone() == (0,)
            assert await recount.first_told(conn) is None
            assert await recount.journalled(conn, 0, 2**52) == []
            assert await recount.open_at(conn, 2**52) == []
