"""Stamps as gateways write them: milliseconds since 1970, or RFC 3339 with an offset."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_MOST_MS: Final = 253_402_300_800_000
"""The year 10000: a number beyond it is no time in milliseconds."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_RFC3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,12})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def micros(stamp: object) -> int | None:
    """Read a stamp as Micros; None where it is no time (a time without offset is none)."""
    if type(stamp) is int:
        return stamp * 1000 if 0 <= stamp < _MOST_MS else None
    if type(stamp) is float:
        return round(stamp * 1000) if 0 <= stamp < _MOST_MS else None
    if type(stamp) is str and len(stamp) <= 48 and _RFC3339.fullmatch(stamp) is not None:
        try:
            moment = datetime.fromisoformat(stamp.upper())
            since = (moment - _EPOCH) // _MICROSECOND
        except (ValueError, OverflowError):
            return None
        return since if since >= 0 else None
    return None
