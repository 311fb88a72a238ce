"""`fengsui bench`: the project's own measurements."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import click

from fengsui.bench import decode, engine, fanout, ingest, latency, nation, query
from fengsui.settings import Settings


@click.group(name="bench")
def command() -> None:
    """Measure this machine: each value beside the bare measure of the same run."""


@command.command(name="engine")
@click.option("--points", default=440_000, show_default=True, type=click.IntRange(1))
@click.option("--readings", default=4_400_000, show_default=True, type=click.IntRange(1))
@click.option("--batch", default=10_000, show_default=True, type=click.IntRange(1))
@click.option("--restless", default=0.01, show_default=True, type=click.FloatRange(0, 1))
@click.option("--period", default=5.0, show_default=True, type=click.FloatRange(0.001))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def bench_engine(
    settings: Settings,
    *,
    points: int,
    readings: int,
    batch: int,
    restless: float,
    period: float,
    as_json: bool,
) -> None:
    """Readings judged per second on one core, beside a plain engine that takes one at a time.

    Every point has every detector and reports once in PERIOD seconds; forecasts and deviations
    judge a point at most once in 10 s. Then the time from the start of a process to the first batch
    it could judge, on a record with so many points, 5,000 open alarms and the readings stored
    since memory was saved.
    """
    workload = engine.Workload(
        points=points, readings=readings, batch=batch, restless=restless, period_s=period
    )
    show(asyncio.run(engine.measure(settings, workload, told=_tell)), as_json=as_json)


@command.command(name="ingest")
@click.option("--points", default=10_000, show_default=True, type=click.IntRange(100))
@click.option("--readings", default=1_000_000, show_default=True, type=click.IntRange(1_000))
@click.option("--per-message", default=100, show_default=True, type=click.IntRange(1, 1_000))
@click.option("--singles", default=50_000, show_default=True, type=click.IntRange(1))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def bench_ingest(
    settings: Settings, *, points: int, readings: int, per_message: int, singles: int, as_json: bool
) -> None:
    """Readings per second from PUBLISH to COMMIT, beside bare COPY of the same rows."""
    workload = ingest.Workload(
        points=points, readings=readings, per_message=per_message, singles=singles
    )
    show(asyncio.run(ingest.measure(settings, workload)), as_json=as_json)


@command.command(name="latency")
@click.option("--samples", default=300, show_default=True, type=click.IntRange(10))
@click.option(
    "--load",
    default=10_000,
    show_default=True,
    type=click.IntRange(0),
    help="Readings a second that other gateways send meanwhile, in hundreds.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def bench_latency(settings: Settings, *, samples: int, load: int, as_json: bool) -> None:
    """Milliseconds from a reading's PUBLISH to its alarm's frame, beside a bare echo."""
    workload = latency.Workload(samples=samples, load=load)
    show(asyncio.run(latency.measure(settings, workload)), as_json=as_json)


@command.command(name="fanout")
@click.option("--clients", default=1_000, show_default=True, type=click.IntRange(2))
@click.option("--everything", default=20, show_default=True, type=click.IntRange(1))
@click.option("--counties", default=100, show_default=True, type=click.IntRange(1, 1_000))
@click.option("--alarms", default=10_000, show_default=True, type=click.IntRange(1))
@click.option("--seconds", default=10.0, show_default=True, type=click.FloatRange(0.1))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def bench_fanout(
    settings: Settings,
    *,
    clients: int,
    everything: int,
    counties: int,
    alarms: int,
    seconds: float,
    as_json: bool,
) -> None:
    """Milliseconds from an alarm to its frame at every client, beside a bare broadcast.

    EVERYTHING of the clients see all alarms, the others one county each; one alarm in twenty is
    red. A lost, foreign, repeated or misplaced frame is an error.
    """
    if everything >= clients or counties > alarms:
        raise click.UsageError("--everything is less than --clients, --counties at most --alarms")
    workload = fanout.Workload(
        clients=clients, everything=everything, counties=counties, alarms=alarms, seconds=seconds
    )
    show(asyncio.run(fanout.measure(settings, workload, told=_tell)), as_json=as_json)


@command.command(name="nation")
@click.option("--points", default=440_000, show_default=True, type=click.IntRange(1))
@click.option("--gateways", default=5_000, show_default=True, type=click.IntRange(1))
@click.option("--every", default=47.5, show_default=True, type=click.FloatRange(0.1))
@click.option("--seconds", default=60.0, show_default=True, type=click.FloatRange(1))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def bench_nation(
    settings: Settings,
    *,
    points: int,
    gateways: int,
    every: float,
    seconds: float,
    as_json: bool,
) -> None:
    """What the server takes of the machine under a nation's load: CPU, memory, lag.

    Every gateway has a connection of its own and sends all its points in one message once in
    EVERY seconds.
    """
    workload = nation.Workload(points=points, gateways=gateways, every_s=every, seconds=seconds)
    show(asyncio.run(nation.measure(settings, workload)), as_json=as_json)


def _tell(words: str) -> None:
    """Say what is being done, beside the document."""
    click.echo(f"{words} …", err=True)


@command.command(name="decode")
@click.option("--per-message", default=100, show_default=True, type=click.IntRange(1, 200))
@click.option("--seconds", default=0.5, show_default=True, type=click.FloatRange(0.001))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def bench_decode(*, per_message: int, seconds: float, as_json: bool) -> None:
    """Readings per second from each dialect's bytes to columns, beside a bare parse."""
    workload = decode.Workload(per_message=per_message, seconds=seconds)
    show(decode.measure(workload), as_json=as_json)


@command.command(name="query")
@click.option("--points", default=100, show_default=True, type=click.IntRange(1))
@click.option("--readings", default=1_000_000, show_default=True, type=click.IntRange(1_000))
@click.option("--period", default=10.0, show_default=True, type=click.FloatRange(0.001))
@click.option("--queries", default=200, show_default=True, type=click.IntRange(1))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def bench_query(
    settings: Settings, *, points: int, readings: int, period: float, queries: int, as_json: bool
) -> None:
    """Milliseconds of a point's year and day among all readings; bytes a stored reading."""
    workload = query.Workload(points=points, readings=readings, period_s=period, queries=queries)
    show(asyncio.run(query.measure(settings, workload)), as_json=as_json)


def show(document: Mapping[str, Any], *, as_json: bool) -> None:
    """Print a measurement's document, or its results as lines."""
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False))
        return
    for name, result in document["results"].items():
        line = f"{name:42} {result['value']:>14,.1f} {result['unit']}"
        if "limit" in result:
            line += f"   {result['ratio']:.2f} of {result['limit']:,.1f}"
        click.echo(line)
