"""What a gateway is told of its messages: at most one reply a second, added up in between."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from ingest.decoders.decoded import Reason
from ingest.refusals import Refused
from ingest.sifting import Account

EVERY_US: Final = 1_000_000
MOST_REJECTED: Final = 100
"""Entries in one reply; further ones are counted in the record only."""


class _Owed(msgspec.Struct):
    accepted: int = 0
    corrected: int = 0
    rejected: dict[tuple[Reason, str | None], tuple[int, bytes]] = msgspec.field(
        default_factory=dict
    )


class Replies:
    """Replies owed to gateways; times in Micros."""

    def __init__(self) -> None:
        self._owed: dict[str, _Owed] = {}
        self._sent: dict[str, int] = {}

    def add(self, accounts: dict[str, Account], refused: Sequence[Refused]) -> None:
        """Add up a committed batch; a gateway that is not registered is never answered."""
        for gateway, account in accounts.items():
            owed = self._owed.setdefault(gateway, _Owed())
            owed.accepted += account.accepted
            owed.corrected += account.corrected
        for entry in refused:
            if entry.reason is Reason.unknown_gateway:
                continue
            owed = self._owed.setdefault(entry.gateway, _Owed())
            key = entry.reason, entry.tag
            count, first = owed.rejected.get(key, (0, entry.first))
            if key in owed.rejected or len(owed.rejected) < MOST_REJECTED:
                owed.rejected[key] = count + entry.count, first

    def due(self, now: int) -> Iterator[tuple[str, bytes]]:
        """Yield what may be sent now, as (gateway, payload), and take it as sent."""
        for gateway in list(self._owed):
            if now - self._sent.get(gateway, 0) >= EVERY_US:
                self._sent[gateway] = now
                yield gateway, _written(self._owed.pop(gateway), now)


def _written(owed: _Owed, now: int) -> bytes:
    reply: dict[str, object] = {
        "ts": now // 1000,
        "accepted": owed.accepted,
        "rejected": [
            {"reason": reason, "tag": tag, "count": count, "first": msgspec.Raw(first)}
            for (reason, tag), (count, first) in owed.rejected.items()
        ],
    }
    if owed.corrected:
        reply["corrected"] = [{"reason": "future_time", "count": owed.corrected}]
    return msgspec.json.encode(reply)
