"""Sparkplug B payloads, byte for byte as another encoder writes them, become the readings named.

The bytes in golden/sparkplug.json were written by pysparkplug 0.6.1 on the official schema, the
readings by hand.
"""

import json
from pathlib import Path
from typing import Any

from tests.unit.edge_plant import Line, refusals, rows

GOLDEN: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "golden" / "sparkplug.json").read_text()
)


def test_a_session_of_another_encoder_is_read_as_it_says() -> None:
    line = Line()
    for vector in GOLDEN:
        _, _, verb, _, *device = vector["topic"].split("/")
        decoded = line.hear(verb, bytes.fromhex(vector["payload"]), "".join(device))
        assert rows(decoded) == vector["readings"], vector["about"]
        assert [list(one) for one in refusals(decoded)] == vector["refused"], vector["about"]
    assert line.states == ["online", "offline"]
    assert not line.asked(2**62)
