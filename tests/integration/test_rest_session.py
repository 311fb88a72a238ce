"""REST: people sign in and out; pages of other sites do nothing."""

import asyncio

import argon2
import pytest

from api import identity, permissions
from tests import beacons
from tests.beacons import NEAR, House


async def test_a_person_signs_in_and_out(house: House) -> None:
    name = await beacons.person(house.database, "li", scope=NEAR, role="enterprise")
    async with house.anonymous(headers={"x-fengsui": "1"}) as http:
        answer = await http.post("session", json={"name": name, "password": beacons.PASSWORD})
        assert answer.status_code == 200
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        me = (await http.get("session")).json()
        assert (me["name"], me["role"], me["scope"]) == ("li", "enterprise", NEAR)
        assert (me["duties"], me["acts_for"]) == (["feedback"], "site")
        assert (await http.delete("session")).status_code == 204
        assert (await http.get("session")).status_code == 401


@pytest.mark.parametrize(
    ("scope", "role", "duties", "acts_for"),
    [
        ("510600", "duty", permissions.DUTIES, "city"),
        ("all", "administrator", tuple(set(permissions.DUTIES) - {"receipt"}), "province"),
        ("510600", "operator", (), "city"),
        ("all", "duty", (), "province"),
    ],
)
async def test_who_am_i_says_what_i_may_do_to_warnings_and_for_which_level(
    house: House, scope: str, role: str, duties: tuple[str, ...], acts_for: str
) -> None:
    async with await house.http(scope, role) as http:
        me = (await http.get("session")).json()
    assert (set(me["duties"]), me["acts_for"]) == (set(duties), acts_for)


async def test_a_signed_out_cookie_opens_nothing(house: House) -> None:
    name = await beacons.person(house.database, "zhao")
    async with house.anonymous(headers={"x-fengsui": "1"}) as http:
        await http.post("session", json={"name": name, "password": beacons.PASSWORD})
        kept = dict(http.cookies)
        await http.delete("session")
        async with house.anonymous(cookies=kept) as other:
            assert (await other.get("alarms")).status_code == 401


async def test_a_change_by_cookie_without_our_header_is_refused(house: House) -> None:
    alarm = await house.raise_alarm()
    name = await beacons.person(house.database, "sun")
    async with house.anonymous() as http:
        await http.post(
            "session",
            json={"name": name, "password": beacons.PASSWORD},
            headers={"x-fengsui": "1"},
        )
        path = f"alarms/{alarm}/acknowledge"
        assert (await http.post(path)).status_code == 403
        foreign = {"origin": "https://evil.example"}
        assert (await http.post(path, headers=foreign)).status_code == 403
        own = {"origin": house.serve.url}
        assert (await http.post(path, headers=own)).status_code == 200


def test_an_unknown_name_is_verified_at_the_cost_of_a_known_one() -> None:
    known = identity.hash_password(beacons.PASSWORD)
    assert argon2.extract_parameters(identity._NOBODY) == argon2.extract_parameters(known)


async def test_wrong_passwords_are_slowed_down_and_look_like_unknown_names(house: House) -> None:
    name = await beacons.person(house.database, "qian")
    async with house.anonymous(headers={"x-fengsui": "1"}) as http:
        known = await http.post("session", json={"name": name, "password": "wrong"})
        unknown = await http.post("session", json={"name": "nobody", "password": "wrong"})
        assert known.status_code == unknown.status_code == 401
        assert known.json() == unknown.json()
        for _ in range(5):
            last = await http.post("session", json={"name": name, "password": "wrong"})
        assert last.status_code == 429
        assert int(last.headers["retry-after"]) >= 1
    # Let the address in again for the other tests of this file.
    async with house.anonymous(headers={"x-fengsui": "1"}) as http:
        async with asyncio.timeout(20):
            while True:
                right = await http.post(
                    "session", json={"name": name, "password": beacons.PASSWORD}
                )
                if right.status_code == 200:
                    break
                await asyncio.sleep(float(right.headers["retry-after"]))
