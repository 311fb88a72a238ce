"""Answers of the REST contract: pages with cursors, JSON bodies, and how OpenAPI describes them."""

import base64
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar

import msgspec
from fastapi import Query, Request, Response

from alarms import instants
from api.problems import MEDIA_TYPE, ProblemError

Limit = Annotated[int, Query(ge=1, le=1000, description="How many items a page has at most.")]
Cursor = Annotated[
    str | None, Query(max_length=200, description="`next` of the page before; opaque.")
]
_Body = TypeVar("_Body")
PROBLEMS: Final = (401, 403, 404, 422)


def answer(content: object, *, status: int = 200, etag: str | None = None) -> Response:
    """Return JSON."""
    headers = {} if etag is None else {"etag": etag}
    return Response(
        msgspec.json.encode(content),
        status_code=status,
        media_type="application/json",
        headers=headers,
    )


def raw(content: str, *, status: int = 200, etag: str | None = None) -> Response:
    """Return JSON that is text already."""
    headers = {} if etag is None else {"etag": etag}
    return Response(content, status_code=status, media_type="application/json", headers=headers)


async def body_of(request: Request, kind: type[_Body]) -> _Body:
    """Read a request's JSON body; raise ProblemError 422 that says what was wanted."""
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(422, f"the body cannot be used: {error}") from error


def page(items: Sequence[object], *, limit: int, place: str | None) -> Response:
    """Return a page; `place` is the last item's place in the order, when it has one."""
    following = cursor_of(place) if place is not None and len(items) >= limit else None
    return answer({"items": items, "next": following})


def cursor_of(place: str) -> str:
    """Make a place in an order opaque."""
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def place_of(cursor: str | None) -> str | None:
    """Read a cursor again; raise ProblemError 422 for one that was not made here."""
    if cursor is None:
        return None
    try:
        return base64.b64decode(
            cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True
        ).decode()
    except ValueError as error:  # of base64, of UTF-8, and for letters that are not ASCII
        raise _bad_cursor() from error


def number_of(cursor: str | None) -> int | None:
    """Read a cursor that stands for a number."""
    place = place_of(cursor)
    if place is None:
        return None
    if not place.isascii() or not place.isdigit() or len(place) > 18:
        raise _bad_cursor()
    return int(place)


def moment_and_id_of(cursor: str | None) -> tuple[datetime, str] | None:
    """Read a cursor that stands for a moment, in Micros, and an id."""
    place = place_of(cursor)
    if place is None:
        return None
    micros, _, known = place.partition(" ")
    if not micros.isdigit() or len(micros) > 18:
        raise _bad_cursor()
    return instants.to_datetime(int(micros)), known


def among(name: str, given: list[str] | None, known: frozenset[str]) -> tuple[str, ...]:
    """Return filter values, given one by one or with commas; raise ProblemError 422."""
    values = tuple(part for text in given or () for part in text.split(",") if part)
    for value in values:
        if value not in known:
            raise ProblemError(
                422, f"`{name}` is {value!r}; it is one of {', '.join(sorted(known))}"
            )
    return values


def _bad_cursor() -> ProblemError:
    return ProblemError(422, "`cursor` is not one that this list gave; begin again without it")


def moment_of(text: str | None, name: str) -> datetime | None:
    """Read an RFC 3339 time, or milliseconds since 1970, of a query; raise ProblemError 422."""
    if text is None:
        return None
    try:
        if text.removeprefix("-").isdigit():
            return instants.to_datetime(int(text) * 1000)
        # A plus sign left unencoded in a query arrives as a space.
        return instants.to_datetime(instants.from_text(text.replace(" ", "+")))
    except (ValueError, OverflowError) as error:
        raise ProblemError(422, f"`{name}` is not an RFC 3339 time: {error}") from error


def text_of(moment: datetime | None) -> str | None:
    """Return a moment as RFC 3339."""
    return None if moment is None else instants.to_text(instants.from_datetime(moment))


def described(
    schema: str,
    example: object,
    *,
    of: str | None = None,
    status: int = 200,
    problems: Sequence[int] = PROBLEMS,
) -> dict[int | str, dict[str, Any]]:
    """Describe a route's answers for OpenAPI: a schema by name (a page `of` it), and problems."""
    reference: dict[str, Any] = {"$ref": f"#/components/schemas/{schema}"}
    if of == "page":
        reference = {
            "type": "object",
            "required": ["items", "next"],
            "properties": {
                "items": {"type": "array", "items": reference},
                "next": {"type": ["string", "null"]},
            },
        }
        example = {"items": [example], "next": None}
    found: dict[int | str, dict[str, Any]] = {
        status: {
            "description": "As asked.",
            "content": {"application/json": {"schema": reference, "example": packed(example)}},
        }
    }
    return found | problems_described({*problems, 422})


def taken(schema: str, example: object = None) -> dict[str, Any]:
    """Describe the JSON body a route takes for OpenAPI: a schema by name, perhaps an example."""
    shown: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{schema}"}}
    if example is not None:
        shown["example"] = packed(example)
    return {"requestBody": {"content": {"application/json": shown}}}


def problems_described(codes: Iterable[int]) -> dict[int | str, dict[str, Any]]:
    """Describe the problems a route may answer with."""
    return {code: problem_described(code) for code in sorted(codes)}


def packed(example: object) -> str:
    """Write an example so that FastAPI leaves its nulls alone; `unpack` reads it again."""
    return _PACKED + msgspec.json.encode(example).decode()


def unpack(node: Any) -> Any:  # noqa: ANN401  any JSON
    """Return an OpenAPI document with its packed examples as they are meant."""
    match node:
        case dict():
            return {name: unpack(child) for name, child in node.items()}
        case list():
            return [unpack(child) for child in node]
        case str() if node.startswith(_PACKED):
            return msgspec.json.decode(node.removeprefix(_PACKED))
        case _:
            return node


def problem_described(code: int) -> dict[str, Any]:
    """Describe a problem for OpenAPI."""
    return {
        "description": _WORDS[code],
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


_PACKED: Final = "example "
_WORDS: Final = {
    401: "Nobody known is asking.",
    403: "The role or the scope does not cover this.",
    404: "Nothing by that name, or not within the scope.",
    409: "It has moved on; `alarm`, or `warning`, is how it stands now.",
    413: "The body is too long.",
    422: "The request cannot be used; `detail` says why.",
    429: "Too many calls, or failed attempts; wait as `Retry-After` says.",
    503: "Something this needs is away; try again.",
}
