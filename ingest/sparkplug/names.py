"""Sparkplug's topics: `spBv1.0/{group}/{verb}/{node}[/{device}]` and `spBv1.0/STATE/{host}`."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

NAMESPACE: Final = "spBv1.0"


class Verb(StrEnum):
    """What an edge node says."""

    NBIRTH = "NBIRTH"
    NDATA = "NDATA"
    NDEATH = "NDEATH"
    DBIRTH = "DBIRTH"
    DDATA = "DDATA"
    DDEATH = "DDEATH"

    @property
    def of_device(self) -> bool:
        """Tell whether the topic ends with a device."""
        return self.value.startswith("D")


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A topic taken apart; `node` is the gateway's id, `device` is empty for the node itself."""

    group: str
    verb: Verb
    node: str
    device: str


def parse(topic: str) -> Name | None:
    """Take a topic apart, or return None where it is none of an edge node's."""
    namespace, _, rest = topic.partition("/")
    levels = rest.split("/")
    if namespace != NAMESPACE or len(levels) < 3 or levels[1] not in Verb.__members__:
        return None
    verb = Verb(levels[1])
    if len(levels) != (4 if verb.of_device else 3) or not all(levels) or "\0" in rest:
        return None
    return Name(
        group=levels[0], verb=verb, node=levels[2], device=levels[3] if verb.of_device else ""
    )


def filters() -> tuple[str, ...]:
    """Return the topic filters that cover all edge nodes say, and no commands."""
    return tuple(
        f"{NAMESPACE}/+/{verb}/+/+" if verb.of_device else f"{NAMESPACE}/+/{verb}/+"
        for verb in Verb
    )


def command(group: str, node: str) -> str:
    """Write the topic on which an edge node takes commands."""
    return f"{NAMESPACE}/{group}/NCMD/{node}"


def state(host_id: str) -> str:
    """Write the topic on which a host says whether it is there."""
    return f"{NAMESPACE}/STATE/{host_id}"
