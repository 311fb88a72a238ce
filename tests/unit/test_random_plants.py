"""The laws on random plants and what their gateways may send, every family of rules at once."""

from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.plant import Plant
from tests.unit.random_plants import Step, plants_and_streams
from tests.unit.road import Road
from tests.unit.test_engine_laws import exactly

CASES = plants_and_streams()
CUTS = st.frozensets(st.integers(0, 45), max_size=12)


@given(CASES, CUTS)
@settings(max_examples=100, deadline=None)
def test_however_a_stream_is_cut_every_family_says_and_remembers_the_same(
    case: tuple[Plant, list[Step]], cuts: frozenset[int]
) -> None:
    plant, steps = case
    whole = Road(plant).run(steps, frozenset())
    for other in (Road(plant).run(steps, cuts), Road(plant).run(steps, frozenset(range(46)))):
        assert exactly(other.events) == exactly(whole.events)
        assert other.states == whole.states
        assert other.memory == whole.memory


@given(CASES, CUTS)
@settings(max_examples=100, deadline=None)
def test_a_restart_at_any_batch_border_changes_nothing_for_any_family(
    case: tuple[Plant, list[Step]], cuts: frozenset[int]
) -> None:
    plant, steps = case
    straight = Road(plant).run(steps, cuts)
    restarted = Road(plant).run(steps, cuts, restarts=True)
    assert exactly(restarted.events) == exactly(straight.events)
    assert restarted.states == straight.states
    assert restarted.memory == straight.memory
