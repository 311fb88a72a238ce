"""Messages of a broker in hand, and batches of them: unacknowledged until they are committed."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Message:
    """One PUBLISH in hand; `received` is in Micros, `link` the connection it came by."""

    topic: str
    payload: bytes
    received: int
    retained: bool
    qos: int
    mid: int
    link: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Messages in order of receipt, all unacknowledged; without messages it is a tick."""

    messages: Sequence[Message]

    def halves(self) -> tuple["Batch", "Batch"]:
        """Cut the batch in two."""
        middle = len(self.messages) // 2
        return Batch(messages=self.messages[:middle]), Batch(messages=self.messages[middle:])
