"""How warnings are told: on the socket, in the long-poll, as CAP."""

import xml.etree.ElementTree as ET

import jsonschema

from api import cap, schemas
from tests import beacons
from tests.beacons import FAR, NEAR, House
from tests.desks import CITY, done, proposed


async def test_the_socket_tells_what_was_issued_and_drafts_to_whom_asks_for_warnings(
    house: House,
) -> None:
    async with (
        beacons.watching(house) as plain,
        beacons.watching(house, "5106", filter={"kinds": ["warning"]}) as desk,
        beacons.watching(house, filter={"kinds": ["limit"]}) as old,
        beacons.watching(house, "4403") as foreign,
    ):
        warning = await proposed(house)
        await done(house, CITY, warning, "issue")
        last = await house.raise_alarm(FAR)
        for socket in (plain, desk):
            types = []
            while f"{warning['id']}:2" not in types:
                event = (await socket.next("event"))["event"]
                if event["type"].startswith("cn.fengsui.warning."):
                    jsonschema.validate(event, schemas.standing_alone("WarningEvent"))
                types.append(event["id"])
            assert (f"{warning['id']}:1" in types) == (socket is desk)
            assert event["type"] == "cn.fengsui.warning.issued"
            assert event["source"] == f"/regions/510603/enterprises/{NEAR}/sources/{NEAR}-S1"
            assert event["subject"] == f"{NEAR}-S1"
            assert event["data"]["t_pushed"]
        for socket in (old, foreign):
            seen = []
            while last not in seen:
                frame = await socket.next("event")
                seen.append(beacons.the(frame)["id"])
                assert beacons.the(frame)["kind"] == "limit"
    async with beacons.client(house.serve, await house.token("5106")) as socket:
        await socket.send(op="subscribe", sub="a", filter={"kinds": ["warning"]})
        frames = await socket.until("snapshot_end")
        shown = [beacons.the(frame) for frame in frames if frame["op"] == "event"]
        assert [(each["id"], each["stage"]) for each in shown] == [(warning["id"], "issued")]


async def test_the_long_poll_tells_what_was_issued_in_its_place(house: House) -> None:
    async with await house.http("510603") as http:
        start = (await http.get("journal")).json()["next"]
        warning = await proposed(house)
        await done(house, CITY, warning, "issue")
        page = (await http.get("journal", params={"from": start})).json()
    jsonschema.validate(page, schemas.standing_alone("JournalPage"))
    types = [item["event"]["type"] for item in page["items"]]
    assert types[-2:] == ["cn.fengsui.alarm.raised", "cn.fengsui.warning.issued"]


async def test_cap_alerts_updates_and_cancels(house: House) -> None:
    warning = await proposed(house)
    async with await house.http("all") as http:
        path = f"warnings/{warning['id']}.cap.xml"
        assert (await http.get(path)).status_code == 404, "a proposal is no warning"
        await done(house, CITY, warning, "issue")
        first = said((await http.get(path)).content)
        assert (first["msgType"], first["status"]) == ("Alert", "Actual")
        assert "references" not in first
        await done(house, CITY, warning, "adjust", level="red", note="扩散")
        second = said((await http.get(path)).content)
        assert second["msgType"] == "Update"
        assert second["references"] == f"{first['sender']},{first['identifier']},{first['sent']}"
        await done(house, CITY, warning, "lift", note="误报")
        assert said((await http.get(path)).content)["msgType"] == "Cancel"
        drill = await proposed(house, FAR)
        await done(house, ("all", "administrator"), drill, "issue")
        exercise = said((await http.get(f"warnings/{drill['id']}.cap.xml")).content)
    assert exercise["status"] == "Exercise"


def said(body: bytes) -> dict[str, str]:
    """Return the message's own fields."""
    root = ET.fromstring(body)  # noqa: S314  # our own server
    return {each.tag.removeprefix(f"{{{cap.NAMESPACE}}}"): each.text or "" for each in root}
