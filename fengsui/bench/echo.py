"""A bare echo from MQTT to WebSocket: what latency costs without judging and recording."""

import asyncio
import sys

from paho.mqtt.client import Client, MQTTMessage
from websockets.asyncio.server import ServerConnection, serve

from fengsui.bench import publisher


async def echo(broker_url: str, topic: str) -> None:
    """Send each payload of a topic to every WebSocket; print the port when all stands."""
    loop = asyncio.get_running_loop()
    listeners: set[ServerConnection] = set()
    waiting: asyncio.Queue[bytes] = asyncio.Queue()
    subscribed = asyncio.Event()
    client = publisher.connected(broker_url)

    def take(_client: Client, _userdata: object, message: MQTTMessage) -> None:
        loop.call_soon_threadsafe(waiting.put_nowait, bytes(message.payload))

    def begin(*_: object) -> None:
        loop.call_soon_threadsafe(subscribed.set)

    client.on_message = take
    client.on_subscribe = begin
    client.subscribe(topic, 1)
    await subscribed.wait()

    async def listen(socket: ServerConnection) -> None:
        listeners.add(socket)
        await socket.wait_closed()
        listeners.discard(socket)

    async with serve(listen, "127.0.0.1", 0) as server:
        sys.stdout.write(f"{next(iter(server.sockets)).getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            payload = await waiting.get()
            for socket in list(listeners):
                await socket.send(payload, text=True)


if __name__ == "__main__":
    asyncio.run(echo(sys.argv[1], sys.argv[2]))
