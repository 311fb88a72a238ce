"""The whole system on one machine as a newcomer starts it: checks itself, stops, leaves nothing."""

import json
import os
import signal
import socket
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from alarms.errors import FengsuiError
from fengsui import demo_check
from fengsui.settings import Settings
from tests import servers
from tests.processes import Command

Run = Callable[..., Command]
pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data directory outside pytest's own, which other runs of pytest close to other users."""
    with tempfile.TemporaryDirectory(prefix="fengsui-demo-") as made:
        yield Path(made) / "data"


@pytest.fixture
def port() -> int:
    return servers.free_port()


def left_behind(folder: Path) -> list[str]:
    """Return the processes that were started for this data directory, apart from this one."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if words and os.fsencode(folder) in words:
            found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def nothing_is_left(folder: Path) -> None:
    servers.until(
        lambda: not left_behind(folder), deadline_s=30, what=f"{left_behind(folder)} to end"
    )


def started(command: Command) -> dict[str, str]:
    """Wait for the welcome and return its lines by their first word; logins by their name."""

    def complete() -> bool:
        assert command.running, command.report()
        return "Ctrl-C stops everything" in command.output()

    servers.until(complete, deadline_s=60, what="the welcome")
    found: dict[str, str] = {}
    for line in command.output().splitlines():
        words = line.split()
        if words[0] == "login":
            found[words[1]] = words[2]
        else:
            found[words[0]] = " ".join(words[1:])
    return found


def sign_in(console: str, name: str, password: str) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310  # loopback
        f"{console}api/v1/session",
        data=json.dumps({"name": name, "password": password}).encode(),
        headers={"Content-Type": "application/json", "X-Fengsui": "1"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # loopback
        document: dict[str, Any] = json.loads(answer.read())
        return document


def test_the_check_prints_one_json_line_and_leaves_nothing_running(
    fengsui: Run, folder: Path, port: int
) -> None:
    began = time.monotonic()
    check = fengsui("demo", "--check", "--data-dir", str(folder), http_port=port)
    assert check.wait(70) == 0, check.report()
    assert time.monotonic() - began < 60
    lines = check.output().splitlines()
    assert len(lines) == 1
    document = json.loads(lines[0])
    assert set(document) == {"alarm_id", "tier", "latency_ms", "readings_stored"}
    assert document["tier"] in ("blue", "yellow", "orange", "red")
    assert 0 < document["latency_ms"] < 10_000
    assert document["readings_stored"] > 0
    nothing_is_left(folder)


def test_the_demo_lets_its_operator_in_and_ctrl_c_leaves_nothing_running(
    fengsui: Run, folder: Path, port: int
) -> None:
    words = ("demo", "--scenario", "tank-farm", "--data-dir", str(folder))
    first = fengsui(*words, http_port=port)
    told = started(first)
    assert told["console"] == f"http://127.0.0.1:{port}/"
    broker, _, how = told["broker"].partition(", ")
    assert how == "accounts by `fengsui gateway create`"
    with socket.create_connection((urlsplit(broker).hostname, urlsplit(broker).port or 0), 10):
        pass
    assert sign_in(told["console"], "demo", told["demo"])["role"] == "operator"
    assert sign_in(told["console"], "admin", told["admin"])["role"] == "administrator"
    with urllib.request.urlopen(told["console"], timeout=10) as page:  # noqa: S310  # loopback
        assert page.status == 200
    os.kill(first.pid, signal.SIGINT)
    assert first.wait(60) == 0, first.report()
    nothing_is_left(folder)

    second = fengsui(*words, http_port=port)
    again = started(second)
    assert (again["demo"], again["admin"]) == (told["demo"], told["admin"])
    assert sign_in(again["console"], "demo", told["demo"])["role"] == "operator"
    assert second.stop(60) == 0
    nothing_is_left(folder)


def test_a_killed_demo_takes_everything_it_started_with_it(
    fengsui: Run, folder: Path, port: int
) -> None:
    demo = fengsui("demo", "--scenario", "tank-farm", "--data-dir", str(folder), http_port=port)
    started(demo)
    assert len(left_behind(folder)) > 5
    os.kill(demo.pid, signal.SIGKILL)
    demo.wait(10)
    nothing_is_left(folder)


def test_a_port_asked_for_that_is_taken_is_an_error_and_another_is_found_otherwise(
    fengsui: Run, folder: Path, port: int
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        words = ("demo", "--scenario", "tank-farm", "--data-dir", str(folder))
        refused = fengsui(*words, "--port", str(port))
        assert refused.wait(30) == 1
        assert f"port {port} is taken by another program" in refused.errors()
        assert len(refused.errors().splitlines()) == 1

        moved = fengsui(*words, http_port=port)
        told = started(moved)
        assert told["console"] != f"http://127.0.0.1:{port}/"
        assert f"port {port} is taken by another program, using " in moved.errors()
        moved.stop(60)


def test_an_unknown_scenario_is_a_wrong_word(fengsui: Run, folder: Path) -> None:
    wrong = fengsui("demo", "--check", "--scenario", "volcano", "--data-dir", str(folder))
    assert wrong.wait(30) == 2
    assert "tank-farm" in wrong.errors()


async def test_a_check_that_does_not_arrive_says_at_which_step_and_where_the_logs_are(
    folder: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_check, "WHOLE_S", 1.0)
    steps: list[str] = []
    with pytest.raises(FengsuiError) as caught:
        await demo_check.check(
            Settings(data_dir=folder, http_port=port),
            scenarios=["tank-farm"],
            speed=8.0,
            port=None,
            progress=demo_check.Progress(steps.append),
        )
    assert steps[-1] in str(caught.value)
    assert str(folder / "log") in str(caught.value)
    nothing_is_left(folder)
