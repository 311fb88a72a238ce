"""`fengsui demo`: the whole system on one machine, nothing installed before."""

import asyncio
import contextlib
import json
import logging
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from alarms.errors import FengsuiError
from fengsui import demo, demo_check
from fengsui.settings import Settings
from simulators import scenarios

SPEED: Final = 4.0
CHECK_SPEED: Final = 8.0
CHECK_SCENARIO: Final = "tank-farm"


@click.command(name="demo")
@click.option("--check", is_flag=True, help="Run until one alarm went all the way, then end.")
@click.option("--scenario", help="Only this plant (default: all; with --check tank-farm).")
@click.option(
    "--speed",
    type=click.FloatRange(min=0.0, min_open=True, max=1000.0),
    help=f"How much faster the plants run [default: {SPEED:g}, with --check {CHECK_SPEED:g}].",
)
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the console, no other.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where everything is kept (FENGSUI_DATA_DIR; with --check a folder that is removed).",
)
@click.pass_obj
def command(
    settings: Settings,
    *,
    check: bool,
    scenario: str | None,
    speed: float | None,
    port: int | None,
    data_dir: Path | None,
) -> None:
    """Run database, broker, server, console and simulated gateways until Ctrl-C."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    names = _scenarios(scenario, check=check)
    screen = Console(stderr=True)
    if check:
        document = asyncio.run(
            _stoppable(_checked(settings, names, speed or CHECK_SPEED, port, data_dir, screen))
        )
        if document is None:
            raise FengsuiError("the check was stopped before an alarm had arrived")
        click.echo(json.dumps(document))
        return
    chosen = settings.with_flags(data_dir=data_dir)
    asyncio.run(_stoppable(_run(chosen, names, speed or SPEED, port, screen)))


def _scenarios(asked: str | None, *, check: bool) -> Sequence[str]:
    """Return the scenarios to run; raises the simulators' own error for a name there is not."""
    if asked is None:
        return (CHECK_SCENARIO,) if check else tuple(scenarios.SCENARIOS)
    if asked not in scenarios.SCENARIOS:
        raise click.BadParameter(
            f"there is no scenario {asked!r}; choose one of {', '.join(scenarios.SCENARIOS)}",
            param_hint="--scenario",
        )
    return (asked,)


async def _stoppable(work: Any) -> Any:  # noqa: ANN401  # returns what the work returns
    """Run the work; Ctrl-C and SIGTERM cancel it, what it started is stopped, None returned."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(ending, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return None


async def _run(
    settings: Settings, names: Sequence[str], speed: float, port: int | None, screen: Console
) -> None:
    with _telling(screen) as say:
        system_context = demo.running(settings, scenarios=names, port=port, say=say)
        system = await system_context.__aenter__()
    try:
        async with demo.gateways(system, scenarios=names, speed=speed):
            _welcome(system, names, speed)
            await asyncio.Event().wait()
    finally:
        screen.print("stopping …", style="dim") if screen.is_terminal else None
        await system_context.__aexit__(None, None, None)


async def _checked(
    settings: Settings,
    names: Sequence[str],
    speed: float,
    port: int | None,
    data_dir: Path | None,
    screen: Console,
) -> dict[str, Any]:
    with contextlib.ExitStack() as stack:
        say = stack.enter_context(_telling(screen))
        folder = data_dir or Path(tempfile.mkdtemp(prefix="fengsui-check-"))
        document = await demo_check.check(
            settings.with_flags(data_dir=folder),
            scenarios=names,
            speed=speed,
            port=port,
            progress=demo_check.Progress(say),
        )
        if data_dir is None:  # kept when the check failed: its logs say why
            await asyncio.to_thread(shutil.rmtree, folder)
        return document


@contextlib.contextmanager
def _telling(screen: Console) -> Iterator[demo.Say]:
    """Give a function that shows what is being done: a spinner on a terminal, else nothing."""
    if not screen.is_terminal:
        yield _remark
        return
    with screen.status("starting") as status:

        def say(step: str) -> None:
            if step.startswith("port "):
                screen.print(step)
            else:
                status.update(step)

        yield say


def _remark(step: str) -> None:
    """Without a terminal only a change of what was asked for is worth a line."""
    if step.startswith("port "):
        click.echo(step, err=True)


def _welcome(system: demo.System, names: Sequence[str], speed: float) -> None:
    click.echo(f"console    {system.url}")
    for login in system.logins:
        click.echo(f"login      {login.name}  {login.password}  ({login.role})")
    click.echo(f"broker     {system.broker}, accounts by `fengsui gateway create`")
    click.echo(f"plants     {', '.join(names)}, simulated, {speed:g} times real time")
    click.echo(f"data       {system.settings.data_dir}")
    click.echo("Ctrl-C stops everything; the same command goes on with the same data.")
