"""`fengsui import`: load or update the registry from a file, whole or not at all."""

import asyncio
import getpass
import json
import sys
import time
from collections.abc import Sequence
from typing import Any, BinaryIO

import click
import psycopg
from psycopg import AsyncConnection
from rich.console import Console
from rich.table import Table

from alarms import gb18218, registry, registry_changes
from alarms.errors import FengsuiError, RefusedError, first
from alarms.plant import Source
from alarms.registry_changes import Changes
from alarms.storage import connection, migrate
from alarms.storage import registry as stored
from alarms.uncollected import uncollected
from fengsui import embedded
from fengsui.settings import Settings


@click.command(name="import")
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Say what would happen and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def command(settings: Settings, file: BinaryIO, dry_run: bool, as_json: bool) -> None:  # noqa: FBT001  click's signature
    """Load or update the registry from FILE (YAML or JSON; - is standard input).

    A file with one wrong entry is refused whole, with line numbers. Importing the same file again
    changes nothing, and what a file does not mention is left alone.
    """
    document = file.read()
    name = str(getattr(file, "name", "<stdin>")).replace("<stdin>", "standard input")
    waiting = Console(stderr=True).status(f"importing {name}")
    try:
        with waiting, uncollected():
            found, done = asyncio.run(_import(settings, document, name, dry_run=dry_run))
    except RefusedError as error:
        if as_json:
            click.echo(json.dumps(_refused(error), ensure_ascii=False))
        raise
    warned = [
        *(str(warning) for warning in found.warnings),
        *registry_changes.warnings(done),
    ]
    if as_json:
        click.echo(json.dumps(_document(found.sources, done, warned), ensure_ascii=False))
        return
    _show(found.sources, done, warned, dry_run=dry_run)


async def _import(
    settings: Settings, document: bytes, name: str, *, dry_run: bool
) -> tuple[registry.Registry, Changes]:
    """Read, compare and write in one transaction; a dry run writes nothing."""
    async with embedded.servers(settings, broker=False) as served:
        await _prepare(served.database_url)
        async with await connection.connect(served.database_url) as conn:
            found = registry.parse(document, await stored.known(conn), name=name)
            if dry_run:
                return found, await stored.plan(conn, found)
            try:
                done = await stored.apply(conn, found, actor=_actor(), now=time.time_ns() // 1000)
                await conn.commit()
            except psycopg.errors.IntegrityError as error:
                raise FengsuiError(
                    f"the registry changed while {name} was being imported "
                    f"({str(error).splitlines()[0]}); nothing was changed, import it again"
                ) from error
            return found, done


async def _prepare(url: str) -> None:
    """Make the schema in an empty database; leave an older one to `fengsui migrate`."""
    async with await connection.connect(url) as conn:
        empty = await _is_empty(conn)
    if empty:
        await migrate.migrate(url)
    elif missing := await migrate.pending(url):
        raise FengsuiError(
            f"the database's schema is older than this version ({', '.join(missing)} missing); "
            "run `fengsui migrate` first"
        )


async def _is_empty(conn: AsyncConnection) -> bool:
    row = await (await conn.execute("select to_regclass('plant_revision') is null")).fetchone()
    return bool(row and row[0])


def _actor() -> str:
    """Name who imports, for the audit trail."""
    try:
        return f"import:{getpass.getuser()}"
    except (KeyError, OSError):
        return "import"


def _refused(error: RefusedError) -> dict[str, Any]:
    return {
        "created": 0,
        "changed": 0,
        "unchanged": 0,
        "faults": [
            {"line": fault.line, "place": fault.place, "problem": fault.problem}
            for fault in error.faults
        ],
    }


def _document(sources: Sequence[Source], done: Changes, warned: Sequence[str]) -> dict[str, Any]:
    return {
        "created": done.created,
        "changed": done.changed,
        "unchanged": done.unchanged,
        "kinds": done.counts(),
        "warnings": list(warned),
        "sources": [
            {
                "enterprise": source.enterprise,
                "code": source.code,
                "s": source.s,
                "r": source.r,
                "level": source.level,
            }
            for source in sources
        ],
    }


def _show(
    sources: Sequence[Source], done: Changes, warned: Sequence[str], *, dry_run: bool
) -> None:
    """Print what happened as tables, and warnings on standard error."""
    console = Console(file=sys.stdout)
    table = Table("", "created", "changed", "unchanged")
    for kind, counts in done.counts().items():
        table.add_row(kind, *(str(number) for number in counts.values()))
    table.add_row("all", str(done.created), str(done.changed), str(done.unchanged), style="bold")
    console.print(table)
    if sources:
        levels = Table("source", "name", "S", "R", "level", title=gb18218.METHOD)
        for source in sources:
            levels.add_row(
                f"{source.enterprise}/{source.code}",
                source.name,
                _number(source.s),
                _number(source.r),
                _level(source),
            )
        console.print(levels)
    for line in first([f"warning: {warning}" for warning in warned], "warnings"):
        click.echo(line, err=True)
    if dry_run:
        console.print("dry run: nothing was changed")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _level(source: Source) -> str:
    if source.s is None:
        return "–"
    if source.s < 1:
        return "not a major hazard source (S < 1)"
    return "–" if source.level is None else f"{'一二三四'[source.level - 1]}级"
