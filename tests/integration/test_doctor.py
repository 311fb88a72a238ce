"""The doctor names what is wrong and how to mend it, and says so with its exit code."""

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.conftest import Broker
from tests.processes import Command, Serve

Run = Callable[..., Command]


def looked(command: Command, code: int) -> dict[str, Any]:
    """Return the doctor's checks by name."""
    assert command.wait(60) == code, command.report()
    document = json.loads(command.output())
    return {check["name"]: check for check in document["checks"]} | {"all": document}


def test_a_healthy_system_is_all_ok_and_secrets_stay_hidden(
    fengsui: Run, database: str, broker: Broker
) -> None:
    doctor = fengsui("doctor", "--json", database_url=database, broker_url=broker.url, http_port=0)
    checks = looked(doctor, 0)
    assert checks["database"]["verdict"] == "ok" or "fsync" in checks["database"]["found"]
    assert checks["schema"]["found"] == "up to date"
    assert checks["row_security"]["verdict"] == "ok"
    assert checks["clock"]["verdict"] == "ok"
    assert "speaks MQTT 5" in checks["broker"]["found"]
    assert "gateway create" in checks["broker"]["mend"]  # this broker takes anybody
    timescaledb = checks["timescaledb"]
    compressed = timescaledb["found"].endswith("edition community, readings compressed")
    assert timescaledb["verdict"] == ("ok" if compressed else "warning")


def test_nothing_there_and_a_wrong_password_fail_with_a_mend(fengsui: Run, tmp_path: Path) -> None:
    secret = "postgresql://fengsui:verysecret@127.0.0.1:9/x"
    doctor = fengsui("doctor", "--json", database_url=secret, broker_url="mqtt://127.0.0.1:9")
    checks = looked(doctor, 1)
    assert checks["all"]["verdict"] == "failed"
    for name in ("database", "broker"):
        assert checks[name]["verdict"] == "failed"
        assert checks[name]["mend"]
    assert "verysecret" not in doctor.output() + doctor.errors()


def test_pending_migrations_are_said(fengsui: Run, empty_database: str) -> None:
    doctor = fengsui("doctor", "--json", database_url=empty_database, http_port=0)
    assert "fengsui migrate" in looked(doctor, 0)["schema"]["mend"]


def test_a_new_machine_is_fine_and_looking_makes_nothing(fengsui: Run, tmp_path: Path) -> None:
    checks = looked(fengsui("doctor", "--json", data_dir=tmp_path / "new", http_port=0), 0)
    assert checks["database"]["found"].startswith("embedded, made at the first start")
    assert checks["broker"]["found"].startswith("embedded, not running now")
    assert not (tmp_path / "new").exists()


def test_a_port_another_program_has_fails(fengsui: Run, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        checks = looked(fengsui("doctor", "--json", http_port=port), 1)
    assert "FENGSUI_HTTP_PORT" in checks["http"]["mend"]


def test_a_port_our_own_server_has_is_fine(fengsui: Run, database: str, broker: Broker) -> None:
    settings = {"database_url": database, "broker_url": broker.url}
    server = fengsui("serve", **settings)
    assert isinstance(server, Serve)
    port = server.url.rpartition(":")[2]
    for found in (
        looked(fengsui("doctor", "--json", http_port=port, **settings), 0),
        looked(fengsui("doctor", "--json", "--port", port, **settings), 0),
    ):
        assert "served by Fengsui" in found["http"]["found"]


def test_a_person_reads_one_line_a_check(fengsui: Run) -> None:
    doctor = fengsui("doctor", http_port=0)
    assert doctor.wait(60) == 0
    assert "ok       python" in doctor.output()
    assert "FENGSUI_DATA_DIR" in doctor.output()


def test_less_than_is_asked_to_be_kept_is_said(fengsui: Run) -> None:
    doctor = fengsui("doctor", "--json", http_port=0, raw_days=30)
    checks = looked(doctor, 0)
    assert checks["retention"]["verdict"] == "warning"
    assert "FENGSUI_RAW_DAYS to 90" in checks["retention"]["mend"]
