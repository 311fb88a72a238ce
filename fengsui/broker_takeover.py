"""End a gateway's connection at a broker that only asks us: by taking over its client id.

MQTT has it that a broker ends the older connection of a client id ([MQTT-3.1.4-3] of version 5). A
gateway's client id is its own id there (api.broker_desk), so the server's account connects once
under it and leaves; the gateway that comes back is refused. RabbitMQ keeps what it was told about a
connection for as long as that lasts, so without this a revoked gateway would go on publishing.
"""

import threading
from typing import Final
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from alarms.errors import UnavailableError

ANSWER_S: Final = 10.0


def end(url: str, gateway: str) -> None:
    """End the connection of a gateway; `url` holds the server's account at the broker.

    Raises UnavailableError when the broker cannot be reached or does not let the account in.
    """
    parts = urlsplit(url)
    tls = parts.scheme == "mqtts"
    entered = threading.Event()
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=gateway, reconnect_on_failure=False)
    if parts.username:
        client.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
    if tls:
        client.tls_set()
    client.on_connect = lambda _client, _own, _flags, code, _properties: (
        None if code.is_failure else entered.set()
    )
    try:
        client.connect(parts.hostname or "", parts.port or (8883 if tls else 1883))
    except OSError as fault:
        raise UnavailableError(
            f"the broker at {parts.hostname}:{parts.port} could not be told to end its connection "
            f"({fault}); do this again"
        ) from fault
    client.loop_start()
    try:
        if not entered.wait(ANSWER_S):
            raise UnavailableError(
                "the broker does not let the server's account in to end its connection; mend "
                "FENGSUI_BROKER_URL and do this again"
            )
    finally:
        client.disconnect()
        client.loop_stop()
