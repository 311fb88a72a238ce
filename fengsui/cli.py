"""The `fengsui` command: finds the command asked for, loads only that, and words its errors."""

import importlib
import os
import sys
from pathlib import Path
from typing import Final

import click

from alarms.errors import FengsuiError
from fengsui.settings import Settings

_COMMANDS: Final = {
    "audit": "audit",
    "backtest": "backtest",
    "bench": "bench",
    "demo": "demo",
    "doctor": "doctor",
    "evaluate": "evaluate",
    "gateway": "gateway",
    "import": "import_",
    "migrate": "migrate",
    "record": "record",
    "replay": "replay",
    "serve": "serve",
    "simulate": "simulate",
    "token": "token",
    "user": "user",
    "watch": "watch",
}


class _Commands(click.Group):
    """Loads a command's module only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"fengsui.commands.{_COMMANDS[cmd_name]}")
        command = module.command
        if not isinstance(command, click.Command):
            raise TypeError(f"fengsui.commands.{_COMMANDS[cmd_name]}.command is no click command")
        return command


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A TOML file with settings (default: the one FENGSUI_CONFIG names).",
)
@click.version_option(package_name="fengsui", prog_name="fengsui")
@click.pass_context
def fengsui(ctx: click.Context, config: Path | None) -> None:
    """Watch major hazard sources: MQTT readings in, tiered alarms out. 重大危险源监测预警"""
    ctx.obj = Settings.load(file=config, environment=os.environ)


def main() -> None:
    """Run the command; a FengsuiError becomes one sentence on standard error and exit code 1."""
    try:
        fengsui.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except FengsuiError as error:
        click.echo(f"fengsui: {error}", err=True)
        sys.exit(1)
