"""The edge nodes as ingest knows them: drafts for a batch, adopted when the batch is committed.

A node's id is a gateway's id. The record is the truth and this its memory: a batch is heard in a
draft, stored with the batch's transaction, and only then adopted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec
from psycopg import AsyncConnection

from alarms.storage import edge_nodes, gateways
from alarms.storage.edge_nodes import Birth, Phase, Session
from ingest.decoders import sparkplug
from ingest.decoders.decoded import Decoded, Reason, refused_whole
from ingest.decoders.sparkplug import Born, Table
from ingest.decoders.status import GatewayState
from ingest.intake import Intake
from ingest.messages import Message
from ingest.roster import Roster
from ingest.sifting import Arrived
from ingest.sparkplug import host, names, sessions
from ingest.sparkplug.names import Name, Verb
from ingest.sparkplug.payload_pb2 import Payload

LONGEST_NAME: Final = 256
"""Characters of a group's or a device's id; messages under longer ones are refused."""
MOST_DEVICES: Final = 1_000
"""Devices of one edge node that are known at a time; births of more are refused."""
SETTLE_US: Final = 10_000_000
"""How long after our own connection edge nodes may give birth unasked: our STATE tells them to."""
ASK_AGAIN_US: Final = 10_000_000
"""The least time between two rebirth requests to a node; unanswered, it doubles each time."""
LONGEST_WAIT_US: Final = 600_000_000
MOST_COMMANDS: Final = 50
"""Births asked for in one go, once a second: a whole plant reborn at once would be a flood."""
_births: Final = msgspec.msgpack.Decoder(tuple[Born, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a message came to: its readings and refusals, and what it says of the gateway."""

    decoded: Decoded
    state: GatewayState | None = None


class EdgeNodes:
    """Every session and what its births named; all times are Micros."""

    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}
        self.births: dict[str, dict[str, Birth]] = {}
        self.tables: dict[str, dict[str, Table]] = {}
        self.link_since = 0
        self._wanted: dict[str, int] = {}
        self._asked: dict[str, tuple[int, int]] = {}

    async def recall(self, conn: AsyncConnection) -> None:
        """Take up where the record stands; tables are laid out anew, for tags may have changed."""
        self.sessions = {one.gateway: one for one in await edge_nodes.sessions(conn)}
        self.births, self.tables = {}, {}
        for birth in await edge_nodes.births(conn):
            self.births.setdefault(birth.gateway, {})[birth.device] = birth
        self._wanted = {}
        for session in self.sessions.values():
            self._want(session)

    def link(self, since: int | None) -> None:
        """Note since when our connection stands: what was said before may have passed us by."""
        if since is None or since == self.link_since:
            return
        self.link_since = since
        for session in self.sessions.values():
            self._want(session)

    def adopt(self, draft: "Draft") -> None:
        """Let a committed draft take effect."""
        self.sessions.update(draft.sessions)
        for gateway in draft.reborn:
            self.births.pop(gateway, None)
            if gateway in self._asked:
                self._asked[gateway] = self._asked[gateway][0], ASK_AGAIN_US
            self.tables.pop(gateway, None)
        for gateway, births in draft.births.items():
            self.births.setdefault(gateway, {}).update(births)
        for gateway, tables in draft.tables.items():
            self.tables.setdefault(gateway, {}).update(tables)
        for session in draft.sessions.values():
            self._want(session)

    def commands(self, now: int) -> Iterator[tuple[str, bytes]]:
        """Yield the rebirth requests that are due as (topic, payload), and take them as sent."""
        due = [gateway for gateway, at in self._wanted.items() if at <= now]
        sent = 0
        for gateway in due:
            at, wait = self._asked.get(gateway, (0, 0))
            if now - at < wait:
                continue
            self._asked[gateway] = now, min(2 * wait or ASK_AGAIN_US, LONGEST_WAIT_US)
            yield names.command(self.sessions[gateway].group, gateway), host.rebirth(now)
            sent += 1
            if sent == MOST_COMMANDS:
                return

    def _want(self, session: Session) -> None:
        wanted = session.rebirth_at
        if wanted is None and session.phase is Phase.born and session.born_at < self.link_since:
            wanted = self.link_since + SETTLE_US
        if wanted is None:
            self._wanted.pop(session.gateway, None)
        else:
            self._wanted[session.gateway] = wanted


class Draft:
    """What a batch changes, over what is known; nothing of it is known until it is adopted."""

    def __init__(self, nodes: EdgeNodes, roster: Roster, intake: Intake) -> None:
        self.sessions: dict[str, Session] = {}
        self.births: dict[str, dict[str, Birth]] = {}
        self.tables: dict[str, dict[str, Table]] = {}
        self.reborn: set[str] = set()
        self._nodes = nodes
        self._roster = roster
        self._intake = intake

    def hear(self, message: Message, arrived: list[Arrived], stated: list[gateways.Stated]) -> None:
        """Take a message, if it is an edge node's; add what it brings and what it says."""
        name = names.parse(message.topic)
        if name is None:
            return
        heard = self._hear(name, message)
        self._intake.translate(name.node, heard.decoded)
        arrived.append(
            Arrived(
                gateway=name.node,
                received=message.received,
                payload=message.payload,
                decoded=heard.decoded,
            )
        )
        if heard.state is not None:
            stated.append(
                gateways.Stated(gateway=name.node, state=heard.state, at=message.received)
            )

    async def store(self, conn: AsyncConnection) -> None:
        """Write what is changed, in the caller's transaction."""
        await edge_nodes.save(
            conn,
            self.sessions.values(),
            reborn=self.reborn,
            born=[birth for births in self.births.values() for birth in births.values()],
        )

    def _hear(self, name: Name, message: Message) -> Heard:
        if name.node not in self._roster.gateways:
            return Heard(decoded=Decoded())
        if message.retained:  # of a session that may be long over
            return Heard(decoded=refused_whole(Reason.bad_time, "retained by the broker"))
        if max(len(name.group), len(name.device)) > LONGEST_NAME:
            return Heard(decoded=refused_whole(Reason.bad_shape, "a group or device id too long"))
        parsed = sparkplug.parse(message.payload)
        if isinstance(parsed, Decoded):
            return Heard(decoded=parsed)
        match name.verb:
            case Verb.NBIRTH:
                return self._node_born(name, parsed, message.received)
            case Verb.NDEATH:
                return self._node_died(name, parsed, message.received)
            case _:
                return self._go_on(name, parsed, message.received)

    def _node_born(self, name: Name, payload: Payload, received: int) -> Heard:
        session = sessions.born(
            self._session(name.node),
            gateway=name.node,
            group=name.group,
            bd_seq=sparkplug.bd_seq(payload),
            seq=payload.seq,
            stamp=_stamp(payload),
            received=received,
        )
        self.sessions[name.node] = session
        self.reborn.add(name.node)
        self.births[name.node] = {}
        self.tables[name.node] = {}
        decoded = self._born(name, payload, received)
        decoded.sequence.append(session.counted)
        return Heard(decoded=decoded, state=GatewayState.online)

    def _node_died(self, name: Name, payload: Payload, received: int) -> Heard:
        session = self._session(name.node)
        if session is None:
            return Heard(decoded=Decoded(), state=GatewayState.offline)
        dead = sessions.died(session, sparkplug.bd_seq(payload), received)
        if dead is None or name.group != session.group:
            return Heard(decoded=Decoded())
        self.sessions[name.node] = dead
        for device, birth in self._births(name.node).items():
            self._end(name.node, device, birth, at=received)
        return Heard(decoded=Decoded(), state=GatewayState.offline)

    def _go_on(self, name: Name, payload: Payload, received: int) -> Heard:
        session = self._session(name.node)
        if session is None or session.group != name.group:
            session = sessions.unknown(name.node, name.group, received)
        if session.phase is Phase.born:
            session = sessions.follow(
                session,
                seq=payload.seq if payload.HasField("seq") else None,
                stamp=_stamp(payload),
                received=received,
                link_since=self._nodes.link_since,
            )
        if session.phase is not Phase.born:
            self.sessions[name.node] = sessions.lost(session, received)
            return Heard(decoded=_before_birth(name, payload))
        self.sessions[name.node] = session
        match name.verb:
            case Verb.DBIRTH:
                decoded = self._device_born(name, payload, received)
            case Verb.DDEATH:
                decoded = self._device_died(name, payload, received)
            case _:
                decoded = self._said(name, payload, received)
        decoded.sequence.append(session.counted)
        return Heard(decoded=decoded)

    def _device_born(self, name: Name, payload: Payload, received: int) -> Decoded:
        if self._birth(name) is None and len(self._births(name.node)) > MOST_DEVICES:
            return refused_whole(Reason.too_large, f"more than {MOST_DEVICES} devices")
        return self._born(name, payload, received)

    def _device_died(self, name: Name, payload: Payload, received: int) -> Decoded:
        """Note a device's death, at the time its payload gives."""
        birth = self._birth(name)
        if birth is not None:
            self._end(name.node, name.device, birth, at=_stamp(payload) * 1000 or received)
        return Decoded()

    def _end(self, node: str, device: str, birth: Birth, *, at: int) -> None:
        """Note since when nothing a birth named is fresh."""
        if birth.alive:
            ended = msgspec.structs.replace(birth, alive=False, changed_at=at)
            self.births.setdefault(node, {})[device] = ended

    def _said(self, name: Name, payload: Payload, received: int) -> Decoded:
        birth = self._birth(name)
        if birth is None or not birth.alive:
            decoded, all_born = _before_birth(name, payload), False
        else:
            decoded, all_born = sparkplug.decode(payload, received, self._table(name, birth))
        if not all_born:
            self.sessions[name.node] = sessions.lost(self.sessions[name.node], received)
        return decoded

    def _born(self, name: Name, payload: Payload, received: int) -> Decoded:
        metrics = sparkplug.births(payload)
        birth = Birth(
            gateway=name.node,
            device=name.device,
            alive=True,
            changed_at=received,
            metrics=msgspec.msgpack.encode(metrics),
        )
        self.births.setdefault(name.node, {})[name.device] = birth
        table = self._lay_out(name, metrics)
        return sparkplug.decode(payload, received, table)[0]

    def _table(self, name: Name, birth: Birth) -> Table:
        """Return the table of a birth, laid out at its first use."""
        drafted = self.tables.get(name.node, {}).get(name.device)
        if drafted is not None:
            return drafted
        known = self._nodes.tables.get(name.node, {}).get(name.device)
        if known is not None and name.node not in self.reborn:
            return known
        return self._lay_out(name, _births.decode(birth.metrics))

    def _lay_out(self, name: Name, metrics: tuple[Born, ...]) -> Table:
        known = self._roster.rows_of(name.node)
        table = Table.of(metrics, device=name.device, known=known)
        self.tables.setdefault(name.node, {})[name.device] = table
        return table

    def _session(self, gateway: str) -> Session | None:
        return self.sessions.get(gateway) or self._nodes.sessions.get(gateway)

    def _births(self, node: str) -> dict[str, Birth]:
        """Return the births that hold for a node and its devices, by device."""
        earlier = {} if node in self.reborn else self._nodes.births.get(node, {})
        return {**earlier, **self.births.get(node, {})}

    def _birth(self, name: Name) -> Birth | None:
        """Return the birth that holds for a node or a device."""
        drafted = self.births.get(name.node, {}).get(name.device)
        if drafted is not None or name.node in self.reborn:
            return drafted
        return self._nodes.births.get(name.node, {}).get(name.device)


def _before_birth(name: Name, payload: Payload) -> Decoded:
    """Refuse a message whose metrics no birth names."""
    decoded = Decoded()
    if len(payload.metrics):
        decoded.refuse(
            Reason.unknown_point,
            None,
            f"{name.verb} before a birth; one is asked for",
            len(payload.metrics),
        )
    return decoded


def _stamp(payload: Payload) -> int:
    """Return a payload's timestamp in ms; 0 where it has none, or one beyond the year 10000."""
    return payload.timestamp if payload.timestamp < 253_402_300_800_000 else 0
