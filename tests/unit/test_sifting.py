"""Sifting: whose a reading is, when it happened, and whether it can be true."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from alarms.plant import Enterprise, Gateway, Mapped, Plant, Point
from alarms.readings import CLAMPED, CORRECTED, HISTORY, STAMPED_HERE, Quality
from ingest import sequence
from ingest.decoders import native
from ingest.intake import Intake
from ingest.refusals import MOST_TAGS, Ledger
from ingest.roster import RAW_RETENTION_US, Roster
from ingest.sifting import Arrived, Sifted, sift

RECEIVED = 1_763_712_000_000_000
NOW_MS = RECEIVED // 1000


def point(tag: str, enterprise: str = "E1", gateway: str | None = None) -> Point:
    return Point(
        enterprise=enterprise, source="S", unit="U", tag=tag, quantity="level",
        engineering_unit="m", range=None if tag == "free" else (0.0, 10.0), gateway=gateway,
    )  # fmt: skip


POINTS = (point("A"), point("B", gateway="gw-b"), point("free"), point("X", "E2"))
PLANT = Plant(
    enterprises={e: Enterprise(code=e, name=e, region="510603") for e in ("E1", "E2")},
    sources={},
    units={},
    points=POINTS,
    gateways={g: Gateway(id=g, enterprise="E1") for g in ("gw-a", "gw-b")},
    point_ids=[11, 12, 13, 14],
    registered=[0] * 4,
)
ROSTER = Roster.of(PLANT, {"gw-a": 0, "gw-b": 1})


def sifted(*messages: object, gateway: str = "gw-a") -> Sifted:
    arrived = [
        Arrived(
            gateway=gateway,
            received=RECEIVED,
            payload=b"",
            decoded=native.decode(json.dumps(message).encode(), RECEIVED),
        )
        for message in messages
    ]
    return sift(arrived, ROSTER, Ledger())


def refused(found: Sifted) -> list[tuple[str, str | None, int]]:
    return [(entry.reason, entry.tag, entry.count) for entry in found.ledger.entries]


def kept(found: Sifted) -> Sequence[tuple[int, float, int]]:
    """Return (row, value, quality with flags) of each reading."""
    columns = found.readings
    return list(
        zip(columns.point.tolist(), columns.value.tolist(), columns.quality.tolist(), strict=True)
    )


def test_a_tag_of_another_enterprise_is_unknown() -> None:
    assert refused(sifted({"ts": NOW_MS, "values": {"X": 1}})) == [("unknown_point", "X", 1)]


def test_a_mapped_field_is_named_wherever_its_reading_stands_in_the_batch() -> None:
    mapping = (Mapped(field="p", tag="A"), Mapped(field="q", tag="free"))
    gateways = {**PLANT.gateways, "gw-a": Gateway(id="gw-a", enterprise="E1", mapping=mapping)}
    intake = Intake(replace(PLANT, gateways=gateways))
    arrived = [
        Arrived(gateway=gateway, received=RECEIVED, payload=b"", decoded=decoded)
        for gateway, values in (("gw-b", {"A": 1, "Z": 2}), ("gw-a", {"y": 3, "q": 4, "p": 99}))
        for decoded in [intake.decode(gateway, json.dumps({"values": values}).encode(), RECEIVED)]
    ]
    ledger = sift(arrived, ROSTER, Ledger()).ledger
    assert [json.loads(entry.first) for entry in ledger.entries] == [
        {"tag": "Z", "value": 2.0},
        {"tag": "y", "value": 3.0},
        {"tag": "A", "field": "p", "value": 99.0},
    ]


def test_a_point_with_a_gateway_is_taken_from_it_alone() -> None:
    message = {"ts": NOW_MS, "values": {"A": 1, "B": 2}}
    found = sifted(message)
    assert refused(found) == [("not_allowed", "B", 1)]
    assert kept(found) == [(0, 1.0, 0)]
    assert refused(sifted(message, gateway="gw-b")) == []


def test_an_empty_plant_refuses_and_does_not_fail() -> None:
    gateways = {"gw-a": Gateway(id="gw-a", enterprise="E1")}
    empty = Plant(
        enterprises=PLANT.enterprises, sources={}, units={}, points=(), gateways=gateways,
        point_ids=(), registered=(),
    )  # fmt: skip
    decoded = native.decode(b'{"values":{"A":1}}', RECEIVED)
    arrived = Arrived(gateway="gw-a", received=RECEIVED, payload=b"", decoded=decoded)
    found = sift([arrived], Roster.of(empty, {"gw-a": 0}), Ledger())
    assert refused(found) == [("unknown_point", "A", 1)]


@pytest.mark.parametrize(
    ("value", "stored", "quality"),
    [
        (10.0, 10.0, 0),
        (10.1, 10.0, Quality.uncertain | CLAMPED),
        (20.0, 10.0, Quality.uncertain | CLAMPED),
        (-0.5, 0.0, Quality.uncertain | CLAMPED),
        ({"v": 3, "q": "over_range"}, 10.0, Quality.uncertain | CLAMPED),
        ({"v": 999, "q": 8}, 10.0, Quality.uncertain | CLAMPED),
        ({"v": 99, "q": "calibrating"}, 99.0, Quality.calibrating),
        ({"v": -99, "q": "fault"}, -99.0, Quality.fault),
    ],
)
def test_a_number_past_the_range_is_put_at_its_end(
    value: object, stored: float, quality: int
) -> None:
    found = sifted({"ts": NOW_MS, "values": {"A": value}})
    assert kept(found) == [(0, stored, quality)]
    assert refused(found) == []


@pytest.mark.parametrize("value", [20.1, -0.6, 1e300])
def test_a_number_far_outside_is_refused_and_puts_the_instrument_at_fault(value: float) -> None:
    found = sifted({"ts": NOW_MS, "values": {"A": value, "free": value}})
    assert refused(found) == [("out_of_range", "A", 1)]
    assert [(fault.reason, fault.point, fault.value) for fault in found.faults] == [
        ("out_of_range", 0, value)
    ]
    assert kept(found) == [(2, value, 0)]


def test_a_stamp_a_little_ahead_is_uncertain_and_stays() -> None:
    found = sifted({"ts": NOW_MS + 6000, "values": {"A": 1}})
    assert kept(found) == [(0, 1.0, Quality.uncertain)]
    assert found.readings.time.tolist() == [RECEIVED + 6_000_000]


def test_stamps_far_ahead_count_at_receipt_in_their_order_and_keep_their_identity() -> None:
    rows = [[NOW_MS + 301_000, 1], [NOW_MS + 302_000, 2]]
    found = sifted({"points": ["A"], "rows": rows})
    assert kept(found) == [
        (0, 1.0, Quality.uncertain | CORRECTED),
        (0, 2.0, Quality.uncertain | CORRECTED),
    ]
    assert found.readings.time.tolist() == [RECEIVED, RECEIVED + 1]
    assert found.readings.stamp.tolist() == [RECEIVED + 301_000_000, RECEIVED + 302_000_000]
    assert [(fault.reason, fault.gateway) for fault in found.faults] == [("future_time", "gw-a")]
    assert [fault.stamp for fault in found.faults] == [RECEIVED + 301_000_000]
    assert found.accounts["gw-a"].corrected == 2
    assert found.accounts["gw-a"].ahead == (RECEIVED + 302_000_000, RECEIVED)
    right = {"ts": NOW_MS, "values": {"A": 1}}
    assert sifted(right).accounts["gw-a"].ahead is None
    ahead = {"ts": NOW_MS + 400_000, "values": {"A": 1}}
    assert sifted(ahead, right).accounts["gw-a"].ahead == (RECEIVED + 400_000_000, RECEIVED)


def test_older_than_the_raw_record_is_too_old() -> None:
    limit = (RECEIVED - RAW_RETENTION_US) // 1000
    assert refused(sifted({"ts": limit, "values": {"A": 1}})) == []
    assert refused(sifted({"ts": limit - 1, "values": {"A": 1}})) == [("too_old", "A", 1)]


def test_the_clock_error_is_that_of_live_stamped_messages() -> None:
    live = {"ts": NOW_MS - 2000, "values": {"A": 1}}
    old = {"ts": NOW_MS - 900_000, "values": {"A": 1}, "history": True}
    account = sifted(live, old, {"values": {"A": 1}}).accounts["gw-a"]
    assert account.clock_error_us == -2_000_000
    assert (account.messages, account.accepted, account.rejected) == (3, 3, 0)


def test_a_refused_stamp_of_years_ago_says_nothing_of_the_clock() -> None:
    years_ago = {"ts": 1_546_300_800_000, "values": {"A": 1}}
    now = {"ts": RECEIVED // 1000 - 2_000, "values": {"A": 1}}
    assert sifted(years_ago).accounts["gw-a"].clock_error_us is None
    assert sifted(now, years_ago).accounts["gw-a"].clock_error_us == -2_000_000


def test_flags_of_the_decoder_stay() -> None:
    found = sifted({"values": {"A": 1}, "history": True})
    assert kept(found) == [(0, 1.0, STAMPED_HERE | HISTORY)]


def test_a_flood_of_unknown_tags_is_counted_in_bounded_room() -> None:
    found = sifted({"ts": NOW_MS, "values": {f"no{n}": 1 for n in range(5 * MOST_TAGS)}})
    assert len(found.ledger.entries) == MOST_TAGS + 1
    assert sum(entry.count for entry in found.ledger.entries) == 5 * MOST_TAGS


@pytest.mark.parametrize(
    ("newest", "numbers", "after", "lost"),
    [
        (None, [7], 7, 0),
        (7, [8, 9], 9, 0),
        (7, [8, 8, 7, 9], 9, 0),
        (7, [10], 10, 2),
        (7, [10, 9, 11], 11, 1),
        (7, [10, 9, 9, 8], 10, 0),
        (5000, [0, 1], 1, 0),
        (5000, [1], 1, 0),
        (2**31, [0, 1], 1, 0),
        (3, [], 3, 0),
    ],
)
def test_what_was_lost_is_counted_by_the_numbers_of_messages(
    newest: int | None, numbers: list[int], after: int, lost: int
) -> None:
    counted = sequence.follow(sequence.Counted(newest), numbers)
    assert (counted.newest, counted.lost) == (after, lost)
