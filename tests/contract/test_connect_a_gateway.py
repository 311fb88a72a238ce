"""The page on gateways shows messages that are read, and its two languages show the same."""

import re
from pathlib import Path

import pytest
import yaml

from alarms import regions, registry
from alarms.plant import DIALECTS
from alarms.registry_form import FORMS
from api import permissions
from ingest.decoders import choosing
from tests.dialects import RECEIVED

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("connect-a-gateway.md", "connect-a-gateway.zh-CN.md")


def blocks(page: str) -> list[tuple[str, str]]:
    """Return every code block as (what it says it is, text)."""
    return re.findall(
        r"^```([^\n]*)\n(.*?)^```$", (DOCS / page).read_text("utf-8"), re.DOTALL | re.M
    )


def samples() -> list[tuple[str, str]]:
    found = [(kind.split(), text) for kind, text in blocks(PAGES[0])]
    return [(kind[1], text) for kind, text in found if len(kind) == 2 and kind[0] != "yaml"]


@pytest.mark.parametrize(("dialect", "text"), samples())
def test_every_message_on_the_page_is_read_as_the_page_says(dialect: str, text: str) -> None:
    decoded = choosing.decode(text.encode(), RECEIVED, dialect)
    assert decoded.tags
    assert {refusal.tag for refusal in decoded.refused.values()} <= {"tag1"}
    seen = choosing.decode(text.encode(), RECEIVED, None)
    assert seen.dialect == dialect or "temperature" in text


def test_every_dialect_is_on_the_page() -> None:
    assert {dialect for dialect, _ in samples()} == set(DIALECTS)
    text = (DOCS / PAGES[0]).read_text("utf-8")
    assert f"# {' '.join(DIALECTS)};" in text


def test_the_console_offers_every_dialect_and_to_whom_the_server_lets_in() -> None:
    source = (DOCS.parent / "dashboards/console/src/plant/gateways.ts").read_text("utf-8")
    lists = re.findall(r"export const (\w+)[^=]*= (?:new Set\()?\[([^\]]*)\]", source)
    offered = {name: tuple(re.findall(r"'(\w+)'", entries)) for name, entries in lists}
    assert offered["DIALECTS"] == DIALECTS
    assert {role for role in permissions.ROLES if permissions.runs_gateways(role)} == {
        *offered["RUNS_GATEWAYS"]
    }


def test_the_page_shows_a_mapping_a_registry_takes() -> None:
    [text] = [text for kind, text in blocks(PAGES[0]) if kind == "yaml"]
    [gateway] = yaml.safe_load(text)["gateways"]
    assert gateway.keys() <= FORMS["gateway"].keys.keys()
    assert {key for one in gateway["mapping"] for key in one} == FORMS["mapped"].keys.keys()


def test_the_page_shows_a_plant_that_can_be_imported() -> None:
    [text] = [text for kind, text in blocks(PAGES[0]) if kind == "yaml plant"]
    found = registry.parse(
        text.encode(), registry.Known(regions=regions.builtin(), gateways={}), name="plant.yaml"
    )
    assert [gateway.id for gateway in found.gateways] == ["gw-1"]
    assert {point.gateway for point in found.points} == {"gw-1"}


def test_both_languages_show_the_same_sections_and_blocks() -> None:
    english, chinese = ((DOCS / page).read_text("utf-8") for page in PAGES)
    numbers = [re.findall(r"^## (\d+)\.", text, re.MULTILINE) for text in (english, chinese)]
    assert numbers[0] == numbers[1] == [str(number) for number in range(1, 14)]
    assert blocks(PAGES[0]) == blocks(PAGES[1])
