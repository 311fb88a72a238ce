"""Where a browser on this machine finds the console."""

import pytest

from fengsui import console


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
    assert console.address(host, 8080) == url
