"""`POST gateways/{id}/preview` and `fengsui gateway test`: the same answer, and nothing stored."""

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import psycopg

from alarms.storage import connection
from api import schemas
from tests import plants
from tests.beacons import FAR, NEAR, House
from tests.processes import Command

Run = Callable[..., Command]
NEURON = '{"timestamp":1763712000120,"node":"n","group":"g","values":{"T1":3.25},"errors":{"T2":7}}'


async def test_a_pasted_sample_is_answered_with_what_would_be_stored(house: House) -> None:
    async with await house.http() as http:
        answer = await http.post(f"gateways/gw-{NEAR}/preview", json={"sample": NEURON})
        parsed = await http.post(
            f"gateways/gw-{NEAR}/preview",
            json={
                "sample": {"p": 1.5},
                "dialect": "thingsboard",
                "mapping": [{"field": "p", "tag": "T1", "unit": "dm"}],
            },
        )
    assert answer.status_code == 200, answer.text
    told = answer.json()
    jsonschema.validate(told, schemas.standing_alone("Preview"))
    assert (told["dialect"], told["accepted"], told["rejected"]) == ("neuron", 1, 1)
    assert [one["value"] for one in parsed.json()["readings"]] == [0.15000000000000002]


async def test_a_sample_that_cannot_be_tried_is_a_problem(house: House) -> None:
    async with await house.http() as http:
        road = f"gateways/gw-{NEAR}/preview"
        unfit = await http.post(
            road, json={"sample": NEURON, "mapping": [{"field": "p", "tag": "T1", "unit": "bar"}]}
        )
        shapeless = await http.post(road, json={"simple": NEURON})
        unknown = await http.post("gateways/gw-nobody/preview", json={"sample": NEURON})
    assert unfit.status_code == 422
    [fault] = unfit.json()["faults"]
    assert fault["place"] == "gateways[0].mapping[0].unit"
    assert (shapeless.status_code, unknown.status_code) == (422, 404)


async def test_a_gateway_outside_the_scope_is_not_there(house: House) -> None:
    async with await house.http(scope=NEAR) as http:
        mine = await http.post(f"gateways/gw-{NEAR}/preview", json={"sample": NEURON})
        other = await http.post(f"gateways/gw-{FAR}/preview", json={"sample": NEURON})
    assert (mine.status_code, other.status_code) == (200, 404)


async def test_the_command_says_the_same_and_stores_nothing(
    fengsui: Run, database: str, tmp_path: Path
) -> None:
    async with await connection.connect(database) as conn:
        await plants.register(conn)
    sample, mapping = tmp_path / "sample.json", tmp_path / "mapping.yaml"
    sample.write_text('{"ts": 1763712000120, "values": {"level": 325, "X": 1}}')
    mapping.write_text("mapping:\n  - {field: level, tag: T1, unit: cm}\n")
    words = ("gateway", "test", "gw", str(sample), "--mapping", str(mapping))
    command = fengsui(*words, "--json", database_url=database)
    assert command.wait(60) == 0, command.report()
    told = json.loads(command.output())
    assert [(one["tag"], one["value"]) for one in told["readings"]] == [("T1", 3.25)]
    assert [one["reason"] for one in told["refused"]] == ["unknown_point"]
    spoken = fengsui(*words, database_url=database)
    assert spoken.wait(60) == 0, spoken.report()
    assert "企业没有这个位号" in spoken.output()
    nothing = fengsui("gateway", "test", "gw", str(mapping), database_url=database)
    assert nothing.wait(60) == 1, nothing.report()
    with psycopg.connect(database) as conn_:
        stored = conn_.execute(
            "select (select count(*) from reading), (select count(*) from reject)"
        ).fetchone()
    assert stored == (0, 0)
