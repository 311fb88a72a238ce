"""A bad line: a TCP proxy that delays, falls silent and cuts its connections at random."""

import asyncio
import random
import threading
from collections import Counter
from contextlib import suppress
from typing import Final, Self

_CHUNK: Final = 16_384
_MEAN_LIFE_S: Final = 12.0
_DELAYED: Final = 0.05
"""Of the pieces that pass, so many wait for up to LONGEST_DELAY_S."""
LONGEST_DELAY_S: Final = 1.5
_SILENT: Final = 0.3
"""Of the connections, so many end by silence: nothing passes any more, and nobody is told."""
_LONGEST_SILENCE_S: Final = 25.0


class BadLine:
    """Listens on a port of its own and carries bytes to another, badly.

    TCP itself loses no byte in the middle: what a bad line loses is everything after some byte.
    """

    def __init__(self, port: int, *, seed: int) -> None:
        """`port` is the server's, on loopback; `seed` draws every fault."""
        self.port = 0
        self.done: Counter[str] = Counter()
        self._to = port
        self._random = random.Random(seed)  # noqa: S311  # drawn again by its seed
        self._loop = asyncio.new_event_loop()
        self._bad = True
        self._thread = threading.Thread(target=self._run, name="bad line", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        made = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._carry, "127.0.0.1", 0), self._loop
        )
        self._server = made.result(10)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def mend(self) -> None:
        """Do no harm from now on; connections that are doomed already end as they were to."""
        self._bad = False

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _carry(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        try:
            far, forth = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            self.done["refused"] += 1
            back.transport.abort()
            return
        self.done["connections"] += 1
        open_ = asyncio.Event()
        open_.set()
        both = [
            asyncio.create_task(self._pass(near, forth, open_)),
            asyncio.create_task(self._pass(far, back, open_)),
        ]
        fate = asyncio.create_task(self._fate(open_))
        try:
            await asyncio.wait([*both, fate], return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            return  # asyncio would tell of it: the whole line ends
        finally:
            for task in (*both, fate):
                task.cancel()
            for writer in (forth, back):
                writer.transport.abort()

    async def _fate(self, open_: asyncio.Event) -> None:
        """Return when the connection is to be cut."""
        if not self._bad:
            await asyncio.Event().wait()
        await asyncio.sleep(self._random.expovariate(1 / _MEAN_LIFE_S))
        if self._random.random() < _SILENT:
            self.done["silences"] += 1
            open_.clear()
            await asyncio.sleep(self._random.uniform(1.0, _LONGEST_SILENCE_S))
        self.done["cuts"] += 1

    async def _pass(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, open_: asyncio.Event
    ) -> None:
        with suppress(ConnectionError):
            while piece := await source.read(_CHUNK):
                if self._bad and self._random.random() < _DELAYED:
                    self.done["delays"] += 1
                    await asyncio.sleep(self._random.uniform(0.0, LONGEST_DELAY_S))
                await open_.wait()
                sink.write(piece)
                await sink.drain()
