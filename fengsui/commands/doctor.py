"""`fengsui doctor`: is everything there that the server needs?"""

import asyncio
import json
import sys
from typing import Final

import click
from rich.console import Console
from rich.text import Text

from fengsui import doctor
from fengsui.doctor import Finding, Verdict
from fengsui.settings import Settings

_COLOURS: Final = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.FAILED: "bold red"}
_ORDER: Final = (Verdict.OK, Verdict.WARNING, Verdict.FAILED)


@click.command(name="doctor")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to look at (FENGSUI_HTTP_PORT).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def command(settings: Settings, *, port: int | None, as_json: bool) -> None:
    """Check database, broker, clock, disk, rights and port; exit 1 if anything failed."""
    settings = settings.with_flags(http_port=port)
    screen = Console(highlight=False, soft_wrap=True)
    if not as_json:
        for name, value in settings.shown().items():
            screen.print(Text(f"{name:<24} {value}", style="dim"))
    findings = asyncio.run(_look(settings, None if as_json else screen))
    worst = max((finding.verdict for finding in findings), key=_ORDER.index)
    if as_json:
        checks = [
            {"name": one.name, "verdict": one.verdict, "found": one.found, "mend": one.mend}
            for one in findings
        ]
        shown = {"verdict": worst, "settings": settings.shown(), "checks": checks}
        click.echo(json.dumps(shown, ensure_ascii=False))
    if worst == Verdict.FAILED:
        sys.exit(1)


async def _look(settings: Settings, screen: Console | None) -> list[Finding]:
    findings: list[Finding] = []
    async for finding in doctor.examine(settings):
        findings.append(finding)
        if screen is not None:
            _show(screen, finding)
    return findings


def _show(screen: Console, finding: Finding) -> None:
    line = Text(f"{finding.verdict:<8}", style=_COLOURS[finding.verdict])
    line.append(f" {finding.name:<12} {finding.found}", style="default")
    screen.print(line)
    if finding.mend is not None:
        screen.print(f"{'':<8} {'':<12} → {finding.mend}", markup=False)
