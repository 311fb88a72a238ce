"""OpenAPI, AsyncAPI and JSON Schemas: sound, whole, and their examples keep to them."""

import json
import re
from typing import Any

import httpx
import jsonschema
import pytest
from fastapi import FastAPI

from api import app as apps
from api import asyncapi, examples, permissions, schemas

TAKES_ALL = "/api/v1/session/oidc/callback"
"""Providers add parameters of their own, such as `session_state`, to the address they send to."""


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """The app, of which nothing runs."""
    return apps.create("postgresql://nobody@localhost/nothing")


@pytest.fixture(scope="module")
def openapi(app: FastAPI) -> dict[str, Any]:
    """Its document as clients read it."""
    found: dict[str, Any] = json.loads(json.dumps(apps.document(app)))
    return found


def references(node: object) -> set[str]:
    """Return every $ref below a node."""
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(child) for child in node.values()))
    if isinstance(node, list):
        return set().union(*(references(child) for child in node))
    return set()


def resolve(document: dict[str, Any], reference: str) -> object:
    """Follow a reference within a document."""
    node: Any = document
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def test_every_reference_of_openapi_leads_somewhere(openapi: dict[str, Any]) -> None:
    for reference in references(openapi):
        assert resolve(openapi, reference)


def test_every_route_has_a_summary_and_every_json_answer_an_example(
    openapi: dict[str, Any],
) -> None:
    for path, methods in openapi["paths"].items():
        for method, route in methods.items():
            place = f"{method} {path}"
            assert route["summary"], place
            for status, answer in route["responses"].items():
                content = answer.get("content", {}).get("application/json", {})
                if status in {"200", "202"} and content.get("schema"):
                    assert "example" in content, f"{place} {status}"


def test_every_example_of_openapi_keeps_its_own_schema(openapi: dict[str, Any]) -> None:
    for methods in openapi["paths"].values():
        for route in methods.values():
            bodies = [*route["responses"].values(), route.get("requestBody", {})]
            for body in bodies:
                content = body.get("content", {}).get("application/json", {})
                if "example" in content:
                    schema = {**content["schema"], "components": openapi["components"]}
                    jsonschema.validate(content["example"], schema)


def test_the_routes_of_this_version_and_no_other(openapi: dict[str, Any]) -> None:
    found = {
        f"{method.upper()} {path}"
        for path, methods in openapi["paths"].items()
        for method in methods
    }
    assert found == set(
        """
        GET /api/v1/alarms|GET /api/v1/alarms/{alarm_id}|GET /api/v1/alarms/{alarm_id}/journal
        POST /api/v1/alarms/{alarm_id}/{action}|GET /api/v1/points
        GET /api/v1/points/{point_id}/readings|GET /api/v1/regions|GET /api/v1/enterprises
        GET /api/v1/sources|GET /api/v1/units|GET /api/v1/gateways|GET /api/v1/rejects
        GET /api/v1/gateways/{gateway}|GET /api/v1/gateways/{gateway}/history
        POST /api/v1/gateways|POST /api/v1/gateways/{gateway}/rotate
        POST /api/v1/gateways/{gateway}/revoke
        POST /api/v1/gateways/{gateway}/certificates
        POST /api/v1/gateways/{gateway}/certificates/{serial}/revoke
        GET /api/v1/authority/ca.pem|GET /api/v1/authority/revocations.pem
        POST /api/v1/broker/{key}/rabbitmq/user|POST /api/v1/broker/{key}/rabbitmq/vhost
        POST /api/v1/broker/{key}/rabbitmq/resource|POST /api/v1/broker/{key}/rabbitmq/topic
        POST /api/v1/broker/{key}/emqx/authentication|POST /api/v1/broker/{key}/emqx/authorization
        GET /api/v1/rules|POST /api/v1/registry|GET /api/v1/alarms/{alarm_id}.cap.xml
        GET /api/v1/reports/{span}.{form}
        GET /api/v1/kpi|GET /api/v1/webhooks|POST /api/v1/webhooks|DELETE /api/v1/webhooks/{webhook}
        POST /api/v1/webhooks/{webhook}/pause|POST /api/v1/webhooks/{webhook}/resume
        GET /api/v1/webhooks/{webhook}/dead-letters
        POST /api/v1/webhooks/{webhook}/redeliver
        POST /api/v1/gateways/{gateway_id}/preview
        GET /api/v1/warnings|POST /api/v1/warnings|GET /api/v1/warnings/{warning_id}
        GET /api/v1/warnings/{warning_id}/journal|GET /api/v1/warnings/{warning_id}.cap.xml
        POST /api/v1/warnings/{warning_id}/{duty}|GET /api/v1/warning-tables
        PUT /api/v1/warning-tables/{region}|DELETE /api/v1/warning-tables/{region}
        GET /api/v1/tower|PUT /api/v1/tower|GET /api/v1/relays|POST /api/v1/relays
        DELETE /api/v1/relays/{relay}|POST /api/v1/relays/{relay}/pause
        POST /api/v1/relays/{relay}/resume|POST /api/v1/relays/{relay}/resend
        GET /api/v1/relays/{relay}/refusals|GET /api/v1/origins
        POST /api/v1/origins/{tower_id}/release|GET /api/v1/origins/{tower_id}/refusals
        GET /api/v1/origins/{tower_id}/commands
        GET /api/v1/notifications|GET /api/v1/notification-tables
        PUT /api/v1/notification-tables/{region}|DELETE /api/v1/notification-tables/{region}
        GET /api/v1/channels|PUT /api/v1/channels/{name}|DELETE /api/v1/channels/{name}
        POST /api/v1/channels/{name}/test
        GET /api/v1/rosters|GET /api/v1/rosters/{place}|PUT /api/v1/rosters/{place}
        DELETE /api/v1/rosters/{place}
        GET /api/v1/journal|GET /api/v1/audit|GET /api/v1/audit.{form}
        POST /api/v1/session|GET /api/v1/session
        GET /api/v1/session/ways|GET /api/v1/session/oidc|GET /api/v1/session/oidc/callback
        DELETE /api/v1/session|GET /api/v1/healthz|GET /api/v1/readyz|GET /metrics
        """.strip()
        .replace("\n", "|")
        .replace("        ", "")
        .split("|")
    )


def test_the_actions_are_listed(openapi: dict[str, Any]) -> None:
    route = openapi["paths"]["/api/v1/alarms/{alarm_id}/{action}"]["post"]
    (action,) = [one for one in route["parameters"] if one["name"] == "action"]
    assert action["schema"]["enum"] == list(permissions.ACTIONS)


def test_what_is_done_to_warnings_is_listed(openapi: dict[str, Any]) -> None:
    route = openapi["paths"]["/api/v1/warnings/{warning_id}/{duty}"]["post"]
    (duty,) = [one for one in route["parameters"] if one["name"] == "duty"]
    assert duty["schema"]["enum"] == list(permissions.DUTIES)


async def test_every_route_refuses_query_parameters_it_does_not_know(
    app: FastAPI, openapi: dict[str, Any]
) -> None:
    road = httpx.ASGITransport(app, raise_app_exceptions=False)
    client = httpx.AsyncClient(transport=road, base_url="http://here")
    for path, methods in openapi["paths"].items():
        if path == TAKES_ALL:
            continue
        for method, route in methods.items():
            address = re.sub(r"{\w+}", "1", path)
            answer = await client.request(method, address, params={"opne": "true"})
            assert answer.status_code == 422, f"{method} {path}"
            assert answer.headers["content-type"] == "application/problem+json"
            problem = answer.json()
            told = {one["name"] for one in route.get("parameters", ()) if one["in"] == "query"}
            assert (problem["unknown"], set(problem["known"])) == (["opne"], told)
            assert all(f"`{name}`" in problem["detail"] for name in {"opne", *told})


def test_every_reference_of_asyncapi_leads_somewhere() -> None:
    document = asyncapi.document(version="1")
    for reference in references(document):
        assert resolve(document, reference)


def test_asyncapi_names_the_topics_and_sockets_of_the_contract() -> None:
    channels = asyncapi.document(version="1", topic_prefix="p/v1")["channels"]
    assert {channel["address"] for channel in channels.values()} == {
        "p/v1/{gateway}/readings",
        "p/v1/{gateway}/history",
        "p/v1/{gateway}/senml",
        "p/v1/{gateway}/status",
        "p/v1/{gateway}/replies",
        "/ws/v1/alarms",
        "/ws/v1/values",
        "/ws/v1/gateways/{gateway}/payloads",
        "/ws/v1/relay",
    }


def test_every_example_of_asyncapi_keeps_its_own_schema() -> None:
    document = asyncapi.document(version="1")
    for message in document["components"]["messages"].values():
        for example in message.get("examples", ()):
            schema = {**message["payload"], "components": document["components"]}
            jsonschema.validate(example["payload"], schema)


@pytest.mark.parametrize("name", sorted(schemas.components()))
def test_every_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schemas.standing_alone(name))


def test_an_alarm_without_a_promised_member_is_refused() -> None:
    broken = {name: value for name, value in examples.ALARM.items() if name != "peak_tier"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schemas.standing_alone("Alarm"))
