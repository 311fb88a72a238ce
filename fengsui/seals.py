"""The journal's head, signed once a day: whoever keeps the seals can prove what was written."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
import psycopg
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from alarms.errors import FengsuiError, UnavailableError
from alarms.storage import chain, connection, rollups
from alarms.storage.chain import Break, Seal
from fengsui.embedded import access

log: Final = logging.getLogger("fengsui.seals")

KEY_FILE: Final = "journal-seal.key"
EVERY_S: Final = 600.0
"""How often it is asked whether a new day has begun."""


async def run(database_url: str, data_dir: Path) -> None:
    """Seal each day's head until cancelled; what fails is tried again."""
    while True:
        try:
            async with await connection.connect(database_url) as conn:
                await seal_today(conn, data_dir)
        except (psycopg.Error, UnavailableError, FengsuiError, OSError) as error:
            log.warning("journal not sealed why=%r retry_in_s=%.0f", str(error).strip(), EVERY_S)
        await asyncio.sleep(EVERY_S)


async def seal_today(conn: psycopg.AsyncConnection, data_dir: Path) -> None:
    """Seal the head, once in a day of the site, and commit."""
    today = datetime.now(rollups.ORIGIN.tzinfo).date()
    wanted = await chain.seal(conn, today)
    if wanted is not None:
        signed = sign(wanted, signing_key(data_dir))
        await chain.keep_seal(conn, signed)
        log.info("journal sealed day=%s offset=%d", signed.day, signed.log_offset)
    await conn.commit()


def sign(unsigned: Seal, key: Ed25519PrivateKey) -> Seal:
    """Return the seal with its public key and its signature."""
    public = key.public_key().public_bytes_raw()
    keyed = msgspec.structs.replace(unsigned, key=public)
    return msgspec.structs.replace(keyed, signature=key.sign(_words(keyed)))


def unsound(seals: Iterable[Seal], trusted: Sequence[bytes]) -> list[Break]:
    """Return the seals whose signature does not hold, or whose key is none of those trusted.

    With no key to trust each seal's own key counts: that shows damage, not a forger.
    """
    found = []
    for each in seals:
        if trusted and each.key not in trusted:
            why = f"the seal of {each.day} was made with another key, {each.key.hex()}"
            found.append(Break(offset=each.log_offset, why=why))
            continue
        try:
            Ed25519PublicKey.from_public_bytes(each.key).verify(each.signature, _words(each))
        except (InvalidSignature, ValueError):
            why = f"the seal of {each.day} does not bear its signature"
            found.append(Break(offset=each.log_offset, why=why))
    return found


def signing_key(data_dir: Path) -> Ed25519PrivateKey:
    """Read the key that seals, made the first time it is needed (0600)."""
    file = data_dir / KEY_FILE
    if not file.exists():
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        access.write_secret(file, made)
    key: object = None
    with suppress(ValueError):
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise FengsuiError(
            f"{file} holds no key to seal the journal with; put back a copy, or remove it and a "
            "new one is made: seals of before bear the old one"
        )
    return key


def _words(seal: Seal) -> bytes:
    """Write what is signed: one line each, so that anybody can put it together again."""
    lines = (
        "fengsui journal seal 1",
        seal.day.isoformat(),
        seal.epoch,
        str(seal.log_offset),
        seal.hash.hex(),
        str(round(seal.sealed_at.timestamp() * 1000)),
    )
    return "\n".join(lines).encode()
