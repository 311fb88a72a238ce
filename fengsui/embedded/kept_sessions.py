"""The files in which the embedded broker's sessions outlive its process."""

import logging
from pathlib import Path
from typing import Final

import msgspec

from fengsui.embedded.access import write_secret

SESSIONS: Final = "sessions"
"""Sessions and their subscriptions, written whenever one subscribes: survives a kill."""
QUEUED: Final = "queued"
"""The same with queued and retained messages, written at a stop in good order, read once."""

logger = logging.getLogger("fengsui.broker")


class KeptSession(msgspec.Struct, kw_only=True):
    """A session as it is written down."""

    client_id: str
    username: str
    subscriptions: list[tuple[str, int]]
    messages: list[tuple[str, bytes, bool]] = []


class Kept(msgspec.Struct, kw_only=True):
    """What outlives the process."""

    sessions: list[KeptSession] = []
    retained: list[tuple[str, bytes, int]] = []


def write(folder: Path, name: str, kept: Kept) -> None:
    """Write one of the files, whole or not at all."""
    write_secret(folder / name, msgspec.msgpack.encode(kept))


def read(folder: Path) -> Kept:
    """Return what the last process left; its messages too if it ended in good order."""
    for name in (QUEUED, SESSIONS):
        try:
            kept = msgspec.msgpack.decode((folder / name).read_bytes(), type=Kept)
        except FileNotFoundError:
            continue
        except msgspec.DecodeError:
            logger.warning("%s is damaged and is not used; clients subscribe anew", folder / name)
            continue
        (folder / QUEUED).unlink(missing_ok=True)
        return kept
    return Kept()
