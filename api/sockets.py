"""uvicorn's WebSocket, which takes frames ready written: many of them in one piece, for many."""

from typing import Any, Final, cast

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.extensions.permessage_deflate import (
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)

from api.frames import WINDOW_BITS, Writer

_COMPRESSION: Final = ServerPerMessageDeflateFactory(
    server_no_context_takeover=True,
    server_max_window_bits=WINDOW_BITS,
    client_max_window_bits=WINDOW_BITS,
    compress_settings={"memLevel": 5},
)
"""No message leans on one before it: so one that is written once is good for everybody."""


_LINGER_S: Final = 1.0
"""How long a client that sent what cannot be taken has to hear so."""


class Socket(WebSocketsSansIOProtocol):
    """One client's socket; a `websocket.send` with `frames` is told whether to compress them."""

    def __init__(self, *given: Any, **named: Any) -> None:  # noqa: ANN401  uvicorn's own
        super().__init__(*given, **named)
        if self.config.ws_per_message_deflate:
            self.conn.available_extensions = [_COMPRESSION]

    async def send(self, message: ASGISendEvent) -> None:
        """Send one message, or frames ready written, once the client's socket has room."""
        write = cast("dict[str, object]", message).get("frames")
        if not callable(write):
            await super().send(message)
            return
        await self.writable.wait()
        if self.disconnected or self.close_sent or self.transport.is_closing():
            raise ClientDisconnected
        self.transport.write(cast("Writer", write)(deflated=self._deflates))

    def data_received(self, data: bytes) -> None:
        """Take bytes, but for those after a frame that cannot be taken: they are let go."""
        if self.conn.parser_exc is None:
            super().data_received(data)

    def handle_parser_exception(self) -> None:
        """Say why this ends, and let go what still comes before closing.

        A socket closed upon unread bytes resets the connection, and the close code is lost on it.
        """
        said = self.conn.close_sent
        if said is None:
            raise RuntimeError("a frame that cannot be taken has no close code")
        self.queue.put_nowait(
            {"type": "websocket.disconnect", "code": said.code, "reason": said.reason}
        )
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(_LINGER_S, self.transport.close)

    @property
    def _deflates(self) -> bool:
        """Tell whether this client agreed to compression with our window."""
        return any(
            isinstance(each, PerMessageDeflate) and each.local_max_window_bits == WINDOW_BITS
            for each in self.conn.extensions
        )
