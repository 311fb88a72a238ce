"""The operators' handbook speaks the console's words, and its two languages go together."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CATALOGUE = ROOT / "dashboards" / "console" / "src" / "i18n" / "zh-CN.json"
SPOKEN = (
    *(ROOT / "alarms").glob("*wording*.py"),
    ROOT / "alarms" / "rulepacks" / "gas_detection.yaml",
)
HANDBOOKS = ("operators.zh-CN.md", "operators.md")


def read(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def anchors_of(text: str) -> set[str]:
    """Return the anchors of the headings as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def test_what_the_handbook_quotes_stands_on_the_screen() -> None:
    shown = json.loads(CATALOGUE.read_text("utf-8")).values()
    phrases = [re.split(r"\{\w+\}", phrase) for phrase in shown]
    filled = [".*".join(map(re.escape, parts)) for parts in phrases if any(parts)]
    spoken = "".join(path.read_text("utf-8") for path in SPOKEN)
    missing = {
        quoted
        for quoted in re.findall("「([^」]+)」", read("operators.zh-CN.md"))
        if not any(quoted in phrase for phrase in shown)
        and not any(re.fullmatch(pattern, quoted) for pattern in filled)
        and quoted not in spoken
    }
    assert not missing, f"docs/operators.zh-CN.md quotes what the console does not say: {missing}"


@pytest.mark.parametrize("name", HANDBOOKS)
def test_the_links_within_the_handbook_lead_somewhere(name: str) -> None:
    text = read(name)
    for target in re.findall(r"\]\(([^)#]*#?[^)]*)\)", text):
        path, _, anchor = target.partition("#")
        assert not path or (DOCS / path).exists(), target
        assert not anchor or anchor in anchors_of(text), target


def test_both_languages_have_the_same_sections() -> None:
    numbers = [re.findall(r"^## (\d+)\.", read(name), re.MULTILINE) for name in HANDBOOKS]
    assert numbers[0] == numbers[1] == [str(number) for number in range(1, 18)]
