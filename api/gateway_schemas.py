"""JSON Schemas of what is shown of gateways: how they are heard, and their credentials."""

from typing import Final

from api.schema_terms import (
    FLAG,
    MOMENT,
    MOMENT_OR_NULL,
    NUMBER_OR_NULL,
    OBJECT,
    TEXT,
    TEXT_OR_NULL,
    WHOLE,
    WORDS,
    Schema,
    thing,
    thing_or_null,
)

_RATE: Final[Schema] = {"type": "number", "minimum": 0}
_LINES: Final[Schema] = {"type": "array", "items": TEXT}
_SPANS: Final = thing("Over the last minute and the last fifteen.", **{"1m": _RATE, "15m": _RATE})
_GATEWAY: Final[dict[str, Schema]] = {
    "id": TEXT,
    "enterprise": TEXT,
    "region": TEXT,
    "simulated": FLAG,
    "state": {
        "enum": ["unknown", "online", "offline"],
        "description": "What the gateway says of itself; `heard` says whether it sends.",
    },
    "state_at": MOMENT_OR_NULL,
    "last_seen": MOMENT_OR_NULL,
    "heard": {"enum": ["never", "online", "silent"]},
    "expected_silence_s": {"type": "number"},
    "clock_error_s": NUMBER_OR_NULL,
    "last_seq": {"type": ["integer", "null"]},
    "messages": WHOLE,
    "accepted": WHOLE,
    "rejected": WHOLE,
    "lost": WHOLE,
    "loss": {"type": "number"},
    "corrected": thing(
        "Readings judged at their receipt because their stamp lay more than 5 min ahead; of the "
        "last such message its newest stamp, its receipt, and by how much it lay ahead.",
        count=WHOLE,
        stamp=MOMENT_OR_NULL,
        received=MOMENT_OR_NULL,
        ahead_s=NUMBER_OR_NULL,
    ),
    "has_credential": FLAG,
    "dialect": TEXT_OR_NULL,
    "mapping": {"type": "array", "items": OBJECT},
}
THINGS: Final[dict[str, Schema]] = {
    "Gateway": thing("A gateway and how well it is heard.", **_GATEWAY),
    "GatewayDetail": thing(
        "A gateway, how it is heard now, and what was refused of it in the last 24 hours.",
        **_GATEWAY,
        rates=thing("A second.", messages_per_s=_SPANS, readings_per_s=_SPANS),
        credential=thing_or_null(
            standing={"enum": ["none", "given", "revoked"]}, since=MOMENT_OR_NULL
        ),
        certificates={
            "type": "array",
            "items": thing(
                "A certificate.",
                serial=TEXT,
                fingerprint=TEXT,
                not_before=MOMENT,
                not_after=MOMENT,
                revoked_at=MOMENT_OR_NULL,
            ),
        },
        refused={
            "type": "array",
            "items": thing(
                "What was refused for one reason, with the newest sample.",
                reason=TEXT,
                words=WORDS,
                count=WHOLE,
                first_at=MOMENT,
                last_at=MOMENT,
                tags=_LINES,
                sample={},
                payload=TEXT_OR_NULL,
                payload_base64=TEXT_OR_NULL,
            ),
        },
    ),
    "GatewayHistory": thing(
        "Rows `[ms, messages, accepted, rejected, lost, clock error s, lowest s, highest s]`.",
        gateway=TEXT,
        resolution={"enum": ["1m", "1h", "1d"]},
        rows={
            "type": "array",
            "items": {"type": "array", "minItems": 8, "maxItems": 8, "items": NUMBER_OR_NULL},
        },
    ),
    "WatchingFrame": thing(
        "Messages of this gateway follow as they come.", op={"const": "watching"}, gateway=TEXT
    ),
    "PayloadFrame": thing(
        "A message, `text` or `base64`, cut after 2 KiB; `skipped`: how many before it were not "
        "shown; `refused`: what of it was refused, and why.",
        op={"const": "payload"},
        gateway=TEXT,
        received=WHOLE,
        topic=TEXT,
        bytes=WHOLE,
        skipped=WHOLE,
        cut=FLAG,
        refused={
            "type": "array",
            "items": thing("A reason.", reason=TEXT, tag=TEXT_OR_NULL, count=WHOLE, words=WORDS),
        },
    ),
    "IssuedCredential": thing(
        "What an enterprise is handed for a gateway, the password this once.",
        gateway=TEXT,
        enterprise=TEXT,
        username=TEXT,
        password=TEXT,
        broker=TEXT,
        topics={"type": "object", "additionalProperties": TEXT},
        example=TEXT,
        told={
            "type": "array",
            "items": TEXT,
            "description": "What the broker was told, or is to be.",
        },
    ),
    "IssuedCertificate": thing(
        "A certificate, PEM; `key` this once, null where the gateway kept its own.",
        gateway=TEXT,
        serial=TEXT,
        fingerprint=TEXT,
        not_before=MOMENT,
        not_after=MOMENT,
        certificate=TEXT,
        key=TEXT_OR_NULL,
        ca=TEXT,
        told=_LINES,
    ),
    "EmqxVerdict": thing(
        "An answer to EMQX.", result={"enum": ["allow", "deny"]}, is_superuser={"const": False}
    ),
    "RevokedCredential": thing(
        "A revocation; `closed` false: the broker could not be told, revoke again.",
        gateway=TEXT,
        closed=FLAG,
        told=_LINES,
    ),
}
