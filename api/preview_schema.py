"""What a preview of a gateway's message looks like, in JSON Schema."""

from typing import Final

from api.schema_terms import FLAG, MOMENT, TEXT, TEXT_OR_NULL, WHOLE, Schema, thing

_READING: Final = thing(
    "A reading as it would be stored, in its point's unit.",
    tag=TEXT,
    name=TEXT,
    value={"type": "number"},
    unit=TEXT,
    time=MOMENT,
    quality=TEXT,
    flags={
        "type": "array",
        "items": {"enum": ["stamped_here", "history", "corrected", "clamped"]},
    },
)
_REFUSED: Final = thing(
    "What would be refused: why, of which tag, how often, and the first of it; `field` is what "
    "the mapping calls it.",
    reason=TEXT,
    tag=TEXT_OR_NULL,
    field=TEXT_OR_NULL,
    count=WHOLE,
    first={},
    words=thing("The reason in plain words.", zh=TEXT, en=TEXT),
)
PREVIEW: Final[Schema] = thing(
    "What would become of a message; nothing was published or stored.",
    gateway=TEXT,
    dialect=TEXT,
    dialect_set=FLAG,
    accepted=WHOLE,
    rejected=WHOLE,
    readings={"type": "array", "items": _READING},
    refused={"type": "array", "items": _REFUSED},
)
