"""People who sign in through a provider, over an app in this process, for tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie

from fastapi import FastAPI

from api import app as apps
from api import oidc
from tests import asgi, beacons, providers
from tests.asgi import Answer
from tests.databases import Databases
from tests.providers import CLIENT, SECRET, Provider

PUBLIC = "http://127.0.0.1:9/fengsui/"
BEGIN, BACK = "/api/v1/session/oidc", "/api/v1/session/oidc/callback"


@dataclass(slots=True, kw_only=True)
class Desk:
    """The app with its provider, over one database with the account `li`."""

    app: FastAPI
    database: str
    provider: Provider

    async def begin(self) -> tuple[str, str]:
        """Begin a sign-in; return where the browser is sent, and its cookie."""
        answer = await asgi.request(self.app, "GET", BEGIN, headers={})
        assert answer.status == 303, answer.text
        return dict(answer.headers)["location"], cookies(answer)["fengsui_sign_in"]

    async def back(self, cookie: str | None, query: dict[str, str]) -> Answer:
        """Come back from the provider."""
        headers = {} if cookie is None else {"cookie": f"fengsui_sign_in={cookie}"}
        return await asgi.request(self.app, "GET", BACK, headers=headers, query=query)

    async def sign_in(self, **claims: object) -> Answer:
        """Sign in, the provider saying this of the person."""
        address, cookie = await self.begin()
        return await self.back(cookie, self.provider.approve(address, **claims))


def cookies(answer: Answer) -> dict[str, str]:
    """Return the cookies an answer sets that are not empty."""
    found: SimpleCookie = SimpleCookie()
    for name, text in answer.headers:
        if name == "set-cookie":
            found.load(text)
    return {name: morsel.value for name, morsel in found.items() if morsel.value}


def session_of(answer: Answer) -> str | None:
    """Return the session an answer opens, if it does."""
    return cookies(answer).get("fengsui_session")


@asynccontextmanager
async def with_provider(databases: Databases) -> AsyncIterator[Desk]:
    """Give one app and one provider over a fresh database until the end."""
    name = databases.create()
    database = databases.address(name)
    await beacons.person(database, "li")
    async with providers.running() as provider:
        app = apps.create(database, provider=client_of(provider.issuer))
        async with asgi.running(app):
            yield Desk(app=app, database=database, provider=provider)
    databases.drop(name)


@asynccontextmanager
async def afresh(desk: Desk) -> AsyncIterator[Desk]:
    """Give another app beside the desk's: one that has not asked the provider anything."""
    app = apps.create(desk.database, provider=client_of(desk.provider.issuer))
    async with asgi.running(app):
        yield Desk(app=app, database=desk.database, provider=desk.provider)


def client_of(issuer: str) -> oidc.Provider:
    """Return our side of a provider."""
    return oidc.Provider(
        issuer=issuer,
        client_id=CLIENT,
        client_secret=SECRET,
        public_url=PUBLIC,
        claim="preferred_username",
    )
