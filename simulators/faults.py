"""Faults of the field, asked for in one line and dealt out by a seed."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np

from simulators.errors import RequestError
from simulators.readings import Message, Value

_MEANINGS = {
    "drop": "share of messages lost before the broker, 0 to 1",
    "dup": "share of messages sent twice, 0 to 1",
    "late": "share of messages held back for late_s seconds, 0 to 1",
    "late_s": "seconds a late message is held back",
    "clock_s": "seconds the gateways' clocks are ahead (negative: behind)",
    "freeze": "share of readings from which on a point repeats its value for freeze_s, 0 to 1",
    "freeze_s": "seconds a frozen point stays frozen",
    "nan": "share of values sent as not-a-number, 0 to 1",
}
_SHARES = frozenset({"drop", "dup", "late", "freeze", "nan"})
DEALT = ("dropped", "duplicated", "late", "frozen", "nan")
"""Kinds of faults as they are counted."""
_USUAL_LATE = 0.1
_USUAL_LATE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What goes wrong and how often; nothing by default."""

    drop: float = 0.0
    dup: float = 0.0
    late: float = 0.0
    late_s: float = 0.0
    clock_s: float = 0.0
    freeze: float = 0.0
    freeze_s: float = 60.0
    nan: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message as it leaves the field: after delay_s, `times` times; 0 times: lost on the way."""

    message: Message
    delay_s: float
    times: int


def parse(spec: str) -> Faults:
    """Read `drop=0.05,dup=0.02,late_s=30`; all faults of the line raise one RequestError.

    late_s without late holds back a tenth of the messages; late without late_s, for 30 s.
    """
    found: dict[str, float] = {}
    wrong: list[str] = []
    for piece in filter(None, (piece.strip() for piece in spec.split(","))):
        name, equals, text = (part.strip() for part in piece.partition("="))
        if name not in _MEANINGS:
            wrong.append(f"{name!r} is no fault")
            continue
        try:
            number = float(text) if equals else float("nan")
        except ValueError:
            number = float("nan")
        if not np.isfinite(number):
            wrong.append(f"{name} needs a number ({_MEANINGS[name]}), there was {text!r}")
        elif name in _SHARES and not 0.0 <= number <= 1.0:
            wrong.append(f"{name} is a {_MEANINGS[name]}, there was {text}")
        elif name in ("late_s", "freeze_s") and number < 0.0:
            wrong.append(f"{name} is {_MEANINGS[name]} and cannot be negative, there was {text}")
        elif name in found:
            wrong.append(f"{name} is given twice")
        else:
            found[name] = number
    if wrong:
        known = "; ".join(f"{name}: {meaning}" for name, meaning in _MEANINGS.items())
        raise RequestError(
            f"--faults: {'; '.join(wrong)}. Faults are name=number, by commas: {known}"
        )
    if "late_s" in found:
        found.setdefault("late", _USUAL_LATE)
    elif found.get("late", 0.0) > 0.0:
        found["late_s"] = _USUAL_LATE_S
    return Faults(**found)


class Mischief:
    """Deals the faults out over a stream of messages; the same seed and stream, the same faults."""

    def __init__(self, faults: Faults, *, seed: int) -> None:
        self._faults = faults
        self._random = np.random.default_rng([seed, 11])
        self._frozen: dict[tuple[str, str], tuple[int, Value]] = {}
        self.dealt: Counter[str] = Counter(dict.fromkeys(DEALT, 0))
        """What went wrong so far: messages dropped, duplicated and late; readings frozen and nan.

        A dropped message counts as that alone, and one that goes twice counts its readings once.
        """
        self._idle = all(getattr(faults, item.name) == item.default for item in fields(Faults))

    def upon(self, message: Message) -> Outgoing:
        """What becomes of one message."""
        if self._idle:
            return Outgoing(message=message, delay_s=0.0, times=1)
        faults = self._faults
        lost, twice, late = self._random.random(3) < (faults.drop, faults.dup, faults.late)
        spoilt: Counter[str] = Counter()
        values = list(self._spoilt(message, spoilt))
        if lost:
            self.dealt["dropped"] += 1
        else:
            self.dealt.update({**spoilt, "duplicated": int(twice), "late": int(late)})
        shifted = replace(
            message, ts_ms=message.ts_ms + round(faults.clock_s * 1000.0), values=values
        )
        return Outgoing(
            message=shifted,
            delay_s=faults.late_s if late else 0.0,
            times=0 if lost else 2 if twice else 1,
        )

    def _spoilt(self, message: Message, spoilt: Counter[str]) -> Iterator[Value]:
        faults = self._faults
        chances = self._random.random((2, len(message.tags)))
        for tag, value, frozen, nan in zip(
            message.tags, message.values, *chances.tolist(), strict=True
        ):
            shown, stays = value, False
            if faults.freeze > 0.0:
                key = (message.gateway, tag)
                until_ms, held = self._frozen.get(key, (0, None))
                if message.ts_ms < until_ms:
                    shown, stays = held, True
                elif frozen < faults.freeze:
                    self._frozen[key] = (message.ts_ms + round(faults.freeze_s * 1000.0), value)
            if nan < faults.nan:
                spoilt["nan"] += 1
                yield "NaN"
            else:
                spoilt["frozen"] += stays
                yield shown
