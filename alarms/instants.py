"""Instants: microseconds inside, RFC 3339 and datetimes at the edges."""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def to_datetime(micros: int) -> datetime:
    """Return an aware UTC datetime, exact."""
    return _EPOCH + timedelta(microseconds=micros)


def from_datetime(moment: datetime) -> int:
    """Return Micros of an aware datetime, exact."""
    return (moment - _EPOCH) // _MICROSECOND


def to_text(micros: int) -> str:
    """Return RFC 3339 in UTC with milliseconds, or microseconds where they matter."""
    moment = to_datetime(micros)
    spec = "milliseconds" if micros % 1000 == 0 else "microseconds"
    return moment.isoformat(timespec=spec).replace("+00:00", "Z")


def from_text(text: str) -> int:
    """Return Micros of an RFC 3339 time; raise ValueError without a date, a time and an offset."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs its offset, as in 2025-11-21T16:00:00+08:00")
    return from_datetime(moment)
