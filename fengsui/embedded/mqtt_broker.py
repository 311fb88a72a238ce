"""amqtt's broker with accounts, topic rights, kept sessions, and nothing acknowledged too early.

What amqtt 0.12 does and this must not: it lets a client that fails to sign in take over or delete
the session it names, lets any account take any client id, hands retained messages of every topic
to whoever reconnects, publishes a will without asking whether its owner may, and reads an MQTT 5
CONNECT as if it were 3.1.1 before it looks at the version.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from amqtt.adapters import BufferReader, ReaderAdapter, StreamReaderAdapter, WriterAdapter
from amqtt.broker import Broker, RetainedApplicationMessage, Server
from amqtt.contexts import Action, BrokerConfig
from amqtt.errors import AMQTTError, MQTTError, NoDataError
from amqtt.mqtt.connack import (
    IDENTIFIER_REJECTED,
    NOT_AUTHORIZED,
    UNACCEPTABLE_PROTOCOL_VERSION,
    ConnackPacket,
)
from amqtt.mqtt.constants import QOS_1
from amqtt.session import Session

from fengsui.embedded import kept_sessions
from fengsui.embedded.access import Gate
from fengsui.embedded.connection import Connection, Writer
from fengsui.embedded.delivery import Message, Receipt, outbox_of
from fengsui.embedded.kept_sessions import Kept, KeptSession

CONNECT_S: Final = 10.0
LARGEST_CONNECT: Final = 128 * 1024
MOST_QUEUED: Final = 200_000
MOST_QUEUED_FOR_OTHERS: Final = 1_000
AWAITED_S: Final = 3600.0
"""How long publishers wait for a session of the server that went away."""
SESSION_EXPIRY_S: Final = 7 * 24 * 3600
MQTT_311: Final = 4
REFUSED: Final = 0x80

logger = logging.getLogger("fengsui.broker")


class EmbeddedBroker(Broker):
    """amqtt's broker behind a gate, with routing that queues before it acknowledges."""

    def __init__(self, *, port: int, folder: Path, prefix: str) -> None:
        config = BrokerConfig.from_dict(
            {
                "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
                "session_expiry_interval": SESSION_EXPIRY_S,
                "plugins": {},
            }
        )
        super().__init__(config)
        self.gate = Gate(folder / "credentials", prefix)
        self.folder = folder
        self.closing = False
        self._entering = asyncio.Lock()

    def route(
        self,
        topic: str,
        payload: bytes,
        qos: int,
        *,
        retain: bool = False,
        acknowledge: Callable[[], None] | None = None,
    ) -> bool:
        """Queue a message for its subscribers; False, and nothing queued, if the server's is full.

        `acknowledge` is called when every session of the server that takes part has acknowledged;
        at once where there is none.
        """
        chosen = self._receivers(topic, qos)
        holding = [
            session
            for session, grade in chosen
            if grade == QOS_1 and not session.clean_session and self._is_awaited(session)
        ]
        if any(len(outbox_of(session)) >= MOST_QUEUED for session in holding):
            return False
        receipt = Receipt(acknowledge, len(holding)) if acknowledge and holding else None
        message = Message(topic=topic, payload=payload, retain=retain)
        awaited = replace(message, receipt=receipt)
        for session, grade in chosen:
            self._queue(session, awaited if session in holding else message, grade)
        if acknowledge is not None and receipt is None:
            acknowledge()
        return True

    def _receivers(self, topic: str, qos: int) -> list[tuple[Session, int]]:
        """Return each session that subscribed to this topic once, with its best QoS."""
        chosen: dict[str, tuple[Session, int]] = {}
        for pattern, subscribers in self._subscriptions.items():
            if not self._matches(topic, pattern):
                continue
            for session, granted in subscribers:
                grade = min(qos, granted, QOS_1)
                best = chosen.get(str(session.client_id))
                if (best is None or best[1] < grade) and self.gate.may_read(
                    session.username, topic
                ):
                    chosen[str(session.client_id)] = (session, grade)
        return list(chosen.values())

    def _is_awaited(self, session: Session) -> bool:
        """Return whether publishers wait for this session: the server's, here or not long gone."""
        if not self.gate.is_server(session.username):
            return False
        gone = session.last_disconnect_time
        return session.transitions.state == "connected" or (
            gone is not None and time.time() - gone < AWAITED_S
        )

    def _queue(self, session: Session, message: Message, qos: int) -> None:
        connected = session.transitions.state == "connected"
        connection = self._get_handler(session)
        if qos == QOS_1 and (connected or not session.clean_session):
            box = outbox_of(session)
            box.waiting.append(message)
            if not self._is_awaited(session):
                box.trim(MOST_QUEUED_FOR_OTHERS)  # replies, or a server's session of old
            if connected and isinstance(connection, Connection):
                connection.pump()
        elif connected and isinstance(connection, Connection):
            connection.send(message)

    async def _broadcast_message(
        self,
        session: Session | None,
        topic: str | None,
        data: bytes | bytearray | None,
        force_qos: int | None = None,
    ) -> None:
        """Route a will, or a QoS 2 message whose hand-shake is done."""
        if topic and session is not None and self.gate.may_publish(session.username, topic):
            self.route(topic, bytes(data or b""), QOS_1 if force_qos is None else force_qos)

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        pattern, qos = subscription
        for topic, kept in list(self._retained_messages.items()):
            if self._matches(topic, pattern) and self.gate.may_read(session.username, topic):
                message = Message(topic=topic, payload=bytes(kept.data), retain=True)
                self._queue(session, message, min(qos, kept.qos or 0, QOS_1))

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        """Take a connection with our writer around it."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._client_connected(listener_name, StreamReaderAdapter(reader), Writer(writer))

    async def _initialize_client_session(
        self, reader: ReaderAdapter, writer: WriterAdapter, remote_address: str, remote_port: int
    ) -> tuple[Connection, Session]:
        """Check version, account, will and client id before any session is touched."""
        try:
            async with asyncio.timeout(CONNECT_S):
                packet = await _connect_packet(reader)
            if _level(packet) != MQTT_311:
                await self._turn_away(
                    writer, UNACCEPTABLE_PROTOCOL_VERSION, "it speaks not MQTT 3.1.1"
                )
            connection, session = await Connection.init_from_connect(
                BufferReader(packet), writer, self.plugins_manager
            )
        except (TimeoutError, OSError, AMQTTError, NoDataError, UnicodeDecodeError) as fault:
            await writer.close()
            raise MQTTError(f"no CONNECT from {remote_address}:{remote_port}: {fault}") from fault
        name = session.username
        self.gate.refresh()
        if not await asyncio.to_thread(self.gate.admits, name, session.password):
            await self._turn_away(
                writer, NOT_AUTHORIZED, f"account {name!r} or its password is wrong"
            )
        if session.will_flag and not self.gate.may_publish(name, session.will_topic or ""):
            await self._turn_away(writer, NOT_AUTHORIZED, f"{name} may not leave a will there")
        owner, _ = self._sessions.get(str(session.client_id), (None, None))
        if owner is not None and owner.username != name:
            await self._turn_away(
                writer, IDENTIFIER_REJECTED, f"client id {session.client_id!r} is another account's"
            )
        session.password = None
        session.keep_alive += session.keep_alive // 2
        assert isinstance(connection, Connection)  # noqa: S101  # a class method of Connection
        connection.broker = self
        return connection, session

    async def _turn_away(self, writer: WriterAdapter, code: int, why: str) -> None:
        await ConnackPacket.build(0, code).to_stream(writer)
        await writer.close()
        raise MQTTError(f"{writer.get_peer_info()} was turned away: {why}")

    async def _handle_client_session(
        self,
        reader: ReaderAdapter,
        writer: WriterAdapter,
        client_session: Session,
        handler: Any,  # noqa: ANN401  # a Connection; amqtt declares its base class
        server: Server,  # noqa: ARG002  # amqtt's signature
        listener_name: str,  # noqa: ARG002
    ) -> None:
        """Serve one connection from CONNACK to its end."""
        connection: Connection = handler
        async with self._entering:
            session = await self._enter(client_session)
            session.transitions.connect()
            connection.attach(session, reader, writer)
            self._sessions[str(session.client_id)] = (session, connection)
            await connection.mqtt_connack_authorize(authorize=True)
        try:
            await connection.start()
            await self._client_message_loop(session, connection)
        finally:
            if session.transitions.state == "connected":
                await connection.stop()
                session.transitions.disconnect()
            connection.finished.set()

    async def _enter(self, incoming: Session) -> Session:
        """Return the session this CONNECT goes on with; its older connection is ended first."""
        name = str(incoming.client_id)
        session, connection = self._sessions.get(name, (None, None))
        if session is not None and isinstance(connection, Connection):
            if session.transitions.state == "connected":
                connection.drop()
                await connection.finished.wait()
            if incoming.clean_session or session.clean_session:
                await self._delete_session(name)
                session = None
        if session is None:
            incoming.parent = 0
            return incoming
        for word in (
            "will_flag",
            "will_message",
            "will_topic",
            "will_qos",
            "will_retain",
            "keep_alive",
        ):
            setattr(session, word, getattr(incoming, word))
        session.parent = 1
        return session

    async def _topic_filtering(self, session: Session, topic: str, action: Action) -> bool:
        if action == Action.PUBLISH:
            return self.gate.may_publish(session.username, topic)
        return self.gate.may_read(session.username, topic)

    async def add_subscription(self, subscription: tuple[str, int], session: Session) -> int:
        """Subscribe, at QoS 1 at most; a kept session's subscriptions are written down."""
        granted = await super().add_subscription(
            (subscription[0], min(subscription[1], QOS_1)), session
        )
        if granted == REFUSED:
            logger.warning("%s may not read %s; refused", session.username, subscription[0])
        elif not session.clean_session:
            self._write(kept_sessions.SESSIONS, messages=False)
        return granted

    async def _delete_session(self, client_id: str) -> None:
        self._abandon(client_id)
        await super()._delete_session(client_id)

    async def _cleanup_session(self, client_id: str) -> None:
        self._abandon(client_id)
        await super()._cleanup_session(client_id)

    def _abandon(self, client_id: str) -> None:
        session, _ = self._sessions.get(client_id, (None, None))
        if session is not None:
            outbox_of(session).release()

    async def watch(self) -> None:
        """Take up changed credentials each second; who lost the account loses the connection."""
        while True:
            gone = self.gate.refresh()
            for session, connection in list(self._sessions.values()):
                if session.username in gone and isinstance(connection, Connection):
                    connection.refuse("its account was changed or revoked")
                if self.gate.is_server(session.username) and not self._is_awaited(session):
                    outbox_of(session).release()
                    outbox_of(session).trim(MOST_QUEUED_FOR_OTHERS)
            await asyncio.sleep(1)

    def restore(self) -> None:
        """Take up the last process's sessions, and its messages if it ended in good order."""
        kept = kept_sessions.read(self.folder)
        for topic, payload, qos in kept.retained:
            self._retained_messages[topic] = RetainedApplicationMessage(None, topic, payload, qos)
        for past in kept.sessions:
            session = Session()
            session.client_id, session.username = past.client_id, past.username
            session.clean_session = False
            session.transitions.disconnect()
            outbox_of(session).waiting.extend(
                Message(topic=topic, payload=payload, retain=retain)
                for topic, payload, retain in past.messages
            )
            connection = Connection(self.plugins_manager, session)
            connection.finished.set()
            self._sessions[past.client_id] = (session, connection)
            for pattern, qos in past.subscriptions:
                self._subscriptions.setdefault(pattern, []).append((session, qos))

    def put_down(self) -> None:
        """Write down sessions and messages; nothing is acknowledged from here on."""
        self.closing = True
        self._write(kept_sessions.QUEUED, messages=True)

    def _write(self, name: str, *, messages: bool) -> None:
        sessions = [
            KeptSession(
                client_id=client_id,
                username=str(session.username),
                subscriptions=[
                    (pattern, qos)
                    for pattern, subscribers in self._subscriptions.items()
                    for subscriber, qos in subscribers
                    if subscriber.client_id == client_id
                ],
                messages=[
                    (message.topic, message.payload, message.retain)
                    for message in (outbox_of(session).messages() if messages else ())
                ],
            )
            for client_id, (session, _) in self._sessions.items()
            if not session.clean_session
        ]
        retained = [
            (topic, bytes(kept.data), kept.qos or 0)
            for topic, kept in (self._retained_messages.items() if messages else ())
        ]
        kept_sessions.write(self.folder, name, Kept(sessions=sessions, retained=retained))


async def _connect_packet(reader: ReaderAdapter) -> bytes:
    """Return the first packet whole; MQTTError when it is no CONNECT or larger than one may be."""
    head = bytearray(await reader.read(1))
    if head[0] >> 4 != 1:
        raise MQTTError("the first packet is no CONNECT")
    length = shift = 0
    while True:
        head += await reader.read(1)
        length |= (head[-1] & 127) << shift
        shift += 7
        if head[-1] < 128:
            break
        if shift > 21:
            raise MQTTError("the length of the first packet is malformed")
    if not 10 <= length <= LARGEST_CONNECT:
        raise MQTTError(f"a CONNECT of {length} bytes")
    return bytes(head + await reader.read(length))


def _level(packet: bytes) -> int:
    """Return the protocol level of a CONNECT: 3 is MQTT 3.1, 4 is 3.1.1, 5 is 5."""
    start = next(place for place in range(1, 5) if packet[place] < 128) + 1
    place = start + 2 + int.from_bytes(packet[start : start + 2], "big")
    return packet[place] if place < len(packet) else 0
