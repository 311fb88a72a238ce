"""Sign-in by the settings alone: the server a process, another one a provider others wrote."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import beacons, servers

Run = Callable[..., Any]


@pytest.fixture
def issuer() -> Iterator[str]:
    """The address of a running oidc-provider-mock."""
    port = servers.free_port()
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(
        [sys.executable, "-m", "oidc_provider_mock", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        servers.until(
            lambda: _answers(f"{url}/.well-known/openid-configuration"),
            deadline_s=30,
            what="the provider to answer",
        )
        yield url
        process.terminate()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def test_a_person_signs_in_through_a_provider_and_the_secret_is_told_to_nobody(
    fengsui: Run, database: str, issuer: str, tmp_path: Path
) -> None:
    asyncio.run(beacons.person(database, "li"))
    port = servers.free_port()
    named = {
        "http_port": port,
        "public_url": f"http://127.0.0.1:{port}",
        "oidc_issuer": issuer,
        "oidc_client_id": "fengsui",
        "oidc_client_secret": "v3rysecret",
    }
    serve = beacons.start_api(fengsui, database, **named)
    told = {"preferred_username": "li"}
    assert httpx.put(f"{issuer}/users/4711", json=told).status_code == 204
    with httpx.Client(base_url=serve.url) as browser:
        assert browser.get("/api/v1/session/ways").json() == {"password": True, "oidc": True}
        there = browser.get("/api/v1/session/oidc").headers["location"]
        answer = httpx.post(there, data={"sub": "4711"})
        assert answer.status_code in {302, 303}, answer.text
        back = browser.get(answer.headers["location"])
        assert (back.status_code, back.headers["location"]) == (303, f"{serve.url}/"), back.text
        assert browser.get("/api/v1/session").json()["name"] == "li"
    doctor = fengsui("doctor", "--json", **named)
    doctor.wait(60)
    assert "v3rysecret" not in doctor.output() + doctor.errors() + serve.errors()
