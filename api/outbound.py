"""Addresses this server may send to: nothing of an alarm goes in the clear beyond its own net."""

import ipaddress
from urllib.parse import urlsplit

from api.problems import ProblemError


def check(url: str, *, plain: str = "http", secure: str = "https") -> None:
    """Refuse an address that would carry alarms in the clear beyond this machine and its net."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise ProblemError(422, f"url cannot be read: {error}") from error
    if parts.scheme not in {plain, secure} or not host:
        raise ProblemError(422, f"url begins with {secure}:// and names a host")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ProblemError(422, "url has neither an account nor a fragment: deliveries are signed")
    if parts.scheme == "http" and not is_near(host):
        raise ProblemError(422, "url begins with https://; http is for private addresses only")


def place(url: str) -> tuple[str, str, int, str]:
    """Return what of a checked address says where it leads, however it is written."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, parts.hostname or "", port, parts.path.rstrip("/")


def is_near(host: str) -> bool:
    """Tell whether a host is this machine or written as a private address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False
