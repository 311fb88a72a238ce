"""JSON Schemas of the frames that the server sends over its WebSockets."""

from typing import Final

from api import frames
from api.schema_terms import FLAG, MOMENT, OFFSET, TEXT, WHOLE, Schema, reference, thing

_NOWHERE: Final[Schema] = {"const": frames.SNAPSHOT_OFFSET}
_IN_SNAPSHOT: Final[Schema] = {"snapshot": {"const": True}, "offset": _NOWHERE, "prev": _NOWHERE}
ALARM_FRAMES: Final[dict[str, Schema]] = {
    "SubscribedFrame": thing(
        "A subscription begins; `recovered` false: a snapshot comes in place of what was asked.",
        op={"const": "subscribed"},
        sub=TEXT,
        epoch=TEXT,
        floor=OFFSET,
        head=OFFSET,
        offset=OFFSET,
        recovered=FLAG,
    ),
    "SnapshotBeginFrame": thing(
        "Open alarms follow, red first, as they stood at `offset`, which counts as a place to go "
        "on after only with `snapshot_end`.",
        op={"const": "snapshot_begin"},
        sub=TEXT,
        offset=OFFSET,
    ),
    "SnapshotEndFrame": thing(
        "That was all; now `offset`, the one of `snapshot_begin`, is a place to go on after.",
        op={"const": "snapshot_end"},
        sub=TEXT,
        offset=OFFSET,
    ),
    "EventFrame": thing(
        "One transition of an alarm or a warning; `prev` is the offset of the one before it here. "
        "Within a snapshot `snapshot` is true and offset = prev = 0: going on after it gives all.",
        op={"const": "event"},
        sub=TEXT,
        offset=OFFSET,
        prev=OFFSET,
        redelivered=FLAG,
        event=reference("AnyEvent"),
    )
    | {"if": {"required": ["snapshot"]}, "then": {"properties": _IN_SNAPSHOT}},
    "UrgentFrame": thing(
        "A red or orange transition that would wait behind others for more than a second, sent at "
        "once. It is no place to go on after, and comes again as `event`, in its place.",
        op={"const": "urgent"},
        sub=TEXT,
        offset=OFFSET,
        event=reference("AnyEvent"),
    ),
    "CaughtUpFrame": thing(
        "Everything up to `offset` was sent.", op={"const": "caught_up"}, sub=TEXT, offset=OFFSET
    ),
    "HeartbeatFrame": thing(
        "Each second; `prev` must be the last offset you saw.",
        op={"const": "heartbeat"},
        sub=TEXT,
        head=OFFSET,
        prev=OFFSET,
        now=MOMENT,
    ),
    "ResultFrame": thing(
        "What came of a command.", op={"const": "result"}, id=TEXT, ok=FLAG, status=WHOLE
    ),
    "UnsubscribedFrame": thing("A subscription ended.", op={"const": "unsubscribed"}, sub=TEXT),
    "GoawayFrame": thing(
        "The server closes; come again.",
        op={"const": "goaway"},
        retry_after_s={"type": "integer", "minimum": 0},
        reason=TEXT,
    ),
    "ErrorFrame": thing(
        "A frame or subscription was wrong.", op={"const": "error"}, code=TEXT, error=TEXT
    ),
}
VALUE_FRAMES: Final[dict[str, Schema]] = {
    "PointsFrame": thing(
        "The watched points; indices below count in this list.",
        op={"const": "points"},
        ids={"type": "array", "items": TEXT},
    ),
    "ValuesFrame": thing(
        "The newest value of each point with news; `ts` are the event times, `t` the sending.",
        op={"const": "values"},
        t=WHOLE,
        i={"type": "array", "items": OFFSET},
        v={"type": "array", "items": {"type": "number"}},
        q={"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 6}},
        ts={"type": "array", "items": WHOLE},
    ),
}
