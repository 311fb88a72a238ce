"""OPC qualities, as Kepware, Advantech and OPC UA clients write them, as ours."""

from typing import Final

from alarms.readings import Quality

_SUBSTATUS: Final = {
    0x08: Quality.offline,  # not connected
    0x0C: Quality.fault,  # device failure
    0x10: Quality.fault,  # sensor failure
    0x18: Quality.offline,  # communication failure
}


def quality(q: object) -> Quality | None:
    """Read a quality: true or false, or a number of OPC DA (192 is good); None for anything else.

    The number's low byte is QQSSSSLL: 11 good, 01 uncertain, 00 bad with the reason in S
    (OPC Data Access 3.00, 6.8).
    """
    if isinstance(q, bool):
        return Quality.good if q else Quality.bad
    if not isinstance(q, int) or not 0 <= q <= 0xFFFF:
        return None
    match q & 0xC0:
        case 0xC0:
            return Quality.good
        case 0x40:
            return Quality.uncertain
        case _:
            return _SUBSTATUS.get(q & 0xFC, Quality.bad)


def status_quality(code: int) -> Quality:
    """Read a status code of OPC UA: its two highest bits are 00 good, 01 uncertain, else bad."""
    match code >> 30:
        case 0:
            return Quality.good
        case 1:
            return Quality.uncertain
        case _:
            return Quality.bad
