"""The server's clock for this room: one place asks the machine for the time."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """Return the moment, aware, in UTC."""
    return datetime.now(UTC)


def micros() -> int:
    """Return the moment in microseconds since 1970."""
    return time.time_ns() // 1000
