"""Plain MQTT clients for tests of the embedded broker, and the broker itself."""

import queue
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

PREFIX = "fengsui/v1"
WAIT_S = 10.0


class Client:
    """A plain MQTT client with manual acknowledgement whose messages come out of a queue."""

    def __init__(
        self,
        url: str,
        *,
        name: str,
        account: str | None = None,
        password: str | None = None,
        clean: bool = True,
        version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv311,
        will: str | None = None,
        keepalive: int = 30,
    ) -> None:
        parts = urlsplit(url)
        self.got: queue.Queue[paho.MQTTMessage] = queue.Queue()
        self.codes: queue.Queue[str] = queue.Queue()
        self.granted: queue.Queue[list[int]] = queue.Queue()
        self.gone: queue.Queue[str] = queue.Queue()
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=name,
            protocol=version,
            manual_ack=True,
            reconnect_on_failure=False,
            clean_session=None if version == MQTTProtocolVersion.MQTTv5 else clean,
        )
        self.client.max_inflight_messages_set(2000)
        self.client.username_pw_set(account or parts.username, password or parts.password)
        if will:
            self.client.will_set(will, b"gone", qos=1)
        self.client.on_message = lambda _c, _u, message: self.got.put(message)
        self.client.on_connect = lambda _c, _u, _f, code, _p: self.codes.put(str(code))
        self.client.on_disconnect = lambda _c, _u, _f, code, _p: self.gone.put(str(code))
        self.client.on_subscribe = lambda _c, _u, _m, codes, _p: self.granted.put(
            [code.value for code in codes]
        )
        self.client.connect(parts.hostname or "", parts.port or 0, keepalive=keepalive)
        self.client.loop_start()
        self.code = self.codes.get(timeout=WAIT_S)

    def subscribe(self, pattern: str, qos: int = 1) -> int:
        self.client.subscribe(pattern, qos)
        return self.granted.get(timeout=WAIT_S)[0]

    def publish(self, topic: str, payload: bytes, qos: int = 1, *, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos, retain)

    def flush(self) -> None:
        """Return when the broker has taken everything sent so far: it answers in order."""
        self.subscribe("barrier")

    def take(self, count: int) -> list[paho.MQTTMessage]:
        return [self.got.get(timeout=WAIT_S) for _ in range(count)]

    def ack(self, *messages: paho.MQTTMessage) -> None:
        for message in messages:
            self.client.ack(message.mid, message.qos)

    def none_within(self, seconds: float) -> bool:
        try:
            self.got.get(timeout=seconds)
        except queue.Empty:
            return True
        return False

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def cut(self) -> None:
        """End without DISCONNECT, as a killed process does."""
        taken = self.client.socket()
        assert isinstance(taken, socket.socket)
        self.client.loop_stop()
        taken.close()


@contextmanager
def connected(url: str, **words: object) -> Iterator[Client]:
    client = Client(url, **words)  # type: ignore[arg-type]  # passed through as written
    try:
        yield client
    finally:
        client.close()


def gateway(url: str, name: str, **words: object) -> Client:
    return Client(url, name=name, account=name, password=f"secret of {name}", **words)  # type: ignore[arg-type]
