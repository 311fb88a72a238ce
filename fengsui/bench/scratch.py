"""Scratch places to measure in: a database of its own, a broker, a plant of many levels."""

import asyncio
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import msgspec

from alarms import registry
from alarms.errors import UnavailableError
from alarms.storage import connection, databases, migrate
from alarms.storage import registry as registered
from alarms.uncollected import uncollected
from fengsui import embedded
from fengsui.embedded.postgres import free_port
from fengsui.settings import Settings

PER_GATEWAY = 1_000
_BROKER_START_S = 10.0


@asynccontextmanager
async def servers(settings: Settings) -> AsyncIterator[tuple[str, str]]:
    """Give a database server's and a broker's address: those of the settings, or our own.

    A broker is Mosquitto where it is installed, else the embedded one.
    """
    installed = settings.broker_url is None and shutil.which("mosquitto") is not None
    async with embedded.servers(settings, broker=not installed) as served:
        if installed:
            async with mosquitto() as url:
                yield served.database_url, url
        elif served.broker_url is None:
            raise UnavailableError("no broker is there to measure with; install mosquitto")
        else:
            yield served.database_url, served.broker_url


@asynccontextmanager
async def mosquitto() -> AsyncIterator[str]:
    """Run Mosquitto on a free port with its queue bounds set on purpose."""
    port = free_port(0)
    with tempfile.TemporaryDirectory() as folder:
        conf = Path(folder) / "mosquitto.conf"
        conf.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n"
            "max_queued_bytes 1073741824\nmax_inflight_messages 0\nlog_type error\n",
            encoding="utf-8",
        )
        process = await asyncio.create_subprocess_exec("mosquitto", "-c", str(conf))
        try:
            await _listens(port)
            yield f"mqtt://127.0.0.1:{port}"
        finally:
            process.terminate()
            await process.wait()


@asynccontextmanager
async def database(server_url: str, *plants: Mapping[str, object]) -> AsyncIterator[str]:
    """Make a migrated database with what registry files say, and drop it in the end."""
    name = f"fengsui_bench_{secrets.token_hex(4)}"
    async with await connection.connect(server_url, autocommit=True) as conn:
        await databases.ensure(conn, name)
    url = urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    try:
        await migrate.migrate(url)
        for plant in plants:
            await register(url, plant)
        yield url
    finally:
        async with await connection.connect(server_url, autocommit=True) as conn:
            await databases.drop(conn, name)


def tags(points: int) -> list[str]:
    """Return the tags of the plant, in order."""
    return [f"TK{number:06d}.LT" for number in range(points)]


def gateways(points: int) -> list[str]:
    """Return the plant's gateways: one for each PER_GATEWAY points, at least one."""
    return [f"gw-bench-{number:04d}" for number in range(max(1, points // PER_GATEWAY))]


async def register(url: str, plant: Mapping[str, object]) -> None:
    """Register what a registry file says, the way `fengsui import` does."""
    document = msgspec.json.encode(plant)
    with uncollected():
        async with await connection.connect(url) as conn:
            parsed = registry.parse(document, await registered.known(conn))
            await registered.apply(conn, parsed, actor="bench", now=time.time_ns() // 1000)
            await conn.commit()


def levels(points: int) -> dict[str, object]:
    """Return a registry file with a plant of so many levels."""
    points_ = [
        {
            "tag": tag,
            "quantity": "level",
            "unit": "m",
            "range": [0, 12],
            "period_s": 3600,
            "limits": {"ll": 0.5, "l": 1.0, "h": 9.0, "hh": 10.0},
        }
        for tag in tags(points)
    ]
    unit = {"code": "TK", "name": "tanks", "kind": "tank", "points": points_}
    source = {"code": "S1", "name": "tank farm", "kind": "tank_farm", "units": [unit]}
    enterprise = {
        "code": "BENCH",
        "name": "bench",
        "region": "510603",
        "simulated": True,
        "sources": [source],
    }
    return {
        "enterprises": [enterprise],
        "gateways": [{"id": gateway, "enterprise": "BENCH"} for gateway in gateways(points)],
    }


async def _listens(port: int) -> None:
    end = time.monotonic() + _BROKER_START_S
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError as error:
            if time.monotonic() > end:
                raise UnavailableError("mosquitto did not start; look at its output") from error
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return
