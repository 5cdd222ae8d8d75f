"""The roster of a run as a workbook: to look at, print, edit and give back to `allocator run --edits`."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import zoneinfo
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xlsxwriter

from allocator.domain import Run, Shift
from allocator.io.duty import cell_text
from allocator.io.duty import workbook as form
from allocator.report.look import mark
from allocator.report.run import map_png as drawn_map

_TABLE_HEADER = "#1F3A5F"
_TO_TYPE = "#FFF7CC"
_BLANK_ROWS = 200
"""Rows of the sheet `edits` below those filled in that have drop-down lists."""
_RESERVE = "reserve"
_PAGE_INCHES = (10.0, 6.6)  # of a landscape page, inside the margins of A4 and of Letter
_ABOUT_LINE = 90  # characters that fit into a width of 100 in every font
_MOST_FOOTER = 200  # of the 255 characters of a footer

_DAY_WIDTHS = {
    "unit": 11, "shift": 10, "start": 7, "stop": 7, "district": 10, form.NEW_DISTRICT: 12, "who": 16, "why": 26,
    "type": 9, "home district": 10, "visits": 8, "minutes": 10, "first visit": 8, "last visit": 8, "beats": 40,
    "cells": 40,
}  # fmt: skip
_IDLE = {"visits": 0, "minutes": 0, "first visit": "", "last visit": "", "beats": "", "cells": ""}
_LEFT = {"unit", "shift", "type", "beats", "cells"}  # columns of words; the others are centred
_EDIT_WIDTHS = (9, 22, 12, 10, 8, 20, 44, 34)


def roster_xlsx(run: Run, *, map_png: bytes | None = None) -> bytes:
    """Return the roster of a run as a workbook (XLSX).

    One sheet per local day has a row for each unit on duty in a shift, with yellow cells for another district, who
    decided and why; `edits` lists the hand edits and what became of them, with room for more. `io.read_edits` reads
    both back. No cell holds a formula, whatever the names look like; the same run gives the same bytes.

    Parameters
    ----------
    run : Run
        From `run` or `load_run`.
    map_png : bytes, optional
        Picture of the sheet `map`, if it was drawn before; by default it is drawn here.
    """
    stream = io.BytesIO()
    first_day = run.roster.shifts[0].day
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(stream, options) as book:
        created = dt.datetime.combine(first_day, dt.time())  # the clock would give other bytes each time
        book.set_properties({"title": cell_text(f"Roster: {run.job.job.name}")[:255], "created": created})
        pen = _Pen.of(book, run)
        checks = {}
        _about(pen, run)
        tables = _day_tables(run)
        for day, table in tables.items():
            checks[day] = _day_sheet(pen, day, table, len(run.surface.city.districts))
        _edit_sheet(pen, run)
        checks[form.STAFFING] = _staffing_sheet(pen, run)
        _map_sheet(pen, run, drawn_map(run) if map_png is None else map_png)
        _list_sheet(pen, run, checks)
    return stream.getvalue()


Untyped = Any
"""What is XlsxWriter's: it has no types."""


@dataclass(frozen=True)
class _Pen:
    """A workbook and how its cells look."""

    book: Untyped
    footer: str
    header: Untyped
    plain: Untyped
    centred: Untyped
    typed: Untyped
    number_typed: Untyped
    wrong: Untyped
    title: Untyped
    words: Untyped

    @classmethod
    def of(cls, book: Untyped, run: Run) -> _Pen:
        name, said = (_for_footer(text, _MOST_FOOTER // 2) for text in (run.job.job.name, mark(run.job, run.plan)))
        edge = {"border": 1, "border_color": "#BBBBBB"}
        typed = {**edge, "bg_color": _TO_TYPE, "locked": False, "valign": "top"}
        return cls(
            book=book,
            footer=f"&L&8 {name} - {said}&R&8&A, &P of &N",  # the blank: a name may begin with a digit
            header=book.add_format(
                {"bold": True, "font_color": "white", "bg_color": _TABLE_HEADER, "text_wrap": True, "valign": "top"}
            ),
            plain=book.add_format({**edge, "valign": "top"}),
            centred=book.add_format({**edge, "valign": "top", "align": "center"}),
            # Text, so that a district 0111 or a unit 3-12 stays what was typed.
            typed=book.add_format({**typed, "num_format": "@"}),
            number_typed=book.add_format(typed),
            wrong=book.add_format({"bg_color": "#F4B6B0"}),
            title=book.add_format({"bold": True, "font_size": 16}),
            words=book.add_format({"text_wrap": True, "valign": "top"}),
        )

    def sheet(self, title: str, columns: Sequence[str], widths: Iterable[float]) -> Untyped:
        """Add a sheet with a header row that stays in sight and is repeated in print."""
        sheet = self.book.add_worksheet(title)
        for column, (name, width) in enumerate(zip(columns, widths, strict=True)):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, name, self.header)
        sheet.set_row(0, 30)
        sheet.freeze_panes(1, 1)
        sheet.repeat_rows(0)
        self.page(sheet)
        return sheet

    def page(self, sheet: Untyped, *, high: int = 0) -> None:
        """Print a sheet across one page, on as many below each other as it takes or on `high`."""
        sheet.set_landscape()
        sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
        sheet.fit_to_pages(1, high)
        sheet.set_footer(self.footer)
        # Names of districts and units may be numbers, and are text.
        sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})
        sheet.protect("", {"autofilter": True, "format_columns": True, "format_rows": True, "sort": True})

    def write(self, sheet: Untyped, row: int, values: Sequence[object], looks: Sequence[Untyped]) -> None:
        """Write a row: numbers as numbers, all else as text."""
        for column, (value, look) in enumerate(zip(values, looks, strict=True)):
            if isinstance(value, (int, float)):
                sheet.write_number(row, column, value, look)
            elif text := cell_text(str(value)):
                sheet.write_string(row, column, text, look)
            else:
                sheet.write_blank(row, column, None, look)


def _for_footer(text: str, most: int) -> str:
    """Return a text on one line, `&` doubled as footers ask, in at most so many characters."""
    line = " ".join(cell_text(text[: 2 * most]).split())
    whole = line.replace("&", "&&")
    if len(whole) <= most and len(text) <= 2 * most:
        return whole
    return next(cut for n in range(most, -1, -1) if len(cut := line[:n].replace("&", "&&") + "…") <= most)


def _about(pen: _Pen, run: Run) -> None:
    job, shifts = run.job.job, run.roster.shifts
    sheet = pen.book.add_worksheet(form.ABOUT)
    pen.page(sheet)
    sheet.set_column(0, 0, 100)
    sheet.hide_gridlines(2)
    changed = _changed_at(run)
    lines = [
        f"Week of {shifts[0].day} to {max(shift.day for shift in shifts)}. All times are local ({job.timezone}).",
        mark(run.job, run.plan),
        job.note,
        f"Changed after it was made, from {changed} on: this workbook is to look at. Edits of the whole week go into "
        "the workbook of the plan before."
        if changed
        else "",
        "To change the plan, type in the yellow cells.",
        "1. Another district: open the sheet of the day, find the unit, and pick its new district from the list, or "
        f"'{form.OFF_DUTY}'. Beside it, say who decided (a desk or a rank, never a person) and why.",
        f"2. A visit to a cell, a unit more on duty, or a unit kept from a district: add a row to the sheet "
        f"'{form.EDITS}'. It also lists the changes made before; clear a row to take it back.",
        "3. Save the workbook as .xlsx, and plan again: allocator run JOB --edits roster.xlsx. "
        f"The new workbook tells in '{form.EDITS}' what became of each change.",
        "All other cells show the plan and are locked (no password); a change there is refused, not lost.",
    ]
    sheet.write_string(0, 0, cell_text(job.name), pen.title)
    for row, line in enumerate((line for line in lines if line), 1):
        text = cell_text(line)
        sheet.set_row(row, 16.0 * -(-len(text) // _ABOUT_LINE) + 4)  # LibreOffice does not find the height itself
        sheet.write_string(row, 0, text, pen.words)
    sheet.activate()


def _changed_at(run: Run) -> str:
    """Return when the plan was last changed after it was made; blank if never."""
    changes = run.manifest.get("replanned", [])
    return str(changes[-1]["at"]) if changes else ""


def _day_tables(run: Run) -> dict[str, pd.DataFrame]:
    """Return the units on duty of each local day, by shift, district and unit."""
    units, zone = {unit.name: unit for unit in run.roster.units}, zoneinfo.ZoneInfo(run.job.job.timezone)
    order = {name: d for d, name in enumerate(run.surface.city.districts)}
    posted = run.plan.assignments
    ordered = posted.assign(place=posted["district"].map(order).fillna(len(order))).sort_values(["place", "unit"])
    by_shift = dict(iter(ordered.groupby("shift", sort=False)))
    done = _done(run)
    tables: dict[str, list[dict[str, object]]] = {shift.day.isoformat(): [] for shift in run.roster.shifts}
    for shift in run.roster.shifts:
        for one in by_shift.get(shift.id, posted.iloc[:0]).itertuples():
            unit = units[one.unit]
            tables[shift.day.isoformat()].append({
                "unit": unit.name, "shift": shift.name, **_hours(shift, zone), "district": one.district or _RESERVE,
                **dict.fromkeys(form.TYPED, ""), "type": unit.type, "home district": unit.home_district,
                **done.get((one.unit, shift.id), _IDLE),
            })  # fmt: skip
    columns = [name for name in _DAY_WIDTHS if name != ("cells" if run.surface.city.beats else "beats")]
    return {day: pd.DataFrame(rows, columns=columns, dtype="object") for day, rows in tables.items()}


def _hours(shift: Shift, zone: dt.tzinfo) -> dict[str, object]:
    return {name: f"{getattr(shift, name).astimezone(zone):%H:%M}" for name in ("start", "stop")}


def _done(run: Run) -> dict[tuple[str, str], dict[str, object]]:
    """Return what each unit does in a shift: visits, minutes, local times, and the beats (or cells) in their order."""
    visits, city = run.plan.visits, run.surface.city
    if not len(visits):
        return {}
    zone, cells = zoneinfo.ZoneInfo(run.job.job.timezone), visits["cell"].to_numpy()
    names = np.array([*city.beats, ""], dtype=object)[np.asarray(city.beat)[cells]] if city.beats else cells.astype(str)
    table = pd.DataFrame({
        "unit": visits["unit"], "shift": visits["shift"], "place": names, "start": visits["start"],
        "stop": visits["stop"], "minutes": (visits["stop"] - visits["start"]).dt.total_seconds() / 60,
    }).sort_values("start", kind="stable")  # fmt: skip
    grouped = table.groupby(["unit", "shift"], sort=False)
    totals = grouped.agg(visits=("start", "size"), minutes=("minutes", "sum"), first=("start", "min"),
                        last=("stop", "max"))  # fmt: skip
    places = grouped["place"].agg(lambda own: ", ".join(dict.fromkeys(place for place in own if place)))
    what = "beats" if city.beats else "cells"
    clock = {name: totals[name].dt.tz_convert(zone).dt.strftime("%H:%M") for name in ("first", "last")}
    return {
        key: {"visits": n, "minutes": round(minutes), "first visit": first, "last visit": last, what: place}
        for key, n, minutes, first, last, place in zip(
            totals.index, totals["visits"], totals["minutes"], clock["first"], clock["last"], places, strict=True
        )
    }


def _day_sheet(pen: _Pen, day: str, table: pd.DataFrame, n_districts: int) -> str:
    """Write the sheet of a day and return the check of its rows."""
    columns = list(table.columns)
    sheet = pen.sheet(day, columns, [_DAY_WIDTHS[name] for name in columns])
    sheet.set_tab_color("#E6B800")
    check = _rows(pen, sheet, table, typed=form.TYPED)
    first, last = columns.index(form.NEW_DISTRICT), max(len(table), 1)
    sheet.data_validation(1, first, last, first, {
        "validate": "list", "source": f"={form.LISTS}!$D$2:$D${n_districts + 2}",
        "input_title": "Another district?", "input_message": "Pick one, or 'off duty'; then say who decided and why.",
        "error_title": "Not in the list", "error_message": "Pick a district from the list, or 'off duty'.",
    })  # fmt: skip
    for column, title, message in (
        (first + 1, "Who decided?", "A desk or a rank, such as watch desk; never a person."),
        (first + 2, "Why?", "The reason in a few words; it goes into the plan."),
    ):
        sheet.data_validation(1, column, last, column, {
            "validate": "length", "criteria": "<=", "value": 32_000, "input_title": title, "input_message": message,
        })  # fmt: skip
    asked, who = (xlsxwriter.utility.xl_col_to_name(column) for column in (first, first + 1))
    sheet.conditional_format(1, first + 1, last, first + 2, {
        "type": "formula", "criteria": f'=AND(${asked}2<>"",{who}2="")', "format": pen.wrong,
    })  # fmt: skip
    return check


def _rows(pen: _Pen, sheet: Untyped, table: pd.DataFrame, *, typed: Sequence[str] = ()) -> str:
    """Write the rows of the plan, each with its check in a hidden column, and return the check of them all."""
    columns = list(table.columns)
    looks = [pen.typed if name in typed else pen.plain if name in _LEFT else pen.centred for name in columns]
    looks.append(pen.plain)
    checks = []
    for row, values in enumerate(table.itertuples(index=False, name=None), 1):
        own = {n: cell_text(str(value)) for n, value in zip(columns, values, strict=True) if n not in typed}
        checks.append(form.row_check(own))
        pen.write(sheet, row, [*values, checks[-1]], looks)
    sheet.write_string(0, len(columns), form.CHECK, pen.header)
    sheet.set_column(len(columns), len(columns), 14, None, {"hidden": True})
    sheet.autofilter(0, 0, max(len(table), 1), len(columns) - 1)
    return form.rows_check(checks)


def _staffing_sheet(pen: _Pen, run: Run) -> str:
    """Write units required and assigned in each district and shift, and return the check of the rows."""
    row_of = {shift.id: row for row, shift in enumerate(run.roster.shifts)}
    staffing = run.plan.staffing.sort_values("shift", key=lambda ids: ids.map(row_of), kind="stable")
    table = pd.DataFrame({
        "shift": staffing["shift"], "district": staffing["district"], "units required": staffing["units_required"],
        "units assigned": staffing["units_assigned"],
        "units to spare": staffing["units_assigned"] - staffing["units_required"],
    })  # fmt: skip
    sheet = pen.sheet(form.STAFFING, list(table.columns), (22, 12, 15, 15, 15))
    check = _rows(pen, sheet, table)
    sheet.conditional_format(1, 4, max(len(table), 1), 4, {
        "type": "cell", "criteria": "<", "value": 0, "format": pen.wrong,
    })  # fmt: skip
    return check


def _edit_sheet(pen: _Pen, run: Run) -> None:
    edits, columns = run.roster.edits, form.EDIT_COLUMNS
    sheet = pen.sheet(form.EDITS, columns, _EDIT_WIDTHS)
    sheet.set_tab_color("#E6B800")
    looks = [pen.number_typed if name == "cell" else pen.typed for name in columns[:-1]] + [pen.plain]
    for column, look in enumerate(looks[:-1]):
        sheet.set_column(column, column, _EDIT_WIDTHS[column], look)
    last = len(edits) + _BLANK_ROWS
    for row in range(last):
        values: list[object] = [""] * len(columns)
        if row < len(edits):
            edit = dataclasses.asdict(edits[row]) | {"applied": run.plan.outcome(edits[row])}
            values = ["" if value == -1 else value for value in map(edit.__getitem__, columns)]
        pen.write(sheet, row + 1, values, looks)
    sheet.autofilter(0, 0, last, len(columns) - 1)
    for column, source, n, message in (
        (0, "A", 2, "pin: it is to be so. forbid: it may not be so."),
        (1, "B", len(run.roster.shifts), "The date, a stroke and the name of the shift."),
        (2, "C", len(run.roster.units), "Blank for a visit to a cell by any unit."),
        (3, "E", len(run.surface.city.districts), "Blank where a cell is named, or for the unit's duty as such."),
    ):
        sheet.data_validation(1, column, last, column, {
            "validate": "list", "source": f"={form.LISTS}!${source}$2:${source}${n + 1}",
            "input_title": columns[column].capitalize(), "input_message": message,
            "error_title": "Not in the list", "error_message": "Pick one from the list.",
        })  # fmt: skip
    sheet.data_validation(1, 4, last, 4, {
        "validate": "integer", "criteria": "between", "minimum": 0, "maximum": max(run.surface.city.n_cells - 1, 1),
        "input_title": "Cell", "input_message": "Number of a cell that is to be visited, or not; else blank.",
        "error_title": "No such cell", "error_message": "Give the number of a cell, as in the plan and on the map.",
    })  # fmt: skip
    sheet.conditional_format(1, 5, last, 6, {"type": "formula", "criteria": '=AND($A2<>"",F2="")', "format": pen.wrong})


def _map_sheet(pen: _Pen, run: Run, picture: bytes) -> None:
    sheet = pen.book.add_worksheet(form.MAP)
    pen.page(sheet, high=1)
    sheet.hide_gridlines(2)
    pixels = [int.from_bytes(picture[at : at + 4]) for at in (16, 20)]  # of a PNG's first chunk
    shown = min(96 * inches / size for inches, size in zip(_PAGE_INCHES, pixels, strict=True))
    dots = _dots_per_inch(picture)
    days = f"{run.roster.shifts[0].day} to {run.roster.shifts[-1].day}"
    sheet.insert_image(0, 0, "map.png", {
        "image_data": io.BytesIO(picture), "x_scale": shown * dots / 96, "y_scale": shown * dots / 96,
        "object_position": 2,
        "description": cell_text(
            f"Map of {run.job.job.name[:200]}, {days}: expected harm by cell, darkest where it is highest; rings are "
            f"the {len(run.plan.visits):,} planned visits. The sheets of the days list them by unit."
        ),
    })  # fmt: skip


def _dots_per_inch(picture: bytes) -> float:
    """Return the resolution that a PNG says it has, by which xlsxwriter scales it; 96 without."""
    at = picture.find(b"pHYs")
    metric = at >= 0 and picture[at + 12] == 1
    return round(int.from_bytes(picture[at + 4 : at + 8]) * 0.0254, 3) if metric else 96.0


def _list_sheet(pen: _Pen, run: Run, checks: dict[str, str]) -> None:
    """Write the names that the drop-down lists offer, and which plan the workbook is of."""
    districts, shifts = list(run.surface.city.districts), run.roster.shifts
    facts = {
        "form": form.FORM, "job": run.job.job.name, "first day": min(shift.day for shift in shifts).isoformat(),
        "last day": max(shift.day for shift in shifts).isoformat(),
        form.CHANGED: _changed_at(run),
        **{f"rows of {title}": check for title, check in checks.items()},
    }  # fmt: skip
    columns = {
        "action": ["pin", "forbid"], "shift": [shift.id for shift in shifts],
        "unit": [unit.name for unit in run.roster.units], form.NEW_DISTRICT: [*districts, form.OFF_DUTY],
        "district": districts, form.FACT: list(facts), form.VALUE: list(facts.values()),
    }  # fmt: skip
    sheet = pen.sheet(form.LISTS, list(columns), [18] * len(columns))
    for column, texts in enumerate(columns.values()):
        for row, text in enumerate(texts, 1):
            sheet.write_string(row, column, cell_text(text), pen.plain)
    sheet.hide()
