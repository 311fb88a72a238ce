"""The API as one ASGI application: routes, sockets, readers of the record, the console's files."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi

from alarms.storage import connection
from api import (
    answers,
    asyncapi,
    envelope,
    parameters,
    payloads,
    problems,
    push,
    relay_door,
    schemas,
    static,
    values,
)
from api.broker_desk import BrokerDesk
from api.burdens import Burdens
from api.deliveries import Deliveries
from api.feed import Feed
from api.gateway_life import Entrance
from api.identity import COOKIE, Gate
from api.inspection import Inspections
from api.live import Live
from api.notifier import Notifier
from api.oidc import Provider
from api.relaying import Relaying
from api.routes import (
    alarms,
    broker,
    certificates,
    channels,
    credentials,
    gateways,
    health,
    kpi,
    notifications,
    plant,
    previews,
    records,
    registry,
    relays,
    reports,
    rosters,
    rules,
    session,
    sign_in,
    warnings,
    webhooks,
)
from api.service import Preview, Service

_ROUTERS = (
    alarms.router,
    plant.router,
    previews.router,
    credentials.router,
    certificates.router,
    gateways.router,
    broker.router,
    registry.router,
    reports.router,
    records.router,
    rules.router,
    session.router,
    webhooks.router,
    warnings.router,
    relays.router,
    notifications.router,
    channels.router,
    rosters.router,
    kpi.router,
    health.router,
)


def create(
    database_url: str,
    *,
    console: Path | None = None,
    topic_prefix: str = "fengsui/v1",
    entrance: Entrance | None = None,
    preview: Preview | None = None,
    provider: Provider | None = None,
) -> FastAPI:
    """Make the app; `console` is the built console's folder, `entrance` leads to the broker.

    `preview` says what ingest would make of a gateway's message; without it that is answered 503.
    Through `provider` people may sign in too; without it with name and password only.
    """
    app = FastAPI(
        title="Fengsui",
        version=version("fengsui"),
        description="Monitoring and early warning for major hazard sources.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(database_url, entrance, preview, provider, topic_prefix),
    )
    problems.install(app)
    for router in _ROUTERS:
        app.include_router(router, dependencies=[parameters.ONLY_KNOWN])
    app.include_router(sign_in.router)
    app.include_router(push.router)
    app.include_router(relay_door.router)
    app.include_router(values.router)
    app.include_router(payloads.router)
    _publish(app, topic_prefix)
    app.router.default = static.Console(console)
    app.add_middleware(envelope.Envelope)
    return app


def _lifespan(
    database_url: str,
    entrance: Entrance | None,
    preview: Preview | None,
    provider: Provider | None,
    topic_prefix: str,
) -> Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]:
    """Open the pool and run the readers while the app runs."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        pool = connection.pool(database_url)
        await pool.open(wait=False)
        feed = Feed(database_url)
        service = Service(
            pool=pool,
            gate=Gate(pool),
            feed=feed,
            live=Live(pool),
            way_in=entrance,
            preview=preview,
            provider=provider,
            desk=BrokerDesk(pool, prefix=topic_prefix),
            inspections=Inspections(database_url),
            burdens=Burdens(pool),
        )
        app.state.service = service
        readers = [
            asyncio.create_task(_for_ever(feed.run), name="journal reader"),
            asyncio.create_task(_for_ever(service.live.run), name="values reader"),
            asyncio.create_task(_for_ever(service.inspections.run), name="messages reader"),
            asyncio.create_task(_for_ever(service.burdens.run), name="burdens"),
            asyncio.create_task(
                _for_ever(Deliveries(database_url, pool, feed).run), name="webhooks"
            ),
            asyncio.create_task(_for_ever(Relaying(database_url, pool, feed).run), name="relays"),
            asyncio.create_task(_for_ever(Notifier(database_url, pool, feed).run), name="notifier"),
        ]
        try:
            yield
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.wait(readers)
            await pool.close()

    return lifespan


async def _for_ever(run: Callable[[], Awaitable[None]]) -> None:
    """Run a reader; what nobody foresaw is logged, and the reader begins anew."""
    while True:
        try:
            await run()
        except Exception as error:  # noqa: BLE001  the top of a task that must not end
            problems.of(error)
            await asyncio.sleep(1.0)


def _publish(app: FastAPI, topic_prefix: str) -> None:
    """Serve the app's own description."""
    strict = [parameters.ONLY_KNOWN]

    @app.get("/api/v1/openapi.json", include_in_schema=False, dependencies=strict)
    async def openapi() -> Response:
        return answers.answer(document(app))

    @app.get("/api/v1/asyncapi.json", include_in_schema=False, dependencies=strict)
    async def events() -> Response:
        return answers.answer(asyncapi.document(version=app.version, topic_prefix=topic_prefix))


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, its schemas being those the contract tests hold us to."""
    found: dict[str, Any] = answers.unpack(
        get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
            servers=[{"url": "/"}],
        )
    )
    _describe_what_may_always_be(found["paths"])
    parts = found.setdefault("components", {})
    unused = {"HTTPValidationError", "ValidationError"}
    parts["schemas"] = {
        **{name: it for name, it in parts.get("schemas", {}).items() if name not in unused},
        **schemas.components(),
    }
    parts["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer"},
        "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
    }
    found["security"] = [{"token": []}, {"session": []}]
    return found


def _describe_what_may_always_be(paths: dict[str, dict[str, Any]]) -> None:
    """Add the problems that any call by a caller may meet: too many calls, the database away."""
    for methods in paths.values():
        for route in methods.values():
            if route.get("security") != []:
                for code in (429, 503):
                    route["responses"].setdefault(str(code), answers.problem_described(code))
