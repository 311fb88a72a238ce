"""A plant of two enterprises far apart, its alarms, and clients of its server, for API tests."""

import asyncio
import functools
import json
import secrets
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import websockets
from psycopg import AsyncConnection
from websockets.asyncio.client import ClientConnection

from alarms.alarm import Kind, ProcessEvent, Subject, Tier, Transition
from alarms.storage import accounts, alarms, connection
from api import identity
from tests import servers
from tests.databases import Databases
from tests.processes import Command, Serve

NEAR: Final = "E1"
"""An enterprise in 510603, 旌阳区 of 德阳市."""
FAR: Final = "E2"
"""An enterprise in 440305, 南山区 of 深圳市."""
REGION_OF: Final = {NEAR: "510603", FAR: "440305"}
PASSWORD: Final = "a long enough password"
_NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody: the server is asked in plain http, and reading whom to trust takes 25 ms."""
Document = dict[str, Any]


async def build(url: str) -> None:
    """Register both enterprises, each with a source, a unit, a gateway and the points T1 to T3."""
    async with await connection.connect(url) as conn:
        for code, name, parent, kind in (
            ("510000", "四川省", None, "province"),
            ("510600", "德阳市", "510000", "city"),
            ("510603", "旌阳区", "510600", "county"),
            ("440000", "广东省", None, "province"),
            ("440300", "深圳市", "440000", "city"),
            ("440305", "南山区", "440300", "county"),
        ):
            await conn.execute(
                """
                insert into region (code, name, parent, kind) values (%s, %s, %s, %s)
                on conflict do nothing
                """,
                (code, name, parent, kind),
            )
        for enterprise, region in REGION_OF.items():
            await _enterprise(conn, enterprise, region)


async def enterprise(url: str, code: str) -> None:
    """Register one of them in a database that has the regions."""
    async with await connection.connect(url) as conn:
        await _enterprise(conn, code, REGION_OF[code])


async def _enterprise(conn: AsyncConnection, code: str, region: str) -> None:
    await conn.execute(
        "insert into enterprise (code, name, region, simulated) values (%s, %s, %s, %s)",
        (code, f"某企业 {code}", region, code == FAR),
    )
    await conn.execute(
        """
        insert into source (enterprise_id, code, name, kind, level)
        select id, code || '-S1', '罐区', 'tank_farm', 2 from enterprise where code = %s
        """,
        (code,),
    )
    await conn.execute(
        """
        insert into unit (source_id, code, name, kind)
        select id, 'U1', '1 号罐', 'tank' from source where code = %s || '-S1'
        """,
        (code,),
    )
    await conn.execute(
        "insert into gateway (id, enterprise_id) select 'gw-' || code, id from enterprise"
        " where code = %s",
        (code,),
    )
    await conn.execute(
        """
        insert into point (enterprise_id, unit_id, tag, quantity, engineering_unit, range_low,
                           range_high, period_s, limits, registered_at)
        select e.id, u.id, 'T' || n, 'level', 'm', 0, 10, 10,
               '{"ll": 1, "l": 2, "h": 8, "hh": 9}', '2025-11-21 00:00:00+00'
          from enterprise e
          join source s on s.enterprise_id = e.id
          join unit u on u.source_id = s.id, generate_series(1, 3) n
         where e.code = %s order by n
        """,
        (code,),
    )


async def rename(url: str, enterprise: str, name: str) -> None:
    """Give an enterprise another name."""
    async with await connection.connect(url) as conn:
        await conn.execute("update enterprise set name = %s where code = %s", (name, enterprise))


async def token(
    url: str, *, scope: str = "all", role: str = "viewer", expires_s: float | None = None
) -> str:
    """Make a token and return it; its name tells scope and role."""
    made = identity.new_token()
    now = datetime.now(UTC)
    async with await connection.connect(url) as conn:
        await accounts.create_token(
            conn,
            name=f"{scope}-{role}-{made[-6:]}",
            token_hash=identity.digest_of(made),
            scope=scope,
            role=role,
            now=now,
            expires_at=None if expires_s is None else now + timedelta(seconds=expires_s),
        )
    return made


async def person(url: str, name: str, *, scope: str = "all", role: str = "operator") -> str:
    """Open an account with PASSWORD and return its name."""
    hashed = await asyncio.to_thread(_hashed)
    async with await connection.connect(url) as conn:
        await accounts.create_person(
            conn,
            name=name,
            password_hash=hashed,
            scope=scope,
            role=role,
            now=datetime.now(UTC),
        )
    return name


@functools.cache
def _hashed() -> str:
    """Return what is kept of PASSWORD: it costs a sixth of a second, and once is enough."""
    return identity.hash_password(PASSWORD)


def event(
    enterprise: str = NEAR,
    tag: str = "T1",
    *,
    change: Transition = Transition.raised,
    tier: Tier = Tier.orange,
    value: float = 9.5,
    rule: str = "limit.high",
    moment: int | None = None,
) -> ProcessEvent:
    """Make what the engine would say of a point."""
    now = time.time_ns() // 1000 if moment is None else moment
    return ProcessEvent(
        subject=Subject(
            key=f"{enterprise}/{tag}",
            region=REGION_OF[enterprise],
            enterprise=enterprise,
            source=f"{enterprise}-S1",
            unit="U1",
            point=tag,
            name=tag,
            quantity="level",
            engineering_unit="m",
            simulated=enterprise == FAR,
        ),
        rule=rule,
        kind=Kind.limit,
        change=change,
        tier=tier,
        t_change=now,
        t_event=now,
        t_received=now,
        value=value,
        limit=9.0,
        basis="test",
        message_zh="液位高",
        message_en="level high",
    )


SYSTEM: Final = ProcessEvent(
    subject=Subject(key="system:disk", name="disk"),
    rule="system.disk",
    kind=Kind.system,
    change=Transition.raised,
    tier=Tier.orange,
    t_change=1_800_000_000_000_000,
    t_event=1_800_000_000_000_000,
    t_received=1_800_000_000_000_000,
)


async def happen(url: str, *events: ProcessEvent) -> None:
    """Let the plant say something, in one transaction, as ingest does."""
    async with await connection.connect(url) as conn:
        await alarms.apply_events(conn, events, now=time.time_ns() // 1000)


def flip_flop(count: int, *, tag: str = "T1", enterprise: str = NEAR) -> list[ProcessEvent]:
    """Return an alarm that raises and returns in turn, `count` changes in all."""
    changes = (Transition.raised, Transition.returned)
    return [event(enterprise, tag, change=changes[n % 2]) for n in range(count)]


def start_api(fengsui: Callable[..., Serve], database: str, **settings: object) -> Serve:
    """Start the API role on a database and wait until it answers."""
    serve = fengsui(
        "serve", "--role", "api", "--no-migrate", wait=False, database_url=database, **settings
    )
    servers.until(lambda: lives(serve), deadline_s=30, what=f"healthz\n{serve.report()}")
    return serve


def lives(serve: Serve) -> bool:
    """Tell whether a server that runs answers yet."""
    assert serve.running, serve.report()
    try:
        with urllib.request.urlopen(f"{serve.url}/api/v1/healthz", timeout=2) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


class Client:
    """A platform's socket, read frame by frame."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, **frame: object) -> None:
        """Send one frame."""
        await self.socket.send(json.dumps(frame))

    async def next(self, *ops: str, deadline_s: float = 10) -> Document:
        """Return the next frame, or the next of these kinds; others are passed over."""
        async with asyncio.timeout(deadline_s):
            while True:
                found: Document = json.loads(await self.socket.recv())
                if not ops or found["op"] in ops:
                    return found

    async def until(self, op: str, *, deadline_s: float = 10) -> list[Document]:
        """Return all frames up to the first of a kind, that one included."""
        found = [await self.next(deadline_s=deadline_s)]
        while found[-1]["op"] != op:
            found.append(await self.next(deadline_s=deadline_s))
        return found

    async def events(self, count: int, *, deadline_s: float = 20) -> list[Document]:
        """Return the next events."""
        return [await self.next("event", deadline_s=deadline_s) for _ in range(count)]

    async def closed(self, *, deadline_s: float = 15) -> int | None:
        """Read on until the server closes; return the close code."""
        async with asyncio.timeout(deadline_s):
            try:
                while True:
                    await self.socket.recv()
            except websockets.ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd is not None else None


@asynccontextmanager
async def client(
    serve: Serve,
    token: str | None = None,
    *,
    path: str = "/ws/v1/alarms",
    headers: dict[str, str] | None = None,
    **options: Any,
) -> AsyncIterator[Client]:
    """Open a socket, with a token in its header if one is given."""
    known = {} if token is None else {"authorization": f"Bearer {token}"}
    kind = next((kind for kind in ("alarm", "payloads", "relay") if kind in path), "values")
    protocol = f"fengsui.{kind}.v1+json"
    async with websockets.connect(
        serve.url.replace("http", "ws") + path,
        additional_headers={**known, **(headers or {})},
        subprotocols=[websockets.Subprotocol(protocol)],
        max_size=None,
        **options,
    ) as socket:
        yield Client(socket)


class House:
    """One server over one database with both enterprises, shared by a file's tests."""

    def __init__(self, database: str, serve: Serve) -> None:
        self.database = database
        self.serve = serve
        self._tokens: dict[tuple[str, str], str] = {}

    async def token(self, scope: str = "all", role: str = "viewer") -> str:
        """Return a token of this scope and role, made once."""
        if (scope, role) not in self._tokens:
            self._tokens[scope, role] = await token(self.database, scope=scope, role=role)
        return self._tokens[scope, role]

    async def http(self, scope: str = "all", role: str = "viewer") -> httpx.AsyncClient:
        """Return an HTTP client with such a token."""
        made = await self.token(scope, role)
        return self.anonymous(headers={"authorization": f"Bearer {made}"})

    def anonymous(self, **options: Any) -> httpx.AsyncClient:
        """Return an HTTP client nobody knows."""
        url = f"{self.serve.url}/api/v1"
        return httpx.AsyncClient(base_url=url, timeout=20, verify=_NO_TLS, **options)

    async def raise_alarm(
        self, enterprise: str = NEAR, tag: str = "T1", *, tier: Tier = Tier.orange
    ) -> str:
        """Let an alarm that nobody has touched be open, and return its id."""
        rule = f"limit.{secrets.token_hex(4)}"
        told = event(enterprise, tag, tier=tier, rule=rule)
        async with await connection.connect(self.database) as conn:
            await alarms.apply_events(conn, [told], now=time.time_ns() // 1000)
            found = await conn.execute("select id from alarm where rule = %s", (rule,))
            row = await found.fetchone()
        assert row is not None
        return str(row[0])


@contextmanager
def house(databases: Databases, folder: Path) -> Iterator[House]:
    """Serve a fresh database until the end."""
    name = databases.create()
    database = databases.address(name)
    asyncio.run(build(database))
    serve = Serve(
        ("serve", "--role", "api", "--no-migrate"),
        env={"FENGSUI_DATABASE_URL": database, "FENGSUI_DATA_DIR": str(folder / "d")},
        folder=folder,
    )
    Command.start(serve)
    try:
        servers.until(lambda: lives(serve), deadline_s=30, what="healthz to answer")
        yield House(database, serve)
    finally:
        serve.kill()
        databases.drop(name)


@asynccontextmanager
async def watching(
    house: House, scope: str = "all", role: str = "viewer", start: object = "now", **wish: object
) -> AsyncIterator[Client]:
    """Open a socket with one subscription that has caught up."""
    async with client(house.serve, await house.token(scope, role)) as socket:
        await socket.send(op="subscribe", sub="a", **{"from": start}, **wish)
        await socket.next("caught_up")
        yield socket


def the(frame: Document) -> Document:
    """Return the alarm of an event frame."""
    data: Document = frame["event"]["data"]
    return data
