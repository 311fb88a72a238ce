"""Capture a live feed into a file of recorded readings: `ts,point,value,quality,received`."""

import asyncio
import csv
import gzip
import io
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO

from alarms.errors import FengsuiError, UnavailableError
from alarms.readings import QUALITY_MASK, Quality
from ingest import topics
from ingest.address import Address
from ingest.decoders import choosing
from ingest.decoders.decoded import Decoded
from ingest.messages import Message
from ingest.mqtt import Source

HEADER: Final = ("ts", "point", "value", "quality", "received")
ENDINGS: Final = (".csv", ".csv.gz")
CONNECT_S: Final = 15.0
_MOST_MESSAGES: Final = 500
_LINGER_S: Final = 0.05


@dataclass(slots=True)
class Captured:
    """What a capture holds: readings written, and what could not be read, by reason."""

    readings: int = 0
    messages: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


async def record(
    *,
    broker_url: str,
    prefix: str,
    file: Path,
    stop: asyncio.Event,
    tell: Callable[[str], None],
) -> Captured:
    """Write every reading the broker delivers until `stop`; each batch is on disk before its ack.

    `tell` gets a sentence when listening has begun.

    Raises UnavailableError when the broker is not there at the start, FengsuiError for the file.
    """
    source = Source(
        address=Address.parse(broker_url),
        client_id=f"fengsui-record-{secrets.token_hex(4)}",
        filters=(topics.name(prefix, "+", topics.Channel.readings),),
        keeps_session=False,
    )
    captured = Captured()
    with _opened(file) as out:
        lines = csv.writer(out, lineterminator="\n")
        lines.writerow(HEADER)
        async with source:
            ending = asyncio.create_task(_finish(source, stop), name="record stop")
            watching = asyncio.create_task(_must_connect(source, tell), name="record connect")
            try:
                async for batch in source.batches(
                    max_messages=_MOST_MESSAGES, linger_s=_LINGER_S, idle_s=0.5
                ):
                    if watching.done():
                        watching.result()
                    for message in batch.messages:
                        decoded = choosing.decode(message.payload, message.received, None)
                        lines.writerows(_rows(decoded, message))
                        _count(captured, decoded)
                    out.flush()
                    await source.commit(batch)
            finally:
                ending.cancel()
                watching.cancel()
    return captured


async def _finish(source: Source, stop: asyncio.Event) -> None:
    await stop.wait()
    source.finish()


async def _must_connect(source: Source, tell: Callable[[str], None]) -> None:
    """Fail if the broker is not there in time; a loss later is waited out."""
    for _ in range(int(CONNECT_S / 0.1)):
        if source.link_up_since is not None:
            tell(f"recording what comes from {source.address}; Ctrl-C ends it")
            return
        await asyncio.sleep(0.1)
    raise UnavailableError(
        f"the broker at {source.address} was not reached in {CONNECT_S:g} s; "
        "start it or name another with --broker"
    )


def _rows(decoded: Decoded, message: Message) -> Iterator[tuple[object, ...]]:
    """Yield the rows of one message; times are milliseconds, with decimals where they matter."""
    received = _milliseconds(message.received)
    place = 0
    runs = zip(decoded.counts, decoded.stamps, decoded.marks, strict=True)
    for count, stamp, mark in runs:
        ts, quality = _milliseconds(stamp), Quality(mark & QUALITY_MASK).name
        for at in range(place, place + count):
            yield ts, decoded.tags[at], decoded.values[at], quality, received
        place += count


def _milliseconds(micros: int) -> int | float:
    return micros // 1000 if micros % 1000 == 0 else micros / 1000


def _count(captured: Captured, decoded: Decoded) -> None:
    captured.messages += 1
    captured.readings += len(decoded.tags)
    for refusal in decoded.refused.values():
        captured.rejected[refusal.reason] += refusal.count


@contextmanager
def _opened(file: Path) -> Iterator[TextIO]:
    """Open a new file for writing; an old one is never written over, a vain one not left."""
    try:
        raw = file.open("xb")
    except FileExistsError as error:
        raise FengsuiError(f"{file} is there already; name a new file") from error
    except OSError as error:
        raise FengsuiError(f"{file} cannot be written: {error.strerror}") from error
    packed = file.name.endswith(".gz")
    try:
        with (
            raw,
            gzip.GzipFile(fileobj=raw, mode="wb") if packed else nullcontext(raw) as binary,
            io.TextIOWrapper(binary, encoding="utf-8", newline="") as text,
        ):
            yield text
    except UnavailableError:
        file.unlink()
        raise
