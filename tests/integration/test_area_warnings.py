"""A warning over an area reaches every level inside it, on every door; its draft reaches none."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import jsonschema
import pytest

from alarms.storage import connection
from api import schemas
from tests import beacons, servers
from tests.beacons import FAR, NEAR, House
from tests.desks import CITY, COUNTY, PROVINCE, Document, does, done
from tests.processes import Serve
from tests.receiving import Receiver, receiver

PARK = ("510603P01", "duty")
OTHER_COUNTY = ("510681", "duty")
INSIDE = ["510603", "510681", "510603P01", NEAR]
OUTSIDE = ["510700", "4403", FAR]
AREA = "510600"


@pytest.fixture
async def area(house: House) -> AsyncIterator[House]:
    """The plant with a park, a second county and a second city."""
    async with await connection.connect(house.database) as conn:
        for code, parent, kind in (
            ("510603P01", "510603", "park"),
            ("510681", "510600", "county"),
            ("510700", "510000", "city"),
        ):
            await conn.execute(
                "insert into region (code, name, parent, kind) values (%s, %s, %s, %s)"
                " on conflict do nothing",
                (code, code, parent, kind),
            )
    yield house


async def drafted(house: House, region: str = AREA) -> Document:
    async with await house.http(*(CITY if region == AREA else PROVINCE)) as http:
        wish = {"level": "yellow", "region": region, "cautions": "台风将至"}
        answer = await http.post("warnings", json=wish)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


async def doors(house: House, scope: str, warning: Document) -> dict[str, bool]:
    """Tell which doors of REST show a scope the warning."""
    path = f"warnings/{warning['id']}"
    async with await house.http(scope, "duty") as http:
        listed = (await http.get("warnings", params={"limit": 1000})).json()["items"]
        answers = {door: await http.get(path + door) for door in ("", "/journal", ".cap.xml")}
    assert {answer.status_code for answer in answers.values()} <= {200, 404}
    shown = {door: answer.status_code == 200 for door, answer in answers.items()}
    return {"list": warning["id"] in [each["id"] for each in listed], **shown}


async def test_rest_shows_what_was_issued_to_all_inside_and_a_draft_to_none(area: House) -> None:
    warning = await drafted(area)
    for scope in (*INSIDE, *OUTSIDE):
        assert not any((await doors(area, scope, warning)).values()), f"a draft, {scope}"
    await done(area, CITY, warning, "issue")
    await done(area, CITY, warning, "adjust", level="orange", note="加强")
    for scope in (*INSIDE, "510600", "510000", "all"):
        assert all((await doors(area, scope, warning)).values()), scope
    for scope in OUTSIDE:
        assert not any((await doors(area, scope, warning)).values()), scope
    for scope, told in ((NEAR, ["issued", "adjusted"]), ("5106", ["proposed"])):
        async with await area.http(scope) as http:
            entries = (await http.get(f"warnings/{warning['id']}/journal")).json()["items"]
        assert [entry["type"] for entry in entries][: len(told)] == told
    async with await area.http("all") as http:
        for region, found in (("510603", True), ("5106", True), ("510700", False)):
            page = (await http.get("warnings", params={"region": region})).json()["items"]
            assert (warning["id"] in [each["id"] for each in page]) == found, region


async def test_a_draft_that_is_dropped_was_never_heard_of(area: House) -> None:
    warning = await drafted(area)
    await done(area, CITY, warning, "lift")
    for scope in (*INSIDE, *OUTSIDE):
        assert not any((await doors(area, scope, warning)).values()), scope


async def test_a_provinces_warning_reaches_every_city(area: House) -> None:
    warning = await drafted(area, "510000")
    await done(area, PROVINCE, warning, "issue")
    for scope in (*INSIDE, "510700"):
        assert all((await doors(area, scope, warning)).values()), scope
    for scope in ("440305", FAR):
        assert not any((await doors(area, scope, warning)).values()), scope


async def test_a_source_stays_with_who_covers_it(area: House) -> None:
    """A warning of a source is no area's, though its region lies around the park."""
    async with await area.http(*COUNTY) as http:
        wish = {"level": "yellow", "enterprise": NEAR, "source": f"{NEAR}-S1", "cautions": "泄漏"}
        made = (await http.post("warnings", json=wish)).json()
    await done(area, COUNTY, made, "issue")
    assert not any((await doors(area, PARK[0], made)).values())
    await done(area, COUNTY, made, "lift")


async def test_the_log_tells_it_live_from_the_table_and_in_the_snapshot(
    area: House, fengsui: Callable[..., Serve]
) -> None:
    watchers = [
        *((scope, {"kinds": ["warning"]}, True) for scope in INSIDE),
        *((scope, {"kinds": ["warning"]}, False) for scope in OUTSIDE),
        ("all", {"region": "510603"}, True),
        ("all", {"region": "440305"}, False),
        ("510603", {"kinds": ["limit"]}, False),
    ]
    start: dict[str, str] = {}
    for scope in (*INSIDE, *OUTSIDE):
        async with await area.http(scope) as http:
            start[scope] = (await http.get("journal")).json()["next"]
    async with AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(beacons.watching(area, scope, filter=wanted))
            for scope, wanted, _ in watchers
        ]
        warning = await drafted(area)
        await done(area, CITY, warning, "issue")
        async with await area.http("all", "administrator") as http:
            end = (await http.get("journal")).json()["next"].rpartition(":")[2]
        for socket, (scope, wanted, hears) in zip(sockets, watchers, strict=True):
            seen = await told_until(socket, int(end))
            mine = [each for each in seen if each["data"]["id"] == warning["id"]]
            types = [each["type"] for each in mine]
            assert types == (["cn.fengsui.warning.issued"] if hears else []), (scope, wanted)
            for each in mine:
                jsonschema.validate(each, schemas.standing_alone("WarningEvent"))
    other = beacons.start_api(fengsui, area.database)  # nothing of it is in its memory
    for scope in (*INSIDE, *OUTSIDE):
        hears = scope in INSIDE
        async with await area.http(scope) as http:
            page = (await http.get("journal", params={"from": start[scope]})).json()
            told = [item["event"] for item in page["items"]]
            found = [each["type"] for each in told if each["data"]["id"] == warning["id"]]
            assert found == (["cn.fengsui.warning.issued"] if hears else []), scope
        for place, last in ((start[scope], "caught_up"), ("snapshot", "snapshot_end")):
            async with beacons.client(other, await area.token(scope)) as socket:
                wish = {"filter": {"kinds": ["warning"]}, "from": place}
                await socket.send(op="subscribe", sub="a", **wish)
                frames = await socket.until(last)
            shown = [beacons.the(frame) for frame in frames if frame["op"] == "event"]
            stages = [each["stage"] for each in shown if each["id"] == warning["id"]]
            assert stages == (["issued"] if hears else []), (scope, place)


async def told_until(socket: beacons.Client, offset: int) -> list[Document]:
    """Return the events of a socket up to an offset of the journal."""
    seen: list[Document] = []
    while True:
        frame = await socket.next("event", "caught_up", "heartbeat")
        if frame["op"] == "event":
            seen.append(frame["event"])
        elif max(frame.get("offset", 0), frame.get("head", 0)) >= offset:
            return seen


async def test_webhooks_of_all_inside_are_told(area: House) -> None:
    with receiver() as inside, receiver() as enterprise, receiver() as outside:
        made = []
        for scope, platform in (("510603", inside), (NEAR, enterprise), ("4403", outside)):
            async with await area.http(scope, "administrator") as http:
                wish = {"name": f"area {scope}", "url": platform.url}
                answer = await http.post("webhooks", json=wish)
                assert answer.status_code == 201, answer.text
                made.append((scope, answer.json()["id"]))
        warning = await drafted(area)
        await done(area, CITY, warning, "issue")
        last = await area.raise_alarm(FAR)
        for platform, wanted in ((inside, warning), (enterprise, warning), (outside, {"id": last})):
            await asyncio.to_thread(delivered, platform, wanted["id"])
        assert ids(inside).count(warning["id"]) == ids(enterprise).count(warning["id"]) == 1
        assert warning["id"] not in ids(outside)
        for scope, webhook in made:
            async with await area.http(scope, "administrator") as http:
                assert (await http.delete(f"webhooks/{webhook}")).status_code == 204


def delivered(platform: Receiver, wanted: str) -> None:
    servers.until(lambda: wanted in ids(platform), deadline_s=30, what="the delivery")


def ids(platform: Receiver) -> list[str]:
    return [json.loads(body)["data"]["id"] for body in platform.taken]


async def test_each_desk_inside_gives_its_own_receipt_and_does_nothing_else(area: House) -> None:
    warning = await drafted(area)
    assert (await does(area, COUNTY, warning, "receipt")).status_code == 404, "a draft"
    await done(area, CITY, warning, "issue")
    first = await done(area, COUNTY, warning, "receipt", note="旌阳收到")
    second = await done(area, OTHER_COUNTY, warning, "receipt", note="广汉收到")
    third = await done(area, PARK, warning, "receipt")
    last = await done(area, CITY, warning, "receipt")
    assert [each["rev"] for each in (first, second, third, last)] == [3, 4, 5, 6]
    assert set(last["received_by"]) == {"510603", "510681", "510603P01", "5106"}
    assert last["receipts"]["county"]["note"] == "旌阳收到", "the first of its level"
    assert (await done(area, OTHER_COUNTY, warning, "receipt"))["rev"] == 6
    for duty in ("handle", "feedback", "adjust", "lift"):
        refused = await does(area, COUNTY, warning, duty, note="x", level="blue")
        assert refused.status_code in (403, 422), duty
        refused = await does(area, COUNTY, warning, duty, note="x")
        assert refused.status_code == 403, duty
        assert "wider area" in refused.json()["detail"]
    for scope in (NEAR, "all"):
        refused = await does(area, (scope, "duty"), warning, "receipt")
        assert refused.status_code == 403, scope
    assert (
        await does(area, (NEAR, "enterprise"), warning, "feedback", note="x")
    ).status_code == 403
    for scope in OUTSIDE:
        assert (await does(area, (scope, "duty"), warning, "receipt")).status_code == 404, scope
    adjusted = await done(area, CITY, warning, "adjust", level="orange", note="加强")
    assert adjusted["received_by"] == {}, "what is said anew is received anew"
