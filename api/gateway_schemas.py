"""JSON Schemas of what is shown of gateways: how they are heard, and their credentials."""

from typing import Final

from api.schema_terms import (
    FLAG,
    MOMENT_OR_NULL,
    NUMBER_OR_NULL,
    TEXT,
    WHOLE,
    Schema,
    thing,
)

_LINES: Final[Schema] = {"type": "array", "items": TEXT}
THINGS: Final[dict[str, Schema]] = {
    "Gateway": thing(
        "A gateway and how well it is heard.",
        id=TEXT,
        enterprise=TEXT,
        region=TEXT,
        simulated=FLAG,
        state={"enum": ["unknown", "online", "offline"]},
        state_at=MOMENT_OR_NULL,
        last_seen=MOMENT_OR_NULL,
        clock_error_s=NUMBER_OR_NULL,
        last_seq={"type": ["integer", "null"]},
        messages=WHOLE,
        accepted=WHOLE,
        rejected=WHOLE,
        lost=WHOLE,
        loss={"type": "number"},
        has_credential=FLAG,
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
