"""Decode the native JSON forms of readings (contracts.md section 4) straight into columns.

Two roads. The fast one takes messages whose values are plain numbers, typed while parsing. Anything
else (a quality, a truth value, `null`, NaN, a wrong type, broken JSON) takes the whole message over
the slow one, which looks at each value and names what it refuses.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from alarms.readings import HISTORY, STAMPED_HERE, STATE_NUMBERS, Quality
from ingest.decoders.decoded import (
    MOST_BYTES,
    MOST_READINGS,
    Decoded,
    Reason,
    bounded,
)
from ingest.decoders.lenient import finite, parse
from ingest.decoders.stamps import micros

_MOST_SEQ: Final = 2**31


class _Plain(msgspec.Struct, gc=False):
    """Any of the native forms, as long as its values are plain numbers.

    A `timestamp` of another dialect (neuron, kepware) is none of these forms: were it passed over,
    its readings would be taken for readings without a time.
    """

    ts: int | float | str | None = None
    timestamp: None = None
    values: dict[str, float] | None = None
    points: list[str] | None = None
    rows: list[list[float | None]] | None = None
    tag: str | None = None
    value: float | None = None
    q: None = None
    seq: int | None = None
    history: bool = False


_plain: Final = msgspec.json.Decoder(_Plain | list[_Plain])


class OddError(Exception):
    """The fast road cannot say what this is."""


def decode(payload: bytes, received: int) -> Decoded:
    """Decode a message that came at `received` (Micros); what is wrong is in `refused`."""
    try:
        return plain(payload, received)
    except OddError:
        return odd(payload, received)


def plain(payload: bytes, received: int) -> Decoded:
    """Decode a message whose values are plain numbers; raise OddError for any other."""
    if len(payload) > MOST_BYTES:
        raise OddError
    try:
        decoded = _fast(payload, received)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise OddError from error
    if len(decoded.tags) > MOST_READINGS:
        raise OddError
    return decoded


def _fast(payload: bytes, received: int) -> Decoded:
    found = _plain.decode(payload)
    decoded = Decoded()
    for one in found if type(found) is list else (found,):
        history = HISTORY if one.history else 0
        if one.seq is not None:
            if not 0 <= one.seq <= _MOST_SEQ:
                raise OddError
            decoded.sequence.append(one.seq)
        if one.values is not None:
            stamp, mark = _stamp(one.ts, received)
            decoded.tags.extend(one.values)
            decoded.values.extend(one.values.values())
            decoded.counts.append(len(one.values))
            decoded.stamps.append(stamp)
            decoded.marks.append(mark | history)
        elif one.points is not None and one.rows is not None:
            _fast_rows(decoded, one.points, one.rows, history)
        elif one.tag is not None and one.value is not None:
            stamp, mark = _stamp(one.ts, received)
            decoded.add(one.tag, one.value, stamp, mark | history)
        else:
            raise OddError
    return decoded


def _fast_rows(
    decoded: Decoded, points: list[str], rows: list[list[float | None]], history: int
) -> None:
    width = len(points) + 1
    for row in rows:
        if len(row) != width:
            raise OddError
        stamp = micros(row[0])
        if stamp is None:
            raise OddError
        values = row[1:]
        if None in values:
            pairs = [
                (tag, value) for tag, value in zip(points, values, strict=True) if value is not None
            ]
            decoded.tags.extend([tag for tag, _ in pairs])
            decoded.values.extend([value for _, value in pairs])
            decoded.counts.append(len(pairs))
        else:
            decoded.tags.extend(points)
            decoded.values.extend(values)  # type: ignore[arg-type]  # no None among them
            decoded.counts.append(len(points))
        decoded.stamps.append(stamp)
        decoded.marks.append(history)


def _stamp(ts: float | str | None, received: int) -> tuple[int, int]:
    """Return stamp and flag; an absent or null `ts` means the time of receipt."""
    if ts is None:
        return received, STAMPED_HERE
    stamp = micros(ts)
    if stamp is None:
        raise OddError
    return stamp, 0


@bounded
def odd(payload: bytes, received: int) -> Decoded:
    """Decode a message that `plain` could not: look at each value."""
    found = parse(payload)
    decoded = Decoded()
    for one in found if isinstance(found, list) else (found,):
        _slow_object(decoded, one, received)
        if len(decoded.tags) > MOST_READINGS:
            break
    return decoded


def _slow_object(decoded: Decoded, one: object, received: int) -> None:
    if not isinstance(one, dict):
        decoded.refuse(Reason.bad_shape, None, one)
        return
    seq = one.get("seq")
    if type(seq) is int and 0 <= seq <= _MOST_SEQ:
        decoded.sequence.append(seq)
    history = HISTORY if one.get("history") is True else 0
    match one:
        case {"values": dict(values)}:
            _slow_values(decoded, values.items(), one.get("ts"), received, history)
        case {"points": list(points), "rows": list(rows)} if all(
            isinstance(tag, str) for tag in points
        ):
            for row in rows:
                _slow_row(decoded, points, row, received, history)
        case {"tag": str(tag), "value": value}:
            if isinstance(value, dict) or "q" not in one:
                _slow_values(decoded, ((tag, value),), one.get("ts"), received, history)
            else:
                marked = {"v": value, "q": one["q"]}
                _slow_values(decoded, ((tag, marked),), one.get("ts"), received, history)
        case _:
            decoded.refuse(Reason.bad_shape, None, one)


def _slow_row(
    decoded: Decoded, points: list[str], row: object, received: int, history: int
) -> None:
    if not isinstance(row, list) or len(row) != len(points) + 1:
        decoded.refuse(Reason.bad_shape, None, row)
        return
    there = [pair for pair in zip(points, row[1:], strict=True) if pair[1] is not None]
    _slow_values(decoded, there, row[0], received, history)


def _slow_values(
    decoded: Decoded,
    values: Iterable[tuple[str, object]],
    ts: object,
    received: int,
    history: int,
) -> None:
    stamp, flag = (received, STAMPED_HERE) if ts is None else (micros(ts), 0)
    for tag, value in values:
        own, own_flag, quality = stamp, flag, Quality.good
        number: object = value
        if isinstance(value, dict):
            number = value.get("v")
            marked = _quality(value)
            if marked is None:
                decoded.refuse(Reason.bad_value, tag, value)
                continue
            quality = marked
            if value.get("ts") is not None:
                own, own_flag = micros(value["ts"]), 0
        value_read = finite(number)
        if value_read is None:
            decoded.refuse(Reason.bad_value, tag, value)
        elif own is None:
            decoded.refuse(Reason.bad_time, tag, ts if own is stamp else value)
        else:
            decoded.add(tag, value_read, own, quality | own_flag | history)


def _quality(value: Mapping[str, object]) -> Quality | None:
    """Read `q`: a name, or the mine network's state number; absent or null is good."""
    q = value.get("q")
    if q is None:
        return Quality.good
    if isinstance(q, str):
        return Quality.__members__.get(q)
    if isinstance(q, int | float) and not isinstance(q, bool) and q == q // 1:
        return STATE_NUMBERS.get(int(q)) if 0 <= q <= 128 else None
    return None
