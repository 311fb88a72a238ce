"""Messages of gateways and the native JSON forms they travel in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

Value = float | bool | str | None
Form = Literal["values", "rows", "single"]

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Readings of one gateway at one instant: tags and values side by side.

    `marks` names the quality of the places that are not good. `history`: stored and forwarded.
    """

    gateway: str
    ts_ms: int
    tags: Sequence[str]
    values: Sequence[Value]
    marks: Mapping[int, str | int] = field(default_factory=dict)
    history: bool = False


def payload(message: Message, form: Form, seq: int) -> bytes:
    """One message as the bytes of a native JSON form; NaN is written as the form's gateways do.

    `rows` cannot carry a quality: a message with marks goes as `values` instead.
    """
    if form == "single" and not message.history:
        return _encode(_singles(message, seq))
    if form == "rows" and not message.marks:
        body: dict[str, Any] = {
            "points": list(message.tags),
            "rows": [[message.ts_ms, *message.values]],
            "seq": seq,
        }
    else:
        values: dict[str, Any] = dict(zip(message.tags, message.values, strict=True))
        for place, quality in message.marks.items():
            values[message.tags[place]] = {"v": message.values[place], "q": quality}
        body = {"ts": message.ts_ms, "values": values, "seq": seq}
    if message.history:
        body["history"] = True
    return _encode(body)


def _singles(message: Message, seq: int) -> list[dict[str, Any]]:
    singles: list[dict[str, Any]] = []
    for place, (tag, value) in enumerate(zip(message.tags, message.values, strict=True)):
        quality = message.marks.get(place)
        shown = value if quality is None else {"v": value, "q": quality}
        singles.append({"ts": message.ts_ms, "tag": tag, "value": shown})
    if singles:
        singles[0]["seq"] = seq
    return singles
