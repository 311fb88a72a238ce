"""Page, paper and sheet hold whatever people and plants wrote: escaped, cut, never obeyed."""

import csv
import io
import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.alarm import State, Tier
from alarms.spans import Span
from alarms.targets import TARGETS, Verdict
from alarms.warning import Stage
from api.reports import blocks, forms, key_figures, ledger, page, paper, words
from api.reports.blocks import Bars, Facts, Heading, Judged, Note, Sheet, Signatures, Table, Tiered
from api.reports.words import Lang

MADE = datetime(2025, 11, 21, tzinfo=UTC)


def sheet(text: str, rows: int = 1) -> Sheet:
    """A report with every kind of block, each saying this."""
    return Sheet(
        lang="zh-CN",
        title=text,
        subtitle=text,
        section=text,
        blocks=[
            Facts(rows=[(text, text)]),
            Heading(text=text, marked=True),
            Table(
                title=text,
                head=[text, text, text],
                rows=[
                    (text, Judged(text=text, verdict=Verdict.over), Tiered(text=text, tier="red"))
                ] * rows,
                widths=(10, 45, 45),
                more=text,
                nothing=text,
            ),
            Table(title=text, head=[text], rows=[], widths=(100,), nothing=text),
            Bars(title=text, head=(text, text), counts=[0, 3, 14], times=[text] * 3, line=10,
                 line_says=text),
            Bars(title=text, head=(text, text), counts=[], times=[], line=10, line_says=text),
            Note(text=text),
            Signatures(labels=[text, text], time=text),
        ],
    )  # fmt: skip


class Tags(HTMLParser):
    """The tags of a page and what it says."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))


@given(st.text(alphabet="<>/&;\"'= abp", max_size=20))
def test_no_words_add_a_tag_to_a_page(text: str) -> None:
    assert (
        Tags(page.html_of(sheet(text)).decode()).tags == Tags(page.html_of(sheet("")).decode()).tags
    )


@given(st.text(alphabet="=+-@\t\r\n,\"' ab", max_size=12))
def test_no_cell_of_a_sheet_is_a_formula_and_each_can_be_read_back(text: str) -> None:
    written = ledger.csv_of(sheet(text)).decode("utf-8-sig")
    cells = [cell for row in csv.reader(io.StringIO(written, newline="")) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert {text, f"'{text}"} & set(cells)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "W" * 5_000,
        "作业票 " * 900,
        "🔥 \u202eabc\u202c ﷽ 𠮷 \u0000\u0007\x1b[31m",
        "a\nb\r\n\tc",
        "%s {nb} **b**",
    ],
)
def test_paper_takes_whatever_was_written(text: str) -> None:
    assert paper.pdf_of(sheet(text), made=MADE).startswith(b"%PDF-")


def test_page_and_paper_show_some_rows_and_a_sheet_has_all() -> None:
    long = sheet("word", rows=blocks.SHOWN + 5)
    shown = page.html_of(long).decode().count('<span class="red">')
    rows = list(csv.reader(io.StringIO(ledger.csv_of(long).decode("utf-8-sig"))))
    assert shown == blocks.SHOWN
    assert sum(row == ["word"] * 5 for row in rows) == blocks.SHOWN + 5 + 1  # and the head


def test_both_languages_say_everything_and_fill_the_same_places() -> None:
    for key, (zh, en) in words.WORDS.items():
        assert zh, key
        assert en, key
        assert set(re.findall(r"{(\w+)}", zh)) == set(re.findall(r"{(\w+)}", en)), key


@pytest.mark.parametrize("lang", Lang)
def test_there_is_a_word_for_every_state_tier_stage_verdict_and_span(lang: Lang) -> None:
    named = [*State, *Stage, *Verdict, *(tier.name for tier in Tier)]
    named += [f"title.{span}" for span in Span]
    assert all(words.say(lang, str(name)) for name in named)


def test_every_target_is_of_a_figure_that_is_shown() -> None:
    assert {target.figure for target in TARGETS} <= {name for name, _ in key_figures.ORDER}


@pytest.mark.parametrize(
    ("seconds", "zh", "en"),
    [
        (0.04, "0.0 秒", "0.0 s"),
        (59.6, "1 分 0 秒", "1 min 0 s"),
        (3_600, "1 小时 0 分", "1 h 0 min"),
        (90_061, "1 天 1 小时", "1 d 1 h"),
    ],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds: float, zh: str, en: str) -> None:
    assert forms.duration(Lang.zh, seconds) == zh
    assert forms.duration(Lang.en, seconds) == en
