"""The served API against its own document: generated calls by who may much, little, nothing."""

import asyncio
from collections.abc import Iterator

import pytest
import requests

from tests.beacons import NEAR, House
from tests.generated_calls import DOCUMENT, OPERATIONS, call, modes

CALLERS = {"administrator": "all", "operator": "510603", "nobody": None}
METHODS = ("get", "put", "post", "delete", "patch", "options", "trace")


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """Connections that are kept open between calls."""
    with requests.Session() as made:
        yield made


@pytest.fixture(scope="module")
def things(house: House) -> dict[str, str]:
    """Path parameters that lead somewhere."""
    alarm = asyncio.run(house.raise_alarm(NEAR))
    asyncio.run(house.raise_alarm(NEAR, "T2"))
    headers = _headers(house, "administrator")
    address = f"{house.serve.url}/api/v1"
    draft = {"level": "yellow", "enterprise": NEAR, "source": f"{NEAR}-S1", "cautions": "当心"}
    warning = requests.post(f"{address}/warnings", json=draft, headers=headers, timeout=20).json()
    hook = {"name": "hook", "url": "https://platform.invalid/hook"}
    webhook = requests.post(f"{address}/webhooks", json=hook, headers=headers, timeout=20).json()
    return {
        "alarm_id": alarm,
        "warning_id": warning["id"],
        "point_id": f"{NEAR}:T1",
        "gateway": f"gw-{NEAR}",
        "gateway_id": f"gw-{NEAR}",
        "webhook": str(webhook["id"]),
        "region": "510603",
    }


def _headers(house: House, caller: str) -> dict[str, str]:
    scope = CALLERS[caller]
    if scope is None:
        return {}
    return {"authorization": f"Bearer {asyncio.run(house.token(scope, caller))}"}


@pytest.mark.parametrize("label", OPERATIONS)
@pytest.mark.parametrize("caller", CALLERS)
def test_every_answer_is_one_the_document_foresees(
    house: House, session: requests.Session, things: dict[str, str], caller: str, label: str
) -> None:
    for mode in modes(label):
        call(
            label,
            mode,
            url=house.serve.url,
            session=session,
            headers=_headers(house, caller),
            things=things,
        )


@pytest.mark.parametrize("path", DOCUMENT["paths"])
def test_a_method_the_document_does_not_know_is_refused_by_those_it_knows(
    house: House, session: requests.Session, path: str
) -> None:
    declared = {method.upper() for method in DOCUMENT["paths"][path]}
    if "GET" in declared:
        declared |= {"HEAD"}  # answered as GET is, and not described again
    headers = _headers(house, "administrator")
    url = house.serve.url + path.replace("{", "").replace("}", "")
    for method in METHODS:
        if method.upper() in declared:
            continue
        answer = session.request(method, url, headers=headers, timeout=20)
        if (method, answer.status_code) == ("post", 404):
            continue  # no such action: the address is one of POST …/{action} as well
        assert answer.status_code == 405, (method, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        allowed = {word.strip() for word in answer.headers["allow"].split(",")}
        assert declared <= allowed <= declared | {"POST"}, method
