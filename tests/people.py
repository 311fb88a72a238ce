"""People who may be told: channels, rosters and responsible persons of a test's house."""

import asyncio
import json
from collections.abc import Callable, Collection
from typing import Any

import jsonschema

from alarms.storage import connection
from api import schemas
from tests.beacons import NEAR, House

Document = dict[str, Any]
COUNTY, CITY, PROVINCE = "510603", "510600", "510000"


def duty(*names: str, channel: str = "mail", supervisor: str | None = None) -> Document:
    """Return a roster of people on duty day and night, each with a mailbox of that name."""
    persons = [*names, *([supervisor] if supervisor else [])]
    shifts: list[Document] = [{"persons": list(names)}] if names else []
    if supervisor:
        shifts.append({"persons": [supervisor], "post": "supervisor"})
    return {
        "persons": [
            {"name": name, "addresses": [{"channel": channel, "to": f"{name}@x.cn"}]}
            for name in persons
        ],
        "shifts": shifts,
    }


async def nobody(house: House) -> None:
    """Take away everybody, every channel and every table, and what was told."""
    async with await connection.connect(house.database) as conn:
        # First, as whoever plans does: the tables are locked after it.
        await conn.execute(
            "update notification_cursor set log_offset = journal_head.log_offset from journal_head"
        )
        await conn.execute("truncate channel, roster, notification_table, notification")
        await conn.execute(
            "update alarm set t_closed = now(), active = false, due_at = null"
            " where t_closed is null"
        )
        await conn.execute("update source set responsible = '[]'")


async def put(house: House, path: str, document: Document, *, scope: str = "all") -> Document:
    """Set something as an administrator; return it as it is answered."""
    async with await house.http(scope, "administrator") as http:
        answer = await http.put(path, json=document)
    assert answer.status_code == 200, answer.text
    found: Document = answer.json()
    name = {"channels": "Channel", "rosters": "RosterNow"}.get(
        path.partition("/")[0], "RegionNotificationTable"
    )
    jsonschema.validate(found, schemas.standing_alone(name))
    return found


async def mail(house: House, url: str, name: str = "mail") -> None:
    """Make a channel of a mail server."""
    await put(house, f"channels/{name}", {"kind": "smtp", "url": url, "sender": "fs@x.cn"})


async def responsible(house: House, **names: str) -> None:
    """Name the responsible persons of the near source."""
    named = [{"role": role, "name": name} for role, name in names.items()]
    async with await connection.connect(house.database) as conn:
        await conn.execute(
            "update source set responsible = %s where code = %s",
            (json.dumps(named), f"{NEAR}-S1"),
        )


async def notifications(
    house: House, alarm: str | None = None, *, scope: str = "all", role: str = "administrator"
) -> list[Document]:
    """Return what was told, the oldest first, of an alarm or of everything."""
    query = {} if alarm is None else {"alarm": alarm}
    async with await house.http(scope, role) as http:
        answer = await http.get("notifications", params={"limit": 1000, **query})
    assert answer.status_code == 200, answer.text
    found: list[Document] = answer.json()["items"]
    for each in found[:3]:
        jsonschema.validate(each, schemas.standing_alone("Notification"))
    return found[::-1]


async def ended(
    house: House,
    alarm: str | None = None,
    *,
    enough: Callable[[list[Document]], bool] = bool,
    deadline_s: float = 30,
) -> list[Document]:
    """Wait until enough is planned and nothing waits any more; return it."""
    found: list[Document] = []
    try:
        async with asyncio.timeout(deadline_s):
            while True:
                found = await notifications(house, alarm)
                if enough(found) and all(each["state"] != "queued" for each in found):
                    return found
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"waited in vain, {found}") from None


def shortly(found: Collection[Document], *names: str) -> list[tuple[Any, ...]]:
    """Return some members of each."""
    return [tuple(each[name] for name in names) for each in found]
