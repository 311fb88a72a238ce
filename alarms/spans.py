"""The spans reports are written for: a shift, a day and a month of the plant's own clock."""

import re
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from typing import Final

from alarms import instants
from alarms.errors import FengsuiError

LOCAL: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
"""China has one clock, and no summer time since 1992: the zone needs no table of its own."""
SHIFT_HOURS: Final = 8
"""Three shifts a day, from 0, 8 and 16 o'clock: 夜班, 早班, 中班."""


class Span(StrEnum):
    """What a report covers."""

    shift = "shift"
    day = "day"
    month = "month"


class SpanError(FengsuiError):
    """A moment that names no span; the message says how one is written."""


def around(span: Span, at: int) -> tuple[int, int]:
    """Return the span that a moment lies in, from and to before, all in Micros."""
    local = instants.to_datetime(at).astimezone(LOCAL)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    match span:
        case Span.shift:
            begin = midnight.replace(hour=local.hour // SHIFT_HOURS * SHIFT_HOURS)
            over = begin + timedelta(hours=SHIFT_HOURS)
        case Span.day:
            begin, over = midnight, midnight + timedelta(days=1)
        case Span.month:
            begin = midnight.replace(day=1)
            over = (begin + timedelta(days=31)).replace(day=1)
    return instants.from_datetime(begin), instants.from_datetime(over)


def moment_of(span: Span, text: str) -> int:
    """Read the moment, Micros, that names a span; raise SpanError.

    A month may be written `2026-11`, a day or its month `2026-11-21`; anything else, and a shift
    always, is an RFC 3339 time.
    """
    forms = {"%Y-%m": r"\d{4}-\d{2}"} if span is Span.month else {}
    if span is not Span.shift:
        forms["%Y-%m-%d"] = r"\d{4}-\d{2}-\d{2}"
    try:
        for form, shape in forms.items():
            if re.fullmatch(shape, text, re.ASCII):
                return instants.from_datetime(datetime.strptime(text, form).replace(tzinfo=LOCAL))
        # A plus sign left unencoded in a query arrives as a space.
        return instants.from_text(text.replace(" ", "+"))
    except (ValueError, OverflowError) as error:
        raise SpanError(f"`at` is {text!r}; a {span} is written as {_WRITTEN[span]}") from error


_WRITTEN: Final = {
    Span.shift: "a time within it, such as 2026-11-21T10:00:00+08:00",
    Span.day: "2026-11-21",
    Span.month: "2026-11",
}
