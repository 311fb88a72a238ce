"""Measure a storm on the push: many alarms to many platforms, each to those whose scope has it."""

import asyncio
import sys
import tempfile
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from alarms import regions
from alarms.alarm import Kind, ProcessEvent, Subject, Tier, Transition
from alarms.errors import FengsuiError, UnavailableError
from alarms.storage import accounts, alarms, connection, journal, measures
from api import identity
from fengsui import embedded
from fengsui.bench import broadcast, listeners, report, scratch, usage
from fengsui.bench.ingest import started
from fengsui.bench.listeners import Told
from fengsui.embedded.postgres import free_port
from fengsui.settings import Settings

_RED_EVERY: Final = 20
_TOGETHER_S: Final = 0.02
"""Alarms of so many seconds are committed in one transaction."""
_START_S: Final = 30.0
_PATH: Final = "/ws/v1/alarms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """`alarms` raised in turn in `counties`, one in twenty red, evenly over `seconds`.

    Of the `clients`, `everything` see all of them and the others one county each.
    """

    clients: int = 1_000
    everything: int = 20
    counties: int = 100
    alarms: int = 10_000
    seconds: float = 10.0

    def __post_init__(self) -> None:
        if not 0 < self.everything < self.clients:
            raise ValueError("some clients see everything, and some do not")
        if not 0 < self.counties <= min(self.alarms, len(_counties())):
            raise ValueError("there are as many alarms as counties at least, and so many counties")

    @property
    def together(self) -> int:
        """How many alarms one transaction commits."""
        return max(1, round(self.alarms / self.seconds * _TOGETHER_S))

    def county_of(self, listener: int) -> int | None:
        """Return which county a listener sees; None for all."""
        return None if listener < self.everything else listener % self.counties

    @property
    def deliveries(self) -> int:
        """How many events all clients get together."""
        of_county = np.bincount(np.arange(self.alarms) % self.counties, minlength=self.counties)
        seen = (self.county_of(number) for number in range(self.clients))
        return sum(self.alarms if one is None else int(of_county[one]) for one in seen)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What the listeners heard of one server, and the CPU seconds it used meanwhile.

    `sent_s` holds the moment of each alarm, by its number (seconds since 1970).
    """

    heard: np.ndarray
    told: Told
    cpu_s: float
    sent_s: np.ndarray


@dataclass(slots=True, kw_only=True)
class _Produced:
    """Each alarm's moment (seconds since 1970), the longest lateness, and each COMMIT's seconds.

    A COMMIT's seconds count from its alarms' moment, as their frames' do.
    """

    sent_s: np.ndarray
    late_s: float = 0.0
    commits_s: list[float]


async def measure(
    settings: Settings, workload: Workload, *, told: Callable[[str], None]
) -> dict[str, object]:
    """Run it, and the bare broadcast beside it; return the document of contracts.md section 8."""
    codes = _counties()[: workload.counties]
    async with embedded.servers(settings, broker=False) as served:
        told(f"registering {workload.counties} counties with an enterprise each")
        plants = [_plant(codes[start : start + 25]) for start in range(0, len(codes), 25)]
        async with scratch.database(served.database_url, *plants) as url:
            told(f"{workload.alarms} alarms to {workload.clients} clients of the server")
            ours, first, made = await _server(url, codes, workload)
            told("the same bytes from a bare broadcast")
            bare = await _bare(url, codes, workload)
            async with await connection.connect(url) as conn:
                versions = {"database": await measures.server_version(conn)}
    lost = _check(ours, first, workload)
    _check(bare, first, workload)
    (all_ms, red_ms), (bare_ms, bare_red_ms) = _delays(ours, first), _delays(bare, first)
    results = {"fanout_lost": report.Result(value=lost, unit="deliveries")}
    for name, mine, limit in (
        ("fanout_red", red_ms, bare_red_ms),
        ("fanout", all_ms, bare_ms),
    ):
        for percent in (50, 99):
            results[f"{name}_p{percent}_ms"] = report.Result(
                value=float(np.percentile(mine, percent)),
                unit="ms",
                limit=float(np.percentile(limit, percent)),
            )
    results |= {
        "fanout_deliveries": report.Result(value=workload.deliveries, unit="events"),
        "fanout_urgent": report.Result(value=int(ours.heard["urgent"].sum()), unit="events"),
        "fanout_server_cpu_s": report.Result(value=ours.cpu_s, unit="s", limit=bare.cpu_s),
        "fanout_deliveries_per_cpu_s": report.Result(
            value=workload.deliveries / ours.cpu_s,
            unit="events/s",
            limit=workload.deliveries / bare.cpu_s,
        ),
        "fanout_producer_late_s": report.Result(value=made.late_s, unit="s"),
        "fanout_commit_p99_ms": report.Result(
            value=float(np.percentile(made.commits_s, 99)) * 1_000, unit="ms"
        ),
    }
    return report.document(results, workload=msgspec.to_builtins(workload), versions=versions)


async def _server(url: str, codes: list[str], workload: Workload) -> tuple[_Run, int, _Produced]:
    """Let the server push; return also the first alarm's offset and what was produced."""
    with tempfile.TemporaryDirectory() as folder:
        server = Settings(database_url=url, data_dir=Path(folder), http_port=free_port(0))
        everything, *of_county = [await _token(url, scope) for scope in ("all", *codes)]
        address = f"http://127.0.0.1:{server.http_port}{_PATH}"
        async with started(server, role="api") as pid:
            await _answers(server.http_port)
            async with _listening(address, everything, of_county, workload) as heard:
                async with await connection.connect(url) as conn:
                    first = (await journal.head(conn)).offset + 1
                before = usage.cpu_s(pid)
                made = await _produce(url, codes, workload)
                said, rows = await heard()
                cpu_s = usage.cpu_s_since(pid, before)
    return _Run(heard=rows, told=said, cpu_s=cpu_s, sent_s=made.sent_s), first, made


async def _bare(url: str, codes: list[str], workload: Workload) -> _Run:
    """Let the bare broadcast send the same rows to the same listeners."""
    errand = broadcast.Errand(
        database_url=url,
        alarms=workload.alarms,
        seconds=workload.seconds,
        together=workload.together,
    )
    async with _process("fengsui.bench.broadcast", errand) as process:
        assert process.stdin is not None  # noqa: S101  asked for
        assert process.stdout is not None  # noqa: S101  asked for
        port = int(await process.stdout.readline())
        async with _listening(f"http://127.0.0.1:{port}/", "all", codes, workload) as heard:
            before = usage.cpu_s(process.pid)
            process.stdin.write(b"go\n")
            moments = [
                float(line) for line in (await process.stdout.readuntil(b"done\n")).split()[:-1]
            ]
            said, rows = await heard()
            cpu_s = usage.cpu_s_since(process.pid, before)
    sent_s = np.repeat(moments, workload.together)[: workload.alarms]
    return _Run(heard=rows, told=said, cpu_s=cpu_s, sent_s=sent_s)


async def _produce(url: str, codes: list[str], workload: Workload) -> _Produced:
    """Raise all alarms at their pace."""
    made = _Produced(sent_s=np.empty(workload.alarms), commits_s=[])
    gap_s = workload.seconds / workload.alarms
    async with await connection.connect(url) as conn:
        began = time.time()
        for start in range(0, workload.alarms, workload.together):
            wait_s = began + start * gap_s - time.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            made.late_s = max(made.late_s, -wait_s)
            numbers = range(start, min(start + workload.together, workload.alarms))
            now = time.time_ns() // 1_000
            made.sent_s[start : start + workload.together] = now / 1e6
            events = [_raised(number, codes[number % len(codes)], now) for number in numbers]
            await alarms.apply_events(conn, events, now=now)
            await conn.commit()
            made.commits_s.append(time.time() - now / 1e6)
    return made


def _raised(number: int, county: str, now: int) -> ProcessEvent:
    """Return an alarm's raise as the engine proposes it."""
    place = f"P{number:05d}"
    return ProcessEvent(
        subject=Subject(
            key=f"BENCH-{county}/{place}",
            region=county,
            enterprise=f"BENCH-{county}",
            source="S1",
            unit="TK",
            point=place,
            name=place,
            quantity="level",
            engineering_unit="m",
            simulated=True,
        ),
        rule="limit.high",
        kind=Kind.limit,
        change=Transition.raised,
        tier=Tier.yellow if number % _RED_EVERY else Tier.red,
        t_change=now,
        t_event=now,
        t_received=now,
        value=9.5,
        limit=9.0,
        basis="bench",
        message_zh="液位高",
        message_en="level high",
    )


def _check(run: _Run, first: int, workload: Workload) -> int:
    """Return how many deliveries are missing: none, or raise FengsuiError for any fault at all."""
    events = run.heard[~run.heard["urgent"]]
    number = events["offset"] - first
    county = number % workload.counties
    mine = np.array([workload.county_of(each) or 0 for each in range(workload.clients)])
    sees_one = events["listener"] >= workload.everything
    foreign = int((sees_one & (county != mine[events["listener"]])).sum())
    foreign += int(((number < 0) | (number >= workload.alarms)).sum())
    pairs = events["listener"].astype(np.int64) * (workload.alarms + 1) + number
    lost = workload.deliveries - len(np.unique(pairs)) + foreign
    twice = len(pairs) - len(np.unique(pairs))
    if lost or foreign or twice or run.told.broken or run.told.ended:
        raise FengsuiError(
            f"of {workload.deliveries} deliveries {lost} are missing, {twice} came twice, "
            f"{foreign} came to the wrong client, {run.told.broken} out of order; "
            f"{run.told.ended} sockets ended"
        )
    return lost


def _delays(run: _Run, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the milliseconds of each event, and of each red one to the first of its frames."""
    number = run.heard["offset"] - first
    delay_ms = (run.heard["at_s"] - run.sent_s[number]) * 1_000
    red = number % _RED_EVERY == 0
    pairs = run.heard["listener"][red].astype(np.int64) * len(run.sent_s) + number[red]
    order = np.lexsort((delay_ms[red], pairs))
    _, firsts = np.unique(pairs[order], return_index=True)
    return delay_ms[~run.heard["urgent"]], delay_ms[red][order][firsts]


@asynccontextmanager
async def _listening(
    url: str, everything: str, of_county: list[str], workload: Workload
) -> AsyncIterator[Callable[[], Awaitable[tuple[Told, np.ndarray]]]]:
    """Run the listeners, all connected when this returns.

    Gives what waits until they have all, or nothing comes any more, and returns what they heard.
    """
    seen = (workload.county_of(number) for number in range(workload.clients))
    with tempfile.TemporaryDirectory() as folder:
        errand = listeners.Errand(
            url=url,
            tokens=[everything if county is None else of_county[county] for county in seen],
            events=workload.deliveries,
            heard=f"{folder}/heard.npy",
        )
        async with _process("fengsui.bench.listeners", errand) as process:
            assert process.stdout is not None  # noqa: S101  asked for
            out = process.stdout
            if await out.readline() != b"ready\n":
                raise FengsuiError("the listeners could not all connect; their words stand above")

            async def heard() -> tuple[Told, np.ndarray]:
                said = await out.read()
                if not said:
                    raise FengsuiError("the listeners ended too early; their words stand above")
                return msgspec.json.decode(said, type=Told), np.load(errand.heard)

            yield heard


@asynccontextmanager
async def _process(module: str, errand: msgspec.Struct) -> AsyncIterator[Process]:
    """Run a module of ours with an errand as its first line."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None  # noqa: S101  asked for
    try:
        process.stdin.write(msgspec.json.encode(errand) + b"\n")
        await process.stdin.drain()
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _answers(port: int) -> None:
    """Wait until a server takes connections."""
    end = time.monotonic() + _START_S
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError as error:
            if time.monotonic() > end:
                raise UnavailableError("the server did not start; run `fengsui doctor`") from error
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


async def _token(url: str, scope: str) -> str:
    """Make a token of a scope and return it."""
    token = identity.new_token()
    async with await connection.connect(url) as conn:
        await accounts.create_token(
            conn,
            name=f"bench-{scope}",
            token_hash=identity.digest_of(token),
            scope=scope,
            role="platform",
            now=datetime.now(UTC),
            expires_at=None,
        )
        await conn.commit()
    return token


def _counties() -> list[str]:
    """Return the codes of all counties, of the whole country in turn of their last digits."""
    codes = [code for code, region in regions.builtin().items() if region.kind == "county"]
    return sorted(codes, key=lambda code: (code[::-1], code))


def _plant(codes: list[str]) -> dict[str, object]:
    """Return a registry file with an enterprise of one tank in each of these counties."""
    point = {"tag": "P", "quantity": "level", "unit": "m", "range": [0, 12], "period_s": 3600}
    unit = {"code": "TK", "name": "tank", "kind": "tank", "points": [point]}
    source = {"code": "S1", "name": "tank farm", "kind": "tank_farm", "units": [unit]}
    return {
        "enterprises": [
            {
                "code": f"BENCH-{code}",
                "name": f"bench {code}",
                "region": code,
                "simulated": True,
                "sources": [source],
            }
            for code in codes
        ]
    }
