"""The roster as a workbook: parsed back, edited, given to the next run, and every way to spoil it."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import html
import io
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import allocator as al
import planning_city
from allocator.config import AllocationSection, Policy, RosterSection, StaffingSection
from allocator.domain import Edit, ForecastState, Openings, OutreachPlan, Run, Travel, Unit
from allocator.errors import DataError, InfeasibleError
from allocator.facts import texts
from allocator.io.duty.edits import read_edits
from allocator.io.duty.rosters import read_roster
from allocator.io.duty.workbook import OFF_DUTY, cell_text, read_workbook, row_check
from allocator.io.job import read_job
from allocator.io.tables.exports import csv_text
from allocator.pipeline.inputs import duty_of, ground_of
from allocator.planning.allocation.conflicts import naming_edits
from allocator.planning.allocation.problem import build_problem
from allocator.planning.patrol import plan_patrol
from allocator.report.roster import roster_xlsx
from places import write

DAY = "2017-12-25"
HOSTILE = (
    "<script>alert(1)</script>", "=1+1", "@SUM(A1:A9)", "+1", "-2", "'quoted\"", "\u202eRTL\u200f", "🚓🚓",
    "x" * 10_000, "n\x01ul\x1f", "a_x0041_b", "{=1}", "http://a.b", "007", "1E5", "TRUE", "#N/A", "=" * 40_000,
)  # fmt: skip


def picture(width=90, height=60) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(stream, "png", dpi=(130, 130))
    return stream.getvalue()


BARE = ForecastState(
    day=0, state=np.empty(0), half_lives=np.empty(0), bandwidths=np.empty(0), last=np.empty(0), exposure=np.empty(0),
    window=7, rate=np.empty(0), dispersion=np.empty(0),
)  # fmt: skip


def toy_run(job) -> Run:
    """A planned toy city of two days."""
    city = planning_city.square_city(8)
    roster = planning_city.roster_of(18, city=city)
    surface = planning_city.surface_of(city, roster)
    problem = build_problem(surface, roster, Policy(), allocation=AllocationSection(), staffing=StaffingSection())
    plan = plan_patrol(problem, surface, roster, allocation=AllocationSection(worth=False))
    return Run(
        job=job, surface=surface, roster=roster, problem=problem, plan=plan, outreach=OutreachPlan.none(),
        skill=pd.DataFrame(), model_text="", state=BARE, travel=Travel(city.x, city.y),
        openings=Openings(np.empty((0, city.n_cells), bool), *np.empty((2, 0, len(roster.shifts)), np.int64)),
        figures={}, manifest={},
    )  # fmt: skip


def renamed(run, names=(), districts=()) -> Run:
    """The run with other names for its first units and districts."""
    city, roster, plan = run.surface.city, run.roster, run.plan
    unit = {unit.name: unit.name for unit in roster.units} | {f"U{n:03d}": name for n, name in enumerate(names)}
    district = dict(zip(city.districts, [*districts, *city.districts[len(districts) :]], strict=True)) | {"": ""}
    units = tuple(
        dataclasses.replace(one, name=unit[one.name], home_district=district[one.home_district]) for one in roster.units
    )
    duty = frozenset((unit[name], shift) for name, shift in roster.duty)
    frames = {
        name: getattr(plan, name).replace({"unit": unit, "district": district, "home_district": district})
        for name in ("visits", "assignments", "staffing")
    }
    city = SimpleNamespace(**vars(city) | {"districts": tuple(district[name] for name in city.districts)})
    return dataclasses.replace(
        run, surface=dataclasses.replace(run.surface, city=city), plan=dataclasses.replace(plan, **frames),
        roster=dataclasses.replace(roster, units=units, duty=duty),
    )  # fmt: skip


@pytest.fixture(scope="module")
def job(demo_folder):
    return read_job(demo_folder / "job.toml")


@pytest.fixture(scope="module")
def toy(job):
    return toy_run(job)


@pytest.fixture(scope="module")
def made(toy):
    return roster_xlsx(toy, map_png=picture())


def parsed(content: bytes):
    return openpyxl.load_workbook(io.BytesIO(content))


def changed(folder, content: bytes, change, name="roster.xlsx") -> Path:
    """Write a workbook after a change with openpyxl, as a spreadsheet program would save it."""
    book = parsed(content)
    change(book)
    book.save(folder / name)
    return folder / name


def columns(sheet) -> dict[str, int]:
    return {cell.value: cell.column for cell in sheet[1]}


def row_of(sheet, unit: str) -> int:
    return next(cell.row for cell in sheet["A"] if cell.value == unit)


def typed(day, unit, district, who="watch desk", why="festival"):
    def change(book):
        sheet = book[day]
        at, row = columns(sheet), row_of(sheet, unit)
        for name, value in (("new district", district), ("who", who), ("why", why)):
            sheet.cell(row, at[name]).value = value

    return change


def taken(path, run, **options):
    return read_edits(path, roster=run.roster, city=run.surface.city, job=run.job.job.name, **options)


# --- as written ----------------------------------------------------------------------------------------------------


def test_the_sheets_hold_what_a_lieutenant_needs(toy, made):
    book = parsed(made)
    assert book.sheetnames == ["about", DAY, "2017-12-26", "edits", "staffing", "map", "lists"]
    assert book["lists"].sheet_state == "hidden"
    for day in (DAY, "2017-12-26"):
        sheet, at = book[day], columns(book[day])
        assert list(at)[:8] == ["unit", "shift", "start", "stop", "district", "new district", "who", "why"]
        assert sheet.freeze_panes == "B2"
        assert sheet.auto_filter.ref == f"A1:O{sheet.max_row}"
        assert sheet.print_title_rows == "$1:$1"
        assert sheet.page_setup.orientation == "landscape"
        assert sheet.protection.sheet
        assert sheet.protection.password is None
        open_to = {sheet.cell(1, c).value for c in at.values() if not sheet.cell(2, c).protection.locked}
        assert open_to == {"new district", "who", "why"}
        assert sheet.column_dimensions["P"].hidden
        on_duty = [(unit, shift) for unit, shift in toy.roster.duty if shift.startswith(day)]
        assert sheet.max_row - 1 == len(on_duty)
    (rule,) = [one for one in book[DAY].data_validations.dataValidation if one.type == "list"]
    assert rule.formula1 == "lists!$D$2:$D$6"
    assert [cell.value for cell in book["lists"]["D"][1:6]] == ["1", "2", "3", "4", OFF_DUTY]
    ranges = {str(one.sqref): one.formula1 for one in book["edits"].data_validations.dataValidation}
    assert ranges["C2:C201"] == "lists!$C$2:$C$19"
    assert [cell.value for cell in book["edits"][1]] == [
        "action", "shift", "unit", "district", "cell", "who", "why", "applied",
    ]  # fmt: skip
    about = " ".join(str(cell.value) for cell in book["about"]["A"])
    for words in (toy.job.job.name, "2017-12-25 to 2017-12-26", "Evaluation only", "--edits roster.xlsx"):
        assert words in about
    assert len(book["map"]._images) == 1
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert "expected harm by cell" in archive.read("xl/drawings/drawing1.xml").decode()


def test_the_rows_are_those_of_the_plan(toy, made):
    sheet = parsed(made)[DAY]
    at = columns(sheet)
    plan, seen = toy.plan, set()
    for row in range(2, sheet.max_row + 1):
        values = {name: sheet.cell(row, column).value for name, column in at.items()}
        shift = f"{DAY}/{values['shift']}"
        own = plan.of_unit(values["unit"])
        own = own[own["shift"] == shift]
        posted = plan.assignments
        posted = posted[(posted["unit"] == values["unit"]) & (posted["shift"] == shift)]
        assert [values["district"]] == posted["district"].tolist()
        assert values["visits"] == len(own)
        if len(own):
            first = own["start"].min().tz_convert(toy.job.job.timezone)
            assert values["first visit"] == f"{first:%H:%M}"
            assert values["minutes"] == round((own["stop"] - own["start"]).dt.total_seconds().sum() / 60)
            assert set(values["beats"].split(", ")) <= {"north", "south"}
        seen.add((values["unit"], shift))
    assert seen == {pair for pair in toy.roster.duty if pair[1].startswith(DAY)}


def test_the_same_run_gives_the_same_bytes(toy, made, job):
    assert roster_xlsx(toy, map_png=picture()) == made
    assert roster_xlsx(toy_run(job), map_png=picture()) == made
    toy.surface.city.beats, beats = (), toy.surface.city.beats
    cells = parsed(roster_xlsx(toy, map_png=picture()))[DAY]
    toy.surface.city.beats = beats
    assert "cells" in columns(cells)


def test_a_day_without_visits_and_a_unit_in_reserve(toy, tmp_path):
    posted = toy.plan.assignments
    reserve = posted["district"].mask(posted["unit"] == "U001", "")
    plan = dataclasses.replace(
        toy.plan, visits=toy.plan.visits.iloc[:0],
        assignments=posted.assign(district=reserve)[posted["shift"].str.startswith(DAY)],
    )  # fmt: skip
    run = dataclasses.replace(toy, plan=plan)
    book = parsed(roster_xlsx(run, map_png=picture(30, 300)))
    row, at = row_of(book[DAY], "U001"), columns(book[DAY])
    assert [book[DAY].cell(row, at[name]).value for name in ("district", "visits", "beats")] == ["reserve", 0, None]
    assert book["2017-12-26"].max_row == 1
    path = changed(tmp_path, roster_xlsx(run, map_png=picture()), typed(DAY, "U001", "1"))
    assert taken(path, run)[0][0].district == "1"


def test_hostile_names_are_text_everywhere(toy, job, tmp_path):
    run = renamed(toy, HOSTILE, ("=cmd|'/c calc'!A1", "<b>", "\u202edistrict", "d" * 300))
    evil = job.model_copy(update={"job": job.job.model_copy(update={"name": "=1+1 & <b>\u202e" + "j" * 40_000})})
    edits = [Edit("pin", f"{DAY}/day", HOSTILE[1], who="=HYPERLINK(1)", why="-why " * 9_000)]
    run = dataclasses.replace(run, job=evil, roster=dataclasses.replace(run.roster, edits=tuple(edits)))
    content = roster_xlsx(run, map_png=picture())
    book = parsed(content)
    for sheet in book.worksheets:
        assert not [cell.coordinate for row in sheet.iter_rows() for cell in row if cell.data_type in "fe"]
        assert not [cell.coordinate for row in sheet.iter_rows() for cell in row if cell.hyperlink]
    shown = {cell.value for day in (DAY, "2017-12-26") for cell in book[day]["A"]}
    assert {cell_text(name) for name in HOSTILE} <= shown
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        strings = archive.read("xl/sharedStrings.xml").decode()
        footer = (
            archive.read("xl/worksheets/sheet2.xml").decode().partition("<oddFooter>")[2].partition("</oddFooter>")[0]
        )
    assert "<script>" not in strings
    assert html.unescape(footer).startswith("&L&8 =1+1 && <b>")
    assert len(html.unescape(footer)) <= 255
    (tmp_path / "roster.xlsx").write_bytes(content)
    read, _ = taken(tmp_path / "roster.xlsx", run)
    assert (read[0].unit, read[0].who) == (HOSTILE[1], "=HYPERLINK(1)")
    day = tmp_path / "typed.xlsx"
    pairs = sorted(pair for pair in run.roster.duty if pair[1] == f"{DAY}/evening")
    book = parsed(content)
    for unit, _ in pairs:
        sheet = book[DAY]
        row = next(
            cell.row for cell in sheet["A"]
            if cell.value == cell_text(unit) and sheet.cell(cell.row, 2).value == "evening"
        )  # fmt: skip
        for column, text in ((6, run.surface.city.districts[1]), (7, "desk"), (8, "why")):
            sheet.cell(row, column).value = text
            sheet.cell(row, column).data_type = "s"
    book.save(day)
    found, _ = taken(day, run)
    assert {(edit.unit, edit.shift, edit.district) for edit in found[:-1]} == {(*pair, "<b>") for pair in pairs}


NAMES = st.text(
    st.one_of(st.characters(exclude_categories=("Cs",)), st.sampled_from("=+-@'\"<>&\x00\x0b\ufffe_x")), min_size=1,
    max_size=40,
).map(str.strip).filter(bool)  # fmt: skip


@given(names=st.lists(NAMES, min_size=3, max_size=3, unique=True), place=NAMES, who=NAMES, why=NAMES)
@settings(max_examples=25, deadline=None)
def test_any_name_survives_writing_and_reading(toy, tmp_path_factory, names, place, who, why):
    names, place = [f"{name}." for name in names], f"{place}."  # unlike those that there are
    edits = [Edit("pin", f"{DAY}/day", name, place, who=who, why=why) for name in names]
    run = renamed(toy, names, (place,))
    run = dataclasses.replace(run, roster=dataclasses.replace(run.roster, edits=tuple(edits)))
    path = tmp_path_factory.mktemp("any") / "roster.xlsx"
    path.write_bytes(roster_xlsx(run, map_png=picture()))
    found = read_workbook(path, roster=run.roster, districts=run.surface.city.districts, job=run.job.job.name)
    assert found.faults == ()
    (_, table) = found.tables[-1]
    rows = table[table["action"] != ""]
    assert rows["unit"].tolist() == names
    assert set(rows["district"]) == {place}
    assert set(rows["who"]) == {cell_text(who).strip()}


def test_cell_text_keeps_texts_apart():
    assert cell_text("plain 🚓 =1") == "plain 🚓 =1"
    assert cell_text("a\x01").startswith("a␁ [")
    assert cell_text("a\ufffe") != cell_text("a\uffff")
    long = [cell_text("x" * 40_000 + end) for end in "ab"]
    assert long[0] != long[1]
    assert max(map(len, long)) < 32_767
    assert "shortened from 40,001 characters" in long[0]
    assert len(cell_text("🚓" * 20_000).encode("utf-16-le")) // 2 < 32_767
    assert row_check({"a": "1", "b": ""}) == row_check({"b": " ", "a": "1"}) != row_check({"b": "1"})


# --- read back -----------------------------------------------------------------------------------------------------


def test_an_untouched_workbook_holds_no_edits(toy, made, tmp_path):
    (tmp_path / "roster.xlsx").write_bytes(made)
    assert taken(tmp_path / "roster.xlsx", toy) == ((), ())
    path = changed(tmp_path, made, lambda book: None, "resaved.xlsx")
    assert taken(path, toy) == ((), ())


def test_what_is_typed_comes_back_with_who_and_why(toy, made, tmp_path):
    def change(book):
        typed(DAY, "U001", 3)(book)  # a spreadsheet may make a number of it
        typed("2017-12-26", "U004", "Off duty", who="captain", why="training")(book)
        rows = [
            ("pin", f"{DAY}/night", None, None, 17.0, "sergeant", "vigil", None),
            ("forbid", f"{DAY}/evening", "U000", "2", None, "watch desk", "=not a formula"),
        ]
        for row, values in enumerate(rows, 3):
            for column, value in enumerate(values, 1):
                book["edits"].cell(row, column).value = value
        book["edits"].cell(4, 7).data_type = "s"
        book["edits"].cell(5, 8).value = "kept"  # what is left of a row that was cleared
        sheet = book[DAY]  # sorted by hand, as a filter's menu does
        rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)]
        for row, values in enumerate(sorted(rows, key=lambda one: one[4], reverse=True), 2):
            for column, value in enumerate(values, 1):
                sheet.cell(row, column).value = value
        book.create_sheet("remarks")["A1"] = "mine"

    found, notes = taken(changed(tmp_path, made, change), toy)
    shift = next(shift for unit, shift in sorted(toy.roster.duty) if unit == "U001" and shift.startswith(DAY))
    off = next(shift for unit, shift in sorted(toy.roster.duty) if unit == "U004" and shift > DAY + "z")
    assert found == (
        Edit("pin", shift, "U001", "3", who="watch desk", why="festival"),
        Edit("forbid", off, "U004", who="captain", why="training"),
        Edit("pin", f"{DAY}/night", cell=17, who="sergeant", why="vigil"),
        Edit("forbid", f"{DAY}/evening", "U000", "2", who="watch desk", why="=not a formula"),
    )
    assert tuple(texts(notes)) == ("roster.xlsx: sheets not read: 'remarks'",)


def test_a_simple_sheet_made_by_hand_is_read(toy, tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["Action", "shift", "unit", "district", "cell", "who", "why"])
    book.active.append(["pin", f"{DAY}/evening", "U000", 2, None, "desk", dt.date(2017, 12, 1)])
    book.active.append([])
    book.active.append(["pin", f"{DAY}/evening", "U000", 3, None, "=A1", "x"])
    book.save(tmp_path / "mine.xlsx")
    with pytest.raises(DataError, match=r"mine.xlsx has 2 faults[\s\S]*row 4: F4 holds a formula[\s\S]*who is blank"):
        taken(tmp_path / "mine.xlsx", toy)
    book.active["F4"] = "desk"
    book.save(tmp_path / "mine.xlsx")
    with pytest.raises(DataError, match="sheet Sheet, rows 2 and 4: unit U000 is pinned to two districts, 2 and 3,"):
        taken(tmp_path / "mine.xlsx", toy)
    book.active.delete_rows(4)
    book.save(tmp_path / "mine.xlsx")
    ((edit,), _) = taken(tmp_path / "mine.xlsx", toy)
    assert (edit.district, edit.why) == ("2", "2017-12-01")
    book.create_sheet("more")["A1"] = 1
    book.save(tmp_path / "mine.xlsx")
    with pytest.raises(DataError, match="no sheet 'edits'; it has 'Sheet', 'more'"):
        taken(tmp_path / "mine.xlsx", toy)


def set_cell(sheet, cell, value):
    def change(book):
        book[sheet][cell] = value

    return change


def add_edit(*values):
    def change(book):
        for column, value in enumerate(values, 1):
            book["edits"].cell(2, column).value = value

    return change


def double(book):
    rows = [[cell.value for cell in row] for row in book[DAY].iter_rows(min_row=2, max_row=3)]
    for column, value in enumerate(rows[0], 1):
        book[DAY].cell(3, column).value = value


def together(*changes):
    def change(book):
        for one in changes:
            one(book)

    return change


SPOILT = {
    "unknown district": (typed(DAY, "U001", "9"), [f"sheet {DAY}, row ", "unknown district '9'"]),
    "no who, no why": (typed(DAY, "U001", "3", None, None), ["who is blank", "why is blank"]),
    "who without district": (typed(DAY, "U001", None), ["new district is blank: pick a district"]),
    "a contact": (typed(DAY, "U001", "3", who="a.b@c.org"), ["who looks like an e-mail address"]),
    "unknown unit": (add_edit("pin", f"{DAY}/day", "U0001", "1", None, "d", "w"),
                     ["sheet edits, row 2: unknown unit 'U0001' (did you mean 'U001'?)"]),
    "off duty": (add_edit("pin", f"{DAY}/day", "U000", "1", None, "d", "w"),
                 [f"sheet edits, row 2: unit U000 is not on duty in {DAY}/day"]),
    "contradiction": (
        together(typed(DAY, "U001", "3"), add_edit("pin", f"{DAY}/day", "U001", "1", None, "d", "w")),
        [f"sheet {DAY}, row ", " and sheet edits, row 2: unit U001 is pinned to two districts, 3 and 1,"]),
    "a formula": (set_cell(DAY, "G2", "=1+1"), [f"sheet {DAY}, row 2: G2 holds a formula"]),
    "the plan overwritten": (set_cell(DAY, "E3", "4"),
                             [f"sheet {DAY}, row 3: it was changed outside the yellow cells: use new district"]),
    "staffing overwritten": (set_cell("staffing", "C2", 9), ["sheet staffing, row 2: it was changed", "only shows"]),
    "a row added": (set_cell(DAY, "A50", "U001"), [f"sheet {DAY}, row 50: it was added by hand", "the sheet edits"]),
    "a row deleted": (lambda book: book[DAY].delete_rows(4), [f"sheet {DAY}: 1 of 36 rows are missing"]),
    "a row copied": (double, [f"sheet {DAY}: rows were copied over others"]),
    "a day removed": (lambda book: book.remove(book[DAY]), [f"sheet {DAY} is missing", "fresh copy"]),
    "edits removed": (lambda book: book.remove(book["edits"]), ["sheet edits is missing"]),
    "lists removed": (lambda book: book.remove(book["lists"]), ["lacks the hidden sheet 'lists'"]),
    "another column": (set_cell(DAY, "F1", "district new"), [f"sheet {DAY}", "no column 'new district'"]),
    "an officer's name": (set_cell(DAY, "Q1", "officer name"), ["look personal"]),
}  # fmt: skip


@pytest.mark.parametrize("case", SPOILT)
def test_what_is_wrong_is_said_with_sheet_and_row(toy, made, tmp_path, case):
    change, words = SPOILT[case]
    with pytest.raises(DataError) as error:
        taken(changed(tmp_path, made, change), toy)
    for word in words:
        assert word in str(error.value)
    assert "roster.xlsx" in str(error.value)


def test_all_faults_of_a_workbook_at_once(toy, made, tmp_path):
    cases = [SPOILT[name][0] for name in ("unknown district", "the plan overwritten", "unknown unit")]
    cases.append(lambda book: book.remove(book["2017-12-26"]))
    with pytest.raises(DataError, match=r"roster.xlsx has 4 faults"):
        taken(changed(tmp_path, made, together(*cases)), toy)


def test_the_workbook_of_another_job_or_week_is_refused(toy, made, tmp_path):
    (tmp_path / "roster.xlsx").write_bytes(made)
    later = planning_city.roster_of(9, city=toy.surface.city, first_day=dt.date(2018, 1, 1))
    for roster, name in ((toy.roster, "Elsewhere"), (later, toy.job.job.name)):
        with pytest.raises(DataError, match="of another plan: of 'Demo city', 2017-12-25 to 2017-12-26, where this"):
            read_edits(tmp_path / "roster.xlsx", roster=roster, city=toy.surface.city, job=name)


BOMB = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">{}]><sst xmlns="{}"><si><t>&b;</t></si></sst>'
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def repacked(content: bytes, **parts: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, parts.get(name, old.read(name)))
        for name in set(parts) - set(old.namelist()):
            new.writestr(name, parts[name])
    return stream.getvalue()


def test_what_is_no_workbook_or_a_harmful_one_is_refused(toy, made, tmp_path):
    entity = {"<!ENTITY b '&a;&a;&a;'>", "<!ENTITY b SYSTEM 'file:///etc/passwd'>"}
    harmful = [
        (repacked(made, **{"xl/sharedStrings.xml": BOMB.format(one, MAIN).encode()}), "declares XML entities")
        for one in sorted(entity)
    ]
    broken = [
        (b"", "is empty"), (b"action,shift\n", "no workbook, whatever its name says"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "protected by a password, or an old .xls"), (made[:3000], "damaged"),
        (repacked(made, **{"xl/workbook.xml": b"<oops"}), "damaged"),
        (repacked(made, **{"xl/media/big.png": bytes(70 << 20)}), "unpacks to 7"),
        *harmful,
    ]  # fmt: skip
    for content, words in broken:
        (tmp_path / "roster.xlsx").write_bytes(content)
        with pytest.raises(DataError, match=words):
            taken(tmp_path / "roster.xlsx", toy)
    for name in ("roster.xls", "roster.ods"):
        (tmp_path / name).write_bytes(made)
        with pytest.raises(DataError, match=r"edits are read from .csv and .xlsx"):
            taken(tmp_path / name, toy)
    (tmp_path / "roster.csv").write_bytes(made)
    with pytest.raises(DataError, match="lacks 'action'"):  # read as what it is, a sheet without edits
        taken(tmp_path / "roster.csv", toy)


def test_a_damaged_workbook_is_one_clear_error(toy, made, tmp_path):
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist() if name.endswith((".xml", ".rels"))}
    refused = 0
    for _ in range(60):
        name = str(rng.choice(sorted(parts)))
        content = bytearray(parts[name])
        for at in rng.integers(0, len(content), 3):
            content[at] = rng.choice(list(b'<>"/ 0Az='))
        path = tmp_path / "roster.xlsx"
        path.write_bytes(repacked(made, **{name: bytes(content)}))
        try:
            taken(path, toy)
        except DataError:
            refused += 1
    assert refused > 10


# --- CSV -----------------------------------------------------------------------------------------------------------


def test_csv_tables_come_back_without_their_guard(toy, tmp_path):
    evil = tuple(name for name in HOSTILE[:8] if name.strip() == name)
    units = tuple(Unit(name) for name in evil)
    duty = [(name, f"{DAY}/day") for name in evil]
    shifts = toy.roster.shifts[:1]
    frame = pd.DataFrame([(name, DAY, "day") for name in evil], columns=["unit", "date", "shift"])
    (tmp_path / "duty.csv").write_text(csv_text(frame), "utf-8")
    (tmp_path / "units.csv").write_text(csv_text(pd.DataFrame({"unit": evil})), "utf-8")
    rows = list(csv.reader((tmp_path / "duty.csv").read_text("utf-8").splitlines()))
    assert not [row for row in rows if row[0].startswith(("=", "+", "-", "@"))]
    section = RosterSection(units=str(tmp_path / "units.csv"), duty=str(tmp_path / "duty.csv"))
    roster = read_roster(section, shifts=shifts, districts=toy.surface.city.districts)
    assert {unit.name for unit in roster.units} == {unit.name for unit in units}
    assert roster.duty == frozenset(duty)
    edits = [Edit("pin", f"{DAY}/day", name, "1", who="=desk", why="-why") for name in evil]
    frame = pd.DataFrame([dataclasses.asdict(edit) for edit in edits]).assign(cell="")
    (tmp_path / "edits.csv").write_text(csv_text(frame), "utf-8")
    found, _ = read_edits(tmp_path / "edits.csv", roster=roster, city=toy.surface.city)
    assert list(found) == edits


# --- whole runs ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def edited_book(demo_run, tmp_path_factory):
    """The workbook of the demo run after a lieutenant worked on it, and the edits meant."""
    day, shift = "2026-03-04", "2026-03-04/night"
    posted = demo_run.plan.assignments
    there = posted[posted["shift"] == shift].sort_values("unit")
    unit, now = there.iloc[0][["unit", "district"]]
    other = next(name for name in demo_run.surface.city.districts if name != now)
    visited = set(demo_run.plan.visits.loc[demo_run.plan.visits["shift"] == shift, "cell"])
    cell = next(c for c in range(demo_run.surface.city.n_cells) if c not in visited)
    cell = next(
        c for c in range(cell, demo_run.surface.city.n_cells)
        if c not in visited and demo_run.surface.city.district[c] >= 0
    )  # fmt: skip

    def change(book):
        sheet = book[day]
        at = columns(sheet)
        row = next(
            cell.row for cell in sheet["A"]
            if cell.value == unit and sheet.cell(cell.row, at["shift"]).value == "night"
        )  # fmt: skip
        for name, value in (("new district", other), ("who", "watch desk"), ("why", "festival")):
            sheet.cell(row, at[name]).value = value
        add_edit("pin", shift, None, None, cell, "=captain", "vigil")(book)
        book["edits"]["F2"].data_type = "s"

    folder = tmp_path_factory.mktemp("edited")
    path = changed(folder, roster_xlsx(demo_run, map_png=picture()), change)
    meant = (
        Edit("pin", shift, unit, other, who="watch desk", why="festival"),
        Edit("pin", shift, cell=cell, who="=captain", why="vigil"),
    )
    return path, meant


def test_edits_of_a_workbook_reach_the_next_run(edited_book, demo_folder, call, tmp_path):
    path, meant = edited_book
    code, out, err = call(
        "run", demo_folder / "job.toml", "--edits", path, "--out", tmp_path / "again", "--set", "risk.model=mixture",
        "--set", "routes.runs=1", "--set", "allocation.worth=false",
    )  # fmt: skip
    assert code == 0, err
    assert "2 of 2 are respected" in " ".join(out.split())
    run = al.load_run(tmp_path / "again")
    assert run.roster.edits == meant
    assert [run.plan.outcome(edit) for edit in meant] == ["kept", "kept"]
    assert run.job.roster.edits == str(path)
    assert run.manifest["inputs"]["roster.edits"]["path"] == str(path)
    content = roster_xlsx(run, map_png=picture())
    listed = [[cell.value for cell in row] for row in parsed(content)["edits"].iter_rows(min_row=2, max_row=3)]
    assert [row[5:] for row in listed] == [["watch desk", "festival", "kept"], ["=captain", "vigil", "kept"]]
    (tmp_path / "next.xlsx").write_bytes(content)
    assert taken(tmp_path / "next.xlsx", run)[0] == meant


def test_bad_edits_end_with_a_clear_message(edited_book, demo_folder, demo_run, call, tmp_path):
    path, _ = edited_book
    out = tmp_path / "never"
    code, _, err = call("run", demo_folder / "job.toml", "--edits", tmp_path / "none.xlsx", "--out", out, "-q")
    assert code == 2
    assert "there is no file" in err
    code, _, err = call("run", demo_folder / "job.toml", "--week", "2026-02-23", "--edits", path, "--out", out, "-q")
    assert code == 3
    assert "of another plan" in err
    shift = "2026-03-04/evening"
    units = sorted(unit for unit, on in demo_run.roster.duty if on == shift)
    header = "action,shift,unit,district,cell,who,why"
    rows = [f"forbid,{shift},{unit},,,watch desk,training" for unit in units]
    write(tmp_path, "all.csv", header, *rows)
    code, _, err = call("run", demo_folder / "job.toml", "--edits", tmp_path / "all.csv", "--out", out, "-q")
    assert code == 3
    assert f"hand edits leave no unit on duty in {shift}" in err
    write(tmp_path, "most.csv", header, *rows[1:])
    code, _, err = call("run", demo_folder / "job.toml", "--edits", tmp_path / "most.csv", "--out", out, "-q")
    assert code == 4
    assert "hand edits bear on it" in err
    assert f"made by hand: forbid of {units[1]} in {shift} by watch desk (training)" in err
    assert not out.exists()


def test_pins_that_leave_too_few_elsewhere_are_named(demo_run, demo_folder):
    shift = "2026-03-04/evening"
    units = sorted(unit for unit, on in demo_run.roster.duty if on == shift)
    write(demo_folder, "pins.csv", "action,shift,unit,district,cell,who,why",
          *[f"pin,{shift},{unit},1,,captain,parade" for unit in units])  # fmt: skip
    job = read_job(demo_folder / "job.toml")
    job = job.model_copy(update={"roster": job.roster.model_copy(update={"edits": str(demo_folder / "pins.csv")})})
    there = duty_of(ground_of(job), soften=True)
    roster, problem = there.roster, there.terms.valued(demo_run.surface)
    with pytest.raises(InfeasibleError, match="made by hand: pin of") as error, naming_edits(roster.edits):
        plan_patrol(problem, demo_run.surface, roster, allocation=job.allocation)
    assert "parade" in str(error.value)
