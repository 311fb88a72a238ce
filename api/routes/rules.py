"""The rule packs over REST: what standards ask, each with clause, mark, words and what to do."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from alarms.rulepacks import Advice, Bound, Code, Default, Entry, Pack, Provision
from alarms.rulepacks.reading import packs
from api import answers, examples
from api.service import Asking

router = APIRouter(prefix="/api/v1", tags=["plant"])


@router.get(
    "/rules",
    summary="What the rule packs ask: bounds that refuse or warn, defaults, and advice",
    responses=answers.described("Rule", examples.RULE, of="page", problems=(401, 422)),
)
async def rules(
    _identity: Asking,
    pack: Annotated[str | None, Query(description="Only this pack.")] = None,
    quantity: Annotated[str | None, Query(description="Only what speaks of it.")] = None,
    limit: answers.Limit = 100,
    cursor: answers.Cursor = None,
) -> Response:
    """Answer the provisions of the packs in force, in the order in which they speak.

    A `bound` of mark V or V2 refuses a looser limit at import, one of mark M or D warns. A
    `default` of kind `limit` is a suggestion: no point gets a limit by itself. A `code` is one of
    a standard's table, which `kind` names; with `quantity` there are none.
    """
    start = answers.number_of(cursor) or 0
    found = [
        _rule(held, entry, provision)
        for held in packs()
        for entry in held.entries
        for provision in entry.provisions
        if pack in (None, held.name) and (quantity is None or quantity in entry.quantities)
    ]
    return answers.page(found[start : start + limit], limit=limit, place=str(start + limit))


def _rule(pack: Pack, entry: Entry, provision: Provision) -> dict[str, Any]:
    return {
        "pack": pack.name,
        "version": pack.version,
        **_figure(provision),
        "standard": provision.standard,
        "clause": provision.clause,
        "mark": provision.mark,
        "seen": [pack.sources[name] for name in provision.seen],
        "place": _words(entry.place_zh, entry.place_en),
        "quantities": entry.quantities,
        "units": entry.units,
        "source_kinds": entry.source_kinds,
        "sectors": entry.sectors,
        "substances": entry.substances,
        "words": {"zh": provision.words_zh, "en": provision.words_en},
        "action": _words(provision.action_zh, provision.action_en),
    }


def _figure(provision: Provision) -> dict[str, Any]:
    figure: dict[str, Any] = dict.fromkeys(("kind", "name", "value", "direction"))
    match provision:
        case Bound():
            return {
                "binding": "bound",
                "kind": "limit",
                "name": provision.limit,
                "value": provision.value,
                "direction": provision.direction,
            }
        case Default():
            own = {"kind": provision.kind, "name": provision.name, "value": provision.value}
            return {"binding": "default"} | figure | own
        case Code():
            own = {"kind": provision.table, "name": provision.code}
            return {"binding": "code"} | figure | own
        case Advice():
            return {"binding": "advice"} | figure
        case _:
            raise TypeError(f"{type(provision).__name__} is no provision of a pack")


def _words(zh: str, en: str) -> dict[str, str] | None:
    return {"zh": zh, "en": en} if zh or en else None
