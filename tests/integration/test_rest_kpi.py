"""REST: figures count what the journal tells within the scope, in event time."""

from datetime import datetime, timedelta

import jsonschema
import pytest

from api import schemas
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
