"""`fengsui evaluate`: measure early warning on recorded feeds and write the page."""

from pathlib import Path

import click

from fengsui.evaluation import page


@click.command()
@click.option(
    "--recordings",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder with nab/, tep/ and nppad/.",
)
@click.option(
    "--page",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("docs/evaluation.md"),
    show_default=True,
)
def command(recordings: Path, target: Path) -> None:
    """Measure early warning on recorded feeds and write the page."""
    page.write(recordings, target)
