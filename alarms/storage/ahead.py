"""Asks the database for the next piece while the caller works on one."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

T = TypeVar("T")


async def ahead(pieces: AsyncIterator[T]) -> AsyncIterator[T]:
    """Yield what another iterator yields; it is asked for one more before the caller gets one.

    The connection behind `pieces` is busy until the last one: the caller must not use it meanwhile.
    """
    asked = _ask(pieces)
    try:
        while (piece := await asked) is not None:
            asked = _ask(pieces)
            await asyncio.sleep(0)  # the question is on its way before the caller is busy
            yield piece
    finally:
        asked.cancel()


def _ask(pieces: AsyncIterator[T]) -> asyncio.Task[T | None]:
    async def following() -> T | None:
        return await anext(pieces, None)

    return asyncio.create_task(following(), name="database asked ahead")
