"""Credentials of gateways: given once, renewed, taken away, and known to the broker at once."""

import asyncio
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import argon2
import paho.mqtt.client as paho
import psycopg
from paho.mqtt.enums import CallbackAPIVersion

from fengsui import mosquitto as files
from fengsui.embedded import broker as embedded_broker
from tests import servers
from tests.processes import Command
from tests.servers import Mosquitto

Run = Callable[..., Command]
TOO_LONG = "g" * 65


def done(command: Command, code: int = 0) -> str:
    assert command.wait(60) == code, command.report()
    return command.output() if code == 0 else command.errors()


def enters(url: str, name: str, password: str) -> str:
    """Return what the broker answers to this account."""
    parts = urlsplit(url)
    answers: list[str] = []
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, reconnect_on_failure=False)
    client.username_pw_set(name, password)
    client.on_connect = lambda _c, _u, _f, code, _p: answers.append(str(code))
    client.connect(parts.hostname or "", parts.port or 0)
    client.loop_start()
    servers.until(lambda: bool(answers), deadline_s=10, what="CONNACK")
    client.disconnect()
    client.loop_stop()
    return answers[0]


async def test_a_new_gateway_enters_the_embedded_broker_and_a_rotated_or_revoked_one_no_more(
    fengsui: Run, database: str, enterprise: str, tmp_path: Path
) -> None:
    folder = tmp_path / "fengsui"
    folder.mkdir()
    server = await embedded_broker.start(folder, prefix="fengsui/v1")
    words = ("gateway", "create", "gw-1", "--enterprise", enterprise, "--json")

    def story() -> None:
        made = json.loads(done(fengsui(*words, database_url=database)))
        assert made["topics"]["readings"] == "fengsui/v1/gw-1/readings"
        assert enters(server.url, "gw-1", made["password"]) == "Success"
        words_of_example = shlex.split(made["example"])
        assert words_of_example[words_of_example.index("-P") + 1] == made["password"]
        renewed = json.loads(
            done(fengsui("gateway", "rotate", "gw-1", "--json", database_url=database))
        )
        assert enters(server.url, "gw-1", made["password"]) == "Not authorized"
        assert enters(server.url, "gw-1", renewed["password"]) == "Success"
        with psycopg.connect(database) as conn:
            row = conn.execute("select credential from gateway where id = 'gw-1'").fetchone()
        assert row is not None
        assert argon2.PasswordHasher().verify(row[0], renewed["password"])
        done(fengsui("gateway", "revoke", "gw-1", database_url=database))
        assert enters(server.url, "gw-1", renewed["password"]) == "Not authorized"
        shown = json.loads(done(fengsui("gateway", "list", "--json", database_url=database)))
        assert [(one["id"], one["credentials"]) for one in shown["items"]] == [("gw-1", "revoked")]

    try:
        await asyncio.to_thread(story)
    finally:
        await server.stop()


def test_a_second_create_an_unknown_enterprise_and_a_bad_id_are_refused_with_the_mend(
    fengsui: Run, database: str, enterprise: str
) -> None:
    words = ("gateway", "create", "gw-1", "--enterprise")
    done(fengsui(*words, enterprise, database_url=database))
    assert "gateway rotate gw-1" in done(fengsui(*words, enterprise, database_url=database), 1)
    assert "no enterprise NOBODY" in done(fengsui(*words, "NOBODY", database_url=database), 1)
    for bad in (TOO_LONG, "a/b", "a b", "spänner"):
        wrong = fengsui("gateway", "create", bad, "--enterprise", enterprise, database_url=database)
        assert "is no gateway id" in done(wrong, 2)
    assert "no gateway gw-9" in done(fengsui("gateway", "revoke", "gw-9", database_url=database), 1)


def test_the_plant_is_read_again_when_a_gateway_is_new(
    fengsui: Run, database: str, enterprise: str
) -> None:
    with psycopg.connect(database, autocommit=True) as listening:
        listening.execute("listen fengsui_plant")
        done(
            fengsui("gateway", "create", "gw-1", "--enterprise", enterprise, database_url=database)
        )
        assert [note.channel for note in listening.notifies(timeout=5, stop_after=1)] == [
            "fengsui_plant"
        ]


def test_mosquitto_takes_the_files_this_writes(
    fengsui: Run,
    database: str,
    enterprise: str,
    mosquitto: Callable[..., Mosquitto],
) -> None:
    server = mosquitto()
    server.stop()
    inside = server._folder
    passwords, topics = (server._home.outside(inside / name) for name in ("passwd", "acl"))
    passwords.write_text("other:$7$101$AAAA$BBBB\n")
    topics.write_text("user other\ntopic read x\n\nuser gw-1\ntopic write old\n")
    made = json.loads(
        done(
            fengsui(
                *("gateway", "create", "gw-1", "--enterprise", enterprise, "--json"),
                *("--passwd-file", str(passwords), "--acl-file", str(topics)),
                database_url=database,
                broker_url="mqtt://127.0.0.1:1883",
            )
        )
    )
    assert passwords.read_text().startswith("other:$7$101$AAAA$BBBB\n")
    assert topics.read_text() == "\n".join(
        ("user other", "topic read x", "", "user gw-1", *files.topics("gw-1", "fengsui/v1"), "")
    )
    assert passwords.stat().st_mode & 0o777 == 0o644
    passwords.write_text("\n".join(passwords.read_text().splitlines()[1:]) + "\n")
    configuration = server._home.outside(inside / "mosquitto.conf")
    configuration.write_text(
        configuration.read_text()
        + f"allow_anonymous false\npassword_file {inside}/passwd\nacl_file {inside}/acl\n"
    )
    server.start()
    assert enters(server.url, "gw-1", made["password"]) == "Success"
    assert enters(server.url, "gw-1", "guess") == "Not authorized"


def test_without_files_to_write_the_lines_for_mosquitto_are_printed(
    fengsui: Run, database: str, enterprise: str
) -> None:
    told = done(
        fengsui(
            *("gateway", "create", "gw-1", "--enterprise", enterprise),
            database_url=database,
            broker_url="mqtt://mqtt.example:1884",
        )
    )
    assert "mosquitto_passwd -b PASSWORD_FILE gw-1 " in told
    assert "  topic write fengsui/v1/gw-1/#" in told
    assert "mosquitto_pub -h mqtt.example -p 1884 -u gw-1" in told
