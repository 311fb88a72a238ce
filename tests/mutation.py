"""Spoil golden messages: the mutations a decoder is fuzzed with, drawn from one seeded source."""

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any, Final

from ingest.decoders import hj212

_TOKENS: Final = (
    *(b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"-1", b"0", b"9" * 30, b"1.5", b'""'),
    *(b"{", b"}", b"[", b"]", b'"', b",", b":", b"=", b" ", b"\\", b"\n", b";", b"-", b"&&", b"##"),
    *(b"\x00", b"\xff", b"\xed\xa0\x80", b"\\ud800", "温".encode(), b'{"ts":1,"values":{"A":1}}'),
    *(b'"t"', b'"q"', b'"n"', b'"bn"', b'"values"', b'"timestamp"', b"[" * 300, b'{"a":' * 300),
)


_KEYS: Final = (
    *("ts", "t", "timestamp", "v", "vb", "vs", "value", "values", "q", "n", "bn", "bt", "bv", "bs"),
    *("bu", "bver", "s", "id", "tag", "tags", "errors", "error", "name", "node", "ai1", "ai_st1"),
    *("\0", "\ud800", ""),
)
_ODD: Final[tuple[Any, ...]] = (
    *(
        None,
        True,
        -1,
        0,
        1.5,
        10**40,
        1e308,
        float("nan"),
        float("inf"),
        "",
        "0",
        "x",
        "\0",
        "\ud800",
    ),
    *([], {}, [1], {"v": 1}, {"a": {}}, 1717000000, 1717000000000, "2026-01-01T00:00:00Z"),
)


def spoilt(goldens: Sequence[bytes], seed: int) -> Iterator[bytes]:
    """Yield messages without end: random bytes, and goldens changed here and there.

    Half of what is JSON is changed as a tree, so that it still parses; most packets of HJ 212 get
    a sound length and check again, so that what lies inside is reached.
    """
    chance = random.Random(seed)  # noqa: S311  # repeatable on purpose
    trees = {payload: json.loads(payload) for payload in goldens if payload[:1] in b"[{"}
    while True:
        if chance.random() < 0.1:
            yield chance.randbytes(chance.randrange(200))
            continue
        payload = chance.choice(goldens)
        if payload in trees and chance.random() < 0.5:
            tree = json.loads(payload)
            for _ in range(1 + chance.randrange(3)):
                tree = _bent(tree, chance)
            yield json.dumps(tree).encode()
            continue
        packet = payload.startswith(b"##") and chance.random() < 0.8
        payload = payload[6:-6] if packet else payload
        for _ in range(1 + chance.randrange(4)):
            payload = _once(payload, goldens, chance)[:9_000]
        yield b"##%04d%b%04X" % (len(payload), payload, hj212.crc(payload)) if packet else payload


def _bent(tree: Any, chance: random.Random) -> Any:
    """Return a tree with one node replaced, dropped, doubled or renamed."""
    if not isinstance(tree, list | dict) or not tree or chance.random() < 0.2:
        return chance.choice(_ODD)
    if isinstance(tree, list):
        place = chance.randrange(len(tree))
        match chance.randrange(6):
            case 0:
                return tree[:place] + tree[place + 1 :]
            case 1:
                return tree + tree[place:]
            case _:
                return [*tree[:place], _bent(tree[place], chance), *tree[place + 1 :]]
    key = chance.choice(list(tree))
    match chance.randrange(6):
        case 0:
            return {name: value for name, value in tree.items() if name != key}
        case 1:
            return {chance.choice(_KEYS) if name == key else name: tree[name] for name in tree}
        case 2:
            return tree | {chance.choice(_KEYS): chance.choice(_ODD)}
        case _:
            return tree | {key: _bent(tree[key], chance)}


def _once(payload: bytes, goldens: Sequence[bytes], chance: random.Random) -> bytes:
    start = chance.randrange(len(payload) + 1)
    end = min(len(payload), start + chance.choice((1, 1, 2, 4, 8, 20)))
    match chance.randrange(7):
        case 0:
            return payload[:start]
        case 1:
            return payload[:start] + payload[end:]
        case 2:
            return payload[:start] + chance.choice(_TOKENS) + payload[start:]
        case 3:
            return payload[:start] + chance.choice(_TOKENS) + payload[end:]
        case 4:
            return payload[:start] + bytes([chance.randrange(256)]) + payload[start + 1 :]
        case 5:
            other = chance.choice(goldens)
            return payload[:start] + other[chance.randrange(len(other) + 1) :]
        case _:
            return payload[:end] + payload[start:]
