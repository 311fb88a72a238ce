"""The console's files as a browser gets them: cached, compressed, never from outside the folder."""

from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from api import static


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A built console."""
    built = tmp_path / "dist"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_text("<!doctype html>page")
    (built / "assets" / "app-1.js").write_text("script")
    (built / "assets" / "app-1.js.br").write_bytes(b"brotli")
    (built / "assets" / "app-1.js.gz").write_bytes(b"gzip")
    (tmp_path / "secret.txt").write_text("secret")
    return built


async def get(folder: Path | None, path: str, **headers: str) -> tuple[int, httpx.Headers, bytes]:
    """Ask for a path; return status, headers and the body as it went over the wire."""
    app = Starlette()
    app.mount("/", static.Console(folder))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
        request = http.build_request("GET", path, headers={"accept-encoding": "", **headers})
        answer = await http.send(request, stream=True)
        body = b"".join([chunk async for chunk in answer.aiter_raw()])
        return answer.status_code, answer.headers, body


@pytest.mark.parametrize("path", ["/", "/index.html", "/area/510000", "/kpi"])
async def test_the_page_is_asked_for_anew_each_time(folder: Path, path: str) -> None:
    status, headers, body = await get(folder, path)
    assert (status, body) == (200, b"<!doctype html>page")
    assert headers["cache-control"] == "no-cache"


async def test_assets_are_kept_for_ever(folder: Path) -> None:
    _, headers, body = await get(folder, "/assets/app-1.js")
    assert body == b"script"
    assert "immutable" in headers["cache-control"]
    assert headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize(
    ("accepted", "encoding", "body"),
    [("br, gzip", "br", b"brotli"), ("gzip", "gzip", b"gzip"), ("identity", None, b"script")],
)
async def test_the_compressed_file_beside_it_is_served_to_who_takes_it(
    folder: Path, accepted: str, encoding: str | None, body: bytes
) -> None:
    _, headers, found = await get(folder, "/assets/app-1.js", **{"accept-encoding": accepted})
    assert found == body
    assert headers.get("content-encoding") == encoding
    assert headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize(
    "path",
    ["/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt", "/%2fetc/passwd"],
)
async def test_nothing_outside_the_folder_is_served(folder: Path, path: str) -> None:
    _, _, body = await get(folder, path)
    assert b"secret" not in body
    assert b"root:" not in body


@pytest.mark.parametrize("path", ["/assets/old-2.js", "/missing.png", "/api/v1/nothing"])
async def test_a_missing_file_is_not_the_page(folder: Path, path: str) -> None:
    assert (await get(folder, path))[0] == 404


async def test_without_a_built_console_the_page_says_how_to_build_it(tmp_path: Path) -> None:
    status, _, body = await get(tmp_path / "nowhere", "/")
    assert status == 200
    assert b"npm run build" in body
