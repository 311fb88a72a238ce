"""Live messages of one gateway: /ws/v1/gateways/{id}/payloads, a sample as it comes, not stored."""

import asyncio

from fastapi import APIRouter, WebSocket

from alarms.storage import places
from api import frames
from api import service as services
from api.connection import FORBIDDEN, Connection, EndedError
from api.inspection import Watch
from api.service import Service

router = APIRouter()
_NOT_YOURS = "there is no such gateway within your scope"


@router.websocket("/ws/v1/gateways/{gateway}/payloads")
async def payloads_socket(websocket: WebSocket, gateway: str) -> None:
    """Show one client what a gateway sends."""
    service = services.of(websocket)

    async def session(connection: Connection, group: asyncio.TaskGroup) -> None:
        await _show(connection, service, gateway, group)

    await Connection(websocket, service).serve(frames.PAYLOAD_PROTOCOL, session)


async def _show(
    connection: Connection, service: Service, gateway: str, group: asyncio.TaskGroup
) -> None:
    async with service.reading(connection.identity.scope) as conn:
        row = await places.gateway(conn, connection.identity.scope, gateway)
    if row is None:
        raise EndedError(FORBIDDEN, _NOT_YOURS)
    watch = Watch(gateway=gateway)
    if not service.inspections.add(watch):
        raise EndedError(1013, "too many look at messages just now; come again", goaway_s=30)
    try:
        group.create_task(_listen(connection), name="client")
        await connection.send(frames.frame("watching", gateway=gateway))
        while True:
            await watch.changed.wait()
            watch.changed.clear()
            while watch.waiting:
                if not connection.identity.scope.covers(row["region"], row["enterprise"]):
                    raise EndedError(FORBIDDEN, _NOT_YOURS)
                shown, dropped = watch.waiting.popleft(), watch.dropped
                watch.dropped = 0
                shown = shown | {"skipped": shown["skipped"] + dropped}
                await connection.send(frames.frame("payload", **shown))
    finally:
        service.inspections.remove(watch)


async def _listen(connection: Connection) -> None:
    """See that the client is there; it has nothing to say on this socket."""
    while True:
        await connection.receive()
        await connection.send(frames.error_frame("unknown_op", "this socket takes no frames"))
