"""Messages on their way, who waits for their arrival, and the outbox of a session."""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from amqtt.session import Session

WINDOW: Final = 1000
"""QoS 1 messages a client has in hand at most; MQTT 3.1.1 lets it name no bound of its own."""


@dataclass(slots=True)
class Receipt:
    """The acknowledgement a publisher gets when the last of those it waits for has acknowledged."""

    give: Callable[[], None]
    waiting: int

    def one_less(self) -> None:
        """Note one acknowledgement."""
        self.waiting -= 1
        if self.waiting == 0:
            self.give()


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message on its way to one receiver."""

    topic: str
    payload: bytes
    retain: bool = False
    receipt: Receipt | None = None

    def settle(self) -> None:
        """The receiver has it, or is waited for no longer."""
        if self.receipt is not None:
            self.receipt.one_less()


@dataclass(slots=True)
class Outbox:
    """A session's QoS 1 messages: those in hand, oldest first, and those that wait."""

    in_hand: OrderedDict[int, Message] = field(default_factory=OrderedDict)
    waiting: deque[Message] = field(default_factory=deque)
    last_id: int = 0

    def __len__(self) -> int:
        return len(self.in_hand) + len(self.waiting)

    def take(self) -> tuple[int, Message] | None:
        """Move the oldest waiting message into the hand under a free packet id, given room."""
        if not self.waiting or len(self.in_hand) >= WINDOW:
            return None
        message = self.waiting.popleft()
        while True:
            self.last_id = self.last_id % 65535 + 1
            if self.last_id not in self.in_hand:
                break
        self.in_hand[self.last_id] = message
        return self.last_id, message

    def acknowledge(self, packet_id: int) -> None:
        """Forget the message its receiver acknowledged."""
        message = self.in_hand.pop(packet_id, None)
        if message is not None:
            message.settle()

    def trim(self, most: int) -> None:
        """Drop the oldest that wait until no more than `most` are left."""
        while self.waiting and len(self) > most:
            self.waiting.popleft().settle()

    def messages(self) -> list[Message]:
        """Return everything not acknowledged, in order."""
        return [*self.in_hand.values(), *self.waiting]

    def release(self) -> None:
        """Let no publisher wait for this session any longer; its messages stay."""
        for message in self.messages():
            message.settle()
        self.in_hand.update({key: replace(one, receipt=None) for key, one in self.in_hand.items()})
        self.waiting = deque(replace(one, receipt=None) for one in self.waiting)


def outbox_of(session: Session) -> Outbox:
    """Return the session's outbox; it lives as long as the session does."""
    box = session.attributes.setdefault("fengsui.outbox", Outbox())
    assert isinstance(box, Outbox)  # noqa: S101  # the key is ours
    return box
