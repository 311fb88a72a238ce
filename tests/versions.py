"""Which servers and which browser the tests will meet, for pytest's header."""

import os
import shutil
import subprocess
from collections.abc import Sequence

import psycopg

from tests import rabbitmq, servers


def line() -> str:
    """Return one line that names the servers and the browser the tests will meet."""
    return ", ".join(
        (_postgres_version(), _mosquitto_version(), _rabbitmq_version(), _chromium_version())
    )


def _postgres_version() -> str:
    if url := os.environ.get("FENGSUI_TEST_DATABASE_URL"):
        with psycopg.connect(url, connect_timeout=10) as conn:
            row = conn.execute(
                "select current_setting('server_version'),"
                " current_setting('timescaledb.license', true),"
                " (select default_version from pg_available_extensions where name = 'timescaledb')"
            ).fetchone()
        server, licence, extension = row or ("?", None, None)
        edition = {"timescale": "community", "apache": "apache"}.get(licence or "", "none")
    else:
        try:
            home = servers.postgres_home()
        except servers.MissingServerError as error:
            return f"PostgreSQL MISSING ({error})"
        said = _ask(home.command("postgres", [str(servers.BINARIES / "bin/postgres"), "--version"]))
        server = said.removeprefix("postgres (PostgreSQL) ")
        control = home.outside(servers.EXTENSION).read_text()
        extension = control.partition("default_version = '")[2].partition("'")[0]
        community = any(home.outside(servers.BINARIES / "lib").glob("timescaledb-tsl-*.so"))
        edition = "community" if community else "apache"
    return f"PostgreSQL {server}, TimescaleDB {extension or 'absent'} (edition {edition})"


def _mosquitto_version() -> str:
    if "FENGSUI_TEST_BROKER_URL" in os.environ:
        return "a broker of your own"
    try:
        home = servers.broker_home(servers.MOSQUITTO, "Mosquitto")
    except servers.MissingServerError as error:
        return f"Mosquitto MISSING ({error})"
    said = _ask(home.command("mosquitto", [servers.MOSQUITTO, "-h"]))
    return f"Mosquitto {said.removeprefix('mosquitto version ')}"


def _rabbitmq_version() -> str:
    try:
        home = servers.broker_home(rabbitmq.PROGRAM, "RabbitMQ")
    except servers.MissingServerError as error:
        return f"RabbitMQ MISSING ({error})"
    (installed,) = home.outside(rabbitmq.INSTALLED).glob("rabbitmq_server-*")
    return f"RabbitMQ {installed.name.removeprefix('rabbitmq_server-')}"


def _chromium_version() -> str:
    found = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if found is None:
        return "Chromium MISSING (run deploy/provision-tests.sh)"
    return _ask([found, "--version"]).partition(" built ")[0]


def _ask(words: Sequence[str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return next(iter((done.stdout or done.stderr).splitlines()), "unknown").strip()
