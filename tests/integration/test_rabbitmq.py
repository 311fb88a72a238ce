"""RabbitMQ with the configuration we ship: what a PUBACK says it has outlives a kill."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fengsui.gauges import Gauges, fullest_queue
from ingest.address import Address, client_id
from ingest.mqtt import Source
from tests import beacons, servers
from tests import rabbitmq as shipped
from tests.beacons import NEAR, House
from tests.conftest import Broker
from tests.gateway import gateway
from tests.integration.test_dynamic_security import Gateway
from tests.integration.test_mqtt_source import send, take, up
from tests.rabbitmq import PASSWORD, USER, RabbitMQ

Make = Callable[..., RabbitMQ]
REFUSED = (131, 151)
"""RabbitMQ 4.0 says that it will not, later ones that the quota is exceeded."""


@pytest.fixture(scope="module")
def asking(house: House) -> Iterator[RabbitMQ]:
    """A broker that asks the house's server about gateways, for tests that leave it as it is."""
    key = asyncio.run(beacons.token(house.database, role="broker"))
    server = RabbitMQ(
        extra=[*shipped.asking(house.serve.url, key), "collect_statistics_interval = 1000"]
    )
    server.start()
    yield server
    server.close()


def server_session(broker: Broker) -> Source:
    """Return the server's own source, with the name by which the policy knows its queue."""
    return Source(
        address=Address.parse(broker.url),
        client_id=client_id(broker.prefix),
        filters=(f"{broker.prefix}/+/readings",),
    )


async def test_what_was_not_committed_comes_again_in_order_after_a_kill(rabbitmq: Make) -> None:
    server = rabbitmq()
    broker = Broker(server.url, "r/v1")
    async with server_session(broker) as taker:
        await up(taker)
        await send(broker, 0, 50)
        assert len(await take(taker, 50, acknowledge=10)) == 50
        await asyncio.sleep(1)  # a new queue's name is written half a second after it was made
        server.kill()
    server.start()
    async with server_session(broker) as taker:
        await up(taker)
        await send(broker, 50, 10)
        again = await take(taker, 50, acknowledge=50)
    assert [int(payload) for payload in again] == list(range(10, 60))


async def test_a_message_taken_thirty_times_and_never_committed_is_not_given_up(
    asking: RabbitMQ,
) -> None:
    broker = Broker(asking.url, "thirty/v1")
    async with server_session(broker) as taker:
        await up(taker)
    await send(broker, 7, 1)
    for _ in range(30):  # RabbitMQ's own limit is 20
        async with server_session(broker) as taker:
            assert await take(taker, 1, acknowledge=0) == [b"7"]


async def test_a_full_queue_refuses_and_what_it_took_is_there(rabbitmq: Make) -> None:
    server = rabbitmq(queue_bytes=20_000)
    broker = Broker(server.url, "r/v1")
    async with server_session(broker) as taker:
        await up(taker)
    client = Gateway(server.port, USER, PASSWORD)
    topic, taken = f"{broker.prefix}/gw/readings", []
    try:
        for number in range(100):
            payload = b"%d %s" % (number, b"x" * 500)
            answer = await asyncio.to_thread(client.publish, topic, payload)
            if answer < 128:
                taken.append(payload)
        assert answer in REFUSED
        assert 10 < len(taken) < 100
        async with server_session(broker) as taker:
            assert await take(taker, len(taken), acknowledge=len(taken)) == taken
        assert await asyncio.to_thread(client.publish, topic, b"again") < 128
    finally:
        client.close()


async def test_the_bytes_in_the_servers_queue_are_told(asking: RabbitMQ, tmp_path: Path) -> None:
    broker = Broker(asking.url, "told/v1")
    async with server_session(broker) as taker:
        await up(taker)
    with gateway(broker.url, broker.prefix) as sender:
        await asyncio.to_thread(sender.send_all, [b"x" * 1000] * 100)
    address = f"http://127.0.0.1:{asking.metrics_port}"
    with Gauges(
        folders=[tmp_path], broker_url=asking.url, queue_bytes=1_000_000, metrics_url=address
    ) as gauges:
        for _ in range(400):
            if (gauges().queue_share or 0) > 0.05:
                break
            await asyncio.sleep(0.05)
        assert gauges().queue_share == pytest.approx(0.1, rel=0.1)
    assert fullest_queue(f"http://127.0.0.1:{servers.free_port()}") is None


async def test_a_gateway_enters_and_publishes_as_the_server_says(
    house: House, asking: RabbitMQ
) -> None:
    name = f"gw-{secrets.token_hex(4)}"
    async with await house.http("all", "administrator") as http:
        made = await http.post("gateways", json={"id": name, "enterprise": NEAR})
        password = made.json()["password"]
        entered = await asyncio.to_thread(Gateway, asking.port, name, password)
        assert entered.answers == ["Success"]
        own = f"fengsui/v1/{name}"
        assert await asyncio.to_thread(entered.subscribe, f"{own}/replies")
        assert await asyncio.to_thread(entered.publish, f"{own}/readings") < 128
        assert await asyncio.to_thread(entered.publish, f"spBv1.0/g/NDATA/{name}") < 128
        forbidden = entered.client.publish("fengsui/v1/gw-E2/readings", b"x", qos=1).mid
        await asyncio.to_thread(
            servers.until, lambda: entered.ended, deadline_s=10, what="its connection to be ended"
        )
        assert entered.published.get(forbidden, 128) >= 128
        entered.close()
        guess = await asyncio.to_thread(Gateway, asking.port, name, "guess")
        assert guess.answers != ["Success"]
        guess.close()
        await http.post(f"gateways/{name}/revoke")
        revoked = await asyncio.to_thread(Gateway, asking.port, name, password)
        assert revoked.answers != ["Success"]
        revoked.close()
