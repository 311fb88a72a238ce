"""JSON Schemas of everything this room shows and takes; contract tests hold the code to them."""

from typing import Final

import msgspec

from alarms.alarm import ORG_LEVELS, Kind, Nuisance, State, Transition
from alarms.escalation import NotificationTable
from alarms.rosters import Roster
from alarms.warning_table import WarningTable
from api import (
    actions,
    frame_schemas,
    frames,
    gateway_schemas,
    notification_schemas,
    relay_schemas,
    warning_schemas,
    webhook_schemas,
)
from api.performance_schema import PERFORMANCE
from api.preview_schema import PREVIEW
from api.relay_making import NewRelay
from api.routes.broker import EmqxClient, EmqxDeed
from api.routes.certificates import CertificateWish
from api.routes.channels import ChannelWish, Trial
from api.routes.credentials import NewGateway
from api.routes.relays import TowerName
from api.routes.session import SignIn
from api.routes.webhooks import Again, NewWebhook
from api.rule_schema import RULE
from api.schema_terms import (
    COUNTS,
    FLAG,
    MOMENT,
    MOMENT_OR_NULL,
    NUMBER_OR_NULL,
    OBJECT,
    OBJECT_OR_NULL,
    OFFSET,
    TEXT,
    TEXT_OR_NULL,
    TIER,
    WHOLE,
    WORDS,
    Schema,
    cloud_event,
    reference,
    story_row,
    thing,
    thing_or_null,
)
from api.warning_deeds import WarningDraft, WarningWish

ACKNOWLEDGEMENT: Final = {
    "type": ["object", "null"],
    "required": ["by", "at"],
    "properties": {"by": TEXT, "at": MOMENT, "note": TEXT},
}
_LEVEL: Final[Schema] = {"enum": list(ORG_LEVELS)}
_PERSON: Final[Schema] = {"by": TEXT, "at": MOMENT}
_SHELF: Final[Schema] = thing_or_null(until=MOMENT, **_PERSON, reason=TEXT)
_SHELF["properties"]["one_shot"] = FLAG | {
    "description": "It ends as soon as the alarm clears; absent of shelves older than this."
}


ALARM: Final = thing(
    "An alarm's whole state.",
    id=TEXT,
    rev={"type": "integer", "minimum": 1},
    kind={"enum": [kind.value for kind in Kind]},
    rule=TEXT,
    rule_version=WHOLE,
    tier=TIER,
    peak_tier=TIER,
    state={"enum": [state.value for state in State]},
    active=FLAG,
    quality=TEXT,
    late=FLAG,
    unconfirmed=FLAG,
    simulated=FLAG,
    subject=TEXT,
    name=TEXT,
    region=TEXT_OR_NULL,
    enterprise=TEXT_OR_NULL,
    source=TEXT_OR_NULL,
    unit=TEXT_OR_NULL,
    point=TEXT_OR_NULL,
    quantity=TEXT_OR_NULL,
    value=NUMBER_OR_NULL,
    limit=NUMBER_OR_NULL,
    engineering_unit=TEXT_OR_NULL,
    peak=NUMBER_OR_NULL,
    basis=TEXT,
    rule_pack=TEXT_OR_NULL,
    abnormal_type=TEXT_OR_NULL
    | {
        "description": "Of a coal mine's alarm, the abnormal type 异常类型 of MT/T 1201.1-2023 as "
        "public code reads it (V2): which alarm is of which type is our reading (D), no conformity."
    },
    forecast=OBJECT_OR_NULL,
    reraise_count=WHOLE,
    t_raised=MOMENT,
    t_event=MOMENT,
    t_received=MOMENT,
    t_committed=MOMENT_OR_NULL,
    t_pushed=MOMENT_OR_NULL,
    t_returned=MOMENT_OR_NULL,
    t_closed=MOMENT_OR_NULL,
    acks={
        "type": "object",
        "required": ["site", "county", "city", "province"],
        "additionalProperties": ACKNOWLEDGEMENT,
    },
    shelf=_SHELF,
    suppression=thing_or_null(until=MOMENT, **_PERSON, reason=TEXT),
    out_of_service=thing_or_null(until=MOMENT, **_PERSON, permit=TEXT),
    shelve_max_s={
        "type": "number",
        "description": "How long it can be shelved at most by its rule, s; 0: not at all.",
    },
    latched=FLAG,
    needs_closeout=FLAG,
    closeout=thing_or_null(**_PERSON, cause=TEXT, text=TEXT),
    escalation=thing_or_null(step=WHOLE, targets={"type": "array", "items": _LEVEL}, at=MOMENT),
    nuisance={"enum": [label.value for label in Nuisance]},
    nuisance_until=MOMENT_OR_NULL,
    flood=thing_or_null(since=MOMENT, first_out=TEXT),
    message=WORDS,
)
PENDING: Final[Schema] = thing_or_null(
    action={"enum": [deed.value for deed in actions.TWO_PERSONS]},
    asked_by=TEXT,
    expires_at=MOMENT,
) | {"description": "What one person asked for and another has not yet."}
CLOUD_EVENT: Final = cloud_event(
    "CloudEvents 1.0.",
    [frames.TYPE_PREFIX + change.value for change in Transition],
    reference("Alarm"),
)
_PLACE: Final = {"enterprise": TEXT, "region": TEXT, "simulated": FLAG}
THINGS: Final[dict[str, Schema]] = {
    "Alarm": relay_schemas.perhaps_relayed(ALARM),
    "CloudEvent": CLOUD_EVENT,
    "Problem": thing("RFC 9457.", type=TEXT, title=TEXT, status=WHOLE, detail=TEXT),
    "AlarmNow": {
        "description": "An alarm asked for by itself: with what waits for a second person.",
        "allOf": [
            reference("Alarm"),
            {"required": ["pending"], "properties": {"pending": PENDING}},
        ],
    },
    "JournalEntry": story_row(
        "One transition of an alarm and who did it.",
        "alarm",
        [change.value for change in Transition],
        reference("Alarm"),
    ),
    "JournalPage": thing(
        "Events after an offset.",
        items={
            "type": "array",
            "items": thing("One event.", offset=OFFSET, event=reference("AnyEvent")),
        },
        next=TEXT,
        head=OFFSET,
        floor=OFFSET,
        recovered=FLAG,
    ),
    "Pending": thing(
        "An action that waits for a second person.",
        status={"const": "pending"},
        pending=thing(
            "Until when.", action=TEXT, asked_by=TEXT, asked_at=MOMENT, expires_at=MOMENT
        ),
        alarm=reference("AlarmNow"),
    ),
    "Session": thing(
        "Who am I.",
        name=TEXT,
        role=TEXT,
        scope=TEXT,
        actions={"type": "array", "items": TEXT},
        duties={"type": "array", "items": TEXT},
        acts_for={"enum": list(ORG_LEVELS)},
        expires_at=MOMENT_OR_NULL,
    ),
    "SignInWays": thing("How people may sign in here.", password=FLAG, oidc=FLAG),
    "Region": thing(
        "A division, park or zone.",
        code=TEXT,
        name=TEXT,
        parent=TEXT_OR_NULL,
        kind=TEXT,
        branches=FLAG,
        open=COUNTS,
        unacknowledged=COUNTS,
    ),
    "Enterprise": thing(
        "An enterprise.",
        code=TEXT,
        name=TEXT,
        region=TEXT,
        uscc=TEXT_OR_NULL,
        simulated=FLAG,
        open=COUNTS,
    ),
    "Source": thing(
        "A major hazard source; S, R and level by GB 18218-2018.",
        **_PLACE,
        code=TEXT,
        name=TEXT,
        kind=TEXT,
        location=OBJECT_OR_NULL,
        chemicals={"type": "array", "items": OBJECT},
        exposed_population={"type": ["integer", "null"]},
        responsible={"type": "array", "items": OBJECT},
        s=NUMBER_OR_NULL,
        r=NUMBER_OR_NULL,
        level={"type": ["integer", "null"]},
        live=thing("Worst open tier and counts.", tier=TEXT, open=COUNTS),
        units={"type": "array", "items": OBJECT},
    ),
    "Unit": thing(
        "A unit of a source.", enterprise=TEXT, source=TEXT, code=TEXT, name=TEXT, kind=TEXT
    ),
    "Point": thing(
        "A measured point; `id` is opaque.",
        id=TEXT,
        **_PLACE,
        source=TEXT,
        unit=TEXT,
        tag=TEXT,
        name=TEXT,
        quantity=TEXT,
        engineering_unit=TEXT,
        range={"type": ["array", "null"], "items": {"type": "number"}},
        period_s=NUMBER_OR_NULL,
        limits={"type": "object", "additionalProperties": {"type": "number"}},
        deadband={"type": "number"},
        on_delay_s=NUMBER_OR_NULL,
        off_delay_s=NUMBER_OR_NULL,
        delays={
            "type": "object",
            "description": "The on-delay in force of each level judged (ll, l, h, hh, cut), s.",
            "additionalProperties": {"type": "number", "minimum": 0},
        },
        confirmation={
            "type": ["object", "null"],
            "description": "Limits are confirmed by n of the last m readings; null: by each one.",
            "properties": {"n": {"type": "integer"}, "m": {"type": "integer"}},
        },
        bridge_s={
            "type": "number",
            "description": "The longest gap between readings that a running delay bridges, s.",
        },
        stale_s={
            "type": "number",
            "description": "The silence after which the point is stale, s.",
        },
        timers={
            "type": "object",
            "description": "By kind of rule, what the registry says otherwise of the life of its "
            "alarms: realarm, acknowledge and shelve_max of a tier, s.",
            "additionalProperties": OBJECT,
        },
        tiers=OBJECT,
        detect={"type": ["array", "null"], "items": TEXT},
        gateway=TEXT_OR_NULL,
        substance=TEXT_OR_NULL,
        sector=TEXT_OR_NULL,
        registered_at=MOMENT,
        last=OBJECT_OR_NULL,
    ),
    "Readings": thing(
        "Raw rows `[ms, value, quality]`, rolled-up rows `[ms, min, max, avg, count]`.",
        point=TEXT,
        resolution={"enum": ["raw", "1m", "1h", "1d"]},
        unit=TEXT,
        rows={"type": "array", "items": {"type": "array"}},
    ),
    **gateway_schemas.THINGS,
    **webhook_schemas.THINGS,
    **relay_schemas.THINGS,
    **warning_schemas.THINGS,
    **notification_schemas.THINGS,
    "Performance": PERFORMANCE,
    "Reject": thing(
        "What was refused.",
        id=WHOLE,
        received=MOMENT,
        gateway=TEXT,
        enterprise=TEXT_OR_NULL,
        reason=TEXT,
        words=WORDS,
        tag=TEXT_OR_NULL,
        count=WHOLE,
        first=OBJECT_OR_NULL,
        payload=TEXT_OR_NULL,
        payload_base64=TEXT_OR_NULL,
    ),
    "Rule": RULE,
    "Imported": thing(
        "What a registry file did.",
        created=WHOLE,
        changed=WHOLE,
        unchanged=WHOLE,
        kinds=OBJECT,
        warnings={"type": "array", "items": TEXT},
    ),
    "Preview": PREVIEW,
    "Trail": thing(
        "Who did what.",
        id=WHOLE,
        at=MOMENT,
        actor=TEXT,
        action=TEXT,
        object=TEXT,
        before={},
        after={},
    ),
}
_TAKEN: Final = (
    *(actions.Wish, SignIn, NewGateway, NewWebhook, Again, CertificateWish),
    *(NewRelay, TowerName),
    *(WarningWish, WarningDraft, WarningTable, EmqxClient, EmqxDeed),
    *(ChannelWish, Trial, Roster, NotificationTable),
    *(frames.Auth, frames.Subscribe, frames.Unsubscribe, frames.Ack, frames.Command),
    *(frames.SubscribeValues, frames.UnsubscribeValues),
)


def components() -> dict[str, Schema]:
    """Return every schema by name, ready for `components.schemas`."""
    _, taken = msgspec.json.schema_components(_TAKEN, ref_template="#/components/schemas/{name}")
    return {
        **THINGS,
        **frame_schemas.ALARM_FRAMES,
        **frame_schemas.VALUE_FRAMES,
        **relay_schemas.frames(),
        **taken,
    }


def standing_alone(name: str) -> Schema:
    """Return one schema with all it refers to, for a validator."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **reference(name),
        "components": {"schemas": components()},
    }
