"""The broker: batches of messages that stay unacknowledged until what they said is committed.

The only file that knows the client library. paho runs its network thread; each connection has a
client of its own, so an acknowledgement from before a reconnect can never meet a new packet id.
The session is persistent: what was not acknowledged comes again. In MQTT 5 Receive Maximum bounds
what is in hand; in 3.1.1, and where a broker violates it, the network thread waits in its callback,
the socket is not read and TCP holds the broker back. Nothing is ever dropped here.
"""

import asyncio
import collections
import logging
import random
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from enum import Enum
from typing import Final, Self

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from ingest.address import Address
from ingest.messages import Batch, Message
from ingest.sparkplug.host import Presence

log: Final = logging.getLogger("fengsui.ingest.mqtt")

SESSION_EXPIRY_S: Final = 30 * 86_400
"""How long the broker keeps the session, and all messages for it, of a server that is away."""
KEEPALIVE_S: Final = 60
FIRST_BACKOFF_S: Final = 0.2
LONGEST_BACKOFF_S: Final = 15.0
_CONNECT_TIMEOUT_S: Final = 10.0
_MOST_REPLIES_QUEUED: Final = 1_000
_UNSUPPORTED_VERSION: Final = "Unsupported protocol version"
_OTHER: Final = {
    MQTTProtocolVersion.MQTTv5: MQTTProtocolVersion.MQTTv311,
    MQTTProtocolVersion.MQTTv311: MQTTProtocolVersion.MQTTv5,
}
_NO_STATE: Final = (
    " as the host's STATE was published: let the server's account write and read spBv1.0/#,"
    " or set FENGSUI_SPARKPLUG_HOST_ID=off"
)


class _End(Enum):
    refused_version = "protocol version refused"
    refused = "refused"
    silent = "closed before an answer"
    lost = "lost"
    closed = "closed"


class _Link:
    """One connection: a client, its thread, and how it ended."""

    def __init__(self, source: "Source", protocol: MQTTProtocolVersion) -> None:
        self._source = source
        self._answered = False
        self._closing = False
        self._unheard = False
        self.detail = ""
        self.ended: asyncio.Future[_End] = source.loop.create_future()
        version5 = protocol is MQTTProtocolVersion.MQTTv5
        session = {} if version5 else {"clean_session": not source.keeps_session}
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=source.client_id,
            protocol=protocol,
            reconnect_on_failure=False,
            manual_ack=True,
            **session,  # type: ignore[arg-type]  # only one keyword, a bool
        )
        presence = source.presence
        self._timestamp = time.time_ns() // 1_000_000
        if presence is not None:
            client.will_set(presence.topic, presence.offline(self._timestamp), qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = lambda *answer: self._on_publish(answer[3])
        client.max_queued_messages_set(_MOST_REPLIES_QUEUED)
        client.connect_timeout = _CONNECT_TIMEOUT_S
        if source.address.user is not None:
            client.username_pw_set(source.address.user, source.address.password)
        if source.address.tls:
            client.tls_set_context(ssl.create_default_context())
        self.client = client
        self.protocol = protocol

    def open(self) -> None:
        """Connect and start the network thread; blocks, raises OSError."""
        address = self._source.address
        if self.protocol is MQTTProtocolVersion.MQTTv5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = SESSION_EXPIRY_S if self._source.keeps_session else 0
            properties.ReceiveMaximum = self._source.window
            self.client.connect(
                address.host,
                address.port,
                KEEPALIVE_S,
                clean_start=not self._source.keeps_session,
                properties=properties,
            )
        else:
            self.client.connect(address.host, address.port, KEEPALIVE_S)
        if self._closing:
            self.client.disconnect()
        else:
            self.client.loop_start()

    def close(self) -> None:
        """Send DISCONNECT behind everything already queued; the thread ends by itself."""
        self._closing = True
        if self._source.presence is not None and self._source.link_up_since is not None:
            self._say(self._source.presence.offline(time.time_ns() // 1_000_000))
        self.client.disconnect()

    def _on_connect(
        self,
        client: Client,
        _userdata: object,
        flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._answered = True
        if reason.is_failure:
            name = reason.getName()
            how = _End.refused_version if name == _UNSUPPORTED_VERSION else _End.refused
            self._end(how, f"{name}; mend user and password in FENGSUI_BROKER_URL")
            return
        self.detail = "kept" if flags.session_present else "new"
        client.subscribe([(topic, 1) for topic in self._source.filters])

    def _on_subscribe(
        self,
        _client: Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        refused = [reason.getName() for reason in reasons if reason.is_failure]
        if refused:
            self._end(_End.refused, f"subscription refused: {', '.join(refused)}")
        else:
            if self._source.presence is not None:
                self._say(self._source.presence.online(self._timestamp))
            self._call(self._source.link_is_up, self)

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if self._closing:
            self._end(_End.closed)
        elif self._answered:
            self._end(_End.lost, f"{reason.getName()}{_NO_STATE if self._unheard else ''}")
        else:
            self._end(_End.silent)

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        presence = self._source.presence
        if presence is not None and topic == presence.topic:
            if message.qos > 0:
                self.client.ack(message.mid, message.qos)
            if presence.denies(bytes(message.payload)) and not self._closing:
                self._say(presence.online(self._timestamp))
            return
        self._source.hand_over(
            Message(
                topic=topic,
                payload=bytes(message.payload),
                received=time.time_ns() // 1000,
                retained=message.retain,
                qos=message.qos,
                mid=message.mid,
                link=self,
            )
        )

    def _say(self, state: bytes) -> None:
        """Publish the host's STATE, whose topic there is where this is called."""
        if self._source.presence is not None:
            self._unheard = True
            self.client.publish(self._source.presence.topic, state, qos=1, retain=True)

    def _on_publish(self, reason: ReasonCode) -> None:
        self._unheard = self._unheard and reason.is_failure

    def _end(self, how: _End, detail: str = "") -> None:
        self._call(self._settle, how, detail)

    def _settle(self, how: _End, detail: str) -> None:
        """Note how it ended, the first time: after a refusal comes the end of the connection."""
        if not self.ended.done():
            self.detail = detail
            self.ended.set_result(how)

    def _call(self, what: Callable[..., object], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left to hear it
            self._source.loop.call_soon_threadsafe(what, *arguments)


class Source:
    """Messages of the subscribed topics in batches: `async with`, take, commit.

    `window` messages and `window_bytes` bytes at most are in hand (taken or waiting, not yet
    committed); beyond that the connection is not read. With `keeps_session` the broker holds for us
    what comes while we are away.
    """

    def __init__(
        self,
        *,
        address: Address,
        client_id: str,
        filters: Sequence[str],
        presence: Presence | None = None,
        window: int = 1_000,
        window_bytes: int = 64 << 20,
        keeps_session: bool = True,
    ) -> None:
        self.address = address
        self.client_id = client_id
        self.filters = (*filters, *(() if presence is None else (presence.topic,)))
        self.presence = presence
        self.window = window
        self.keeps_session = keeps_session
        self.loop: asyncio.AbstractEventLoop
        self.link_up_since: int | None = None
        """Since when (Micros) the subscription stands; None while there is no connection."""
        self._window_bytes = window_bytes
        self._queue: collections.deque[Message] = collections.deque()
        self._held = 0
        self._held_bytes = 0
        self._room = threading.Condition()
        self._finishing = False
        self._link: _Link | None = None
        self._arrived: asyncio.Event
        self._connecting: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        self.loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._connecting = asyncio.create_task(self._stay_connected(), name="mqtt connection")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.finish()
        if self._link is not None:
            self._link.close()
        self._connecting.cancel()
        with suppress(asyncio.CancelledError):
            await self._connecting

    def finish(self) -> None:
        """Hand out no further batch; what is in hand and not committed comes again next time."""
        with self._room:
            self._finishing = True
            self._room.notify_all()
        self._arrived.set()

    async def batches(
        self, *, max_messages: int, linger_s: float, idle_s: float = 1.0
    ) -> AsyncIterator[Batch]:
        """Yield what is waiting, `linger_s` after the first message; an empty batch when idle.

        Linger and drain: nothing is taken before the wait is over, so nothing can be lost in it.
        """
        while True:
            if not self._queue and not self._finishing:
                self._arrived.clear()
                if not self._queue:
                    alarm_clock = self.loop.call_later(idle_s, self._arrived.set)
                    await self._arrived.wait()
                    alarm_clock.cancel()
            if self._queue and len(self._queue) < max_messages and linger_s > 0:
                await asyncio.sleep(linger_s)
            if self._finishing:
                return
            yield Batch(messages=tuple(self._drain(max_messages)))

    @property
    def waiting_since(self) -> int | None:
        """When the oldest message was received that is in no batch yet (Micros); None for none."""
        return self._queue[0].received if self._queue else None

    async def commit(self, batch: Batch) -> None:
        """Acknowledge a batch, in order: its readings and their alarms are in the record."""
        link = self._link
        for message in batch.messages:
            if message.qos > 0 and link is not None and message.link is link:
                link.client.ack(message.mid, message.qos)
        with self._room:
            self._held -= len(batch.messages)
            self._held_bytes -= sum(len(message.payload) for message in batch.messages)
            self._room.notify_all()

    def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> bool:
        """Send a message on the same connection; False where there is none."""
        if self._link is None or self.link_up_since is None:
            return False
        return (
            self._link.client.publish(topic, payload, qos=qos).rc is MQTTErrorCode.MQTT_ERR_SUCCESS
        )

    def hand_over(self, message: Message) -> None:
        """Queue a message; called in the network thread, waits there while the window is full."""
        with self._room:
            while not self._finishing and (
                self._held >= self.window or self._held_bytes >= self._window_bytes
            ):
                self._room.wait()
            if self._finishing:
                return
            self._held += 1
            self._held_bytes += len(message.payload)
        self._queue.append(message)
        if not self._arrived.is_set():
            with suppress(RuntimeError):
                self.loop.call_soon_threadsafe(self._arrived.set)

    def link_is_up(self, link: _Link) -> None:
        """Note that a connection is subscribed; called on the loop."""
        if link is self._link and not link.ended.done():
            self.link_up_since = time.time_ns() // 1000
            version = "5" if link.protocol is MQTTProtocolVersion.MQTTv5 else "3.1.1"
            log.info(
                "broker connected address=%s client=%s protocol=%s session=%s",
                *(self.address, self.client_id, version, link.detail),
            )

    def _drain(self, max_messages: int) -> Iterator[Message]:
        size = 0
        for _ in range(min(max_messages, len(self._queue))):
            if size > self._window_bytes // 4:
                return
            message = self._queue.popleft()
            size += len(message.payload)
            yield message

    async def _stay_connected(self) -> None:
        """Connect, wait for the end, connect again: one loop with backoff and jitter."""
        protocol = MQTTProtocolVersion.MQTTv5
        delay = FIRST_BACKOFF_S
        while not self._finishing:
            link = self._link = _Link(self, protocol)
            try:
                end = await self._one_connection(link)
            except OSError as error:
                end, link.detail = _End.lost, str(error)
            was_up = self.link_up_since is not None
            self.link_up_since = None
            if end is _End.closed:
                return
            if was_up:
                delay = FIRST_BACKOFF_S
            if end in (_End.refused_version, _End.silent):
                protocol = _OTHER[protocol]
                if end is _End.refused_version:
                    log.info("broker does not speak this MQTT version, trying the other")
                    continue
            pause = delay * random.uniform(0.5, 1.5)  # noqa: S311  # jitter
            log.warning(
                "broker not connected address=%s client=%s how=%r detail=%r retry_in_s=%.1f",
                self.address,
                self.client_id,
                end.value,
                link.detail,
                pause,
            )
            await asyncio.sleep(pause)
            delay = min(delay * 2, LONGEST_BACKOFF_S)

    async def _one_connection(self, link: _Link) -> _End:
        await asyncio.to_thread(link.open)
        try:
            return await link.ended
        finally:
            link.client.disconnect()
            await asyncio.shield(asyncio.to_thread(link.client.loop_stop))
