"""A platform that takes webhooks: keeps what is delivered and answers what it is told to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Delivery(NamedTuple):
    """One request: its headers, lower case, and its body."""

    headers: dict[str, str]
    body: bytes


class Receiver:
    """Answers with `status` (`answers` first, one a request) and `said`; keeps every request.

    While `holds` is set a request is kept and not answered.
    """

    def __init__(self) -> None:
        self.status = 204
        self.said = b""
        self.holds = threading.Event()
        self.released = threading.Event()
        self.answers: list[int] = []
        self.retry_after: str | None = None
        self.deliveries: list[Delivery] = []
        self.taken: list[bytes] = []
        self.paths: list[str] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status = receiver.answers.pop(0) if receiver.answers else receiver.status
                receiver.deliveries.append(Delivery(headers, body))
                receiver.paths.append(self.path)
                if receiver.holds.is_set():
                    receiver.released.wait()
                    return
                if status < 300:
                    receiver.taken.append(body)
                self.send_response(status)
                if receiver.retry_after is not None:
                    self.send_header("retry-after", receiver.retry_after)
                self.send_header("content-length", str(len(receiver.said)))
                self.end_headers()
                self.wfile.write(receiver.said)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/fengsui"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Receive until the end."""
    made = Receiver()
    made.start()
    try:
        yield made
    finally:
        made.stop()
