"""What is done to a site while its gateways go on, and what must be true afterwards."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from fengsui.bench import scratch
from tests.endurance import reckoning
from tests.endurance.gateways import Gateway, Ledger, stopped
from tests.endurance.site import PREFIX, Site, broker, levels, say, until_stored
from tests.servers import Mosquitto

GATEWAYS: Final = 4
POINTS: Final = 40
EVERY_S: Final = 0.2
_QUEUE_BYTES: Final = 300_000
_BYTES_PER_S: Final = 5_000
"""Twenty messages of some 250 bytes."""
_SETTLE_S: Final = 300.0


class Run(NamedTuple):
    """What the command line asks for."""

    broker: str
    mosquitto_root: Path | None
    seed: int
    kills: int
    outage_s: float
    backlog_h: float
    topic: str
    seconds: float


@contextmanager
def standing(
    run: Run, plant: Mapping[str, object], *, queue_bytes: int | None = None
) -> Iterator[Site]:
    """Run a site for as long as the block."""
    with TemporaryDirectory(prefix="fengsui-endurance-") as folder:
        chosen = broker(run.broker, queue_bytes=queue_bytes, root=run.mosquitto_root)
        site = Site(chosen, Path(folder), plant=plant)
        try:
            yield site
        finally:
            site.close()


@contextmanager
def loaded(run: Run, *, queue_bytes: int | None = None) -> Iterator[tuple[Site, list[Gateway]]]:
    """Run a site whose gateways publish 200 readings a second."""
    with ExitStack() as stack:
        site = stack.enter_context(
            standing(run, levels(POINTS, gateways_=GATEWAYS), queue_bytes=queue_bytes)
        )
        tags, each = scratch.tags(POINTS), POINTS // GATEWAYS
        gateways = [
            stack.enter_context(
                Gateway(
                    url=site.broker.url,
                    prefix=PREFIX,
                    number=n,
                    tags=tags[n * each : (n + 1) * each],
                    every_s=EVERY_S,
                    seed=run.seed,
                )
            )
            for n in range(GATEWAYS)
        ]
        yield site, gateways


def kills(run: Run) -> dict[str, Any]:
    """Kill one of the servers every few seconds, whatever it is doing, also while it starts."""
    chance = random.Random(run.seed)  # noqa: S311  # drawn again by its seed
    done: Counter[str] = Counter()
    with loaded(run) as (site, gateways):
        deeds = _deeds(site, chance)
        began = time.monotonic()
        for number in range(1, run.kills + 1):
            site.pause(chance.uniform(1.0, 7.0))
            name = chance.choice(sorted(deeds))
            done[name] += 1
            deeds[name]()
            if number % 10 == 0:
                waiting = [gateway.waiting for gateway in gateways]
                say(f"{number} kills, {dict(done)}, unacknowledged {waiting}")
        return _reckoned(site, gateways) | {
            "kills": dict(done),
            "killing_s": round(time.monotonic() - began),
            "server_started_again": site.started_again,
        }


def full_queue(run: Run) -> dict[str, Any]:
    """Take the server away until the broker's queue, bounded low, is full three times over."""
    with loaded(run, queue_bytes=_QUEUE_BYTES) as (site, gateways):
        site.pause(5)
        site.held_down = True
        site.kill_server()
        say("server away; the queue fills")
        site.pause(3 * _QUEUE_BYTES / _BYTES_PER_S)
        before = sum(len(gateway.ledger.acknowledged) for gateway in gateways)
        waiting = [gateway.waiting for gateway in gateways]
        say(f"server comes back; acknowledged {before}, unacknowledged {waiting}")
        site.ready()
        return _reckoned(site, gateways) | {"unacknowledged_at_return": waiting}


def outage(run: Run) -> dict[str, Any]:
    """Kill the database and leave it away, the load going on."""
    with loaded(run) as (site, gateways):
        site.pause(10)
        site.database.kill()
        say(f"database away for {run.outage_s:g} s")
        site.pause(run.outage_s)
        back = time.monotonic()
        site.database.start()
        site.pause(5)
        site.server.ready(deadline_s=120)
        return _reckoned(site, gateways) | {"settled_s": round(time.monotonic() - back)}


def _deeds(site: Site, chance: random.Random) -> dict[str, Callable[[], None]]:
    """Name what is killed; what is ours to start again stays away for up to two seconds."""

    def database() -> None:
        site.database.kill()
        site.pause(chance.uniform(0, 2))
        site.database.start()

    def the_broker() -> None:
        # Mosquitto keeps its queue in memory and writes it once a second: a power cut loses that.
        end = site.broker.stop if isinstance(site.broker, Mosquitto) else site.broker.kill
        end()
        site.pause(chance.uniform(0, 2))
        site.broker.start()

    return {
        "broker": the_broker,
        "database": database,
        "database_session": partial(site.kill_backend, chance.choice),
        "server": site.kill_server,
        "server_api": partial(site.kill_role, "api"),
        "server_ingest": partial(site.kill_role, "ingest"),
    }


def _reckoned(site: Site, gateways: list[Gateway]) -> dict[str, Any]:
    """Let all settle, then compare."""
    site.ready()
    ledger = Ledger()
    for one in stopped(gateways, deadline_s=_SETTLE_S):
        ledger += one
    say(f"all {ledger.messages} messages acknowledged; waiting for the record")
    until_stored(site.url, len(ledger.acknowledged))
    return reckoning.reckon(site, ledger)
