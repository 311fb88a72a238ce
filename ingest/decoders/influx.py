r"""Decode the line protocol of InfluxDB, as Telegraf writes it to MQTT.

After docs.influxdata.com, "Line protocol": `measurement,tag=value field=1.2,other=3i stamp`. A
reading is named by its series and its field, `measurement,tag=value.field` with the tags in order
of their keys; a field called `value` needs no name of its own. Integers (`3i`, `3u`), floats and
truth values are readings, text is refused by name; but a text field `Quality`, as Telegraf's OPC UA
inputs write it (`OK (0x0)`, a status code of OPC UA), is the quality of its line, and a text there
that says none refuses the line's readings. A stamp is in s, ms, us or ns by its size. Escapes are
`\,` `\=` `\ ` in names and `\"` `\\` in text.
"""

import re
from typing import Final

from alarms.readings import STAMPED_HERE, Quality
from ingest.decoders import opc
from ingest.decoders.decoded import Decoded, Reason, bounded, refused_whole, start_of
from ingest.decoders.lenient import decimal
from ingest.decoders.stamps import micros_by_size

_TRUTH: Final = {
    **dict.fromkeys(("t", "T", "true", "True", "TRUE"), 1.0),
    **dict.fromkeys(("f", "F", "false", "False", "FALSE"), 0.0),
}
_STATUS: Final = re.compile(r".*\(0x([0-9A-Fa-f]{1,8})\)")
_WORDS: Final = (
    *(("good", Quality.good), ("ok", Quality.good)),
    *(("uncertain", Quality.uncertain), ("bad", Quality.bad)),
)
_PART: Final = re.compile(r'(?:[^\\ "]|\\.|\\$|"(?:[^"\\]|\\.)*"|")+')
_BETWEEN_COMMAS: Final = re.compile(r'(?:[^\\,"]|\\.|\\$|"(?:[^"\\]|\\.)*"|")+')
_FIRST_EQUALS: Final = re.compile(r"((?:[^\\=]|\\.|\\$)+)=(.+)", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\([,= ])")


class _OddError(Exception):
    """A line that is none of this protocol."""


@bounded
def decode(payload: bytes, received: int) -> Decoded:
    """Decode a message that came at `received` (Micros); what is wrong is in `refused`.

    A message of which no line is sound is no line protocol: refused whole.
    """
    try:
        text = payload.decode("utf-8-sig")
    except UnicodeDecodeError:
        return refused_whole(Reason.bad_shape, start_of(payload))
    decoded = Decoded()
    names: dict[str, str] = {}
    sound = 0
    for raw in text.split("\n"):
        line = raw.strip(" \r\t")
        if not line or line.startswith("#"):
            continue
        try:
            _line(decoded, line, names, received)
            sound += 1
        except _OddError:
            decoded.refuse(Reason.bad_shape, None, line[:256])
    return decoded if sound else refused_whole(Reason.bad_shape, start_of(payload))


def _line(decoded: Decoded, line: str, names: dict[str, str], received: int) -> None:
    plain = "\\" not in line and '"' not in line
    parts = [part for part in line.split(" ") if part] if plain else _PART.findall(line)
    if not 2 <= len(parts) <= 3:
        raise _OddError
    series = names.get(parts[0])
    if series is None:
        series = names[parts[0]] = _series(parts[0])
    stamp, mark = (_stamp(parts[2]), 0) if len(parts) == 3 else (received, int(STAMPED_HERE))
    if plain:
        pairs = [_plain_pair(field) for field in parts[1].split(",")]
        said = None
    else:
        pairs = [_pair(field) for field in _BETWEEN_COMMAS.findall(parts[1])]
        said = next((text for key, text in pairs if key == "Quality" and text[0] == '"'), None)
    if not pairs:
        raise _OddError
    quality = Quality.good if said is None else _quality(said)
    for key, written in pairs:
        if written is said:
            continue
        tag = series if key == "value" else f"{series}.{key}"
        number = _number(written)
        if number is None or quality is None:
            decoded.refuse(Reason.bad_value, tag, written if quality is not None else said)
        elif stamp is None:
            decoded.refuse(Reason.bad_time, tag, parts[2])
        else:
            decoded.add(tag, number, stamp, mark | quality)


def _stamp(written: str) -> int | None:
    if len(written) <= 20 and written.isascii() and written.isdigit():
        return micros_by_size(int(written))
    return None


def _series(written: str) -> str:
    """Return measurement and tags, the tags in order, without escapes."""
    if "," not in written and "\\" not in written:
        return written
    if written.startswith(","):
        raise _OddError
    measurement, *tags = _BETWEEN_COMMAS.findall(written)
    if any(not _FIRST_EQUALS.fullmatch(tag) for tag in tags):
        raise _OddError
    return _ESCAPED.sub(r"\1", ",".join([measurement, *sorted(tags)]))


def _plain_pair(field: str) -> tuple[str, str]:
    key, _, value = field.partition("=")
    if not (key and value):
        raise _OddError
    return key, value


def _pair(field: str) -> tuple[str, str]:
    if "\\" not in field:
        return _plain_pair(field)
    found = _FIRST_EQUALS.fullmatch(field)
    if found is None:
        raise _OddError
    return _ESCAPED.sub(r"\1", found[1]), found[2]


def _number(written: str) -> float | None:
    number = decimal(written)
    if number is not None:
        return number
    if written[-1] in "iu" and len(written) <= 21:
        return decimal(written[:-1]) if written[:-1].lstrip("-").isdigit() else None
    return _TRUTH.get(written)


def _quality(said: str) -> Quality | None:
    """Read what an OPC UA client says of a value: a status code, or a word that begins one."""
    found = _STATUS.fullmatch(said.strip('"'))
    if found is not None:
        return opc.status_quality(int(found[1], 16))
    word = said.strip('"').lower()
    return next((quality for start, quality in _WORDS if word.startswith(start)), None)
