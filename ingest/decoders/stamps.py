"""Stamps as gateways write them: numbers since 1970, RFC 3339 with an offset, local digits."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

_MOST_MS: Final = 253_402_300_800_000
"""The year 10000: a number beyond it is no time in milliseconds."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CHINA: Final = timezone(timedelta(hours=8))
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


def micros_by_size(number: float) -> int | None:
    """Read seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by size.

    Sound for every time from March 1973 to the year 5138, and for a later one in no unit.
    """
    if number < 0:
        return None
    if number < 1e11:
        return round(number * 1_000_000)
    if number < 1e14:
        return round(number * 1_000)
    if number < 1e17:
        return int(number)
    return int(number // 1_000) if number < 1e20 else None


def micros_in_china(digits: str) -> int | None:
    """Read `YYYYMMDDhhmmss`, China's local time (UTC+8), which has no summer time since 1992."""
    if len(digits) != 14 or not (digits.isascii() and digits.isdigit()):
        return None
    month, day, hour, minute, second = (int(digits[at : at + 2]) for at in range(4, 14, 2))
    try:
        moment = datetime(int(digits[:4]), month, day, hour, minute, second, tzinfo=_CHINA)
    except ValueError:
        return None
    since = (moment - _EPOCH) // _MICROSECOND
    return since if since >= 0 else None
