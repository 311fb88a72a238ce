"""`fengsui gateway`: credentials of gateways, made, listed, renewed and taken away."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
from psycopg import AsyncConnection

from alarms import scope
from alarms.errors import UnavailableError
from alarms.storage import credentials
from api import gateway_life
from api.gateway_life import Issued, Revoked
from fengsui import accounts_desk, broker_doors
from fengsui.commands import gateway_certificates, gateway_test
from fengsui.settings import Settings


@click.group(name="gateway")
def command() -> None:
    """Credentials and topics of gateways, and what would become of their messages."""


command.add_command(gateway_test.command)


for _name, _command in (
    ("certificate", gateway_certificates.certificate),
    ("certificates", gateway_certificates.certificates_),
    ("revoke-certificate", gateway_certificates.revoke_certificate),
    ("revocations", gateway_certificates.revocations),
    ("broker-certificate", gateway_certificates.broker_certificate),
):
    command.add_command(_command, _name)


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
    if not gateway_life.ID.fullmatch(gateway):
        raise click.BadParameter(
            f"{gateway!r} is no gateway id: 1 to 64 of the letters A-Z a-z 0-9 _ -",
            param_hint="ID",
        )

    async def act(conn: AsyncConnection) -> Issued:
        return await gateway_life.create(
            conn,
            broker_doors.entrance(settings, passwd_file=passwd_file, acl_file=acl_file),
            gateway=gateway,
            enterprise=enterprise,
            scope=scope.ALL,
            actor=accounts_desk.actor(),
            now=datetime.now(UTC),
        )

    _hand_over(accounts_desk.run(settings, act), as_json=as_json)


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

    async def act(conn: AsyncConnection) -> Issued:
        return await gateway_life.rotate(
            conn,
            broker_doors.entrance(settings, passwd_file=passwd_file, acl_file=acl_file),
            gateway=gateway,
            scope=scope.ALL,
            actor=accounts_desk.actor(),
            now=datetime.now(UTC),
        )

    _hand_over(accounts_desk.run(settings, act), as_json=as_json)


@command.command()
@click.argument("gateway", metavar="ID")
@_files_options
@click.pass_obj
def revoke(
    settings: Settings,
    *,
    gateway: str,
    passwd_file: Path | None,
    acl_file: Path | None,
    as_json: bool,
) -> None:
    """Take password and certificates of gateway ID away; what it reported stays."""

    async def act(conn: AsyncConnection) -> Revoked:
        return await gateway_life.revoke(
            conn,
            broker_doors.entrance(settings, passwd_file=passwd_file, acl_file=acl_file),
            gateway=gateway,
            scope=scope.ALL,
            actor=accounts_desk.actor(),
            now=datetime.now(UTC),
        )

    done = accounts_desk.run(settings, act)
    if not done.closed:
        raise UnavailableError(f"{gateway} is revoked in the database, but {done.told[0]}")
    if as_json:
        click.echo(msgspec.json.encode(done).decode())
        return
    click.echo(f"{gateway} is revoked")
    for line in done.told:
        click.echo(line)


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def list_(settings: Settings, *, as_json: bool) -> None:
    """List the gateways and whether they have credentials."""
    found = accounts_desk.run(settings, credentials.listed)
    if as_json:
        items = [
            {
                "id": one.id,
                "enterprise": one.enterprise,
                "credentials": one.standing,
                "state": one.state,
                "last_seen": None if one.last_seen_at is None else one.last_seen_at.isoformat(),
            }
            for one in found
        ]
        click.echo(json.dumps({"items": items}, ensure_ascii=False))
        return
    for one in found:
        seen = "never" if one.last_seen_at is None else f"{one.last_seen_at:%Y-%m-%d %H:%M:%SZ}"
        click.echo(f"{one.id:<24} {one.enterprise:<16} {one.standing:<8} {one.state:<8} {seen}")
    if not found:
        click.echo("no gateway is registered; `fengsui import FILE` or `fengsui gateway create`")


def _hand_over(issued: Issued, *, as_json: bool) -> None:
    """Show what the enterprise is to be given, this once."""
    if as_json:
        shown = {name: getattr(issued, name) for name in Issued.__struct_fields__ if name != "told"}
        click.echo(json.dumps(shown, ensure_ascii=False))
        for line in issued.told:
            click.echo(line, err=True)
        return
    click.echo(f"gateway    {issued.gateway} of enterprise {issued.enterprise}")
    click.echo(f"broker     {issued.broker}")
    click.echo(f"user name  {issued.username}")
    click.echo(f"password   {issued.password}   (shown this once)")
    click.echo(
        f"publish    {issued.topics['readings']}   QoS 1; also .../status (retained, will), "
        ".../history, .../senml"
    )
    click.echo(f"subscribe  {issued.topics['replies']}")
    click.echo(f"Sparkplug  as edge node {issued.gateway}, under any group")
    click.echo(f"try        {issued.example}")
    for line in issued.told:
        click.echo(line)
