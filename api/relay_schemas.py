"""JSON Schemas of relays: what administrators see of them, and the frames between towers."""

from typing import Any, Final

import msgspec

from alarms.towers import Reason
from api import examples, relay_frames
from api.schema_terms import (
    FLAG,
    MOMENT,
    MOMENT_OR_NULL,
    OFFSET,
    TEXT,
    TEXT_OR_NULL,
    WHOLE,
    Schema,
    thing,
    thing_or_null,
)

_TOWER: Final[dict[str, Schema]] = {"id": TEXT, "name": TEXT}
_LEVEL: Final[Schema] = {"enum": ["county", "city", "province"]}
THINGS: Final[dict[str, Schema]] = {
    "Relay": thing(
        "What is relayed to a tower above, and how far.",
        id=WHOLE,
        name=TEXT,
        url=TEXT,
        level=_LEVEL,
        region=TEXT_OR_NULL,
        tier_min=TEXT_OR_NULL,
        escalated_only=FLAG,
        created_by=TEXT,
        created_at=MOMENT,
        state={"enum": ["connected", "away", "paused"]},
        why=TEXT_OR_NULL,
        tower=thing_or_null(**_TOWER),
        position={"type": "string", "description": "Committed above, or refused, up to here."},
        behind={"type": "integer", "description": "Rows of the journal after that place."},
        behind_s={"type": "number", "description": "How long the first of them has waited."},
        heard_at=MOMENT_OR_NULL,
        refused=WHOLE,
        resend={"type": "boolean", "description": "All that is open is still to be sent."},
    ),
    "RelayRefusal": thing(
        "An event that a tower above would not take.",
        offset=OFFSET,
        id=TEXT,
        rev=WHOLE,
        code={"enum": [reason.value for reason in Reason]},
        error=TEXT,
    ),
    "Origin": thing(
        "A tower below that reports here.",
        tower=thing("Which.", **_TOWER),
        token={"type": ["string", "null"], "description": "The name of the token it came with."},
        position=TEXT_OR_NULL,
        behind=WHOLE,
        heard_at=MOMENT,
        silent=FLAG,
        taken=WHOLE,
        refused=WHOLE,
        open={"type": "integer", "description": "Alarms it brought that are open."},
        waiting={"type": "integer", "description": "Deeds asked of it and not answered."},
    ),
    "RelayCommand": thing(
        "What somebody here asked of an alarm or a warning of a tower below.",
        number=WHOLE,
        kind={"enum": ["alarm", "warning"]},
        id=TEXT,
        action=TEXT,
        rev=WHOLE,
        note=TEXT,
        by=TEXT,
        level=TEXT_OR_NULL,
        asked_at=MOMENT,
        done_at=MOMENT_OR_NULL,
        status={"type": ["integer", "null"]},
        error=TEXT_OR_NULL,
    ),
}
RELAYED: Final[dict[str, Schema]] = {
    "origin": thing("The tower it lives at; absent for this tower's own.", **_TOWER),
    "towers": {
        "type": "array",
        "description": "The towers it has passed, its own first.",
        "items": thing("One.", **_TOWER, t_received=MOMENT, t_committed=MOMENT),
    },
    "relayed": thing("When this tower had it.", t_received=MOMENT, t_committed=MOMENT),
}
"""Members of an alarm or a warning of another tower."""


def perhaps_relayed(schema: Schema) -> Schema:
    """Describe what may live at another tower."""
    return schema | {"properties": schema["properties"] | RELAYED}


BELOW: Final = ("RelayHello", "RelayEvent", "RelayBeat", "RelayDone")
ABOVE: Final = ("RelayWelcome", "RelayTaken", "RelayRefused", "RelayAsk")
_FRAMES: Final[dict[str, type[msgspec.Struct]]] = {
    "RelayHello": relay_frames.Hello,
    "RelayEvent": relay_frames.Bring,
    "RelayBeat": relay_frames.Beat,
    "RelayDone": relay_frames.Done,
    "RelayWelcome": relay_frames.Welcome,
    "RelayTaken": relay_frames.Taken,
    "RelayRefused": relay_frames.NotTaken,
    "RelayAsk": relay_frames.Ask,
}


def frames() -> dict[str, Schema]:
    """Return the schemas of the frames between towers, and of what they are made of."""
    _, parts = msgspec.json.schema_components(
        _FRAMES.values(), ref_template="#/components/schemas/{name}"
    )
    named = {kind.__name__: name for name, kind in _FRAMES.items()}
    return {
        **{named[name]: part for name, part in parts.items() if name in named},
        **{name: part for name, part in parts.items() if name not in named},
    }


TOWER_EXAMPLE: Final[dict[str, Any]] = {"id": "7f1c0a", "name": "德阳市"}
NEW_RELAY_EXAMPLE: Final[dict[str, Any]] = {
    "name": "sichuan",
    "url": "https://fengsui.sichuan.example.gov.cn",
    "token": "fs_c2hvd24gb25jZQ",
    "level": "province",
    "region": "510600",
    "tier_min": "orange",
    "escalated_only": False,
}
RELAY_EXAMPLE: Final[dict[str, Any]] = {
    "id": 1,
    **{name: value for name, value in NEW_RELAY_EXAMPLE.items() if name != "token"},
    "created_by": "zhao",
    "created_at": "2026-11-21T08:00:00.000Z",
    "state": "connected",
    "why": None,
    "tower": {"id": "c41d9e", "name": "四川省"},
    "position": "5f0c:4712",
    "behind": 0,
    "behind_s": 0.0,
    "heard_at": "2026-11-21T08:00:04.240Z",
    "refused": 0,
    "resend": False,
}
REFUSAL_EXAMPLE: Final[dict[str, Any]] = {
    "offset": 4711,
    "id": examples.ALARM["id"],
    "rev": 3,
    "code": "out_of_scope",
    "error": "region 510603, enterprise DY-CHEM-01 is outside the token's scope 5107",
}
ORIGIN_EXAMPLE: Final[dict[str, Any]] = {
    "tower": TOWER_EXAMPLE,
    "token": "deyang",
    "position": "5f0c:4712",
    "behind": 0,
    "heard_at": "2026-11-21T08:00:04.240Z",
    "silent": False,
    "taken": 188,
    "refused": 0,
    "open": 3,
    "waiting": 0,
}
COMMAND_EXAMPLE: Final[dict[str, Any]] = {
    "number": 12,
    "kind": "alarm",
    "id": examples.ALARM["id"],
    "action": "receipt",
    "rev": 3,
    "note": "省厅已收到",
    "by": "li",
    "level": None,
    "asked_at": "2026-11-21T08:01:00.000Z",
    "done_at": "2026-11-21T08:01:00.400Z",
    "status": 200,
    "error": None,
}
