"""What the server measures of its own surroundings: the disks it writes to, the broker's queue."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from alarms.overload import Strain

STORED: Final = "$SYS/broker/store/messages/bytes"
"""Where Mosquitto tells how many bytes it holds for clients that are away or slow."""
_GIB: Final = 1024**3


def free_gib(folders: Sequence[Path]) -> float | None:
    """Return the least free space of the disks these folders are on; None where none is there."""
    there = [folder for folder in folders if folder.exists()]
    return min((shutil.disk_usage(folder).free / _GIB for folder in there), default=None)


class Gauges:
    """Measures for as long as the block runs; a broker that does not tell its queue is left out."""

    def __init__(self, *, folders: Sequence[Path], broker_url: str, queue_bytes: int) -> None:
        """`queue_bytes` is the bound of the broker's queue."""
        self._folders = tuple(folders)
        self._queue_bytes = queue_bytes
        self._stored: int | None = None
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
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
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
