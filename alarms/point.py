"""A measured point as its engineer wrote it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A measured point as its engineer wrote it; absent settings are None and get defaults later.

    `limits` maps ll, l, h, hh, and for gases cut and reset, to values in `engineering_unit`.
    `params` maps kinds of detector to settings of theirs (alarms.parameters).
    `latching` limit alarms stay until they are reset, those that need a close-out until their cause
    is written down. `compute` is the expression a point without an instrument is computed by;
    `suppress` says when its alarms are suppressed by design: `when` and `reason`, `dwell_s` and
    `most_s` (alarms.expressions).
    """

    enterprise: str
    source: str
    unit: str
    tag: str
    quantity: str
    engineering_unit: str
    name: str = ""
    range: tuple[float, float] | None = None
    period_s: float | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    deadband: float = 0.0
    on_delay_s: float | None = None
    off_delay_s: float | None = None
    tiers: Mapping[str, str] = field(default_factory=dict)
    detect: tuple[str, ...] | None = None
    gateway: str | None = None
    substance: str | None = None
    sector: str | None = None
    latching: bool = False
    needs_closeout: bool = False
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    compute: str | None = None
    suppress: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Return the name that stands for this point everywhere: `<enterprise>/<tag>`."""
        return key_of(self.enterprise, self.tag)


def key_of(enterprise: str, tag: str) -> str:
    """Return the key of the enterprise's point with this tag."""
    return f"{enterprise}/{tag}"
