"""A gateway's dialect and mapping in a registry file: what is taken, what is refused and where."""

import pytest

from alarms import regions, registry
from alarms.errors import Fault, RefusedError
from alarms.plant import Mapped
from alarms.registry import Known

PLANT = """
enterprises:
  - code: E1
    name: 企业
    region: "510603"
    sources:
      - {code: S1, name: 罐区, kind: tank_farm, units: [{code: U1, name: 罐, kind: tank, points: [
          {tag: LT, quantity: level, unit: m}, {tag: PT, quantity: pressure, unit: kPa}]}]}
gateways:
  - id: gw
    enterprise: E1
    dialect: %s
    mapping:
      - %s
      - %s
"""
LEVEL = "{field: ai1, tag: LT}"


def known(**units: str) -> Known:
    return Known(regions=regions.builtin(), gateways={}, units={"E1": units})


def parse(
    dialect: str = "kepware", first: str = LEVEL, second: str = "{field: PT}"
) -> registry.Registry:
    return registry.parse((PLANT % (dialect, first, second)).encode(), known(OLD="bar"))


def faults(dialect: str = "kepware", second: str = "{field: PT}") -> list[Fault]:
    with pytest.raises(RefusedError) as refused:
        parse(dialect, second=second)
    return list(refused.value.faults)


def test_a_gateway_has_a_dialect_and_names_of_its_own() -> None:
    [gateway] = parse(
        first="{field: plc.1/p, tag: OLD, scale: 0.1, offset: -5, unit: MPa}"
    ).gateways
    assert gateway.dialect == "kepware"
    assert gateway.mapping == (
        Mapped(field="plc.1/p", tag="OLD", scale=0.1, offset=-5.0, unit="MPa"),
        Mapped(field="PT"),
    )


def test_a_gateway_needs_neither() -> None:
    document = PLANT.partition("    dialect")[0].encode()
    [gateway] = registry.parse(document, known()).gateways
    assert (gateway.dialect, gateway.mapping) == (None, ())


@pytest.mark.parametrize(
    ("entry", "place", "problem"),
    [
        ("{field: p, tag: LT, unit: mm}", "gateways[0].mapping[1].tag", "another field gives LT"),
        ("{field: ai1, tag: PT}", "gateways[0].mapping[1].field", "ai1 is mapped above"),
        ("{field: p, tag: XX}", "gateways[0].mapping[1].tag", "there is no point XX"),
        ("{field: p, tag: PT, scale: 0}", "gateways[0].mapping[1].scale", "every value the same"),
        ("{field: p, tag: PT, unit: ℃}", "gateways[0].mapping[1].unit",
         "℃ cannot become kPa: they measure different things (the unit of PT)"),
        ("{field: p, tag: PT, unit: Mpa}", "gateways[0].mapping[1].unit", "'Mpa' is not defined"),
        ("{field: p, tag: PT, unti: bar}", "gateways[0].mapping[1].unti", "perhaps unit is meant"),
        ("{tag: PT}", "gateways[0].mapping[1]", "field is missing"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_its_place(entry: str, place: str, problem: str) -> None:
    [fault] = faults(second=entry)
    assert (fault.place, fault.line) == (place, 15)
    assert problem in fault.problem


def test_a_dialect_nobody_speaks_is_refused_with_the_nearest() -> None:
    [fault] = faults("kepwere")
    assert fault.place == "gateways[0].dialect"
    assert "perhaps kepware is meant" in fault.problem
