"""Which MQTT topics a gateway may write and read: the one place every broker is told from.

The embedded broker, Mosquitto's files and its dynamic security, and the answers to RabbitMQ and
EMQX all come from `writes`, `never_writes` and `reads`.
"""

from collections.abc import Iterable
from typing import Final

SPARKPLUG: Final = "spBv1.0"
_SPARKPLUG_UP: Final = ("NBIRTH", "NDEATH", "NDATA", "DBIRTH", "DDEATH", "DDATA")
_SPARKPLUG_DOWN: Final = ("NCMD", "DCMD")


def writes(gateway: str, prefix: str) -> tuple[str, ...]:
    """Return the topic filters below which a gateway publishes."""
    return (
        f"{prefix}/{gateway}/#",
        *(f"{SPARKPLUG}/+/{kind}/{gateway}/#" for kind in _SPARKPLUG_UP),
    )


def never_writes(gateway: str, prefix: str) -> tuple[str, ...]:
    """Return what is taken out of `writes`: the server's own answers to it."""
    return (f"{prefix}/{gateway}/replies",)


def reads(gateway: str, prefix: str) -> tuple[str, ...]:
    """Return the filters a gateway may subscribe below: its own, its commands, the host's state."""
    return (
        f"{prefix}/{gateway}/#",
        *(f"{SPARKPLUG}/+/{kind}/{gateway}/#" for kind in _SPARKPLUG_DOWN),
        f"{SPARKPLUG}/STATE/#",
    )


def server(prefix: str) -> tuple[str, ...]:
    """Return the filters below which the server itself writes and reads."""
    return (f"{prefix}/#", f"{SPARKPLUG}/#")


def may_publish(gateway: str, topic: str, prefix: str) -> bool:
    """Tell whether a gateway may publish on a topic."""
    return _any_covers(writes(gateway, prefix), topic) and not _any_covers(
        never_writes(gateway, prefix), topic
    )


def may_read(gateway: str, wanted: str, prefix: str) -> bool:
    """Tell whether a gateway may read a topic, or subscribe to a filter.

    A filter wider than what it may read is refused whole: it could reach another gateway.
    """
    return _any_covers(reads(gateway, prefix), wanted)


def covers(allowed: str, wanted: str) -> bool:
    """Tell whether every topic that the filter `wanted` matches is matched by `allowed` too."""
    right, asked = allowed.split("/"), wanted.split("/")
    for place, level in enumerate(right):
        if level == "#":
            return True
        if place == len(asked):
            return False
        if asked[place] == "#" or (level != asked[place] and level != "+"):
            return False
        if place + 1 == len(asked):  # `a/#` matches `a` itself
            return right[place + 1 :] in ([], ["#"])
    return False


def _any_covers(allowed: Iterable[str], wanted: str) -> bool:
    return any(covers(one, wanted) for one in allowed)
