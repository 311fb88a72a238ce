"""A gateway comes back with all it stored: it sends a day as fast as it can, others go on."""

import json
import subprocess
import sys
import time
from typing import Any, Final

import msgspec
import psycopg
from paho.mqtt.client import Client

from fengsui.bench import scratch
from fengsui.bench.publisher import connected
from tests.endurance.gateways import Gateway, name, stopped
from tests.endurance.scenarios import Run, standing
from tests.endurance.site import PREFIX, Site, levels, say, until_stored

POINTS: Final = 1_000
LIVE: Final = 20
STEP_MS: Final = 10_000
_PER_MESSAGE: Final = 100
_MOST_WAITING: Final = 1_000
_CALM_S: Final = 60.0


class Store(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway has stored: `rounds` rounds of all tags, STEP_MS apart."""

    broker_url: str
    topic: str
    tags: list[str]
    first_ms: int
    rounds: int


def replay(run: Run) -> dict[str, Any]:
    """Replay a store beside the same points' live readings; time live alarms before and in it."""
    tags = scratch.tags(POINTS + LIVE)
    rounds = round(run.backlog_h * 3_600_000 / STEP_MS)
    with standing(run, levels(POINTS + LIVE, gateways_=3)) as site:
        live = [
            Gateway(url=site.broker.url, prefix=PREFIX, number=1, tags=tags[POINTS:], every_s=1.0,
                    punctual=True),
            Gateway(url=site.broker.url, prefix=PREFIX, number=2, tags=tags[:POINTS], every_s=10.0,
                    punctual=True),
        ]  # fmt: skip
        with live[0], live[1]:
            site.pause(_CALM_S)
            store = Store(
                broker_url=site.broker.url,
                topic=f"{PREFIX}/{name(0)}/{run.topic}",
                tags=tags[:POINTS],
                first_ms=time.time_ns() // 1_000_000 - 1_000 * int(_CALM_S) - rounds * STEP_MS,
                rounds=rounds,
            )
            began = time.time()
            say(f"{rounds * POINTS} readings are replayed")
            sent_s = _send(site, store)
            say(f"all of it acknowledged after {sent_s:.0f} s")
            until_stored(site.url, rounds * POINTS, every_s=5)
            ended = time.time()
            say(f"all of it stored after {ended - began:.0f} s")
            site.pause(_CALM_S)
            ledgers = list(stopped(live, deadline_s=300.0))
        wanted = rounds * POINTS + sum(len(ledger.acknowledged) for ledger in ledgers)
        until_stored(site.url, wanted)
        found = _counted(site, store)
        return {
            "replayed": rounds * POINTS,
            "acknowledged_s": round(sent_s, 1),
            "stored_s": round(ended - began, 1),
            "readings_per_s": round(rounds * POINTS / (ended - began)),
            "live_alarm_delay_before_s": _delays(site, began - _CALM_S, began),
            "live_alarm_delay_meanwhile_s": _delays(site, began, ended),
            **found,
            "sound": found["stored"] == wanted and not found["doubled"],
        }


def _send(site: Site, store: Store) -> float:
    """Let a process of its own send the store; return how long the broker took to have it all."""
    began = time.monotonic()
    sender = subprocess.Popen(
        [sys.executable, "-m", "tests.endurance.backlog"], stdin=subprocess.PIPE
    )
    assert sender.stdin is not None
    sender.stdin.write(msgspec.json.encode(store))
    sender.stdin.close()
    while sender.poll() is None:
        site.pause(0.5)
    assert sender.returncode == 0, "the sender ended before its time"
    return time.monotonic() - began


def _counted(site: Site, store: Store) -> dict[str, Any]:
    with psycopg.connect(site.url) as conn:
        row = conn.execute(
            "select count(*), count(*) - count(distinct (point_id, ts)),"
            " count(*) filter (where ts < to_timestamp(%s)) from reading",
            (store.first_ms / 1000 + store.rounds * STEP_MS / 1000,),
        ).fetchone()
        late = conn.execute(
            "select type, count(*)::int from journal where kind = 'limit' group by 1"
        ).fetchall()
    assert row is not None
    return {"stored": row[0], "doubled": row[1], "stored_old": row[2], "journal": dict(late)}


def _delays(site: Site, first_s: float, end_s: float) -> dict[str, float]:
    """Return seconds from the reading's own stamp to the commit of the alarm it raised."""
    with psycopg.connect(site.url) as conn:
        rows = conn.execute(
            """
            select extract(epoch from t_committed - t_event)::float8 from journal
             where kind = 'limit' and type in ('raised', 'reraised', 'tier_up')
               and data::jsonb ->> 'point' = any(%s)
               and t_event between to_timestamp(%s) and to_timestamp(%s) order by 1
            """,
            (scratch.tags(POINTS + LIVE)[POINTS:], first_s, end_s),
        ).fetchall()
    waits = [row[0] for row in rows]
    if not waits:
        return {"alarms": 0}
    at = {"p50": 0.5, "p95": 0.95, "max": 1.0}
    found = {key: round(waits[round((len(waits) - 1) * share)], 3) for key, share in at.items()}
    return {"alarms": len(waits), **found}


def _publish(store: Store) -> None:
    """Send the store, oldest first, marked as history, QoS 1."""
    client: Client = connected(store.broker_url)
    parts = [store.tags[n : n + _PER_MESSAGE] for n in range(0, len(store.tags), _PER_MESSAGE)]
    last = None
    for number in range(store.rounds):
        stamp = store.first_ms + number * STEP_MS
        for place, tags in enumerate(parts):
            values = {tag: 5.0 + (number + place + n) % 50 / 100 for n, tag in enumerate(tags)}
            body = {"ts": stamp, "history": True, "values": values}
            while len(client._out_messages) >= _MOST_WAITING:
                time.sleep(0.001)
            last = client.publish(store.topic, json.dumps(body), qos=1)
    assert last is not None
    last.wait_for_publish()
    while client._out_messages:
        time.sleep(0.01)
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    _publish(msgspec.json.decode(sys.stdin.buffer.read(), type=Store))
