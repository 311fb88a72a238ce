"""Sign-in through an organisation's provider: who is let in, and what is refused with a page."""

import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from alarms.errors import SettingError
from alarms.storage import accounts, connection
from api import app as apps
from tests import asgi, beacons, providers, servers, signing_in
from tests.databases import Databases
from tests.providers import CLIENT, SECRET, Claims
from tests.signing_in import BACK, BEGIN, PUBLIC, Desk, client_of, session_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def written(desk: Desk, most: int = 1) -> list[tuple[object, ...]]:
    """Return the newest rows of the audit trail, newest first."""
    async with await connection.connect(desk.database) as conn:
        rows = await conn.execute(
            "select actor, action, object, after from audit_trail order by id desc limit %s",
            (most,),
        )
        return await rows.fetchall()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(databases: Databases) -> AsyncIterator[Desk]:
    """One app and one provider for this file's tests."""
    async with signing_in.with_provider(databases) as made:
        yield made


@pytest.fixture
def desk(whole: Desk) -> Desk:
    """The same, with a provider that tells the truth."""
    whole.provider.lie, whole.provider.sign = providers._keep, None
    return whole


async def test_an_account_the_provider_names_gets_the_session_a_password_would(desk: Desk) -> None:
    answer = await desk.sign_in(preferred_username="li", sub="7f3a")
    assert answer.status == 303, answer.text
    assert dict(answer.headers)["location"] == PUBLIC
    said = next(text.lower() for _, text in answer.headers if text.startswith("fengsui_session="))
    assert "httponly" in said
    assert "samesite=strict" in said
    me = await asgi.request(
        desk.app, "GET", "/api/v1/session",
        headers={"cookie": f"fengsui_session={session_of(answer)}"},
    )  # fmt: skip
    assert (me.json()["name"], me.json()["role"]) == ("li", "operator")
    after = {"by": "oidc", "issuer": desk.provider.issuer, "subject": "7f3a"}
    assert await written(desk) == [("li", "sign_in", "person:li", after)]


async def test_the_browser_is_sent_with_pkce_state_and_nonce_and_each_time_with_others(
    desk: Desk,
) -> None:
    seen = [parse_qs(urlsplit((await desk.begin())[0]).query) for _ in range(2)]
    for query in seen:
        assert query["code_challenge_method"] == ["S256"]
        assert query["redirect_uri"] == [PUBLIC.rstrip("/") + BACK]
    for name in ("state", "nonce", "code_challenge"):
        assert seen[0][name] != seen[1][name]
    assert len({seen[0][name][0] for name in ("state", "nonce", "code_challenge")}) == 3


async def test_rights_never_come_from_the_provider(desk: Desk) -> None:
    answer = await desk.sign_in(preferred_username="nobody-here", role="administrator")
    assert (answer.status, session_of(answer)) == (403, None)
    assert "没有这个账号" in answer.text
    assert "no such account" in answer.text
    after = {"by": "oidc", "issuer": desk.provider.issuer, "subject": "subject-1"}
    assert await written(desk) == [
        (
            *("address:127.0.0.1", "sign_in.refused", "person:nobody-here"),
            after | {"why": "unknown_account"},
        )
    ]


async def test_a_disabled_account_stays_shut(desk: Desk) -> None:
    name = await beacons.person(desk.database, "gone")
    async with await connection.connect(desk.database) as conn:
        await accounts.disable_person(conn, name)
    answer = await desk.sign_in(preferred_username=name)
    assert (answer.status, session_of(answer)) == (403, None)
    async with await connection.connect(desk.database) as conn:
        rows = await conn.execute("select from person_session where person = %s", (name,))
        assert rows.rowcount == 0, "not even a session that opens nothing is kept"
    assert "disabled_account" in str(await written(desk))


async def test_an_account_whose_scope_names_nothing_reads_so(desk: Desk) -> None:
    name = await beacons.person(desk.database, "lost")
    async with await connection.connect(desk.database) as conn:
        await conn.execute("update person set scope = '999999' where name = %s", (name,))
    answer = await desk.sign_in(preferred_username=name)
    assert (answer.status, session_of(answer)) == (403, None)
    assert "权限范围在本系统中没有对应的区域或企业" in answer.text
    assert "its scope names no region or enterprise" in answer.text
    assert "no such account" not in answer.text
    async with await connection.connect(desk.database) as conn:
        rows = await conn.execute("select from person_session where person = %s", (name,))
        assert rows.rowcount == 0
    assert "scope_names_nothing" in str(await written(desk))


async def test_what_proves_nobody_is_written_down_and_cannot_fill_the_trail(desk: Desk) -> None:
    async with signing_in.afresh(desk) as other:
        desk.provider.lie = LIES["another issuer"]
        await other.sign_in(preferred_username="li")
        address, cookie = await other.begin()
        state = desk.provider.approve(address)["state"]
        await other.back(cookie, {"error": "access\0denied", "state": state})
        await other.back(None, {"code": "x", "state": "y"})
        found = await written(desk, 3)
        for _ in range(5):
            assert (await other.back(None, {"code": "x", "state": "y"})).status == 401
        after_five = await written(desk, 6)
        assert after_five[2:5] == found, "of these five only the first two are written"
    whys = [after["why"] for _, _, _, after in found if isinstance(after, dict)]
    assert whys == ["not_begun_here", "not_completed", "not_proven"]
    assert {row[:3] for row in found} == {("address:127.0.0.1", "sign_in.refused", "session")}


async def test_a_name_is_text_on_the_page_and_never_markup(desk: Desk) -> None:
    answer = await desk.sign_in(preferred_username="<script>alert(1)</script>")
    assert answer.status == 403
    assert "<script>" not in answer.text


@pytest.mark.parametrize("stolen", ["no cookie", "another browser", "no state"])
async def test_an_answer_this_browser_did_not_ask_for_opens_nothing(
    desk: Desk, stolen: str
) -> None:
    address, cookie = await desk.begin()
    back = desk.provider.approve(address, preferred_username="li")
    sent: str | None = cookie
    match stolen:
        case "no cookie":
            sent = None
        case "another browser":
            _, sent = await desk.begin()
        case "no state":
            del back["state"]
    answer = await desk.back(sent, back)
    assert (answer.status, session_of(answer)) == (401, None)
    assert back["code"] in desk.provider.codes, "the code was not even redeemed"


def _set(**wrong: object) -> Callable[[Claims], None]:
    return lambda claims: claims.update(wrong)


LIES: dict[str, Callable[[Claims], None]] = {
    "nonce of another attempt": _set(nonce="another"),
    "no nonce": lambda claims: claims.pop("nonce"),
    "another audience": _set(aud="another client"),
    "audiences, ours not among them": _set(aud=["a", "b"]),
    "for another party": _set(aud=[CLIENT, "a"], azp="a"),
    "for many, the party unsaid": _set(aud=[CLIENT, "a"]),
    "another issuer": _set(iss="http://127.0.0.1:1/realm"),
    "expired": _set(exp=int(time.time()) - 120),
    "never expires": lambda claims: claims.pop("exp"),
    "of the future": _set(iat=int(time.time()) + 3_600),
    "no subject": lambda claims: claims.pop("sub"),
    "no account": lambda claims: claims.pop("preferred_username"),
    "an account that is no text": _set(preferred_username=["li"]),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_token_that_does_not_prove_it_lets_nobody_in(desk: Desk, lie: str) -> None:
    desk.provider.lie = LIES[lie]
    answer = await desk.sign_in(preferred_username="li")
    assert (answer.status, session_of(answer)) == (401, None)
    assert "could not be verified" in answer.text


def _unsigned(claims: Claims) -> str:
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    packed = [base64.urlsafe_b64encode(json.dumps(each).encode()).decode() for each in parts]
    return ".".join(each.rstrip("=") for each in packed) + "."


@pytest.mark.parametrize("forgery", ["alg none", "another's key", "our secret", "no token"])
async def test_a_forged_signature_lets_nobody_in(desk: Desk, forgery: str) -> None:
    def by_another(claims: Claims) -> str:
        return desk.provider.signed(
            claims, ECKey.generate_key("P-256", {"kid": str(desk.provider.key.kid)})
        )

    def by_secret(claims: Claims) -> str:
        return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET * 3))

    desk.provider.sign = {
        "alg none": _unsigned,
        "another's key": by_another,
        "our secret": by_secret,
        "no token": lambda _claims: "x",
    }[forgery]
    answer = await desk.sign_in(preferred_username="li")
    assert (answer.status, session_of(answer)) == (401, None)


async def test_a_code_serves_once(desk: Desk) -> None:
    address, cookie = await desk.begin()
    back = desk.provider.approve(address, preferred_username="li")
    assert (await desk.back(cookie, back)).status == 303
    answer = await desk.back(cookie, back)
    assert (answer.status, session_of(answer)) == (401, None)


async def test_a_person_who_says_no_at_the_provider_reads_so(desk: Desk) -> None:
    address, cookie = await desk.begin()
    state = desk.provider.approve(address)["state"]
    answer = await desk.back(cookie, {"error": "access_denied", "state": state})
    assert (answer.status, session_of(answer)) == (401, None)
    assert "access_denied" in answer.text


async def test_without_its_provider_people_sign_in_with_passwords(desk: Desk) -> None:
    away = apps.create(desk.database, provider=client_of(f"http://127.0.0.1:{servers.free_port()}"))
    async with asgi.running(away):
        page = await asgi.request(away, "GET", BEGIN, headers={})
        assert page.status == 503
        assert "用用户名和密码登录" in page.text
        words = json.dumps({"name": "li", "password": beacons.PASSWORD}).encode()
        answer = await asgi.request(
            away, "POST", "/api/v1/session", headers={"x-fengsui": "1"}, body=words
        )
        assert answer.status == 200


async def test_a_provider_of_another_name_is_not_believed(desk: Desk) -> None:
    other = apps.create(desk.database, provider=client_of(f"{desk.provider.issuer}/"))
    async with asgi.running(other):
        assert (await asgi.request(other, "GET", BEGIN, headers={})).status == 503


async def test_the_console_is_told_which_ways_there_are(desk: Desk) -> None:
    answer = await asgi.request(desk.app, "GET", "/api/v1/session/ways", headers={})
    assert answer.json() == {"password": True, "oidc": True}


@pytest.mark.parametrize("url", ["http://login.example", "ftp://127.0.0.1", "https://"])
async def test_a_provider_in_the_clear_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(SettingError, match="FENGSUI_OIDC_ISSUER"):
        client_of(url)
