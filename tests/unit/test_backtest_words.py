"""What a back-test says of rows it did not judge, and how its tables and drawings are laid out."""

import json
import re
from pathlib import Path

import pytest

from alarms.errors import RefusedError
from tests.unit.test_backtest import backtest, run, text, write


def overfill(seconds: int = 200) -> str:
    return "\n".join(
        f"{text(10 * k)},LT,{9.5 if k >= 3 else 5}\n{text(10 * k)},PT,{1.6 if k >= 9 else 1}"
        for k in range(seconds // 10)
    )


def test_tags_that_the_registry_does_not_have_are_named(tmp_path: Path) -> None:
    rows = f"{text(0)},LT,5\n{text(1)},LTX,5\n{text(2)},LTX,5\n{text(3)},E1/PTX,5"
    done = run(tmp_path, write(tmp_path, rows), "--json")
    assert done.stderr.splitlines() == [
        "warning: registry.yaml has no point 'E1/PTX': its readings were not judged",
        "warning: registry.yaml has no point 'LTX': its readings were not judged",
    ]
    assert json.loads(done.stdout)["unknown_points"] == ["E1/PTX", "LTX"]


def test_a_row_far_ahead_that_makes_all_behind_it_old_is_told_with_its_time(
    tmp_path: Path,
) -> None:
    rows = f"{text(0)},LT,5\n2096-01-01T00:00:00Z,LT,5\n{text(10)},LT,9.5\n{text(20)},LT,9.5"
    (line,) = run(tmp_path, write(tmp_path, rows)).stderr.splitlines()
    assert line.startswith("warning: 2 readings are too old by the recording's clock")
    assert "came to 2096-01-01T00:00:00.000Z" in line


def test_without_a_recording_it_is_said_how_to_name_one(tmp_path: Path) -> None:
    assert "name the recordings to judge" in run(tmp_path, code=2).stderr


def test_a_rule_that_matches_nothing_is_told_with_what_it_looked_for(tmp_path: Path) -> None:
    rules = tmp_path / "new.yaml"
    rules.write_text("rules: [{id: a, kind: limit, match: {point: LTX}, limits: {h: 7}}]")
    with pytest.raises(RefusedError, match="correct its match, point LTX"):
        run(tmp_path, write(tmp_path, overfill()), "--rules", rules)


def test_in_a_pipe_no_time_and_no_rule_is_shortened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    shown = run(tmp_path, write(tmp_path, overfill())).stdout
    assert "…" not in shown
    assert text(30) in shown
    assert "limit.high" in shown


def test_the_page_says_when_and_draws_the_worst_on_top(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = run(tmp_path, write(tmp_path, overfill()), "--advise", "--html", page)
    assert "page.html shows no advice" in done.stderr
    shown = page.read_text("utf-8")
    first, last = (text(moment)[5:16].replace("T", " ") + "Z" for moment in (0, 190))
    assert shown.count(f">{first}</text>") >= 2
    assert shown.count(f">{last}</text>") >= 2
    by_point = shown[shown.index("alarms by point") :]
    order = re.findall(r"<title>\S+ (blue|yellow|orange|red) ", by_point)
    assert order == sorted(order, key=["blue", "yellow", "orange", "red"].index)
    assert len(set(order)) > 1


@pytest.mark.parametrize("sooner", [(10, 30), (10, 20, 30, 90)])
def test_the_page_has_the_median_that_the_document_has(
    tmp_path: Path, sooner: tuple[int, ...]
) -> None:
    rows = [
        f"{text(600 * place + k)},LT,{5 if k < 100 or k >= 400 else 9.5 if k < 100 + gap else 9.9}"
        for place, gap in enumerate(sooner)
        for k in range(0, 600, 10)
    ]
    old = tmp_path / "old.yaml"
    old.write_text("rules: [{id: a, kind: limit, match: {point: LT}, limits: {h: 9.6, hh: 9.8}}]")
    page = tmp_path / "page.html"
    words = ("--against", old, "--html", page)
    lead = backtest(tmp_path, write(tmp_path, "\n".join(rows)), *words)["comparison"]["lead_s"]
    assert (lead["common"], lead["most"]) == (len(sooner), max(sooner))
    assert f"中位数 {lead['median']:g} s" in page.read_text("utf-8")
