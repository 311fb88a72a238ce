"""The few MQTT 3.1.1 packets that the benches' gateways send, written at no cost to speak of."""

import struct
from typing import Final
from urllib.parse import unquote, urlsplit

CONNACK_BYTES: Final = 4
PUBACK_BYTES: Final = 4
_CONNECT: Final = 0x10
_PUBLISH_QOS1: Final = 0x32


def place(broker_url: str) -> tuple[str, int]:
    """Return the host and port a broker listens on."""
    parts = urlsplit(broker_url)
    return parts.hostname or "127.0.0.1", parts.port or 1883


def connect(client_id: str, broker_url: str) -> bytes:
    """Write a CONNECT with the URL's account, a clean session and no keep-alive."""
    parts = urlsplit(broker_url)
    account = [unquote(text) for text in (parts.username, parts.password) if text is not None]
    flags = 0x02 | (0x80 if account else 0) | (0x40 if len(account) > 1 else 0)
    payload = b"".join(_text(text.encode()) for text in (client_id, *account))
    body = b"\0\x04MQTT\x04" + bytes([flags]) + b"\0\0" + payload
    return bytes([_CONNECT]) + _length(len(body)) + body


def publish(topic: bytes, payload: bytes, number: int) -> bytes:
    """Write a PUBLISH with QoS 1; `number` counts messages, from 0."""
    head = _text(topic) + struct.pack(">H", number % 65_535 + 1)
    return bytes([_PUBLISH_QOS1]) + _length(len(head) + len(payload)) + head + payload


def _text(text: bytes) -> bytes:
    return struct.pack(">H", len(text)) + text


def _length(size: int) -> bytes:
    """Write MQTT's remaining length."""
    written = bytearray()
    while True:
        size, low = divmod(size, 128)
        written.append(low | (0x80 if size else 0))
        if not size:
            return bytes(written)
