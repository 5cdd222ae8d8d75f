from __future__ import annotations

import dataclasses
import datetime as dt
import html.parser
import io
import itertools
import re
import sys
import unicodedata
import zoneinfo
from collections import Counter

import defusedxml.ElementTree
import numpy as np
import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocator.config import DeploymentSection
from allocator.domain import Edit
from allocator.errors import ConfigError
from allocator.facts import note
from allocator.report.briefings.briefings import briefing_pages
from allocator.report.briefings.pdf import briefing_pdfs
from allocator.report.briefings.pdf_text import BOLD, MM, PLAIN, fit, kit_of_fonts, wrapped
from allocator.report.briefings.sheet_maps import MARK_MM, set_apart
from allocator.report.briefings.sheets import sheets
from allocator.report.briefings.wording import Clock, unit_marks
from allocator.report.look.stamp import EVALUATION_ONLY
from allocator.report.look.words import said

HOSTILE = '<script>alert("1")</script>\'&amp; \u202e\u2067אבג\u200f 😀 \U0001faf6 \x00\x1b{{ 7 * 7 }} ' + "x" * 10_000


@pytest.fixture(scope="module")
def pages(demo_run):
    return {path: page.decode("utf-8") for path, page in briefing_pages(demo_run).items()}


@pytest.fixture(scope="module")
def made(demo_run):
    return {shift.id: one for shift, one in zip(demo_run.roster.shifts, sheets(demo_run), strict=True)}


def only(run, n_shifts):
    """The run with its first shifts alone."""
    shifts = run.roster.shifts[:n_shifts]
    kept = {shift.id for shift in shifts}
    duty = frozenset(pair for pair in run.roster.duty if pair[1] in kept)
    edits = tuple(edit for edit in run.roster.edits if edit.shift in kept)
    return dataclasses.replace(run, roster=dataclasses.replace(run.roster, shifts=shifts, duty=duty, edits=edits))


def with_plan(run, **changes):
    return dataclasses.replace(run, plan=dataclasses.replace(run.plan, **changes))


def renamed(run, old, new):
    """The run with another name for a unit."""
    units = tuple(dataclasses.replace(u, name=new, skills=(new,)) if u.name == old else u for u in run.roster.units)
    duty = frozenset((new if unit == old else unit, shift) for unit, shift in run.roster.duty)
    visits, posts = (t.assign(unit=t["unit"].replace(old, new)) for t in (run.plan.visits, run.plan.assignments))
    run = dataclasses.replace(run, roster=dataclasses.replace(run.roster, units=units, duty=duty))
    return with_plan(run, visits=visits, assignments=posts)


class Elements(html.parser.HTMLParser):
    """What a page holds: ids, links, tags, and its text."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.ids, self.links, self.tags, self.texts = [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if "href" in given else []

    def handle_data(self, data):
        self.texts.append(data)


def text_of(pdf):
    # Lines are broken anywhere in long names, and so the text is compared without blanks.
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    return [re.sub(r"\s+", "", unicodedata.normalize("NFKC", page.extract_text())) for page in reader.pages], reader


def test_every_visit_is_on_one_sheet_of_its_unit_and_one_of_its_district(demo_run, made):
    zone = zoneinfo.ZoneInfo(demo_run.job.job.timezone)
    posted = demo_run.plan.assignments.set_index(["unit", "shift"])["district"]
    told = {}
    for shift, one in made.items():
        for sheet in one.sheets:
            for visit in sheet.visits:
                told.setdefault((shift, sheet.kind, sheet.name), []).append((visit.number, visit.times, visit.place))
    letters = {(shift, sheet.name, crew.unit): crew.mark for shift, one in made.items() for sheet in one.sheets
               for crew in sheet.crews}  # fmt: skip
    for visit in demo_run.plan.visits.itertuples():
        start, stop = (f"{at.astimezone(zone):%H:%M}" for at in (visit.start, visit.stop))
        district = posted[visit.unit, visit.shift]
        letter = letters[visit.shift, district, visit.unit]
        for kind, name, number in (
            ("unit", visit.unit, f"{visit.seq}"),
            ("district", district, f"{letter}{visit.seq}"),
        ):
            mine = [one for one in told[visit.shift, kind, name] if one[0] == number]
            assert len(mine) == 1
            assert mine[0][1] == f"{start}–{stop}"
            assert mine[0][2].endswith(f"cell {visit.cell}")
    n = len(demo_run.plan.visits)
    assert [sum(len(v) for (_, k, _), v in told.items() if k == kind) for kind in ("unit", "district")] == [n, n]


def test_every_unit_and_district_has_a_sheet_in_each_shift(demo_run, made):
    found = {(shift, sheet.kind, sheet.name) for shift, one in made.items() for sheet in one.sheets}
    wanted = {(shift, "unit", unit) for unit, shift in demo_run.roster.duty}
    wanted |= {
        (shift.id, "district", name) for shift in demo_run.roster.shifts for name in demo_run.surface.city.districts
    }
    assert found == wanted
    assert sum(len(one.sheets) for one in made.values()) == len(wanted)  # and none twice


def test_links_and_anchors_resolve(demo_run, pages):
    elements = {path.removeprefix("briefings/"): Elements(page) for path, page in pages.items()}
    assert len(elements) == 1 + len(demo_run.roster.shifts)
    for path, one in elements.items():
        assert len(one.ids) == len(set(one.ids))
        for link in one.links:
            file, _, anchor = link.partition("#")
            assert not anchor or anchor in elements[file or path].ids, link
    index = set(elements["index.html"].links)
    unit, shift = next(iter(demo_run.plan.visits[["unit", "shift"]].itertuples(index=False, name=None)))
    assert f"{shift.replace('/', '-')}.html#unit-{unit.lower()}" in index


def test_maps_are_sound_and_load_nothing(pages):
    for path, page in pages.items():
        assert not re.search(r"(?:src|href)=\"(?:https?:|//|data:)", page)
        drawings = re.findall(r"<svg.*?</svg>", page, flags=re.S)
        assert drawings or path.endswith("index.html")
        for drawing in drawings:
            defusedxml.ElementTree.fromstring(drawing)


def test_each_unit_map_has_its_numbers_in_order(made):
    for one in made.values():
        for sheet in one.sheets:
            if sheet.kind == "unit" and sheet.visits:
                numbers = [n for mark in sheet.map.marks for n in _numbers(mark.text)]
                assert sorted(numbers) == list(range(1, len(sheet.visits) + 1))
                assert len(sheet.map.way) == len(sheet.visits)


def _numbers(text):
    for part in text.split(","):
        low, _, high = part.partition("–")
        yield from range(int(low), int(high or low) + 1)


def test_every_sheet_carries_the_approval(demo_run, pages):
    approval = DeploymentSection(
        jurisdiction="Demo", authority="Council", approval_reference="R-1", expires=dt.date(2026, 12, 31)
    )
    job = demo_run.job.model_copy(update={"deployment": approval})
    approved = briefing_pages(only(dataclasses.replace(demo_run, job=job), 1))
    for files, words in ((pages, EVALUATION_ONLY), (approved, "Approved by Council (R-1)")):
        for path, page in files.items():
            text = page if isinstance(page, str) else page.decode("utf-8")
            assert text.count(words) >= max(1, text.count('class="sheet"')), path
            assert demo_run.job.job.note in text


def test_hostile_names_are_text(demo_run):
    unit = demo_run.plan.visits["unit"].iloc[0]
    run = only(renamed(demo_run, unit, HOSTILE), 1)
    visits = run.plan.visits.assign(reason="<img src=x onerror=alert(1)> \u202e", purpose="<b>urgent</b>")
    job = run.job.model_copy(update={"job": run.job.job.model_copy(update={"name": "<i>city</i>\u202e"})})
    edits = (Edit("pin", run.roster.shifts[0].id, unit=HOSTILE, who="<u>desk</u>", why="</style>"),)
    run = dataclasses.replace(run, job=job, roster=dataclasses.replace(run.roster, edits=edits))
    run = with_plan(run, visits=visits)
    page, index = (files.decode("utf-8") for path, files in sorted(briefing_pages(run).items()))
    for text, scripts in ((page, 0), (index, 1)):
        found = Elements(text)
        assert found.tags.count("script") == scripts  # the index has its own, for the filter
        assert not {"img", "u", "i"} & set(found.tags)
        assert "\x00" not in text
        whole = "".join(found.texts)
        assert '<script>alert("1")</script>\'&amp; \u202e' in whole
        assert "x" * 10_000 in whole
    assert "<bdi>" in page
    assert "<b><b>" not in page
    texts, reader = text_of(briefing_pdfs(run)["briefings/2026-03-02-day.pdf"])
    whole = "".join(texts)
    assert '<script>alert("1")</script>\'&amp;' in whole
    assert "[U+1F600][U+1FAF6]" in whole
    assert whole.count("x") > 10_000
    assert "אבג" in whole  # drawn from right to left, which the reader turns back
    assert reader.metadata.title.endswith("<i>city</i>, week of Mon 2 Mar 2026")


def test_a_pdf_holds_what_the_page_holds(demo_run, made):
    run = only(demo_run, 3)
    files = briefing_pdfs(run)
    assert files == briefing_pdfs(run)
    assert list(files) == [f"briefings/{one.file}.pdf" for one in itertools.islice(made.values(), 3)]
    for pdf, one in zip(files.values(), made.values(), strict=False):
        texts, reader = text_of(pdf)
        bookmarks = {entry.title: reader.get_destination_page_number(entry)
                     for entry in _flat(reader.outline)}  # fmt: skip
        assert list(bookmarks) == [f"{sheet.kind.capitalize()} {sheet.short}" for sheet in one.sheets]
        first = [*bookmarks.values(), len(texts)]
        assert first == sorted(set(first))
        for sheet, begin, end in zip(one.sheets, first[:-1], first[1:], strict=True):
            whole = "".join(texts[begin:end])
            for n, text in enumerate(texts[begin:end]):
                assert EVALUATION_ONLY.replace(" ", "") in text
                assert f"page{begin + n + 1}of{len(texts)}" in text
            for visit in sheet.visits:
                for words in (visit.times, visit.place, visit.number):
                    assert words.replace(" ", "") in whole
            for _, words in sheet.facts:
                assert words.replace(" ", "") in whole
        fonts = {
            str(font.get_object()["/BaseFont"])
            for page in reader.pages
            for font in page["/Resources"]["/Font"].values()
        }
        assert any("DejaVuSans" in font for font in fonts)


def _flat(entries):
    for entry in entries:
        if isinstance(entry, list):
            yield from _flat(entry)
        else:
            yield entry


def test_a_long_tour_goes_on_on_further_pages(demo_run):
    shift = demo_run.roster.shifts[0]
    visits = demo_run.plan.visits[demo_run.plan.visits["shift"] == shift.id].sort_values("start")
    unit = visits["unit"].iloc[0]
    run = only(with_plan(demo_run, visits=visits.assign(unit=unit, seq=np.arange(1, len(visits) + 1))), 1)
    (one,) = sheets(run)
    sheet = next(sheet for sheet in one.sheets if sheet.name == unit)
    assert len(sheet.visits) == len(visits) > 40
    texts, _ = text_of(briefing_pdfs(run)["briefings/2026-03-02-day.pdf"])
    mine = [text for text in texts if f"Unit{unit}" in text]
    assert len(mine) > 2
    for times, n in Counter(visit.times for visit in sheet.visits).items():
        assert sum(text.count(times) for text in mine) >= n
    assert sum(text.count("15min") for text in mine) >= len(visits)


def test_no_visits_and_units_on_reserve_are_said(demo_run):
    run = only(demo_run, 1)
    posts = run.plan.assignments.assign(district="")
    idle = with_plan(run, visits=run.plan.visits.iloc[:0], assignments=posts)
    (one,) = sheets(idle)
    units = [sheet for sheet in one.sheets if sheet.kind == "unit"]
    assert len(units) == len(run.roster.duty)
    assert all("on reserve" in dict(sheet.facts)["District"] for sheet in units)
    assert all(dict(sheet.facts)["Visits"] == "none planned in this shift" for sheet in one.sheets)
    need = idle.plan.staffing.set_index(["district", "shift"])["units_required"]
    for sheet in one.sheets:
        if sheet.kind == "district":
            lacking = need[sheet.name, run.roster.shifts[0].id]
            assert dict(sheet.facts)["Units"].endswith(f": {lacking} too few" if lacking else "0 required")
    assert b"on reserve in this shift" in briefing_pages(idle)["briefings/2026-03-02-day.html"]
    _, reader = text_of(briefing_pdfs(idle)["briefings/2026-03-02-day.pdf"])
    assert len(reader.pages) == len(one.sheets)


def test_what_the_plan_says_of_a_place_is_on_its_sheets_alone(demo_run):
    shift = demo_run.roster.shifts[0]
    post = demo_run.plan.assignments[demo_run.plan.assignments["shift"] == shift.id].iloc[0]
    unmet = (
        note("patrol.minimum_lowered", district=post.district, shift=shift.id, before=2, after=1),
        note("patrol.visits_dropped", count=24, total=99, share=0.1),
        note("patrol.band_raised", district="55", before=2, after=4),
    )
    edit = Edit("pin", shift.id, unit=post.unit, district=post.district, who="watch desk", why="school fair")
    run = only(dataclasses.replace(demo_run, roster=dataclasses.replace(demo_run.roster, edits=(edit,))), 2)
    first, second = sheets(with_plan(run, unmet=unmet))
    for one in (first, second):
        for sheet in one.sheets:
            here = sheet.name in (post.district, post.unit) and one is first
            by_hand = [text for text in sheet.remarks if "By hand (watch desk)" in text]
            assert bool(by_hand) == here, sheet.name
            assert not here or "school fair (kept)" in by_hand[0]
            assert not any("dropped" in text or "district 55" in text for text in sheet.remarks)
    lacking = {sheet.name for sheet in first.sheets for text in sheet.remarks if text.startswith("Not met")}
    posted = run.plan.assignments[run.plan.assignments["shift"] == shift.id]
    assert lacking == {post.district, *posted.loc[posted["district"] == post.district, "unit"]}
    limited = {sheet.name for sheet in first.sheets if any("beat 3a" in text for text in sheet.remarks)}
    assert limited == {"3", *posted.loc[posted["district"] == "3", "unit"]}


def test_times_name_their_zone_in_the_night_of_the_change(demo_run):
    job = demo_run.job.model_copy(update={"job": demo_run.job.job.model_copy(update={"timezone": "America/Chicago"})})
    made = list(sheets(dataclasses.replace(demo_run, job=job)))
    # 8 March 2026, 02:00 CST becomes 03:00 CDT: in this time zone the end of the demo's night shift.
    zoned = [one for one in made if one.zoned]
    assert [one.file for one in zoned] == ["2026-03-07-night"]
    for sheet in zoned[0].sheets:
        assert "CST" in sheet.when
        assert "CDT" in sheet.when
        assert any("The clocks change" in text for text in sheet.remarks)
        assert all(visit.times.count("CST") + visit.times.count("CDT") == 2 for visit in sheet.visits)


@settings(max_examples=150, deadline=None)
@given(
    start=st.datetimes(dt.datetime(2015, 1, 1), dt.datetime(2030, 1, 1)),
    minutes=st.integers(1, 12 * 60),
    share=st.floats(0, 1),
    zone=st.sampled_from(
        ["America/Chicago", "Europe/London", "Atlantic/Azores", "Australia/Lord_Howe", "Asia/Kolkata"]
    ),
)
def test_a_time_can_be_read_back(start, minutes, share, zone):
    start = start.replace(tzinfo=dt.UTC, second=0, microsecond=0)
    stop = start + dt.timedelta(minutes=minutes)
    at = start + dt.timedelta(minutes=int(minutes * share))
    clock = Clock(zone, start, stop)
    told = clock.time(at)
    local = zoneinfo.ZoneInfo(zone)
    same = [one for one in (start + dt.timedelta(minutes=n) for n in range(minutes + 1)) if clock.time(one) == told]
    assert same == [at]  # no two minutes of a shift are told alike
    assert told.startswith(f"{at.astimezone(local):%H:%M}")
    assert clock.span(start, stop).split("–")[0] == clock.time(start)
    if start.astimezone(local).date() != stop.astimezone(local).date():
        assert re.search(r"– \w{3} \d+ \w{3} \d\d:\d\d", clock.whole(start, stop))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(10, 80), st.floats(10, 60)), max_size=12, unique=True))
def test_marks_do_not_cover_each_other(places):
    marks = set_apart([(place, str(n)) for n, place in enumerate(places, 1)], (92, 72))
    for a, b in itertools.combinations(marks, 2):
        beside = abs(a.at[0] - b.at[0]) + 0.02 >= (a.width + b.width) / 2
        assert beside or abs(a.at[1] - b.at[1]) + 0.02 >= MARK_MM
    assert [mark.text for mark in marks] == [str(n) for n in range(1, len(places) + 1)]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400), st.sampled_from([PLAIN, BOLD]), st.floats(20, 120))
def test_lines_fit_and_nothing_is_lost(text, font, width):
    lines = wrapped(text, font, 7.0, width)
    measure = kit_of_fonts().metrics.stringWidth
    assert all(measure(line, font, 7.0) <= width * MM + 1e-6 for line in lines)
    if text.strip():
        assert "".join("".join(lines).split()) == "".join(fit(text, font).split())


def test_words_stay_in_their_place():
    assert said("a\u202eb\u2066c") == "abc"
    assert said("\u200f") == "–"
    assert said("a\x00\x1b\ud800b") == "a\ufffdb"
    assert said("abcdef", 4) == "abc…"
    marks = unit_marks(710)
    assert (marks[0], marks[25], marks[26], len(set(marks))) == ("A", "Z", "AA", 710)


def test_without_its_library_a_pdf_says_what_to_do(demo_run, monkeypatch):
    kit_of_fonts.cache_clear()
    monkeypatch.setitem(sys.modules, "reportlab.pdfgen", None)
    with pytest.raises(ConfigError, match=r"pip install 'allocator\[pdf\]'"):
        briefing_pdfs(demo_run)
