"""The fixtures keep their word: real servers, nothing shared between tests, restart and kill."""

from collections.abc import Callable

import psycopg

from tests.conftest import Broker
from tests.servers import Mosquitto, Postgres, listens


def test_a_database_is_migrated_and_empty(database: str) -> None:
    with psycopg.connect(database) as conn:
        tables = conn.execute(
            "select count(*) from pg_tables where schemaname = 'public'"
        ).fetchone()
    assert tables is not None
    assert tables[0] > 5


def test_two_databases_of_one_run_share_nothing(database: str, empty_database: str) -> None:
    with psycopg.connect(empty_database) as conn:
        found = conn.execute("select to_regclass('journal')").fetchone()
    assert found == (None,)
    assert database != empty_database


def test_a_killed_postgres_keeps_what_was_committed(postgres: Callable[[], Postgres]) -> None:
    server = postgres()
    with psycopg.connect(server.url) as conn:
        conn.execute("create table kept (n integer)")
        conn.execute("insert into kept values (7)")
    server.kill()
    assert not listens(server.port)
    server.start()
    with psycopg.connect(server.url) as conn:
        assert conn.execute("select n from kept").fetchone() == (7,)


def test_a_broker_can_be_killed_and_started_on_the_same_port(
    mosquitto: Callable[..., Mosquitto],
) -> None:
    server = mosquitto()
    server.kill()
    assert not listens(server.port)
    server.start()
    assert listens(server.port)


def test_topics_of_a_test_are_its_own(broker: Broker) -> None:
    assert broker.prefix.startswith("test-")
    assert listens(int(broker.url.rpartition(":")[2]))
