"""Count what was refused: by gateway, reason and tag, with the first sample of each."""

import msgspec

from ingest.decoders.decoded import Reason, printable, sample_of

MOST_TAGS = 100
"""How many tags are told apart for one gateway and reason in a batch; more count together."""


class Refused(msgspec.Struct, kw_only=True):
    """`count` readings or messages of a gateway refused for one reason, in one batch."""

    gateway: str
    reason: Reason
    tag: str | None
    count: int
    received: int
    first: bytes
    payload: bytes


class Ledger:
    """What a batch had refused."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, Reason, str | None], Refused] = {}
        self._tags: dict[tuple[str, Reason], int] = {}

    def add(
        self,
        gateway: str,
        reason: Reason,
        *,
        tag: str | None,
        received: int,
        payload: bytes,
        sample: object = None,
        first: bytes | None = None,
        count: int = 1,
        field: str | None = None,
    ) -> None:
        """Count a refusal; `first` is a sample already written as JSON.

        `field` is what the gateway's mapping calls it.
        """
        tag = None if tag is None else printable(tag)
        known = self._entries.get((gateway, reason, tag))
        if known is None and tag is not None:
            told_apart = self._tags.get((gateway, reason), 0)
            if told_apart >= MOST_TAGS:
                tag = None
                known = self._entries.get((gateway, reason, None))
            else:
                self._tags[gateway, reason] = told_apart + 1
        if known is not None:
            known.count += count
            return
        self._entries[gateway, reason, tag] = Refused(
            gateway=gateway,
            reason=reason,
            tag=tag,
            count=count,
            received=received,
            first=sample_of(tag, sample, field=field) if first is None else first,
            payload=payload[:4096],
        )

    @property
    def entries(self) -> list[Refused]:
        """Return everything refused, in the order it was first met."""
        return list(self._entries.values())
