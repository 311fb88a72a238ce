"""What brokers ask: RabbitMQ's HTTP authentication back end, EMQX's HTTP authenticator.

The key in the address is a token of the role `broker`; RabbitMQ cannot send a header.
"""

from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qs

from fastapi import APIRouter, Path, Request, Response
from msgspec import Struct

from alarms.topic_rights import SPARKPLUG
from api import answers
from api.broker_desk import BrokerDesk
from api.problems import ProblemError
from api.service import Shared

router = APIRouter(prefix="/api/v1/broker/{key}", tags=["brokers"])
Key = Annotated[str, Path(description="A token of the role `broker`.")]
_PROBLEMS: Final = (401, 422, 503)
_MOST_BYTES: Final = 64 * 1024
_SUBSCRIPTION: Final = "mqtt-subscription-"
_TOPIC_EXCHANGE: Final = "amq.topic"
_SPARKPLUG_THERE: Final = "spBv1___0"
_FORM: Final[dict[str, Any]] = {
    "security": [],
    "requestBody": {
        "required": True,
        "content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}},
    },
}


class EmqxClient(Struct, frozen=True, kw_only=True):
    """A client that wants to enter."""

    username: str = ""
    password: str = ""
    clientid: str = ""


class EmqxDeed(Struct, frozen=True, kw_only=True):
    """A client that wants to publish on a topic, or to subscribe to a filter."""

    username: str
    topic: str
    action: Literal["publish", "subscribe"]


def _json(kind: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{kind}"}
    return {
        "security": [],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
    }


def _words() -> dict[int | str, dict[str, Any]]:
    """Describe RabbitMQ's answer, one word of text."""
    word = {"schema": {"enum": ["allow", "deny"]}, "example": "allow"}
    return {
        200: {"description": "As asked.", "content": {"text/plain": word}},
        **{code: answers.problem_described(code) for code in _PROBLEMS},
    }


_VERDICT: Final = {"result": "allow", "is_superuser": False}


@router.post(
    "/rabbitmq/user",
    summary="RabbitMQ asks: may this user enter?",
    responses=_words(),
    openapi_extra=_FORM,
)
async def rabbitmq_user(service: Shared, request: Request, key: Key) -> Response:
    """Answer `allow` to a gateway with its password; a client id, where sent, must be its own."""
    form = await _form(request)
    return _word(
        is_allowed=await service.desk.may_enter(
            key,
            name=form.get("username", ""),
            password=form.get("password", ""),
            client_id=form.get("client_id"),
        )
    )


@router.post(
    "/rabbitmq/vhost",
    summary="RabbitMQ asks: may this user use this virtual host?",
    responses=_words(),
    openapi_extra=_FORM,
)
async def rabbitmq_vhost(service: Shared, request: Request, key: Key) -> Response:
    """Answer `allow` to every gateway: which virtual host MQTT uses is the broker's setting."""
    form = await _form(request)
    return _word(is_allowed=await service.desk.is_let_in(key, form.get("username", "")))


@router.post(
    "/rabbitmq/resource",
    summary="RabbitMQ asks: may this user use this exchange or queue?",
    responses=_words(),
    openapi_extra=_FORM,
)
async def rabbitmq_resource(service: Shared, request: Request, key: Key) -> Response:
    """Answer `allow` for the exchange of topics, and for the queues of the gateway's client id."""
    form = await _form(request)
    name, resource = form.get("username", ""), form.get("name", "")
    own = (
        _owns_queue(name, resource)
        if form.get("resource") == "queue"
        else resource == _TOPIC_EXCHANGE and form.get("permission") != "configure"
    )
    return _word(is_allowed=await service.desk.is_let_in(key, name) and own)


@router.post(
    "/rabbitmq/topic",
    summary="RabbitMQ asks: may this user publish or subscribe with this routing key?",
    responses=_words(),
    openapi_extra=_FORM,
)
async def rabbitmq_topic(service: Shared, request: Request, key: Key) -> Response:
    """Answer by the one rule of topics; the routing key is read back into the MQTT topic."""
    form = await _form(request)
    name, topic = form.get("username", ""), mqtt_topic(form.get("routing_key", ""))
    return _word(is_allowed=await _may(service.desk, key, name, topic, form.get("permission", "")))


@router.post(
    "/emqx/authentication",
    summary="EMQX asks: may this client enter?",
    responses=answers.described("EmqxVerdict", _VERDICT, problems=_PROBLEMS),
    openapi_extra=_json("EmqxClient"),
)
async def emqx_authentication(service: Shared, request: Request, key: Key) -> Response:
    """Answer `allow` to a gateway with its password and a client id of its own."""
    asked = await answers.body_of(request, EmqxClient)
    return _verdict(
        is_allowed=await service.desk.may_enter(
            key, name=asked.username, password=asked.password, client_id=asked.clientid
        )
    )


@router.post(
    "/emqx/authorization",
    summary="EMQX asks: may this client publish or subscribe?",
    responses=answers.described("EmqxVerdict", _VERDICT, problems=_PROBLEMS),
    openapi_extra=_json("EmqxDeed"),
)
async def emqx_authorization(service: Shared, request: Request, key: Key) -> Response:
    """Answer by the one rule of topics."""
    asked = await answers.body_of(request, EmqxDeed)
    permission = "write" if asked.action == "publish" else "read"
    return _verdict(
        is_allowed=await _may(service.desk, key, asked.username, asked.topic, permission)
    )


async def _may(desk: BrokerDesk, key: str, name: str, topic: str, permission: str) -> bool:
    if permission == "write":
        return await desk.may_publish(key, name, topic)
    return await desk.may_read(key, name, topic)


def mqtt_topic(routing_key: str) -> str:
    """Return the MQTT topic or filter that RabbitMQ's MQTT plugin wrote as this routing key.

    Dots and slashes are exchanged and `+` is written `*`; with `mqtt.sparkplug = true` the first
    level of Sparkplug's topics is written spBv1___0.
    """
    exchanged = routing_key.translate(str.maketrans("./*", "/.+"))
    first, slash, rest = exchanged.partition("/")
    return f"{SPARKPLUG}{slash}{rest}" if first == _SPARKPLUG_THERE else exchanged


def _owns_queue(gateway: str, queue: str) -> bool:
    return queue in (f"{_SUBSCRIPTION}{gateway}qos0", f"{_SUBSCRIPTION}{gateway}qos1")


async def _form(request: Request) -> dict[str, str]:
    """Read the form RabbitMQ sends; of a name given twice the last counts."""
    body = await request.body()
    if len(body) > _MOST_BYTES:
        raise ProblemError(422, f"the form is longer than {_MOST_BYTES} bytes")
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=50)
    except ValueError as error:
        raise ProblemError(422, f"the form cannot be read: {error}") from error
    return {name: values[-1] for name, values in fields.items()}


def _word(*, is_allowed: bool) -> Response:
    return Response("allow" if is_allowed else "deny", media_type="text/plain")


def _verdict(*, is_allowed: bool) -> Response:
    return answers.answer({**_VERDICT, "result": "allow" if is_allowed else "deny"})
