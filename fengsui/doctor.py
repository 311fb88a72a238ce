"""Looks at everything the server needs and says of each: ok, warning or failed, and the mend."""

import asyncio
import os
import platform
import shutil
import socket
import ssl
import sys
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen

import paho.mqtt.client as paho
import psycopg
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from alarms.errors import FengsuiError, SettingError
from alarms.storage import columnstore, facts, migrate, notifications, walls
from alarms.storage.connection import address_of, connect
from api import tls
from fengsui import console, embedded
from fengsui.embedded import postgres
from fengsui.settings import Settings, hide_secret, variable

LITTLE_DISK: Final = 5 * 1024**3
TOO_LITTLE_DISK: Final = 200 * 1024**2
OLDEST_POSTGRES: Final = 14
CLOCK_WARNING: Final = timedelta(seconds=1)
CLOCK_FAILED: Final = timedelta(seconds=60)
ANSWER_S: Final = 5.0
CERTIFICATE_WARNING: Final = timedelta(days=30)


class Verdict(StrEnum):
    """How a check went."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check: its name, how it went, what was found, and the mend where there is one."""

    name: str
    verdict: Verdict
    found: str
    mend: str | None = None


def ok(name: str, found: str) -> Finding:
    """Return a check that went well."""
    return Finding(name=name, verdict=Verdict.OK, found=found)


def warning(name: str, found: str, mend: str) -> Finding:
    """Return a check that works and should be mended."""
    return Finding(name=name, verdict=Verdict.WARNING, found=found, mend=mend)


def failed(name: str, found: str, mend: str) -> Finding:
    """Return a check the server cannot work with."""
    return Finding(name=name, verdict=Verdict.FAILED, found=found, mend=mend)


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Yield the findings one by one; nothing is changed."""
    yield _python()
    yield _data_dir(settings.data_dir)
    async for finding in _database(settings):
        yield finding
    yield _retention(settings)
    yield await asyncio.to_thread(_broker, settings)
    yield await asyncio.to_thread(_http_port, settings)
    if settings.http_tls_cert is not None and settings.http_tls_key is not None:
        yield _certificate(settings.http_tls_cert, settings.http_tls_key)
    yield _console()


def _python() -> Finding:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.maxsize < 2**32:
        return warning("python", found, "use a 64-bit Python: the embedded PostgreSQL has no other")
    return ok("python", found)


def _data_dir(folder: Path) -> Finding:
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return failed(
            "data_dir",
            f"{there} cannot be written by this user",
            f"give uid {os.geteuid()} rights there, or name another folder with FENGSUI_DATA_DIR",
        )
    free = shutil.disk_usage(there).free
    found = f"{folder.absolute()}, {free / 1024**3:.1f} GiB free"
    if free < TOO_LITTLE_DISK:
        return failed("data_dir", found, "make room, or name another folder with FENGSUI_DATA_DIR")
    if free < LITTLE_DISK:
        return warning("data_dir", found, "make room: a full disk stops the record")
    if folder.exists() and folder.stat().st_mode & 0o007:
        return warning("data_dir", f"{found}, open to others", f"chmod o-rwx {folder.absolute()}")
    return ok("data_dir", found)


async def _database(settings: Settings) -> AsyncIterator[Finding]:
    cluster = postgres.Cluster(data_dir=settings.data_dir.absolute())
    if settings.database_url is None and not (cluster.folder / "PG_VERSION").exists():
        try:
            found = f"embedded, made at the first start, with {await asyncio.to_thread(_wheel)}"
        except FengsuiError as fault:
            yield failed("database", "embedded, but not installed", str(fault))
        else:
            yield ok("database", found)
        return
    try:
        async with embedded.servers(settings, broker=False) as served:
            async with await connect(served.database_url, autocommit=True) as conn:
                before = datetime.now(UTC)
                server = await facts.server(conn)
                after = datetime.now(UTC)
                edition = await facts.edition(conn)
                compresses = await columnstore.serves(conn)
            yield _server(address_of(served.database_url), server)
            yield _edition(server, edition, compresses=compresses)
            schema = await _schema(served.database_url)
            yield schema
            if schema.verdict is Verdict.OK:
                yield await _wall(served.database_url)
                yield await _people(served.database_url)
            yield _clock(server.clock - (before + (after - before) / 2))
    except (FengsuiError, psycopg.Error) as fault:
        yield failed("database", str(fault), "mend that and look again; see FENGSUI_DATABASE_URL")


def _wheel() -> str:
    return f"PostgreSQL {postgres.major()}"


def _server(address: str, server: facts.Server) -> Finding:
    found = f"PostgreSQL {server.version} at {address}"
    if int(server.version.split(".")[0].split()[0]) < OLDEST_POSTGRES:
        return failed("database", found, f"use PostgreSQL {OLDEST_POSTGRES} or newer")
    if server.fsync != "on":
        return warning(
            "database",
            f"{found}, fsync {server.fsync}",
            "set fsync = on, or a power cut costs the record",
        )
    return ok("database", found)


def _edition(server: facts.Server, edition: str, *, compresses: bool) -> Finding:
    if edition == "none":
        return ok("timescaledb", "not there; plain partitioned tables serve, without compression")
    found = f"{server.extension}, licence {server.licence}, edition {edition}"
    if edition == "apache":
        return warning(
            "timescaledb",
            found,
            "the Community edition keeps readings in a twentieth of the room; install it where its "
            "licence suits you (docs/storage.md)",
        )
    if not compresses:
        return warning(
            "timescaledb",
            f"{found}, readings not compressed",
            f"use TimescaleDB {columnstore.OLDEST} or newer, then run `fengsui migrate`",
        )
    return ok("timescaledb", f"{found}, readings compressed")


async def _schema(url: str) -> Finding:
    waiting = await migrate.pending(url)
    if waiting:
        return warning(
            "schema",
            f"{len(waiting)} migrations pending: {', '.join(waiting)}",
            "run `fengsui migrate`; `fengsui serve` does it too",
        )
    return ok("schema", "up to date")


async def _wall(url: str) -> Finding:
    async with await connect(url, autocommit=True) as conn:
        mend = await walls.mend(conn)
    if mend is None:
        return ok("row_security", f"callers read as {walls.ROLE}, of their scope only")
    said = f"as a database administrator run `{mend}`, then " if mend else ""
    return warning(
        "row_security",
        "off: what keeps a caller to the scope are the conditions of the queries alone",
        f"{said}run `fengsui migrate` (docs/security.md)",
    )


async def _people(url: str) -> Finding:
    async with await connect(url, autocommit=True) as conn:
        told = await notifications.reachable(conn, datetime.now(UTC) - timedelta(days=1))
    found = (
        f"{told.channels} channels, {told.rosters} rosters; in 24 hours {told.failed} "
        f"notifications failed and {told.nobody} found nobody"
    )
    if not told.channels:
        return warning(
            "notifications",
            "no channel: alarms are shown on the console and told to nobody",
            "name a mail server or a chat with PUT /api/v1/channels/… (docs/notifications.md)",
        )
    if not told.rosters:
        return warning(
            "notifications",
            found,
            "say who is on duty with PUT /api/v1/rosters/… (docs/notifications.md)",
        )
    if told.without_address:
        return warning(
            "notifications",
            f"{found}; without an address: {', '.join(told.without_address)}",
            "give each person `addresses` in the roster of their place",
        )
    if told.failed or told.nobody:
        return warning(
            "notifications", found, "see GET /api/v1/notifications?state=failed,nobody for why"
        )
    return ok("notifications", found)


def _clock(offset: timedelta) -> Finding:
    found = f"{offset.total_seconds():+.3f} s between this machine and the database server"
    if abs(offset) >= CLOCK_FAILED:
        return failed("clock", found, "let both machines follow the same time servers (NTP)")
    if abs(offset) >= CLOCK_WARNING:
        return warning("clock", found, "let both machines follow the same time servers (NTP)")
    return ok("clock", found)


def _retention(settings: Settings) -> Finding:
    kept = {
        variable(name): (getattr(settings, name), least)
        for name, least in (("raw_days", 90), ("rollup_days", 731), ("journal_days", 1096))
    }
    found = ", ".join(f"{name} {days}" for name, (days, _) in kept.items())
    short = [f"{name} to {least} or more" for name, (days, least) in kept.items() if days < least]
    if short:
        return warning(
            "retention",
            found,
            f"set {', '.join(short)}, unless you know that less is allowed: readings of three "
            "months, statistics of two years and alarms of three are the least that is asked for",
        )
    return ok("retention", found)


def _broker(settings: Settings) -> Finding:
    url = embedded.broker_url(settings)
    if url is None or (settings.broker_url is None and not _listens(url)):
        return ok("broker", "embedded, not running now; it starts with the server")
    shown = hide_secret(url)
    answers: list[str] = []
    for version in (MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311):
        answer = _mqtt(url, version, anonymous=False)
        answers.append(answer)
        if answer == "Success":
            spoken = "5" if version == MQTTProtocolVersion.MQTTv5 else "3.1.1"
            if _mqtt(url, version, anonymous=True) == "Success":
                return warning(
                    "broker",
                    f"{shown} speaks MQTT {spoken} and takes clients without a password",
                    "set allow_anonymous false and give each gateway credentials with "
                    "`fengsui gateway create`",
                )
            return ok("broker", f"{shown} speaks MQTT {spoken}, this account may enter")
    return failed(
        "broker",
        f"{shown}: {answers[-1]}",
        "start the broker, or mend address, user name and password in FENGSUI_BROKER_URL",
    )


def _listens(url: str) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 1883), timeout=2).close()
    except OSError:
        return False
    return True


def _mqtt(url: str, version: MQTTProtocolVersion, *, anonymous: bool) -> str:
    """Return what the broker answers to a CONNECT, in words; `Success` lets us in."""
    parts = urlsplit(url)
    answered = threading.Event()
    codes: list[str] = []
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=f"fengsui-doctor-{os.getpid()}",
        protocol=version,
        reconnect_on_failure=False,
    )
    if parts.username and not anonymous:
        client.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
    if parts.scheme == "mqtts":
        client.tls_set_context(ssl.create_default_context())

    def on_connect(
        _client: object, _words: object, _flags: object, code: object, _p: object
    ) -> None:
        codes.append(str(code))
        answered.set()

    client.on_connect = on_connect
    client.on_disconnect = lambda *_words: answered.set()
    try:
        client.connect(
            parts.hostname or "", parts.port or (8883 if parts.scheme == "mqtts" else 1883)
        )
    except OSError as fault:
        return fault.strerror or str(fault)
    client.loop_start()
    answered.wait(ANSWER_S)
    client.disconnect()
    client.loop_stop()
    return codes[0] if codes else f"no answer within {ANSWER_S:.0f} s"


def _http_port(settings: Settings) -> Finding:
    host, port = settings.http_host, settings.http_port
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as fault:
            reason = fault.strerror
        else:
            return ok("http", f"{host}:{port} is free")
    if _is_ours(settings):
        return ok("http", f"{host}:{port} is served by Fengsui")
    return failed(
        "http",
        f"{host}:{port} cannot be used: {reason}",
        "stop the program that has it, or name another port with FENGSUI_HTTP_PORT",
    )


def _is_ours(settings: Settings) -> bool:
    url = f"{console.address(settings)}api/v1/openapi.json"
    try:
        trust = console.trust(settings)
        with urlopen(url, timeout=3, context=trust) as answer:  # noqa: S310  # our own address
            return b"Fengsui" in answer.read(4096) or b"fengsui" in answer.read()
    except (SettingError, URLError, OSError, ValueError):
        return False


def _certificate(file: Path, key: Path) -> Finding:
    try:
        tls.Pair(certificate=file, key=key).context()
        ends = tls.expires(file)
    except (SettingError, ValueError) as fault:
        return failed("certificate", str(fault), "the server does not start with it; mend the pair")
    left = ends - datetime.now(UTC)
    found = f"{file} holds until {ends:%Y-%m-%d %H:%M} UTC, {max(left.days, 0)} days more"
    renew = "renew it in place: the server loads it anew by itself within seconds"
    if left <= timedelta(0):
        return failed("certificate", f"{file} ended at {ends:%Y-%m-%d %H:%M} UTC", renew)
    if left <= CERTIFICATE_WARNING:
        return warning("certificate", found, renew)
    return ok("certificate", found)


def _console() -> Finding:
    folder = console.folder()
    if (folder / "index.html").is_file():
        return ok("console", f"built, in {folder}")
    return warning(
        "console", f"not built: {folder} is missing", "run `make console` in the checkout"
    )
