"""uvicorn's WebSocket, which takes frames ready written: many of them in one piece, for many."""

from typing import cast

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class Socket(WebSocketsSansIOProtocol):
    """One client's socket; a `websocket.send` with `frames` goes out as it is.

    Where compression was agreed upon they go out uncompressed, as RFC 7692 allows for any message.
    """

    async def send(self, message: ASGISendEvent) -> None:
        """Send one message, or frames ready written, once the client's socket has room."""
        written = cast("dict[str, object]", message).get("frames")
        if not isinstance(written, bytes):
            await super().send(message)
            return
        await self.writable.wait()
        if self.disconnected or self.close_sent or self.transport.is_closing():
            raise ClientDisconnected
        self.transport.write(written)
