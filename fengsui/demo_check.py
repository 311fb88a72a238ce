"""The self-check: one alarm from a gateway to a WebSocket client, through everything real."""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import websockets

from alarms.errors import FengsuiError
from alarms.instants import from_text
from alarms.storage import accounts, facts
from alarms.storage.connection import connect
from api import identity
from fengsui import console, demo
from fengsui.settings import Settings

WHOLE_S: Final = 57.0
PROTOCOL: Final = "fengsui.alarm.v1+json"
FROM_READINGS: Final = frozenset({"limit", "forecast", "rate", "deviation"})
"""Kinds of alarm that only a reading can raise; silence is no proof of a gateway."""

logger = logging.getLogger("fengsui.demo")


@dataclass(slots=True)
class Progress:
    """How far the check has come; `step` is what is being waited for."""

    say: demo.Say
    step: str = "start"
    began: float = field(default_factory=time.monotonic)

    def to(self, step: str) -> None:
        """Go on to the next step."""
        self.step = step
        self.say(step)


async def check(
    settings: Settings,
    *,
    scenarios: Sequence[str],
    speed: float,
    port: int | None,
    progress: Progress,
) -> dict[str, Any]:
    """Run until an alarm has arrived and return C1's document.

    `latency_ms` is from the server's receipt of the reading behind the event (`t_received`) to the
    arrival of the frame at the client, both by this machine's clock: judging, the transaction with
    its flush to the disk, the push. Raises FengsuiError naming the step that was not reached.
    """
    try:
        async with asyncio.timeout(WHOLE_S - (time.monotonic() - progress.began)):
            return await _check(settings, scenarios, speed, port, progress)
    except TimeoutError:
        raise FengsuiError(
            f"the check did not get past this step within {WHOLE_S:.0f} s: {progress.step}; the "
            f"logs are in {settings.data_dir.absolute() / 'log'}"
        ) from None


async def _check(
    settings: Settings,
    scenarios: Sequence[str],
    speed: float,
    port: int | None,
    progress: Progress,
) -> dict[str, Any]:
    async with demo.running(settings, scenarios=scenarios, port=port, say=progress.to) as system:
        progress.to("opening a WebSocket with a token")
        token = await _token(system.database_url)
        async with websockets.connect(
            f"ws{system.url.removeprefix('http')}ws/v1/alarms",
            ssl=console.trust(system.settings),
            subprotocols=[websockets.Subprotocol(PROTOCOL)],
            additional_headers={"Authorization": f"Bearer {token}"},
            max_size=None,
            compression=None,
        ) as socket:
            began = datetime.now(UTC)
            await socket.send(json.dumps({"op": "subscribe", "sub": "check", "from": "snapshot"}))
            progress.to("waiting for readings of the gateways in the database")
            async with demo.gateways(system, scenarios=scenarios, speed=speed, lead_in_s=5.0):
                arrival = asyncio.create_task(_alarm(socket, since=began))
                try:
                    await _first_reading(system.database_url, arrival)
                    progress.to("waiting for an alarm in a WebSocket frame")
                    event, arrived = await arrival
                finally:
                    arrival.cancel()
                    with contextlib.suppress(asyncio.CancelledError, websockets.WebSocketException):
                        await arrival
            progress.to("looking the alarm up in the database")
            async with await connect(system.database_url) as conn:
                if not await facts.has_alarm(conn, event["id"]):
                    raise FengsuiError(
                        f"alarm {event['id']} was pushed but is not in the database; the logs are "
                        f"in {system.logs}"
                    )
                stored = await facts.readings_stored(conn)
    return {
        "alarm_id": event["id"],
        "tier": event["tier"],
        "latency_ms": round((arrived - from_text(event["t_received"])) / 1000, 3),
        "readings_stored": stored,
    }


async def _token(database_url: str) -> str:
    """Make a token for this check; it expires by itself."""
    token, now = identity.new_token(), datetime.now(UTC)
    async with await connect(database_url) as conn:
        await accounts.create_token(
            conn,
            name=f"demo check {now.isoformat()}",
            token_hash=identity.digest_of(token),
            scope="all",
            role="platform",
            now=now,
            expires_at=now + timedelta(minutes=10),
        )
    return token


async def _first_reading(database_url: str, arrival: "asyncio.Task[Any]") -> None:
    """Wait until a reading is stored; an alarm that arrives meanwhile proves it too."""
    async with await connect(database_url, autocommit=True) as conn:
        while not arrival.done() and await facts.readings_stored(conn) == 0:
            await asyncio.wait({arrival}, timeout=0.2)


async def _alarm(
    socket: websockets.ClientConnection, *, since: datetime
) -> tuple[dict[str, Any], int]:
    """Return the first alarm a reading raised after `since`, and when its frame came, Micros."""
    async for frame in socket:
        arrived = time.time_ns() // 1000
        document = json.loads(frame)
        if document["op"] in ("error", "goaway"):
            raise FengsuiError(f"the server ended the subscription: {frame!r}")
        if document["op"] not in ("event", "urgent"):
            continue
        alarm: dict[str, Any] = document["event"]["data"]
        fresh = alarm["t_received"] and from_text(alarm["t_received"]) >= _micros(since)
        if alarm["kind"] in FROM_READINGS and alarm["active"] and fresh:
            return alarm, arrived
    raise FengsuiError("the server closed the WebSocket before an alarm came")


def _micros(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
