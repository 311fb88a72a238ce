"""How moments, shares and durations are written for people."""

from alarms import instants
from alarms.spans import LOCAL
from api.reports.words import Lang


def moment(micros: int) -> str:
    """Write a moment on the plant's clock, to the second."""
    return f"{instants.to_datetime(micros).astimezone(LOCAL):%Y-%m-%d %H:%M:%S}"


def percent(share: float) -> str:
    """Write a share of 1."""
    return f"{share * 100:.1f}%"


def duration(lang: Lang, seconds: float) -> str:
    """Write a time span in its two largest units, or seconds below a minute."""
    units = ("天", "小时", "分", "秒") if lang is Lang.zh else ("d", "h", "min", "s")
    left = round(seconds)
    if left < 60:
        return f"{seconds:.1f} {units[3]}"
    parts: list[str] = []
    for size, unit in zip((86_400, 3_600, 60, 1), units, strict=True):
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])
