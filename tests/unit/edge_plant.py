"""One gateway with the points of the Sparkplug vectors, its edge node heard without a record."""

from typing import Final

from alarms.plant import Enterprise, Gateway, Plant, Point
from alarms.readings import HISTORY, QUALITY_MASK, Quality
from alarms.storage import gateways
from ingest.decoders.decoded import Decoded, Reason
from ingest.intake import Intake
from ingest.messages import Message
from ingest.roster import Roster
from ingest.sifting import Arrived
from ingest.sparkplug.edge_nodes import Draft, EdgeNodes

TAGS: Final = (
    "TK101.LT", "TK101.PT", "TK101.TT", "TK101.N", "TK101.U", "TK101.XS", "TK102.LT", "skid/PT",
)  # fmt: skip
GATEWAYS: Final = ("gw", *(f"gw-{number}" for number in range(60)))
RECEIVED: Final = 1_763_712_005_000_000
TS: Final = RECEIVED // 1000 - 1000
SECOND: Final = 1_000_000


def plant() -> Plant:
    """Return an enterprise with the gateways."""
    return Plant(
        enterprises={"E1": Enterprise(code="E1", name="E1", region="510603")},
        sources={},
        units={},
        points=tuple(
            Point(
                enterprise="E1",
                source="S",
                unit="U",
                tag=tag,
                quantity="level",
                engineering_unit="m",
            )
            for tag in TAGS
        ),
        gateways={name: Gateway(id=name, enterprise="E1") for name in GATEWAYS},
        point_ids=list(range(len(TAGS))),
        registered=[0] * len(TAGS),
    )


class Line:
    """Edge nodes whose every message is adopted at once, unless a draft is kept back."""

    def __init__(self) -> None:
        self.nodes = EdgeNodes()
        self.roster = Roster.of(plant(), {name: place for place, name in enumerate(GATEWAYS)})
        self.states: list[str] = []

    def hear(
        self,
        verb: str,
        payload: bytes,
        device: str = "",
        *,
        node: str = "gw",
        group: str = "plant",
        received: int = RECEIVED,
        retained: bool = False,
        adopted: bool = True,
    ) -> Decoded:
        """Give one message and return what it was decoded to."""
        topic = f"spBv1.0/{group}/{verb}/{node}" + (f"/{device}" if device else "")
        message = Message(
            topic=topic, payload=payload, received=received, retained=retained, qos=0, mid=0
        )
        arrived: list[Arrived] = []
        stated: list[gateways.Stated] = []
        draft = Draft(self.nodes, self.roster, Intake(self.roster.plant))
        draft.hear(message, arrived, stated)
        if adopted:
            self.nodes.adopt(draft)
            self.states += [one.state for one in stated]
        return arrived[0].decoded

    def asked(self, now: int) -> list[str]:
        """Return the topics of the rebirth requests that are due."""
        return [topic for topic, _ in self.nodes.commands(now)]


def rows(decoded: Decoded) -> list[list[object]]:
    """Return [ts, tag, value, mark] of each reading; the mark is `history` or the quality."""
    stamps = [s for s, n in zip(decoded.stamps, decoded.counts, strict=True) for _ in range(n)]
    marks = [m for m, n in zip(decoded.marks, decoded.counts, strict=True) for _ in range(n)]
    return [
        [stamp // 1000, tag, value, "history" if mark & HISTORY else named(mark)]
        for tag, value, stamp, mark in zip(decoded.tags, decoded.values, stamps, marks, strict=True)
    ]


def named(mark: int) -> str:
    """Return a mark's quality by name."""
    return Quality(mark & QUALITY_MASK).name


def refusals(decoded: Decoded) -> list[tuple[Reason, str | None]]:
    """Return reason and tag of what was refused."""
    return [(one.reason, one.tag) for one in decoded.refused.values()]
