"""`fengsui simulate` and `fengsui replay`: words, documents, exit codes and farewells."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Broker
from tests.listening import last_states, listening
from tests.processes import Command
from tests.servers import until

AT = 1763712000000
"""2025-11-21T08:00:00Z, milliseconds."""


def recording(folder: Path, rows: str, name: str = "gw-1.csv") -> Path:
    """Write a recording; the stamps of its rows count from AT."""
    file = folder / name
    rows = re.sub(r"(?m)^\d+", lambda found: str(AT + int(found[0])), rows)
    file.write_text(f"ts,point,value\n{rows}", encoding="utf-8")
    return file


def test_simulate_prints_one_document_and_ends_after_its_duration(
    broker: Broker, fengsui: Callable[..., Command]
) -> None:
    command = fengsui(
        "simulate",
        "coal-mine",
        "--duration",
        "1.5",
        "--faults",
        "dup=1,nan=1",
        "--json",
        broker_url=broker.url,
        topic_prefix=broker.prefix,
    )
    assert command.wait(30) == 0, command.report()
    told = json.loads(command.output())
    assert (told["scenario"], told["gateways"], told["waiting"]) == ("coal-mine", 3, 0)
    assert told["elapsed_s"] == round(told["elapsed_s"], 3)
    assert told["faults"].keys() == {"dropped", "duplicated", "late", "frozen", "nan"}
    assert told["faults"]["dropped"] == told["faults"]["late"] == told["faults"]["frozen"] == 0
    assert 2 * told["faults"]["duplicated"] == told["messages"]
    assert 2 * told["faults"]["nan"] == told["readings"]


def test_simulate_stopped_by_a_signal_says_offline_and_exits_0(
    broker: Broker, fengsui: Callable[..., Command]
) -> None:
    with listening(broker) as listener:
        command = fengsui("simulate", "gas-line", broker_url=broker.url, topic_prefix=broker.prefix)
        until(lambda: listener.readings(), deadline_s=20, what="a message")
        assert command.stop() == 0, command.report()
        until(
            lambda: set(last_states(listener).values()) == {"offline"},
            deadline_s=5,
            what="all gateways offline",
        )


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("simulate", "volcano"), 2, "tank-farm"),
        (("simulate", "tank-farm", "--faults", "rain=1"), 2, "'rain' is no fault"),
        (("simulate", "tank-farm"), 1, "no broker is known"),
        (("simulate", "tank-farm", "--broker", "mqtt:/x"), 2, "looks like mqtt://"),
        (("replay", "none.csv"), 1, "no file or folder"),
        (("replay", "none.csv", "--now", "--speed", "2"), 2, "--speed 1 only"),
        (("replay", "none.csv", "--speed", "fast"), 2, "above 0 or `max`"),
    ],
)
def test_wrong_words_exit_2_and_failed_work_1_with_one_clear_sentence(
    fengsui: Callable[..., Command], words: tuple[str, ...], code: int, said: str
) -> None:
    command = fengsui(*words)
    assert command.wait(30) == code, command.report()
    assert said in command.errors()


def test_replay_prints_one_document(
    broker: Broker, tmp_path: Path, fengsui: Callable[..., Command]
) -> None:
    file = recording(tmp_path, "1,A,1\n2,A,2\n3,A,\n")
    command = fengsui(
        "replay",
        str(file),
        "--speed",
        "max",
        "--json",
        broker_url=broker.url,
        topic_prefix=broker.prefix,
    )
    assert command.wait(30) == 0, command.report()
    told = json.loads(command.output())
    assert (told["readings"], told["messages"], told["unacknowledged"]) == (2, 2, 0)


def test_replay_now_shifts_the_first_row_to_the_present(
    broker: Broker, tmp_path: Path, fengsui: Callable[..., Command]
) -> None:
    file = recording(tmp_path, "1000,A,1\n1500,A,2\n")
    with listening(broker) as listener:
        command = fengsui(
            "replay", str(file), "--now", broker_url=broker.url, topic_prefix=broker.prefix
        )
        assert command.wait(30) == 0, command.report()
        until(lambda: len(listener.readings()) == 2, deadline_s=5, what="two readings")
    first, second = (body["ts"] for body in listener.readings())
    assert second - first == 500
    assert abs(first / 1000 - time.time()) < 20


def test_a_file_with_bad_rows_publishes_nothing(
    broker: Broker, tmp_path: Path, fengsui: Callable[..., Command]
) -> None:
    file = recording(tmp_path, "1,A,1\n2,A,x\n")
    with listening(broker) as listener:
        command = fengsui(
            "replay",
            str(file),
            "--speed",
            "max",
            broker_url=broker.url,
            topic_prefix=broker.prefix,
        )
        assert command.wait(30) == 1
    assert "gw-1.csv, line 3" in command.errors()
    assert listener.heard == []


def test_the_broker_of_a_demo_is_found_by_its_address_file(
    broker: Broker, tmp_path: Path, fengsui: Callable[..., Command]
) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / "broker.json").write_text(json.dumps({"url": broker.url}))
    command = fengsui(
        "simulate", "tank-farm", "--duration", "1", data_dir=folder, topic_prefix=broker.prefix
    )
    assert command.wait(30) == 0, command.report()
