"""The registry file's documentation: its example is accepted as it stands."""

import json
import re
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator

from alarms import regions, registry, registry_form
from alarms.plant import GROUP_KINDS
from alarms.registry import Known
from tests.contract.test_registry_schema import is_accepted, meets_schema, plant

PAGE = Path(__file__).parents[2] / "docs" / "registry.md"


def test_the_documented_file_is_sound_and_warns_of_nothing() -> None:
    found = re.search(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    known = Known(regions=regions.builtin(), gateways={})
    read = registry.parse(found[1].encode(), known)
    assert len(read.points) == 3
    assert [group.kind for group in read.groups] == ["difference"]
    assert read.warnings == ()
    assert read.sources[0].level == 3


def test_the_documented_tables_of_tiers_are_sound_and_warn_of_nothing() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    written = [block for block in blocks if block.startswith("tiers:")]
    assert len(written) == 2
    known = Known(regions=regions.builtin(), gateways={})
    for block in written:
        read = registry.parse(block.encode(), known)
        assert read.warnings == ()
        assert Draft202012Validator(registry_form.schema()).is_valid(
            json.loads(json.dumps(yaml.safe_load(block)))
        )


def test_the_documented_groups_have_the_form_of_groups() -> None:
    """Their members stand nowhere, so only the form can be held against the schema."""
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    [written] = [block for block in blocks if block.startswith("groups:")]
    schema = {**registry_form.schema(), **registry_form.FORMS["source"].schema()}
    source = {"code": "S1", "name": "源", "kind": "other", **yaml.safe_load(written)}
    assert [error.message for error in Draft202012Validator(schema).iter_errors(source)] == []
    assert {group["kind"] for group in source["groups"]} == set(GROUP_KINDS) - {"difference"}


def test_the_documented_timers_are_allowed() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    [written] = [yaml.safe_load(block) for block in blocks if "acknowledge_red_s" in block]
    assert meets_schema(plant(**written))
    assert is_accepted(plant(**written))
