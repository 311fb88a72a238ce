"""What the host says: that it is there, and that an edge node may give birth anew."""

from dataclasses import dataclass
from typing import Final

import msgspec

from ingest.sparkplug import names
from ingest.sparkplug.payload_pb2 import Payload

REBIRTH: Final = "Node Control/Rebirth"
_BOOLEAN: Final = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """A host's STATE: its birth, and its death as the connection's will; retained, QoS 1."""

    host_id: str

    @property
    def topic(self) -> str:
        """Return the STATE topic of this host."""
        return names.state(self.host_id)

    def online(self, timestamp: int) -> bytes:
        """Write the birth certificate; the timestamp (ms) is that of the will it goes with."""
        return _state(timestamp, online=True)

    def offline(self, timestamp: int) -> bytes:
        """Write the death certificate (ms)."""
        return _state(timestamp, online=False)

    def denies(self, payload: bytes) -> bool:
        """Tell whether a STATE message says that we are away."""
        try:
            return msgspec.json.decode(payload, type=_State).online is False
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return False


class _State(msgspec.Struct):
    online: bool


def _state(timestamp: int, *, online: bool) -> bytes:
    return msgspec.json.encode({"online": online, "timestamp": timestamp})


def rebirth(now: int) -> bytes:
    """Write the command `Node Control/Rebirth` (Micros); commands carry no seq."""
    command = Payload(timestamp=now // 1000)
    command.metrics.add(name=REBIRTH, timestamp=now // 1000, datatype=_BOOLEAN, boolean_value=True)
    return command.SerializeToString()
