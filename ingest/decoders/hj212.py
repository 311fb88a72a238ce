"""Decode HJ 212-2017 packets, the data standard of China's online monitoring of pollutants.

`##` length, data section, CRC, CR LF (section 6.3; CRC of Annex A). Read are real-time data (CN
2011), the minutes' (2051), hours' (2061) and days' (2031) statistics. `a34004-Rtd` is a tag as it
stands; a statistic has its command in front, `2061.a34004-Avg`, for the minute's mean and the
hour's share a name. Times are China's local time. The data marks N F M S D C T B stand in the 2017
text; what they mean, and P and the air stations' 0 to 3 of HJ/T 212-2005, is from memory. What is
too long for a packet comes in several, each with its number (`PNUM`, `PNO`; loggers after the text
of 2005 send no `Flag` that would announce them). Each is read by itself, for loggers write
`DataTime` into every one and cut between two factors. One without is refused: its time stands in
another.
"""

import re
from typing import Final

from alarms.readings import STAMPED_HERE, Quality
from ingest.decoders.decoded import Decoded, Reason, bounded, refused_whole, start_of
from ingest.decoders.lenient import decimal
from ingest.decoders.stamps import micros_in_china

REAL_TIME: Final = "2011"
STATISTICS: Final = ("2051", "2061", "2031")
MARKS: Final = {
    "N": Quality.good,  # works as it should
    "F": Quality.offline,  # out of operation
    "M": Quality.calibrating,  # maintained
    "S": Quality.uncertain,  # typed in by hand
    "D": Quality.fault,  # failed
    "C": Quality.calibrating,  # calibrated
    "T": Quality.over_range,  # above its range
    "B": Quality.offline,  # not reached
    "P": Quality.fault,  # without power
    "0": Quality.calibrating,
    "1": Quality.good,
    "2": Quality.bad,
    "3": Quality.good,
}
"""What a data mark (`-Flag`) makes of a value."""
_DESCRIBING: Final = frozenset({"EFlag", "SampleTime", "Info", "PolId"})
_DATA_TIME: Final = re.compile(r"(?:^|[;,])DataTime=([^;,]*)")


def _table() -> tuple[int, ...]:
    found = []
    for start in range(256):
        register = start
        for _ in range(8):
            register = register >> 1 ^ (0xA001 if register & 1 else 0)
        found.append(register)
    return tuple(found)


_REGISTER: Final = _table()

MOST_BROKEN: Final = 100
"""Damaged packets read in one message: each may ask for a check over 9,999 bytes in vain."""


def crc(section: bytes) -> int:
    """Return the check of a data section (Annex A; not that of Modbus: the low byte is dropped)."""
    register = 0xFFFF
    for byte in section:
        register = _REGISTER[register >> 8 ^ byte]
    return register


@bounded
def decode(payload: bytes, received: int) -> Decoded:
    """Decode a message that came at `received` (Micros); what is wrong is in `refused`."""
    if not payload.lstrip().startswith(b"##"):
        return refused_whole(Reason.bad_shape, start_of(payload))
    decoded = Decoded()
    station: str | None = None
    broken = 0
    start = payload.find(b"##")
    while start >= 0:
        section, after = _section(decoded, payload, start)
        if section is not None:
            station = _packet(decoded, section, station, received)
        elif (broken := broken + 1) > MOST_BROKEN:
            said = f"more than {MOST_BROKEN} damaged packets: what follows was not read"
            decoded.refuse(Reason.bad_shape, None, said)
            break
        start = payload.find(b"##", after)
    decoded.origin = station or ""
    return decoded


def _section(decoded: Decoded, payload: bytes, start: int) -> tuple[bytes | None, int]:
    """Cut the packet at `start` out; return its data section, if sound, and where to go on."""
    digits = payload[start + 2 : start + 6]
    if not (len(digits) == 4 and digits.isdigit()):
        decoded.refuse(Reason.bad_shape, None, "no length of four digits after ##")
        return None, start + 2
    end = start + 6 + int(digits)
    section, check = payload[start + 6 : end], payload[end : end + 4]
    if len(check) < 4:
        there = max(0, len(payload) - start - 10)
        decoded.refuse(
            Reason.bad_shape, None, f"cut short: {int(digits)} bytes are announced, {there} came"
        )
        return None, start + 2
    wanted = f"{crc(section):04X}"
    if check.upper() != wanted.encode():
        said = check.decode("ascii", "replace")
        decoded.refuse(
            Reason.bad_shape, None, f"damaged: the CRC is {wanted}, the packet says {said}"
        )
        return None, start + 2
    return section, end + 4


def _packet(decoded: Decoded, section: bytes, station: str | None, received: int) -> str | None:
    """Read one sound data section; return the station (MN) whose readings the message holds."""
    head, _, rest = section.decode("utf-8", "replace").partition("CP=&&")
    fields = dict(_pairs(head, ";"))
    body, closed, _ = rest.replace(" ", "").partition("&&")
    command, whose = fields.get("CN", ""), fields.get("MN", "")
    split = _number(fields, "PNUM") not in ("", "1")
    if command != REAL_TIME and command not in STATISTICS:
        decoded.refuse(Reason.bad_shape, None, f"CN={command}: a packet without readings")
    elif not closed:
        decoded.refuse(Reason.bad_shape, None, "CP=&& … && is missing")
    elif split and not _DATA_TIME.search(body):
        which = f"packet {fields.get('PNO', '?')} of {fields.get('PNUM', '?')}"
        decoded.refuse(Reason.bad_shape, None, f"no DataTime of its own: {which}")
    elif station is not None and whose != station:
        decoded.refuse(Reason.bad_shape, None, f"MN={whose} in a message of MN={station}")
    else:
        goes_on = split and _number(fields, "PNO") != _number(fields, "PNUM")
        prefix = "" if command == REAL_TIME else f"{command}."
        _readings(decoded, body, prefix, received, goes_on=goes_on)
        return whose
    return station


def _number(fields: dict[str, str], key: str) -> str:
    """Return a packet's number without the zeros some loggers put in front; empty where none is."""
    return fields.get(key, "").lstrip("0")


def _readings(decoded: Decoded, body: str, prefix: str, received: int, *, goes_on: bool) -> None:
    """Read a body; where it `goes_on` in another packet, its end may have been cut anywhere.

    A value at that end counts only with its mark beside it: 12 may be the beginning of 12.5.
    """
    found = _DATA_TIME.search(body)
    stamp, flag = (received, STAMPED_HERE) if found is None else (micros_in_china(found[1]), 0)
    groups = body.split(";")
    for place, group in enumerate(groups, 1):
        marks: dict[str, str] = {}
        values: list[tuple[str, str, str]] = []
        for part in group.split(","):
            key, _, value = part.partition("=")
            name, dash, what = key.rpartition("-")
            if what == "Flag":
                marks[name] = value
            elif dash and what not in _DESCRIBING:
                values.append((prefix + key, name, value))
        for tag, name, value in values:
            mark = marks.get(name, "N")
            quality, number = MARKS.get(mark), decimal(value)
            if goes_on and place == len(groups) and name not in marks:
                decoded.refuse(Reason.bad_value, tag, {"value": value, "cut": "perhaps"})
            elif number is None or quality is None:
                decoded.refuse(Reason.bad_value, tag, {"value": value, "flag": mark})
            elif stamp is None:
                decoded.refuse(Reason.bad_time, tag, found and found[1])
            else:
                decoded.add(tag, number, stamp, quality | flag)


def _pairs(text: str, between: str) -> list[tuple[str, str]]:
    cut = (part.partition("=") for part in text.split(between))
    return [(key.strip(), value.strip()) for key, equals, value in cut if equals]
