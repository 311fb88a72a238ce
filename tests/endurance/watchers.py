"""Three platforms on a bad line: each must print the journal as its rights and wish cut it."""

import asyncio
import itertools
import json
import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.rows import namedtuple_row

from tests import beacons, servers
from tests.endurance.gateways import Gateway, name, stopped
from tests.endurance.proxy import BadLine
from tests.endurance.scenarios import Run, standing
from tests.endurance.site import PREFIX, Site, say
from tests.processes import Command

_REGIONS: Final = {"E1": "510603", "E2": "510681", "E3": "440305"}
_GATEWAYS: Final = 4
"""Of each enterprise."""
_POINTS: Final = 100
"""Of each gateway. Each goes over its limit and returns once a minute."""
_RED: Final = "E1"
_SETTLE_S: Final = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """Who listens: a token's scope, what it asks for, and what of the journal that is."""

    name: str
    scope: str
    wish: tuple[str, ...]
    hears: Callable[[Any], bool]


PLATFORMS: Final = (
    Platform(
        name="nation",
        scope="all",
        wish=(),
        hears=lambda row: row.kind != "warning",  # nobody issues what is proposed here
    ),
    Platform(
        name="city",
        scope="510600",
        wish=("--tier-min", "red", "--kind", "limit"),
        hears=lambda row: (
            (row.region or "").startswith("5106") and row.peak_tier == "red" and row.kind == "limit"
        ),
    ),
    Platform(
        name="enterprise",
        scope="E3",
        wish=("--kind", "limit", "--kind", "comms"),
        hears=lambda row: row.enterprise == "E3" and row.kind in {"limit", "comms"},
    ),
)


def watched(run: Run) -> dict[str, Any]:
    """Kill the server `kills` times in `seconds` while three watch it over a bad line."""
    chance = random.Random(run.seed)  # noqa: S311  # drawn again by its seed
    with ExitStack() as stack:
        site = stack.enter_context(standing(run, _plant()))
        port = int(site.server.url.rpartition(":")[2])
        line = stack.enter_context(BadLine(port, seed=run.seed))
        watches = {each.name: _watch(site, line, each) for each in PLATFORMS}
        for watch in watches.values():
            watch.start()
            stack.callback(watch.kill)
        servers.until(
            lambda: _consumers(site) == len(PLATFORMS), deadline_s=120, what="all to subscribe"
        )
        gateways = [
            stack.enter_context(_gateway(site, number, run.seed))
            for number in range(_GATEWAYS * len(_REGIONS))
        ]
        began = time.monotonic()
        for number in range(1, run.kills + 1):
            site.pause(run.seconds / (run.kills + 1) * chance.uniform(0.5, 1.5))
            site.kill_server()
            say(f"kill {number}; {_head(site)} transitions, line {dict(line.done)}")
        site.pause(max(0.0, began + run.seconds - time.monotonic()))
        for _ in stopped(gateways, deadline_s=_SETTLE_S):
            pass
        site.ready()
        line.mend()
        head = _head(site)
        say(f"{head} transitions; waiting for all three to have heard them")
        compared = {each.name: _compare(site, each, watches[each.name], head) for each in PLATFORMS}
    return {
        "transitions": head,
        "kills": run.kills,
        "line": dict(line.done),
        **compared,
        "sound": all(found["sound"] for found in compared.values()),
    }


def _watch(site: Site, line: BadLine, platform: Platform) -> Command:
    token = asyncio.run(beacons.token(site.url, scope=platform.scope, role="platform"))
    words = (
        "watch", "--url", f"http://127.0.0.1:{line.port}", "--token", token,
        "--consumer", platform.name, "--ack", *platform.wish,
    )  # fmt: skip
    return Command(words, env={}, folder=site.folder)


def _gateway(site: Site, number: int, seed: int) -> Gateway:
    return Gateway(
        url=site.broker.url,
        prefix=PREFIX,
        number=number,
        tags=_tags(number),
        every_s=1.0,
        seed=seed,
    )


def _compare(site: Site, platform: Platform, watch: Command, head: int) -> dict[str, Any]:
    """Wait until a platform has heard the journal up to `head`; compare its log with it."""
    with psycopg.connect(site.url, row_factory=namedtuple_row) as conn:
        rows: list[Any] = conn.execute(
            "select log_offset, alarm_id || ':' || rev as id, kind, type, region, enterprise,"
            "       data::jsonb ->> 'peak_tier' as peak_tier"
            "  from journal where log_offset <= %s order by log_offset",
            (head,),
        ).fetchall()
    wanted = [(row.log_offset, row.id) for row in rows if platform.hears(row)]
    last = wanted[-1][0]
    deadline = time.monotonic() + _SETTLE_S
    while (heard := _heard(watch)) and heard[-1][0] < last and time.monotonic() < deadline:
        site.pause(1.0)
    got = [(offset, event) for offset, event in heard if offset <= head]
    return {
        "wanted": len(wanted),
        "heard": len(got),
        "missing": len(set(wanted) - set(got)),
        "foreign": len(set(got) - set(wanted)),
        "doubled": len(got) - len(set(got)),
        "out_of_order": sum(a > b for a, b in itertools.pairwise(got)),
        "breaks": watch.errors().count("connecting again"),
        "sound": got == wanted,
    }


def _heard(watch: Command) -> list[tuple[int, str]]:
    """Return what a watch has printed whole so far: offset and event id."""
    return [
        (frame["offset"], frame["event"]["id"])
        for text in watch.output().splitlines(keepends=True)
        if text.endswith("\n")
        for frame in (json.loads(text),)
    ]


def _one(site: Site, question: str) -> int:
    with psycopg.connect(site.url) as conn:
        row = conn.execute(question).fetchone()
    return int(row[0]) if row else 0


def _head(site: Site) -> int:
    return _one(site, "select coalesce(max(log_offset), 0) from journal")


def _consumers(site: Site) -> int:
    return _one(site, "select count(*) from consumer")


def _tags(number: int) -> list[str]:
    place = number % _GATEWAYS * _POINTS
    return [f"P{place + n:04d}" for n in range(_POINTS)]


def _plant() -> dict[str, object]:
    """Return a registry file: three enterprises in three counties, one of them red beyond HH."""
    codes = list(_REGIONS)
    return {
        "enterprises": [_enterprise(code, region) for code, region in _REGIONS.items()],
        "gateways": [
            {"id": name(number), "enterprise": codes[number // _GATEWAYS]}
            for number in range(_GATEWAYS * len(codes))
        ],
    }


def _enterprise(code: str, region: str) -> dict[str, object]:
    points = [
        {
            "tag": tag,
            "quantity": "level",
            "unit": "m",
            "range": [0, 12],
            "period_s": 60,
            "limits": {"h": 9.0, "hh": 10.0},
            "off_delay_s": 10,
            "tiers": {"hh": "red"} if code == _RED else {},
            "detect": ["limit", "comms"],
        }
        for number in range(_GATEWAYS)
        for tag in _tags(number)
    ]
    unit = {"code": "TK", "name": "tanks", "kind": "tank", "points": points}
    source = {"code": f"{code}-R1", "name": "tank farm", "kind": "tank_farm", "units": [unit]}
    return {
        "code": code,
        "name": code,
        "region": region,
        "simulated": True,
        "sources": [source],
    }
