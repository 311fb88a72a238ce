"""Frames, golden: what platforms were promised (contracts.md 5) is what the code builds."""

import json
from datetime import UTC, datetime
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms import scope as scopes
from alarms.alarm import Alarm, AlarmId, Kind, Subject, Tier, Transition
from alarms.scope import Scope
from alarms.storage import documents
from alarms.storage.journal import JournalRow
from api import examples, frames, schemas
from api.frames import Event, Filter

_MICROS = 1_763_712_000_120_000


def alarm(**changes: Any) -> Alarm:
    """Make an alarm of a point."""
    subject = Subject(
        key="DY-CHEM-01/TK101.GT",
        region="510603",
        enterprise="DY-CHEM-01",
        source="DYC01-R001",
        unit="TK101",
        point="TK101.GT",
        name='氨 "t_pushed":null',
        quantity="combustible_gas",
        engineering_unit="%LEL",
    )
    made = Alarm(
        id=AlarmId("01KAKZ5N3G7Q2V9T4R6W8Y0ABC"),
        rev=3,
        rule="limit.high",
        kind=Kind.limit,
        subject=subject,
        tier=Tier.red,
        peak_tier=Tier.red,
        active=True,
        t_raised=_MICROS,
        t_event=_MICROS + 4_000_000,
        t_received=_MICROS + 4_060_000,
        value=53.1,
        limit=50.0,
        peak=53.1,
        basis="GB/T 50493-2019 5.5.2",
        message_zh="二级报警",
        message_en="second limit",
    )
    return msgspec.structs.replace(made, **changes)


def row(made: Alarm, *, change: Transition = Transition.tier_up) -> JournalRow:
    """Make the journal row of an alarm, as storage writes it."""
    document = documents.document(made, t_committed=_MICROS + 5_000_000)
    return JournalRow(
        log_offset=4712,
        alarm_id=made.id,
        rev=made.rev,
        type=change.value,
        kind=made.kind.value,
        tier=int(made.tier),
        region=made.subject.region,
        enterprise=made.subject.enterprise,
        source=made.subject.source,
        t_event=datetime(2025, 11, 21, 8, 0, 4, 120_000, tzinfo=UTC),
        t_committed=datetime(2025, 11, 21, 8, 0, 5, tzinfo=UTC),
        actor="",
        org_level=None,
        note="",
        document=msgspec.json.encode(document).decode(),
    )


def sent(event: Event) -> dict[str, Any]:
    """Build an event frame and read it again."""
    text = frames.event_frame(
        event,
        sub='"a"',
        offset=4712,
        prev=4709,
        redelivered=False,
        t_pushed="2025-11-21T08:00:05.006Z",
    )
    found: dict[str, Any] = json.loads(text)
    return found


def test_the_golden_event_frame() -> None:
    frame = sent(frames.event_of(row(alarm())))
    data = frame["event"].pop("data")
    assert frame == {
        "op": "event",
        "sub": "a",
        "offset": 4712,
        "prev": 4709,
        "redelivered": False,
        "event": {
            "specversion": "1.0",
            "id": "01KAKZ5N3G7Q2V9T4R6W8Y0ABC:3",
            "source": "/regions/510603/enterprises/DY-CHEM-01/sources/DYC01-R001",
            "type": "cn.fengsui.alarm.tier_up",
            "subject": "TK101.GT",
            "time": "2025-11-21T08:00:04.120Z",
            "datacontenttype": "application/json",
        },
    }
    assert data["t_pushed"] == "2025-11-21T08:00:05.006Z"
    promised = set(_PROMISED.split())
    assert promised <= set(data), promised - set(data)


def test_the_golden_event_frame_of_a_snapshot() -> None:
    event = frames.event_of(row(alarm()))
    at = "2025-11-21T08:00:05.006Z"
    frame = json.loads(frames.snapshot_frame(event, sub='"a"', t_pushed=at))
    assert frame == sent(event) | {"offset": 0, "prev": 0, "snapshot": True}
    schema = schemas.standing_alone("EventFrame")
    jsonschema.validate(frame, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(frame | {"offset": 4712}, schema)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("snapshot", "snapshot"),
        ("now", "now"),
        ("01J:4711", frames.Position(epoch="01J", offset=4711)),
        ({"epoch": "01J", "offset": 4711}, frames.Position(epoch="01J", offset=4711)),
        ({"consumer": "p"}, frames.Position(consumer="p")),
    ],
)
def test_a_subscription_begins_where_any_form_of_from_says(given: object, meant: object) -> None:
    op = frames.parse_alarm_op(json.dumps({"op": "subscribe", "sub": "a", "from": given}))
    assert isinstance(op, frames.Subscribe)
    assert frames.position_of(op) == meant


@pytest.mark.parametrize(
    "given",
    [
        *("then", ":1", "e:", "e:-1", "e:1.5", "e:" + "9" * 19, "e:1\n", "now\n", 1, None, [], {}),
        *({"epoch": "e"}, {"offset": 1}, {"epoch": "e", "offset": -1}, {"consumer": ""}),
        *({"epoch": "e", "offset": 1, "consumer": "p"}, {"offsets": 1}),
    ],
)
def test_an_unusable_from_is_answered_with_the_forms_there_are(given: object) -> None:
    with pytest.raises(frames.BadFrameError) as refused:
        op = frames.parse_alarm_op(json.dumps({"op": "subscribe", "sub": "a", "from": given}))
        assert isinstance(op, frames.Subscribe)
        frames.position_of(op)
    assert refused.value.code == "bad_frame"
    for form in ('"snapshot"', '"now"', '"<epoch>:<offset>"', '"consumer"'):
        assert form in str(refused.value)


_PROMISED = """
    id rev kind rule rule_version tier peak_tier state active quality late simulated region
    enterprise source unit point quantity value limit engineering_unit peak basis forecast t_raised
    t_event t_received t_committed t_pushed t_returned t_closed acks message
"""


def test_only_t_pushed_differs_between_the_journal_and_the_frame() -> None:
    made = row(alarm())
    data = sent(frames.event_of(made))["event"]["data"]
    assert json.loads(made.document) == data | {"t_pushed": None}


@pytest.mark.parametrize("change", list(Transition))
def test_every_transition_makes_a_frame_of_the_published_schema(change: Transition) -> None:
    frame = sent(frames.event_of(row(alarm(), change=change)))
    jsonschema.validate(frame, schemas.standing_alone("EventFrame"))


def test_a_gateways_alarm_is_placed_by_its_enterprise_and_named_by_its_id() -> None:
    subject = Subject(key="gateway:gw-1", region="510603", enterprise="E1", name="gw-1")
    made = alarm(subject=subject, kind=Kind.comms)
    event = sent(frames.event_of(row(made)))["event"]
    assert (event["source"], event["subject"]) == ("/regions/510603/enterprises/E1", "gw-1")
    assert event["data"]["point"] is None


def test_the_systems_alarm_has_no_place() -> None:
    made = alarm(subject=Subject(key="system:disk", name="disk"), kind=Kind.system)
    event = frames.event_of(row(made))
    assert sent(event)["event"]["source"] == "/system"
    assert not frames.matches(event, Filter(), scopes.of_region("510000"))
    assert not frames.matches(event, Filter(), scopes.of_enterprise("E1"))
    assert frames.matches(event, Filter(), scopes.ALL)


def test_the_long_polls_event_is_the_same_cloud_event() -> None:
    event = frames.event_of(row(alarm()))
    alone = json.loads(frames.cloud_event(event))
    assert alone["data"]["t_pushed"] is None
    at = "2025-11-21T08:00:05.006Z"
    assert json.loads(frames.cloud_event(event, t_pushed=at)) == sent(event)["event"]


@pytest.mark.parametrize(
    ("text", "op"),
    [
        (
            (
                '{"op": "subscribe", "sub": "a", "filter": {"region": "5106", "tier_min": "yellow",'
                ' "kinds": ["limit", "forecast"]}, "from": "snapshot"}'
            ),
            frames.Subscribe(
                sub="a",
                filter=Filter(region="5106", tier_min="yellow", kinds=("limit", "forecast")),
            ),
        ),
        (
            '{"op": "subscribe", "sub": "a", "from": {"epoch": "01J", "offset": 4711}}',
            frames.Subscribe(sub="a", position=frames.Position(epoch="01J", offset=4711)),
        ),
        (
            '{"op": "subscribe", "sub": "a", "from": {"consumer": "province-51"}}',
            frames.Subscribe(sub="a", position=frames.Position(consumer="province-51")),
        ),
        ('{"op": "ack", "sub": "a", "offset": 4712}', frames.Ack(sub="a", offset=4712)),
        (
            (
                '{"op": "command", "id": "1", "alarm": "01J", "action": "acknowledge", "rev": 3,'
                ' "note": "…", "until": null, "later": true}'
            ),
            frames.Command(id="1", alarm="01J", action="acknowledge", rev=3, note="…"),
        ),
        ('{"op": "auth", "token": "fs_x"}', frames.Auth(token="fs_x")),
    ],
)
def test_the_contracts_own_client_frames_are_understood(text: str, op: frames.AlarmOp) -> None:
    assert frames.parse_alarm_op(text) == op


@given(
    st.one_of(
        st.text(),
        st.binary(),
        st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps),
    )
)
def test_rubbish_is_refused_by_name_and_never_crashes(frame: str | bytes) -> None:
    for parse in (frames.parse_alarm_op, frames.parse_value_op):
        with pytest.raises(frames.BadFrameError) as refused:
            parse(frame)
        assert refused.value.code in {"bad_json", "bad_frame", "unknown_op"}


_CODES = st.sampled_from(["510000", "510600", "510603", "510681P01", "440305", "110000"])


@given(region=_CODES, asked=_CODES)
def test_a_region_scope_covers_exactly_what_begins_with_its_cut_code(
    region: str, asked: str
) -> None:
    cut = asked.removesuffix("00").removesuffix("00") if len(asked) == 6 else asked
    assert scopes.of_region(asked).covers(region, "E") == region.startswith(cut)


@given(area=_CODES, asked=_CODES)
def test_a_scope_lies_in_exactly_the_areas_around_it(area: str, asked: str) -> None:
    cut = area.removesuffix("00").removesuffix("00") if len(area) == 6 else area
    for scope in (scopes.of_region(asked), scopes.of_enterprise("E", home=asked)):
        place = scope.region or asked
        assert scope.lies_in(area) == place.startswith(cut)
        assert (area in scope.around()) == scope.lies_in(area)
    for nowhere in (scopes.ALL, scopes.of_enterprise("E")):
        assert not nowhere.lies_in(area)
        assert nowhere.around() == []


@given(
    tier=st.sampled_from([tier for tier in Tier if tier]),
    wanted=st.sampled_from(["blue", "yellow", "orange", "red"]),
)
def test_tier_min_lets_through_what_was_ever_as_bad(tier: Tier, wanted: Any) -> None:
    event = frames.event_of(row(alarm(tier=Tier.blue, peak_tier=tier)))
    assert frames.matches(event, Filter(tier_min=wanted), scopes.ALL) == (tier >= Tier[wanted])


def test_an_empty_code_is_no_scope() -> None:
    with pytest.raises(ValueError, match="all"):
        Scope(code="", region="")


def test_the_example_alarm_has_the_shape_of_a_real_one() -> None:
    real = documents.document(alarm(), t_committed=_MICROS)
    assert set(real) == set(examples.ALARM)
