"""The system's own alarms arise, climb and return by what is measured of it."""

import pytest

from alarms.alarm import Kind, Tier, Transition
from alarms.overload import Overload, Strain

SECOND = 1_000_000


def story(*strains: Strain, overload: Overload | None = None) -> list[tuple[str, str, str]]:
    """Return (key, change, tier) of everything these measures, a second apart, give rise to."""
    watch = overload or Overload()
    told = []
    for second, strain in enumerate(strains):
        events, standing = watch.judge(strain, second * SECOND)
        watch.adopt(standing)
        told += [(event.subject.key, event.change.value, event.tier.name) for event in events]
    return told


def free(*gib: float) -> list[Strain]:
    return [Strain(disk_free_gib=each) for each in gib]


def test_a_disk_that_fills_raises_climbs_and_returns_once() -> None:
    assert story(*free(9, 4.9, 4.0, 0.9, 1.2, 1.6, 5.5, 6.1)) == [
        ("system:disk", "raised", "yellow"),
        ("system:disk", "tier_up", "orange"),
        ("system:disk", "tier_down", "yellow"),
        ("system:disk", "returned", "yellow"),
    ]


def test_a_measure_near_its_bound_does_not_chatter() -> None:
    assert story(*free(4.9, 5.1, 4.9, 5.1, 5.9)) == [("system:disk", "raised", "yellow")]


def test_what_cannot_be_measured_clears_nothing() -> None:
    assert story(Strain(lag_s=61), Strain(), Strain(lag_s=61)) == [
        ("system:ingest", "raised", "yellow")
    ]


@pytest.mark.parametrize(
    ("strain", "key", "tier"),
    [
        (Strain(lag_s=301), "system:ingest", Tier.orange),
        (Strain(queue_share=0.7), "system:broker", Tier.yellow),
        (Strain(queue_share=0.95), "system:broker", Tier.orange),
        (Strain(disk_free_gib=0.0), "system:disk", Tier.orange),
    ],
)
def test_each_part_raises_at_its_tier_at_once(strain: Strain, key: str, tier: Tier) -> None:
    (event,), _ = Overload().judge(strain, SECOND)
    assert (event.subject.key, event.kind, event.change) == (key, Kind.system, Transition.raised)
    assert event.tier is tier
    assert event.message_zh
    assert event.message_en


def test_a_restart_neither_raises_again_nor_forgets_to_return() -> None:
    recalled = Overload([("system:disk", Tier.yellow)])
    assert story(*free(4, 7), overload=recalled) == [("system:disk", "returned", "yellow")]


def test_what_was_not_adopted_is_said_again() -> None:
    watch = Overload()
    first, _ = watch.judge(Strain(lag_s=100), SECOND)
    again, _ = watch.judge(Strain(lag_s=100), 2 * SECOND)
    assert [event.change for event in (*first, *again)] == [Transition.raised] * 2
