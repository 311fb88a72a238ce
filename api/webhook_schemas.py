"""JSON Schemas of webhooks and of what they would not take."""

from typing import Final

from api.schema_terms import (
    FLAG,
    MOMENT,
    MOMENT_OR_NULL,
    OBJECT,
    TEXT,
    TEXT_OR_NULL,
    WHOLE,
    Schema,
    thing,
)

_WEBHOOK: Final[dict[str, Schema]] = {
    "id": WHOLE,
    "name": TEXT,
    "url": TEXT,
    "filter": OBJECT,
    "scope": TEXT,
    "created_by": TEXT,
    "created_at": MOMENT,
    "state": {"enum": ["active", "paused"]},
    "position": {"type": "string", "description": "Delivered, or put aside, up to here."},
    "attempts": {"type": "integer", "description": "Failed since the last delivery."},
    "why": TEXT_OR_NULL,
    "failing_since": MOMENT_OR_NULL,
    "next_at": MOMENT_OR_NULL,
    "delivered_at": MOMENT_OR_NULL,
    "dead": {"type": "integer", "description": "Dead letters."},
}
THINGS: Final[dict[str, Schema]] = {
    "Webhook": thing("Where events are delivered, and how far.", **_WEBHOOK),
    "NewWebhookSecret": thing("A webhook with its secret, once.", **_WEBHOOK, secret=TEXT),
    "DeadLetter": thing(
        "An event that an address would not take.",
        offset=WHOLE,
        at=MOMENT,
        status={"type": ["integer", "null"]},
        error=TEXT,
        again=FLAG,
    ),
    "Redelivery": thing("How many dead letters will be tried.", wanted=WHOLE),
}
