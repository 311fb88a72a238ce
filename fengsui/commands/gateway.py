"""`fengsui gateway`: credentials of gateways, made, listed, renewed and taken away."""

import asyncio
import json
import re
import shlex
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

import click
from psycopg import AsyncConnection

from alarms.errors import FengsuiError
from alarms.storage import credentials, migrate
from alarms.storage.connection import connect
from fengsui import embedded, mosquitto
from fengsui.commands import gateway_test
from fengsui.embedded import access
from fengsui.embedded.broker import Files
from fengsui.settings import Settings

_T = TypeVar("_T")
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@click.group(name="gateway")
def command() -> None:
    """Credentials and topics of gateways, and what would become of their messages."""


command.add_command(gateway_test.command)


def _files_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options that write an external Mosquitto's files."""
    path = click.Path(dir_okay=False, path_type=Path)
    function = click.option(
        "--passwd-file", type=path, help="A Mosquitto password_file to write the account into."
    )(function)
    function = click.option(
        "--acl-file", type=path, help="A Mosquitto acl_file to write the topics into."
    )(function)
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(
        function
    )


@command.command()
@click.argument("gateway", metavar="ID")
@click.option("--enterprise", required=True, help="Code of the enterprise it reports for.")
@_files_options
@click.pass_obj
def create(
    settings: Settings,
    *,
    gateway: str,
    enterprise: str,
    passwd_file: Path | None,
    acl_file: Path | None,
    as_json: bool,
) -> None:
    """Make credentials for gateway ID; the password is shown once."""
    if not _ID.fullmatch(gateway):
        raise click.BadParameter(
            f"{gateway!r} is no gateway id: 1 to 64 of the letters A-Z a-z 0-9 _ -",
            param_hint="ID",
        )
    password, digest = _secret()

    async def act(conn: AsyncConnection) -> str:
        now = datetime.now(UTC)
        await credentials.admit(conn, gateway, enterprise=enterprise, credential=digest, now=now)
        return enterprise

    asyncio.run(_in_database(settings, act))
    _hand_over(settings, gateway, enterprise, password, digest, passwd_file, acl_file, as_json)


@command.command()
@click.argument("gateway", metavar="ID")
@_files_options
@click.pass_obj
def rotate(
    settings: Settings,
    *,
    gateway: str,
    passwd_file: Path | None,
    acl_file: Path | None,
    as_json: bool,
) -> None:
    """Give gateway ID a new password; the old one is refused at once."""
    password, digest = _secret()

    async def act(conn: AsyncConnection) -> str:
        return await credentials.renew(conn, gateway, credential=digest)

    enterprise = asyncio.run(_in_database(settings, act))
    _hand_over(settings, gateway, enterprise, password, digest, passwd_file, acl_file, as_json)


@command.command()
@click.argument("gateway", metavar="ID")
@click.option("--passwd-file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--acl-file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def revoke(
    settings: Settings, *, gateway: str, passwd_file: Path | None, acl_file: Path | None
) -> None:
    """Take the credentials of gateway ID away; what it reported stays."""

    async def act(conn: AsyncConnection) -> str:
        await credentials.revoke(conn, gateway, now=datetime.now(UTC))
        return gateway

    asyncio.run(_in_database(settings, act))
    if settings.broker_url is None:
        access.put(Files(data_dir=settings.data_dir).credentials, gateway, None)
        click.echo(f"{gateway} is revoked; the embedded broker ends its connection")
        return
    if passwd_file is not None:
        mosquitto.put_account(passwd_file, gateway, None)
    if acl_file is not None:
        mosquitto.put_topics(acl_file, gateway, ())
    click.echo(f"{gateway} is revoked in the database")
    if passwd_file is None:
        click.echo(
            f"remove it from the broker too: mosquitto_passwd -D PASSWORD_FILE {gateway}; "
            "then reload Mosquitto (SIGHUP)"
        )


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def list_(settings: Settings, *, as_json: bool) -> None:
    """List the gateways and whether they have credentials."""

    async def act(conn: AsyncConnection) -> list[credentials.Admitted]:
        return await credentials.listed(conn)

    found = asyncio.run(_in_database(settings, act))
    if as_json:
        items = [
            {
                "id": one.id,
                "enterprise": one.enterprise,
                "credentials": _standing(one),
                "state": one.state,
                "last_seen": None if one.last_seen_at is None else one.last_seen_at.isoformat(),
            }
            for one in found
        ]
        click.echo(json.dumps({"items": items}, ensure_ascii=False))
        return
    for one in found:
        seen = "never" if one.last_seen_at is None else f"{one.last_seen_at:%Y-%m-%d %H:%M:%SZ}"
        click.echo(f"{one.id:<24} {one.enterprise:<16} {_standing(one):<8} {one.state:<8} {seen}")
    if not found:
        click.echo("no gateway is registered; `fengsui import FILE` or `fengsui gateway create`")


def _standing(one: credentials.Admitted) -> str:
    if one.revoked_at is not None:
        return "revoked"
    return "given" if one.credential else "none"


def _secret() -> tuple[str, str]:
    password = access.new_password()
    return password, access.hashed(password)


async def _in_database(settings: Settings, act: Callable[[AsyncConnection], Awaitable[_T]]) -> _T:
    """Run one action in one transaction of the settings' database, brought up to date first."""
    async with embedded.servers(settings, broker=False) as served:
        await migrate.migrate(served.database_url)
        async with await connect(served.database_url) as conn:
            return await act(conn)


def _hand_over(
    settings: Settings,
    gateway: str,
    enterprise: str,
    password: str,
    digest: str,
    passwd_file: Path | None,
    acl_file: Path | None,
    as_json: bool,  # noqa: FBT001  # one caller's words, passed on
) -> None:
    """Tell the broker of the account, and the person of the password, this once."""
    prefix = settings.topic_prefix
    topics = {
        "readings": f"{prefix}/{gateway}/readings",
        "status": f"{prefix}/{gateway}/status",
        "senml": f"{prefix}/{gateway}/senml",
        "replies": f"{prefix}/{gateway}/replies",
    }
    told: list[str]
    if settings.broker_url is None:
        files = Files(data_dir=settings.data_dir)
        access.put(files.credentials, gateway, access.Account(hash=digest, gateway=True))
        told = ["the embedded broker has taken up the account"]
        url = embedded.broker_url(settings) or "mqtt://127.0.0.1:1883"
    else:
        told = _tell_mosquitto(gateway, password, prefix, passwd_file, acl_file)
        url = settings.broker_url
    parts = urlsplit(url)
    host, port = (
        parts.hostname or "127.0.0.1",
        parts.port or (8883 if parts.scheme == "mqtts" else 1883),
    )
    example = shlex.join(
        [
            *("mosquitto_pub", "-h", host, "-p", str(port), "-u", gateway, "-P", password),
            *("-q", "1", "-i", gateway, "-t", topics["readings"], "-m", '{"values": {"TAG": 1.0}}'),
        ]
    )
    if as_json:
        shown = {
            "gateway": gateway,
            "enterprise": enterprise,
            "username": gateway,
            "password": password,
            "broker": f"{parts.scheme}://{host}:{port}",
            "topics": topics,
            "example": example,
        }
        click.echo(json.dumps(shown, ensure_ascii=False))
        for line in told:
            click.echo(line, err=True)
        return
    click.echo(f"gateway    {gateway} of enterprise {enterprise}")
    click.echo(f"broker     {parts.scheme}://{host}:{port}")
    click.echo(f"user name  {gateway}")
    click.echo(f"password   {password}   (shown this once)")
    click.echo(
        f"publish    {topics['readings']}   QoS 1; also .../status (retained, will), .../senml"
    )
    click.echo(f"subscribe  {topics['replies']}")
    click.echo(f"try        {example}")
    for line in told:
        click.echo(line)


def _tell_mosquitto(
    gateway: str, password: str, prefix: str, passwd_file: Path | None, acl_file: Path | None
) -> list[str]:
    """Write the files that were named; return the lines to add by hand for those that were not."""
    told: list[str] = []
    topics = mosquitto.topics(gateway, prefix)
    try:
        if passwd_file is not None:
            mosquitto.put_account(passwd_file, gateway, password)
            told.append(f"{passwd_file}: the account is written")
        else:
            words = shlex.join(["mosquitto_passwd", "-b", "PASSWORD_FILE", gateway, password])
            told.append(f"add the account to the broker: {words}")
        if acl_file is not None:
            mosquitto.put_topics(acl_file, gateway, topics)
            told.append(f"{acl_file}: the topics are written")
        else:
            told.append("add to the broker's acl_file:")
            told += [f"  {line}" for line in (f"user {gateway}", *topics)]
    except OSError as fault:
        raise FengsuiError(
            f"{fault.filename} could not be written ({fault.strerror}); the gateway's credentials "
            f"are in the database: give this user rights there and run `fengsui gateway rotate "
            f"{gateway}`"
        ) from fault
    told.append("then reload Mosquitto: kill -HUP, or systemctl reload mosquitto")
    return told
