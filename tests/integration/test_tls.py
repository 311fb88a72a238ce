"""The server serves https and wss itself, with a certificate that may change while it serves."""

import asyncio
import json
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets

from api import tls
from tests import beacons, certificates, servers
from tests.processes import Command, Serve

Run = Callable[..., Any]


def served(fengsui: Run, database: str, folder: Path, *, days: float = 90) -> tuple[Serve, Path]:
    """Start an https server and wait for it; return it and its certificate."""
    certificate, key = certificates.write(folder, days=days)
    serve = fengsui(
        *("serve", "--role", "api", "--no-migrate"),
        wait=False,
        database_url=database,
        http_tls_cert=certificate,
        http_tls_key=key,
    )
    serve.url = serve.url.replace("http:", "https:")
    servers.until(lambda: _lives(serve, certificate), deadline_s=30, what="healthz over https")
    return serve, certificate


def _lives(serve: Serve, certificate: Path) -> bool:
    assert serve.running, serve.report()
    try:
        answer = httpx.get(f"{serve.url}/healthz", verify=tls.trusting(certificate), timeout=2)
    except httpx.TransportError:
        return False
    return answer.status_code == 200


def _shown(serve: Serve) -> bytes | None:
    """Return the certificate the port shows to a client that names no server."""
    port = int(serve.url.rpartition(":")[2])
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain) as safe,
    ):
        return safe.getpeercert(binary_form=True)


async def test_people_and_platforms_come_by_https_and_wss(
    fengsui: Run, database: str, tmp_path: Path
) -> None:
    serve, certificate = await asyncio.to_thread(served, fengsui, database, tmp_path)
    token = await beacons.token(database)
    name = await beacons.person(database, "li")
    names = ssl.create_default_context(cafile=str(certificate))
    async with httpx.AsyncClient(base_url=f"{serve.url}/api/v1", verify=names) as http:
        answer = await http.post(
            "session",
            json={"name": name, "password": beacons.PASSWORD},
            headers={"x-fengsui": "1"},
        )
        assert answer.status_code == 200
        assert "; secure" in answer.headers["set-cookie"].lower()
        assert answer.headers["strict-transport-security"] == tls.HSTS
        assert (await http.get("session")).json()["name"] == name
    async with websockets.connect(
        serve.url.replace("https", "wss") + "/ws/v1/alarms",
        ssl=names,
        additional_headers={"authorization": f"Bearer {token}"},
        subprotocols=[websockets.Subprotocol("fengsui.alarm.v1+json")],
    ) as ws:
        await ws.send(json.dumps({"op": "subscribe", "sub": "a", "from": "now"}))
        assert json.loads(await ws.recv())["op"] in {"hello", "subscribed"}
    assert f"console at {serve.url}/" in serve.errors()
    assert "plain http" not in serve.errors()
    with pytest.raises(httpx.ConnectError):
        await asyncio.to_thread(httpx.get, f"{serve.url}/healthz")


async def test_our_own_watch_finds_and_trusts_the_server_of_this_machine(
    fengsui: Run, database: str, tmp_path: Path
) -> None:
    serve, certificate = await asyncio.to_thread(served, fengsui, database, tmp_path)
    await beacons.build(database)
    await beacons.happen(database, beacons.event())
    watch = fengsui(
        *("watch", "--token", await beacons.token(database)),
        http_port=serve.url.rpartition(":")[2],
        http_tls_cert=certificate,
        http_tls_key=certificate.with_suffix(".key"),
    )
    await asyncio.to_thread(
        servers.until, lambda: "液位高" in watch.output(), deadline_s=20, what="the alarm"
    )


def test_a_renewed_certificate_is_loaded_and_no_connection_or_port_is_dropped(
    fengsui: Run, database: str, tmp_path: Path
) -> None:
    serve, certificate = served(fengsui, database, tmp_path)
    before = _shown(serve)
    with httpx.Client(verify=tls.trusting(certificate)) as open_before:
        assert open_before.get(f"{serve.url}/healthz").status_code == 200
        other, _ = certificates.write(tmp_path, name="other")
        certificate.write_bytes(other.read_bytes())
        servers.until(
            lambda: "the certificate loaded before is served on" in serve.errors(),
            deadline_s=15,
            what="a word about the unfit pair",
        )
        assert _shown(serve) == before
        certificates.write(tmp_path)
        servers.until(lambda: _shown(serve) != before, deadline_s=15, what="the new certificate")
        assert open_before.get(f"{serve.url}/healthz").status_code == 200
    assert _lives(serve, certificate)


def test_http_spoken_to_the_https_port_is_dropped_without_a_word_in_the_log(
    fengsui: Run, database: str, tmp_path: Path
) -> None:
    serve, certificate = served(fengsui, database, tmp_path)
    for said in (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"\x16\x03\x01", b"\0" * 5_000):
        with socket.create_connection(
            ("127.0.0.1", int(serve.url.rpartition(":")[2])), timeout=10
        ) as plain:
            plain.sendall(said)
            plain.shutdown(socket.SHUT_WR)
            assert not plain.recv(100).startswith(b"HTTP/1.1 200")
    assert _lives(serve, certificate)
    assert "Traceback" not in serve.errors()


def test_nothing_older_than_tls_1_2_is_spoken(tmp_path: Path) -> None:
    certificate, key = certificates.write(tmp_path)
    made = tls.Pair(certificate=certificate, key=key).context()
    assert made.minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("fault", ["unmatched", "missing", "no PEM", "locked"])
def test_an_unfit_pair_stops_the_start_with_one_sentence(
    fengsui: Run, database: str, tmp_path: Path, fault: str
) -> None:
    certificate, key = certificates.write(
        tmp_path, passphrase="secret" if fault == "locked" else None
    )
    match fault:
        case "unmatched":
            _, key = certificates.write(tmp_path, name="other")
        case "missing":
            certificate = tmp_path / "nowhere.crt"
        case "no PEM":
            key.write_text("a key")
    serve = fengsui(
        *("serve", "--role", "api", "--no-migrate"),
        wait=False,
        database_url=database,
        http_tls_cert=certificate,
        http_tls_key=key,
    )
    assert serve.wait(30) == 1, serve.report()
    said = [line for line in serve.errors().splitlines() if line.startswith("fengsui: ")]
    assert len(said) == 1, serve.report()
    assert "FENGSUI_HTTP_TLS_" in said[0]
    assert ("passphrase" in said[0]) == (fault == "locked")
    assert "Traceback" not in serve.errors()


def test_plain_http_beyond_this_machine_is_warned_of_once(
    fengsui: Run, database: str, tmp_path: Path
) -> None:
    serve = beacons.start_api(fengsui, database, http_host="0.0.0.0")  # noqa: S104  # what is warned of
    assert serve.errors().count("plain http on 0.0.0.0") == 1
    assert "reverse proxy" in serve.errors()
    answer = httpx.get(f"{serve.url}/healthz")
    assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize(
    ("days", "verdict", "says"),
    [(90, "ok", "89 days more"), (10, "warning", "9 days more"), (-1, "failed", "ended at")],
)
def test_the_doctor_says_when_the_certificate_expires(
    fengsui: Run, tmp_path: Path, days: int, verdict: str, says: str
) -> None:
    certificate, key = certificates.write(tmp_path, days=days)
    doctor: Command = fengsui(
        "doctor", "--json", http_port=0, http_tls_cert=certificate, http_tls_key=key
    )
    assert doctor.wait(60) == (1 if verdict == "failed" else 0), doctor.report()
    checks = {check["name"]: check for check in json.loads(doctor.output())["checks"]}
    assert checks["certificate"]["verdict"] == verdict
    assert says in checks["certificate"]["found"]
