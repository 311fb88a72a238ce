"""The published JSON Schema of the registry file: the validator's own, met by the examples."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from alarms import regions, registry, registry_form
from alarms.errors import RefusedError
from alarms.registry import Known

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
POINT = {"tag": "T1", "quantity": "level", "unit": "m"}


def published() -> dict[str, Any]:
    text = resources.files("alarms").joinpath("schemas/registry.schema.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def meets_schema(tree: object) -> bool:
    return Draft202012Validator(published()).is_valid(tree)


def is_accepted(tree: object) -> bool:
    document = json.dumps(tree).encode()
    try:
        registry.parse(document, Known(regions=regions.builtin(), gateways={}))
    except RefusedError:
        return False
    return True


def plant(**point: object) -> dict[str, Any]:
    unit = {"code": "U1", "name": "罐", "kind": "tank", "points": [{**POINT, **point}]}
    source = {"code": "S1", "name": "罐区", "kind": "tank_farm", "units": [unit]}
    enterprise = {"code": "E1", "name": "企业", "region": "510603", "sources": [source]}
    return {"enterprises": [enterprise]}


def test_the_published_schema_is_the_validators_own() -> None:
    assert published() == registry_form.schema()


def test_the_published_schema_is_a_sound_schema() -> None:
    Draft202012Validator.check_schema(published())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_meets_the_schema(example: Path) -> None:
    tree = yaml.safe_load(example.read_text("utf-8"))
    errors = [error.message for error in Draft202012Validator(published()).iter_errors(tree)]
    assert errors == []


@pytest.mark.parametrize(
    "point",
    [
        {},
        {"limits": {"h": 3}, "range": [0, 5], "deadband": 0.1},
        {"sector": None, "gateway": None, "limits": None},
        {"detect": ["limit"], "tiers": {"h": "red"}, "limits": {"h": 1.5}},
        {"detect": []},
        {"tag": "1# 罐/液位 (A)"},
    ],
)
def test_what_the_schema_allows_the_validator_accepts(point: dict[str, object]) -> None:
    assert meets_schema(plant(**point))
    assert is_accepted(plant(**point))


@pytest.mark.parametrize(
    "point",
    [
        {"limit": {"h": 3}},
        {"limits": {"high": 3}},
        {"limits": {"h": "3"}},
        {"limits": {"h": True}},
        {"quantity": "levle"},
        {"tag": " a"},
        {"tag": ""},
        {"tag": None},
        {"tag": 12},
        {"range": [0]},
        {"deadband": -1},
        {"period_s": 0},
        {"on_delay_s": 90_000},
        {"detect": ["magic"]},
        {"tiers": {"h": "none"}},
        {"gateway": "g w"},
        {"name": "x" * 201},
    ],
)
def test_what_the_schema_forbids_the_validator_refuses(point: dict[str, object]) -> None:
    assert not meets_schema(plant(**point))
    assert not is_accepted(plant(**point))


def table(**more: object) -> dict[str, Any]:
    return {"tiers": [{"region": "510000", "quantity": "level", **more}]}


@pytest.mark.parametrize(
    "more",
    [
        {"kinds": {"rate": "orange", "deviation": "blue", "sensor": "yellow", "comms": "orange"}},
        {"forecast": {"yellow_s": 14_400, "orange_s": 1}},
        {"kinds": None, "forecast": {"orange_s": None}},
    ],
)
def test_a_table_of_tiers_that_the_schema_allows_the_validator_accepts(
    more: dict[str, object],
) -> None:
    assert meets_schema(table(**more))
    assert is_accepted(table(**more))


@pytest.mark.parametrize(
    "more",
    [
        {"kinds": {"rate": "red"}},
        {"kinds": {"comms": "none"}},
        {"kinds": {"forecast": "blue"}},
        {"forecast": {"yellow_s": 14_401}},
        {"forecast": {"orange_s": 0}},
        {"forecast": {"blue_s": 900}},
    ],
)
def test_a_table_of_tiers_that_the_schema_forbids_the_validator_refuses(
    more: dict[str, object],
) -> None:
    assert not meets_schema(table(**more))
    assert not is_accepted(table(**more))
