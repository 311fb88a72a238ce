"""A gateway on the wire: one MQTT connection with will, status, sequence numbers and a buffer."""

import json
import logging
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field, replace

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from simulators.broker import Broker
from simulators.errors import SimulatorError
from simulators.readings import Form, Message, payload

_log = logging.getLogger(__name__)

_WINDOW = 500
_BUFFER = 20_000
_KEEPALIVE_S = 20
_SEQ_END = 2**31


@dataclass(slots=True, kw_only=True)
class Tally:
    """What one gateway has done so far."""

    messages: int = 0
    readings: int = 0
    buffered: int = 0
    overflowed: int = 0
    accepted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


class Device:
    """One simulated gateway.

    At most `window` messages stand unacknowledged. While the broker is away, or holds the window
    full, up to `buffer` messages are stored and later sent with history set, oldest first; beyond
    that the oldest is given up and counted.
    """

    def __init__(
        self,
        gateway: str,
        *,
        form: Form,
        broker: Broker,
        prefix: str,
        window: int = _WINDOW,
        buffer: int = _BUFFER,
    ) -> None:
        self.gateway = gateway
        self.tally = Tally()
        self._form = form
        self._broker = broker
        self._topics = {
            word: f"{prefix}/{gateway}/{word}" for word in ("readings", "status", "replies")
        }
        self._window = window
        self._stored: deque[Message] = deque(maxlen=buffer)
        self._seq = 0
        self._waiting = 0
        self._moved = threading.Condition()
        self._online = False
        self._refused: str | None = None
        self._client = self._make_client()

    @property
    def online(self) -> bool:
        """Whether the broker is there now."""
        return self._online

    @property
    def waiting(self) -> int:
        """Messages the broker has not acknowledged yet."""
        with self._moved:
            return self._waiting

    @property
    def stored(self) -> int:
        """Messages kept back until the broker is there again."""
        return len(self._stored)

    def connect(self, timeout_s: float = 10.0) -> None:
        """Connect and say online; raises SimulatorError when nobody answers or we are refused."""
        try:
            self._client.connect(self._broker.host, self._broker.port, keepalive=_KEEPALIVE_S)
        except (OSError, ValueError) as error:
            raise SimulatorError(
                f"no broker answered at {self._broker.shown} ({error}); start one, or name "
                f"another with --broker"
            ) from error
        self._client.loop_start()
        with self._moved:
            self._moved.wait_for(lambda: self._online or self._refused is not None, timeout_s)
        if not self._online:
            reason = self._refused or f"no answer within {timeout_s:g} s"
            self._client.disconnect()
            self._client.loop_stop()
            raise SimulatorError(
                f"the broker at {self._broker.shown} did not take gateway {self.gateway} "
                f"({reason}); give its credentials with --username and --password"
            )

    def lose(self) -> None:
        """Use up a sequence number for a message that never left."""
        self._seq = (self._seq + 1) % _SEQ_END

    def report(self, message: Message, *, times: int = 1) -> None:
        """Send now, or store for later when the broker is away or behind; never waits."""
        if not self.forward() or not self._has_room():
            self._store(message)
            return
        self._publish(message, times)

    def forward(self) -> bool:
        """Send what was stored, as history, as far as the window allows; True when all is sent."""
        while self._stored and self._has_room():
            self._publish(self._stored.popleft(), 1)
        return not self._stored

    def push(self, message: Message, *, times: int, stop: threading.Event) -> bool:
        """Send, waiting for room in the window; False when stop is set before there was any."""
        while not self._has_room():
            with self._moved:
                self._moved.wait_for(self._has_room_locked, 0.2)
            if stop.is_set():
                return False
        self._publish(message, times)
        return True

    def settle(self, timeout_s: float, stop: threading.Event | None = None) -> int:
        """Wait until everything is acknowledged; gives the number still open at the end."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until and not (stop and stop.is_set()):
            self.forward()
            with self._moved:
                if not self._waiting and not self._stored:
                    return 0
                self._moved.wait(0.1)
        return self.waiting + self.stored

    def close(self) -> None:
        """Say offline, disconnect and end the connection's thread."""
        if self._online:
            said = self._hand_over("status", _status("offline"))
            try:
                said.wait_for_publish(2.0)
            except (RuntimeError, ValueError):
                _log.warning("%s: the broker left before offline was said", self.gateway)
        self._client.disconnect()
        self._client.loop_stop()

    def _make_client(self) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self.gateway,
            clean_session=True,
            protocol=mqtt.MQTTv311,
        )
        client.will_set(self._topics["status"], _status("offline"), qos=1, retain=True)
        client.max_inflight_messages_set(self._window)
        client.reconnect_delay_set(min_delay=1, max_delay=15)
        if self._broker.username is not None:
            client.username_pw_set(self._broker.username, self._broker.password)
        if self._broker.tls:
            client.tls_set(ca_certs=self._broker.ca_file)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_publish = self._acknowledged
        client.on_message = self._replied
        return client

    def _has_room(self) -> bool:
        with self._moved:
            return self._has_room_locked()

    def _has_room_locked(self) -> bool:
        return self._online and self._waiting < self._window

    def _store(self, message: Message) -> None:
        if len(self._stored) == self._stored.maxlen:
            self.tally.overflowed += 1
        self._stored.append(replace(message, history=True))
        self.tally.buffered += 1

    def _publish(self, message: Message, times: int) -> None:
        body = payload(message, self._form, self._seq)
        self._seq = (self._seq + 1) % _SEQ_END
        for _ in range(times):
            self._hand_over("readings", body)
        self.tally.messages += times
        self.tally.readings += times * len(message.tags)

    def _hand_over(self, word: str, body: bytes) -> mqtt.MQTTMessageInfo:
        with self._moved:
            self._waiting += 1
        return self._client.publish(self._topics[word], body, qos=1, retain=word == "status")

    def _connected(
        self,
        client: mqtt.Client,
        _userdata: object,
        _flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            with self._moved:
                self._refused = str(reason)
                self._moved.notify_all()
            _log.warning("%s: the broker refused us: %s", self.gateway, reason)
            return
        client.subscribe(self._topics["replies"], qos=0)
        self._hand_over("status", _status("online"))
        with self._moved:
            self._online = True
            self._moved.notify_all()

    def _disconnected(
        self,
        _client: mqtt.Client,
        _userdata: object,
        _flags: mqtt.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        with self._moved:
            self._online = False
            self._moved.notify_all()
        if reason.is_failure:
            _log.warning("%s: the broker is away (%s); storing", self.gateway, reason)

    def _acknowledged(
        self,
        _client: mqtt.Client,
        _userdata: object,
        _mid: int,
        _reason: ReasonCode,
        _properties: Properties,
    ) -> None:
        with self._moved:
            self._waiting -= 1
            self._moved.notify_all()

    def _replied(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        try:
            reply = json.loads(message.payload)
            self.tally.accepted += int(reply.get("accepted", 0))
            for refusal in reply.get("rejected", ()):
                words = f"{refusal['reason']} {refusal.get('tag') or ''}".strip()
                if words not in self.tally.rejected:
                    _log.warning("%s: the server rejects %s", self.gateway, words)
                self.tally.rejected[words] += int(refusal.get("count", 1))
        except (ValueError, TypeError, KeyError, AttributeError):
            _log.warning("%s: a reply could not be read: %r", self.gateway, message.payload[:200])


def _status(state: str) -> bytes:
    return json.dumps({"state": state, "ts": time.time_ns() // 1_000_000}).encode()
