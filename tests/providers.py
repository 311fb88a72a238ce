"""An OpenID provider in this process, strict where ours must be right, and made to lie at will."""

import asyncio
import base64
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

import uvicorn
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests import servers

Claims = dict[str, Any]
CLIENT = "fengsui console"
SECRET = "s3cret:with/signs"


def _keep(_claims: Claims) -> None:
    """Lie about nothing."""


@dataclass(slots=True, kw_only=True)
class Provider:
    """What it knows: its key, the codes it gave, and how it lies in its tokens."""

    issuer: str
    key: ECKey = field(default_factory=lambda: _new_key())
    lie: Callable[[Claims], None] = _keep
    sign: Callable[[Claims], str] | None = None
    codes: dict[str, tuple[dict[str, str], Claims]] = field(default_factory=dict)
    beside: list[object] = field(default_factory=list)
    """What else its key set holds, before its own key."""
    asked_for_keys: int = 0

    def approve(self, address: str, **claims: object) -> dict[str, str]:
        """Let somebody sign in at the address a browser was sent to; return what goes back."""
        asked = {name: found[0] for name, found in parse_qs(urlsplit(address).query).items()}
        assert asked["client_id"] == CLIENT
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked, dict(claims)
        return {"code": code, "state": asked["state"], "session_state": "ours", "iss": self.issuer}

    async def describe(self, _request: Request) -> JSONResponse:
        """Answer discovery."""
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
            }
        )

    async def keys(self, _request: Request) -> JSONResponse:
        """Answer the public key, behind what else there is."""
        self.asked_for_keys += 1
        return JSONResponse({"keys": [*self.beside, self.key.as_dict(private=False)]})

    async def redeem(self, request: Request) -> JSONResponse:
        """Answer a token for a code: once, to its client, with its verifier and address."""
        form = dict(parse_qsl((await request.body()).decode()))
        pair = f"{quote(CLIENT, '')}:{quote(SECRET, '')}".encode()
        if request.headers.get("authorization") != f"Basic {base64.b64encode(pair).decode()}":
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        asked, claims = self.codes.pop(form.get("code", ""), ({}, {}))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (challenge, form.get("redirect_uri")) != (
            asked.get("code_challenge"),
            asked.get("redirect_uri"),
        ):
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        told = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "subject-1",
            "iat": int(time.time()),
            "exp": int(time.time()) + 300,
            "nonce": asked["nonce"],
            **claims,
        }
        self.lie(told)
        token = (self.sign or self.signed)(told)
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": token})

    def signed(self, claims: Claims, key: ECKey | None = None) -> str:
        """Return claims as a token, signed by this or another key."""
        key = key or self.key
        named = {} if key.kid is None else {"kid": key.kid}
        algorithm = _ALGORITHM[key.curve_name]
        return jwt.encode({"alg": algorithm, **named}, claims, key, algorithms=[algorithm])

    def renew_key(self) -> None:
        """Sign with a new key from now on."""
        self.key = _new_key()


_ALGORITHM = {"P-256": "ES256", "P-384": "ES384"}


def _new_key() -> ECKey:
    return new_key(kid=secrets.token_hex(4))


def new_key(curve: str = "P-256", *, kid: str | None) -> ECKey:
    """Return a key pair; `kid` None: one without a name."""
    return ECKey.generate_key(curve, {} if kid is None else {"kid": kid})


@asynccontextmanager
async def running() -> AsyncIterator[Provider]:
    """Serve a provider while the block lasts."""
    port = servers.free_port()
    provider = Provider(issuer=f"http://127.0.0.1:{port}/realm")
    app = Starlette(
        routes=[
            Route("/realm/.well-known/openid-configuration", provider.describe),
            Route("/realm/keys", provider.keys),
            Route("/realm/token", provider.redeem, methods=["POST"]),
        ]
    )
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server._serve(), name="provider")
    await asyncio.to_thread(
        servers.until, lambda: server.started, deadline_s=20, what="the provider to serve"
    )
    try:
        yield provider
    finally:
        server.should_exit = True
        await serving
