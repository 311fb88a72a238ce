"""The push of alarms: /ws/v1/alarms, subscriptions that miss nothing and a cursor for each."""

import asyncio
from typing import Final

import msgspec
from fastapi import APIRouter, WebSocket

from alarms.storage import consumers
from api import actions, clock, frames
from api import service as services
from api.connection import Connection
from api.frames import BadFrameError
from api.problems import ProblemError
from api.service import Service
from api.subscription import Subscription

MOST_SUBSCRIPTIONS: Final = 16

router = APIRouter()


@router.websocket("/ws/v1/alarms")
async def alarms_socket(websocket: WebSocket) -> None:
    """Serve one client's subscriptions and commands."""
    service = services.of(websocket)

    async def session(connection: Connection, group: asyncio.TaskGroup) -> None:
        await _Session(connection, service, group).run()

    await Connection(websocket, service).serve(frames.ALARM_PROTOCOL, session)


class _Session:
    """One authenticated client."""

    def __init__(self, connection: Connection, service: Service, group: asyncio.TaskGroup) -> None:
        self._connection = connection
        self._service = service
        self._group = group
        self._subscriptions: dict[str, Subscription] = {}

    async def run(self) -> None:
        """Read the client's frames until it goes; a bad frame is answered and forgotten."""
        try:
            while True:
                frame = await self._connection.receive()
                try:
                    await self._obey(frames.parse_alarm_op(frame))
                except BadFrameError as error:
                    await self._connection.send(frames.error_frame(error.code, str(error)))
        finally:
            for subscription in self._subscriptions.values():
                subscription.release()

    async def _obey(self, op: frames.AlarmOp) -> None:
        match op:
            case frames.Subscribe():
                await self._subscribe(op)
            case frames.Unsubscribe(sub=name):
                await self._drop(self._named(name))
                await self._connection.send(frames.frame("unsubscribed", sub=name))
            case frames.Ack():
                await self._acknowledge(op)
            case frames.Command():
                await self._command(op)
            case frames.Auth():
                raise BadFrameError("already_authenticated", "this socket is authenticated")

    def _named(self, name: str) -> Subscription:
        found = self._subscriptions.get(name)
        if found is None:
            raise BadFrameError("unknown_sub", f"there is no subscription {name!r} on this socket")
        return found

    async def _drop(self, subscription: Subscription) -> None:
        """End a subscription and wait until nothing more of it can be sent."""
        self._subscriptions.pop(subscription.name, None)
        if subscription.task is not None:
            subscription.task.cancel()
            await asyncio.wait([subscription.task])
        subscription.release()

    async def _subscribe(self, op: frames.Subscribe) -> None:
        position = frames.position_of(op)
        if op.sub in self._subscriptions:
            await self._drop(self._subscriptions[op.sub])
        if len(self._subscriptions) >= MOST_SUBSCRIPTIONS:
            raise BadFrameError(
                "too_many_subs", f"a socket carries at most {MOST_SUBSCRIPTIONS} subscriptions"
            )
        subscription = Subscription(op.sub, op.filter, self._connection, self._service)
        self._subscriptions[op.sub] = subscription
        subscription.task = self._group.create_task(
            subscription.serve(position), name=f"subscription {op.sub}"
        )

    async def _acknowledge(self, op: frames.Ack) -> None:
        subscription = self._named(op.sub)
        newest = frames.SNAPSHOT_OFFSET if subscription.in_snapshot else subscription.cursor
        if op.offset > newest:
            raise BadFrameError(
                "ack_ahead",
                f"offset {op.offset} was not sent yet; the newest sent is "
                f"{min(newest, subscription.prev)}",
            )
        if not subscription.acknowledged(op.offset) or subscription.consumer is None:
            return
        owner, name = subscription.consumer
        async with self._service.transaction() as conn:
            await consumers.acknowledge(conn, owner, name, op.offset, now=clock.now())

    async def _command(self, op: frames.Command) -> None:
        """Do what the REST action does, and answer with what it answers."""
        wish = actions.Wish(
            rev=op.rev, note=op.note, until=op.until, one_shot=op.one_shot, cause=op.cause
        )
        try:
            done = await actions.perform(
                self._service, self._connection.identity, op.alarm, op.action, wish
            )
        except ProblemError as problem:
            alarm = problem.members.get("alarm")
            await self._connection.send(
                frames.frame(
                    "result",
                    id=op.id,
                    ok=False,
                    status=problem.status,
                    error=problem.detail,
                    alarm=alarm,
                )
            )
            return
        await self._connection.send(
            frames.frame(
                "result",
                id=op.id,
                ok=True,
                status=done.status,
                alarm=msgspec.Raw(done.document.encode()),
                pending=done.pending,
            )
        )
