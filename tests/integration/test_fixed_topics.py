"""The bridge on the page on gateways renames the topic of a device that cannot set its own."""

import queue
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import paho.mqtt.publish
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from tests import servers
from tests.captures import BY_NAME
from tests.servers import Mosquitto

PAGE = Path(__file__).parents[2] / "docs" / "connect-a-gateway.md"


def test_a_devices_fixed_topic_comes_in_as_the_gateways_own(
    mosquitto: Callable[..., Mosquitto],
) -> None:
    far = mosquitto()
    [shown] = re.findall(r"^```conf\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    bridge = [
        line.replace("broker.example:8883", f"127.0.0.1:{far.port}")
        for line in shown.splitlines()
        if not line.startswith("bridge_cafile")
    ]
    came: queue.Queue[tuple[str, bytes]] = queue.Queue()
    listening = Client(CallbackAPIVersion.VERSION2)
    listening.on_message = lambda _client, _userdata, message: came.put(
        (message.topic, bytes(message.payload))
    )
    listening.connect("127.0.0.1", far.port)
    listening.loop_start()
    listening.subscribe("fengsui/v1/gw-1/#", 1)
    try:
        near = mosquitto(*bridge)
        sent = BY_NAME["advantech analogue inputs"].payload
        host = urlsplit(near.url).hostname or ""

        def arrived() -> bool:
            paho.mqtt.publish.single(
                "Advantech/00D0C9FEFFF5/data", sent, qos=1, hostname=host, port=near.port
            )
            return not came.empty()

        servers.until(arrived, deadline_s=20, what=f"the message\n{near.log()}", every_s=0.5)
        assert came.get() == ("fengsui/v1/gw-1/readings", sent)
    finally:
        listening.disconnect()
        listening.loop_stop()
