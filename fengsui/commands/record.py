"""`fengsui record`: capture a live feed into a file that `replay` and `backtest` read."""

import asyncio
import json
import signal
from pathlib import Path

import click

from alarms.errors import SettingError
from fengsui import embedded, recorder
from fengsui.recorder import Captured
from fengsui.settings import Settings


@click.command(name="record")
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--broker", help="mqtt://user:password@host:1883 (default: FENGSUI_BROKER_URL).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document at the end.")
@click.pass_obj
def command(settings: Settings, *, out: Path, broker: str | None, as_json: bool) -> None:
    """Write every reading on the broker to OUT (.csv or .csv.gz) until Ctrl-C."""
    if not out.name.endswith(recorder.ENDINGS):
        raise click.UsageError(f"OUT must end in {' or '.join(recorder.ENDINGS)}, not {out.name}")
    url = broker or embedded.broker_url(settings)
    if url is None:
        raise SettingError("no broker is known; name one with --broker or FENGSUI_BROKER_URL")
    captured = asyncio.run(_until_told(url, settings.topic_prefix, out))
    if as_json:
        shown = {
            "file": str(out),
            "messages": captured.messages,
            "readings": captured.readings,
            "rejected": dict(captured.rejected),
        }
        click.echo(json.dumps(shown, ensure_ascii=False))
    else:
        click.echo(f"{captured.readings} readings of {captured.messages} messages in {out}")


async def _until_told(url: str, prefix: str, out: Path) -> Captured:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return await recorder.record(
        broker_url=url,
        prefix=prefix,
        file=out,
        stop=stop,
        tell=lambda line: click.echo(f"record: {line}", err=True),
    )
