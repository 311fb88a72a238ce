"""The back-test: recordings read, the live engine driven by their clock, occurrences told."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from alarms import instants
from fengsui.backtest import cells, recorded, rehearsal
from fengsui.backtest.recorded import Chunk
from fengsui.commands.backtest import command
from tests.house import readme_commands
from tests.unit.plants import ONE_TANK, START, at

REGISTRY = (
    ONE_TANK
    + """\
              - {tag: LT, quantity: level, unit: m, range: [0, 10], period_s: 10,
                 limits: {h: 8, hh: 9}}
              - {tag: PT, quantity: pressure, unit: MPa, range: [0, 2], period_s: 10,
                 limits: {h: 1.5}, on_delay_s: 15}
gateways:
  - {id: gw, enterprise: E1}
"""
)


def text(seconds: float) -> str:
    return instants.to_text(at(seconds))


def write(folder: Path, rows: str, *, name: str = "r.csv", header: str = "ts,point,value") -> Path:
    file = folder / name
    file.write_text(f"{header}\n{rows}", "utf-8")
    return file


def run(folder: Path, *words: object, code: int = 0) -> Result:
    registry = folder / "registry.yaml"
    registry.write_text(REGISTRY, "utf-8")
    done = CliRunner().invoke(
        command, ["--registry", str(registry), *map(str, words)], catch_exceptions=False
    )
    assert done.exit_code == code, done.output
    return done


def backtest(folder: Path, *words: object, code: int = 0) -> Any:
    done = run(folder, *words, "--json", code=code)
    return json.loads(done.stdout) if code == 0 else done.stderr


def read(folder: Path, rows: str, **named: str) -> list[Chunk]:
    registered, _ = rehearsal.plant_of(REGISTRY.encode(), "registry")
    file = write(folder, rows, **named)
    return list(recorded.chunks([file], cells.Points(registered), lambda _bytes: None))


def limits(document: Any) -> list[Any]:
    return [each for each in document["occurrences"] if each["kind"] == "limit"]


# A golden story: an overfill straight past HH, and a pressure that needs its on-delay.


def test_an_overfill_is_told_with_its_exact_times_and_tiers(tmp_path: Path) -> None:
    rows = [f"{text(10 * k)},LT,{9.2 if k == 2 else 5}" for k in range(12)]
    rows += [f"{text(10 * k)},PT,{1.6 if k >= 4 else 1.0}" for k in range(12)]
    file = write(tmp_path, "\n".join(sorted(rows)))
    document = backtest(tmp_path, "--readings", file, "--until", text(110))
    level, pressure = limits(document)
    assert level["point"] == "E1/LT"
    assert (level["rule"], level["tier"], level["peak_tier"]) == ("limit.high", "orange", "orange")
    assert (level["t_raised"], level["t_returned"]) == (text(20), text(60))
    assert (level["value"], level["limit"]) == (9.2, 9.0)
    assert [move["type"] for move in level["transitions"]] == ["raised", "returned"]
    assert (pressure["t_raised"], pressure["t_returned"]) == (text(55), None)
    assert document["readings"] == 24
    assert document["points"] == 2
    assert document["rejected"] == {"bad_value": 0}
    assert document["kpi"]["floods"] == 0
    days = 110 / 86400
    assert document["kpi"]["alarms_per_point_day"] == pytest.approx(2 / (2 * days), rel=1e-4)


def test_silence_lasts_from_the_last_row_to_until_and_is_the_gateways(tmp_path: Path) -> None:
    file = write(tmp_path, f"{text(0)},LT,5\n{text(0)},PT,1")
    assert backtest(tmp_path, "--readings", file)["occurrences"] == []
    document = backtest(tmp_path, "--readings", file, "--until", text(60))
    assert [(each["kind"], each["point"]) for each in document["occurrences"]] == [("comms", "gw")]
    assert document["occurrences"][0]["t_raised"] == text(30)


def test_each_return_ends_an_occurrence_and_the_next_raise_is_another(tmp_path: Path) -> None:
    rows = [f"{text(10 * k)},LT,{9.5 if k in (1, 7) else 5}" for k in range(14)]
    found = limits(backtest(tmp_path, "--readings", write(tmp_path, "\n".join(rows))))
    assert [(each["t_raised"], each["t_returned"]) for each in found] == [
        (text(10), text(50)),
        (text(70), text(110)),
    ]
    assert found[0]["id"] != found[1]["id"]


def test_a_late_occurrence_comes_whole_and_a_duplicate_counts_once(tmp_path: Path) -> None:
    rows = [f"{text(10 * k)},LT,5,{text(10 * k)}" for k in range(12)]
    rows += [f"{text(15)},LT,9.5,{text(115)}", f"{text(25)},LT,9.6,{text(115)}"]
    rows += [f"{text(15)},LT,9.5,{text(116)}", f"{text(10)},LT,7,{text(117)}"]
    file = write(tmp_path, "\n".join(rows), header="ts,point,value,received")
    document = backtest(tmp_path, "--readings", file)
    (late,) = limits(document)
    assert late["late"] is True
    assert (late["t_raised"], late["t_returned"]) == (text(15), text(25))
    assert document["readings"] == 14
    assert document["duplicates"] == 2


def test_refused_readings_are_counted_by_reason_and_an_empty_value_is_no_reading(
    tmp_path: Path,
) -> None:
    rows = f"{text(0)},LT,5\n{text(1)},XX,5\n{text(2)},LT,99\n{text(3)},LT,inf\n"
    rows += f"{text(4)},LT,\n{text(5)},LT,nan\n"
    document = backtest(tmp_path, "--readings", write(tmp_path, rows))
    assert document["readings"] == 1
    assert document["rejected"] == {"bad_value": 1, "unknown_point": 1, "out_of_range": 1}
    assert [each["rule"] for each in document["occurrences"]] == ["sensor.range"]


def test_every_bad_row_is_named_by_its_line(tmp_path: Path) -> None:
    rows = f"{text(0)},LT,5\nnever,LT,5\n\n{text(1)},LT,five\n{text(2)},LT\n{text(3)},,1\n"
    with pytest.raises(recorded.UnreadableError) as refused:
        read(tmp_path, rows)
    assert [fault.split(":")[0] for fault in refused.value.faults] == [
        "r.csv, line 3",
        "r.csv, line 5",
        "r.csv, line 6",
        "r.csv, line 7",
    ]


def test_an_unknown_quality_and_a_wrong_header_are_refused(tmp_path: Path) -> None:
    with pytest.raises(recorded.UnreadableError, match=r"line 2: 'fine' is no quality"):
        read(tmp_path, f"{text(0)},LT,5,fine", header="ts,point,value,quality")
    with pytest.raises(recorded.UnreadableError, match="value is missing, 'wert' is no column"):
        read(tmp_path, "", header="ts,point,wert")


def test_wrong_words_are_usage_errors(tmp_path: Path) -> None:
    file = write(tmp_path, "")
    assert "RFC 3339" in backtest(tmp_path, "--readings", file, "--until", "soon", code=2)
    assert "does not exist" in backtest(tmp_path, "--readings", tmp_path / "none.csv", code=2)


def test_milliseconds_and_rfc_3339_in_any_offset_are_the_same_instants(tmp_path: Path) -> None:
    ms = START // 1000
    forms = [
        [f"{ms + 1000 * k}" for k in range(3)],
        [f"{ms + 1000 * k}.0" for k in range(3)],
        [text(k) for k in range(3)],
        [text(k).replace("T", " ") for k in range(3)],
        [text(0), str(ms + 1000), text(2)],
        [f"2025-11-21T16:00:0{k}+08:00" for k in range(3)],
        ["2025-11-21T16:00:00+08:00", "2025-11-21T08:00:01.000000Z", "2025-11-21T07:00:02-01:00"],
    ]
    for k, form in enumerate(forms):
        rows = "\n".join(f"{moment},LT,5" for moment in form)
        (chunk,) = read(tmp_path, rows, name=f"{k}.csv")
        assert chunk.stamp.tolist() == [at(0), at(1), at(2)], form


@given(
    st.lists(
        st.integers(0, 4_102_444_800_000_000).filter(lambda micros: micros % 1000),
        min_size=1,
        max_size=5,
    ),
    st.integers(-23 * 60, 23 * 60),
)
def test_the_fast_reading_of_times_is_exact(moments: list[int], offset: int) -> None:
    zone = f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
    moments = [max(moment, 86_400_000_000) for moment in moments]
    local = [
        instants.to_datetime(moment + offset * 60_000_000).isoformat(timespec="microseconds")
        for moment in moments
    ]
    assert cells.instants([each.replace("+00:00", zone) for each in local]).tolist() == moments


def test_a_time_that_is_none_is_refused_on_the_fast_road_too() -> None:
    for cell in ("2025-13-01T00:00:00Z", "2025-11-21T25:00:00Z", "2025-11-21T00:00:00", "-5"):
        with pytest.raises(ValueError, match="milliseconds"):
            cells.instants(["2025-11-21T00:00:00Z", cell])


def test_a_gzipped_recording_and_one_with_a_byte_order_mark_read_alike(tmp_path: Path) -> None:
    rows = f"ts,point,value\n{text(0)},LT,5\n"
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(rows.encode("utf-8-sig")))
    registered, _ = rehearsal.plant_of(REGISTRY.encode(), "registry")
    (chunk,) = recorded.chunks([tmp_path / "a.csv.gz"], cells.Points(registered), lambda _: None)
    assert chunk.value.tolist() == [5.0]


def test_several_files_run_side_by_side_by_time_of_receipt(tmp_path: Path) -> None:
    one = write(tmp_path, "".join(f"{text(k)},LT,{k}\n" for k in range(0, 9, 2)), name="1.csv")
    two = write(tmp_path, "".join(f"{text(k)},PT,{k / 10}\n" for k in range(1, 9, 2)), name="2.csv")
    registered, _ = rehearsal.plant_of(REGISTRY.encode(), "registry")
    found = Chunk.joined(
        list(recorded.chunks([one, two], cells.Points(registered), lambda _bytes: None))
    )
    assert found.clock.tolist() == [at(k) for k in range(9)]


def test_a_tag_of_two_enterprises_must_be_given_with_its_enterprise(tmp_path: Path) -> None:
    second = REGISTRY.replace("E1", "E2").replace("gw", "gw2").split("gateways:")
    both = REGISTRY.replace(
        "gateways:\n", second[0].replace("\nenterprises:\n", "") + "gateways:\n" + second[1][1:]
    )
    registered, _ = rehearsal.plant_of(both.encode(), "registry")
    points = cells.Points(registered)
    assert points["E2/LT"] != points["E1/LT"]
    with pytest.raises(ValueError, match="several enterprises"):
        cells.row("LT", points)


def test_a_rules_file_changes_what_arises_and_the_comparison_says_how(tmp_path: Path) -> None:
    rows = [f"{text(10 * k)},LT,{7.5 if k >= 3 else 5}" for k in range(20)]
    file = write(tmp_path, "\n".join(rows))
    rules = tmp_path / "new.yaml"
    rules.write_text("rules: [{id: lower, kind: limit, match: {point: LT}, limits: {h: 7}}]")
    old = tmp_path / "old.yaml"
    old.write_text(
        "rules: [{id: slow, kind: limit, match: {point: LT}, limits: {h: 7}, on_delay_s: 90}]"
    )
    page = tmp_path / "page.html"
    document = backtest(
        tmp_path, "--readings", file, "--rules", rules, "--against", old, "--html", page
    )
    assert [each["t_raised"] for each in limits(document)] == [text(90)]
    assert [each["t_raised"] for each in limits(document["against"])] == [text(120)]
    assert document["comparison"]["lead_s"] == {
        "common": 1, "median": 30.0, "least": 30.0, "most": 30.0,
    }  # fmt: skip
    shown = page.read_text("utf-8")
    assert "规则修改前后" in shown
    assert "Before and after" in shown
    assert "<svg" in shown
    assert "<script" not in shown
    assert "http" not in shown


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_warnings_of_both_files_go_to_standard_error_alone(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    registry, rules = tmp_path / "plant.yaml", tmp_path / "new.yaml"
    wind = "- {tag: W, quantity: wind_speed, unit: m/s, limits: {h: 10}, tiers: {hh: red}}"
    registry.write_text(REGISTRY.replace("- {tag: PT", f"{wind}\n              - {{tag: PT"))
    rules.write_text("rules:\n  - {id: gale, kind: limit, match: {point: W}, limits: {h: 30}}\n")
    file = write(tmp_path, f"{text(0)},W,5")
    done = CliRunner().invoke(
        command,
        ["--registry", str(registry), "--readings", str(file), "--rules", str(rules), *words],
    )
    assert done.exit_code == 0, done.output
    of_plant, of_rules = done.stderr.splitlines()
    place = "enterprises[0].sources[0].units[0].points[1].tiers.hh"
    assert of_plant == f"warning: plant.yaml: line 17: {place}: {NO_LIMIT}"
    assert of_rules.startswith("warning: new.yaml: line 2: rule gale: E1/W: limits.h is 30 m/s")
    assert of_rules.endswith("[M]")
    assert "warning" not in done.stdout
    assert not words or json.loads(done.stdout)["points"] == 3


NO_LIMIT = "has no limit hh to belong to: it has no effect"


def test_the_commands_of_its_page_run(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    page = (root / "docs" / "backtest.md").read_text("utf-8")
    (tmp_path / "examples").symlink_to(root / "examples")
    env = {"PYTHONPATH": str(root)}
    done = readme_commands.run(readme_commands.runnable(page), folder=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert readme_commands.unmarked(page) == []
    assert "<svg" in (tmp_path / "change.html").read_text("utf-8")
