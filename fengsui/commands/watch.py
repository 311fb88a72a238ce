"""`fengsui watch`: what a platform sees, one JSON line an event."""

import asyncio
import sys
from pathlib import Path

import click

from alarms.alarm import Kind, Tier
from fengsui import console
from fengsui.settings import Settings
from fengsui.watch import Watch, Wish


@click.command(name="watch")
@click.option("--url", help="The server (default: the one of these settings, on this machine).")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="The server's port on this machine (FENGSUI_HTTP_PORT).",
)
@click.option("--token", help="A token of `fengsui token create`; - reads it from standard input.")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file whose first line is the token.",
)
@click.option("--consumer", help="A name whose place the server remembers.")
@click.option(
    "--from",
    "start",
    default="snapshot",
    show_default=True,
    help="snapshot, now or <epoch>:<offset>.",
)
@click.option("--region", help="Only what happens in this region.")
@click.option("--enterprise", help="Only what happens at this enterprise.")
@click.option("--source", help="Only what happens at this major hazard source.")
@click.option(
    "--tier-min",
    type=click.Choice([tier.name for tier in Tier if tier]),
    help="Only from this tier up.",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice([*Kind, "warning"]),
    help="Only this kind (repeat for more); warning brings proposals too.",
)
@click.option("--ack", is_flag=True, help="Acknowledge what was printed (with --consumer).")
@click.pass_obj
def command(
    settings: Settings,
    *,
    url: str | None,
    port: int | None,
    token: str | None,
    token_file: Path | None,
    consumer: str | None,
    start: str,
    region: str | None,
    enterprise: str | None,
    source: str | None,
    tier_min: str | None,
    kinds: tuple[str, ...],
    ack: bool,
) -> None:
    """Print every alarm event within the token's scope; reconnect, resume, miss nothing."""
    if (token is None) == (token_file is None):
        raise click.UsageError("say who you are with --token or --token-file")
    if url is not None and port is not None:
        raise click.UsageError("--url has a port of its own: leave out --port")
    if ack and consumer is None:
        raise click.UsageError("--ack moves a consumer's place: name it with --consumer")
    if token == "-":  # noqa: S105  not a secret
        token = sys.stdin.readline()
    asked = {
        "region": region,
        "enterprise": enterprise,
        "source": source,
        "tier_min": tier_min,
        "kinds": kinds or None,
    }
    secret = token if token_file is None else token_file.read_text().partition("\n")[0]
    settings = settings.with_flags(http_port=port)
    wish = Wish(
        url=url or console.address(settings),
        trust=console.trust(settings) if url is None else None,
        token=(secret or "").strip(),
        start=start,
        consumer=consumer,
        acknowledges=ack,
        filter={name: value for name, value in asked.items() if value is not None},
    )
    watch = Watch(wish, say=_say, tell=lambda line: click.echo(f"watch: {line}", err=True))
    try:
        asyncio.run(watch.run())
    except BrokenPipeError:
        # Whoever read our lines has gone; the interpreter's own flush must not complain.
        sys.stdout = None


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
