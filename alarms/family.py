"""What a family of rules beside the limits is to the engine: judged, remembered and recalled.

A family is asked in turn with every batch and every tick; like the engine it changes nothing until
its changes are adopted. What must outlive the process goes into `states`.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol, Self, TypeVar, runtime_checkable

import msgspec
import numpy as np
from numpy.typing import NDArray

from alarms.alarm import ProcessEvent
from alarms.compiled import kernel
from alarms.lines import gathered
from alarms.proposal import ChannelState, LastReadings
from alarms.readings import Instants, Mask, Readings, Rows, Values
from alarms.standing import Standing
from alarms.sweep import Faced

Found = tuple[int, int, int, ProcessEvent]
"""An event with its place in the batch, its rank there and its t_change, by which events sort."""
Changes = Any
"""What a family proposes to remember: its own, and nothing outside."""
RANK: Final = 5
"""The first rank of the families: what limits say of a reading comes before what they say."""
_BITS: Final = 14
SETTLE_US: Final = 1_000_000
"""A tick lets a delay run out this much late: a reading of that instant may be on its way."""


class LevelMove(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A limit alarm's top level moved from slot `was` to slot `top` (-1: none) at `at`, Micros.

    `place` is that of the reading in the batch, `row` its point's, `side` 0 low and 1 high. `lost`
    marks a level that counts as active because its signal was lost. `peak` is the most extreme
    value so far.
    """

    place: int
    row: int
    side: int
    was: int
    top: int
    at: int
    lost: bool
    peak: float | None = None


class Walk(NamedTuple):
    """A batch's columns nearly by row, each row's readings in order; `order` has their places."""

    order: NDArray[np.intp]
    rows: Rows
    time: Instants
    value: Values
    is_judged: Mask

    @classmethod
    def of(cls, readings: Readings, is_judged: Mask, *, rows: int) -> "Walk":
        """Sort readings of a plant of so many rows as far as _BITS tell rows apart.

        That is stable, and costs next to nothing.
        """
        coarser = max(0, rows.bit_length() - _BITS)
        walk = cls(
            order=np.empty(len(readings), np.intp),
            rows=np.empty_like(readings.point),
            time=np.empty_like(readings.time),
            value=np.empty_like(readings.value),
            is_judged=np.empty_like(is_judged),
        )
        _sort(
            readings.point,
            readings.time,
            readings.value,
            is_judged,
            coarser,
            np.zeros((rows >> coarser) + 2, np.int32),
            walk.order,
            walk.rows,
            walk.time,
            walk.value,
            walk.is_judged,
        )
        return walk


@kernel
def _sort(
    rows: Rows,
    time: Instants,
    value: Values,
    is_judged: Mask,
    coarser: int,
    ends: NDArray[np.int32],
    order: NDArray[np.intp],
    its_row: Rows,
    its_time: Instants,
    its_value: Values,
    its_mask: Mask,
) -> None:
    """Sort readings by their rows without the `coarser` lowest bits; `ends` is all zero before."""
    many = len(rows)
    for i in range(many):
        ends[(rows[i] >> coarser) + 1] += 1
    for i in range(1, len(ends)):
        ends[i] += ends[i - 1]
    for i in range(many):
        bucket = rows[i] >> coarser
        at = ends[bucket]
        ends[bucket] += 1
        order[at], its_row[at], its_time[at] = i, rows[i], time[i]
        its_value[at], its_mask[at] = value[i], is_judged[i]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A batch as families see it: readings in order of receipt, each newer than its point's last.

    `is_judged` and `holding` run along the readings and say what their quality means (neither: it
    is only stored); what is judged is a number, never NaN or infinite. `newest` is what was adopted
    before the batch; `moves` are those of the limit alarms in it, `swept` how the points stand
    whose limits were judged, `stirred` their readings, `faced` what sides go by at each reading of
    the batch. Whoever goes by single points takes `walk`: it meets their memory in its order.
    `behind` are the points of readings of the same batch that came behind newer ones.
    """

    readings: Readings
    is_judged: Mask
    holding: Mask
    moves: Sequence[LevelMove]
    newest: LastReadings
    walk: Walk
    swept: Standing | None
    stirred: Readings
    faced: Faced
    behind: Rows = field(default_factory=lambda: np.zeros(0, np.int32))


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """A tick as families see it; all times are Micros.

    `now` and `link_since` are the server's clock; `floor`, shape (n,), is the later of registration
    and the engine's start. `moves` are of the limit alarms whose delays have run out or whose
    points fell silent, and `owed` those that late readings have put right since the last tick; the
    place of both is a row. `swept` is how the points stand whose delays were running.
    """

    now: int
    link_since: int
    floor: Instants
    newest: LastReadings
    moves: Sequence[LevelMove]
    owed: Sequence[LevelMove] = ()
    swept: Standing | None = None

    def settled(self, rows: Rows) -> Instants:
        """Return up to which event time these points' delays may run out by now."""
        newest = self.newest
        heard = np.maximum(np.maximum(newest.received[rows], self.floor[rows]), self.link_since)
        clock: Instants = newest.time[rows] + (self.now - heard) - SETTLE_US
        return clock


class Family(Protocol):
    """One family of rules; what it calls changes is its own and means nothing outside."""

    @property
    def nbytes(self) -> int:
        """Return the size of its columns in bytes."""

    def recall(self, states: Iterable[ChannelState], row_of: Mapping[str, int]) -> None:
        """Take up where the record left off; states of other families are passed over."""

    def judge(self, seen: Seen) -> tuple[list[Found], Changes]:
        """Return what a batch means, and the changes to adopt."""

    def tick(self, clock: Clock) -> tuple[list[Found], Changes]:
        """Return what time alone means, and the changes to adopt."""

    def states(self, changes: Changes) -> tuple[list[ChannelState], list[tuple[str, str]]]:
        """Return the rows of the record that follow from changes: to upsert, and to delete."""

    def adopt(self, changes: Changes) -> None:
        """Let changes take effect: the transaction has committed."""


@runtime_checkable
class Learned(Protocol):
    """What learns from readings; what it learned is kept, and made whole at a start.

    `rows` are the point rows it watches, `memory` has one record for each: what follows from the
    readings alone, whatever the rules say. `judge` learns in place, so a proposal is adopted or the
    engine is built anew. `replay` learns without judging: judged readings of any rows, and NaN for
    those under calibration, in order of time for each row.
    """

    name: str
    rows: Rows
    memory: NDArray[np.void]

    def replay(self, rows: Rows, time: Instants, value: Values) -> None:
        """Learn stored readings; `rows` are the plant's."""


@runtime_checkable
class AnyOrder(Learned, Protocol):
    """What learns the same whatever the order of readings: late ones as the others."""

    def settled(self, places: Rows, newest: Instants) -> tuple[NDArray[np.void], Instants]:
        """Return the records at places without what a late reading may add to yet.

        And up to which event times that is, Micros; `newest` are those of the points there.
        """


@runtime_checkable
class HearsAll(Learned, Protocol):
    """What learns from readings that hold alarms, too: to `replay` they are infinite."""

    hears_all: bool


@runtime_checkable
class Rewindable(Learned, Family, Protocol):
    """What goes by the readings of single points alone, so that a point can be judged again.

    `columns` are what judging changes, `memory` among them: one record for each of `rows`.
    `place_of` has the place of each of the plant's rows in them, -1 for none.
    """

    place_of: Rows

    @property
    def columns(self) -> tuple[NDArray[Any], ...]:
        """Return what judging changes in place."""

    def apart(self, places: Rows) -> Self:
        """Return these places alone, with columns of their own, to be judged for themselves."""

    def stands(self, place: int) -> dict[str, dict[str, Any]]:
        """Return what the record holds of a place's alarms, by rule."""

    def take(self, places: Rows, other: Self) -> None:
        """Stand at these places as `other`, judged apart, does."""


def places_of(family: Rewindable, rows: Rows) -> Rows:
    """Return the places of plant rows in a family's columns, -1 for none.

    Its own rows ascend: where they are all of the plant's, nothing need be looked up.
    """
    return rows if len(family.rows) == len(family.place_of) else gathered(family.place_of, rows)


Columns = Sequence[NDArray[Any]]
"""Columns of one family, each with one record for each of some places."""


def write_at(columns: Columns, places: NDArray[np.integer[Any]], records: Columns) -> None:
    """Write records, one for each of these places, into the columns of the same family."""
    for column, its in zip(columns, records, strict=True):
        # As plain bytes they are written ten times as fast as field by field.
        plain = f"V{column.itemsize}" if column.dtype.names else column.dtype
        column.view(plain)[places] = its.view(plain)


Parting = TypeVar("Parting", bound=Rewindable)


def set_apart(family: Parting, places: Rows, along: Iterable[str], **own: object) -> Parting:
    """Return places of a family alone: copies of what runs `along` them, and what is its `own`."""
    part = copy.copy(family)
    for name in ("rows", *along):
        setattr(part, name, getattr(family, name)[places])
    place_of = np.full(len(family.place_of), -1, np.int32)
    place_of[part.rows] = np.arange(len(places), dtype=np.int32)
    vars(part).update(own, place_of=place_of)
    return part
