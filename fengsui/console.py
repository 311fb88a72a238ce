"""Where the console's built files lie, and how this machine reaches the server."""

import ssl
from importlib import resources
from pathlib import Path

from api import tls
from fengsui.settings import Settings


def folder() -> Path:
    """Return the folder of the built console, which may not be there yet."""
    return Path(str(resources.files("dashboards"))) / "console" / "dist"


def address(settings: Settings) -> str:
    """Return the console's URL for a browser on this machine; loopback for all addresses."""
    scheme = "http" if settings.http_tls_cert is None else "https"
    host, port = settings.http_host, settings.http_port
    if host in ("0.0.0.0", "::", ""):  # noqa: S104  # compared only
        host = "127.0.0.1"
    return f"{scheme}://[{host}]:{port}/" if ":" in host else f"{scheme}://{host}:{port}/"


def trust(settings: Settings) -> ssl.SSLContext | None:
    """Return what our own clients on this machine trust: the server's certificate; None for http.

    Raises SettingError when the certificate cannot be read.
    """
    return None if settings.http_tls_cert is None else tls.trusting(settings.http_tls_cert)
