"""The registry file as a tree that remembers its lines: YAML, and JSON, without their traps."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, Final

import yaml

from alarms.errors import Fault

MAX_BYTES: Final = 128 * 2**20
MAX_DEPTH: Final = 16
_PAIR: Final = re.compile(r"(?<!\\)\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)
"""A sign beyond U+FFFF as JSON escapes it; YAML knows only the eight-digit escape."""


_NOT_QUICK: Final = re.compile(
    r"\\u[dD][89a-fA-F]|" + yaml.reader.Reader.NON_PRINTABLE.pattern  # surrogates, control signs
)


@dataclass(frozen=True, slots=True)
class Plain:
    """An unquoted word that YAML reads as something other than text, with its spelling."""

    raw: str
    value: int | float | bool | str | None
    """A str only where YAML means a date or a time, which no key of the file wants."""


@dataclass(slots=True)
class Table:
    """A mapping: its entries, the line of each key, and its own line."""

    line: int
    entries: dict[str, "Node"] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)

    def line_of(self, key: str) -> int:
        """Return the line of a key, or of what lies below it as in `limits.h` and `windows.1`.

        What is said of an entry, `raise[0].tier`, stands at the list.
        """
        name, _, below = key.partition(".")
        name = name.partition("[")[0]
        inner = self.entries.get(name)
        if below and isinstance(inner, Table) and below in inner.lines:
            return inner.lines[below]
        if isinstance(inner, Items) and below.isdigit():
            return inner.lines[int(below)]
        return self.lines.get(name, self.line)


@dataclass(slots=True)
class Items:
    """A sequence: its items, their lines, and its own line."""

    line: int
    items: list["Node"] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


Node = Table | Items | Plain | str
_WORDS: Final = {word: Plain(json.dumps(word), word) for word in (None, True, False)}
_RAW: Final = frozenset({list, bool, type(None)})
"""What the JSON reader makes of lists and words; the rest comes from it as nodes."""
_BREAKS: Final = "\r\n\x85\u2028\u2029"
"""What YAML takes for the end of a line."""


class _Same(dict[str, int]):
    """The lines of a tree whose keys all stand in one."""

    def __init__(self, line: int) -> None:
        self.line = line

    def __missing__(self, key: str) -> int:
        return self.line


def read(document: bytes) -> tuple[Table | None, tuple[Fault, ...]]:
    """Read a registry document; None when it is no tree at all, then the faults say why.

    Aliases, tags, second documents and repeated keys are faults: the file must be the same tree
    in YAML and in JSON, and must not grow when it is read.
    """
    faults: list[Fault] = []
    if len(document) > MAX_BYTES:
        problem = (
            f"the file has {len(document):,} bytes and at most {MAX_BYTES:,} are read at once: "
            "split it by enterprise, what a file does not mention is left alone"
        )
        return None, (Fault(line=1, place="file", problem=problem),)
    try:
        text = document.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = document.count(b"\n", 0, error.start) + 1
        problem = "the file is not UTF-8 (GBK perhaps): save it as UTF-8"
        return None, (Fault(line=line, place="file", problem=problem),)
    builder = _Builder(faults)
    try:
        builder.build(_events(text))
    except _HopelessError as error:
        return None, (*faults, error.fault)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = ": ".join(part for part in (error.context, error.problem) if part)
        line = mark.line + 1 if mark is not None else 1
        problem = f"this is not YAML ({said}): check indentation, quotes and brackets here"
        return None, (*faults, Fault(line=line, place="file", problem=problem))
    except yaml.reader.ReaderError as error:
        line = text.encode()[: error.position].count(b"\n") + 1
        problem = "a control character stands here, which no YAML may have: remove it"
        return None, (Fault(line=line, place="file", problem=problem),)
    if not isinstance(builder.root, Table):
        problem = "a registry file is a mapping with the keys regions, enterprises, gateways"
        faults.append(Fault(line=builder.line, place="file", problem=problem))
        return None, tuple(faults)
    return builder.root, tuple(faults)


def quick(document: bytes) -> Table | None:
    """Read sound JSON four times as fast; None where `read` must look.

    The same tree as that of `read`, but that every line is 0 unless the file is one line, as
    programs write it: then each is 1.
    """
    if len(document) > MAX_BYTES or document.lstrip()[:1] != b"{":
        return None
    try:
        text = document.decode()
        if _NOT_QUICK.search(text):
            return None
        body = text.rstrip()
        lines = _Same(0 if any(sign in body for sign in _BREAKS) else 1)
        root = json.loads(
            text,
            object_pairs_hook=partial(_table, lines),
            parse_int=plain,
            parse_float=plain,
            parse_constant=plain,
        )
    except (ValueError, RecursionError):
        return None
    return root if isinstance(root, Table) else None


def first_key(document: bytes) -> str | None:
    """Return the first key of a document, which tells what file it is; None where it has none."""
    try:
        inside = False
        for event in _events(document.decode("utf-8-sig")):
            if inside:
                return event.value if isinstance(event, yaml.ScalarEvent) else None
            inside = isinstance(event, yaml.MappingStartEvent)
    except (UnicodeDecodeError, yaml.YAMLError):
        pass
    return None


def _events(text: str) -> Iterator[yaml.Event]:
    if text.lstrip()[:1] == "{":
        text = _PAIR.sub(_one_sign, text)
    events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.CSafeLoader)
    return events


def _table(lines: "_Same", pairs: list[tuple[str, Any]]) -> Table:
    entries: dict[str, Any] = dict(pairs)
    if len(entries) != len(pairs):
        raise ValueError("a key stands here twice")
    for key, value in pairs:
        if type(value) in _RAW:
            entries[key] = _node(value, lines.line)
    return Table(lines.line, entries, lines)


def _node(value: Any, line: int) -> Node:  # noqa: ANN401  # lists and words as JSON has them
    if isinstance(value, list):
        items = [_node(each, line) if type(each) in _RAW else each for each in value]
        return Items(line, items, [line] * len(items))
    return _WORDS[value]


@lru_cache(maxsize=65536)
def plain(raw: str) -> Plain | str:
    """Resolve an unquoted word as YAML 1.1's safe schema does, and JSON's 1e5 as a number."""
    match _kind_of(raw):
        case "null":
            return Plain(raw, None)
        case "bool":
            return Plain(raw, raw.lower() in {"true", "yes", "on"})
        case "int" | "float":
            number = _number(raw)
            return Plain(raw, number) if number is not None else Plain(raw, raw)
        case "timestamp":
            return Plain(raw, raw)
        case _:
            number = _number(raw) if raw[:1] in set("-0123456789") and "e" in raw.lower() else None
            return Plain(raw, number) if number is not None else raw


def _one_sign(pair: re.Match[str]) -> str:
    high, low = (int(half, 16) for half in pair.groups())
    return f"\\U{0x10000 + (high - 0xD800 << 10) + (low - 0xDC00):08X}"


def _kind_of(raw: str) -> str:
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers
    for tag, pattern in resolvers.get(raw[:1], ()):
        if pattern.match(raw):
            return str(tag).rpartition(":")[2]
    return "str"


def _number(raw: str) -> int | float | None:
    """Read a decimal number; octal, hexadecimal and base 60 spellings are none here."""
    body = raw.lower().lstrip("+-")
    sign = -1 if raw.startswith("-") else 1
    if body in {".inf", ".nan"}:
        return sign * float(body[1:])
    if ":" in raw or "_" in raw or body.startswith(("0x", "0b")):
        return None
    if body.isdigit():
        if body.startswith("0") and body != "0":
            return None
        number = float(raw)
        return int(raw) if math.isfinite(number) else number
    try:
        return float(raw)
    except ValueError:
        return None


class _HopelessError(Exception):
    """The document cannot be read on; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(str(fault))


class _Builder:
    """Builds the first document's tree from parse events, without recursion."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        self.root: Node | None = None
        self.line = 1
        self.open: list[tuple[Table | Items, str]] = []
        """Mappings and sequences begun and not ended, each with its place in the file."""
        self.keys: list[tuple[str, int] | None] = []
        """For each of them the key that waits for its value."""

    def build(self, events: Iterator[yaml.Event]) -> None:
        """Read events to the end of the document; `root` is the tree then."""
        documents = 0
        for event in events:
            mark = event.start_mark
            line = mark.line + 1 if mark is not None else 1
            match event:
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self.open.pop()
                    self.keys.pop()
                case yaml.DocumentStartEvent():
                    documents += 1
                    if documents > 1:
                        said = "a second document begins here: put everything into one"
                        raise self._hopeless(line, said)
                case yaml.NodeEvent():
                    self._place(self._node(event, line), line)
                    if len(self.open) > MAX_DEPTH:
                        said = f"lies more than {MAX_DEPTH} levels deep: no registry does"
                        raise self._hopeless(line, said)

    def _node(self, event: yaml.NodeEvent, line: int) -> Node:
        tag = getattr(event, "tag", None)
        if tag is not None and tag != "!":
            self._fault(line, f"{tag} is a YAML tag, and a registry file has none: remove it")
        match event:
            case yaml.MappingStartEvent():
                return Table(line)
            case yaml.SequenceStartEvent():
                return Items(line)
            case yaml.ScalarEvent():
                return plain(event.value) if event.implicit[0] else str(event.value)
            case _:
                anchor = event.anchor
                self._fault(line, f"*{anchor} repeats another part of the file: write it out here")
                return Plain("", None)

    def _place(self, node: Node, line: int) -> None:
        """Hang a node into its parent; in a mapping every other node is a key."""
        place = ""
        if not self.open:
            self.root, self.line = node, line
        else:
            parent, above = self.open[-1]
            pending = self.keys[-1]
            if isinstance(parent, Items):
                place = f"{above}[{len(parent.items)}]"
                parent.items.append(node)
                parent.lines.append(line)
            elif pending is None:
                self.keys[-1] = (self._key(node, line), line)
                return
            else:
                key, key_line = pending
                self.keys[-1] = None
                place = f"{above}.{key}" if above else key
                if key in parent.entries:
                    first = parent.lines[key]
                    said = f"stands here and in line {first} already: keep one of them"
                    self.faults.append(Fault(line=key_line, place=place, problem=said))
                else:
                    parent.entries[key] = node
                    parent.lines[key] = key_line
        if isinstance(node, Table | Items):
            self.open.append((node, place))
            self.keys.append(None)

    def _key(self, node: Node, line: int) -> str:
        match node:
            case Plain(raw=raw):
                return raw
            case str():
                return node
            case _:
                raise self._hopeless(line, "a mapping or list stands where a key is wanted")

    def _hopeless(self, line: int, problem: str) -> "_HopelessError":
        place = self.open[-1][1] if self.open else ""
        return _HopelessError(Fault(line=line, place=place or "file", problem=problem))

    def _fault(self, line: int, problem: str) -> None:
        place = self.open[-1][1] if self.open else ""
        self.faults.append(Fault(line=line, place=place or "file", problem=problem))
