"""What an audit calls missed or mistimed of alarms that were raised again."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from fengsui.audit_findings import Episode, Findings, Span, compare
from fengsui.audit_scope import _changed_points
from tests.unit.plants import at, plant, point

SPAN = Span(first=0, end=1_000)


def episode(
    began: int,
    returned: int | None,
    *,
    alarm: str = "A",
    late: bool = False,
    superseded: bool = False,
) -> Episode:
    return Episode(
        key="E/T", rule="limit.high", kind="limit", alarm=alarm, began=began, read=began,
        returned=returned, late=late, superseded=superseded, path=[(began, "orange")],
    )  # fmt: skip


def compared(
    journal: Sequence[Episode], computed: Sequence[Episode], *, behind: Sequence[int] = ()
) -> Findings:
    findings = Findings()
    compare(findings, SPAN, journal, computed, computed, behind={"E/T": behind})
    return findings


def test_a_late_reading_excuses_the_return_of_an_episode_that_another_superseded() -> None:
    journal = [episode(100, 210, superseded=True), episode(300, 400)]
    computed = [episode(100, 200, alarm="B"), episode(300, 400, alarm="C")]
    assert compared(journal, computed, behind=[150]).sound


@pytest.mark.parametrize("behind", [[], [50], [250]])
def test_without_a_late_reading_in_it_a_wrong_return_is_mistimed(behind: list[int]) -> None:
    journal = [episode(100, 210, superseded=True), episode(300, 400)]
    computed = [episode(100, 200, alarm="B"), episode(300, 400, alarm="C")]
    assert len(compared(journal, computed, behind=behind).mistimed) == 1


def test_the_last_return_of_an_alarm_is_never_excused() -> None:
    journal = [episode(100, 200, superseded=True), episode(300, 410)]
    computed = [episode(100, 200, alarm="B"), episode(300, 400, alarm="C")]
    assert len(compared(journal, computed, behind=[150, 350]).mistimed) == 1


def test_what_was_over_between_two_raises_of_an_alarm_is_not_missed() -> None:
    journal = [episode(100, 200, superseded=True), episode(300, None)]
    computed = [*journal, episode(230, 250, alarm="D", late=True)]
    assert compared(journal, computed).sound


def test_what_was_over_before_an_alarm_was_ever_raised_is_missed() -> None:
    journal = [episode(100, 200, superseded=True), episode(300, None)]
    computed = [*journal, episode(30, 50, alarm="D", late=True)]
    assert len(compared(journal, computed).missed) == 1


@pytest.mark.parametrize(("kind", "extra"), [("group", 0), ("forecast", 0), ("limit", 1)])
def test_an_alarm_that_was_withdrawn_depends_on_how_messages_came_together(
    kind: str, extra: int
) -> None:
    journal = [replace(episode(100, 100, late=True), kind=kind)]
    assert len(compared(journal, []).extra) == extra
    assert len(compared([], journal).missed) == extra


def again(began: int, returned: int | None) -> Episode:
    """Return an episode of an alarm that was raised before: its begin is not kept."""
    return replace(episode(began, returned), began=None)


def test_a_late_reading_between_excuses_when_an_alarm_was_raised_again() -> None:
    journal = [episode(100, 200, superseded=True), again(320, 400)]
    computed = [episode(100, 200, alarm="B"), episode(300, 400, alarm="C")]
    assert compared(journal, computed, behind=[300]).sound


@pytest.mark.parametrize(
    ("second", "behind"), [(again(320, 400), []), (again(320, 400), [250, 330]),
                           (episode(320, 400), [300])]
)  # fmt: skip
def test_else_a_raise_at_another_time_is_mistimed(second: Episode, behind: list[int]) -> None:
    journal = [episode(100, 200, superseded=True), second]
    computed = [episode(100, 200, alarm="B"), episode(300, 400, alarm="C")]
    assert len(compared(journal, computed, behind=behind).mistimed) == 1


@pytest.mark.parametrize("newest", ["510000/level", "510600/level"])
def test_of_two_tables_of_a_quantity_the_newest_change_counts(newest: str) -> None:
    built = plant([point("A"), point("B", quantity="flow")])
    tables = dict.fromkeys(("510000/level", "510600/level"), at(5)) | {newest: at(9)}
    assert _changed_points(built, {"tiering": tables}) == {"DY-CHEM-01/A": at(9)}
