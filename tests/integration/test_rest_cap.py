"""REST: an alarm as CAP, from first to later revisions, within the scope only."""

import xml.etree.ElementTree as ET

from api import cap
from tests.beacons import FAR, NEAR, House


def said(body: bytes) -> dict[str, str]:
    """Return the message's own fields, without `info`."""
    root = ET.fromstring(body)  # noqa: S314  # our own server
    named = {each.tag.removeprefix(f"{{{cap.NAMESPACE}}}"): each.text or "" for each in root}
    return {name: text for name, text in named.items() if name != "info"}


async def test_later_revisions_refer_to_the_one_before(house: House) -> None:
    alarm = await house.raise_alarm()
    async with await house.http("all", "operator") as http:
        answer = await http.get(f"alarms/{alarm}.cap.xml")
        assert (answer.status_code, answer.headers["content-type"]) == (200, cap.MEDIA_TYPE)
        first = said(answer.content)
        assert (first["identifier"], first["msgType"]) == (f"{alarm}.1", "Alert")
        done = await http.post(f"alarms/{alarm}/acknowledge", json={"rev": 1})
        assert done.status_code == 200, done.text
        second = said((await http.get(f"alarms/{alarm}.cap.xml")).content)
    assert second["msgType"] == "Update"
    assert second["references"] == f"{first['sender']},{first['identifier']},{first['sent']}"


async def test_an_alarm_outside_the_scope_is_not_there(house: House) -> None:
    far = await house.raise_alarm(FAR)
    async with await house.http(NEAR) as http:
        assert (await http.get(f"alarms/{far}.cap.xml")).status_code == 404
        assert (await http.get("alarms/none.cap.xml")).status_code == 404
