"""A city that relays to a province over a bad line: above must stand what the relay is for."""

import asyncio
import itertools
import random
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import psycopg

from alarms.storage.migrate import migrate
from tests import beacons, servers, towers
from tests.beacons import FAR, House
from tests.databases import Databases
from tests.endurance.proxy import BadLine
from tests.endurance.scenarios import Run
from tests.endurance.site import say
from tests.processes import Command
from tests.servers import Postgres

_TOGETHER: Final = 40
"""Transitions of one transaction."""
_EVERY_S: Final = 0.4
_SETTLE_S: Final = 300.0
_WANTED: Final = """
    select alarm_id, rev, type, tier, t_event, actor, org_level, note
      from journal where region like '5106%' and (data::jsonb ->> 'peak_tier') in ('orange', 'red')
     order by log_offset
"""


def relayed(run: Run) -> dict[str, Any]:
    """Let alarms of two enterprises come and go while both towers are killed in turn.

    The relay is for one of them, from orange on. `kills` of either, in `seconds`.
    """
    chance = random.Random(run.seed)  # noqa: S311  # drawn again by its seed
    server = Postgres(durable=True)
    server.start()
    databases = Databases(server.url, _migrate)
    try:
        with (
            TemporaryDirectory(prefix="fengsui-towers-") as folder,
            towers.tower(databases, Path(folder), watches=True) as city,
            towers.tower(databases, Path(folder), watches=False) as province,
            BadLine(int(province.serve.url.rpartition(":")[2]), seed=run.seed) as line,
        ):
            made = asyncio.run(
                towers.relay(
                    city,
                    province,
                    url=f"http://127.0.0.1:{line.port}",
                    region="510600",
                    tier_min="orange",
                )
            )
            _live(run, city, province, line, chance)
            line.mend()
            asyncio.run(towers.settled(city, made, deadline_s=_SETTLE_S))
            return _compare(run, city, province, line)
    finally:
        databases.close()
        server.kill()


def _live(run: Run, city: House, province: House, line: BadLine, chance: random.Random) -> None:
    """Go on for `seconds`; each tower is down for a while after each of its kills."""
    began = time.monotonic()
    kills = sorted(chance.uniform(0.0, run.seconds) for _ in range(2 * run.kills))
    back: dict[float, House] = {}
    turns = itertools.cycle((province, city))
    while (moment := time.monotonic() - began) < run.seconds:
        for due in [at for at in back if at <= moment]:
            _start(back.pop(due))
        if kills and kills[0] <= moment:
            kills.pop(0)
            house = next(turns)
            if house.serve.running:
                house.serve.kill()
                back[moment + chance.uniform(0.5, 8.0)] = house
                say(f"{len(kills)} kills to go; line {dict(line.done)}")
        events = [
            *beacons.flip_flop(_TOGETHER // 2, tag="T1"),
            *beacons.flip_flop(_TOGETHER // 2, tag="T2", enterprise=FAR),
        ]
        chance.shuffle(events)
        asyncio.run(beacons.happen(city.database, *events))
        time.sleep(_EVERY_S)
    for house in (city, province):
        _start(house)
        servers.until(partial(beacons.lives, house.serve), deadline_s=60, what="both to answer")


def _migrate(url: str) -> object:
    return asyncio.run(migrate(url))


def _start(house: House) -> None:
    if not house.serve.running:
        Command.start(house.serve)


def _compare(run: Run, city: House, province: House, line: BadLine) -> dict[str, Any]:
    below, above = _rows(city, _WANTED), _rows(province, _WANTED)
    everything = _rows(province, "select alarm_id, rev from journal order by log_offset")
    return {
        "transitions": len(_rows(city, "select log_offset from journal")),
        "kills_of_both": 2 * run.kills,
        "line": dict(line.done),
        "wanted": len(below),
        "above": len(everything),
        "missing": len(set(below) - set(above)),
        "foreign": len(everything) - len(above),
        "doubled": len(everything) - len(set(everything)),
        "sound": below == above and len(everything) == len(above) > 0,
    }


def _rows(house: House, question: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(house.database) as conn:
        return conn.execute(question).fetchall()
