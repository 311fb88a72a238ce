"""The embedded MQTT 3.1.1 broker's own process.

`python -m fengsui.embedded.broker_process PORT FOLDER PREFIX`; it writes `<folder>/ready` when it
serves, ends on SIGTERM, and when the pipe on its standard input closes.
"""

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from fengsui.embedded.mqtt_broker import EmbeddedBroker


async def serve(port: int, folder: Path, prefix: str) -> None:
    """Serve until SIGTERM, SIGINT, or the end of standard input."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for ending in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(ending, stop.set)
    loop.add_reader(sys.stdin.fileno(), _read_end, stop)
    broker = EmbeddedBroker(port=port, folder=folder, prefix=prefix)
    broker.gate.refresh()
    await broker.start()
    broker.restore()
    watch = asyncio.create_task(broker.watch(), name="watch")
    (folder / "ready").write_text(f"{port} {os.getpid()}\n")
    await stop.wait()
    broker.put_down()
    watch.cancel()
    await broker.shutdown()


def _read_end(stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 1024):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stop.set()


def main() -> None:
    """Run the broker with the words of the command line."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("amqtt").setLevel(logging.WARNING)
    logging.getLogger("transitions").setLevel(logging.WARNING)
    port, folder, prefix = sys.argv[1:4]
    asyncio.run(serve(int(port), Path(folder), prefix))


if __name__ == "__main__":
    main()
