"""REST: reports tell what a plain count of ten shifts tells, in three forms and two languages."""

import asyncio
import csv
import io
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from statistics import median

import httpx
import pypdfium2
import pytest

from alarms import instants, overload
from tests import beacons, shifts
from tests.beacons import FAR, NEAR, House
from tests.databases import Databases
from tests.shifts import FIRST, SECOND, SHIFT, SHIFTS, Worked

WORKED = shifts.work(7)
FORMS = ("html", "csv", "pdf")
LABELS = {
    "zh": ("报警次数", "平均每小时", "任一 10 分钟内最多", "报警泛滥次数", "震颤与瞬时报警",
           "前十位报警占比", "红色占比"),
    "en": ("Alarms annunciated", "Average per hour", "Most in any 10 min", "Floods",
           "Chattering and fleeting", "Share of the top 10", "Share of red"),
}  # fmt: skip
ACKNOWLEDGED = {"zh": "确认用时（按等级）", "en": "Time to acknowledge, by tier"}


@pytest.fixture(scope="module")
def worked(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server over the record of ten shifts."""
    with beacons.house(databases, tmp_path_factory.mktemp("house")) as made:
        asyncio.run(shifts.record(made.database, WORKED))
        yield made


def plain(alarms: list[Worked], start: int, end: int) -> list[str]:
    """Count one by one what a span's report must say of one enterprise, as it is written."""
    rung = [each for each in alarms if start <= each.raised < end]
    most = max(
        (sum(one.raised <= two.raised < one.raised + 600 * SECOND for two in rung) for one in rung),
        default=0,
    )
    # A flood needs an eleventh within ten minutes; the upset is the only one that has it.
    floods = int(most > 10)
    chattering = fleeting = 0
    for tag in ("T1", "T2", "T3"):
        its = sorted((a.raised, a.returned) for a in alarms if a.tag == tag and a.raised < end)
        chattering += any(
            third[1] - first[0] <= 60 * SECOND and third[1] >= start
            for first, third in zip(its, its[2:], strict=False)
        )
        for place, (begin, over) in enumerate(its):
            near = [abs(o[0] - over) for o in its[place + 1 : place + 2]]
            near += [abs(begin - o[1]) for o in its[max(place - 1, 0) : place]]
            short = over - begin < 10 * SECOND
            fleeting += begin >= start and short and all(gap >= 60 * SECOND for gap in near)
    red = sum(each.tier.name == "red" for each in rung)
    hours = (end - start) / 3600 / SECOND
    return [
        str(len(rung)), f"{len(rung) / hours:.2f}", str(most), str(floods),
        f"{chattering} + {fleeting}", "100.0%" if rung else "0.0%",
        f"{100 * red / len(rung):.1f}%" if rung else "0.0%",
    ]  # fmt: skip


class Rows(HTMLParser):
    """The rows of a page's tables, as text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._in_cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002  the parser calls it so
        """Begin a row or a cell, whatever its attributes."""
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] += data


def pages_of(paper: bytes) -> list[str]:
    """Read a PDF's words back, as a reader that selects all of them would."""
    document = pypdfium2.PdfDocument(paper)
    try:
        pages = [page.get_textpage().get_text_range() for page in document]
    finally:
        document.close()
    return [re.sub(r"\s+", " ", text) for text in pages]


def told(answer: httpx.Response, form: str, labels: tuple[str, ...]) -> list[str]:
    """Return what a report says of each of these figures, in its first part."""
    if form == "pdf":
        text = " ".join(pages_of(answer.content))
        found = []
        for label in labels:
            seen = re.search(rf"{re.escape(label)} (\d+ \+ \d+|[\d.]+%?)", text)
            assert seen, f"{label} is not in {text[:2000]}"
            found.append(seen[1])
        return found
    if form == "csv":
        rows = [row[2:] for row in csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))]
    else:
        rows = Rows(answer.text).rows
    return [next(row[1] for row in rows if row and row[0] == label) for label in labels]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_ten_shifts_are_told_as_a_plain_count_tells_them(
    worked: House, form: str, lang: str
) -> None:
    mine = [each for each in WORKED if each.enterprise == NEAR]
    async with await worked.http(NEAR) as http:
        for number in range(SHIFTS):
            start = FIRST + number * SHIFT
            asked = {"at": instants.to_text(start + SHIFT // 2), "lang": lang}
            answer = await http.get(f"reports/shift.{form}", params=asked)
            assert answer.status_code == 200, answer.text
            found = told(answer, form, LABELS[lang])
            assert found == plain(mine, start, start + SHIFT), f"shift {number}"


@pytest.mark.parametrize("form", FORMS)
async def test_days_and_the_month_are_told_likewise(worked: House, form: str) -> None:
    mine = [each for each in WORKED if each.enterprise == NEAR]
    local = timedelta(hours=8)
    month = datetime(2025, 11, 1, tzinfo=UTC) - local, datetime(2025, 12, 1, tzinfo=UTC) - local
    first, last = (instants.from_datetime(each) for each in month)
    days = [(f"2025-11-2{1 + n}", FIRST + 3 * n * SHIFT, 3 * SHIFT) for n in range(3)]
    async with await worked.http(NEAR) as http:
        for span, at, start, width in [
            *(("day", *day) for day in days), ("month", "2025-11", first, last - first),
        ]:  # fmt: skip
            answer = await http.get(f"reports/{span}.{form}", params={"at": at})
            assert answer.status_code == 200, answer.text
            assert told(answer, form, LABELS["zh"]) == plain(mine, start, start + width), at


async def test_acknowledgement_times_by_tier_are_those_of_the_answers(worked: House) -> None:
    async with await worked.http(NEAR) as http:
        answer = await http.get("reports/month.csv", params={"at": "2025-11", "lang": "en"})
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    found = {row[2]: row[3:] for row in rows if row[1] == ACKNOWLEDGED["en"]}
    for tier in ("red", "orange", "yellow", "blue"):
        took = sorted(
            each.acknowledged_s
            for each in WORKED
            if each.enterprise == NEAR and each.acknowledged_s and each.tier.name == tier
        )
        assert took, tier
        middle = median(took)
        said = f"{middle:.1f} s" if round(middle) < 60 else f"{round(middle) // 60} min"
        assert found[tier][0] == str(len(took))
        assert found[tier][1].startswith(said), tier


async def test_simulated_alarms_stand_apart_and_are_marked(worked: House) -> None:
    async with await worked.http("all") as http:
        asked = {"at": "2025-11", "lang": "en"}
        page = (await http.get("reports/month.html", params=asked)).text
        sheet = (await http.get("reports/month.csv", params=asked)).content.decode("utf-8-sig")
    real, _, simulated = page.partition('<section class="marked">')
    assert "SIMULATED" in simulated
    assert f"{FAR}/T1" in simulated
    assert f"{FAR}/T1" not in real
    counts = [row[3] for row in csv.reader(io.StringIO(sheet)) if row[2] == "Alarms annunciated"]
    assert counts == [
        str(sum(each.enterprise == whose for each in WORKED)) for whose in (NEAR, FAR)
    ]


async def test_every_sheet_of_paper_with_simulated_alarms_says_so(worked: House) -> None:
    async with await worked.http("all") as http:
        answer = await http.get("reports/month.pdf", params={"at": "2025-11", "lang": "en"})
    pages = pages_of(answer.content)
    first = next(number for number, text in enumerate(pages) if "SIMULATED" in text)
    last = next(number for number, text in enumerate(pages) if "claims no conformity" in text)
    assert first < last
    assert all("SIMULATED" in text for text in pages[first:last])


async def test_the_flood_is_listed_with_what_was_first_out(worked: House) -> None:
    upset = FIRST + shifts.FLOODED * SHIFT
    async with await worked.http("510603") as http:
        answer = await http.get(
            "reports/shift.csv", params={"at": instants.to_text(upset), "lang": "en"}
        )
    rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    ((position, since, _, count, first_at, first, _),) = [
        row[2:] for row in rows if row[1].startswith("Floods") and row[2] != "Position"
    ]
    assert (position, count, first) == ("旌阳区", "14", f"{NEAR}/T2")
    assert (since[-8:], first_at[-8:]) == ("07:03:20", "07:00:00")


@pytest.mark.parametrize(("lang", "called"), [("zh", "越高限"), ("en", "High limit")])
async def test_rules_are_called_by_their_names(worked: House, lang: str, called: str) -> None:
    async with await worked.http("all") as http:
        answer = await http.get("reports/month.html", params={"at": "2025-11", "lang": lang})
    cells = [cell for row in Rows(answer.text).rows for cell in row]
    assert called in cells
    assert not [cell for cell in cells if "limit.high" in cell]


async def test_an_english_report_calls_the_systems_own_alarms_in_english(worked: House) -> None:
    now = time.time_ns() // 1000
    strain = overload.Strain(disk_free_gib=3.0)
    told, _ = overload.Overload().judge(strain, now - SECOND)
    await beacons.happen(worked.database, *told)
    async with await worked.http("all") as http:
        asked = {"at": instants.to_text(now), "lang": "en"}
        text = (await http.get("reports/shift.csv", params=asked)).content.decode("utf-8-sig")
    standing = [
        row[2:5]
        for row in csv.reader(io.StringIO(text))
        if row[1] == "Active at the end of the span"
    ]
    assert ["yellow", "Server disk space (disk)", "Server disk space"] in standing
    assert "服务器" not in text


async def test_a_page_is_whole_and_runs_nothing(worked: House) -> None:
    async with await worked.http("510600") as http:
        answer = await http.get("reports/shift.html", params={"at": "2025-11-21T10:00:00+08:00"})
    page = answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert not re.search(r"<script|\ssrc=|\shref=|url\(|@import", page)
    for said in (
        "报警系统班次报告",
        "德阳市",
        "2025-11-21 早班",
        "Asia/Shanghai",
        "交班人",
        "接班人",
    ):
        assert said in page
    assert "[2nd]" in page


async def test_a_name_is_told_and_never_obeyed(worked: House) -> None:
    name = "=1+1 <img src=x onerror=alert(1)>"
    await beacons.rename(worked.database, NEAR, name)
    try:
        async with await worked.http(NEAR) as http:
            page = (await http.get("reports/day.html", params={"at": "2025-11-21"})).text
            sheet = (await http.get("reports/day.csv", params={"at": "2025-11-21"})).text
    finally:
        await beacons.rename(worked.database, NEAR, "某企业 E1")
    assert "<img" not in page
    assert "&lt;img src=x" in page
    cells = [cell for row in csv.reader(io.StringIO(sheet)) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("reports/month.html?at=2025-13", 422, "a month is written as 2026-11"),
        ("reports/day.pdf?at=soon", 422, "a day is written as 2026-11-21"),
        ("reports/shift.csv?at=2025-11-21", 422, "a shift is written as a time within it"),
        ("reports/day.html?at=2124-01-01", 422, "in the future"),
        ("reports/week.html", 422, "shift"),
        ("reports/day.docx", 422, "html"),
        ("reports/day.html?lang=fr", 422, "lang"),
        ("reports/day.html?region=999999", 404, "no region '999999' within your scope"),
        ("reports/day.html?region=440305", 404, "no region '440305' within your scope"),
        ("reports/day.html?region=510000", 404, "no region '510000' within your scope"),
        ("reports/day.html?enterprise=E2", 404, "no enterprise 'E2' within your scope"),
        ("reports/day.html?region=510603&enterprise=E1", 422, "not both"),
    ],
)
async def test_what_cannot_be_reported_is_a_problem(
    worked: House, path: str, status: int, says: str
) -> None:
    async with await worked.http("510603") as http:
        answer = await http.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json()["detail"]


async def test_nobody_gets_a_report(worked: House) -> None:
    async with worked.anonymous() as http:
        assert (await http.get("reports/day.pdf")).status_code == 401


async def test_a_span_that_runs_is_counted_so_far_and_says_so(worked: House) -> None:
    async with await worked.http(NEAR) as http:
        at = datetime.now(UTC).isoformat()
        running = await http.get("reports/shift.html", params={"at": at})
        over = await http.get("reports/shift.html")
    assert "时段尚未结束" in running.text
    assert over.status_code == 200
    assert "时段尚未结束" not in over.text
