"""Sparkplug edge nodes in the record: where each session stands and what its births named."""

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct
from psycopg import AsyncConnection

from alarms import instants


class Phase(StrEnum):
    """Whether an edge node's births are known and hold."""

    born = "born"
    lost = "lost"
    """A birth may have passed us by: what its aliases mean is not known."""
    dead = "dead"


class Session(Struct, frozen=True, kw_only=True):
    """Where an edge node's session stands.

    `seq` is the newest number, 0 to 255, `counted` the same without wrapping, over all sessions.
    `missing` are numbers not yet come. Stamps are the payloads' own, ms, 0 for none; `_at` are
    Micros of the server's clock; from `rebirth_at` on a new birth is to be asked for.
    """

    gateway: str
    group: str
    phase: Phase
    bd_seq: int | None
    seq: int
    counted: int
    missing: frozenset[int]
    born_stamp: int
    newest_stamp: int
    born_at: int
    heard_at: int
    rebirth_at: int | None


class Birth(Struct, frozen=True, kw_only=True):
    """A birth certificate, of the node itself where `device` is empty; `changed_at` in Micros."""

    gateway: str
    device: str
    alive: bool
    changed_at: int
    metrics: bytes


async def sessions(conn: AsyncConnection) -> list[Session]:
    """Recall all sessions."""
    rows = await (
        await conn.execute(
            """
            select gateway, group_id, phase, bd_seq, seq, counted, missing, born_stamp,
                   newest_stamp, born_at, heard_at, rebirth_at
              from edge_node
            """
        )
    ).fetchall()
    return [
        Session(
            gateway=row[0],
            group=row[1],
            phase=Phase(row[2]),
            bd_seq=row[3],
            seq=row[4],
            counted=row[5],
            missing=frozenset(row[6]),
            born_stamp=row[7],
            newest_stamp=row[8],
            born_at=instants.from_datetime(row[9]),
            heard_at=instants.from_datetime(row[10]),
            rebirth_at=None if row[11] is None else instants.from_datetime(row[11]),
        )
        for row in rows
    ]


async def births(conn: AsyncConnection) -> list[Birth]:
    """Recall all birth certificates."""
    rows = await (
        await conn.execute("select gateway, device, alive, changed_at, metrics from edge_birth")
    ).fetchall()
    return [
        Birth(
            gateway=row[0],
            device=row[1],
            alive=row[2],
            changed_at=instants.from_datetime(row[3]),
            metrics=row[4],
        )
        for row in rows
    ]


async def save(
    conn: AsyncConnection,
    changed: Iterable[Session],
    *,
    reborn: Iterable[str],
    born: Iterable[Birth],
) -> None:
    """Store sessions as they stand now; the births of the gateways in `reborn` go, `born` come."""
    ordered = sorted(changed, key=lambda session: session.gateway)
    gone = sorted(reborn)
    if gone:
        await conn.execute("delete from edge_birth where gateway = any(%s)", (gone,))
    async with conn.cursor() as cursor:
        if ordered:
            await cursor.executemany(
                """
                insert into edge_node (gateway, group_id, phase, bd_seq, seq, counted, missing,
                                       born_stamp, newest_stamp, born_at, heard_at, rebirth_at)
                values (%s, %s, %s, %s, %s, %s, %s::smallint[], %s, %s, %s, %s, %s)
                on conflict (gateway) do update
                   set group_id = excluded.group_id, phase = excluded.phase,
                       bd_seq = excluded.bd_seq, seq = excluded.seq, counted = excluded.counted,
                       missing = excluded.missing, born_stamp = excluded.born_stamp,
                       newest_stamp = excluded.newest_stamp, born_at = excluded.born_at,
                       heard_at = excluded.heard_at, rebirth_at = excluded.rebirth_at
                """,
                [
                    (
                        one.gateway,
                        one.group,
                        one.phase,
                        one.bd_seq,
                        one.seq,
                        one.counted,
                        sorted(one.missing),
                        one.born_stamp,
                        one.newest_stamp,
                        instants.to_datetime(one.born_at),
                        instants.to_datetime(one.heard_at),
                        None if one.rebirth_at is None else instants.to_datetime(one.rebirth_at),
                    )
                    for one in ordered
                ],
            )
        certificates = sorted(born, key=lambda birth: (birth.gateway, birth.device))
        if certificates:
            await cursor.executemany(
                """
                insert into edge_birth (gateway, device, alive, changed_at, metrics)
                values (%s, %s, %s, %s, %s)
                on conflict (gateway, device) do update
                   set alive = excluded.alive, changed_at = excluded.changed_at,
                       metrics = excluded.metrics
                """,
                [
                    (
                        one.gateway,
                        one.device,
                        one.alive,
                        instants.to_datetime(one.changed_at),
                        one.metrics,
                    )
                    for one in certificates
                ],
            )
