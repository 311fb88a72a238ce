"""The API role: REST, push and the console."""

import asyncio
import ipaddress
import logging

from alarms.errors import SettingError
from api import server, tls
from api.oidc import Provider
from fengsui import broker_doors, console
from fengsui.settings import Settings
from ingest import preview

_log = logging.getLogger(__name__)


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Serve readers and operators until `stop`; needs the database's address."""
    if settings.database_url is None:
        raise SettingError(
            "the api role needs FENGSUI_DATABASE_URL; "
            "set it, or run `fengsui serve` for everything with embedded servers"
        )
    if settings.http_tls_cert is None and not _is_loopback(settings.http_host):
        _log.warning(
            "plain http on %s: passwords and alarms cross the network readable; unless a reverse "
            "proxy with TLS stands before it, set FENGSUI_HTTP_TLS_CERT and FENGSUI_HTTP_TLS_KEY",
            settings.http_host or "all addresses",
        )
    ready = asyncio.Event()
    telling = asyncio.create_task(_tell(settings, ready), name="console's address")
    try:
        await server.run(
            database_url=settings.database_url,
            host=settings.http_host,
            port=settings.http_port,
            console=console.folder(),
            topic_prefix=settings.topic_prefix,
            entrance=broker_doors.entrance(settings),
            preview=preview.preview,
            stop=stop,
            ready=ready,
            compression=settings.push_compression == "on",
            certificate=_certificate(settings),
            provider=_provider(settings),
        )
    finally:
        telling.cancel()


async def _tell(settings: Settings, ready: asyncio.Event) -> None:
    """Say where the console is once it answers; with port 0 the server's own line has the port."""
    await ready.wait()
    if settings.http_port:
        _log.info("console at %s", console.address(settings))


def _certificate(settings: Settings) -> tls.Pair | None:
    """Return what the server itself serves https with; None for http."""
    if settings.http_tls_cert is None or settings.http_tls_key is None:
        return None
    return tls.Pair(certificate=settings.http_tls_cert, key=settings.http_tls_key)


def _provider(settings: Settings) -> Provider | None:
    """Return through whom people sign in besides passwords; None where nobody is named."""
    if settings.oidc_issuer is None or settings.oidc_client_id is None:
        return None
    return Provider(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        public_url=settings.public_url or "",
        claim=settings.oidc_claim,
    )


def _is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches a host; of names localhost alone is sure to."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
