"""GB 18218-2018: tables whole, S and R exact, levels at their boundaries, traps named."""

import pytest

from alarms import gb18218
from alarms.gb18218 import Chemical, Row, Share, Unclear


def appraise(population: int | None, *chemicals: Chemical) -> gb18218.Appraisal:
    shares = [share for each in chemicals if isinstance(share := gb18218.share(each), Share)]
    assert len(shares) == len(chemicals)
    return gb18218.appraise(shares, population)


VECTORS = [
    (60, [Chemical(name="氨", cas="7664-41-7", tonnes=50)], 15.0, 3),
    (120, [Chemical(name="氯", cas="7782-50-5", tonnes=10)], 16.0, 3),
    (
        0,
        [
            Chemical(name="甲醇", tonnes=5000, hazard_class="W5.3"),
            Chemical(name="丙酮", tonnes=500, hazard_class="W5.3"),
        ],
        5.5,
        4,
    ),
    (35, [Chemical(name="LPG", cas="68476-85-7", tonnes=500, hazard_class="W2")], 18.0, 3),
    (100, [Chemical(name="硫化氢", cas="7783-06-4", tonnes=50)], 100.0, 1),
    (10, [Chemical(name="汽油", tonnes=20_000, hazard_class="W5.3")], 100.0, 1),
]

CRITICAL_T = """
10 1 1 20 1 0.3 10 5 1 5 20 5 20 1 1 1 10 20 20 1 20 20 100 1 1 75 20 20 20 0.75 0.5 0.5
0.5 5 5 1 1 1 10 50 50 50 5 50 200 1000 5 50 50 50 5 50 5 1 50 200 50 500 500 50 50 500
10 500 500 200 500 10 500 500 10 10 50 1 1 20 20 100 100 20 100 50 100 1 10
"""
"""Table 1's quantities in order."""


@pytest.mark.parametrize(("population", "chemicals", "r", "level"), VECTORS)
def test_the_test_vectors_give_their_r_and_level(
    population: int, chemicals: list[Chemical], r: float, level: int
) -> None:
    found = appraise(population, *chemicals)
    assert (found.r, found.level) == (r, level)


def test_table_1_has_its_85_rows_in_order() -> None:
    assert [row.number for row in gb18218.tables().rows] == list(range(1, 86))


def test_table_1_has_its_critical_quantities() -> None:
    assert [float(row.critical_t) for row in gb18218.tables().rows] == [
        float(word) for word in CRITICAL_T.split()
    ]


def test_only_rows_with_a_condition_want_their_whole_name() -> None:
    exact = [row.number for row in gb18218.tables().rows if row.exact]
    assert exact == [8, *range(37, 46), 72, 81]


def test_the_79_cas_numbers_of_table_1_pass_their_check_digit() -> None:
    numbers = {cas for row in gb18218.tables().rows for cas in row.cas}
    assert len(numbers) == 79
    assert [cas for cas in numbers if not gb18218.cas_is_sound(cas)] == []


@pytest.mark.parametrize("cas", ["18810-58-6", "7664-41-8", "7664-41", "1-41-7", "７664-41-7", ""])
def test_a_wrong_cas_number_is_seen(cas: str) -> None:
    assert not gb18218.cas_is_sound(cas)


def test_every_gas_of_table_3_stands_in_its_row_of_table_1() -> None:
    rows = {row.number: row for row in gb18218.tables().rows}
    assert len(gb18218.tables().gases) == 14
    for gas in gb18218.tables().gases:
        assert gas.cas in rows[gas.row].cas or gas.name == "一氧化碳"


def test_six_rows_share_the_cas_of_nitrocellulose_so_the_whole_name_decides() -> None:
    by_cas = gb18218.find(Chemical(name="硝化棉", cas="9004-70-0", tonnes=1))
    assert isinstance(by_cas, Unclear)
    assert by_cas.problem.count("硝化纤维素") >= 6
    by_name = gb18218.find(Chemical(name="硝化纤维素（含乙醇≥25%）", cas="9004-70-0", tonnes=1))
    assert isinstance(by_name, Row)
    assert (by_name.number, float(by_name.critical_t)) == (39, 10.0)


def test_ammonium_nitrate_needs_its_condition() -> None:
    vague = gb18218.share(Chemical(name="硝酸铵", cas="6484-52-2", tonnes=1))
    assert isinstance(vague, Unclear)
    exact = gb18218.share(
        Chemical(name="硝酸铵(含可燃物≤0.2%)", cas="6484-52-2", tonnes=1, hazard_class="W9.2")
    )
    assert isinstance(exact, Share)
    assert exact.critical_t == 50


def test_a_class_settles_a_chemical_whose_condition_does_not_hold() -> None:
    found = gb18218.share(
        Chemical(name="甲醛溶液(37%)", cas="50-00-0", tonnes=1, hazard_class="J5")
    )
    assert isinstance(found, Share)
    assert found.critical_t == 500


@pytest.mark.parametrize("cas", ["74-82-8", "8006-14-2"])
def test_one_row_may_have_several_cas_numbers(cas: str) -> None:
    found = gb18218.find(Chemical(name="天然气", cas=cas, tonnes=1))
    assert isinstance(found, Row)
    assert found.number == 49


def test_a_named_chemical_outside_table_3_needs_its_class() -> None:
    found = gb18218.share(Chemical(name="苯", cas="71-43-2", tonnes=1))
    assert isinstance(found, Unclear)
    assert "class" in found.problem


def test_table_1_gives_q_even_where_a_class_is_written() -> None:
    found = gb18218.share(Chemical(name="苯", tonnes=1, hazard_class="W5.3"))
    assert isinstance(found, Share)
    assert (float(found.critical_t), float(found.beta)) == (50.0, 1.0)


def test_a_name_and_a_cas_that_contradict_are_not_settled_by_a_class() -> None:
    found = gb18218.share(Chemical(name="氨", cas="71-43-2", tonnes=1, hazard_class="J3"))
    assert isinstance(found, Unclear)
    assert "7664-41-7" in found.problem


def test_an_unknown_class_is_named_with_the_known_ones() -> None:
    found = gb18218.share(Chemical(name="x", tonnes=1, hazard_class="W99"))
    assert isinstance(found, Unclear)
    assert "W5.3" in found.problem


def test_carbon_monoxide_has_its_own_factor_and_coal_gas_has_not() -> None:
    monoxide = gb18218.share(Chemical(name="一氧化碳", cas="630-08-0", tonnes=1))
    assert isinstance(monoxide, Share)
    assert (float(monoxide.critical_t), float(monoxide.beta)) == (20.0, 2.0)
    assert isinstance(gb18218.share(Chemical(name="煤气", tonnes=1)), Unclear)


def test_below_s_1_there_is_no_level() -> None:
    found = appraise(200, Chemical(name="氨", tonnes=9.9))
    assert found.s == pytest.approx(0.99)
    assert found.level is None


def test_without_a_population_r_stays_open() -> None:
    found = appraise(None, Chemical(name="氨", tonnes=50))
    assert (found.s, found.r, found.level) == (5.0, None, None)


@pytest.mark.parametrize(
    ("persons", "alpha"),
    [(0, 0.5), (1, 1.0), (29, 1.0), (30, 1.2), (49, 1.2), (50, 1.5), (99, 1.5), (100, 2.0)],
)
def test_alpha_follows_table_5_at_its_edges(persons: int, alpha: float) -> None:
    assert float(gb18218.alpha(persons)) == alpha


def test_sums_are_exact_at_a_boundary() -> None:
    tenths = [Chemical(name="氨", tonnes=0.1) for _ in range(100)]
    assert appraise(0, *tenths).s == 1.0
    assert appraise(0, *tenths).level == 4
