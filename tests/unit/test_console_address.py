"""Where a browser on this machine finds the console."""

from pathlib import Path

import pytest

from fengsui import console
from fengsui.settings import Settings


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080/"),
        ("0.0.0.0", "http://127.0.0.1:8080/"),  # noqa: S104  # only written
        ("plant.example", "http://plant.example:8080/"),
        ("::1", "http://[::1]:8080/"),
    ],
)
def test_the_console_is_found_where_the_server_listens(host: str, url: str) -> None:
    assert console.address(Settings(http_host=host, http_port=8080)) == url


def test_the_scheme_follows_the_certificate() -> None:
    settings = Settings(http_tls_cert=Path("a.crt"), http_tls_key=Path("a.key"))
    assert console.address(settings) == "https://127.0.0.1:8000/"
