"""Sift decoded messages: whose readings they are, when they happened, whether they can be true.

Pure. Readings come out as columns in order of receipt, judged by contracts.md section 4 on time,
quality and range; what is refused is counted by reason and tag.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.proposal import PointFault
from alarms.readings import (
    CLAMPED,
    CORRECTED,
    HISTORY,
    QUALITY_MASK,
    STAMPED_HERE,
    Mask,
    Quality,
    Readings,
)
from ingest.decoders.decoded import Decoded, Reason, printable
from ingest.refusals import Ledger
from ingest.roster import Roster

AHEAD_US: Final = 5_000_000
"""A stamp further ahead of its receipt is uncertain (alarms.md, T_future)."""
FUTURE_US: Final = 300_000_000
"""A stamp further ahead of its receipt is judged and stored at receipt."""
BELOW_SPAN: Final = 0.05
"""How far below the range, in spans, a number still counts as its lower end."""
ABOVE_SPAN: Final = 1.0
"""How far above the range, in spans, a number still counts as its upper end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A message of a gateway, decoded; `received` in Micros."""

    gateway: str
    received: int
    payload: bytes
    decoded: Decoded


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One gateway's share of a batch; `clock_error_us` of its newest stamped, live message.

    `ahead` has the newest stamp of the last message that was corrected, and its receipt, in Micros.
    """

    messages: int = 0
    accepted: int = 0
    rejected: int = 0
    corrected: int = 0
    received: int = 0
    clock_error_us: int | None = None
    ahead: tuple[int, int] | None = None
    sequence: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sifted:
    """What a batch comes to; `gateway` is each reading's gateway, by its place in the roster."""

    readings: Readings
    gateway: NDArray[np.int32]
    ledger: Ledger
    accounts: dict[str, Account] = field(default_factory=dict)
    faults: Sequence[PointFault] = ()


def sift(arrived: Sequence[Arrived], roster: Roster, ledger: Ledger) -> Sifted:
    """Sift messages, in order of receipt, against the plant; refusals go to the ledger."""
    known = _known_gateways(arrived, roster, ledger)
    columns = _Columns.of(known, roster)
    columns.refuse(columns.rows < 0, Reason.unknown_point, ledger)
    owner = roster.owner[columns.rows]
    foreign = (columns.rows >= 0) & (owner >= 0) & (owner != columns.gateway)
    columns.refuse(foreign, Reason.not_allowed, ledger)
    columns.refuse(columns.stamps < columns.received - roster.keeps_us, Reason.too_old, ledger)
    future = columns.stamps > columns.received + FUTURE_US
    times = _times(columns, future)
    quality, values = _quality_and_value(columns, roster, future)
    outside = _outside(columns, roster)
    out_of_range = _out_of_range(columns, outside & columns.good, times)
    columns.refuse(outside, Reason.out_of_range, ledger)
    good = columns.good
    readings = Readings(
        point=columns.rows[good],
        time=times[good],
        value=values[good],
        quality=quality[good],
        received=columns.received[good],
        stamp=columns.stamps[good],
    )
    return Sifted(
        readings=readings,
        gateway=columns.gateway[good],
        ledger=ledger,
        accounts=_accounts(known, columns, future, ledger),
        faults=(*out_of_range, *_clock_faults(known, columns, future & good)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What recorded columns come to; `taken` marks the rows that are readings."""

    readings: Readings
    taken: Mask
    faults: Sequence[PointFault]
    refused: dict[Reason, int]


def sift_recorded(readings: Readings, roster: Roster, gateway_of: NDArray[np.int32]) -> Recorded:
    """Sift readings that come as columns, by the rules of `sift`; row -1 is an unknown point.

    `gateway_of` has a point row's gateway (its place in the roster), -1 for none: whose clock is
    ahead where a stamp lies in the future.
    """
    columns = _Columns([])
    columns.rows, columns.values = readings.point, readings.value
    columns.stamps, columns.marks = readings.stamp, readings.quality
    columns.received, columns.good = readings.received, np.ones(len(readings), np.bool_)
    columns.message = np.zeros(0, np.int64)
    columns.gateway = np.zeros(0, np.int32)
    future = columns.stamps > columns.received + FUTURE_US
    outside = _outside(columns, roster)
    refused: dict[Reason, int] = {}
    faults: list[PointFault] = []
    times = _times(columns, future)
    for bad, reason in (
        (columns.rows < 0, Reason.unknown_point),
        (roster.owner[columns.rows] == len(roster.gateways), Reason.not_allowed),
        (columns.stamps < columns.received - roster.keeps_us, Reason.too_old),
        (outside, Reason.out_of_range),
    ):
        if reason is Reason.out_of_range:
            faults = _out_of_range(columns, outside & columns.good, times)
        count = int((bad & columns.good).sum())
        if count:
            refused[reason] = count
        columns.good &= ~bad
    quality, values = _quality_and_value(columns, roster, future)
    good = columns.good
    names = list(roster.gateways)
    for place in np.flatnonzero(future & good).tolist():
        gateway = int(gateway_of[columns.rows[place]])
        if gateway >= 0:
            received = int(columns.received[place])
            faults.append(
                PointFault(
                    reason="future_time",
                    gateway=names[gateway],
                    time=received,
                    received=received,
                    stamp=int(columns.stamps[place]),
                )
            )
    taken = Readings(
        point=columns.rows[good],
        time=times[good],
        value=values[good],
        quality=quality[good],
        received=columns.received[good],
        stamp=columns.stamps[good],
    )
    return Recorded(readings=taken, taken=good, faults=faults, refused=refused)


class _Columns:
    """Everything decoded, one entry a reading; `good` marks what is not refused."""

    def __init__(self, arrived: Sequence[Arrived]) -> None:
        self.arrived = arrived
        self.tags: list[str] = []
        self.rows: NDArray[np.int32]
        self.values: NDArray[np.float64]
        self.stamps: NDArray[np.int64]
        self.marks: NDArray[np.int16]
        self.message: NDArray[np.int64]
        self.received: NDArray[np.int64]
        self.gateway: NDArray[np.int32]
        self.good: Mask

    @classmethod
    def of(cls, arrived: Sequence[Arrived], roster: Roster) -> "_Columns":
        columns = cls(arrived)
        rows: list[int] = []
        values: list[float] = []
        counts: list[int] = []
        stamps: list[int] = []
        marks: list[int] = []
        for one in arrived:
            decoded = one.decoded
            row_of = roster.rows_of(one.gateway).get
            rows += [row_of(tag, -1) for tag in decoded.tags]
            columns.tags += decoded.tags
            values += decoded.values
            counts += decoded.counts
            stamps += decoded.stamps
            marks += decoded.marks
        lengths = [len(one.decoded.tags) for one in arrived]
        columns.rows = np.array(rows, np.int32)
        columns.values = np.array(values, np.float64)
        columns.stamps = np.repeat(np.array(stamps, np.int64), counts)
        columns.marks = np.repeat(np.array(marks, np.int16), counts)
        columns.message = np.repeat(np.arange(len(arrived)), lengths)
        columns.received = np.repeat(np.array([o.received for o in arrived], np.int64), lengths)
        places = [roster.gateways[one.gateway] for one in arrived]
        columns.gateway = np.repeat(np.array(places, np.int32), lengths)
        columns.good = np.ones(len(rows), np.bool_)
        return columns

    def refuse(self, bad: Mask, reason: Reason, ledger: Ledger) -> None:
        """Refuse what is bad and was not refused before."""
        for place in np.flatnonzero(bad & self.good).tolist():
            message = self.arrived[self.message[place]]
            fields = message.decoded.fields
            begin = 0 if fields is None else int(np.searchsorted(self.message, self.message[place]))
            ledger.add(
                message.gateway,
                reason,
                tag=self.tags[place],
                received=message.received,
                payload=message.payload,
                sample=float(self.values[place]),
                field=None if fields is None else fields[place - begin],
            )
        self.good &= ~bad


def _known_gateways(arrived: Sequence[Arrived], roster: Roster, ledger: Ledger) -> list[Arrived]:
    """Keep the messages of registered gateways, and count what their decoders refused."""
    known = []
    for one in arrived:
        if one.gateway not in roster.gateways:
            ledger.add(
                printable(one.gateway),
                Reason.unknown_gateway,
                tag=None,
                received=one.received,
                payload=one.payload,
                sample=one.payload[:256].decode("utf-8", "replace"),
            )
            continue
        known.append(one)
        for refusal in one.decoded.refused.values():
            ledger.add(
                one.gateway,
                refusal.reason,
                tag=refusal.tag,
                received=one.received,
                payload=one.payload,
                first=refusal.first,
                count=refusal.count,
            )
    return known


def _times(columns: _Columns, future: Mask) -> NDArray[np.int64]:
    """Return event times: the stamp, or the receipt where that lies in the future.

    Several future stamps of one message keep their order: each is a microsecond after the last.
    """
    if not future.any():
        return columns.stamps
    times = columns.stamps.copy()
    offsets: dict[tuple[int, int], int] = {}
    for place in np.flatnonzero(future).tolist():
        whose = int(columns.received[place]), int(columns.rows[place])
        times[place] = columns.received[place] + offsets.get(whose, 0)
        offsets[whose] = offsets.get(whose, 0) + 1
    return times


def _quality_and_value(
    columns: _Columns, roster: Roster, future: Mask
) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    """Mark what is uncertain and put numbers past the range at its end."""
    low, high = roster.low[columns.rows], roster.high[columns.rows]
    quality = columns.marks & QUALITY_MASK
    past_scale = quality == Quality.over_range
    judged = past_scale | (quality <= Quality.uncertain)
    over = judged & ((columns.values > high) | (past_scale & ~np.isnan(high)))
    under = judged & ~past_scale & (columns.values < low)
    values = np.where(over, high, np.where(under, low, columns.values))
    uncertain = (judged & (over | under | past_scale)) | (
        (columns.stamps > columns.received + AHEAD_US) & (quality == Quality.good)
    )
    quality = np.where(uncertain, Quality.uncertain, quality).astype(np.int16)
    flags = columns.marks & ~QUALITY_MASK
    flags = flags | np.where(over | under, CLAMPED, 0) | np.where(future, CORRECTED, 0)
    return (quality | flags).astype(np.int16), values


def _outside(columns: _Columns, roster: Roster) -> Mask:
    """Tell which judged numbers lie too far outside the range to be a measurement."""
    low, high = roster.low[columns.rows], roster.high[columns.rows]
    span = high - low
    far = (columns.values > high + ABOVE_SPAN * span) | (columns.values < low - BELOW_SPAN * span)
    return far & ((columns.marks & QUALITY_MASK) <= Quality.uncertain)


def _out_of_range(columns: _Columns, outside: Mask, times: NDArray[np.int64]) -> list[PointFault]:
    return [
        PointFault(
            reason="out_of_range",
            point=int(columns.rows[place]),
            time=int(times[place]),
            value=float(columns.values[place]),
            received=int(columns.received[place]),
        )
        for place in np.flatnonzero(outside).tolist()
    ]


def _clock_faults(known: Sequence[Arrived], columns: _Columns, future: Mask) -> list[PointFault]:
    """Return, for each message of a gateway whose clock runs ahead, its first such reading."""
    found: list[PointFault] = []
    messages, first = np.unique(columns.message[future], return_index=True)
    stamps = columns.stamps[future][first]
    for message, stamp in zip(messages.tolist(), stamps.tolist(), strict=True):
        gateway, received = known[message].gateway, known[message].received
        found.append(
            PointFault(
                reason="future_time", gateway=gateway, time=received, received=received, stamp=stamp
            )
        )
    return found


def _accounts(
    known: Sequence[Arrived], columns: _Columns, future: Mask, ledger: Ledger
) -> dict[str, Account]:
    """Add up each gateway's share."""
    count = len(known)
    accepted = np.bincount(columns.message[columns.good], minlength=count)
    early = columns.good & future
    corrected = np.bincount(columns.message[early], minlength=count)
    newest = np.zeros(count, np.int64)
    np.maximum.at(newest, columns.message[early], columns.stamps[early])
    rejected: dict[str, int] = {}
    for entry in ledger.entries:
        rejected[entry.gateway] = rejected.get(entry.gateway, 0) + entry.count
    accounts: dict[str, Account] = {}
    for place, one in enumerate(known):
        before = accounts.get(one.gateway, Account())
        # A stamp of years ago is refused, and would dwarf every error that a clock has.
        error = _clock_error_us(one) if accepted[place] else None
        accounts[one.gateway] = Account(
            messages=before.messages + 1,
            accepted=before.accepted + int(accepted[place]),
            rejected=rejected.get(one.gateway, 0),
            corrected=before.corrected + int(corrected[place]),
            received=max(before.received, one.received),
            clock_error_us=before.clock_error_us if error is None else error,
            ahead=(int(newest[place]), one.received) if corrected[place] else before.ahead,
            sequence=(*before.sequence, *one.decoded.sequence),
        )
    return accounts


def _clock_error_us(one: Arrived) -> int | None:
    """Estimate a gateway's clock error from a live message: its newest stamp minus its receipt."""
    live = [
        stamp
        for stamp, mark in zip(one.decoded.stamps, one.decoded.marks, strict=True)
        if not mark & (STAMPED_HERE | HISTORY)
    ]
    return max(live) - one.received if live else None
