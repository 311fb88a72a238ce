"""One client's connection to the embedded broker, with what amqtt 0.12 leaves out put right.

amqtt forgets a QoS 1 message its receiver has not acknowledged within 5 s, or before the
connection ended; sends everything at once; acknowledges a publisher before the message is queued
for anyone; and never ends a connection that went silent. Here a message stays in the receiver's
outbox until its PUBACK, at most `WINDOW` are in hand, and silence beyond one and a half
keep-alives ends the connection. A publisher gets its PUBACK when the server has acknowledged the
message, which it does after its commit: what a gateway may forget is in the database.
"""

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from amqtt.adapters import StreamWriterAdapter
from amqtt.mqtt.constants import QOS_0, QOS_1, QOS_2
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.mqtt.puback import PubackPacket
from amqtt.mqtt.publish import PublishPacket

from fengsui.embedded.delivery import Message, outbox_of

if TYPE_CHECKING:
    from fengsui.embedded.mqtt_broker import EmbeddedBroker

LINGER_S: Final = 10.0
MOST_TOLD: Final = 100
MOST_UNSENT_BYTES: Final = 16 * 1024 * 1024

logger = logging.getLogger("fengsui.broker")


class Writer(StreamWriterAdapter):
    """amqtt's writer, closed without waiting for a reader that no longer reads."""

    @property
    def unsent(self) -> int:
        """Return how many bytes the client has not taken yet."""
        return int(self._writer.transport.get_write_buffer_size())

    async def close(self) -> None:
        """Close after what is written is flushed, at the latest after `LINGER_S`."""
        if not self.is_closed:
            self.is_closed = True
            self._writer.close()
            asyncio.get_running_loop().call_later(LINGER_S, self._writer.transport.abort)

    def abort(self) -> None:
        """Drop the connection now."""
        self._writer.transport.abort()


class Connection(BrokerProtocolHandler):
    """amqtt's protocol handler with deliveries that last until they are acknowledged."""

    broker: "EmbeddedBroker"

    def __init__(self, *words: Any, **named: Any) -> None:  # noqa: ANN401  # amqtt's own signature
        super().__init__(*words, **named)
        self.finished = asyncio.Event()
        self._told: set[str] = set()

    def send(self, message: Message, *, packet_id: int | None = None, again: bool = False) -> None:
        """Write one PUBLISH: QoS 1 with a packet id, QoS 0 without."""
        qos = QOS_0 if packet_id is None else QOS_1
        packet = PublishPacket.build(
            message.topic, message.payload, packet_id, again, qos, message.retain
        )
        if self.writer is None:
            return
        if (
            qos == QOS_0
            and isinstance(self.writer, Writer)
            and self.writer.unsent > MOST_UNSENT_BYTES
        ):
            return  # QoS 0 to a client that does not read: dropped
        self.writer.write(packet.to_bytes())

    def pump(self) -> None:
        """Send what waits, as far as the window allows."""
        if self.session is None:
            return
        box = outbox_of(self.session)
        while (taken := box.take()) is not None:
            self.send(taken[1], packet_id=taken[0])

    async def handle_puback(self, puback: Any) -> None:  # noqa: ANN401
        """Forget the message that was acknowledged; send the next."""
        if self.session is not None:
            outbox_of(self.session).acknowledge(puback.variable_header.packet_id)
            self.pump()

    async def handle_publish(self, publish_packet: PublishPacket) -> None:
        """Queue a message for its receivers; the server's acknowledgement is the publisher's."""
        session, qos = self.session, publish_packet.qos
        if session is None or self.broker.closing or publish_packet.topic_name is None:
            return
        if qos == QOS_2:  # amqtt's own hand-shake; it ends in `_handle_message_delivery`
            await super().handle_publish(publish_packet)
            return
        topic, payload = publish_packet.topic_name, bytes(publish_packet.data or b"")
        if not topic or "#" in topic or "+" in topic or topic.startswith("$"):
            self.refuse(f"it published on {topic!r}, which is no topic")
            return
        acknowledge = partial(self._acknowledge, publish_packet.packet_id if qos == QOS_1 else None)
        if not self.broker.gate.may_publish(session.username, topic):
            self._tell(topic)
            acknowledge()
            return
        if not self.broker.route(topic, payload, qos or 0, acknowledge=acknowledge):
            self.refuse("the server's queue is full; it sends again what was not acknowledged")
        elif publish_packet.retain_flag:
            await self.broker.retain_message(session, topic, payload, qos)

    def _acknowledge(self, packet_id: int | None) -> None:
        if packet_id is not None and self.writer is not None and not self.broker.closing:
            self.writer.write(PubackPacket.build(packet_id).to_bytes())

    def _tell(self, topic: str) -> None:
        """Log a topic that is not this account's, once."""
        if self.session is not None and topic not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(topic)
            logger.warning("%s may not publish on %s; dropped", self.session.username, topic)

    def refuse(self, why: str) -> None:
        """End the connection; MQTT 3.1.1 has no words for the reason, so the log has them."""
        name = self.session.username if self.session else "?"
        logger.warning("connection of %s closed: %s", name, why)
        self.drop()

    def drop(self) -> None:
        """Drop the connection now; its will is published."""
        if isinstance(self.writer, Writer):
            self.writer.abort()

    def handle_read_timeout(self) -> None:
        """End a connection that was silent for one and a half keep-alives."""
        self.refuse("nothing came for one and a half keep-alive intervals")

    async def _retry_deliveries(self) -> None:
        """Send again, in order, what the session had in hand when its last connection ended."""
        if self.session is None:
            return
        for packet_id, message in outbox_of(self.session).in_hand.items():
            self.send(message, packet_id=packet_id, again=True)
        self.pump()
