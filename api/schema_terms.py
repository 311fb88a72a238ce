"""The words that JSON Schemas of this room are made of."""

from collections.abc import Iterable
from typing import Any, Final

from alarms.alarm import Tier

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
TEXT_OR_NULL: Final[Schema] = {"type": ["string", "null"]}
NUMBER_OR_NULL: Final[Schema] = {"type": ["number", "null"]}
FLAG: Final[Schema] = {"type": "boolean"}
WHOLE: Final[Schema] = {"type": "integer"}
OFFSET: Final[Schema] = {"type": "integer", "minimum": 0}
MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
MOMENT_OR_NULL: Final[Schema] = {"type": ["string", "null"], "format": "date-time"}
OBJECT: Final[Schema] = {"type": "object"}
OBJECT_OR_NULL: Final[Schema] = {"type": ["object", "null"]}
TIER: Final[Schema] = {"enum": [tier.name for tier in sorted(Tier, reverse=True) if tier]}
COUNTS: Final[Schema] = {
    "type": "object",
    "required": ["red", "orange", "yellow", "blue"],
    "additionalProperties": {"type": "integer", "minimum": 0},
}


def reference(name: str) -> Schema:
    """Refer to a schema by name."""
    return {"$ref": f"#/components/schemas/{name}"}


def thing(said: str, /, **members: Schema) -> Schema:
    """Describe an object whose named members are always there; more may be added."""
    return {
        "type": "object",
        "description": said,
        "required": list(members),
        "properties": members,
    }


def thing_or_null(**members: Schema) -> Schema:
    """Describe an object whose named members are always there, or null."""
    return {"type": ["object", "null"], "required": list(members), "properties": members}


def cloud_event(said: str, types: Iterable[str], data: Schema) -> Schema:
    """Describe a CloudEvent 1.0 of these types, with this data."""
    return thing(
        said,
        specversion={"const": "1.0"},
        id={"type": "string", "pattern": "^.+:[0-9]+$"},
        source=TEXT,
        type={"enum": list(types)},
        subject=TEXT,
        time=MOMENT,
        datacontenttype={"const": "application/json"},
        data=data,
    )


def story_row(said: str, of: str, types: Iterable[str], data: Schema) -> Schema:
    """Describe a row of the journal as it is shown; `of` is what its id is called."""
    return thing(
        said,
        offset=OFFSET,
        **{of: TEXT},
        rev=WHOLE,
        type={"enum": list(types)},
        t_event=MOMENT,
        t_committed=MOMENT,
        actor=TEXT,
        org_level=TEXT_OR_NULL,
        note=TEXT,
        data=data,
    )


WORDS: Final = thing("In words.", zh=TEXT, en=TEXT)
WORDS_OR_NULL: Final = thing_or_null(zh=TEXT, en=TEXT)
