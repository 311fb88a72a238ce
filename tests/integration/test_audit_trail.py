"""The audit trail: what people change is in it from what to what, and it leaves as a file."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from alarms.storage import accounts, connection, queries
from api.routes import records
from tests import beacons
from tests.beacons import NEAR, House
from tests.processes import Command

Row = dict[str, Any]


async def kept(house: House, subject: str) -> list[Row]:
    """Return what the trail has of something, oldest first."""
    async with (
        await connection.connect(house.database) as conn,
        conn.cursor(row_factory=dict_row) as cursor,
    ):
        await cursor.execute(
            "select actor, action, before, after from audit_trail where object = %s order by id",
            (subject,),
        )
        return await cursor.fetchall()


async def wrote(house: House, at: datetime, *, count: int = 1, actor: str = "wang") -> None:
    """Let the trail have rows of a moment."""
    async with await connection.connect(house.database) as conn:
        for n in range(count):
            await queries.record_trail(
                conn, at=at, actor=actor, action="tried", subject=f"thing:{n}", after={"n": n}
            )


async def test_shelving_is_kept_from_what_to_what_and_so_is_its_end(house: House) -> None:
    alarm = await house.raise_alarm()
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    async with await house.http(NEAR, "supervisor") as http:
        wish = {"until": until, "note": "探头检修"}
        assert (await http.post(f"alarms/{alarm}/shelve", json=wish)).status_code == 200
        assert (await http.post(f"alarms/{alarm}/unshelve", json={})).status_code == 200
    shelved, ended = await kept(house, f"alarm:{alarm}")
    assert (shelved["action"], shelved["before"]["shelf"]) == ("alarm.shelve", None)
    assert shelved["after"]["shelf"]["reason"] == "探头检修"
    assert shelved["actor"] == shelved["after"]["shelf"]["by"]
    assert ended["before"]["shelf"] == shelved["after"]["shelf"]
    assert ended["after"]["shelf"] is None


async def test_a_deed_that_moves_nothing_and_a_refused_one_leave_no_line(house: House) -> None:
    alarm = await house.raise_alarm()
    async with await house.http(NEAR, "viewer") as http:
        assert (await http.post(f"alarms/{alarm}/acknowledge", json={})).status_code == 403
    async with await house.http(NEAR, "operator") as http:
        for _ in range(2):
            await http.post(f"alarms/{alarm}/acknowledge", json={})
    assert [row["action"] for row in await kept(house, f"alarm:{alarm}")] == ["alarm.acknowledge"]


async def test_a_paused_webhook_is_kept_from_what_to_what(house: House) -> None:
    async with await house.http("all", "administrator") as http:
        wanted = {"name": "province", "url": "https://platform.invalid/hook"}
        made = (await http.post("webhooks", json=wanted)).json()
        await http.post(f"webhooks/{made['id']}/pause")
        await http.post(f"webhooks/{made['id']}/resume")
    states = [
        (row["before"] and row["before"]["state"], row["after"] and row["after"]["state"])
        for row in await kept(house, "province")
    ]
    assert states == [(None, "active"), ("active", "paused"), ("paused", "active")]
    assert made["secret"] not in json.dumps(await kept(house, "province"))


def test_commands_keep_what_they_change_of_rights(
    fengsui: Callable[..., Command], database: str
) -> None:
    def run(*words: str) -> None:
        command = fengsui(*words, database_url=database)
        assert command.wait(60) == 0, command.report()

    run("token", "create", "--name", "panel", "--scope", "all", "--role", "viewer")
    run("token", "revoke", "panel")
    with psycopg.connect(database) as conn:
        rows = conn.execute("select action, before, after from audit_trail order by id").fetchall()
    (_, nothing, made), (action, before, after) = rows
    assert (nothing, made["role"], action) == (None, "viewer", "token_revoke")
    assert before["revoked_at"] is None
    assert after["revoked_at"] is not None
    assert {**before, "revoked_at": 0} == {**after, "revoked_at": 0}


async def test_a_disabled_account_is_kept_from_open_to_disabled(
    house: House, fengsui: Callable[..., Command]
) -> None:
    name = await beacons.person(house.database, "leaver")
    command = fengsui("user", "disable", name, database_url=house.database)
    assert command.wait(60) == 0, command.report()
    (row,) = await kept(house, f"person:{name}")
    assert (row["before"]["disabled"], row["after"]["disabled"]) == (False, True)
    assert "argon2" not in json.dumps(row)


async def test_a_span_leaves_as_json_lines_oldest_first_and_whole(house: House) -> None:
    """More than a batch, all of one moment: none is lost or doubled between two batches."""
    at = datetime(2020, 1, 2, tzinfo=UTC)
    await wrote(house, at - timedelta(seconds=1))
    await wrote(house, at, count=records._BATCH * 2 + 1)
    await wrote(house, at + timedelta(hours=1))
    query = {"from": "2020-01-02T00:00:00Z", "to": "2020-01-02T01:00:00Z"}
    async with await house.http("all", "auditor") as http:
        answer = await http.get("audit.jsonl", params=query)
    assert answer.headers["content-disposition"] == 'attachment; filename="audit.jsonl"'
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert [row["after"]["n"] for row in rows] == list(range(records._BATCH * 2 + 1))
    assert rows[0]["at"] == "2020-01-02T00:00:00.000Z"


async def test_no_cell_of_the_sheet_is_a_formula(house: House) -> None:
    at = datetime(2020, 2, 2, tzinfo=UTC)
    names = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1+1", '王\n五,"六"']
    for name in names:
        await wrote(house, at, actor=name)
    query = {"from": "2020-02-02T00:00:00Z", "to": "2020-02-03T00:00:00Z"}
    async with await house.http("all", "auditor") as http:
        answer = await http.get("audit.csv", params=query)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.text.startswith("\ufeffid,at,actor")
    _, *rows = csv.reader(io.StringIO(answer.text))
    assert [row[2] for row in rows] == [*(f"'{name}" for name in names[:-1]), names[-1]]
    assert json.loads(rows[0][6]) == {"n": 0}


@pytest.mark.parametrize(
    ("scope", "role", "path", "status"),
    [
        ("all", "operator", "audit.csv", 403),
        (NEAR, "auditor", "audit.csv", 403),
        ("all", "auditor", "audit.xml", 422),
        ("all", "auditor", "audit.csv?from=yesterday", 422),
    ],
)
async def test_the_file_is_for_whom_the_list_is(
    house: House, scope: str, role: str, path: str, status: int
) -> None:
    async with await house.http(scope, role) as http:
        assert (await http.get(path)).status_code == status


async def test_refused_sign_ins_are_in_the_audit_trail_without_what_was_typed_as_a_name(
    house: House,
) -> None:
    name = await beacons.person(house.database, "qian")
    gone = await beacons.person(house.database, "gone")
    lost = await beacons.person(house.database, "lost")
    async with await connection.connect(house.database) as conn:
        await accounts.disable_person(conn, gone)
        await conn.execute("update person set scope = '999999' where name = %s", (lost,))
    tried = [
        *((name, "wrong"), ("my secret by mistake", "wrong")),
        *((gone, beacons.PASSWORD), (lost, beacons.PASSWORD)),
    ]
    async with house.anonymous(headers={"x-fengsui": "1"}) as http:
        answers = [
            await http.post("session", json={"name": who, "password": word}) for who, word in tried
        ]
    assert [answer.status_code for answer in answers] == [401] * 4
    assert [answer.json().get("why") for answer in answers] == [None] * 3 + ["scope_names_nothing"]
    async with await house.http("all", "auditor") as http:
        items = (await http.get("audit")).json()["items"]
    items = [item for item in items if item["action"] == "sign_in.refused"]
    assert [(item["action"], item["object"], item["after"]["why"]) for item in items[::-1]] == [
        ("sign_in.refused", "person:qian", "wrong_password"),
        ("sign_in.refused", "session", "unknown_account"),
        ("sign_in.refused", "person:gone", "disabled_account"),
        ("sign_in.refused", "person:lost", "scope_names_nothing"),
    ]
    assert {item["after"]["by"] for item in items} == {"password"}
    assert all(item["actor"].startswith("address:") for item in items)
    assert "secret" not in str(items)
