"""One batch of messages, one transaction: decoded, judged, stored, journaled, committed, adopted.

Before COMMIT nothing is remembered and nothing is acknowledged; after it the engine's memory
follows the record. A batch that fails can be given again: whatever part of it is in the record
already is found there.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from psycopg import AsyncConnection

from alarms import preparation
from alarms.alarm import ProcessEvent
from alarms.computed import Computed
from alarms.engine import Engine, Proposal
from alarms.memory import Rota
from alarms.overload import Overload, Strain
from alarms.readings import CORRECTED, Readings, parted
from alarms.rules import rules_of
from alarms.storage import (
    alarms,
    facts,
    gateway_history,
    gateways,
    memory,
    neighbours,
    partitions,
    plant,
    readings,
    rejects,
    rollups,
    warnings,
    writer,
)
from alarms.uncollected import uncollected
from alarms.wording import LATE_US
from ingest import sequence, topics
from ingest.decoders.decoded import Reason, printable
from ingest.hearing import Heard, hear
from ingest.intake import Intake
from ingest.messages import Message
from ingest.recollecting import recollected
from ingest.refusals import Ledger, Refused
from ingest.roster import RAW_RETENTION_US, Roster
from ingest.sequence import Counted
from ingest.sifting import Account, Sifted, sift
from ingest.sparkplug import names
from ingest.sparkplug.edge_nodes import Draft, EdgeNodes

SERVICE: Final = "ingest"
NO_STRAIN: Final = Strain()


def no_step(_name: str) -> None:
    """Ignore the pipeline's steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a batch; `accounts` and `refused` are what its gateways are told."""

    messages: int
    fresh: int
    late: int
    duplicates: int
    conflicts: int
    events: int
    accounts: dict[str, Account]
    refused: Sequence[Refused]


class Pipeline:
    """Holds what a restart recalls: the engine, the roster, each gateway's newest number.

    `steps` is called with each step's name as it is done: decoded, judged, copied, journaled,
    committed, adopted. The connections given must be in autocommit; all times are Micros.
    """

    def __init__(
        self,
        *,
        prefix: str,
        steps: Callable[[str], None] = no_step,
        keeps_us: int = RAW_RETENTION_US,
    ) -> None:
        self._prefix = prefix
        self._keeps_us = keeps_us
        self._steps = steps
        self._engine: Engine
        self._computed: Computed
        self._roster: Roster
        self._intake: Intake
        self._rota: Rota
        self._unsaved = 0
        self._started = 0
        self.edge_nodes = EdgeNodes()
        self._condensed = 0
        self._sequences: dict[str, Counted] = {}
        self._months: frozenset[int] | None = frozenset()
        self._owed = rollups.NOTHING
        self._overload = Overload()
        self._judged: warnings.Judged | None = None

    async def recall(self, conn: AsyncConnection, *, now: int) -> None:
        """Build everything anew from the record; silence counts from `now` at the earliest."""
        async with _for_good(), conn.transaction():
            await writer.still(conn)
            registered, _ = await asyncio.gather(
                plant.load(conn), asyncio.to_thread(preparation.prepare)
            )
            self._steps("plant read")
            self._engine = Engine(registered, rules_of(registered), started=now)
            self._steps("engine built")
            recollection = await recollected(conn, self._engine, steps=self._steps)
            groups = self._engine.groups
            groups.replay(await neighbours.since(conn, registered, groups.wanted()))
            self._judged = None
            self._rota = Rota(
                self._engine, now=now, fresh=recollection.fresh, saved=recollection.saved
            )
            self._unsaved = 0
            self._computed = Computed(registered, self._engine.rules)
            self._roster = Roster.of(registered, self._engine.gateways, keeps_us=self._keeps_us)
            self._intake = Intake(registered)
            numbers = await gateways.sequences(conn)
            self._sequences = {gateway: Counted(newest) for gateway, newest in numbers.items()}
            await self.edge_nodes.recall(conn)
            self._started = now
            self._months = None if await facts.edition(conn) != "none" else frozenset()
            self._overload = Overload(await facts.of_the_system(conn))
            self._owed = rollups.NOTHING

    async def refresh(self, conn: AsyncConnection) -> bool:
        """Recall everything if the registry has changed since, and tell whether it had."""
        if await plant.revision(conn) == self._roster.plant.revision:
            return False
        await self.recall(conn, now=self._started)
        return True

    async def commit(
        self, conn: AsyncConnection, messages: Sequence[Message], *, now: int
    ) -> Outcome:
        """Bring messages into the record, whole or not at all."""
        heard, sifted = await self._sift(conn, messages)
        seen, newest = self._seen(sifted.accounts)
        async with conn.transaction():
            news = await self._without_known(conn, sifted)
            derived = self._computed.derive(news.readings, self._engine.newest)
            months = await self._ensure_partitions(conn, derived.readings)
            fresh, behind = parted(derived.readings, self._engine.last, bound=LATE_US)
            proposals = [
                self._engine.judge(
                    derived.readings.take(fresh),
                    now=now,
                    reported_by=derived.along(news.gateway)[fresh],
                    faults=sifted.faults,
                    behind=behind.point,
                )
            ]
            self._steps("judged")
            await readings.copy_new(conn, derived.readings.take(fresh), self._roster.ids)
            behind = self._engine.rewinds.teach(behind)
            late = await self._store_late(conn, behind)
            arrived = behind.take(late.stored)
            wanted = self._engine.around(arrived, proposals[0])
            if len(behind) or len(wanted.readings.rows):
                near = await neighbours.around(
                    conn, self._engine.plant, wanted.readings, without=arrived
                )
                proposals.append(self._engine.judge_late(arrived, near, wanted, proposals[0]))
            owed = await rollups.owe(conn, derived.readings, self._owed)
            self._steps("copied")
            events = await self._journal(conn, proposals, now=now)
            await rejects.keep(conn, [self._reject(entry) for entry in sifted.ledger.entries])
            await gateways.note_seen(conn, seen)
            await gateway_history.add(conn, seen)
            await gateways.note_states(conn, heard.stated)
            await heard.edge.store(conn)
            self._steps("journaled")
        self._steps("committed")
        for proposal in proposals:
            self._engine.adopt(proposal)
        self._owed = owed
        self._sequences.update(newest)
        self._unsaved += int(fresh.sum())
        self.edge_nodes.adopt(heard.edge)
        if self._months is not None:
            self._months |= months
        self._steps("adopted")
        return Outcome(
            messages=len(messages),
            fresh=int(fresh.sum()),
            late=int(late.stored.sum()),
            duplicates=late.duplicates + len(sifted.readings) - len(news.readings),
            conflicts=late.conflicts,
            events=events,
            accounts=sifted.accounts,
            refused=sifted.ledger.entries,
        )

    async def tick(
        self, conn: AsyncConnection, *, now: int, link_since: int, strain: Strain = NO_STRAIN
    ) -> int:
        """Let time speak: delays, silence, what is due of alarms; return how many events.

        `strain` is what is measured of the system itself.
        """
        await self.refresh(conn)
        proposal = self._engine.tick(now=now, link_since=link_since)
        strained, standing = self._overload.judge(strain, now)
        own = Proposal(events=tuple(strained))
        async with conn.transaction():
            events = await self._journal(conn, [proposal, own], now=now)
            events += await alarms.due(conn, now=now)
            judged = await warnings.judge(conn, now=now, before=self._judged)
            await gateways.beat(conn, SERVICE, now=now)
            due = self._rota.due(now, stored=self._unsaved)
            await memory.save(conn, due, now=now)
            if now - self._condensed >= gateway_history.MINUTE_US:
                await gateway_history.condense(conn, now=now)
                self._condensed = now
            handed = await rollups.hand_over(conn, self._owed, now=now)
        self._unsaved = 0
        self._judged = judged
        self._engine.adopt(proposal)
        self._overload.adopt(standing)
        self._owed = handed
        return events + judged.entries

    async def reject(self, conn: AsyncConnection, message: Message, why: str) -> list[Refused]:
        """Keep a message that no transaction can take, so that it need not come again.

        Return what its gateway is to be told; nothing where that is not registered.
        """
        topic, name = topics.parse(self._prefix, message.topic), names.parse(message.topic)
        gateway = topic.gateway if topic is not None else "" if name is None else name.node
        ledger = Ledger()
        ledger.add(
            printable(gateway),
            Reason.bad_value,
            tag=None,
            received=message.received,
            payload=message.payload,
            sample=why,
        )
        async with conn.transaction():
            await rejects.keep(conn, [self._reject(entry) for entry in ledger.entries])
        return ledger.entries if gateway in self._roster.gateways else []

    def _hear(self, messages: Sequence[Message]) -> Heard:
        return hear(
            messages,
            prefix=self._prefix,
            roster=self._roster,
            intake=self._intake,
            edge=Draft(self.edge_nodes, self._roster, self._intake),
        )

    async def _sift(
        self, conn: AsyncConnection, messages: Sequence[Message]
    ) -> tuple[Heard, Sifted]:
        """Decode and sift; where a name is not known, make sure the registry has not changed."""
        heard = self._hear(messages)
        self._steps("decoded")
        sifted = sift(heard.arrived, self._roster, heard.ledger)
        names_fail = {Reason.unknown_point, Reason.unknown_gateway, Reason.not_allowed}
        if any(entry.reason in names_fail for entry in heard.ledger.entries) and (
            await self.refresh(conn)
        ):
            heard = self._hear(messages)
            sifted = sift(heard.arrived, self._roster, heard.ledger)
        return heard, sifted

    async def _without_known(self, conn: AsyncConnection, sifted: Sifted) -> Sifted:
        """Leave out corrected readings that were stored before, or stand twice in the batch."""
        corrected = (sifted.readings.quality & CORRECTED) != 0
        if not corrected.any():
            return sifted
        places = np.flatnonzero(corrected)
        asked = sifted.readings.take(places)
        known = await readings.known_corrected(conn, self._roster.ids, asked)
        met: set[tuple[int, int]] = set()
        for place, identity in enumerate(
            zip(asked.point.tolist(), asked.stamp.tolist(), strict=True)
        ):
            known[place] |= identity in met
            met.add(identity)
        keep = np.ones(len(sifted.readings), np.bool_)
        keep[places[known]] = False
        return Sifted(
            readings=sifted.readings.take(keep),
            gateway=sifted.gateway[keep],
            ledger=sifted.ledger,
            accounts=sifted.accounts,
            faults=sifted.faults,
        )

    async def _ensure_partitions(self, conn: AsyncConnection, arrived: Readings) -> frozenset[int]:
        if self._months is None or len(arrived) == 0:
            return frozenset()
        months = partitions.months_of(arrived.time)
        if not months <= self._months:
            await partitions.ensure(conn, "reading", months - self._months)
        return months

    async def _store_late(self, conn: AsyncConnection, late: Readings) -> readings.Late:
        if len(late) == 0:
            return readings.Late(np.zeros(0, np.bool_), 0, 0)
        stored = await readings.insert_late(conn, late, self._roster.ids)
        await readings.keep_corrected(conn, late, self._roster.ids)
        return stored

    async def _journal(
        self, conn: AsyncConnection, proposals: Sequence[Proposal], *, now: int
    ) -> int:
        events: list[ProcessEvent] = []
        for proposal in proposals:
            events += proposal.events
        entries = await alarms.apply_events(conn, events, now=now)
        for proposal in proposals:
            await alarms.save_states(conn, proposal.states, proposal.gone)
        return entries

    def _seen(self, accounts: dict[str, Account]) -> tuple[list[gateways.Seen], dict[str, Counted]]:
        seen: list[gateways.Seen] = []
        newest: dict[str, Counted] = {}
        for gateway, account in accounts.items():
            counted = sequence.follow(self._sequences.get(gateway, Counted()), account.sequence)
            newest[gateway] = counted
            error = account.clock_error_us
            seen.append(
                gateways.Seen(
                    gateway=gateway,
                    received=account.received,
                    clock_error_s=None if error is None else error / 1e6,
                    newest_seq=counted.newest,
                    messages=account.messages,
                    accepted=account.accepted,
                    rejected=account.rejected,
                    lost=counted.lost,
                    corrected=account.corrected,
                    ahead=account.ahead,
                )
            )
        return seen, newest

    def _reject(self, entry: Refused) -> rejects.Reject:
        registered = self._roster.plant
        gateway = registered.gateways.get(entry.gateway)
        enterprise = None if gateway is None else registered.enterprises[gateway.enterprise]
        return rejects.Reject(
            received=entry.received,
            gateway=entry.gateway,
            enterprise=None if enterprise is None else enterprise.code,
            region=None if enterprise is None else enterprise.region,
            reason=entry.reason,
            tag=entry.tag,
            count=entry.count,
            first=msgspec.json.decode(entry.first),
            payload=entry.payload,
        )


@asynccontextmanager
async def _for_good() -> AsyncIterator[None]:
    """Build what is for good: the garbage collector does not walk it later either, for seconds."""
    gc.unfreeze()
    with uncollected():
        try:
            yield
        finally:
            gc.freeze()
