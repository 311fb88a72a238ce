"""The scenarios publish exactly the points of their examples and climb in the order told."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from alarms import regions, registry
from alarms.registry import Known
from simulators import cloning, scenarios
from simulators.errors import RequestError
from simulators.readings import Message
from simulators.scenario import Running, suffix

EXAMPLES = Path(__file__).parents[2] / "examples"
KNOWN = Known(regions=regions.builtin(), gateways={})
NAMES = sorted(scenarios.SCENARIOS)


def tree(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text("utf-8"))
    return loaded


def points(registry: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        point["tag"]: point
        for enterprise in registry["enterprises"]
        for source in enterprise["sources"]
        for unit in source["units"]
        for point in unit["points"]
    }


def messages(name: str, seconds: int, **options: Any) -> Iterator[tuple[int, Message]]:
    running = Running(scenarios.named(name), **options)
    for second in range(seconds):
        for message in running.tick(second * 1000):
            yield second, message


@cache
def series(name: str, seconds: int, seed: int = 1) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = {}
    for second, message in messages(name, seconds, seed=seed):
        for tag, value in zip(message.tags, message.values, strict=True):
            assert isinstance(value, float | bool)
            found.setdefault(tag, []).append((second, float(value)))
    return found


def first_over(name: str, tag: str, limit: float) -> int:
    return next(second for second, value in series(name, 1900)[tag] if value >= limit)


def first_under(name: str, tag: str, limit: float) -> int:
    return next(second for second, value in series(name, 1900)[tag] if value <= limit)


@pytest.mark.parametrize("name", NAMES)
def test_every_point_of_the_example_is_published_and_nothing_else(name: str) -> None:
    assert series(name, 1900).keys() == points(tree(name)).keys()


@pytest.mark.parametrize("name", NAMES)
def test_channels_have_the_period_gateway_and_range_of_the_registry(name: str) -> None:
    told = points(tree(name))
    for channel in scenarios.named(name).channels:
        point = told[channel.tag]
        assert (channel.gateway, channel.period_s) == (point["gateway"], point["period_s"])
        assert [channel.sensor.low, channel.sensor.high] == point["range"], channel.tag


@pytest.mark.parametrize("name", NAMES)
def test_the_gateways_are_those_of_the_registry(name: str) -> None:
    devices = [device.id for device in scenarios.named(name).devices]
    assert devices == [gateway["id"] for gateway in tree(name)["gateways"]]


@pytest.mark.parametrize("name", NAMES)
def test_gateways_of_a_plant_speak_different_forms(name: str) -> None:
    assert len({device.form for device in scenarios.named(name).devices}) == 3


@pytest.mark.parametrize("name", NAMES)
def test_nothing_crosses_a_limit_before_the_incident(name: str) -> None:
    told = points(tree(name))
    for tag, readings in series(name, 1900).items():
        for limit, bound in told[tag].get("limits", {}).items():
            calm = [value for second, value in readings if second < 30]
            if limit in ("h", "hh", "cut"):
                assert max(calm) < bound, (tag, limit)
            elif limit in ("l", "ll"):
                assert min(calm) > bound, (tag, limit)


@pytest.mark.parametrize("name", NAMES)
def test_the_first_limit_is_crossed_within_a_minute(name: str) -> None:
    told = points(tree(name))
    crossed = [
        second
        for tag, readings in series(name, 1900).items()
        for limit, bound in told[tag].get("limits", {}).items()
        for second, value in readings
        if (limit in ("h", "hh", "cut") and value >= bound)
        or (limit in ("l", "ll") and value <= bound)
    ]
    assert 30 <= min(crossed) <= 65


@pytest.mark.parametrize("name", NAMES)
def test_the_plant_is_calm_again_when_the_next_incident_begins(name: str) -> None:
    told = points(tree(name))
    turns = {"tank-farm": 1800, "gas-line": 1260, "coal-mine": 1740}
    again = turns[name] + 25
    for tag, readings in series(name, 1900).items():
        latest = [value for second, value in readings if again - 20 <= second < again]
        for limit, bound in told[tag].get("limits", {}).items():
            if limit in ("h", "hh", "cut"):
                assert max(latest) < bound, (tag, limit)
            elif limit in ("l", "ll"):
                assert min(latest) > bound, (tag, limit)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_no_seed_leaves_an_instruments_range(name: str, seed: int) -> None:
    told = points(tree(name))
    for tag, readings in series(name, 400, seed).items():
        low, high = told[tag]["range"]
        assert all(low <= value <= high for _, value in readings), tag


def test_ammonia_reaches_the_detectors_in_order_of_distance() -> None:
    reached = [first_over("tank-farm", tag, 20.0) for tag in ("P100.GT1", "P100.GT2", "V101.GT1")]
    assert reached == sorted(reached)


def test_ammonia_climbs_from_orange_to_red() -> None:
    assert first_over("tank-farm", "P100.GT1", 20.0) < first_over("tank-farm", "P100.GT1", 40.0)


def test_the_sphere_passes_h_then_hh_and_is_shut() -> None:
    high = first_over("tank-farm", "V101.LT1", 5.2)
    higher = first_over("tank-farm", "V101.LT1", 5.6)
    shut = first_under("tank-farm", "V101.XV", 0.0)
    assert high < higher < shut


def test_the_sphere_holds_what_flowed_in_less_what_was_drawn() -> None:
    level = dict(series("tank-farm", 1900)["V101.LT1"])
    flow = [(second, value) for second, value in series("tank-farm", 1900)["V101.FT"]]
    # From 140 s to 700 s nothing is drawn; the feed's own readings must account for the rise.
    fed_m3 = sum(value / 3600.0 * 2.0 for second, value in flow if 140 <= second < 700)
    rise_m3 = _sphere_m3(level[700]) - _sphere_m3(level[140])
    assert fed_m3 == pytest.approx(rise_m3, rel=0.03)


def test_pressure_rises_while_the_sphere_is_filled() -> None:
    pressure = dict(series("tank-farm", 1900)["V101.PT"])
    assert pressure[700] > pressure[20] + 0.1


def test_a_benzene_pump_shakes_before_its_seal_leaks() -> None:
    shaking = first_over("tank-farm", "P201.VT", 4.5)
    assert (
        shaking
        < first_over("tank-farm", "P200.GT2", 3.0)
        < first_over("tank-farm", "P200.GT1", 25.0)
    )


def test_pressure_in_the_line_falls_past_l_then_ll_from_the_damage_on() -> None:
    falls = [first_under("gas-line", "VC1.PT", limit) for limit in (1.0, 0.8)]
    assert 30 < falls[0] < falls[1]


def test_gas_reaches_the_wells_in_order_of_distance() -> None:
    reached = [first_over("gas-line", tag, 20.0) for tag in ("VW01.GD", "VW05.GD", "VW02.GD")]
    assert reached == sorted(reached)


def test_the_flow_into_the_line_is_what_the_two_meters_of_the_station_count() -> None:
    line = series("gas-line", 1900)
    first, second, through = (dict(line[tag]) for tag in ("GS1.FT1", "GS1.FT2", "VC1.FT"))
    assert first[20] + second[20] == pytest.approx(through[20], rel=0.02)


def test_methane_in_the_heading_passes_1_0_then_1_5_and_the_feeder_is_cut() -> None:
    alarm = first_over("coal-mine", "H3302.T1", 1.0)
    cut = first_over("coal-mine", "H3302.T1", 1.5)
    dead = first_under("coal-mine", "H3302.FD", 0.0)
    assert alarm < cut
    assert dead == pytest.approx(cut, abs=15)


def test_the_fan_stops_before_the_methane_climbs() -> None:
    still = first_under("coal-mine", "H3302.LF1", 0.0)
    assert (
        still < first_under("coal-mine", "H3302.DC", 0.0) < first_over("coal-mine", "H3302.T1", 1.0)
    )


def test_the_standby_fan_thins_the_methane() -> None:
    started = first_over("coal-mine", "H3302.LF2", 1.0)
    later = [
        value
        for second, value in series("coal-mine", 1900)["H3302.T1"]
        if started + 90 < second < 1700
    ]
    assert max(later) < 1.0


def test_a_cloud_reaches_the_return_later_than_it_leaves_the_face() -> None:
    line = series("coal-mine", 1900)
    before = {
        tag: max((value, second) for second, value in line[tag] if second < 500)[1]
        for tag in ("H3302.T1", "H3302.T2")
    }
    assert before["H3302.T1"] < before["H3302.T2"]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_messages(name: str) -> None:
    first = list(messages(name, 60, seed=5, speed=3.0, points=100))
    assert first == list(messages(name, 60, seed=5, speed=3.0, points=100))


def test_another_seed_gives_other_readings() -> None:
    first = list(messages("tank-farm", 5, seed=5))
    assert first != list(messages("tank-farm", 5, seed=6))


@pytest.mark.parametrize("name", NAMES)
def test_a_faster_time_line_meets_its_incident_sooner(name: str) -> None:
    told = points(tree(name))
    hit = min(
        second
        for second, message in messages(name, 40, speed=8.0)
        for tag, value in zip(message.tags, message.values, strict=True)
        for limit, bound in told[tag].get("limits", {}).items()
        if (limit in ("h", "hh", "cut") and value >= bound)
        or (limit in ("l", "ll") and value <= bound)
    )
    assert hit <= 12


def test_a_longer_lead_in_keeps_the_plant_quiet_longer() -> None:
    readings = [
        float(value or 0)
        for _, message in messages("tank-farm", 200, lead_in_s=300.0)
        for tag, value in zip(message.tags, message.values, strict=True)
        if tag == "P100.GT1"
    ]
    assert max(readings) < 20.0


@pytest.mark.parametrize("wanted", [1, 30, 44, 100, 1000])
def test_so_many_points_are_published_as_were_asked_for(wanted: int) -> None:
    seen = {tag for _, message in messages("tank-farm", 6, points=wanted) for tag in message.tags}
    assert len(seen) == wanted


@pytest.mark.parametrize("wanted", [1, 30, 100, 1000])
@pytest.mark.parametrize("name", NAMES)
def test_the_written_registry_names_exactly_the_published_points(name: str, wanted: int) -> None:
    grown = cloning.scaled(tree(name), scenarios.named(name), points=wanted)
    seen = {tag for _, message in messages(name, 11, points=wanted) for tag in message.tags}
    assert points(grown).keys() == seen


@pytest.mark.parametrize("wanted", [1, 30, 100])
@pytest.mark.parametrize("name", NAMES)
def test_the_groups_of_a_written_registry_name_only_its_points(name: str, wanted: int) -> None:
    grown = cloning.scaled(tree(name), scenarios.named(name), points=wanted)
    document = json.dumps(grown, ensure_ascii=False).encode()
    found = registry.parse(document, KNOWN)
    whole = len(registry.parse((EXAMPLES / f"{name}.yaml").read_bytes(), KNOWN).groups)
    assert len(found.groups) >= whole * (wanted // 48)


def test_copies_of_a_plant_do_not_run_in_step() -> None:
    table: dict[str, list[object]] = {}
    for _, message in messages("tank-farm", 120, points=88):
        for tag, value in zip(message.tags, message.values, strict=True):
            table.setdefault(tag, []).append(value)
    assert table["P100.GT1"] != table["P100.GT1" + suffix(1)]


def test_a_copy_moves_as_if_it_were_alone_in_time() -> None:
    alone = dict(series("coal-mine", 400)["H3302.T1"])
    among = {
        second: value
        for second, message in messages("coal-mine", 400, points=44 * 3)
        for tag, value in zip(message.tags, message.values, strict=True)
        if tag == "H3302.T1"
    }
    assert all(
        float(among[second] or 0) == pytest.approx(alone[second], abs=0.1) for second in alone
    )


def test_a_detector_past_its_range_says_so() -> None:
    marked = {
        message.tags[place]: mark
        for _, message in messages("tank-farm", 150)
        for place, mark in message.marks.items()
    }
    assert marked["P100.GT1"] == "over_range"


def test_a_wrong_name_is_answered_with_the_right_ones() -> None:
    with pytest.raises(RequestError, match=r"tank-farm.*gas-line.*coal-mine"):
        scenarios.named("tankfarm")


def _sphere_m3(level_m: float) -> float:
    return 3.141592653589793 * level_m**2 * (3 * 3.55 - level_m) / 3
