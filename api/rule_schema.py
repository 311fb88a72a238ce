"""JSON Schema of a rule pack's provision as GET rules shows it."""

from typing import Final

from alarms.rulepacks import MARKS
from api.schema_terms import (
    NUMBER_OR_NULL,
    TEXT,
    TEXT_OR_NULL,
    WHOLE,
    WORDS,
    WORDS_OR_NULL,
    Schema,
    thing,
)

_TEXTS: Final[Schema] = {"type": "array", "items": TEXT}
RULE: Final = thing(
    "What a standard says of the points it means; an empty list means any.",
    pack=TEXT,
    version=WHOLE,
    binding={"enum": ["bound", "default", "advice", "code"]},
    standard=TEXT,
    clause=TEXT,
    mark={"enum": list(MARKS)},
    seen=_TEXTS,
    place=WORDS_OR_NULL,
    quantities=_TEXTS,
    units=_TEXTS,
    source_kinds=_TEXTS,
    sectors=_TEXTS,
    substances=_TEXTS,
    kind=TEXT_OR_NULL,
    name=TEXT_OR_NULL,
    value=NUMBER_OR_NULL,
    direction={"enum": ["max", "min", None]},
    words=WORDS,
    action=WORDS_OR_NULL,
)
