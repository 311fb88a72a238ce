"""Two registries of one plant over the same readings: what was changed is told with its alarms."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from alarms import instants, registry_tree
from alarms.alarm import Kind
from alarms.plant import Gateway, Tiering
from fengsui.backtest import cells, comparison, differences, recorded, rehearsal
from fengsui.commands.backtest import command
from tests.unit.plants import ONE_TANK, at, plant, point

LEVEL = "quantity: level, unit: m, range: [0, 10], period_s: 10, detect: [limit]"
GAS = "quantity: toxic_gas, unit: mg/m³, range: [0, 100], period_s: 10, detect: [limit]"
POINTS = f"""\
              - {{tag: LT, {LEVEL}, limits: {{h: 8, hh: 9}}, on_delay_s: 0, off_delay_s: 0}}
              - {{tag: LT2, {LEVEL}}}
              - {{tag: DIFF, {LEVEL.replace("[0, 10]", "[-10, 10]")}, limits: {{h: 2}},
                 on_delay_s: 0, off_delay_s: 0, compute: LT - LT2}}
              - {{tag: G1, {GAS}, substance: 氨}}
              - {{tag: G2, {GAS}, substance: 氨}}
              - {{tag: G3, {GAS}, substance: 氨}}
              - {{tag: G4, {GAS}, substance: 氨}}
              - {{tag: RUN, quantity: equipment_state, unit: "1", range: [0, 1], period_s: 10,
                 detect: [limit]}}
"""
GROUPS = """\
        groups:
          - {code: VOTE, name: 三取二, kind: vote, points: [G1, G2, G3], k: 2, limit: 30,
             degrade: safe, tier: red, on_delay_s: 0, off_delay_s: 0}
"""
TIERS = """\
tiers:
  - {region: "510603", quantity: level, limits: {h: yellow, hh: orange}}
"""
GATEWAYS = "gateways:\n  - {id: gw, enterprise: E1}\n"
PLANT = ONE_TANK + POINTS + GROUPS + GATEWAYS
OVER = range(12, 24)
"""Steps of 10 s in which the level is at 8.5 m and two of the three gases are at 35 mg/m³."""
STEPS = 48


def rows(more: str = "") -> Iterator[str]:
    """Yield a recording's lines: one level and two gases go up and come back, and `more` stays."""
    yield "ts,point,value"
    for step in range(STEPS):
        up = step in OVER
        values = {"LT": 8.5 if up else 5, "LT2": 6, "G1": 35 if up else 0, "G2": 35 if up else 0}
        values |= {"G3": 0, "G4": 0, "RUN": 0 if step < OVER.start + 6 else 1}
        values |= {more: 9.5 if up else 5} if more else {}
        for tag, value in values.items():
            yield f"{instants.to_text(at(10 * step))},{tag},{value}"


def rehearse(folder: Path, before: str, after: str, *, more: str = "") -> Any:
    """Run both registries over one recording and return the comparison's document."""
    file = folder / "r.csv"
    file.write_text("\n".join(rows(more)), "utf-8")
    plants = tuple(
        rehearsal.plant_of(text.encode(), name)[0]
        for text, name in ((before, "before.yaml"), (after, "after.yaml"))
    )
    was, now = (
        rehearsal.run(plant, recorded.chunks([file], cells.Points(plant), lambda _bytes: None))
        for plant in plants
    )
    return comparison.compare((plants[0], plants[1]), was, now).document()


def text(step: float) -> str:
    return instants.to_text(at(10 * step))


def one(document: Any, sort: str) -> Any:
    """Return the only alarm of a sort; no other alarm may differ."""
    found = {name: document[name] for name in ("only_before", "only_after", "changed")}
    assert {name: len(those) for name, those in found.items() if those} == {sort: 1}
    return found[sort][0]


def test_two_equal_registries_differ_in_nothing(tmp_path: Path) -> None:
    document = rehearse(tmp_path, PLANT, PLANT)
    assert document["alarms"] == {"before": 3, "after": 3}
    assert document["kinds"]["limit"] == {
        "before": 2, "after": 2, "gone": 0, "new": 0, "time": 0, "tier": 0, "heard": 0,
    }  # fmt: skip
    for sort in ("changes", "only_before", "only_after", "changed"):
        assert document[sort] == []


def test_a_group_that_is_added_or_removed_brings_or_takes_its_alarm(tmp_path: Path) -> None:
    without = ONE_TANK + POINTS + GATEWAYS
    new = rehearse(tmp_path, without, PLANT)
    assert (one(new, "only_after")["point"], new["kinds"]["group"]["new"]) == ("E1/VOTE", 1)
    assert one(new, "only_after")["because"] == ["group E1/VOTE added"]
    gone = rehearse(tmp_path, PLANT, without)
    assert one(gone, "only_before")["because"] == ["group E1/VOTE removed"]
    assert gone["kinds"]["group"]["gone"] == 1


@pytest.mark.parametrize(
    ("was", "now", "sort", "setting", "because"),
    [
        (
            "limit: 30", "limit: 40", "only_before", ("params.limit", 30, 40),
            ["group E1/VOTE: params k 2, limit 30.0, degrade safe → k 2, limit 40.0, degrade safe"],
        ),
        (
            "tier: red", "tier: orange", "changed", ("tier", "red", "orange"),
            ["group E1/VOTE: tier red → orange"],
        ),
        (
            "points: [G1, G2, G3]", "points: [G1, G3, G4]", "only_before",
            ("members.points", ["G1", "G2", "G3"], ["G1", "G3", "G4"]),
            ["group E1/VOTE: members points G1/G2/G3 → points G1/G3/G4"],
        ),
        (
            "limits: {h: 8, hh: 9}", "limits: {h: 8.6, hh: 9}", "only_before",
            ("limits.h", 8, 8.6),
            ["point E1/LT: limits h 8.0, hh 9.0 → h 8.6, hh 9.0"],
        ),
        (
            "limits: {h: 8, hh: 9}", "limits: {h: 8, hh: 8.4}", "changed", ("limits.hh", 9, 8.4),
            ["point E1/LT: limits h 8.0, hh 9.0 → h 8.0, hh 8.4"],
        ),
        (
            "hh: 9}, on_delay_s: 0", "hh: 9}, on_delay_s: 20", "changed", ("on_delay_s", 0, 20),
            ["point E1/LT: on_delay_s 0.0 → 20.0"],
        ),
        (
            "hh: 9}, on_delay_s: 0, off_delay_s: 0", "hh: 9}, on_delay_s: 0, off_delay_s: 50",
            "changed", ("off_delay_s", 0, 50), ["point E1/LT: off_delay_s 0.0 → 50.0"],
        ),
        (
            "compute: LT - LT2", "compute: LT2 - LT", "only_before",
            ("compute", "LT - LT2", "LT2 - LT"),
            ["point E1/DIFF: compute LT - LT2 → LT2 - LT"],
        ),
    ],
)  # fmt: skip
def test_a_changed_setting_is_named_before_and_after_and_behind_its_alarm(
    tmp_path: Path, was: str, now: str, sort: str, setting: Any, because: list[str]
) -> None:
    assert PLANT.count(was) == 1
    document = rehearse(tmp_path, PLANT, PLANT.replace(was, now))
    (change,) = document["changes"]
    assert change["settings"] == [dict(zip(("name", "before", "after"), setting, strict=True))]
    assert one(document, sort)["because"] == because


def test_an_alarm_that_comes_and_goes_at_other_times_is_told_with_both(tmp_path: Path) -> None:
    was = "hh: 9}, on_delay_s: 0, off_delay_s: 0"
    changed = PLANT.replace(was, "hh: 9}, on_delay_s: 20, off_delay_s: 50")
    document = rehearse(tmp_path, PLANT, changed)
    moved = one(document, "changed")
    assert (moved["point"], moved["differs"]) == ("E1/LT", ["time"])
    assert (moved["before"]["t_raised"], moved["after"]["t_raised"]) == (text(12), text(14))
    assert (moved["before"]["t_returned"], moved["after"]["t_returned"]) == (text(24), text(29))
    assert document["kinds"]["limit"]["time"] == 1
    assert document["lead_s"]["least"] == -20


def test_what_a_delay_averts_is_counted_on_both_sides(tmp_path: Path) -> None:
    longer = PLANT.replace("hh: 9}, on_delay_s: 0", "hh: 9}, on_delay_s: 200")
    kpi = rehearse(tmp_path, PLANT, longer)["kpi"]
    assert [kpi[side]["near_misses"] for side in ("before", "after")] == [0, 1]
    assert [kpi[side]["reentries"] for side in ("before", "after")] == [0, 0]
    printed = " ".join(backtest(tmp_path, longer, old=PLANT).stdout.split())
    assert "delays of E1/LT limit.high: 1 near misses (a raise averted), 0 re-entries" in printed
    document = json.loads(backtest(tmp_path, longer, "--json", old=PLANT).stdout)
    assert document["averted"] == [
        {"point": "E1/LT", "rule": "limit.high", "near_misses": 1, "reentries": 0}
    ]


def test_a_table_of_tiers_grades_alarms_otherwise_and_says_so_at_each(tmp_path: Path) -> None:
    raised = TIERS.replace("}}", "}, raise: [{lasting_s: 60, tier: orange}]}")
    document = rehearse(tmp_path, PLANT + TIERS, PLANT + raised)
    (change,) = document["changes"]
    assert (change["kind"], change["name"]) == ("tiers", "510603/level")
    assert change["settings"] == [{"name": "raise", "before": None, "after": "orange after 60 s"}]
    assert document["kinds"]["limit"]["tier"] == 2
    for each in document["changed"]:
        assert each["differs"] == ["tier"]
        assert (each["before"]["tiers"], each["after"]["tiers"]) == (
            ["yellow"], ["yellow", "orange"],
        )  # fmt: skip
        assert each["because"] == [f"point {each['point']}: tiers: raise none → orange after 60 s"]
    removed = rehearse(tmp_path, PLANT + raised, PLANT)
    assert [each["change"] for each in removed["changes"]] == ["removed"]
    assert removed["kinds"]["limit"]["tier"] == 2


def test_a_table_grades_other_kinds_of_alarms_in_a_rehearsal_too(tmp_path: Path) -> None:
    silent = PLANT.replace("{tag: LT2,", f"{{tag: MUTE, {LEVEL}}}\n              - {{tag: LT2,")
    graded = TIERS.replace("limits: {h: yellow, hh: orange}", "kinds: {comms: orange}")
    document = rehearse(tmp_path, silent, silent + graded)
    assert document["changes"][0]["settings"][0]["name"] == "kinds.comms"
    changed = one(document, "changed")
    assert (changed["point"], changed["kind"]) == ("E1/MUTE", "comms")
    assert changed["because"] == ["point E1/MUTE: tiers: comms blue → orange"]


def test_a_suppression_says_which_alarms_are_heard_no_more_or_later(tmp_path: Path) -> None:
    was = "off_delay_s: 0}\n              - {tag: LT2"
    quiet = "off_delay_s: 0, suppress: {when: %s, reason: 停车}}\n              - {tag: LT2"
    whole = PLANT.replace(was, quiet % "LT2 == 6")
    never = one(rehearse(tmp_path, PLANT, whole), "changed")
    assert never["differs"] == ["heard"]
    assert (never["before"]["t_heard"], never["after"]["t_heard"]) == (text(12), None)
    assert never["because"] == ["point E1/LT: suppress none → when LT2 == 6, reason 停车"]
    part = PLANT.replace(was, quiet % "RUN == 0")
    later = rehearse(tmp_path, whole, part)
    assert one(later, "changed")["after"]["t_heard"] == text(18)
    assert later["kinds"]["limit"]["heard"] == 1


def test_a_point_of_one_side_alone_is_unknown_on_the_other_and_that_is_said(
    tmp_path: Path,
) -> None:
    another = PLANT.replace(
        "              - {tag: LT2,",
        f"              - {{tag: LX, {LEVEL}, limits: {{h: 9}}}}\n              - {{tag: LT2,",
    )
    document = rehearse(tmp_path, PLANT, another, more="LX")
    assert document["points"] == {"only_before": [], "only_after": ["E1/LX"]}
    assert one(document, "only_after")["because"] == ["point E1/LX added"]


def test_what_an_alarm_is_computed_from_is_behind_it_however_far(tmp_path: Path) -> None:
    steps = f"""\
              - {{tag: HALF, {LEVEL}, compute: QUARTER * 2}}
              - {{tag: QUARTER, {LEVEL}, compute: LT / 4}}
              - {{tag: LT2,"""
    further = PLANT.replace("compute: LT - LT2", "compute: HALF * 2 - LT2").replace(
        "              - {tag: LT2,", steps
    )
    document = rehearse(tmp_path, further, further.replace("LT / 4", "LT / 5"))
    assert one(document, "only_before")["because"] == ["point E1/QUARTER: compute LT / 4 → LT / 5"]


def test_what_grades_a_point_and_the_gateways_are_differences_too() -> None:
    table = Tiering(region="510603", quantity="level", source_levels={"1": 1})
    before = plant([point("LT", limits={"h": 8})], tierings=[table])
    (source,), (enterprise,) = before.sources.values(), before.enterprises.values()
    after = replace(
        before,
        sources={key: replace(source, level=1, name="罐区") for key in before.sources},
        enterprises={enterprise.code: replace(enterprise, simulated=True)},
        gateways={"gw-2": Gateway(id="gw-2", enterprise=enterprise.code)},
    )
    assert list(map(str, differences.between(before, after))) == [
        "enterprise DY-CHEM-01: simulated False → True",
        "gateway gw-1 removed",
        "gateway gw-2 added",
        "source DY-CHEM-01/R001: level absent → 1",
    ]
    causes = differences.Causes(before, after)
    assert causes.behind("DY-CHEM-01/LT", "limit.high", Kind.limit) == [
        "point DY-CHEM-01/LT: tiers: h yellow → orange"
    ]
    assert causes.behind("gateway:gw-1", "comms.gateway", Kind.comms) == ["gateway gw-1 removed"]
    assert causes.behind("DY-CHEM-01/LT", "sensor.spike", Kind.sensor) == []
    moved = replace(after, points=[point("LT", limits={"h": 8}, gateway="gw-2")])
    causes = differences.Causes(after, moved)
    assert causes.behind("DY-CHEM-01/LT", "comms.stale", Kind.comms) == [
        "point DY-CHEM-01/LT: gateway absent → gw-2"
    ]


# The command.


def backtest(folder: Path, new: str, *words: str, old: str, code: int = 0) -> Any:
    """Run the command on the registry `new` against the file `old`."""
    (folder / "new.yaml").write_text(new, "utf-8")
    (folder / "old.yaml").write_text(old, "utf-8")
    (folder / "r.csv").write_text("\n".join(rows("LX")), "utf-8")
    files = ["--registry", "new.yaml", "--readings", "r.csv", "--against", "old.yaml"]
    files = [str(folder / word) if "." in word else word for word in files]
    done = CliRunner().invoke(command, [*files, *words])
    assert done.exit_code == code, done.output
    return done


def test_the_command_tells_a_registry_from_a_rules_file_and_prints_all_of_it(
    tmp_path: Path,
) -> None:
    page = tmp_path / "c.html"
    added = f"              - {{tag: LX, {LEVEL}, limits: {{h: 9}}}}\n{GROUPS}"
    new = PLANT.replace(GROUPS, added).replace("tier: red", "tier: orange")
    done = backtest(tmp_path, new, "--html", str(page), old=PLANT)
    printed = " ".join(done.stdout.split())
    assert "changed: group E1/VOTE: tier red → orange" in printed
    assert "changed: point E1/LX added" in printed
    unknown = "only after: E1/LX; before, their readings are among the 48 of unknown points"
    assert printed.count(unknown) == 1
    assert f"new: E1/LX limit.high yellow {text(18)} (point E1/LX added)" in printed
    told = f"tier red → orange: E1/VOTE group.vote orange {text(12)}"
    assert f"{told} (group E1/VOTE: tier red → orange)" in printed
    shown = page.read_text("utf-8")
    assert "测点 <small>point</small></td><td>E1/LX</td><td>新增 <small>added</small>" in shown
    assert "组合规则 <small>group</small></td><td>E1/VOTE</td><td>tier red → orange</td>" in shown
    assert "仅修改后有测点 E1/LX；修改前其读数计入未知测点的 48 条" in shown
    assert "<td>级别 red → orange <small>tier red → orange</small></td><td>E1/VOTE</td>" in shown
    assert "新增 <small>new</small></td><td>E1/LX</td>" in shown


def test_rules_files_over_one_registry_name_what_they_change_too(tmp_path: Path) -> None:
    rules = "rules: [{id: a, kind: limit, match: {point: LT}, limits: {h: 8.6}}]"
    document = json.loads(backtest(tmp_path, PLANT, "--json", old=rules).stdout)["comparison"]
    (change,) = document["changes"]
    assert change["settings"] == [{"name": "limits.h", "before": 8.6, "after": 8.0}]
    assert one(document, "only_after")["because"] == [
        "point E1/LT: limits h 8.6, hh 9.0 → h 8.0, hh 9.0"
    ]


def test_a_registry_written_as_json_is_one_too(tmp_path: Path) -> None:
    def value(node: Any) -> Any:
        match node:
            case registry_tree.Table():
                return {key: value(each) for key, each in node.entries.items()}
            case registry_tree.Items():
                return [value(each) for each in node.items]
            case registry_tree.Plain():
                return node.value
        return node

    tree = value(registry_tree.read(PLANT.encode())[0])
    tree["enterprises"][0]["name"] = "化工\U0001f525"
    done = backtest(tmp_path, PLANT, old=json.dumps(tree, indent="\t"))
    assert "changed: nothing that alarms hang on" in done.stdout


@pytest.mark.parametrize(
    ("old", "said"),
    [
        (
            "points: []",
            "nor a registry file (`enterprises:`), it begins with `points:`; give --against what",
        ),
        (
            PLANT.replace("code: E1", "code: E2").replace("enterprise: E1", "enterprise: E2"),
            "have no point in common, so there is nothing to compare; give --against the whole",
        ),
        (TIERS, "old.yaml and new.yaml have no point in common"),
        (PLANT.replace("k: 2", "k: 4"), "old.yaml was refused"),
        ("rules: [", "old.yaml was refused"),
        ("", "old.yaml was refused"),
    ],
)
def test_a_file_that_cannot_be_compared_with_is_refused_with_what_to_do(
    tmp_path: Path, old: str, said: str
) -> None:
    done = backtest(tmp_path, PLANT, old=old, code=1)
    assert said in str(done.exception)
