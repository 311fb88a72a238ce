"""What deploy/ and docker-compose.yml say is checked as far as it can be without Docker."""

import json
import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import psycopg
import pytest
import yaml

from fengsui.settings import Settings
from ingest.address import client_id
from tests.servers import Mosquitto

ROOT = Path(__file__).parents[2]


@pytest.fixture
def compose() -> dict[str, Any]:
    """The compose file, read."""
    read: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return read


def test_the_compose_file_keeps_the_compose_schema(compose: dict[str, Any]) -> None:
    schemas = resources.files("check_jsonschema.builtin_schemas")
    schema = json.loads(schemas.joinpath("vendor/compose-spec.json").read_text())
    problems = jsonschema.Draft7Validator(schema).iter_errors(compose)
    assert [f"{'/'.join(map(str, p.path))}: {p.message}" for p in problems] == []


def test_no_password_has_a_default(compose: dict[str, Any]) -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    secrets = re.findall(r"\$\{(\w*(?:PASSWORD|SECRET|TOKEN)\w*)(:?[-?+])?([^}]*)\}", text)
    assert secrets != []
    assert [name for name, how, default in secrets if how != ":?" and default] == []
    grafana = " ".join(compose["services"]["grafana"]["entrypoint"])
    for name, how, _ in secrets:
        if how != ":?":
            assert compose["services"]["grafana"]["environment"].items()
            assert f"set {name}" in grafana


def test_every_server_has_a_health_check_and_starts_again(compose: dict[str, Any]) -> None:
    image = (ROOT / "deploy/Dockerfile").read_text()
    for name, service in compose["services"].items():
        assert service["restart"] == "unless-stopped", name
        assert "healthcheck" in service or (name == "server" and "HEALTHCHECK" in image), name


def test_what_the_compose_file_mounts_is_there(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            place = volume.split(":")[0]
            assert (ROOT / place).exists() if place.startswith(".") else place in compose["volumes"]


def test_the_brokers_bounds_are_set_on_purpose() -> None:
    text = (ROOT / "deploy/mosquitto/mosquitto.conf").read_text()
    told = dict(line.split(maxsplit=1) for line in text.splitlines() if line[:1].isalpha())
    assert told["max_queued_messages"] == "0"
    assert int(told["max_queued_bytes"]) >= 2**28
    assert told["persistence"] == "true"
    assert int(told["autosave_interval"]) <= 5
    assert told["allow_anonymous"] == "false"
    assert {"persistent_client_expiration", "max_inflight_messages", "max_packet_size"} <= set(told)


def test_rabbitmqs_queues_are_durable_bounded_and_give_nothing_up() -> None:
    folder = ROOT / "deploy/rabbitmq"
    lines = [line.partition(" = ") for line in (folder / "rabbitmq.conf").read_text().splitlines()]
    told = {name: value for name, _, value in lines if value and not name.startswith("#")}
    assert told["mqtt.durable_queue_type"] == "quorum"
    assert told["mqtt.allow_anonymous"] == "false"
    assert int(told["mqtt.max_session_expiry_interval_seconds"]) >= 14 * 86_400
    assert told["disk_free_limit.absolute"] == "2GB"
    policies = json.loads((folder / "definitions.json").read_text())["policies"]
    ours = max(policies, key=lambda policy: policy["priority"])
    for session in ("ingest", "stored"):
        queue = f"mqtt-subscription-{client_id('any', session)}qos1"
        assert re.search(ours["pattern"], queue)
    assert ours["definition"]["overflow"] == "reject-publish"
    assert ours["definition"]["delivery-limit"] == -1
    assert ours["definition"]["max-length-bytes"] == Settings().broker_queue_bytes


def test_a_real_mosquitto_takes_the_bounds(mosquitto: Callable[..., Mosquitto]) -> None:
    assert "Error" not in mosquitto().log()


def test_every_panel_reads_the_record_as_the_reader_role(database: str) -> None:
    board = json.loads((ROOT / "deploy/grafana/dashboards/overview.json").read_text())
    role = f"reader_{database.rpartition('/')[2]}"
    script = (ROOT / "deploy/grafana/reader.sql").read_text().replace("fengsui_reader", role)
    create, _, rest = script.partition("\\gexec\n")
    with psycopg.connect(database, autocommit=True) as conn:
        told = conn.execute(re.sub(r"^--.*\n", "", create, flags=re.MULTILINE).encode()).fetchone()
        assert told is not None
        conn.execute(told[0])
        try:
            conn.execute(rest.replace(":'password'", "'word'").encode())
            conn.execute(f"set role {role}".encode())
            for panel in board["panels"]:
                conn.execute(_plain(panel["targets"][0]["rawSql"]).encode())
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute("select password_hash from person")
        finally:
            conn.execute("reset role")
            conn.execute(f"drop owned by {role}".encode())
            conn.execute(f"drop role {role}".encode())


def _plain(sql: str) -> str:
    """Put a real condition where Grafana would put its time range."""
    return re.sub(
        r"\$__timeFilter\((\w+)\)", r"\1 between now() - interval '6 hours' and now()", sql
    )
