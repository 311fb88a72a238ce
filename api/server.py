"""Serve the app over HTTP and WebSocket until told to stop; clients are told before it ends."""

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import uvicorn
from fastapi import FastAPI

from alarms.errors import SettingError
from api import app as apps
from api import tls
from api.gateway_life import Entrance
from api.oidc import Provider
from api.service import Preview
from api.sockets import Socket

FRAME_MOST: Final = 64 * 1024
"""The longest frame a client may send, in bytes; longer closes with 1009."""
GRACE_S: Final = 5
_LOG = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers (our process has its own); says when it serves."""

    def __init__(self, config: uvicorn.Config, ready: asyncio.Event | None) -> None:
        super().__init__(config)
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            _LOG.info("serving on %s", self.servers[0].sockets[0].getsockname()[:2])
            if self._ready is not None:
                self._ready.set()


async def run(
    *,
    database_url: str,
    host: str,
    port: int,
    stop: asyncio.Event,
    console: Path | None = None,
    topic_prefix: str = "fengsui/v1",
    entrance: Entrance | None = None,
    preview: Preview | None = None,
    ready: asyncio.Event | None = None,
    compression: bool = False,
    certificate: tls.Pair | None = None,
    provider: Provider | None = None,
) -> None:
    """Serve until `stop`, https where there is a certificate, which is followed when it changes.

    Raises SettingError when the port is taken, the host not ours, or the certificate unfit.
    """
    context = None if certificate is None else certificate.context()
    listening = _listen(host, port)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    app = apps.create(
        database_url,
        console=console,
        topic_prefix=topic_prefix,
        entrance=entrance,
        preview=preview,
        provider=provider,
    )
    server = _Server(
        uvicorn.Config(
            app,
            ws=Socket,
            ws_max_size=FRAME_MOST,
            ws_per_message_deflate=compression,
            ws_ping_interval=20.0,
            ws_ping_timeout=40.0,
            timeout_graceful_shutdown=GRACE_S,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            ssl_context_factory=None if context is None else lambda _config, _default: context,
        ),
        ready,
    )
    running = (
        []
        if certificate is None or context is None
        else [asyncio.create_task(certificate.follow(context), name="certificate")]
    )
    stopping = asyncio.create_task(_stop(app, server, stop), name="stop")
    try:
        await server.serve(sockets=[listening])
    finally:
        stopping.cancel()
        for task in running:
            task.cancel()
        listening.close()


def _listen(host: str, port: int) -> socket.socket:
    """Take the port, or say who to ask for another."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise SettingError(
            f"the address {host!r} cannot be listened on ({error.strerror}); mend FENGSUI_HTTP_HOST"
        ) from error
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen(512)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise SettingError(
                f"port {port} on {host} is taken by another program; "
                "stop that, or choose another port with FENGSUI_HTTP_PORT"
            ) from error
        raise SettingError(
            f"{host}:{port} cannot be listened on ({error.strerror}); "
            "mend FENGSUI_HTTP_HOST or FENGSUI_HTTP_PORT"
        ) from error
    listening.setblocking(False)  # noqa: FBT003  the standard library's own
    return listening


async def _stop(app: FastAPI, server: uvicorn.Server, stop: asyncio.Event) -> None:
    """Wait for the word, tell every socket, then let uvicorn end."""
    await stop.wait()
    service = getattr(app.state, "service", None)
    if service is not None:
        for client in tuple(service.connections):
            client.go_away("the server stops; come again", retry_after_s=2)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2.0):
                await service.all_gone()
    server.should_exit = True
