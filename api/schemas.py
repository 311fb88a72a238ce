"""JSON Schemas of everything this room shows and takes; contract tests hold the code to them."""

from typing import Any, Final

import msgspec

from alarms.alarm import ORG_LEVELS, Kind, Nuisance, State, Tier, Transition
from api import actions, frames
from api.routes.session import SignIn

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_TEXT_OR_NULL: Final[Schema] = {"type": ["string", "null"]}
_NUMBER_OR_NULL: Final[Schema] = {"type": ["number", "null"]}
_FLAG: Final[Schema] = {"type": "boolean"}
_WHOLE: Final[Schema] = {"type": "integer"}
_MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
_MOMENT_OR_NULL: Final[Schema] = {"type": ["string", "null"], "format": "date-time"}
_OBJECT: Final[Schema] = {"type": "object"}
_OBJECT_OR_NULL: Final[Schema] = {"type": ["object", "null"]}
_TIER: Final[Schema] = {"enum": [tier.name for tier in sorted(Tier, reverse=True) if tier]}
_COUNTS: Final[Schema] = {
    "type": "object",
    "required": ["red", "orange", "yellow", "blue"],
    "additionalProperties": {"type": "integer", "minimum": 0},
}


def _thing(said: str, /, **members: Schema) -> Schema:
    """Describe an object whose named members are always there; more may be added."""
    return {
        "type": "object",
        "description": said,
        "required": list(members),
        "properties": members,
    }


def reference(name: str) -> Schema:
    """Refer to a schema by name."""
    return {"$ref": f"#/components/schemas/{name}"}


ACKNOWLEDGEMENT: Final = {
    "type": ["object", "null"],
    "required": ["by", "at"],
    "properties": {"by": _TEXT, "at": _MOMENT, "note": _TEXT},
}
_LEVEL: Final[Schema] = {"enum": list(ORG_LEVELS)}
_PERSON: Final[Schema] = {"by": _TEXT, "at": _MOMENT}


def _thing_or_null(**members: Schema) -> Schema:
    """Describe an object whose named members are always there, or null."""
    return {"type": ["object", "null"], "required": list(members), "properties": members}


ALARM: Final = _thing(
    "An alarm's whole state.",
    id=_TEXT,
    rev={"type": "integer", "minimum": 1},
    kind={"enum": [kind.value for kind in Kind]},
    rule=_TEXT,
    rule_version=_WHOLE,
    tier=_TIER,
    peak_tier=_TIER,
    state={"enum": [state.value for state in State]},
    active=_FLAG,
    quality=_TEXT,
    late=_FLAG,
    unconfirmed=_FLAG,
    simulated=_FLAG,
    subject=_TEXT,
    name=_TEXT,
    region=_TEXT_OR_NULL,
    enterprise=_TEXT_OR_NULL,
    source=_TEXT_OR_NULL,
    unit=_TEXT_OR_NULL,
    point=_TEXT_OR_NULL,
    quantity=_TEXT_OR_NULL,
    value=_NUMBER_OR_NULL,
    limit=_NUMBER_OR_NULL,
    engineering_unit=_TEXT_OR_NULL,
    peak=_NUMBER_OR_NULL,
    basis=_TEXT,
    forecast=_OBJECT_OR_NULL,
    reraise_count=_WHOLE,
    t_raised=_MOMENT,
    t_event=_MOMENT,
    t_received=_MOMENT,
    t_committed=_MOMENT_OR_NULL,
    t_pushed=_MOMENT_OR_NULL,
    t_returned=_MOMENT_OR_NULL,
    t_closed=_MOMENT_OR_NULL,
    acks={
        "type": "object",
        "required": ["site", "county", "city", "province"],
        "additionalProperties": ACKNOWLEDGEMENT,
    },
    shelf=_thing_or_null(until=_MOMENT, **_PERSON, reason=_TEXT),
    suppression=_thing_or_null(until=_MOMENT, **_PERSON, reason=_TEXT),
    out_of_service=_thing_or_null(until=_MOMENT, **_PERSON, permit=_TEXT),
    latched=_FLAG,
    needs_closeout=_FLAG,
    closeout=_thing_or_null(**_PERSON, cause=_TEXT, text=_TEXT),
    escalation=_thing_or_null(step=_WHOLE, targets={"type": "array", "items": _LEVEL}, at=_MOMENT),
    nuisance={"enum": [label.value for label in Nuisance]},
    nuisance_until=_MOMENT_OR_NULL,
    message=_thing("In words.", zh=_TEXT, en=_TEXT),
)
PENDING: Final[Schema] = _thing_or_null(
    action={"enum": [deed.value for deed in actions.TWO_PERSONS]},
    asked_by=_TEXT,
    expires_at=_MOMENT,
) | {"description": "What one person asked for and another has not yet."}
CLOUD_EVENT: Final = _thing(
    "CloudEvents 1.0.",
    specversion={"const": "1.0"},
    id={"type": "string", "pattern": "^.+:[0-9]+$"},
    source=_TEXT,
    type={"enum": [frames.TYPE_PREFIX + change.value for change in Transition]},
    subject=_TEXT,
    time=_MOMENT,
    datacontenttype={"const": "application/json"},
    data=reference("Alarm"),
)
_OFFSET: Final[Schema] = {"type": "integer", "minimum": 0}
_NOWHERE: Final[Schema] = {"const": frames.SNAPSHOT_OFFSET}
_IN_SNAPSHOT: Final[Schema] = {"snapshot": {"const": True}, "offset": _NOWHERE, "prev": _NOWHERE}
SERVER_FRAMES: Final[dict[str, Schema]] = {
    "SubscribedFrame": _thing(
        "A subscription begins; `recovered` false: a snapshot comes in place of what was asked.",
        op={"const": "subscribed"},
        sub=_TEXT,
        epoch=_TEXT,
        floor=_OFFSET,
        head=_OFFSET,
        offset=_OFFSET,
        recovered=_FLAG,
    ),
    "SnapshotBeginFrame": _thing(
        "Open alarms follow, red first, as they stood at `offset`, which counts as a place to go "
        "on after only with `snapshot_end`.",
        op={"const": "snapshot_begin"},
        sub=_TEXT,
        offset=_OFFSET,
    ),
    "SnapshotEndFrame": _thing(
        "That was all; now `offset`, the one of `snapshot_begin`, is a place to go on after.",
        op={"const": "snapshot_end"},
        sub=_TEXT,
        offset=_OFFSET,
    ),
    "EventFrame": _thing(
        "One transition of one alarm; `prev` is the offset of the one before it here. Within a "
        "snapshot `snapshot` is true and offset = prev = 0: whoever goes on after it gets it all.",
        op={"const": "event"},
        sub=_TEXT,
        offset=_OFFSET,
        prev=_OFFSET,
        redelivered=_FLAG,
        event=reference("CloudEvent"),
    )
    | {"if": {"required": ["snapshot"]}, "then": {"properties": _IN_SNAPSHOT}},
    "CaughtUpFrame": _thing(
        "Everything up to `offset` was sent.", op={"const": "caught_up"}, sub=_TEXT, offset=_OFFSET
    ),
    "HeartbeatFrame": _thing(
        "Each second; `prev` must be the last offset you saw.",
        op={"const": "heartbeat"},
        sub=_TEXT,
        head=_OFFSET,
        prev=_OFFSET,
        now=_MOMENT,
    ),
    "ResultFrame": _thing(
        "What came of a command.", op={"const": "result"}, id=_TEXT, ok=_FLAG, status=_WHOLE
    ),
    "UnsubscribedFrame": _thing("A subscription ended.", op={"const": "unsubscribed"}, sub=_TEXT),
    "GoawayFrame": _thing(
        "The server closes; come again.",
        op={"const": "goaway"},
        retry_after_s={"type": "integer", "minimum": 0},
        reason=_TEXT,
    ),
    "ErrorFrame": _thing(
        "A frame or subscription was wrong.", op={"const": "error"}, code=_TEXT, error=_TEXT
    ),
}
VALUE_FRAMES: Final[dict[str, Schema]] = {
    "PointsFrame": _thing(
        "The watched points; indices below count in this list.",
        op={"const": "points"},
        ids={"type": "array", "items": _TEXT},
    ),
    "ValuesFrame": _thing(
        "The newest value of each point with news; `ts` are the event times, `t` the sending.",
        op={"const": "values"},
        t=_WHOLE,
        i={"type": "array", "items": _OFFSET},
        v={"type": "array", "items": {"type": "number"}},
        q={"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 6}},
        ts={"type": "array", "items": _WHOLE},
    ),
}
_PLACE: Final = {"enterprise": _TEXT, "region": _TEXT, "simulated": _FLAG}
THINGS: Final[dict[str, Schema]] = {
    "Alarm": ALARM,
    "CloudEvent": CLOUD_EVENT,
    "Problem": _thing("RFC 9457.", type=_TEXT, title=_TEXT, status=_WHOLE, detail=_TEXT),
    "AlarmNow": {
        "description": "An alarm asked for by itself: with what waits for a second person.",
        "allOf": [
            reference("Alarm"),
            {"required": ["pending"], "properties": {"pending": PENDING}},
        ],
    },
    "JournalEntry": _thing(
        "One transition of an alarm and who did it.",
        offset=_OFFSET,
        alarm=_TEXT,
        rev=_WHOLE,
        type={"enum": [change.value for change in Transition]},
        t_event=_MOMENT,
        t_committed=_MOMENT,
        actor=_TEXT,
        org_level=_TEXT_OR_NULL,
        note=_TEXT,
        data=reference("Alarm"),
    ),
    "JournalPage": _thing(
        "Events after an offset.",
        items={
            "type": "array",
            "items": _thing("One event.", offset=_OFFSET, event=reference("CloudEvent")),
        },
        next=_TEXT,
        head=_OFFSET,
        floor=_OFFSET,
        recovered=_FLAG,
    ),
    "Pending": _thing(
        "An action that waits for a second person.",
        status={"const": "pending"},
        pending=_thing(
            "Until when.", action=_TEXT, asked_by=_TEXT, asked_at=_MOMENT, expires_at=_MOMENT
        ),
        alarm=reference("AlarmNow"),
    ),
    "Session": _thing(
        "Who am I.",
        name=_TEXT,
        role=_TEXT,
        scope=_TEXT,
        actions={"type": "array", "items": _TEXT},
        expires_at=_MOMENT_OR_NULL,
    ),
    "Region": _thing(
        "A division, park or zone.",
        code=_TEXT,
        name=_TEXT,
        parent=_TEXT_OR_NULL,
        kind=_TEXT,
        branches=_FLAG,
        open=_COUNTS,
        unacknowledged=_COUNTS,
    ),
    "Enterprise": _thing(
        "An enterprise.",
        code=_TEXT,
        name=_TEXT,
        region=_TEXT,
        uscc=_TEXT_OR_NULL,
        simulated=_FLAG,
        open=_COUNTS,
    ),
    "Source": _thing(
        "A major hazard source; S, R and level by GB 18218-2018.",
        **_PLACE,
        code=_TEXT,
        name=_TEXT,
        kind=_TEXT,
        location=_OBJECT_OR_NULL,
        chemicals={"type": "array", "items": _OBJECT},
        exposed_population={"type": ["integer", "null"]},
        responsible={"type": "array", "items": _OBJECT},
        s=_NUMBER_OR_NULL,
        r=_NUMBER_OR_NULL,
        level={"type": ["integer", "null"]},
        live=_thing("Worst open tier and counts.", tier=_TEXT, open=_COUNTS),
        units={"type": "array", "items": _OBJECT},
    ),
    "Unit": _thing(
        "A unit of a source.", enterprise=_TEXT, source=_TEXT, code=_TEXT, name=_TEXT, kind=_TEXT
    ),
    "Point": _thing(
        "A measured point; `id` is opaque.",
        id=_TEXT,
        **_PLACE,
        source=_TEXT,
        unit=_TEXT,
        tag=_TEXT,
        name=_TEXT,
        quantity=_TEXT,
        engineering_unit=_TEXT,
        range={"type": ["array", "null"], "items": {"type": "number"}},
        period_s=_NUMBER_OR_NULL,
        limits={"type": "object", "additionalProperties": {"type": "number"}},
        deadband={"type": "number"},
        on_delay_s=_NUMBER_OR_NULL,
        off_delay_s=_NUMBER_OR_NULL,
        delays={
            "type": "object",
            "description": "The on-delay in force of each level judged (ll, l, h, hh, cut), s.",
            "additionalProperties": {"type": "number", "minimum": 0},
        },
        tiers=_OBJECT,
        detect={"type": ["array", "null"], "items": _TEXT},
        gateway=_TEXT_OR_NULL,
        substance=_TEXT_OR_NULL,
        sector=_TEXT_OR_NULL,
        registered_at=_MOMENT,
        last=_OBJECT_OR_NULL,
    ),
    "Readings": _thing(
        "Raw rows `[ms, value, quality]`, rolled-up rows `[ms, min, max, avg, count]`.",
        point=_TEXT,
        resolution={"enum": ["raw", "1m", "1h", "1d"]},
        unit=_TEXT,
        rows={"type": "array", "items": {"type": "array"}},
    ),
    "Gateway": _thing(
        "A gateway and how well it is heard.",
        id=_TEXT,
        **_PLACE,
        state={"enum": ["unknown", "online", "offline"]},
        state_at=_MOMENT_OR_NULL,
        last_seen=_MOMENT_OR_NULL,
        clock_error_s=_NUMBER_OR_NULL,
        last_seq={"type": ["integer", "null"]},
        messages=_WHOLE,
        accepted=_WHOLE,
        rejected=_WHOLE,
        lost=_WHOLE,
        loss={"type": "number"},
        has_credential=_FLAG,
    ),
    "Reject": _thing(
        "What was refused.",
        id=_WHOLE,
        received=_MOMENT,
        gateway=_TEXT,
        enterprise=_TEXT_OR_NULL,
        reason=_TEXT,
        tag=_TEXT_OR_NULL,
        count=_WHOLE,
        first=_OBJECT_OR_NULL,
        payload=_TEXT_OR_NULL,
        payload_base64=_TEXT_OR_NULL,
    ),
    "Imported": _thing(
        "What a registry file did.",
        created=_WHOLE,
        changed=_WHOLE,
        unchanged=_WHOLE,
        kinds=_OBJECT,
        warnings={"type": "array", "items": _TEXT},
    ),
    "Trail": _thing(
        "Who did what.",
        id=_WHOLE,
        at=_MOMENT,
        actor=_TEXT,
        action=_TEXT,
        object=_TEXT,
        before={},
        after={},
    ),
}
_TAKEN: Final = (
    actions.Wish,
    SignIn,
    frames.Auth,
    frames.Subscribe,
    frames.Unsubscribe,
    frames.Ack,
    frames.Command,
    frames.SubscribeValues,
    frames.UnsubscribeValues,
)


def components() -> dict[str, Schema]:
    """Return every schema by name, ready for `components.schemas`."""
    _, taken = msgspec.json.schema_components(_TAKEN, ref_template="#/components/schemas/{name}")
    return {**THINGS, **SERVER_FRAMES, **VALUE_FRAMES, **taken}


def standing_alone(name: str) -> Schema:
    """Return one schema with all it refers to, for a validator."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **reference(name),
        "components": {"schemas": components()},
    }
