"""Sparkplug B payloads, byte for byte as another encoder writes them, become the readings named.

The bytes in golden/sparkplug.json were written by pysparkplug 0.6.1 on the official schema; those
in sparkplug_tahu.json by Eclipse Tahu's JavaScript client, sparkplug-client 3.2.4, which published
them to a Mosquitto. The readings were written by hand.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.edge_plant import Line, refusals, rows

GOLDEN = Path(__file__).parent / "golden"


def vectors(name: str) -> list[dict[str, Any]]:
    return json.loads((GOLDEN / name).read_text())  # type: ignore[no-any-return]  # a golden file


@pytest.mark.parametrize("name", ["sparkplug.json", "sparkplug_tahu.json"])
def test_a_session_of_another_encoder_is_read_as_it_says(name: str) -> None:
    line = Line()
    for vector in vectors(name):
        _, _, verb, _, *device = vector["topic"].split("/")
        decoded = line.hear(verb, bytes.fromhex(vector["payload"]), "".join(device))
        assert rows(decoded) == vector["readings"], vector["about"]
        assert [list(one) for one in refusals(decoded)] == vector["refused"], vector["about"]
    assert line.states == ["online", "offline"]
    assert not line.asked(2**62)
