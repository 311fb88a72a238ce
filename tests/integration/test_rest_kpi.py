"""REST: figures count what the journal tells within the scope, in event time."""

import time
from datetime import UTC, datetime, timedelta

import jsonschema
import pytest
from psycopg import AsyncConnection

from alarms.alarm import Transition
from alarms.storage import alarms, burdens, connection
from api import schemas
from tests import beacons
from tests.beacons import FAR, NEAR, House


async def test_figures_are_those_of_the_callers_scope(house: House) -> None:
    near = await house.raise_alarm(NEAR)
    await house.raise_alarm(FAR)
    async with await house.http(NEAR, "supervisor") as http:
        raised = (await http.get(f"alarms/{near}")).json()["t_raised"]
        at = datetime.fromisoformat(raised)
        span = {
            "from": (at - timedelta(hours=1)).isoformat(),
            "to": (at + timedelta(days=1)).isoformat(),
        }
        done = await http.post(f"alarms/{near}/acknowledge", json={"rev": 1})
        assert done.status_code == 200, done.text
        mine = (await http.get("kpi", params=span)).json()
    jsonschema.validate(mine, schemas.standing_alone("Performance"))
    assert mine["overall"]["annunciated"] >= 1
    assert [each["region"] for each in mine["positions"]] == ["510603"]
    assert mine["points"] == 3
    assert mine["busiest"] == "510603"
    assert (len(mine["ten_minutes"]), sum(mine["ten_minutes"])) == (
        150,
        mine["overall"]["annunciated"],
    )
    async with await house.http("all") as http:
        everything = (await http.get("kpi", params=span)).json()
        assert len(everything["positions"]) == 2
        cut = (await http.get("kpi", params={**span, "region": "5106"})).json()
    assert cut["overall"] == mine["overall"]
    assert everything["overall"]["annunciated"] > mine["overall"]["annunciated"]


@pytest.mark.parametrize(
    "query",
    ["from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from=2025-01-01T00:00:00Z", "to=soon"],
)
async def test_a_span_that_cannot_be_is_a_problem(house: House, query: str) -> None:
    async with await house.http() as http:
        answer = await http.get(f"kpi?{query}")
    assert answer.status_code == 422


@pytest.mark.parametrize("hides", ["shelve", "suppress", "out_of_service"])
async def test_what_rings_while_it_is_hidden_is_counted_apart(house: House, hides: str) -> None:
    rule = f"limit.{hides}"
    moment = time.time_ns() // 1000
    await beacons.happen(house.database, beacons.event(FAR, "T2", rule=rule, moment=moment))
    span = {
        "from": datetime.fromtimestamp(moment / 1e6, UTC).isoformat(),
        "to": (datetime.fromtimestamp(moment / 1e6, UTC) + timedelta(hours=1)).isoformat(),
        "region": "440305",
    }
    again = [
        beacons.event(FAR, "T2", rule=rule, change=change)
        for change in (Transition.returned, Transition.raised) * 3
    ]
    async with await house.http(FAR, "supervisor") as http:
        items = (await http.get("alarms", params={"limit": 1000})).json()["items"]
        alarm = next(item["id"] for item in items if item["rule"] == rule)
        until = (datetime.now(UTC) + timedelta(minutes=50)).isoformat()
        done = await http.post(f"alarms/{alarm}/{hides}", json={"until": until, "note": "作业票"})
        assert done.status_code == 200, done.text
        before = (await http.get("kpi", params=span)).json()
        async with await connection.connect(house.database) as conn:
            rate = await rate_of(conn)
            await alarms.apply_events(conn, again, now=time.time_ns() // 1000)
            assert await rate_of(conn) == rate
        hidden = (await http.get("kpi", params=span)).json()
        lifts = {"shelve": "unshelve", "suppress": "unsuppress"}.get(hides, "return_to_service")
        done = await http.post(f"alarms/{alarm}/{lifts}", json={})
        assert done.status_code == 200, done.text
        lifted = (await http.get("kpi", params=span)).json()
    async with await connection.connect(house.database) as conn:
        assert await rate_of(conn) == rate + 1
    state = {"shelve": "shelved", "suppress": "suppressed"}.get(hides, "out_of_service")
    assert hidden["overall"]["annunciated"] == before["overall"]["annunciated"]
    assert hidden["overall"]["hidden"][state] == before["overall"]["hidden"][state] + 3
    assert hidden["ten_minutes"] == before["ten_minutes"]
    assert lifted["overall"]["annunciated"] == before["overall"]["annunciated"] + 1


async def rate_of(conn: AsyncConnection) -> int:
    """Return how many rang at the far position just now."""
    return (await burdens.burdens(conn, now=time.time_ns() // 1000))["440305"].rate


async def test_a_reminder_after_a_ring_that_was_heard_is_in_no_rate(house: House) -> None:
    alarm = await house.raise_alarm(FAR, "T3")
    async with await connection.connect(house.database) as conn:
        rate = await rate_of(conn)
    until = (datetime.now(UTC) + timedelta(minutes=50)).isoformat()
    async with await house.http(FAR, "supervisor") as http:
        for action in ("shelve", "suppress", "unshelve", "unsuppress", "shelve", "unshelve"):
            body = {"until": until, "note": "作业票"}
            done = await http.post(f"alarms/{alarm}/{action}", json=body)
            assert done.status_code == 200, done.text
    async with await connection.connect(house.database) as conn:
        assert await rate_of(conn) == rate
