"""`fengsui simulate`: publish a simulated plant as real MQTT gateways."""

import dataclasses
import json
import threading
from pathlib import Path

import click

from fengsui import broker_choice, field_console, plant_copies
from fengsui.settings import Settings
from simulators import faults as faults_spec
from simulators import scenarios
from simulators.fleet import Fleet, Standing
from simulators.scenario import Running


@click.command(name="simulate")
@click.argument("scenario")
@click.option("--broker", "url", help="mqtt://user:password@host:1883 (FENGSUI_BROKER_URL).")
@click.option("--username", help="The gateways' name at the broker; wins over the address.")
@click.option("--password", help="Its password.")
@click.option(
    "--credentials",
    type=click.Path(dir_okay=False, path_type=Path),
    hidden=True,  # the demo's: a password for each gateway, whose name is its id
)
@click.option("--ca-file", type=click.Path(exists=True, dir_okay=False), help="CA for mqtts://.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0.0, min_open=True, max=1000.0),
    default=1.0,
    show_default=True,
    help="The plant and its time line run so many times faster; stamps stay real time.",
)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@click.option("--points", type=click.IntRange(min=1), help="Publish so many points, cloning units.")
@click.option(
    "--registry",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the registry of these points to a file for `fengsui import`.",
)
@click.option("--duration", type=click.FloatRange(min=0.0, min_open=True), help="Seconds to run.")
@click.option(
    "--lead-in",
    type=click.FloatRange(min=0.0),
    default=30.0,
    show_default=True,
    help="Seconds of the time line before the first incident.",
)
@click.option(
    "--faults", "spec", default="", help="drop=0.05,dup=0.02,late_s=30,clock_s=…,freeze=…,nan=…"
)
@click.option("--prefix", help="Topic prefix (FENGSUI_TOPIC_PREFIX).")
@click.option(
    "--data-dir", type=click.Path(file_okay=False, path_type=Path), help="FENGSUI_DATA_DIR."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document at the end.")
@click.pass_obj
@field_console.worded
def command(
    settings: Settings,
    *,
    scenario: str,
    url: str | None,
    username: str | None,
    password: str | None,
    credentials: Path | None,
    ca_file: str | None,
    speed: float,
    seed: int,
    points: int | None,
    registry: Path | None,
    duration: float | None,
    lead_in: float,
    spec: str,
    prefix: str | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Publish SCENARIO (tank-farm, gas-line, coal-mine) until Ctrl-C or for --duration seconds.

    With --registry and without a broker, only the registry is written.
    """
    chosen = settings.with_flags(data_dir=data_dir, topic_prefix=prefix)
    faults = faults_spec.parse(spec)
    running = Running(
        scenarios.named(scenario), seed=seed, points=points, speed=speed, lead_in_s=lead_in
    )
    if registry is not None:
        plant_copies.write(registry, running.scenario, points=running.points)
        click.echo(f"wrote {registry}: `fengsui import {registry}` registers it", err=True)
    broker = broker_choice.choose(
        chosen, url=url, username=username, password=password, ca_file=ca_file
    )
    fleet = Fleet(
        running,
        broker=broker,
        prefix=chosen.topic_prefix,
        faults=faults,
        seed=seed,
        credentials={} if credentials is None else _credentials(credentials),
    )
    click.echo(
        f"{running.scenario.title}: {running.points} points by {len(running.scenario.devices)} "
        f"gateways to {broker.shown}, {speed:g} times real time; {running.scenario.story}",
        err=True,
    )
    stop = threading.Event()
    with field_console.stopping(stop), field_console.status_line() as show:
        done = fleet.run(stop, duration_s=duration, report=lambda now: show(_line(now)))
    if as_json:
        told = {"scenario": scenario, **dataclasses.asdict(done)}
        click.echo(json.dumps(told | {"elapsed_s": round(done.elapsed_s, 3)}))
    else:
        click.echo(_line(done), err=True)


def _credentials(file: Path) -> dict[str, tuple[str, str]]:
    """Read {gateway: password}: each gateway signs in with its id."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return {str(gateway): (str(gateway), str(word)) for gateway, word in found.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise click.BadParameter(
            f"{file} does not hold a JSON object of passwords: {error}"
        ) from error


def _line(now: Standing) -> str:
    parts = [
        f"{now.elapsed_s:.0f} s",
        f"{now.online} of {now.gateways} gateways connected",
        f"{now.messages} messages, {now.readings} readings",
    ]
    if now.waiting:
        parts.append(f"{now.waiting} waiting")
    if now.buffered:
        parts.append(f"{now.buffered} stored meanwhile")
    if now.overflowed:
        parts.append(f"{now.overflowed} given up, the store was full")
    if now.lost:
        parts.append(f"{now.lost} dropped on purpose")
    if now.rejected:
        parts.append(f"{sum(now.rejected.values())} rejected")
    return " · ".join(parts)
