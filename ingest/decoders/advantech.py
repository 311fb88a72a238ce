"""Decode what Advantech's WISE and ADAM modules publish on `Advantech/<MAC>/data`.

After the WISE-4471 user manual, annex A.2: `{"s":1,"t":"2014-07-11T15:26:37Z","q":192,"c":1,
"ai1":-1.234567,"ai_st1":1,"di1":false}`. `q` is the OPC quality of the message, `t` may be 0 (the
module has no clock), a disabled input shows 9999.9999. What `ai_st` says differs between models
(1 is "streaming" here), so it neither is a reading nor changes a quality; nor does `s`, of which
the manual says nothing.
"""

import re
from typing import Final

from alarms.readings import STAMPED_HERE
from ingest.decoders import opc
from ingest.decoders.decoded import Decoded, Reason, bounded, refused_whole
from ingest.decoders.lenient import finite, parse
from ingest.decoders.stamps import micros, micros_by_size

DISABLED: Final = 9999.9999
"""What an analogue input shows that is switched off: no measurement."""
_ENVELOPE: Final = frozenset("stqc")
_STATUS: Final = re.compile(r"[a-z]+_[a-z]+\d*", re.IGNORECASE)


@bounded
def decode(payload: bytes, received: int) -> Decoded:
    """Decode a message that came at `received` (Micros); what is wrong is in `refused`."""
    found = parse(payload)
    if not isinstance(found, dict):
        return refused_whole(Reason.bad_shape, found)
    channels = [
        (name, value)
        for name, value in found.items()
        if name not in _ENVELOPE and not _STATUS.fullmatch(name)
    ]
    if not channels:
        return refused_whole(Reason.bad_shape, found)
    decoded = Decoded()
    stamp, mark = _stamp(found.get("t"), received)
    quality = opc.quality(found.get("q", 192))
    for name, value in channels:
        number = finite(value)
        if number is None or number == DISABLED:
            decoded.refuse(Reason.bad_value, name, value)
        elif quality is None:
            decoded.refuse(Reason.bad_value, name, {"q": found.get("q")})
        elif stamp is None:
            decoded.refuse(Reason.bad_time, name, found.get("t"))
        else:
            decoded.add(name, number, stamp, quality | mark)
    return decoded


def _stamp(t: object, received: int) -> tuple[int | None, int]:
    if t is None or t == 0 or t == "0":
        return received, STAMPED_HERE
    if isinstance(t, int | float) and not isinstance(t, bool):
        return micros_by_size(t), 0
    return micros(t), 0
