"""JSON as gateways write it: NaN and a byte order mark parse, and a number is what is finite."""

import json
import math
from typing import Final

import msgspec

from ingest.decoders.decoded import UnreadableError

UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""What parsing raises for what is no JSON, or none of the wanted type."""
_BLANK: Final = " \t\r\n\v\f"
"""What Python's float reads over."""
_any: Final = msgspec.json.Decoder()


def parse(payload: bytes) -> object:
    """Parse JSON; where that fails, once more allowing NaN and Infinity, as many writers do.

    Raises UnreadableError for what is no JSON at all: `bounded` refuses the message for it.
    """
    found: object
    try:
        try:
            found = _any.decode(payload)
        except (msgspec.MsgspecError, ValueError):
            found = json.loads(payload.decode("utf-8-sig"), parse_int=_whole_number)
    except UNREADABLE as error:
        raise UnreadableError from error
    return found


def finite(number: object) -> float | None:
    """Return a finite number, 1 for true and 0 for false; None for anything else."""
    if isinstance(number, int | float):
        try:
            value = float(number)
        except OverflowError:
            return None
        return value if math.isfinite(value) else None
    return None


def decimal(text: str) -> float | None:
    """Read a finite decimal number as devices write it: no blanks, names, hexadecimals or `_`."""
    if not text or text[-1] not in "0123456789." or not text.isascii() or "_" in text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and text[0] not in _BLANK else None


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) < 400 else math.inf
