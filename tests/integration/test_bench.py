"""`fengsui bench …` prints the one document of contracts.md section 8."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Broker
from tests.processes import Command


def measured(
    fengsui: Callable[..., Command], database: str, broker: Broker, *words: str
) -> dict[str, Any]:
    bench = fengsui(
        "bench", *words, "--json", database_url=database, broker_url=broker.url, wait=False
    )
    assert bench.wait(110) == 0, bench.errors()
    document: dict[str, Any] = json.loads(bench.output())
    assert document.keys() == {"machine", "versions", "workload", "results"}
    results: dict[str, Any] = document["results"]
    return results


@pytest.mark.timeout(180)
def test_bench_ingest_measures_beside_bare_copy(
    fengsui: Callable[..., Command], database: str, broker: Broker
) -> None:
    words = ("ingest", "--points", "200", "--readings", "20000", "--singles", "100")
    results = measured(fengsui, database, broker, *words)
    rate = results["ingest_readings_per_s"]
    assert rate["unit"] == "readings/s"
    assert rate["value"] > 0
    assert rate["ratio"] == pytest.approx(rate["value"] / rate["limit"])
    assert results["ingest_single_messages_per_s"]["value"] > 0
    assert results["ingest_bytes_per_reading"]["value"] > 0


@pytest.mark.timeout(180)
def test_bench_latency_measures_beside_a_bare_echo(
    fengsui: Callable[..., Command], database: str, broker: Broker
) -> None:
    results = measured(fengsui, database, broker, "latency", "--samples", "10", "--load", "500")
    for name in ("latency_p50_ms", "latency_p99_ms"):
        assert results[name]["unit"] == "ms"
        assert results[name]["value"] > 0
        assert results[name]["limit"] > 0


@pytest.mark.timeout(180)
def test_bench_engine_measures_beside_the_plain_engine_and_a_restart_by_parts(
    fengsui: Callable[..., Command], database: str, broker: Broker
) -> None:
    words = ("engine", "--points", "50", "--readings", "2000", "--restless", "0.5")
    results = measured(fengsui, database, broker, *words)
    speed = results["engine_readings_per_s"]
    assert speed["ratio"] == pytest.approx(speed["value"] / speed["limit"])
    assert results["engine_bytes_per_point"]["value"] > 0
    parts = [name for name in results if name.startswith("engine_restart_")]
    whole = results["engine_restart_s"]["value"]
    assert sum(results[name]["value"] for name in parts if name != "engine_restart_s") == (
        pytest.approx(whole)
    )
    assert {"engine_restart_memory_put_back_s", "engine_restart_learned_again_s"} < set(parts)


@pytest.mark.timeout(180)
def test_bench_query_measures_trends_and_bytes(
    fengsui: Callable[..., Command], database: str, broker: Broker
) -> None:
    words = ("query", "--points", "20", "--readings", "20000", "--queries", "5")
    results = measured(fengsui, database, broker, *words)
    assert results["query_trend_p95_ms"]["unit"] == "ms"
    assert results["query_trend_p95_ms"]["value"] > 0
    assert 90 < results["ingest_bytes_per_reading"]["value"] < 400


@pytest.mark.timeout(180)
def test_bench_fanout_measures_beside_a_bare_broadcast_and_loses_nothing(
    fengsui: Callable[..., Command], database: str, broker: Broker
) -> None:
    sizes = "--clients 12 --everything 2 --counties 3 --alarms 60 --seconds 1"
    results = measured(fengsui, database, broker, "fanout", *sizes.split())
    assert results["fanout_lost"]["value"] == 0
    assert results["fanout_deliveries"]["value"] == 2 * 60 + 10 * 20
    for name in ("fanout_red_p99_ms", "fanout_p99_ms"):
        assert results[name]["unit"] == "ms"
        assert results[name]["value"] > 0
        assert results[name]["limit"] > 0
    rate = results["fanout_deliveries_per_cpu_s"]
    assert rate["ratio"] == pytest.approx(rate["value"] / rate["limit"])
