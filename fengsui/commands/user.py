"""`fengsui user`: people's accounts, made, listed, closed, given new passwords."""

import json
import sys
from datetime import UTC, datetime

import click
from psycopg import AsyncConnection

from alarms.errors import FengsuiError
from alarms.storage import accounts
from api import identity, permissions
from fengsui import accounts_desk
from fengsui.settings import Settings


@click.group(name="user")
def command() -> None:
    """People's accounts."""


@command.command()
@click.argument("name")
@click.option("--scope", required=True, help="all, a region's code or an enterprise's code.")
@click.option("--role", type=click.Choice(permissions.ROLES), required=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def create(settings: Settings, *, name: str, scope: str, role: str, as_json: bool) -> None:
    """Open the account NAME; its password is asked for, or read from standard input."""
    if not name.strip() or len(name) > 64 or not name.isprintable():
        raise click.BadParameter("a name has 1 to 64 printable characters", param_hint="NAME")
    hashed = identity.hash_password(_password())

    async def act(conn: AsyncConnection) -> None:
        await accounts.create_person(
            conn,
            name=name,
            password_hash=hashed,
            scope=scope,
            role=role,
            now=datetime.now(UTC),
        )
        after = {"scope": scope, "role": role}
        await accounts_desk.trail(conn, "user_create", f"person:{name}", after)

    accounts_desk.run(settings, act)
    if as_json:
        click.echo(json.dumps({"name": name, "scope": scope, "role": role}, ensure_ascii=False))
    else:
        click.echo(f"{name} may sign in as {role} of {scope}")


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def list_(settings: Settings, *, as_json: bool) -> None:
    """List accounts."""
    items = [
        {
            "name": one.name,
            "scope": one.scope,
            "role": one.role,
            "disabled": one.disabled,
            "created_at": one.created_at.isoformat(),
        }
        for one in accounts_desk.run(settings, accounts.persons)
    ]
    if as_json:
        click.echo(json.dumps({"items": items}, ensure_ascii=False))
        return
    for item in items:
        state = "disabled" if item["disabled"] else "open"
        click.echo(f"{item['name']:<24} {item['scope']:<16} {item['role']:<14} {state}")
    if not items:
        click.echo("there is no account; open one with `fengsui user create`", err=True)


@command.command()
@click.argument("name")
@click.pass_obj
def disable(settings: Settings, *, name: str) -> None:
    """Close the account NAME and end its sessions."""

    async def act(conn: AsyncConnection) -> None:
        before = await _kept(conn, name)
        await accounts.disable_person(conn, name)
        after = await _kept(conn, name)
        await accounts_desk.trail(conn, "user_disable", f"person:{name}", after, before=before)

    accounts_desk.run(settings, act)
    click.echo(f"{name} is disabled")


@command.command()
@click.argument("name")
@click.pass_obj
def password(settings: Settings, *, name: str) -> None:
    """Give the account NAME a new password, open it again and end its sessions."""
    hashed = identity.hash_password(_password())

    async def act(conn: AsyncConnection) -> None:
        before = await _kept(conn, name)
        await accounts.change_password(conn, name, hashed)
        after = await _kept(conn, name)
        await accounts_desk.trail(conn, "user_password", f"person:{name}", after, before=before)

    accounts_desk.run(settings, act)
    click.echo(f"{name} has a new password")


async def _kept(conn: AsyncConnection, name: str) -> dict[str, object] | None:
    """Return what the audit trail keeps of an account: nothing of its password."""
    found = await accounts.person(conn, name)
    if found is None:
        return None
    return {"scope": found.scope, "role": found.role, "disabled": found.disabled}


def _password() -> str:
    """Ask for a password, or read the first line of standard input."""
    if sys.stdin.isatty():
        given = str(click.prompt("password", hide_input=True, confirmation_prompt=True, err=True))
    else:
        given = sys.stdin.readline().rstrip("\r\n")
    fault = identity.password_fault(given)
    if fault is not None:
        raise FengsuiError(fault)
    return given
