"""`fengsui replay`: publish a recorded feed as real MQTT gateways."""

import json
import threading
import time
from pathlib import Path

import click

from fengsui import broker_choice, field_console
from fengsui.settings import Settings
from simulators import faults as faults_spec
from simulators import replay
from simulators.errors import RequestError, SimulatorError


@click.command(name="replay")
@click.argument("recording", type=click.Path(path_type=Path))
@click.option("--broker", "url", help="mqtt://user:password@host:1883 (FENGSUI_BROKER_URL).")
@click.option("--username", help="The gateways' name at the broker; wins over the address.")
@click.option("--password", help="Its password.")
@click.option("--ca-file", type=click.Path(exists=True, dir_okay=False), help="CA for mqtts://.")
@click.option(
    "--speed",
    default="1",
    show_default=True,
    help="The recorded spacing divided by this number, or `max`: as fast as the broker takes it.",
)
@click.option(
    "--gateway",
    "gateways",
    multiple=True,
    help="The gateway's id (default: the file's name), or ENTERPRISE=ID, repeated.",
)
@click.option("--now", is_flag=True, help="Shift the first row to the present (speed 1 only).")
@click.option(
    "--faults", "spec", default="", help="drop=0.05,dup=0.02,late_s=30,clock_s=…,freeze=…,nan=…"
)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
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
    recording: Path,
    url: str | None,
    username: str | None,
    password: str | None,
    ca_file: str | None,
    speed: str,
    gateways: tuple[str, ...],
    now: bool,
    spec: str,
    seed: int,
    prefix: str | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Publish RECORDING, a ts,point,value[,quality][,received] file (.csv, .csv.gz) or a folder.

    The whole recording is checked before anything is sent.
    """
    chosen = settings.with_flags(data_dir=data_dir, topic_prefix=prefix)
    factor = _factor(speed)
    if now and factor != 1.0:
        raise RequestError(
            f"--now goes with --speed 1 only (it keeps the stamps in step with the clock), "
            f"there was --speed {speed}"
        )
    faults = faults_spec.parse(spec)
    named = replay.Gateways.parse(gateways)
    plan = replay.survey(recording, named)
    broker = broker_choice.choose(
        chosen, url=url, username=username, password=password, ca_file=ca_file
    )
    shift_ms = 0
    if now and plan.first_ts_ms is not None:
        shift_ms = time.time_ns() // 1_000_000 - plan.first_ts_ms
    stop = threading.Event()
    with (
        field_console.stopping(stop),
        field_console.progress_bar(plan.rows, f"replaying {recording.name}") as advance,
    ):
        done = replay.publish(
            plan,
            broker=broker,
            prefix=chosen.topic_prefix,
            speed=factor,
            shift_ms=shift_ms,
            faults=faults,
            seed=seed,
            stop=stop,
            progress=advance,
        )
    _tell(done, plan, as_json=as_json)
    if done.unacknowledged:
        raise SimulatorError(
            f"{done.unacknowledged} messages were not acknowledged by {broker.shown}; replay again "
            f"when it is there (readings already taken count once)"
        )


def _factor(speed: str) -> float | None:
    if speed == "max":
        return None
    try:
        factor = float(speed)
    except ValueError:
        factor = 0.0
    if not 0.0 < factor < float("inf"):
        raise RequestError(f"--speed is a number above 0 or `max`, there was {speed!r}")
    return factor


def _tell(done: replay.Done, plan: replay.Plan, *, as_json: bool) -> None:
    if as_json:
        click.echo(
            json.dumps(
                {
                    "readings": done.readings,
                    "messages": done.messages,
                    "seconds": round(done.seconds, 3),
                    "readings_per_s": round(done.rate, 1),
                    "recorded_readings": plan.readings,
                    "unacknowledged": done.unacknowledged,
                    "rejected": done.rejected,
                },
                ensure_ascii=False,
            )
        )
        return
    click.echo(
        f"{done.readings} readings in {done.messages} messages, {done.seconds:.1f} s, "
        f"{done.rate:.0f} readings/s",
        err=True,
    )
