"""`fengsui token`: bearer tokens for machines, made, listed and revoked."""

import json
from datetime import UTC, datetime, timedelta

import click
from psycopg import AsyncConnection

from alarms.storage import accounts
from api import identity, permissions
from fengsui import accounts_desk
from fengsui.settings import Settings


@click.group(name="token")
def command() -> None:
    """Bearer tokens for machines."""


@command.command()
@click.option("--name", required=True, help="What it is for; stands in journals.")
@click.option("--scope", required=True, help="all, a region's code or an enterprise's code.")
@click.option(
    "--role",
    type=click.Choice([*permissions.ROLES, permissions.BROKER]),
    default="platform",
    show_default=True,
)
@click.option(
    "--expires", type=click.IntRange(1, 3650), metavar="DAYS", help="Days it lasts; else for ever."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def create(
    settings: Settings, *, name: str, scope: str, role: str, expires: int | None, as_json: bool
) -> None:
    """Make a token and print it, this once."""
    token = identity.new_token()
    now = datetime.now(UTC)
    until = None if expires is None else now + timedelta(days=expires)

    async def act(conn: AsyncConnection) -> None:
        await accounts.create_token(
            conn,
            name=name,
            token_hash=identity.digest_of(token),
            scope=scope,
            role=role,
            now=now,
            expires_at=until,
        )
        after = {"scope": scope, "role": role, "expires_at": until}
        await accounts_desk.trail(conn, "token_create", f"token:{name}", after)

    accounts_desk.run(settings, act)
    if not as_json:
        click.echo(token)
        return
    shown = {
        "name": name,
        "token": token,
        "scope": scope,
        "role": role,
        "expires_at": None if until is None else until.isoformat(),
    }
    click.echo(json.dumps(shown, ensure_ascii=False))


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def list_(settings: Settings, *, as_json: bool) -> None:
    """List tokens; the tokens themselves are kept nowhere."""
    found = accounts_desk.run(settings, accounts.tokens)
    now = datetime.now(UTC)
    items = [
        {
            "name": one.name,
            "scope": one.scope,
            "role": one.role,
            "state": _state(one, now),
            "created_at": one.created_at.isoformat(),
            "expires_at": None if one.expires_at is None else one.expires_at.isoformat(),
        }
        for one in found
    ]
    if as_json:
        click.echo(json.dumps({"items": items}, ensure_ascii=False))
        return
    for item in items:
        until = item["expires_at"] or "never"
        click.echo(
            f"{item['name']:<24} {item['scope']:<16} {item['role']:<14} {item['state']:<8} {until}"
        )
    if not items:
        click.echo("there is no token; make one with `fengsui token create`", err=True)


def _state(one: accounts.Token, now: datetime) -> str:
    if one.revoked_at is not None:
        return "revoked"
    return "expired" if one.expires_at is not None and one.expires_at <= now else "valid"


@command.command()
@click.argument("name")
@click.pass_obj
def revoke(settings: Settings, *, name: str) -> None:
    """End the token NAME at once; its open sockets close within seconds."""

    async def act(conn: AsyncConnection) -> None:
        before = await _kept(conn, name)
        await accounts.revoke_token(conn, name, now=datetime.now(UTC))
        after = await _kept(conn, name)
        await accounts_desk.trail(conn, "token_revoke", f"token:{name}", after, before=before)

    accounts_desk.run(settings, act)
    click.echo(f"{name} is revoked")


async def _kept(conn: AsyncConnection, name: str) -> dict[str, object] | None:
    """Return what the audit trail keeps of a token, which is all but the token."""
    found = next((one for one in await accounts.tokens(conn) if one.name == name), None)
    return None if found is None else found._asdict()
