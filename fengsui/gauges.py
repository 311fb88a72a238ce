"""What the server measures of its own surroundings: the disks it writes to, the broker's queue."""

import re
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from alarms.overload import Strain

STORED: Final = "$SYS/broker/store/messages/bytes"
"""Where Mosquitto tells how many bytes it holds for clients that are away or slow."""
_OURS: Final = re.compile(
    r"^rabbitmq_detailed_queue_messages_bytes"
    r'{[^}]*queue="mqtt-subscription-fengsui-[^}]*} ([0-9.e+]+)$',
    re.MULTILINE,
)
"""Where RabbitMQ tells it of each queue of the server's, below its plugin's address."""
_QUEUES: Final = "/metrics/detailed?family=queue_metrics"
_EVERY_S: Final = 5.0
_ANSWER_S: Final = 3.0
_GIB: Final = 1024**3


def free_gib(folders: Sequence[Path]) -> float | None:
    """Return the least free space of the disks these folders are on; None where none is there."""
    there = [folder for folder in folders if folder.exists()]
    return min((shutil.disk_usage(folder).free / _GIB for folder in there), default=None)


def fullest_queue(metrics_url: str) -> int | None:
    """Ask RabbitMQ for the bytes in the fullest of the server's queues; None where it tells none.

    `metrics_url` is the address of its Prometheus plugin, such as `http://broker:15692`.
    """
    try:
        with urlopen(metrics_url.rstrip("/") + _QUEUES, timeout=_ANSWER_S) as answer:  # noqa: S310  # http, by the settings
            told = answer.read().decode()
    except (OSError, UnicodeDecodeError):
        return None
    return max((int(float(count)) for count in _OURS.findall(told)), default=None)


class Gauges:
    """Measures for as long as the block runs; a broker that does not tell its queue is left out."""

    def __init__(
        self,
        *,
        folders: Sequence[Path],
        broker_url: str,
        queue_bytes: int,
        metrics_url: str | None = None,
    ) -> None:
        """`queue_bytes` bounds the broker's queue; with `metrics_url` that is RabbitMQ's."""
        self._folders = tuple(folders)
        self._queue_bytes = queue_bytes
        self._metrics_url = metrics_url
        self._stored: int | None = None
        self._ended = threading.Event()
        parts = urlsplit(broker_url)
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        if parts.username:
            self._client.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
        if parts.scheme == "mqtts":
            self._client.tls_set()
        self._client.on_connect = lambda client, *_: client.subscribe(STORED)
        self._client.on_disconnect = lambda *_: self._hear(None)
        self._client.on_message = lambda _client, _words, message: self._hear(message.payload)
        self._client.connect_async(
            parts.hostname or "", parts.port or (8883 if parts.scheme == "mqtts" else 1883)
        )

    def __enter__(self) -> Self:
        if self._metrics_url is None:
            self._client.loop_start()
        else:
            asking = threading.Thread(
                target=self._ask, args=(self._metrics_url,), name="queue", daemon=True
            )
            asking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._client.disconnect()
        self._client.loop_stop()

    def __call__(self) -> Strain:
        """Return what is measured now; the ingest's lag is not ours to know."""
        stored = self._stored
        return Strain(
            disk_free_gib=free_gib(self._folders),
            queue_share=None if stored is None else stored / self._queue_bytes,
        )

    def _hear(self, told: bytes | bytearray | None) -> None:
        self._stored = int(told) if told is not None and told.isdigit() else None

    def _ask(self, metrics_url: str) -> None:
        while not self._ended.is_set():
            self._stored = fullest_queue(metrics_url)
            self._ended.wait(_EVERY_S)
