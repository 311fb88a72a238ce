"""The files of an external Mosquitto: its password file and its access control list."""

import base64
import hashlib
import os
import secrets
from pathlib import Path
from typing import Final

from alarms import topic_rights

_ROUNDS: Final = 101
"""What mosquitto_passwd 2.0 uses for `$7$`, PBKDF2 with HMAC-SHA-512."""
_SALT_BYTES: Final = 12


def topics(gateway: str, prefix: str) -> tuple[str, ...]:
    """Return the access lines of one gateway, below its `user` line.

    A file cannot forbid writing where it allows reading: a gateway may write its own replies here,
    and deceives itself alone.
    """
    return (
        *(f"topic write {one}" for one in topic_rights.writes(gateway, prefix)),
        *(f"topic read {one}" for one in topic_rights.reads(gateway, prefix)),
    )


def put_account(file: Path, name: str, password: str | None) -> None:
    """Set one account of a password_file as mosquitto_passwd does, or remove it with None."""
    lines = [line for line in _lines(file) if line.partition(":")[0] != name]
    if password is not None:
        lines.append(f"{name}:{_hashed(password)}")
    _write(file, lines)


def put_topics(file: Path, name: str, wanted: tuple[str, ...]) -> None:
    """Set one user's section of an acl_file, or remove it with no topics; the rest stays."""
    kept: list[str] = []
    inside = False
    for line in _lines(file):
        words = line.split()
        if words[:1] == ["user"]:
            inside = words[1:] == [name]
        elif words[:1] == ["pattern"]:
            inside = False
        if not inside:
            kept.append(line)
    if wanted:
        kept += [f"user {name}", *wanted]
    _write(file, kept)


def _hashed(password: str) -> str:
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS, 64)
    return f"$7${_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def _write(file: Path, lines: list[str]) -> None:
    """Write whole or not at all, with the rights and the owner the file had."""
    beside = file.with_name(f"{file.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(
        os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as out:
        out.writelines(f"{line}\n" for line in lines)
    if file.exists():
        there = file.stat()
        beside.chmod(there.st_mode & 0o7777)
        if os.geteuid() == 0:
            os.chown(beside, there.st_uid, there.st_gid)
    beside.replace(file)
