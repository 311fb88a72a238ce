"""`fengsui bench ingest`, `latency` and `query` print the document of contracts.md section 8."""

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
    results = measured(fengsui, database, broker, "latency", "--samples", "10")
    for name in ("latency_p50_ms", "latency_p99_ms"):
        assert results[name]["unit"] == "ms"
        assert results[name]["value"] > 0
        assert results[name]["limit"] > 0


@pytest.mark.timeout(180)
def test_bench_query_measures_trends_and_bytes(
    fengsui: Callable[..., Command], database: str, broker: Broker
) -> None:
    words = ("query", "--points", "20", "--readings", "20000", "--queries", "5")
    results = measured(fengsui, database, broker, *words)
    assert results["query_trend_p95_ms"]["unit"] == "ms"
    assert results["query_trend_p95_ms"]["value"] > 0
    assert 90 < results["ingest_bytes_per_reading"]["value"] < 400
