"""What a registry file does to what is registered: created, changed, left alone."""

from dataclasses import replace

import pytest

from alarms import registry_changes
from alarms.plant import Enterprise, Gateway, Plant, Point, Region, Source, Unit
from alarms.registry import Registry

PARK = Region(code="510681P01", name="园区", parent="510681", kind="park")
ENTERPRISE = Enterprise(code="E1", name="企业", region="510603", simulated=True)
SOURCE = Source(enterprise="E1", code="S1", name="罐区", kind="tank_farm")
UNIT = Unit(enterprise="E1", source="S1", code="U1", name="罐", kind="tank")
POINT = Point(
    enterprise="E1",
    source="S1",
    unit="U1",
    tag="T1",
    quantity="level",
    engineering_unit="m",
    limits={"h": 9.0},
    deadband=0.1,
)
GATEWAY = Gateway(id="g1", enterprise="E1")
FILE = Registry(
    regions=(PARK,),
    enterprises=(ENTERPRISE,),
    sources=(SOURCE,),
    units=(UNIT,),
    points=(POINT,),
    gateways=(GATEWAY,),
    warnings=(),
)
EMPTY = Plant(
    enterprises={}, sources={}, units={}, points=[], gateways={}, point_ids=[], registered=[]
)
FULL = Plant(
    enterprises={"E1": ENTERPRISE},
    sources={("E1", "S1"): SOURCE},
    units={("E1", "S1", "U1"): UNIT},
    points=[POINT, replace(POINT, tag="T2")],
    gateways={"g1": GATEWAY, "g2": Gateway(id="g2", enterprise="E1")},
    point_ids=[1, 2],
    registered=[0, 0],
)


def test_everything_is_new_to_an_empty_record() -> None:
    done = registry_changes.changes(FILE, EMPTY, {})
    assert (done.created, done.changed, done.unchanged) == (6, 0, 0)


def test_importing_twice_changes_nothing() -> None:
    done = registry_changes.changes(FILE, FULL, {PARK.code: PARK})
    assert (done.created, done.changed, done.unchanged) == (0, 0, 6)


def test_what_the_file_does_not_mention_is_left_alone() -> None:
    done = registry_changes.changes(replace(FILE, points=(), gateways=()), FULL, {})
    assert done.counts()["point"] == {"created": 0, "changed": 0, "unchanged": 0}


def test_an_optional_key_that_is_gone_from_a_mentioned_point_is_its_default_again() -> None:
    bare = replace(POINT, limits={}, deadband=0.0)
    done = registry_changes.changes(replace(FILE, points=(bare,)), FULL, {PARK.code: PARK})
    assert done.kinds["point"].changed == [(POINT, bare)]


def test_whole_numbers_equal_their_decimals() -> None:
    whole = replace(POINT, limits={"h": 9})
    done = registry_changes.changes(replace(FILE, points=(whole,)), FULL, {PARK.code: PARK})
    assert done.changed == 0


@pytest.mark.parametrize(("before", "said"), [(True, "as real ones"), (False, "as exercises")])
def test_a_changed_simulation_flag_is_warned_of(before: bool, said: str) -> None:
    stored = replace(FULL, enterprises={"E1": replace(ENTERPRISE, simulated=before)})
    file = replace(FILE, enterprises=(replace(ENTERPRISE, simulated=not before),))
    warned = list(registry_changes.warnings(registry_changes.changes(file, stored, {})))
    assert len(warned) == 1
    assert said in warned[0]
