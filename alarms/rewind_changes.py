"""What judging points again proposes to remember (alarms.rewinds)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alarms.alarm import ProcessEvent
from alarms.family import Columns, LevelMove
from alarms.past import Told
from alarms.readings import Instants, Rows
from alarms.rewinding import Rewound


class Asked(NamedTuple):
    """Rows to be judged again, and from when on their readings are needed, Micros."""

    rows: Rows
    since: Instants


class Settled(NamedTuple):
    """What was learned up to an event time (Micros), and of which of the rows asked for."""

    memory: NDArray[np.void]
    until: Instants
    at: NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Trails that have come to a new minute, and how their points stood at its beginning.

    `aged` are those of them whose beginning of the minute before is known as that of the newest;
    `before` has it of the others.
    """

    trails: Rows
    minute: Instants
    aged: NDArray[np.bool_]
    before: Sequence[Columns]
    begin: Sequence[Columns]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """What limit alarms have done without a reading."""

    moves: tuple[LevelMove, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What was told with a batch or a tick."""

    events: tuple[ProcessEvent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """What judging again came to; `follow` are rows to be followed from now on.

    `ahead` are the moves of limit alarms after the newest minutes: the last leg has nothing else.
    """

    rows: Rows
    minute: Instants
    rewound: list[Rewound]
    told: dict[int, tuple[Told, ...]]
    ghosts: dict[int, tuple[Told, ...]]
    follow: Rows
    follow_minute: Instants
    ahead: list[LevelMove]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """How a point stood before a tick let a limit alarm take over, and the moves since."""

    columns: list[Columns]
    moves: list[LevelMove] = field(default_factory=list)
