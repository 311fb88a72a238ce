"""Tell messages apart: readings in any dialect, a gateway's state, an edge node's words."""

from collections.abc import Sequence
from dataclasses import dataclass

from alarms.readings import HISTORY, STAMPED_HERE
from alarms.storage import gateways
from ingest import topics
from ingest.decoders import status
from ingest.decoders.decoded import Decoded, Reason, printable, refused_whole
from ingest.intake import Intake
from ingest.messages import Message
from ingest.refusals import Ledger
from ingest.roster import Roster
from ingest.sifting import Arrived
from ingest.sparkplug.edge_nodes import Draft
from ingest.topics import Channel, Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A batch's messages by what they are; `edge` is what they change of Sparkplug's sessions."""

    arrived: list[Arrived]
    stated: list[gateways.Stated]
    ledger: Ledger
    edge: Draft


def hear(
    messages: Sequence[Message], *, prefix: str, roster: Roster, intake: Intake, edge: Draft
) -> Heard:
    """Decode messages in order of receipt."""
    heard = Heard(arrived=[], stated=[], ledger=Ledger(), edge=edge)
    for message in messages:
        topic = topics.parse(prefix, message.topic)
        if topic is None:
            edge.hear(message, heard.arrived, heard.stated)
        elif topic.channel is Channel.status:
            _hear_status(heard, topic.gateway, message, roster)
        elif topic.channel is not Channel.replies:
            heard.arrived.append(
                Arrived(
                    gateway=topic.gateway,
                    received=message.received,
                    payload=message.payload,
                    decoded=_decode(topic, message, intake),
                )
            )
    return heard


def _decode(topic: Topic, message: Message, intake: Intake) -> Decoded:
    """Decode readings; what the broker kept for us and has no stamp of its own is no news."""
    dialect = "senml" if topic.channel is Channel.senml else None
    decoded = intake.decode(topic.gateway, message.payload, message.received, dialect)
    if message.retained and any(mark & STAMPED_HERE for mark in decoded.marks):
        return refused_whole(Reason.bad_time, "retained by the broker, and without a ts")
    if topic.channel is Channel.history:
        decoded.marks = [mark | HISTORY for mark in decoded.marks]
        # Old numbers between new ones would count as a gateway that starts anew, again and again.
        decoded.sequence = []
    return decoded


def _hear_status(heard: Heard, gateway: str, message: Message, roster: Roster) -> None:
    said = status.decode(message.payload)
    if isinstance(said, Reason) or gateway not in roster.gateways:
        heard.ledger.add(
            printable(gateway),
            said if isinstance(said, Reason) else Reason.unknown_gateway,
            tag=None,
            received=message.received,
            payload=message.payload,
            sample=message.payload[:256].decode("utf-8", "replace"),
        )
    else:
        heard.stated.append(gateways.Stated(gateway=gateway, state=said, at=message.received))
