"""Brokers that ask over HTTP: RabbitMQ's form and EMQX's JSON, answered by one rule, bounded."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from api.routes.broker import mqtt_topic
from tests import beacons
from tests.beacons import FAR, NEAR, House


class Asks:
    """A broker with a token of its own and one gateway that was let in."""

    def __init__(self, http: httpx.AsyncClient, key: str, gateway: str, password: str) -> None:
        self.http = http
        self.key = key
        self.gateway = gateway
        self.password = password

    async def rabbitmq(self, question: str, **form: str) -> str:
        """Ask as RabbitMQ does; return its word."""
        words = {"username": self.gateway, "vhost": "/", **form}
        answer = await self.http.post(f"broker/{self.key}/rabbitmq/{question}", data=words)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def emqx(self, question: str, **body: Any) -> str:
        """Ask as EMQX does; return its result."""
        words = {"username": self.gateway, **body}
        answer = await self.http.post(f"broker/{self.key}/emqx/{question}", json=words)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["result"])


@pytest.fixture
async def asks(house: House) -> AsyncIterator[Asks]:
    """A broker of scope all, and a gateway of the near enterprise."""
    key = await beacons.token(house.database, role="broker")
    gateway = f"gw-{secrets.token_hex(4)}"
    async with await house.http("all", "administrator") as http:
        answer = await http.post("gateways", json={"id": gateway, "enterprise": NEAR})
        yield Asks(http, key, gateway, answer.json()["password"])


async def test_a_gateway_enters_by_its_password_until_it_is_rotated_or_revoked(asks: Asks) -> None:
    for _ in range(2):  # proven, then known
        assert await asks.rabbitmq("user", password=asks.password) == "allow"
        assert await asks.emqx("authentication", password=asks.password, clientid=asks.gateway) == (
            "allow"
        )
    assert await asks.rabbitmq("user", password="guess") == "deny"
    renewed = (await asks.http.post(f"gateways/{asks.gateway}/rotate")).json()["password"]
    assert await asks.rabbitmq("user", password=asks.password) == "deny"
    assert await asks.rabbitmq("user", password=renewed) == "allow"
    assert await asks.rabbitmq("vhost") == "allow"
    own = {"permission": "write", "routing_key": f"fengsui.v1.{asks.gateway}.readings"}
    assert await asks.rabbitmq("topic", **own) == "allow"
    await asks.http.post(f"gateways/{asks.gateway}/revoke")
    assert await asks.rabbitmq("user", password=renewed) == "deny"
    assert await asks.rabbitmq("vhost") == "deny"
    assert await asks.rabbitmq("topic", **own) == "deny"
    assert await asks.emqx("authentication", password=renewed, clientid=asks.gateway) == "deny"


@pytest.mark.parametrize("name", ["", "nobody", "fengsui.server", "a\0b", "x" * 5000])
async def test_who_is_no_gateway_is_denied(asks: Asks, name: str) -> None:
    assert await asks.rabbitmq("user", username=name, password="x") == "deny"
    assert await asks.rabbitmq("vhost", username=name) == "deny"
    assert await asks.emqx("authentication", username=name, password="x", clientid=name) == "deny"


async def test_topics_are_answered_by_the_one_rule(asks: Asks) -> None:
    own, other = f"fengsui/v1/{asks.gateway}", "fengsui/v1/gw-E1"
    for topic, action, verdict in (
        (f"{own}/readings", "publish", "allow"),
        (f"{own}/replies", "publish", "deny"),
        (f"{other}/readings", "publish", "deny"),
        (f"{own}/replies", "subscribe", "allow"),
        (f"spBv1.0/g/NDATA/{asks.gateway}", "publish", "allow"),
        ("fengsui/v1/+/replies", "subscribe", "deny"),
        ("#", "subscribe", "deny"),
    ):
        permission = "write" if action == "publish" else "read"
        key = topic.translate(str.maketrans("./+", "/.*"))
        assert await asks.emqx("authorization", topic=topic, action=action) == verdict, topic
        said = await asks.rabbitmq("topic", permission=permission, routing_key=key)
        assert said == verdict, topic


async def test_queues_and_client_ids_are_the_gateways_own(asks: Asks) -> None:
    other = f"{asks.gateway}-2"
    for client_id, verdict in (
        (asks.gateway, "allow"),
        (f"{asks.gateway}.second", "deny"),
        (other, "deny"),
        ("gw-E1", "deny"),
        ("", "deny"),
    ):
        entering = {"password": asks.password, "clientid": client_id}
        assert await asks.emqx("authentication", **entering) == verdict, client_id
        entering = {"password": asks.password, "client_id": client_id}
        assert await asks.rabbitmq("user", **entering) == verdict, client_id
        queue = {"resource": "queue", "name": f"mqtt-subscription-{client_id}qos1"}
        assert await asks.rabbitmq("resource", permission="configure", **queue) == verdict
    for name, permission, verdict in (
        ("amq.topic", "write", "allow"),
        ("amq.topic", "read", "allow"),
        ("amq.topic", "configure", "deny"),
        ("amq.direct", "write", "deny"),
    ):
        said = await asks.rabbitmq(
            "resource", resource="exchange", name=name, permission=permission
        )
        assert said == verdict, name


@pytest.mark.parametrize(
    ("topic", "key"),
    [
        ("fengsui/v1/gw/readings", "fengsui.v1.gw.readings"),
        ("fengsui/v1/+/x", "fengsui.v1.*.x"),
        ("spBv1.0/g/NDATA/gw", "spBv1/0.g.NDATA.gw"),
        ("spBv1.0/g/NDATA/gw", "spBv1___0.g.NDATA.gw"),
        ("#", "#"),
    ],
)
def test_a_routing_key_is_read_back_into_its_topic(topic: str, key: str) -> None:
    assert mqtt_topic(key) == topic


@pytest.mark.parametrize("role", ["administrator", "platform"])
async def test_only_a_brokers_token_opens_this_door(house: House, asks: Asks, role: str) -> None:
    other = await house.token("all", role)
    for key in (other, "fs_wrong"):
        answer = await asks.http.post(f"broker/{key}/rabbitmq/vhost", data={"username": "gw-E1"})
        assert answer.status_code == 401


async def test_a_brokers_token_opens_no_other_door(house: House, asks: Asks) -> None:
    async with house.anonymous(headers={"authorization": f"Bearer {asks.key}"}) as http:
        for path in ("alarms", "gateways", "session"):
            assert (await http.get(path)).status_code == 401, path
    async with beacons.client(house.serve, asks.key) as socket:
        assert await socket.closed() == 4401


async def test_a_brokers_scope_binds_it(house: House, asks: Asks) -> None:
    asks.key = await beacons.token(house.database, scope=FAR, role="broker")
    assert await asks.rabbitmq("user", password=asks.password) == "deny"
    asks.key = await beacons.token(house.database, scope="5106", role="broker")
    assert await asks.rabbitmq("user", password=asks.password) == "allow"


async def test_guesses_are_slowed_and_do_not_shut_out_the_gateway_that_was_there(
    asks: Asks,
) -> None:
    assert await asks.rabbitmq("user", password=asks.password) == "allow"
    guesses = [asks.rabbitmq("user", password=f"guess {n}") for n in range(20)]
    assert set(await asyncio.gather(*guesses)) == {"deny"}
    assert await asks.rabbitmq("user", password=asks.password) == "allow"


async def test_a_guessed_gateway_that_was_never_there_waits(asks: Asks) -> None:
    for n in range(8):
        assert await asks.rabbitmq("user", password=f"guess {n}") == "deny"
    assert await asks.rabbitmq("user", password=asks.password) == "deny"


async def test_a_form_that_cannot_be_read_is_refused(asks: Asks) -> None:
    road = f"broker/{asks.key}/rabbitmq/user"
    for content in (b"username=\xff%ff", b"a=1&" * 200, b"username=" + b"x" * 100_000):
        answer = await asks.http.post(road, content=content)
        assert answer.status_code == 422, answer.text
