"""Kinds of values in a registry file: each reads a node and describes itself in JSON Schema."""

import difflib
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from alarms.errors import Fault
from alarms.registry_tree import Items, Node, Plain, Table


class Wrong(NamedTuple):
    """What is wrong with one value; whoever reads it knows where that stands."""

    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Text of 1 to `longest` signs, where given of one `pattern`, which `words` explains."""

    longest: int = 200
    pattern: str = r"\S(.*\S)?"
    words: str = "text without blanks at its ends"

    def read(self, node: Node) -> "str | Wrong":
        """Return the text, or what is wrong with it."""
        if isinstance(node, str):
            if len(node) > self.longest:
                return Wrong(f"has {len(node)} signs, at most {self.longest} are allowed")
            if not re.fullmatch(self.pattern, node):
                return Wrong(f"{shown(node)} is not {self.words}")
            if not node.isprintable() and any(map(_is_hidden, node)):
                return Wrong(f"{node!a} has an invisible sign in it: type it anew")
            return node
        if isinstance(node, Plain) and node.raw:
            return Wrong(
                f'{_seen(node.value)} where text is wanted: put it in quotes, "{node.raw}"'
            )
        return Wrong(f"{_what(node)} where {self.words} is wanted")

    def schema(self) -> dict[str, Any]:
        """Describe the text in JSON Schema."""
        return {
            "type": "string",
            "minLength": 1,
            "maxLength": self.longest,
            "pattern": f"^(?:{self.pattern})$",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One word of a controlled list."""

    words: tuple[str, ...]

    def read(self, node: Node) -> "str | Wrong":
        """Return the word, or what is wrong with it, with the nearest."""
        word = node.raw if isinstance(node, Plain) else node
        if not isinstance(word, str):
            return Wrong(f"{_what(node)} where one of {', '.join(self.words)} is wanted")
        if word not in self.words:
            return Wrong(f"{shown(word)} is unknown{nearest(word, self.words)}")
        return word

    def schema(self) -> dict[str, Any]:
        """Describe the list in JSON Schema."""
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A finite number between `least` and `most`; `above` excludes `least` itself.

    `why` says why those are its bounds, to who passes them.
    """

    least: float = -math.inf
    most: float = math.inf
    above: bool = False
    whole: bool = False
    why: str = ""

    def read(self, node: Node) -> "float | Wrong":
        """Return the number, or what is wrong with it."""
        value = node.value if isinstance(node, Plain) else None
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            wanted = "a whole number" if self.whole else "a number"
            return Wrong(f"{_what(node)} where {wanted} is wanted")
        if not math.isfinite(value):
            return Wrong(f"{value} is no finite number")
        if self.whole and value != int(value):
            return Wrong(f"is {value:g}, a whole number is wanted")
        if value < self.least or value > self.most or (self.above and value == self.least):
            because = f": {self.why}" if self.why else ""
            return Wrong(f"is {value:g}, allowed is {self._allowed()}{because}")
        return int(value) if self.whole else float(value)

    def schema(self) -> dict[str, Any]:
        """Describe the number in JSON Schema."""
        found: dict[str, Any] = {"type": "integer" if self.whole else "number"}
        if math.isfinite(self.least):
            found["exclusiveMinimum" if self.above else "minimum"] = self.least
        if math.isfinite(self.most):
            found["maximum"] = self.most
        return found

    def _allowed(self) -> str:
        low = f"more than {self.least:g}" if self.above else f"{self.least:g} or more"
        if not math.isfinite(self.least):
            return f"at most {self.most:g}"
        if not math.isfinite(self.most):
            return low
        return f"{low}, at most {self.most:g}" if self.above else f"{self.least:g} to {self.most:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """true or false."""

    def read(self, node: Node) -> "bool | Wrong":
        """Return the flag, or what is wrong with it."""
        if isinstance(node, Plain) and isinstance(node.value, bool):
            return node.value
        return Wrong(f"{_what(node)} where true or false is wanted")

    def schema(self) -> dict[str, Any]:
        """Describe the flag in JSON Schema."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Many:
    """A list of `each`, of `least` to `most` items."""

    each: Text | Choice | Number
    least: int = 0
    most: int = 1000

    def read(self, node: Node, at: "Spot") -> tuple[Any, ...] | None:
        """Return the items, or None with faults."""
        if not isinstance(node, Items):
            at.fault(f"{_what(node)} where a list [ … ] is wanted")
            return None
        if not self.least <= len(node.items) <= self.most:
            wanted = f"{self.least}" if self.least == self.most else f"{self.least} to {self.most}"
            at.fault(f"has {len(node.items)} items, {wanted} are wanted")
            return None
        found = []
        for row, item in enumerate(node.items):
            value = self.each.read(item)
            if isinstance(value, Wrong):
                Spot(at.faults, node.lines[row], f"{at.place}[{row}]").fault(value.problem)
            else:
                found.append(value)
        return tuple(found) if len(found) == len(node.items) else None

    def schema(self) -> dict[str, Any]:
        """Describe the list in JSON Schema."""
        found: dict[str, Any] = {"type": "array", "items": self.each.schema()}
        found["minItems"], found["maxItems"] = self.least, self.most
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What stands behind a key; `below` marks lists of tables, which their parents read."""

    kind: "Text | Choice | Number | Flag | Many | Form | None" = None
    required: bool = False
    below: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A mapping with known keys; null behind an optional key means that it is absent."""

    keys: Mapping[str, Key]
    required: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        required = tuple(name for name, key in self.keys.items() if key.required)
        object.__setattr__(self, "required", required)

    def read(self, node: Node, at: "Spot") -> dict[str, Any] | None:
        """Return what stands there and is sound; None where it is no mapping at all."""
        if not isinstance(node, Table):
            at.fault(f"{_what(node)} where a mapping with {', '.join(self.keys)} is wanted")
            return None
        found: dict[str, Any] = {}
        for name, value in node.entries.items():
            key = self.keys.get(name)
            if key is None:
                at.unknown(node.lines[name], name, self.keys)
                continue
            if isinstance(value, Plain) and value.value is None:
                if key.required:
                    at.fault_at(node.lines[name], name, "is empty, and it is required")
                continue
            kind = key.kind
            if isinstance(kind, (Form, Many)):
                inner = kind.read(value, at.of(node.lines[name], name))
                if inner is not None:
                    found[name] = inner
            elif kind is not None:
                read = kind.read(value)
                if isinstance(read, Wrong):
                    at.fault_at(node.lines[name], name, read.problem)
                else:
                    found[name] = read
        for name in self.required:
            if name not in node.entries:
                at.fault(f"{name} is missing, and it is required")
        return found

    def schema(self) -> dict[str, Any]:
        """Describe the mapping in JSON Schema."""
        properties: dict[str, Any] = {}
        for name, key in self.keys.items():
            if key.kind is None:
                found: dict[str, Any] = {"type": "array", "items": {"$ref": f"#/$defs/{key.below}"}}
            else:
                found = key.kind.schema()
            properties[name] = found if key.required else {"anyOf": [found, {"type": "null"}]}
        schema: dict[str, Any] = {"type": "object", "properties": properties}
        if self.required:
            schema["required"] = list(self.required)
        schema["additionalProperties"] = False
        return schema


class Spot(NamedTuple):
    """A place in the file to which faults are noted."""

    faults: list[Fault]
    line: int
    place: str

    def fault(self, problem: str) -> None:
        """Note a fault here."""
        self.faults.append(Fault(line=self.line, place=self.place, problem=problem))

    def fault_at(self, line: int, name: str, problem: str) -> None:
        """Note a fault at a key below this place."""
        self.of(line, name).fault(problem)

    def of(self, line: int, name: str) -> "Spot":
        """Return the place of a key below this one."""
        return Spot(self.faults, line, f"{self.place}.{name}" if self.place else name)

    def unknown(self, line: int, name: str, known: Iterable[str]) -> None:
        """Note a key that no registry has."""
        self.fault_at(line, name, f"this key is unknown{nearest(name, tuple(known))}")


def nearest(word: str, words: tuple[str, ...]) -> str:
    """Say which known words are meant, or all of them."""
    long = [each for each in words if len(each) > 2]
    close = difflib.get_close_matches(word.lower(), long, n=1, cutoff=0.6)
    return f", perhaps {close[0]} is meant" if close else f"; known are {', '.join(words)}"


def shown(word: str) -> str:
    """Quote a word for a message, cut where it is long."""
    return f'"{word}"' if len(word) <= 60 else f'"{word[:57]}…"'


def _is_hidden(sign: str) -> bool:
    return unicodedata.category(sign)[0] == "C"


def _seen(value: object) -> str:
    match value:
        case bool():
            return "true or false stands"
        case int() | float():
            return "a number stands"
        case None:
            return "nothing stands"
        case _:
            return "a date or time stands"


def _what(node: Node) -> str:
    match node:
        case Table():
            return "a mapping stands"
        case Items():
            return "a list stands"
        case Plain(value=value):
            return _seen(value)
        case _:
            return f"the text {shown(node)} stands"
