"""Passwords of machines at the broker: drawn, kept as argon2id hashes, proven."""

import hashlib
import secrets
import threading
from collections import OrderedDict
from typing import Final

import argon2

MOST_PROVEN: Final = 20_000
"""Names whose last proof is remembered; beyond it the one asked for longest ago is proven anew."""
_HASHER: Final = argon2.PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1)
"""Argon2id at a low cost: these passwords are 160 random bits, which no cost makes harder to guess.

Several thousand gateways come back at once after a restart, each to be proven.
"""


def new() -> str:
    """Return a password of 160 random bits."""
    return secrets.token_urlsafe(20)


def hashed(password: str) -> str:
    """Return a password's argon2id hash."""
    return _HASHER.hash(password)


class Proven:
    """Proves passwords; one that was proven against the same hash is known again at once.

    Only a hash under a key of this process is kept of a password. A name with another hash than
    before (rotated) or none (revoked) is never known again: the caller brings the hash in force.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        self._turn = threading.Lock()

    def knows(self, name: str, known: str, password: str) -> bool:
        """Tell, in microseconds, whether this password was proven against this hash before."""
        with self._turn:
            if self._known.get(name) != (known, self._quick(password)):
                return False
            self._known.move_to_end(name)
            return True

    def fits(self, name: str, known: str, password: str) -> bool:
        """Tell whether a password fits the hash; milliseconds of a core where it is new."""
        if self.knows(name, known, password):
            return True
        try:
            _HASHER.verify(known, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False
        with self._turn:
            self._known[name] = known, self._quick(password)
            self._known.move_to_end(name)
            while len(self._known) > MOST_PROVEN:
                self._known.popitem(last=False)
        return True

    def _quick(self, password: str) -> bytes:
        return hashlib.blake2b(password.encode("utf-8", "replace"), key=self._key).digest()
