"""Write a report's content: what is told, in which order, in which words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from alarms import instants, rule_names
from alarms.handover import Handover, Standing
from alarms.performance import Figures, Report, Taken
from alarms.spans import LOCAL, Span
from api.reports import blocks, key_figures
from api.reports.blocks import Block, Cell, Table, Tiered
from api.reports.forms import duration, moment, percent
from api.reports.words import Lang, say

_TIERS: Final = ("red", "orange", "yellow", "blue")
_LEVELS: Final = ("site", "county", "city", "province")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a report is about and who made it; times in Micros.

    `end` is the end of the span, `until` where counting ended: the same once the span is over.
    `names` are those of alarm keys, `regions` those of positions, both by code.
    """

    span: Span
    lang: Lang
    place: str
    code: str
    start: int
    end: int
    until: int
    made: int
    by: str
    names: Mapping[str, str]
    regions: Mapping[str, str]
    open_at_end: int
    listed: int


def sheet(about: Subject, real: Handover | None, simulated: Handover | None) -> blocks.Sheet:
    """Write the whole report; the two kinds of alarms stand apart, each if there is any of it."""
    lang = about.lang
    found: list[Block] = [_facts(about, real, simulated)]
    for part, name in ((real, "real"), (simulated, "simulated")):
        if part is not None:
            heading = blocks.Heading(text=say(lang, name), marked=name == "simulated")
            found += [heading, *_part(about, part)]
    if about.open_at_end > about.listed:
        cut = say(lang, "cut", count=about.open_at_end, shown=about.listed)
        found.append(blocks.Note(text=cut))
    found += [blocks.Note(text=say(lang, "event_time")), blocks.Note(text=say(lang, "targets"))]
    signers = ["from_handover", "to_handover"] if about.span is Span.shift else ["by", "checked"]
    found.append(
        blocks.Signatures(
            labels=[say(lang, signer) for signer in signers], time=say(lang, "signed_at")
        )
    )
    return blocks.Sheet(
        lang="zh-CN" if lang is Lang.zh else "en",
        title=say(lang, f"title.{about.span.value}"),
        subtitle=f"{about.place} · {_named(about)}",
        section=say(lang, "section"),
        blocks=found,
    )


def _named(about: Subject) -> str:
    local = instants.to_datetime(about.start).astimezone(LOCAL)
    match about.span:
        case Span.shift:
            return f"{local:%Y-%m-%d} {say(about.lang, f'shift.{local.hour}')}"
        case Span.day:
            return f"{local:%Y-%m-%d}"
        case Span.month:
            return f"{local:%Y-%m}"


def _facts(about: Subject, real: Handover | None, simulated: Handover | None) -> blocks.Facts:
    lang = about.lang
    span = f"{moment(about.start)} – {moment(about.end)} ({say(lang, 'clock')})"
    watched = " + ".join(
        f"{part.report.points}{mark}"
        for part, mark in ((real, ""), (simulated, say(lang, "is_simulated")))
        if part is not None
    )
    rows = [
        (say(lang, "place"), f"{about.place} ({about.code})"),
        (say(lang, "span"), span),
        (say(lang, "points"), watched),
        (say(lang, "made"), moment(about.made)),
        (say(lang, "by"), about.by),
    ]
    if about.until < about.end:
        rows.insert(2, (say(lang, "mind"), say(lang, "running", at=moment(about.until))))
    return blocks.Facts(rows=rows)


def _part(about: Subject, part: Handover) -> list[Block]:
    lang, report = about.lang, part.report
    found: list[Block] = [key_figures.table(lang, report), _bars(about, part)]
    if len(report.positions) > 1:
        found.append(_positions(about, report))
    found += [
        _bad_actors(about, report.overall),
        _table(
            lang, "chattering_list", ("alarm", "rule"), (70, 30),
            [(_name(about, key, rule), _rule(lang, rule)) for key, rule in part.chattering],
        ),
        _floods(about, part),
        _taken(lang, "acknowledged", "tier", report.overall.acknowledged, _TIERS),
        _taken(lang, "receipts", "level", report.overall.receipts, _LEVELS),
        _standing(about, part),
        _withheld(lang, "shelved", part.shelved),
        _withheld(lang, "suppressed", part.suppressed),
        _withheld(lang, "out_of_service", part.out_of_service),
        _warnings(lang, part),
    ]  # fmt: skip
    return found


def _bars(about: Subject, part: Handover) -> blocks.Bars:
    lang = about.lang
    daily = about.span is Span.month
    place = about.regions.get(part.bars_of, part.bars_of) if part.report.positions else about.place
    return blocks.Bars(
        title=say(lang, "bars.month" if daily else "bars", place=place),
        head=(say(lang, "from"), say(lang, "count")),
        counts=[bar.count for bar in part.bars],
        times=[
            f"{instants.to_datetime(bar.start).astimezone(LOCAL):{'%m-%d' if daily else '%H:%M'}}"
            for bar in part.bars
        ],
        line=10,
        line_says=say(lang, "flood_line"),
    )


def _positions(about: Subject, report: Report) -> Table:
    head = ("position", "annunciated", "per_hour", "most_in_10_min", "floods", "time_in_flood",
            "stale")  # fmt: skip
    return _table(
        about.lang, "positions", head, (28, 12, 12, 12, 12, 12, 12),
        [
            (
                about.regions.get(code, code), str(its.annunciated), f"{its.per_hour:.2f}",
                str(its.most_in_10_min), str(its.floods), percent(its.time_in_flood),
                str(its.stale),
            )
            for code, its in report.positions.items()
        ],
        numbers=frozenset(range(1, 7)),
    )  # fmt: skip


def _bad_actors(about: Subject, figures: Figures) -> Table:
    return _table(
        about.lang, "bad_actors", ("alarm", "rule", "count", "share"), (52, 24, 12, 12),
        [
            (
                _name(about, each.key, each.rule), _rule(about.lang, each.rule), str(each.count),
                percent(each.count / figures.annunciated),
            )
            for each in figures.top_10
        ],
        numbers=frozenset({2, 3}),
    )  # fmt: skip


def _floods(about: Subject, part: Handover) -> Table:
    lang = about.lang
    head = ("position", "from", "to", "count", "first_at", "first_out", "tier")
    return _table(
        lang, "flood_list", head, (13, 15, 15, 9, 15, 23, 10),
        [
            (
                about.regions.get(each.position, each.position), moment(each.since),
                moment(each.over), str(each.count), moment(each.first_at),
                _name(about, *each.first), _tier(lang, each.first_tier.name),
            )
            for each in part.floods
        ],
        numbers=frozenset({3}),
    )  # fmt: skip


def _taken(
    lang: Lang, title: str, by: str, taken: Mapping[str, Taken], order: Sequence[str]
) -> Table:
    return _table(
        lang, title, (by, "count", "p50", "p95"), (40, 20, 20, 20),
        [
            (
                _tier(lang, name) if by == "tier" else say(lang, name), str(taken[name].count),
                duration(lang, taken[name].p50_s), duration(lang, taken[name].p95_s),
            )
            for name in order
            if name in taken
        ],
        numbers=frozenset({1, 2, 3}),
    )  # fmt: skip


def _standing(about: Subject, part: Handover) -> Table:
    lang = about.lang
    rows: list[Sequence[Cell]] = []
    for each in part.standing:
        since = instants.from_text(each.t_raised)
        rows.append(
            (
                _tier(lang, each.tier), _open_name(lang, each), _rule(lang, each.rule),
                moment(since), duration(lang, (about.until - since) / 1e6), say(lang, each.state),
            )
        )  # fmt: skip
    head = ("tier", "alarm", "rule", "since", "lasts", "state")
    return _table(lang, "standing", head, (10, 26, 16, 16, 13, 19), rows)


def _withheld(lang: Lang, title: str, alarms: Sequence[Standing]) -> Table:
    rows: list[Sequence[Cell]] = []
    for each in alarms:
        held = {"shelved": each.shelf, "suppressed": each.suppression}.get(
            title, each.out_of_service
        )
        assert held is not None  # noqa: S101  listed for this
        until = moment(instants.from_text(held.until))
        rows.append(
            (
                _tier(lang, each.tier), _open_name(lang, each), held.by,
                say(lang, "until_clear", time=until) if held.one_shot else until,
                held.permit or held.reason,
            )
        )  # fmt: skip
    return _table(lang, title, ("tier", "alarm", "who", "until", "why"), (10, 28, 16, 16, 30), rows)


def _warnings(lang: Lang, part: Handover) -> Table:
    return _table(
        lang, "warnings", ("tier", "stage", "from", "to", "words"), (10, 13, 16, 16, 45),
        [
            (
                _tier(lang, each.level), say(lang, each.stage),
                moment(instants.from_text(each.published_at or each.t_proposed)),
                "" if each.t_lifted is None else moment(instants.from_text(each.t_lifted)),
                each.message.get(lang.value, ""),
            )
            for each in part.warnings
        ],
    )  # fmt: skip


def _table(
    lang: Lang,
    title: str,
    head: Sequence[str],
    widths: Sequence[int],
    rows: Sequence[Sequence[Cell]],
    *,
    numbers: frozenset[int] = frozenset(),
) -> Table:
    return Table(
        title=say(lang, title),
        head=[say(lang, each) for each in head],
        rows=rows,
        widths=widths,
        numbers=numbers,
        more=say(lang, "more", count=len(rows) - blocks.SHOWN),
        nothing=say(lang, "nothing"),
    )


def _tier(lang: Lang, tier: str) -> Tiered:
    return Tiered(text=say(lang, tier), tier=tier)


def _rule(lang: Lang, rule: str) -> str:
    name = rule_names.name_of(rule)
    return name.zh if lang is Lang.zh else name.en


def _name(about: Subject, key: str, rule: str) -> str:
    name = _ours(about.lang, rule) or about.names.get(key)
    return key if name is None or key.endswith(f"/{name}") else f"{name} ({key})"


def _open_name(lang: Lang, each: Standing) -> str:
    key = each.subject if each.enterprise is None else f"{each.enterprise}/{each.subject}"
    name = _ours(lang, each.rule) or each.name
    return key if name in ("", each.subject) else f"{name} ({key})"


def _ours(lang: Lang, rule: str) -> str | None:
    """Return what a part of the system itself is called in English: the plant did not name it."""
    return _rule(lang, rule) if lang is Lang.en and rule.startswith("system.") else None
