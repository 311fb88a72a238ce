"""The page on Sparkplug counts its clauses right and names tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "sparkplug.md").read_text()
ROWS = re.findall(r"^\| `([\w-]+)` \| ([^|]+) \| (?:`(\w+)`)? ?\|$", PAGE, re.MULTILINE)


def test_every_test_the_page_names_is_there() -> None:
    written = "\n".join(file.read_text() for file in (ROOT / "tests").rglob("test_sparkplug*.py"))
    named = {test for _, _, test in ROWS if test}
    assert {test for test in named if f"def {test}(" not in written} == set()
    assert all(bool(test) == state.startswith("met") for _, state, test in ROWS)


def test_the_page_counts_its_clauses_right() -> None:
    counted = {
        word: sum(state.startswith(word) for _, state, _ in ROWS)
        for word in ("met", "n/a", "open", "not met")
    }
    said = re.search(
        r"(\d+) of (\d+) are met, (\d+) have no subject here, (\d+) is open, (\d+) are not met",
        PAGE,
    )
    assert said is not None
    met, whole, beside, undone, unmet = map(int, said.groups())
    assert counted == {"met": met, "n/a": beside, "open": undone, "not met": unmet}
    assert len({clause for clause, _, _ in ROWS}) == len(ROWS) == whole


def test_every_state_with_a_note_has_its_note() -> None:
    notes = set(re.findall(r"^(\d)\. ", PAGE.partition("## Clauses")[2], re.MULTILINE))
    assert {note for _, state, _ in ROWS for note in re.findall(r"\((\d)\)", state)} == notes
