"""`fengsui gateway certificate` and its like: the server's own authority at the command line."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
from psycopg import AsyncConnection

from alarms import scope
from alarms.storage import certificates
from api import gateway_certificates
from api.gateway_certificates import Handed
from fengsui import accounts_desk, broker_doors
from fengsui.settings import Settings

_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("gateway", metavar="ID")
@click.option("--csr", type=_FILE, help="A signing request (PEM) of a gateway that keeps its key.")
@click.option(
    "--days",
    type=click.IntRange(1, gateway_certificates.MOST_DAYS),
    default=gateway_certificates.DAYS,
    show_default=True,
)
@click.option("--out", type=_FOLDER, default=Path(), help="Where ID.crt, ID.key and ca.crt go.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, write no file.")
@click.pass_obj
def certificate(
    settings: Settings, *, gateway: str, csr: Path | None, days: int, out: Path, as_json: bool
) -> None:
    """Issue a certificate for gateway ID; those it has keep counting until they are revoked."""
    request = None if csr is None else csr.read_text()

    async def act(conn: AsyncConnection) -> Handed:
        return await gateway_certificates.issue(
            conn,
            broker_doors.entrance(settings),
            gateway=gateway,
            scope=scope.ALL,
            actor=accounts_desk.actor(),
            now=datetime.now(UTC),
            days=days,
            request=request,
        )

    handed = accounts_desk.run(settings, act)
    if as_json:
        click.echo(msgspec.json.encode(handed).decode())
        return
    _write(out, gateway, handed.certificate, handed.key, handed.ca)
    click.echo(f"serial      {handed.serial}")
    click.echo(f"counts      until {handed.not_after:%Y-%m-%d}")
    for line in handed.told:
        click.echo(line)


@click.command()
@click.argument("gateway", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def certificates_(settings: Settings, *, gateway: str, as_json: bool) -> None:
    """List the certificates of gateway ID."""

    async def act(conn: AsyncConnection) -> list[certificates.Issued]:
        return await certificates.of(conn, gateway)

    found = accounts_desk.run(settings, act)
    if as_json:
        click.echo(msgspec.json.encode({"items": found}).decode())
        return
    for one in found:
        state = "counts" if one.revoked_at is None else f"revoked {one.revoked_at:%Y-%m-%d}"
        click.echo(f"{one.serial}  until {one.not_after:%Y-%m-%d}  {state}")
    if not found:
        click.echo(f"gateway {gateway} has no certificate; `fengsui gateway certificate {gateway}`")


@click.command()
@click.argument("gateway", metavar="ID")
@click.argument("serial")
@click.pass_obj
def revoke_certificate(settings: Settings, *, gateway: str, serial: str) -> None:
    """Let one certificate of gateway ID count no more; then give the broker the list anew."""

    async def act(conn: AsyncConnection) -> None:
        await gateway_certificates.revoke(
            conn,
            gateway=gateway,
            serial=serial,
            scope=scope.ALL,
            actor=accounts_desk.actor(),
            now=datetime.now(UTC),
        )

    accounts_desk.run(settings, act)
    click.echo(f"certificate {serial} is revoked; now `fengsui gateway revocations FILE`")


@click.command()
@click.argument("file", type=_FILE)
@click.pass_obj
def revocations(settings: Settings, *, file: Path) -> None:
    """Write the list of revoked certificates (a broker's crlfile), signed anew."""

    async def act(conn: AsyncConnection) -> str:
        return await gateway_certificates.revocations(
            conn, broker_doors.entrance(settings).authority, now=datetime.now(UTC)
        )

    listed = accounts_desk.run(settings, act)
    beside = file.with_name(f"{file.name}.new")
    beside.write_text(listed)
    beside.replace(file)
    click.echo(f"{file} is written; reload the broker (Mosquitto: kill -HUP)")


@click.command()
@click.argument("hosts", metavar="HOST...", nargs=-1, required=True)
@click.option("--days", type=click.IntRange(1, 3650), default=825, show_default=True)
@click.option(
    "--out", type=_FOLDER, default=Path(), help="Where broker.crt, broker.key, ca.crt go."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, write no file.")
@click.pass_obj
def broker_certificate(
    settings: Settings, *, hosts: tuple[str, ...], days: int, out: Path, as_json: bool
) -> None:
    """Issue a certificate for the broker at HOST, by name or address."""
    now = datetime.now(UTC)
    own = broker_doors.entrance(settings).authority
    made = own.for_broker(hosts, now=now, days=days)
    if as_json:
        shown = {"certificate": made.certificate, "key": made.key, "ca": own.certificate(now)}
        click.echo(json.dumps(shown))
        return
    _write(out, "broker", made.certificate, made.key, own.certificate(now))


def _write(out: Path, name: str, certificate: str, key: str | None, ca: str) -> None:
    """Write what was issued; the key is its owner's alone."""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.crt").write_text(certificate)
    (out / "ca.crt").write_text(ca)
    written = [f"{name}.crt", "ca.crt"]
    if key is not None:
        file = out / f"{name}.key"
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.write(key)
        written.append(f"{name}.key")
    click.echo(f"written     {', '.join(str(out / one) for one in written)}")
