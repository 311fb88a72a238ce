"""Two regions with three enterprises, and everybody who may ask, by role, scope, credential."""

import hashlib
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from fastapi import FastAPI

from alarms.alarm import Subject
from alarms.storage import accounts, connection
from api.authority import Authority
from api.gateway_life import Entrance
from tests import asgi, beacons, rights, rights_rows
from tests.asgi import Answer
from tests.rights import ENTERPRISES, OWN, REGIONS, ROLES, SCOPES

NOBODY: Any = {
    "alarm_id": "01NOSUCHALARM0000000000000",
    "warning_id": "01NOSUCHWARNING00000000000",
    "point_id": "NOBODY-1:T1",
    "gateway": "gw-NOBODY-1",
    "gateway_id": "gw-NOBODY-1",
    "serial": "abc",
    "webhook": "999999",
    "relay": "999999",
    "tower_id": "00000000-0000-0000-0000-000000000000",
    "region": "440399",
    "place": "440399",
    "name": "nowhere",
}
"""What nothing registered is called."""


class Door:
    """A broker that lets in and shuts out whom it is told."""

    async def admit(
        self, gateway: str, _password: str | None, _digest: str | None
    ) -> Sequence[str]:
        return (f"{gateway} let in",)

    async def shut(self, gateway: str) -> Sequence[str]:
        return (f"{gateway} shut out",)


def entrance(folder: Path) -> Entrance:
    """Return a way in to a broker that agrees to everything."""
    return Entrance(
        address="mqtt://broker.example:1883",
        prefix="fengsui/v1",
        door=Door(),
        authority=Authority(folder),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody: role, scope, and the headers that say so."""

    role: str
    scope: str
    kind: str
    headers: dict[str, str]


@dataclass(slots=True, kw_only=True)
class World:
    """The app over one database, who may ask, and what they ask for."""

    app: FastAPI
    url: str
    callers: list[Caller] = field(default_factory=list)
    places: dict[str, Any] = field(default_factory=dict)
    """What the doors' parameters are called for a thing of OWN; `drill`: a simulated alarm."""
    ended: dict[str, dict[str, str]] = field(default_factory=dict)
    """Headers of nobody, and of credentials that let nobody in any more."""
    marks: dict[str, set[str]] = field(default_factory=dict)
    """What only an answer that tells of an enterprise, or of a scope's webhook, can hold."""

    def caller(self, role: str, scope: str, kind: str = "token") -> Caller:
        """Return one of the callers."""
        return next(
            each
            for each in self.callers
            if (each.role, each.scope, each.kind) == (role, scope, kind)
        )

    async def ask(
        self,
        door: str,
        headers: dict[str, str],
        places: dict[str, Any],
        body: object = None,
        query: dict[str, Any] | None = None,
    ) -> Answer:
        """Ask at a door of the table."""
        method, _, path = door.partition(" ")
        address = path.format(**places)
        return await asgi.request(
            self.app,
            method,
            f"/{address}" if address == "metrics" else f"/api/v1/{address}",
            headers={"x-fengsui": "1", **headers},
            body=b"" if body is None else json.dumps(body).encode(),
            query=query,
        )


async def built(app: FastAPI, url: str) -> World:
    """Register the plant, its alarms and warnings, and everybody who asks."""
    world = World(app=app, url=url)
    await _plant(url)
    world.callers = await _callers(url)
    world.ended = await _ended(url)
    administrator = world.caller("administrator", "all").headers
    for code in ENTERPRISES:
        await beacons.happen(url, *(_event(code, drill=drill) for drill in (False, True)))
        world.marks[code] = {code, f"words of {code}"}
        made = await world.ask(
            "POST warnings",
            administrator,
            {},
            {
                "level": "yellow",
                "enterprise": code,
                "source": f"{code}-S1",
                "cautions": f"words of {code}",
            },
        )
        assert made.status == 200, made.text
        warning = made.json()["id"]
        issued = await world.ask(
            "POST warnings/{warning_id}/issue", administrator, {"warning_id": warning}, {}
        )
        assert issued.status == 200, issued.text
        world.marks[code].add(warning)
        if code == OWN:
            world.places["warning_id"] = warning
    await beacons.happen(url, beacons.SYSTEM)
    for scope in SCOPES:
        caller = world.caller("administrator", scope)
        hook = {"name": "hook", "url": f"https://of-{scope.lower()}.example/hook"}
        made = await world.ask("POST webhooks", caller.headers, {}, hook)
        assert made.status == 201, made.text
    await _found(world)
    return world


async def _plant(url: str) -> None:
    async with await connection.connect(url) as conn:
        await conn.execute(rights_rows.CHANNEL, {"name": "kept"})
        await conn.execute(rights_rows.RELAY, {"name": "kept"})
        for code, region in ENTERPRISES.items():
            await conn.execute(
                "insert into enterprise (code, name, region) values (%s, %s, %s)",
                (code, f"words of {code}", region),
            )
            await conn.execute(
                """
                insert into source (enterprise_id, code, name, kind, level)
                select id, code || '-S1', name, 'tank_farm', 2 from enterprise where code = %s
                """,
                (code,),
            )
            await conn.execute(
                """
                insert into unit (source_id, code, name, kind)
                select id, 'U1', name, 'tank' from source where code = %s || '-S1'
                """,
                (code,),
            )
            await conn.execute(
                """
                insert into gateway (id, enterprise_id, credential, credential_at)
                select 'gw-' || case when spare then 'spare-' else '' end || code, id, 'x', now()
                  from enterprise, unnest('{true,false}'::bool[]) spare where code = %s
                """,
                (code,),
            )
            await conn.execute(
                """
                insert into gateway_certificate
                select md5(g.id), g.id, 'f', now(), now() + interval '1 day', e.name
                  from gateway g join enterprise e on e.id = g.enterprise_id where e.code = %s
                """,
                (code,),
            )
            await conn.execute(
                """
                insert into point (enterprise_id, unit_id, tag, name, quantity, engineering_unit,
                                   range_low, range_high, limits, registered_at)
                select e.id, u.id, 'T1', e.name, 'level', 'm', 0, 10, '{"h": 8}', now()
                  from enterprise e join source s on s.enterprise_id = e.id
                  join unit u on u.source_id = s.id where e.code = %s
                """,
                (code,),
            )
            await conn.execute(
                """
                insert into reject (received, gateway, enterprise, region, reason, count, payload)
                select now(), 'gw-' || code, code, region, 'bad_json', 1, name::bytea
                  from enterprise where code = %s
                """,
                (code,),
            )
            await conn.execute(rights_rows.ROSTER, {"place": region})
            await conn.execute(
                "insert into warning_table values (%s, %s, now())",
                (region, json.dumps({"rows": [], "measures": {"red": f"words of {code}"}})),
            )


def _event(code: str, *, drill: bool) -> Any:
    event = beacons.event(rule="limit.high" if not drill else "limit.low")
    return msgspec.structs.replace(
        event,
        subject=Subject(
            key=f"{code}/T1",
            region=ENTERPRISES[code],
            enterprise=code,
            source=f"{code}-S1",
            unit="U1",
            point="T1",
            name=f"words of {code}",
            quantity="level",
            engineering_unit="m",
            simulated=drill,
        ),
        t_change=time.time_ns() // 1000 - int(drill),
    )


async def _callers(url: str) -> list[Caller]:
    """Make a person with a session and a machine with a token for each role and scope."""
    made: list[Caller] = []
    now = datetime.now(UTC)
    async with await connection.connect(url) as conn:
        for role in ROLES:
            for scope in SCOPES:
                token, session = f"fs_{secrets.token_hex(16)}", secrets.token_hex(16)
                name = f"{role} of {scope.lower()}"
                await accounts.create_token(
                    conn,
                    name=f"machine, {name}",
                    token_hash=_digest(token),
                    scope=scope,
                    role=role,
                    now=now,
                    expires_at=None,
                )
                await accounts.create_person(
                    conn, name=name, password_hash="x", scope=scope, role=role, now=now
                )
                await open_session(conn, session, name)
                made += [
                    Caller(
                        role=role,
                        scope=scope,
                        kind="token",
                        headers={"authorization": f"Bearer {token}"},
                    ),
                    Caller(
                        role=role,
                        scope=scope,
                        kind="session",
                        headers={
                            "cookie": f"fengsui_session={session}",
                            "origin": "http://here",
                            "host": "here",
                        },
                    ),
                ]
    return made


async def _ended(url: str) -> dict[str, dict[str, str]]:
    """Make credentials of administrators of everything that have ended, each in its way."""
    now, person = datetime.now(UTC), "administrator of all"
    async with await connection.connect(url) as conn:
        for name in ("expired", "revoked"):
            await accounts.create_token(
                conn,
                name=name,
                token_hash=_digest(f"fs_{name}"),
                scope="all",
                role="administrator",
                now=now,
                expires_at=now - timedelta(seconds=1) if name == "expired" else None,
            )
        await accounts.revoke_token(conn, "revoked", now=now)
        await open_session(conn, "over", person, hours=-1)
        await accounts.create_token(
            conn,
            name="a broker",
            token_hash=_digest("fs_broker"),
            scope="all",
            role="broker",
            now=now,
            expires_at=None,
        )
        await accounts.create_person(
            conn, name="gone", password_hash="x", scope="all", role="administrator", now=now
        )
        await open_session(conn, "gone", "gone")
        await conn.execute("update person set disabled = true where name = 'gone'")
    return {
        "nobody": {},
        **{
            f"token {name}": {"authorization": f"Bearer fs_{name}"}
            for name in ("expired", "revoked", "broker", "invented")
        },
        **{
            f"session {name}": {"cookie": f"fengsui_session={name}"}
            for name in ("over", "gone", "invented")
        },
    }


async def open_session(conn: Any, session: str, person: str, *, hours: int = 8) -> None:
    """Let a person be signed in."""
    now = datetime.now(UTC)
    await accounts.open_session(
        conn,
        token_hash=_digest(session),
        person=person,
        now=now - timedelta(hours=9),
        expires_at=now + timedelta(hours=hours),
    )


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


async def _found(world: World) -> None:
    """Look up what the things are called."""
    async with await connection.connect(world.url) as conn:
        rows = await (
            await conn.execute(
                "select enterprise, id, simulated from alarm where enterprise is not null"
            )
        ).fetchall()
        for enterprise, alarm, simulated in rows:
            world.marks[enterprise].add(alarm)
            if enterprise == OWN:
                world.places["drill" if simulated else "alarm_id"] = alarm
        found = await (await conn.execute("select scope, id from webhook")).fetchall()
        hooks: dict[str, int] = dict(found)
        (relay,) = await (await conn.execute("select id from relay")).fetchone() or (0,)
    for code, region in ENTERPRISES.items():
        if region != ENTERPRISES[OWN]:
            world.marks[code].add(region)
    world.places |= {
        "point_id": f"{OWN}:T1",
        "gateway": f"gw-{OWN}",
        "gateway_id": f"gw-{OWN}",
        "serial": hashlib.md5(f"gw-{OWN}".encode(), usedforsecurity=False).hexdigest(),
        "webhook": str(hooks["510603"]),
        "relay": str(relay),
        "tower_id": NOBODY["tower_id"],
        "region": ENTERPRISES[OWN],
        "place": ENTERPRISES[OWN],
        "name": "kept",
        "span": "day",
        "form": "csv",
        "key": "fs_nobody",
    }


def hidden_words(world: World, scope: str) -> set[str]:
    """Return what no answer to this scope may hold: of foreign enterprises, of others' webhooks."""
    words = {word for code in rights.foreign_to(scope) for word in world.marks[code]}
    hooks = {f"of-{other.lower()}.example" for other in SCOPES if not _sees(scope, other)}
    return words | hooks


def _sees(scope: str, other: str) -> bool:
    """Tell whether a scope covers what is another scope's own."""
    if other == "all":
        return scope == "all"
    if other in REGIONS:
        return rights.covers(scope, REGIONS[other], None)
    return rights.covers(scope, None, other)
