"""Where the console's built files lie, and where a browser on this machine finds it."""

from importlib import resources
from pathlib import Path


def folder() -> Path:
    """Return the folder of the built console, which may not be there yet."""
    return Path(str(resources.files("dashboards"))) / "console" / "dist"


def address(host: str, port: int) -> str:
    """Return the console's URL for a browser on this machine; loopback for all addresses."""
    if host in ("0.0.0.0", "::", ""):  # noqa: S104  # compared only
        host = "127.0.0.1"
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
