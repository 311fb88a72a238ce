"""The registry file as a tree that remembers its lines: YAML, and JSON, without their traps."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import yaml

from alarms.errors import Fault

MAX_BYTES: Final = 128 * 2**20
MAX_DEPTH: Final = 16


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


@dataclass(slots=True)
class Items:
    """A sequence: its items, their lines, and its own line."""

    line: int
    items: list["Node"] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


Node = Table | Items | Plain | str


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
    try:
        root, line = _document(yaml.parse(text, Loader=yaml.CSafeLoader), faults)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = ": ".join(part for part in (error.context, error.problem) if part)
        line = mark.line + 1 if mark is not None else 1
        problem = f"this is not YAML ({said}): check indentation, quotes and brackets here"
        return None, (*faults, Fault(line=line, place="file", problem=problem))
    except yaml.reader.ReaderError as error:
        position = error.position if isinstance(error.position, int) else 0
        line = text.encode()[:position].count(b"\n") + 1
        problem = f"the character U+{ord(str(error.character)[:1] or ' '):04X} is not allowed here"
        return None, (Fault(line=line, place="file", problem=problem),)
    if not isinstance(root, Table):
        problem = "a registry file is a mapping with the keys regions, enterprises, gateways"
        faults.append(Fault(line=line, place="file", problem=problem))
        return None, tuple(faults)
    return root, tuple(faults)


@lru_cache(maxsize=65536)
def plain(raw: str) -> Plain | str:
    """Resolve an unquoted word as YAML 1.1's safe schema does, and JSON's 1e5 as a number."""
    kind = _kind_of(raw)
    match kind:
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
            number = _number(raw) if raw[0] in "-0123456789" and "e" in raw.lower() else None
            return Plain(raw, number) if number is not None else raw


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
        return int(raw) if body == "0" or not body.startswith("0") else None
    try:
        return float(raw)
    except ValueError:
        return None


def _document(events: Iterator[yaml.Event], faults: list[Fault]) -> tuple[Node | None, int]:
    """Build the first document's tree from parse events, without recursion."""
    root: Node | None = None
    root_line = 1
    stack: list[Table | Items] = []
    keys: list[tuple[str, int] | None] = []
    documents = 0
    for event in events:
        node: Node
        mark = event.start_mark
        line = mark.line + 1 if mark is not None else 1
        match event:
            case yaml.ScalarEvent():
                _refuse_tag(event.tag, line, faults)
                node = plain(event.value) if event.implicit[0] and event.value else event.value
                if event.implicit[0] and not event.value:
                    node = Plain("", None)
            case yaml.MappingStartEvent():
                _refuse_tag(event.tag, line, faults)
                node = Table(line)
            case yaml.SequenceStartEvent():
                _refuse_tag(event.tag, line, faults)
                node = Items(line)
            case yaml.AliasEvent():
                problem = f"*{event.anchor} repeats another part of the file: write it out here"
                faults.append(Fault(line=line, place="file", problem=problem))
                node = Plain("", None)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                stack.pop()
                keys.pop()
                continue
            case yaml.DocumentStartEvent():
                documents += 1
                if documents > 1:
                    problem = "a second document begins here: put everything into one"
                    faults.append(Fault(line=line, place="file", problem=problem))
                    break
                continue
            case _:
                continue
        if not stack:
            root, root_line = node, line
        else:
            _place(node, line, stack[-1], keys, faults)
        if isinstance(node, Table | Items):
            stack.append(node)
            keys.append(None)
            if len(stack) > MAX_DEPTH:
                problem = f"more than {MAX_DEPTH} levels within each other: no registry has so many"
                faults.append(Fault(line=line, place="file", problem=problem))
                break
    return root, root_line


def _place(
    node: Node,
    line: int,
    parent: Table | Items,
    keys: list[tuple[str, int] | None],
    faults: list[Fault],
) -> None:
    """Hang a node into its parent; in a mapping every other node is a key."""
    if isinstance(parent, Items):
        parent.items.append(node)
        parent.lines.append(line)
        return
    pending = keys[-1]
    if pending is None:
        key = node.raw if isinstance(node, Plain) else node
        if not isinstance(key, str):
            faults.append(Fault(line=line, place="file", problem="a key must be a word"))
            key = ""
        keys[-1] = (key, line)
        return
    keys[-1] = None
    key, key_line = pending
    if key in parent.entries:
        problem = f"{key} stands here and in line {parent.lines[key]}: keep one of them"
        faults.append(Fault(line=key_line, place="file", problem=problem))
        return
    parent.entries[key] = node
    parent.lines[key] = key_line if not isinstance(node, str | Plain) else line


def _refuse_tag(tag: str | None, line: int, faults: list[Fault]) -> None:
    if tag is not None and tag != "!":
        problem = f"{tag} is a YAML tag, and a registry file has none: remove it"
        faults.append(Fault(line=line, place="file", problem=problem))
