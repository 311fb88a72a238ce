"""The rule packs as a page people read: docs/rule-packs.md, Chinese and English side by side."""

from collections.abc import Iterator
from importlib import resources

from alarms.rulepacks import Bound, Code, Default, Entry, Pack, Provision
from alarms.rulepacks.reading import packs


def text() -> str:
    """Return the page, Markdown."""
    opening = resources.files("alarms.rulepacks").joinpath("opening.md")
    return opening.read_text(encoding="utf-8") + "".join(
        f"\n{part}" for pack in packs() for part in _pack(pack)
    )


def _pack(pack: Pack) -> Iterator[str]:
    kinds = ", ".join(sorted({kind for entry in pack.entries for kind in entry.source_kinds}))
    yield f"## {pack.title_en} {pack.title_zh}\n"
    yield f"`{pack.name}`, version {pack.version}. Sources of kind 源类型: {kinds}.\n"
    rows = [_row(entry, each) for entry in pack.entries for each in entry.provisions]
    yield (
        "| standard, clause 标准条款 | mark 标记 | for 对象 | figure 数值 | in words | 说明 |\n"
        "|---|---|---|---|---|---|\n" + "".join(rows)
    )
    if pack.sources:
        seen = "".join(f"* {name}: {title}\n" for name, title in pack.sources.items())
        yield f"Verified in 核实来源:\n\n{seen}"


def _row(entry: Entry, provision: Provision) -> str:
    about = [f"{entry.place_en} {entry.place_zh}".strip(), ", ".join(entry.quantities)]
    about += [f"`{code}`" for code in entry.sectors]
    mark = provision.mark + (f" ({', '.join(provision.seen)})" if provision.seen else "")
    cells = (
        provision.basis,
        mark,
        "; ".join(part for part in about if part),
        _figure(entry, provision),
        _sentence(provision.words_en, provision.action_en, "; "),
        _sentence(provision.words_zh, provision.action_zh, "；"),
    )
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n"


def _figure(entry: Entry, provision: Provision) -> str:
    unit = " or ".join(entry.units)
    match provision:
        case Bound():
            sign = "≤" if provision.direction == "max" else "≥"
            return f"{provision.limit} {sign} {provision.value:g} {unit}"
        case Default(kind="limit"):
            return f"default {provision.name} {provision.value:g} {unit}"
        case Default():
            return f"default {provision.kind}.{provision.name} {provision.value:g}"
        case Code():
            return f"{provision.table} {provision.code}"
        case _:
            return "advice 提示"


def _sentence(words: str, action: str, joint: str) -> str:
    return f"{words}{joint}{action}" if action else words
