"""Who may connect to the embedded broker, and which topics an account may use."""

import contextlib
import fcntl
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from alarms import topic_rights
from alarms.errors import FengsuiError
from api.machine_passwords import Proven

SERVER: Final = "fengsui.server"
"""The server's own account; the dot keeps it apart from every gateway's id."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One account: an argon2id hash, and whether it is a gateway (its name is its id)."""

    hash: str
    gateway: bool


class Accounts(msgspec.Struct, frozen=True, kw_only=True):
    """The credentials file: `<data_dir>/broker/credentials`, 0600, JSON, no password in it."""

    accounts: dict[str, Account] = {}


def read(path: Path) -> Accounts:
    """Read the credentials file; no file is no accounts. Raises FengsuiError when it is broken."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Accounts)
    except FileNotFoundError:
        return Accounts()
    except msgspec.DecodeError as fault:
        raise FengsuiError(
            f"the broker's credentials file {path} cannot be read ({fault}); put back a copy, or "
            "remove it and give every gateway new credentials with `fengsui gateway rotate`"
        ) from fault


def put(path: Path, name: str, account: Account | None) -> None:
    """Set one account, or remove it with None; a running broker takes it up within a second.

    Server and commands write this file: they take turns.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    turn = os.open(path.with_name(f"{path.name}.lock"), os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(turn, "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        accounts = dict(read(path).accounts)
        if account is None:
            accounts.pop(name, None)
        else:
            accounts[name] = account
        write_secret(path, msgspec.json.encode(Accounts(accounts=accounts)))


def write_secret(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    with contextlib.suppress(FileNotFoundError):
        beside.unlink()
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


@dataclass(slots=True)
class Gate:
    """The accounts in force, and the questions the broker asks of them."""

    path: Path
    prefix: str
    accounts: Mapping[str, Account] = field(default_factory=dict)
    _stamp: tuple[int, int] = (0, 0)
    _proven: Proven = field(default_factory=Proven)

    def refresh(self) -> frozenset[str]:
        """Read the file again if it changed; return the names removed or given a new password."""
        try:
            there = self.path.stat()
        except FileNotFoundError:
            stamp = (0, 0)
        else:
            stamp = (there.st_mtime_ns, there.st_ino)
        if stamp == self._stamp:
            return frozenset()
        before, self.accounts = self.accounts, read(self.path).accounts
        self._stamp = stamp
        return frozenset(name for name, was in before.items() if self.accounts.get(name) != was)

    def admits(self, name: str | None, password: str | None) -> bool:
        """Return whether these words open the door; slow by purpose (argon2) the first time."""
        account = self.accounts.get(name or "")
        if name is None or account is None or not password:
            return False
        return self._proven.fits(name, account.hash, password)

    def is_server(self, name: str | None) -> bool:
        """Return whether this is the server's account, which may do everything."""
        account = self.accounts.get(name or "")
        return account is not None and not account.gateway

    def may_publish(self, name: str | None, topic: str) -> bool:
        """Return whether an account may publish there; the server may everywhere."""
        if name is None or name not in self.accounts:
            return False
        return self.is_server(name) or topic_rights.may_publish(name, topic, self.prefix)

    def may_read(self, name: str | None, wanted: str) -> bool:
        """Return whether an account may read a topic or a filter; the server may everything."""
        if name is None or name not in self.accounts:
            return False
        return self.is_server(name) or topic_rights.may_read(name, wanted, self.prefix)
