"""Sign-in through an organisation's own provider: OpenID Connect, authorization code with PKCE.

Every rule of the token is kept by joserfc, a small library with a type for each part; the wire is
ours through httpx. Authlib would bring a session and a framework binding we have of our own.
"""

import asyncio
import base64
import hashlib
import hmac
import logging
import time
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import httpx
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from joserfc import jwt
from joserfc.errors import (
    BadSignatureError,
    InvalidKeyCurveError,
    InvalidKeyIdError,
    InvalidKeyTypeError,
    JoseError,
)
from joserfc.jwk import JWKRegistry, Key, KeySet

from alarms.errors import SettingError
from api import clock
from api.outbound import is_near

CALLBACK: Final = "/api/v1/session/oidc/callback"
_ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "Ed25519", "EdDSA"),
)
"""By a key pair only: `none` proves nothing, HS… could take a public key for a secret."""
_KEY_TYPES: Final = ("RSA", "EC", "OKP")
_CHANGED: Final = (
    *(InvalidKeyIdError, BadSignatureError),
    *(InvalidKeyTypeError, InvalidKeyCurveError),
)
"""What a token runs into whose key was changed: a new `kid`, or none, or the old one reused."""
_ANSWER_S: Final = 10.0
_ANSWER_MOST: Final = 512 * 1024
_TOGETHER: Final = 4
"""How many questions to the provider are open at once: anybody may begin a sign-in."""
_KEPT_S: Final = 3600.0
"""How long discovery and keys are kept; keys are asked for anew when they do not fit a token."""
_KEYS_ANEW_S: Final = 10.0
_LEEWAY_S: Final = 60
_LOG = logging.getLogger(__name__)


class ProviderAwayError(Exception):
    """The provider does not answer, or not as a provider does."""


class NotProvenError(Exception):
    """What came back does not prove who it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One attempt of one browser: what it keeps, and what is told to the provider, from a secret.

    The three are independent of one another for whoever lacks the secret (HMAC-SHA256).
    """

    secret: str

    def _of(self, use: str) -> str:
        digest = hmac.digest(self.secret.encode(), use.encode(), "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    @property
    def state(self) -> str:
        """Return what comes back with the code: it binds the answer to this browser."""
        return self._of("state")

    @property
    def nonce(self) -> str:
        """Return what comes back inside the token: it binds the token to this attempt."""
        return self._of("nonce")

    @property
    def verifier(self) -> str:
        """Return what the code is redeemed with (RFC 7636)."""
        return self._of("verifier")

    @property
    def challenge(self) -> str:
        """Return the verifier's digest, S256."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whom the provider names: the claim that is the account, and its own lasting subject."""

    account: str
    subject: str


@dataclass(slots=True, kw_only=True)
class Provider:
    """The provider of the settings; raises SettingError for addresses that go in the clear."""

    issuer: str
    client_id: str
    client_secret: str | None
    public_url: str
    claim: str
    _together: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(_TOGETHER), init=False
    )
    _document: tuple[float, dict[str, Any]] | None = field(default=None, init=False)
    _keys: tuple[float, KeySet] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        for name, url in (("OIDC_ISSUER", self.issuer), ("PUBLIC_URL", self.public_url)):
            if not _is_private_way(url):
                raise SettingError(
                    f"FENGSUI_{name} is {url!r}; it must begin with https:// and name a host "
                    "(http:// for this machine and private addresses only)"
                )
        self.public_url = self.public_url.rstrip("/")

    @property
    def redirect(self) -> str:
        """Return where the provider sends people back to; it must be registered there."""
        return self.public_url + CALLBACK

    async def address(self, flow: Flow) -> str:
        """Return where a browser goes to sign in; raise ProviderAwayError."""
        start = await self._endpoint("authorization_endpoint")
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect,
            "scope": "openid profile email",
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": flow.challenge,
            "code_challenge_method": "S256",
        }
        return f"{start}{'&' if '?' in start else '?'}{urlencode(query)}"

    async def redeem(self, code: str, flow: Flow) -> Person:
        """Return whom a code stands for; raise ProviderAwayError or NotProvenError."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect,
            "code_verifier": flow.verifier,
        }
        known = await self._discovered()
        methods = known.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        auth = None
        if self.client_secret is not None and "client_secret_basic" in methods:
            # RFC 6749 section 2.3.1: both are form-encoded before they are joined.
            auth = httpx.BasicAuth(quote(self.client_id, ""), quote(self.client_secret, ""))
        else:
            form["client_id"] = self.client_id
            if self.client_secret is not None:
                form["client_secret"] = self.client_secret
        endpoint = await self._endpoint("token_endpoint")
        answer = await self._ask(httpx.Request("POST", endpoint, data=form), auth)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise NotProvenError(f"no id_token came: {answer.get('error', 'no reason given')}")
        return self._person(await self._claims(token, flow))

    async def _claims(self, token: str, flow: Flow) -> dict[str, Any]:
        """Return a token's claims once signature, issuer, audience, times and nonce are proven."""
        rules = jwt.JWTClaimsRegistry(
            now=int(clock.now().timestamp()),
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.client_id},
            nonce={"essential": True, "value": flow.nonce},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )
        try:
            try:
                found = jwt.decode(token, await self._known_keys(), algorithms=_ALGORITHMS)
            except _CHANGED:
                keys = await self._known_keys(anew=True)
                found = jwt.decode(token, keys, algorithms=_ALGORITHMS)
            claims: dict[str, Any] = found.claims
            rules.validate(claims)
        except (JoseError, ValueError) as error:
            raise NotProvenError(f"the id_token is not valid: {error}") from error
        audience = claims["aud"]
        party = claims.get("azp")
        if (isinstance(audience, list) and len(audience) > 1 and party is None) or (
            party not in (None, self.client_id)
        ):
            raise NotProvenError("the id_token is for another party (azp)")
        return claims

    def _person(self, claims: dict[str, Any]) -> Person:
        account = claims.get(self.claim)
        if not isinstance(account, str) or not account or "\0" in account:
            raise NotProvenError(
                f"the id_token has no text `{self.claim}`; mend FENGSUI_OIDC_CLAIM, or let the "
                "provider put that claim in"
            )
        if self.claim == "email" and claims.get("email_verified") is not True:
            raise NotProvenError("the provider has not verified this e-mail address")
        return Person(account=account, subject=claims["sub"])

    async def _discovered(self) -> dict[str, Any]:
        """Return the provider's description (OpenID Connect Discovery 1.0), kept for an hour."""
        if self._document is not None and time.monotonic() < self._document[0]:
            return self._document[1]
        url = self.issuer.rstrip("/") + "/.well-known/openid-configuration"
        found = await self._ask(httpx.Request("GET", url))
        if found.get("issuer") != self.issuer:
            raise ProviderAwayError(
                f"{url} tells of the issuer {found.get('issuer')!r}; FENGSUI_OIDC_ISSUER must be "
                "written exactly so"
            )
        self._document = time.monotonic() + _KEPT_S, found
        return found

    async def _endpoint(self, name: str) -> str:
        address = (await self._discovered()).get(name)
        if not isinstance(address, str) or not _is_private_way(address):
            raise ProviderAwayError(f"the provider tells no usable {name}: {address!r}")
        return address

    async def _known_keys(self, *, anew: bool = False) -> KeySet:
        """Return the provider's keys; anew at most every ten seconds, whoever asks."""
        moment = time.monotonic()
        if self._keys is not None:
            age_s = moment - self._keys[0]
            if age_s < (_KEYS_ANEW_S if anew else _KEPT_S):
                return self._keys[1]
        found = await self._ask(httpx.Request("GET", await self._endpoint("jwks_uri")))
        told = found.get("keys")
        read = [_key(each) for each in told] if isinstance(told, list) else []
        keys = KeySet([each for each in read if each is not None])
        if not keys:
            raise ProviderAwayError("the provider tells no key that could prove a signature")
        self._keys = moment, keys
        return keys

    async def _ask(
        self, request: httpx.Request, auth: httpx.BasicAuth | None = None
    ) -> dict[str, Any]:
        """Return the JSON object a provider answers; raise ProviderAwayError. It is bounded."""
        request.headers["accept"] = "application/json"
        body = b""
        try:
            async with asyncio.timeout(_ANSWER_S), self._together, httpx.AsyncClient() as client:
                answer = await client.send(request, auth=auth, stream=True)
                async for part in answer.aiter_bytes():
                    body += part
                    if len(body) > _ANSWER_MOST:
                        raise ProviderAwayError(
                            f"{request.url.copy_with(query=None)} answers too much"
                        )
                await answer.aclose()
            found = msgspec.json.decode(body)
        except (httpx.HTTPError, TimeoutError, msgspec.DecodeError) as error:
            raise ProviderAwayError(
                f"{request.url.copy_with(query=None)}: {type(error).__name__} {error}"
            ) from error
        # Refused codes come as 400 with a JSON object that says why.
        if not isinstance(found, dict) or answer.status_code >= 500:
            raise ProviderAwayError(f"{request.url.copy_with(query=None)}: {answer.status_code}")
        return found


def _key(told: object) -> Key | None:
    """Return a key that may prove a signature, or None: one of another use, or that is no key.

    One bad entry of a provider's set says nothing against the others (RFC 7517 section 5).
    """
    if not isinstance(told, dict) or told.get("kty") not in _KEY_TYPES:
        return None
    if told.get("use", "sig") != "sig":
        return None
    try:
        return JWKRegistry.import_key(told)
    except (JoseError, KeyError, TypeError, ValueError, UnsupportedAlgorithm) as error:
        _LOG.warning("a key of the provider (kid %r) is passed over: %s", told.get("kid"), error)
        return None


def _is_private_way(url: str) -> bool:
    """Tell whether nobody on the way reads along: https, or a host of this machine or its net."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_near(host)))
