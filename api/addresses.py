"""Addresses that alarms are sent to: none in the clear beyond this machine and its net."""

import ipaddress
from urllib.parse import urlsplit

from api.problems import ProblemError


def check(url: str) -> None:
    """Refuse an address that would carry alarms in the clear beyond this machine and its net."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise ProblemError(422, f"url cannot be read: {error}") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise ProblemError(422, "url begins with https:// and names a host")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ProblemError(422, "url has neither an account nor a fragment")
    if parts.scheme == "http" and not _is_near(host):
        raise ProblemError(422, "url begins with https://; http is for private addresses only")


def _is_near(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False
