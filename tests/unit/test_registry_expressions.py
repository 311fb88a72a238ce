"""What a registry file may compute and suppress, and how it is told of a mistake."""

import pytest

from alarms import regions, registry
from alarms.errors import Fault, RefusedError
from alarms.plant import Gateway, Point
from alarms.registry import Known, Registry
from ingest.roster import Roster
from tests.unit.plants import plant, point

REGISTERED = {"E1": {"OLD": None, "OLDER": "NEW + 1"}}
SUPPRESS = "suppress: {when: B == 0, reason: 停车检修, dwell_s: 30, most_s: 3600}"


def parse(*points: str) -> tuple[Point, ...]:
    return read(*points).points


def read(*points: str) -> Registry:
    """Read a file with these points; the first stands in line 16."""
    listed = "\n".join(f"              - {{{each}, quantity: level, unit: m}}" for each in points)
    text = f"""enterprises:
  - code: E1
    name: 企业
    region: "510603"
    sources:
      - {{code: S1, name: 罐区, kind: tank_farm, units: [{{code: U0, name: 罐, kind: tank}}]}}
      - {{code: S2, name: 罐区, kind: tank_farm}}
      - code: S3
        name: 罐区
        kind: tank_farm
        units:
          - code: U1
            name: 罐
            kind: tank
            points:
{listed}
gateways:
  - {{id: g1, enterprise: E1}}
"""
    known = Known(
        regions=regions.builtin(), enterprises=frozenset(REGISTERED), gateways={}, points=REGISTERED
    )
    return registry.parse(text.encode(), known)


def only(*points: str) -> Fault:
    with pytest.raises(RefusedError) as caught:
        parse(*points)
    (fault,) = caught.value.faults
    return fault


def test_a_point_may_be_computed_from_points_of_the_file_and_of_the_record() -> None:
    computed = parse("tag: X, compute: B + OLD", "tag: B")[0]
    assert computed.compute == "B + OLD"


def test_a_point_may_be_suppressed_by_design() -> None:
    found = parse(f"tag: A, {SUPPRESS}", "tag: B")[0]
    assert found.suppress == {"when": "B == 0", "reason": "停车检修", "dwell_s": 30, "most_s": 3600}


@pytest.mark.parametrize(
    ("points", "line", "words"),
    [
        (("tag: X, compute: B + C", "tag: B"), 16, "compute: sign 5: there is no point C"),
        (("tag: B", "tag: X, compute: B >"), 17, "compute: sign 4: the end"),
        (("tag: X, compute: B > 1", "tag: B"), 16, "a number is wanted"),
        (("tag: X, compute: X + 1",), 16, "goes in a circle, X → X"),
        (("tag: NEW, compute: OLDER",), 16, "goes in a circle, NEW → OLDER → NEW"),
        (("tag: X, compute: B, gateway: g1", "tag: B"), 16, "no gateway reports it"),
        (("tag: A, suppress: {when: B + 1, reason: r}", "tag: B"), 16, "a condition is wanted"),
        (("tag: A, suppress: {when: C > 1, reason: r}",), 16, "when: sign 1: there is no point C"),
        (("tag: A, suppress: {when: B > 1}", "tag: B"), 16, "reason is missing"),
        (("tag: A, suppress: {reason: r}",), 16, "when is missing"),
        (("tag: A, suppress: {when: B > 1, reason: r, most_s: 0}", "tag: B"), 16, "most_s"),
        (("tag: X, compute: 'B/(2-2)'", "tag: B"), 16, "compute: sign 2: divides by zero"),
        (("tag: X, compute: B + 1/0", "tag: B"), 16, "compute: sign 6: divides by zero"),
        (("tag: X, compute: 'true ? 2 : B'", "tag: B"), 16, "always gives 2"),
        (("tag: A, suppress: {when: B/0 > 7, reason: r}", "tag: B"), 16, "when: sign 2: divides"),
        (
            ("tag: A, suppress: {when: B > 7 || true, reason: r}", "tag: B"),
            16,
            "suppress.when: always gives true",
        ),
        (("tag: A, suppress: {when: A > 2.9, reason: r}",), 16, "suppress.when: hangs on A itself"),
        (("tag: A, suppress: {when: B < 1 && A > 2, reason: r}", "tag: B"), 16, "hangs on A"),
    ],
)
def test_a_mistake_is_refused_with_its_line(points: tuple[str, ...], line: int, words: str) -> None:
    fault = only(*points)
    assert fault.line == line
    assert words in str(fault)


def test_a_suppression_by_what_is_computed_from_the_point_is_warned_of() -> None:
    suppressed = "tag: A, suppress: {when: X > 3 && B > 0, reason: r}"
    (warning,) = read(suppressed, "tag: X, compute: Y + B", "tag: Y, compute: A", "tag: B").warnings
    assert (warning.line, warning.place[-13:]) == (16, "suppress.when")
    assert "hangs on A itself, X → Y → A" in warning.problem


def test_every_point_of_a_circle_is_told_of_it() -> None:
    with pytest.raises(RefusedError) as caught:
        parse("tag: X, compute: Y", "tag: Y, compute: Z", "tag: Z, compute: X")
    assert [fault.line for fault in caught.value.faults] == [16, 17, 18]


def test_no_gateway_may_report_a_computed_point() -> None:
    registered = plant((point("A"), point("X", compute="A")), gateways=("g1",))
    roster = Roster.of(registered, {"g1": 0})
    assert isinstance(registered.gateways["g1"], Gateway)
    assert roster.owner.tolist() == [-1, 1, -1]
