"""The user PostgreSQL runs under when we are root: it refuses to run as root itself.

The folders above its programs and its files may be closed to other users (`/root` is). They are
not opened to everybody: that one user gets an access control entry to pass through each, no more.
"""

import errno
import logging
import os
import pwd
import struct
import subprocess
from pathlib import Path
from typing import Final

from alarms.errors import FengsuiError

USER: Final = "fengsui"
FALLBACK: Final = "nobody"
ACCESS: Final = "system.posix_acl_access"
VERSION: Final = 2
USER_OBJ, NAMED_USER, GROUP_OBJ, NAMED_GROUP, MASK, OTHER = 1, 2, 4, 8, 16, 32
NO_ID: Final = 0xFFFFFFFF

logger = logging.getLogger("fengsui.embedded")


def user_for(folder: Path) -> tuple[int, int] | None:
    """Return (uid, gid) to run PostgreSQL under, or None to run it as ourselves.

    As root: the folder's owner if it was made before, else the system user `fengsui` (made when
    it is missing), else `nobody`.
    """
    if os.geteuid() != 0:
        return None
    if folder.exists() and (owner := folder.stat()).st_uid != 0:
        return owner.st_uid, owner.st_gid
    entry = _entry(USER) or _made() or _entry(FALLBACK)
    if entry is None:
        raise FengsuiError(
            "PostgreSQL does not run as root and no other user could be found or made; run this "
            f"as a plain user, or make one with `useradd --system {USER}`"
        )
    return entry.pw_uid, entry.pw_gid


def let_through(path: Path, user: tuple[int, int], *, itself: bool = False) -> None:
    """Let the user pass every folder above `path` (and `path` itself) that it cannot pass now."""
    path = path.resolve()
    for folder in reversed((path, *path.parents) if itself else path.parents):
        if not _passes(folder, user):
            _grant_search(folder, user[0])


def _entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _made() -> pwd.struct_passwd | None:
    words = [
        "useradd",
        "--system",
        "--user-group",
        "--no-create-home",
        "--home-dir",
        "/nonexistent",
    ]
    try:
        subprocess.run(
            [*words, "--shell", "/usr/sbin/nologin", USER], capture_output=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    logger.info("made the system user %s: PostgreSQL does not run as root", USER)
    return _entry(USER)


def _passes(folder: Path, user: tuple[int, int]) -> bool:
    there = folder.stat()
    if there.st_uid == user[0]:
        return bool(there.st_mode & 0o100)
    acl = _acl(folder)
    for tag, perm, number in acl:
        if tag == NAMED_USER and number == user[0]:
            mask = next((mask for kind, mask, _ in acl if kind == MASK), 7)
            return bool(perm & mask & 1)
    if there.st_gid == user[1]:
        return bool(there.st_mode & 0o010)
    return bool(there.st_mode & 0o001)


def _acl(folder: Path) -> list[tuple[int, int, int]]:
    """Return (tag, permissions, id) rows of a folder's list; its mode's three where it has none."""
    try:
        raw = os.getxattr(folder, ACCESS)
    except OSError as fault:
        if fault.errno not in (errno.ENODATA, errno.EOPNOTSUPP):
            raise
        mode = folder.stat().st_mode
        return [
            (USER_OBJ, mode >> 6 & 7, NO_ID),
            (GROUP_OBJ, mode >> 3 & 7, NO_ID),
            (OTHER, mode & 7, NO_ID),
        ]
    return list(struct.iter_unpack("<HHI", raw[4:]))


def _grant_search(folder: Path, uid: int) -> None:
    rows = [row for row in _acl(folder) if not (row[0] == NAMED_USER and row[2] == uid)]
    group_perm = next(perm for tag, perm, _ in rows if tag == GROUP_OBJ)
    mask = next((perm for tag, perm, _ in rows if tag == MASK), group_perm)
    rows = [row for row in rows if row[0] != MASK]
    rows += [(NAMED_USER, 1, uid), (MASK, mask | 1, NO_ID)]
    rows.sort(key=lambda row: (row[0], row[2]))
    packed = struct.pack("<I", VERSION) + b"".join(struct.pack("<HHI", *row) for row in rows)
    try:
        os.setxattr(folder, ACCESS, packed)
    except OSError as fault:
        raise FengsuiError(
            f"PostgreSQL runs as uid {uid} and must pass through {folder}, which is closed to it, "
            f"and an access entry could not be set there ({fault.strerror}); run this as a plain "
            "user, or keep installation and data in folders open to others (FENGSUI_DATA_DIR)"
        ) from fault
    logger.info("let uid %d pass through %s (an access entry for that user alone)", uid, folder)
