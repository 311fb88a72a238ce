"""A provider's keys: changed under any name or none, and never stopped by a bad one beside them."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from api import oidc
from tests import providers, signing_in
from tests.databases import Databases
from tests.signing_in import Desk

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(databases: Databases) -> AsyncIterator[Desk]:
    """One app and one provider for this file's tests."""
    async with signing_in.with_provider(databases) as made:
        yield made


@pytest.fixture
def desk(whole: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The same, with a provider that tells the truth, asked for its keys as often as it likes."""
    whole.provider.sign, whole.provider.beside = None, []
    monkeypatch.setattr(oidc, "_KEYS_ANEW_S", 0.0)
    return whole


async def test_a_key_the_provider_changed_is_found(desk: Desk) -> None:
    assert (await desk.sign_in(preferred_username="li")).status == 303
    desk.provider.renew_key()
    assert (await desk.sign_in(preferred_username="li")).status == 303


@pytest.mark.parametrize("kid", [None, "the-only-one"])
@pytest.mark.parametrize("curve", ["P-256", "P-384"])
async def test_a_key_changed_without_a_new_name_is_found(
    desk: Desk, kid: str | None, curve: str
) -> None:
    desk.provider.key = providers.new_key(kid=kid)
    assert (await desk.sign_in(preferred_username="li")).status == 303
    desk.provider.key = providers.new_key(curve, kid=kid)
    assert (await desk.sign_in(preferred_username="li")).status == 303


async def test_forged_signatures_do_not_make_us_ask_for_the_keys_each_time(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "_KEYS_ANEW_S", 10.0)
    async with signing_in.afresh(desk) as other:
        assert (await other.sign_in(preferred_username="li")).status == 303
        asked = desk.provider.asked_for_keys
        forged = providers.new_key(kid=str(desk.provider.key.kid))
        desk.provider.sign = lambda claims: desk.provider.signed(claims, forged)
        for _ in range(3):
            assert (await other.sign_in(preferred_username="li")).status == 401
    assert desk.provider.asked_for_keys == asked


_GOOD = providers.new_key(kid="spare").as_dict(private=False)


@pytest.mark.parametrize(
    "beside",
    [
        {"kty": "FUTURE", "kid": "f"},
        {"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA"},
        {"kty": "OKP", "crv": "X9", "x": "AA"},
        {"kty": "RSA", "n": "", "e": ""},
        {"kty": ["EC"]},
        {**_GOOD, "x": "AAAA"},
        {**_GOOD, "kid": 5},
        {"kid": "no kind"},
        "no object",
        None,
    ],
)
async def test_one_key_that_cannot_be_used_does_not_stop_the_others(
    desk: Desk, beside: object
) -> None:
    desk.provider.renew_key()
    desk.provider.beside = [beside]
    assert (await desk.sign_in(preferred_username="li")).status == 303


@pytest.mark.parametrize("beside", [{**_GOOD, "use": "enc"}, {"kty": "oct", "k": "c2VjcmV0"}])
async def test_a_key_for_another_use_leaves_the_nameless_one_alone_in_the_set(
    desk: Desk, beside: object
) -> None:
    desk.provider.key = providers.new_key(kid=None)
    desk.provider.beside = [beside]
    assert (await desk.sign_in(preferred_username="li")).status == 303


async def test_a_set_without_any_usable_key_is_a_provider_away(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk.provider, "key", providers.new_key(kid="x"))
    monkeypatch.setattr(desk.provider.key, "as_dict", lambda **_: {"kty": "FUTURE"})
    async with signing_in.afresh(desk) as other:
        assert (await other.sign_in(preferred_username="li")).status == 503
