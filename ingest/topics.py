"""MQTT topics of a gateway, `{prefix}/{gateway}/…`: readings, history, senml, status, replies."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Channel(StrEnum):
    """What a gateway's topic carries; the name is the topic's last level."""

    readings = "readings"
    history = "history"
    """Readings a gateway had stored: they wait in a queue of their own, never before live ones."""
    senml = "senml"
    status = "status"
    replies = "replies"


INBOUND: Final = (Channel.readings, Channel.senml, Channel.status)
_GATEWAY: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic taken apart; `gateway` is as it stood in the topic, registered or not."""

    gateway: str
    channel: Channel


def parse(prefix: str, topic: str) -> Topic | None:
    """Take a topic apart, or return None where it is none of a gateway's."""
    head = f"{prefix}/"
    if not topic.startswith(head):
        return None
    gateway, slash, channel = topic[len(head) :].partition("/")
    if not slash or not gateway or channel not in Channel.__members__:
        return None
    return Topic(gateway=gateway, channel=Channel(channel))


def name(prefix: str, gateway: str, channel: Channel) -> str:
    """Write the topic of a gateway's channel."""
    return f"{prefix}/{gateway}/{channel}"


def filters(prefix: str) -> tuple[str, ...]:
    """Return the topic filters that cover what happens now."""
    return tuple(f"{prefix}/+/{channel}" for channel in INBOUND)


def stored(prefix: str) -> tuple[str, ...]:
    """Return the topic filters that cover what gateways had stored."""
    return (f"{prefix}/+/{Channel.history}",)
