"""`fengsui record` writes what gateways send, and `replay` reads what it wrote."""

import csv
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from simulators import recording
from tests.conftest import Broker
from tests.gateway import gateway, now_ms
from tests.processes import Command
from tests.servers import until


@pytest.mark.parametrize("name", ["feed.csv", "feed.csv.gz"])
def test_a_live_feed_becomes_a_recording_that_replay_reads(
    fengsui: Callable[..., Command], broker: Broker, tmp_path: Path, name: str
) -> None:
    out = tmp_path / name
    words = ("record", "--broker", broker.url, str(out), "--json")
    capture = fengsui(*words, topic_prefix=broker.prefix, wait=False)
    ts = now_ms()
    until(lambda: "recording" in capture.errors(), deadline_s=20, what="record to listen")
    with gateway(broker.url, broker.prefix) as sender:
        sender.send({"ts": ts, "values": {"T1": 3.5, "T2": {"v": 1, "q": "calibrating"}}})
        sender.send({"ts": ts + 1, "values": {"T1": "wet"}})
    until(lambda: written(out), deadline_s=10, what="the readings to be written")
    assert capture.stop() == 0
    assert '"readings": 2' in capture.output()
    assert '"rejected": {"bad_value": 1}' in capture.output()
    text = gzip.decompress(out.read_bytes()) if name.endswith("gz") else out.read_bytes()
    header, *rows = list(csv.reader(text.decode().splitlines()))
    assert header == ["ts", "point", "value", "quality", "received"]
    assert [row[:4] for row in rows] == [
        [str(ts), "T1", "3.5", "good"],
        [str(ts), "T2", "1.0", "calibrating"],
    ]
    assert [(row.tag, row.value) for row in recording.rows(out)] == [("T1", 3.5), ("T2", 1.0)]


def written(out: Path) -> bool:
    """Tell whether readings have reached the disk."""
    return out.exists() and out.stat().st_size > 100


def test_an_old_recording_is_never_written_over(
    fengsui: Callable[..., Command], broker: Broker, tmp_path: Path
) -> None:
    out = tmp_path / "feed.csv"
    out.write_text("kept")
    refused = fengsui("record", "--broker", broker.url, str(out), wait=False)
    assert refused.wait() == 1
    assert "is there already" in refused.errors()
    assert out.read_text() == "kept"


def test_a_broker_that_is_not_there_is_said_so(
    fengsui: Callable[..., Command], tmp_path: Path
) -> None:
    refused = fengsui(
        "record", "--broker", "mqtt://127.0.0.1:1", str(tmp_path / "x.csv"), wait=False
    )
    assert refused.wait() == 1
    assert "was not reached" in refused.errors()
    assert not (tmp_path / "x.csv").exists()
