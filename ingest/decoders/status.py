"""Decode what a gateway, or its will, says of it: `{"state": "online"|"offline", "ts": …}`."""

from enum import StrEnum
from typing import Final

import msgspec

from ingest.decoders.decoded import MOST_BYTES, Reason


class GatewayState(StrEnum):
    """Whether a gateway says that it is there."""

    online = "online"
    offline = "offline"


class _Status(msgspec.Struct):
    state: GatewayState
    ts: int | float | str | None = None


_decoder: Final = msgspec.json.Decoder(_Status)


def decode(payload: bytes) -> GatewayState | Reason:
    """Return the state, or why the message says none."""
    if len(payload) > MOST_BYTES:
        return Reason.too_large
    try:
        return _decoder.decode(payload).state
    except msgspec.ValidationError:
        return Reason.bad_shape
    except (msgspec.DecodeError, ValueError, RecursionError):
        return Reason.bad_json
