"""The console's files: the page asked for anew each time, its assets kept for ever."""

import mimetypes
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.types import Receive, Scope, Send

_ENCODINGS: Final = (("br", ".br"), ("gzip", ".gz"))
_TYPES: Final = {".js": "text/javascript", ".mjs": "text/javascript", ".svg": "image/svg+xml"}
_NOT_BUILT: Final = """<!doctype html><meta charset="utf-8"><title>Fengsui</title>
<h1>烽燧 Fengsui</h1>
<p>控制台尚未构建;接口可用。The console is not built; the interfaces work.</p>
<p>Build it with <code>npm ci --ignore-scripts &amp;&amp; npm run build</code> in
<code>dashboards/console</code> (or <code>pip install -e .</code>), then load this page again.</p>
<p><a href="api/v1/openapi.json">OpenAPI</a> · <a href="api/v1/asyncapi.json">AsyncAPI</a></p>
"""


class Console:
    """An ASGI app that serves a built console from a folder; any unknown path is its page's."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = None if folder is None else folder.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise HTTPException(404)
        if scope["method"] not in {"GET", "HEAD"}:
            raise HTTPException(405, headers={"allow": "GET, HEAD"})
        await self._answer(scope)(scope, receive, send)

    def _answer(self, scope: Scope) -> Response:
        path = str(scope["path"]).removeprefix(str(scope.get("root_path", ""))).lstrip("/")
        if path.startswith(("api/", "ws/")):
            raise HTTPException(404)
        folder = self._folder
        if folder is None or not (folder / "index.html").is_file():
            return HTMLResponse(_NOT_BUILT, headers={"cache-control": "no-store"})
        found = (folder / path).resolve() if path and "\0" not in path else folder / "index.html"
        if not found.is_relative_to(folder) or not found.is_file():
            if path.startswith("assets/") or "." in path.rpartition("/")[2]:
                raise HTTPException(404)
            found = folder / "index.html"
        return _file(found, scope, for_ever=path.startswith("assets/"))


def _file(found: Path, scope: Scope, *, for_ever: bool) -> Response:
    """Serve a file, or the compressed one beside it when the client takes that."""
    headers = {
        "cache-control": "public, max-age=31536000, immutable" if for_ever else "no-cache",
        "vary": "accept-encoding",
    }
    kind = _TYPES.get(found.suffix) or mimetypes.guess_type(found.name)[0]
    accepted = dict(scope["headers"]).get(b"accept-encoding", b"").decode("latin-1")
    taken = {part.partition(";")[0].strip() for part in accepted.split(",")}
    for encoding, suffix in _ENCODINGS:
        packed = found.with_name(found.name + suffix)
        if encoding in taken and packed.is_file():
            return FileResponse(
                packed, media_type=kind, headers=headers | {"content-encoding": encoding}
            )
    return FileResponse(found, media_type=kind, headers=headers)
