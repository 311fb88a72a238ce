"""A listener on a broker: keeps what is published below a prefix."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from simulators import broker as addresses
from tests.conftest import Broker


class Listener:
    """Keeps what is published below a prefix."""

    def __init__(self, url: str, prefix: str) -> None:
        self.heard: list[tuple[str, Any, bool]] = []
        self._ready = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = lambda _c, _u, message: self.heard.append(
            (
                message.topic.removeprefix(f"{prefix}/"),
                json.loads(message.payload),
                message.retain,
            )
        )
        self._client.on_subscribe = lambda *_: self._ready.set()
        place = addresses.parse(url)
        self._client.connect(place.host, place.port)
        self._client.subscribe(f"{prefix}/#", qos=1)
        self._client.loop_start()
        assert self._ready.wait(10)

    def of(self, topic: str) -> list[Any]:
        return [body for heard, body, _ in list(self.heard) if heard == topic]

    def readings(self, gateway: str = "") -> list[Any]:
        return [
            body
            for topic, body, _ in list(self.heard)
            if topic.endswith("/readings") and topic.startswith(gateway)
        ]

    def say(self, topic: str, body: object) -> None:
        self._client.publish(topic, json.dumps(body), qos=1).wait_for_publish(5)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def listening(broker: Broker) -> Iterator[Listener]:
    listener = Listener(broker.url, broker.prefix)
    try:
        yield listener
    finally:
        listener.close()


def last_states(listener: Listener) -> dict[str, str]:
    return {
        topic: body["state"] for topic, body, _ in list(listener.heard) if topic.endswith("/status")
    }


def tags_of(listener: Listener) -> set[str]:
    found: set[str] = set()
    for body in listener.readings():
        if isinstance(body, list):
            found.update(one["tag"] for one in body)
        elif "points" in body:
            found.update(body["points"])
        else:
            found.update(body["values"])
    return found
