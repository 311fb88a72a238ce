"""The real ingest process, which kills itself -9 at the Nth time a step of a batch is done.

python -m tests.e2e.dying_ingest STEP N; settings by environment. With N = 0 it lives.
"""

import asyncio
import os
import signal
import sys

from fengsui.settings import Settings
from ingest import service


def main() -> None:
    """Run the ingest process until its time has come."""
    step, left = sys.argv[1], int(sys.argv[2])
    settings = Settings.load(file=None, environment=os.environ)
    assert settings.database_url and settings.broker_url

    def die(name: str) -> None:
        nonlocal left
        if name == step:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    async def work(database_url: str, broker_url: str) -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await service.run(
            database_url=database_url,
            broker_url=broker_url,
            topic_prefix=settings.topic_prefix,
            sparkplug_host_id=settings.sparkplug_host,
            stop=stop,
            steps=die,
        )

    asyncio.run(work(settings.database_url, settings.broker_url))


if __name__ == "__main__":
    main()
