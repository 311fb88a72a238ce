"""Expressions over an enterprise's points: the numbers and conditions of CEL, and nothing else.

The language is the arithmetic part of the Common Expression Language: + - * /, comparisons, && ||
!, a ? b : c, parentheses, true and false; no functions, no text, no lists. All numbers are doubles,
also those written without a point. A tag that is a CEL name, dots included, stands as it is
(`TK101.LT`); any other stands as `p["LT-101"]`.

Whatever is wrong with an expression is said when it is parsed, constants without a result included.
Evaluating one never raises: where a number is not finite on the way (a division by zero, an
overflow) there is no answer, unless && or || is decided by its other side, as CEL has it.
"""

import difflib
import math
import operator
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from alarms.errors import FengsuiError

LONGEST: Final = 500
"""Signs an expression may have."""
MOST_PARTS: Final = 200
"""Numbers, tags, operators and brackets an expression may have: one evaluation stays cheap."""
DEEPEST: Final = 20
"""How deep brackets, signs and choices may lie in each other."""


class ExpressionError(FengsuiError):
    """An expression cannot be used; `position` is the sign it stumbles at, 1 the first."""

    def __init__(self, position: int, problem: str) -> None:
        self.position = position
        super().__init__(f"sign {position}: {problem}")


class Kind(StrEnum):
    """What an expression gives."""

    number = "number"
    condition = "condition"


Run = Callable[[Sequence[float]], float]
"""Computes a part from the inputs' values; a condition gives a bool. ArithmeticError: no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A parsed expression; `tags` are those it names, in order of their first place in it.

    `always` is what it gives whatever the values, None where it depends on them.
    """

    text: str
    tags: tuple[str, ...]
    kind: Kind
    always: float | None = None
    run: Run = field(repr=False, compare=False)

    def value(self, values: Sequence[float]) -> float | None:
        """Return what it gives for the values of `tags`: a number, True or False, None: no answer.

        There is none where a value is not finite or a number on the way would not be.
        """
        if not all(map(math.isfinite, values)):
            return None
        try:
            return self.run(values)
        except ArithmeticError:
            return None


def parse(text: str, tags: Collection[str], *, kind: Kind) -> Expression:
    """Parse an expression over these tags that must give this kind; raises ExpressionError."""
    if len(text) > LONGEST:
        raise ExpressionError(
            LONGEST + 1, f"has {len(text)} signs, at most {LONGEST} are allowed: compute in steps"
        )
    parser = _Parser(_parts(text), tags)
    found = parser.whole()
    if found.kind is not kind:
        wanted = (
            "a number is wanted, this is a condition: write it as `condition ? 1 : 0`"
            if kind is Kind.number
            else "a condition is wanted, this is a number: compare it with something"
        )
        raise ExpressionError(1, wanted)
    if not parser.tags:
        raise ExpressionError(1, "names no point: an expression must depend on one")
    return Expression(
        text=text, tags=tuple(parser.tags), kind=kind, always=found.always, run=found.run
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """A number, tag, operator or bracket; `sort` is number, name, point, sign or end."""

    sort: str
    text: str
    position: int

    def __str__(self) -> str:
        return "the end" if self.sort == "end" else f"`{self.text}`"


@dataclass(frozen=True, slots=True)
class _Found:
    """A part of the expression understood; `always` is its value where no point can change it."""

    kind: Kind
    run: Run
    always: float | None = None


_PART: Final = re.compile(
    r"""\s*(?:
      (?P<number>(?:\d+\.\d+|\.\d+|\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    | p\s*\[\s*(?P<quote>["'])(?P<point>[^"'\\]+)(?P=quote)\s*\]
    | (?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)
    | (?P<sign>&&|\|\||<=|>=|==|!=|[-+*/<>!?:()])
    | (?P<end>\Z)
    )""",
    re.VERBOSE | re.ASCII,
)
_BLANKS: Final = " \t\n\r\f\v"
"""What `\\s` means above: other blanks, as Chinese keyboards make them, have no meaning."""
_RESERVED: Final = frozenset(
    {"as", "break", "const", "continue", "else", "for", "function", "if", "import", "in", "let"}
    | {"loop", "namespace", "null", "package", "return", "var", "void", "while"}
)
"""Words CEL keeps for itself: no tag can stand bare under them."""


def _parts(text: str) -> list[_Part]:
    parts: list[_Part] = []
    place = 0
    while not parts or parts[-1].sort != "end":
        matched = _PART.match(text, place)
        if matched is None:
            at = len(text) - len(text[place:].lstrip(_BLANKS))
            raise ExpressionError(
                at + 1, f"`{_shown(text[at])}` has no meaning here{_hint(text, at)}"
            )
        sort = str(matched.lastgroup)
        parts.append(_Part(sort, matched[sort], matched.start(sort) + 1))
        place = matched.end()
        if len(parts) > MOST_PARTS:
            problem = f"has more than {MOST_PARTS} parts: compute in steps, a point for each"
            raise ExpressionError(parts[-1].position, problem)
    return parts


def _shown(sign: str) -> str:
    return sign if sign.isprintable() else f"U+{ord(sign):04X}"


def _hint(text: str, at: int) -> str:
    if text[at] in "=&|":
        return "; write == && ||"
    if text[at].isdigit():
        return "; a number is written 12, 0.5 or 1e-3"
    return '; a tag that is not of letters, digits, _ and dots is written p["tag"]'


class _Parser:
    """Reads parts from left to right; every method takes what belongs to it."""

    def __init__(self, parts: Sequence[_Part], known: Collection[str]) -> None:
        self.tags: dict[str, int] = {}
        self._parts = parts
        self._known = known
        self._place = 0
        self._depth = 0

    def whole(self) -> _Found:
        found = self._choice()
        if self._next.sort != "end":
            raise self._unexpected("an operator or the end")
        return found

    @property
    def _next(self) -> _Part:
        return self._parts[self._place]

    def _take(self, *signs: str) -> _Part | None:
        part = self._next
        if part.sort != "sign" or part.text not in signs:
            return None
        self._place += 1
        return part

    def _unexpected(self, wanted: str) -> ExpressionError:
        return ExpressionError(self._next.position, f"{self._next} where {wanted} is wanted")

    def _choice(self) -> _Found:
        """Read `condition ? a : b`, or what is no choice."""
        self._depth += 1
        if self._depth > DEEPEST:
            problem = f"lies more than {DEEPEST} levels deep: compute in steps, a point for each"
            raise ExpressionError(self._next.position, problem)
        condition = self._binary(0)
        mark = self._take("?")
        if mark is not None:
            _must(condition, Kind.condition, mark)
            one = self._binary(0)
            colon = self._take(":")
            if colon is None:
                raise self._unexpected(":")
            other = self._choice()
            _must(other, one.kind, colon)
            taken = one if condition.always else other
            always = None if condition.always is None else taken.always
            condition = _Found(one.kind, _chosen(condition.run, one.run, other.run), always)
        self._depth -= 1
        return condition

    def _binary(self, level: int) -> _Found:
        """Read operators of a level and of those that bind closer, from left to right."""
        if level == len(_LEVELS):
            return self._unary()
        found = self._binary(level + 1)
        while (sign := self._take(*_LEVELS[level])) is not None:
            right = self._binary(level + 1)
            operand, gives, joined = _OPERATORS[sign.text]
            wanted = operand or found.kind
            _must(found, wanted, sign)
            _must(right, wanted, sign)
            always = _always(sign, found, right, joined)
            found = _Found(gives, joined(found.run, right.run), always)
        return found

    def _unary(self) -> _Found:
        sign = self._take("-", "!")
        if sign is None:
            return self._single()
        self._depth += 1
        if self._depth > DEEPEST:
            raise ExpressionError(sign.position, f"more than {DEEPEST} signs one after the other")
        inner = self._unary()
        self._depth -= 1
        if sign.text == "-":
            _must(inner, Kind.number, sign)
            always = None if inner.always is None else -inner.always
            return _Found(Kind.number, _negative(inner.run), always)
        _must(inner, Kind.condition, sign)
        always = None if inner.always is None else not inner.always
        return _Found(Kind.condition, _not(inner.run), always)

    def _single(self) -> _Found:
        if self._take("(") is not None:
            found = self._choice()
            if self._take(")") is None:
                raise self._unexpected(")")
            return found
        part = self._next
        match part.sort:
            case "number":
                number = float(part.text)
                if not math.isfinite(number):
                    raise ExpressionError(part.position, f"{part} is too large for a number")
                self._place += 1
                return _Found(Kind.number, _constant(number), number)
            case "name" if part.text in ("true", "false"):
                self._place += 1
                said = part.text == "true"
                return _Found(Kind.condition, _constant(said), said)
            case "name" | "point":
                return self._tag(part)
            case _:
                raise self._unexpected("a number or a tag")

    def _tag(self, part: _Part) -> _Found:
        self._place += 1
        if part.sort == "name" and self._next.text == "(":
            raise ExpressionError(part.position, f"{part} is no function: there are none here")
        reserved = part.sort == "name" and not _RESERVED.isdisjoint(part.text.split("."))
        if reserved or part.text not in self._known:
            near = difflib.get_close_matches(part.text, self._known, n=1)
            meant = f'; p["{part.text}"] is written for a tag of that name' if reserved else ""
            meant = f", perhaps {near[0]} is meant" if near and not reserved else meant
            problem = f"there is no point {part.text} in this enterprise{meant}"
            raise ExpressionError(part.position, problem)
        place = self.tags.setdefault(part.text, len(self.tags))
        return _Found(Kind.number, operator.itemgetter(place))


def _must(found: _Found, kind: Kind, sign: _Part) -> None:
    if found.kind is not kind:
        problem = f"{sign} wants a {kind} here and has a {found.kind}"
        raise ExpressionError(sign.position, problem)


def _always(
    sign: _Part, left: _Found, right: _Found, joined: Callable[[Run, Run], Run]
) -> float | None:
    """Return what two joined parts always give, None where a point's value matters.

    Raises ExpressionError where they never give anything: a division by a constant zero, or
    constants whose result is too large.
    """
    if sign.text == "/" and right.always == 0:
        raise ExpressionError(sign.position, "divides by zero, always: correct the divisor")
    decisive = {"||": True, "&&": False}.get(sign.text)
    if decisive is not None and decisive in (left.always, right.always):
        return decisive
    if left.always is None or right.always is None:
        return None
    try:
        # Of what they always give: a part may never change and still read a point's value.
        return joined(_constant(left.always), _constant(right.always))(())
    except ArithmeticError:
        raise ExpressionError(
            sign.position, "gives a number too large to compute with: correct the constants"
        ) from None


def _constant(value: float) -> Run:
    return lambda _: value


def _negative(inner: Run) -> Run:
    return lambda values: -inner(values)


def _not(inner: Run) -> Run:
    return lambda values: not inner(values)


def _chosen(condition: Run, one: Run, other: Run) -> Run:
    return lambda values: one(values) if condition(values) else other(values)


def _arithmetic(compute: Callable[[float, float], float]) -> Callable[[Run, Run], Run]:
    def joined(left: Run, right: Run) -> Run:
        def run(values: Sequence[float]) -> float:
            number = compute(left(values), right(values))
            if not math.isfinite(number):
                raise OverflowError
            return number

        return run

    return joined


def _comparison(compare: Callable[[float, float], bool]) -> Callable[[Run, Run], Run]:
    def joined(left: Run, right: Run) -> Run:
        return lambda values: compare(left(values), right(values))

    return joined


def _decided_by(*, decisive: bool) -> Callable[[Run, Run], Run]:
    """Join conditions: one side that is `decisive` decides, even where the other has no answer."""

    def joined(left: Run, right: Run) -> Run:
        def run(values: Sequence[float]) -> float:
            try:
                first = left(values)
            except ArithmeticError:
                if bool(right(values)) is decisive:
                    return decisive
                raise
            return decisive if bool(first) is decisive else right(values)

        return run

    return joined


_LEVELS: Final = (
    ("||",),
    ("&&",),
    ("<", "<=", ">", ">=", "==", "!="),
    ("+", "-"),
    ("*", "/"),
)
"""Operators from the loosest to the closest, as CEL ranks them."""
_OPERATORS: Final[Mapping[str, tuple[Kind | None, Kind, Callable[[Run, Run], Run]]]] = {
    "||": (Kind.condition, Kind.condition, _decided_by(decisive=True)),
    "&&": (Kind.condition, Kind.condition, _decided_by(decisive=False)),
    "<": (Kind.number, Kind.condition, _comparison(operator.lt)),
    "<=": (Kind.number, Kind.condition, _comparison(operator.le)),
    ">": (Kind.number, Kind.condition, _comparison(operator.gt)),
    ">=": (Kind.number, Kind.condition, _comparison(operator.ge)),
    "==": (None, Kind.condition, _comparison(operator.eq)),
    "!=": (None, Kind.condition, _comparison(operator.ne)),
    "+": (Kind.number, Kind.number, _arithmetic(operator.add)),
    "-": (Kind.number, Kind.number, _arithmetic(operator.sub)),
    "*": (Kind.number, Kind.number, _arithmetic(operator.mul)),
    "/": (Kind.number, Kind.number, _arithmetic(operator.truediv)),
}
"""For each operator what it joins (None: two of one kind), what it gives, and how."""
