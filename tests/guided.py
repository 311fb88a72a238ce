"""The guided fuzz: `python -m tests.guided DIALECT [libFuzzer's options]`, led by coverage.

Wants `pip install atheris`. DIALECT is one of the decoders' names, `shape` for a message whose
dialect is seen by its shape, or `sparkplug`. `-runs=1000000` ends it after so many inputs.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["ingest"]):
    from ingest.decoders import choosing, sparkplug
    from ingest.decoders.decoded import Decoded

from tests.captures import CAPTURED
from tests.dialects import GOLDEN, RECEIVED, sound
from tests.sparkplug import payload

_SPARKPLUG = (
    payload([{"name": "A", "double_value": 1.5, "timestamp": 1_763_712_000_000}]),
    payload([{"alias": 1, "int_value": 7}, {"name": "B", "datatype": 12, "string_value": "x"}]),
    payload([{"name": "bdSeq", "datatype": 8, "long_value": 3}, {"name": "A", "is_null": True}]),
)


def main() -> None:
    """Let the fuzzer try one decoder until it fails or has had its runs."""
    _, dialect, *options = sys.argv
    seeds = (
        _SPARKPLUG
        if dialect == "sparkplug"
        else [each.payload for each in (*GOLDEN, *CAPTURED) if dialect in ("shape", each.dialect)]
    )
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds):
            (Path(corpus) / str(number)).write_bytes(seed)
        atheris.Setup([sys.argv[0], "-max_len=4096", *options, corpus], _target(dialect))
        atheris.Fuzz()


def _target(dialect: str) -> Callable[[bytes], None]:
    known = {"A", "B", "skid/B"}
    births = (sparkplug.Born("A", 1, 10), sparkplug.Born("B", 2, 1), sparkplug.Born("S", 3, 12))
    table = sparkplug.Table.of(births, device="skid", known=known)

    def try_sparkplug(sent: bytes) -> None:
        parsed = sparkplug.parse(sent)
        if isinstance(parsed, Decoded):
            sound(parsed)
            return
        sparkplug.bd_seq(parsed)
        sparkplug.Table.of(sparkplug.births(parsed), device="skid", known=known)
        sound(sparkplug.decode(parsed, RECEIVED, table)[0])

    def try_text(sent: bytes) -> None:
        sound(choosing.decode(sent, RECEIVED, None if dialect == "shape" else dialect))

    return try_sparkplug if dialect == "sparkplug" else try_text


if __name__ == "__main__":
    main()
