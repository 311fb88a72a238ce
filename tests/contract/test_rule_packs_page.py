"""The page of rule packs is what the packs say."""

from pathlib import Path

from alarms.rulepacks import page

PAGE = Path(__file__).parents[2] / "docs" / "rule-packs.md"


def test_the_page_of_rule_packs_is_current() -> None:
    assert PAGE.read_text("utf-8") == page.text(), (
        "write it anew: "
        "python -c 'from alarms.rulepacks import page; print(page.text(), end=str())' "
        "> docs/rule-packs.md"
    )
