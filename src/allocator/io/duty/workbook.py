"""The workbook of a run, read back: what a planner typed into it, as rows of edits.

`report.workbook` writes it; the names of its sheets and columns, and how text goes into its cells, stand here.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from allocator.domain import Roster
from allocator.errors import DataError, some
from allocator.facts import Note, note
from allocator.io.tables import Sheet, is_date, refuse_repeated

ABOUT, EDITS, STAFFING, MAP, LISTS = "about", "edits", "staffing", "map", "lists"
"""Sheets beside those of the days, which are named by their date."""

EDIT_COLUMNS = ("action", "shift", "unit", "district", "cell", "who", "why", "applied")
NEW_DISTRICT, OFF_DUTY = "new district", "off duty"
TYPED = (NEW_DISTRICT, "who", "why")
"""Columns of a day's sheet to type in."""
CHECK = "check"
"""Hidden column: what the plan's cells of the row were when they were written, as a hash."""
PLAN_COLUMNS = ("unit", "shift", "start", "stop", "district")
"""Columns that every day's sheet has; others tell more of the plan."""
FACT, VALUE = "fact", "value"
"""Columns of the sheet `lists` that say which plan the workbook is of."""
FORM = "allocator roster 1"
CHANGED = "changed at"
"""Fact of a plan that was changed after it was made."""

_MOST_CHARACTERS = 32_767  # of a cell, counted as UTF-16 does
_KEPT_CHARACTERS = 12_000
_NOT_XML = re.compile("[^\t\n\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MOST_BYTES, _MOST_PARTS = 64 << 20, 2_000
"""Of an unpacked workbook; that of Chicago (250 units, 7 days) has 1.3 MB in 25 parts."""
_MOST_COLUMNS, _MOST_ROWS, _LAST_ROW = 60, 10_000, 20_000
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_AGAIN = "take a fresh copy of the run's roster.xlsx and make the changes in the yellow cells"


def cell_text(text: str) -> str:
    """Return text as a cell of a workbook can hold it.

    Signs that XML cannot hold become visible ones (U+0001 becomes ␁), text of more than 32,767 characters is cut; such
    text ends with a hash, so that no two become alike and none is lost unseen.
    """
    plain = text.replace("\r\n", "\n")
    shown = _NOT_XML.sub(lambda sign: chr(0x2400 + ord(sign[0])) if ord(sign[0]) < 0x20 else "\ufffd", plain)
    code = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    if len(shown.encode("utf-16-le")) > 2 * _MOST_CHARACTERS:
        return f"{shown[:_KEPT_CHARACTERS]}… [shortened from {len(text):,} characters, {code}]"
    return shown if shown == plain else f"{shown} [{code}]"


def row_check(values: Mapping[str, str]) -> str:
    """Return the hash of a row of the plan: of its cells that are not blank, by column, in any order."""
    parts = [f"{name}={text}" for name in sorted(values) if (text := values[name].strip())]
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def rows_check(checks: Iterable[str]) -> str:
    """Return how many rows a sheet of the plan has and their hash, in any order: "178 rows, 5f2b…"."""
    known = sorted(checks)
    return f"{len(known)} rows, {hashlib.sha256(' '.join(known).encode()).hexdigest()[:12]}"


@dataclass(frozen=True)
class WorkbookEdits:
    """What a workbook holds of edits.

    Parameters
    ----------
    tables : tuple of (str, DataFrame)
        Title of a sheet, and its rows from the second on as text in the columns of `EDIT_COLUMNS` (blank where a row
        holds no edit).
    faults : tuple of str
        What is wrong with it.
    notes : tuple of Note
        What is wrong with the workbook as such, and what is not read.
    """

    tables: tuple[tuple[str, pd.DataFrame], ...]
    faults: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()


def read_workbook(path: str | Path, *, roster: Roster, districts: tuple[str, ...], job: str) -> WorkbookEdits:
    """Return the edits of a workbook: of a run's `roster.xlsx`, or of any with one sheet of `EDIT_COLUMNS`.

    Parameters
    ----------
    path : path
        The file (.xlsx).
    roster : Roster
        Units and planned shifts.
    districts : tuple of str
        Districts of the study area.
    job : str
        Name of the job; the workbook of another job or week is refused.

    Raises
    ------
    DataError
        If the file is no workbook, is protected by a password, harmful, or of another job or week.
    """
    name = Path(path).name
    sheets = _sheets_of(Path(path))
    grids = {title: grid for title, grid in sheets.items() if grid.rows or grid.names}
    if not any(title in (ABOUT, LISTS) or is_date(title) for title in sheets):
        return _made_by_hand(name, grids)
    facts = _facts(name, grids.get(LISTS))
    _check_origin(name, facts, roster, job)
    labels = _Labels.of(roster, districts)
    faults, tables = list[str](), list[tuple[str, pd.DataFrame]]()
    kept = [key.removeprefix("rows of ") for key in facts if key.startswith("rows of ")]
    faults += [f"sheet {title} is missing: {_AGAIN}" for title in (*kept, EDITS) if title not in grids]
    for title in kept:
        if title in grids:
            sheet = grids[title].sheet(name, required=_columns_of(title), optional=())
            tables += _of_plan(sheet, title, facts[f"rows of {title}"], labels)
            faults += [*grids[title].faults, *sheet.faults]
    if EDITS in grids:
        tables.append((EDITS, labels.named(grids[EDITS])))
        faults += grids[EDITS].faults
    others = [title for title in grids if title not in (ABOUT, EDITS, STAFFING, MAP, LISTS, *kept)]
    return WorkbookEdits(tuple(tables), tuple(faults), _not_read(name, others))


def _not_read(name: str, titles: Sequence[str]) -> tuple[Note, ...]:
    return (note("duty.sheets_not_read", file=name, sheets=titles),) if titles else ()


@dataclass(frozen=True)
class _Grid:
    """The cells of a sheet as text: column names, rows from the second on, and cells that are refused."""

    title: str
    names: tuple[str, ...]
    rows: tuple[dict[str, str], ...]
    faults: tuple[str, ...] = ()

    def frame(self) -> pd.DataFrame:
        return pd.DataFrame(list(self.rows), columns=list(self.names), dtype="object")

    def sheet(self, file: str, *, required: Sequence[str], optional: Sequence[str]) -> Sheet:
        """Return the grid as a sheet whose faults name it."""
        where = f"{file}, sheet {self.title}"
        return Sheet(
            where, required=required, optional=optional, frame=self.frame(), entry=f"sheet {self.title}, row"
        )  # fmt: skip


@dataclass(frozen=True)
class _Labels:
    """Names by the text that stands for them in cells."""

    unit: Mapping[str, str]
    shift: Mapping[str, str]
    district: Mapping[str, str]

    @classmethod
    def of(cls, roster: Roster, districts: tuple[str, ...]) -> _Labels:
        return cls(
            {cell_text(unit.name).strip(): unit.name for unit in roster.units},
            {cell_text(shift.id).strip(): shift.id for shift in roster.shifts},
            {cell_text(district).strip(): district for district in districts},
        )

    def named(self, grid: _Grid) -> pd.DataFrame:
        """Return the sheet `edits` with the names that are meant; a row of which only `applied` is left is blank."""
        frame = grid.frame()
        for column, names in (("unit", self.unit), ("shift", self.shift), ("district", self.district)):
            if column in frame:
                frame[column] = [names.get(text, text) for text in frame[column]]
        if "applied" in frame:
            rest = frame.drop(columns="applied")
            frame.loc[(rest == "").all(axis=1), "applied"] = ""
        return frame


def _made_by_hand(name: str, grids: Mapping[str, _Grid]) -> WorkbookEdits:
    """Return the edits of a workbook that no run wrote: those of its sheet `edits`, or of its only sheet."""
    grid = grids.get(EDITS) or (next(iter(grids.values())) if len(grids) == 1 else None)
    if grid is None:
        held = f"it has {some(grids, 10)}" if grids else "it is empty"
        raise DataError(f"{name} has no sheet {EDITS!r}; {held}")
    others = [title for title in grids if title != grid.title]
    return WorkbookEdits(((grid.title, grid.frame()),), grid.faults, _not_read(name, others))


def _facts(name: str, grid: _Grid | None) -> dict[str, str]:
    rows = grid.rows if grid is not None and {FACT, VALUE} <= set(grid.names) else ()
    facts = {row[FACT]: row[VALUE] for row in rows if row[FACT]}
    if facts.get("form") != FORM:
        raise DataError(f"{name} lacks the hidden sheet {LISTS!r} that says which plan it is of: {_AGAIN}")
    return facts


def _check_origin(name: str, facts: Mapping[str, str], roster: Roster, job: str) -> None:
    days = sorted({shift.day.isoformat() for shift in roster.shifts})
    own = {"job": cell_text(job).strip(), "first day": days[0], "last day": days[-1]}
    if at := facts.get(CHANGED):
        raise DataError(
            f"{name} is of a plan that was changed at {at}: planning its week again would undo that; type the edits "
            "into the roster.xlsx of the plan before, or change the rest of the week with `allocator replan`"
        )
    if all(facts.get(key) == value for key, value in own.items()):
        return
    theirs, ours = (
        f"{facts_of.get('job', '')[:80]!r}, {facts_of.get('first day')} to {facts_of.get('last day')}"
        for facts_of in (facts, own)
    )
    raise DataError(
        f"{name} is the workbook of another plan: of {theirs}, where this job is {ours}; take the roster.xlsx of a run "
        "of this job and week, or copy the edits that still hold into its sheet edits"
    )


def _columns_of(title: str) -> tuple[str, ...]:
    return (*PLAN_COLUMNS, *TYPED, CHECK) if is_date(title) else (CHECK,)


def _of_plan(sheet: Sheet, title: str, expected: str, labels: _Labels) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the edits of a day's sheet; note a fault for everything that was changed but what is typed."""
    typed = TYPED if is_date(title) else ()
    records = [dict.fromkeys(EDIT_COLUMNS[:-1], "") for _ in range(len(sheet.frame))]
    checks, sound = list[str](), True
    for row in sheet.rows():
        own = {name: text for name, text in sheet.values.items() if name not in (*typed, CHECK)}
        if row_check(own) != sheet.text(CHECK):
            added = not sheet.text(CHECK)
            how = "was added by hand" if added else "was changed outside the yellow cells"
            where = f"use {NEW_DISTRICT}, or the sheet {EDITS}" if typed else "it only shows the plan"
            sheet.fault(f"it {how}: {where}; {_AGAIN}")
            sound = False
        else:
            checks.append(sheet.text(CHECK))
            if any(sheet.text(name) for name in typed):
                records[row - 2] |= _typed_edit(sheet, title, labels)
    if sound and rows_check(checks) != expected:
        sheet.faults.append(f"sheet {title}: {_rows_lost(len(checks), expected)}: {_AGAIN}")
    if typed:
        yield title, pd.DataFrame(records, columns=list(EDIT_COLUMNS[:-1]), dtype="object")


def _rows_lost(n: int, expected: str) -> str:
    before = int(expected.split()[0]) if expected.split()[:1] and expected.split()[0].isdigit() else n
    if n == before:
        return "rows were copied over others"
    return f"{before - n:,} of {before:,} rows are missing" if n < before else f"{n - before:,} rows stand twice"


def _typed_edit(sheet: Sheet, day: str, labels: _Labels) -> dict[str, str]:
    """Return the edit that is typed beside a unit: another district, or off duty."""
    district = sheet.text(NEW_DISTRICT)
    if not district:
        sheet.fault(f"who or why is given, but {NEW_DISTRICT} is blank: pick a district, or clear them")
        return {}
    off = district.lower() == OFF_DUTY and district not in labels.district
    shift, unit = f"{day}/{sheet.text('shift')}", sheet.text("unit")
    return {
        "action": "forbid" if off else "pin", "shift": labels.shift.get(shift, shift),
        "unit": labels.unit.get(unit, unit), "district": "" if off else labels.district.get(district, district),
        "who": sheet.text("who"), "why": sheet.text("why"),
    }  # fmt: skip


def _sheets_of(path: Path) -> dict[str, _Grid]:
    """Return the cells of every sheet, by title."""
    _check_archive(path)
    with _opened(path) as book:
        return {sheet.title: _grid_of(sheet, path.name) for sheet in book.worksheets}


def _check_archive(path: Path) -> None:
    """Refuse what is no workbook, and a workbook that would unpack to more than any roster."""
    if path.suffix.lower() != ".xlsx":
        raise DataError(f"{path.name}: edits are read from .csv and .xlsx; save it as one of them")
    try:
        with path.open("rb") as file:
            head = file.read(4)
        if head.startswith(_OLE):
            raise DataError(
                f"{path.name} is protected by a password, or an old .xls: save it as .xlsx without password"
            )
        if head != _ZIP:
            kind = "is empty" if not head else "is no workbook, whatever its name says"
            raise DataError(f"{path.name} {kind}: save it as .xlsx from a spreadsheet program (or as .csv)")
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise DataError(f"{path.name} cannot be read: it is damaged ({error})") from error
    size = sum(part.file_size for part in parts)
    if size > _MOST_BYTES or len(parts) > _MOST_PARTS:
        raise DataError(
            f"{path.name} unpacks to {size / 1e6:,.0f} MB in {len(parts):,} parts: more than any roster; it is not read"
        )


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a workbook; whatever the engine says about a broken one becomes a `DataError`."""
    import openpyxl  # 0.1 to 0.35 s, so only where there is a workbook
    from defusedxml import DefusedXmlException

    try:
        # A file that is closed here: openpyxl leaves its own open where a part is damaged.
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")  # about styles and features that are not read
            yield openpyxl.load_workbook(file, read_only=True)
    except DataError:
        raise
    except Exception as error:  # a damaged part raises anything: 6 types in 400 damaged copies
        if any(isinstance(cause, DefusedXmlException) for cause in (error, error.__cause__, error.__context__)):
            raise DataError(f"{path.name} is not read: it declares XML entities, which no spreadsheet does") from error
        raise DataError(f"{path.name} cannot be read: it is damaged ({type(error).__name__})") from error


def _grid_of(sheet: Any, file: str) -> _Grid:
    sheet.reset_dimensions()  # what the file says of its size may be wrong
    faults, lines, filled = list[str](), list[list[str]](), 0
    for number, cells in enumerate(sheet.iter_rows(max_col=_MOST_COLUMNS), 1):
        texts = [_text_of(cell) for cell in cells]
        if any(texts):
            filled += 1
            if number > _LAST_ROW or filled > _MOST_ROWS:
                raise DataError(
                    f"{file}, sheet {sheet.title}: row {number:,} is filled in, more than any roster has: clear what "
                    f"stands below row {_LAST_ROW:,}, and keep to {_MOST_ROWS:,} rows"
                )
            lines += [[] for _ in range(number - 1 - len(lines))]
            lines.append(texts)
        faults += [
            f"sheet {sheet.title}, row {number}: {cell.coordinate} holds a formula or an error: type the value itself"
            for cell in cells
            if cell.data_type in ("f", "e")
        ]
    if not lines:
        return _Grid(sheet.title, (), ())
    width = max(map(len, lines))
    padded = [line + [""] * (width - len(line)) for line in lines]
    used = [n for n in range(width) if any(line[n] for line in padded)]
    names = [padded[0][n].lower() or f"column {n + 1}" for n in used]
    refuse_repeated(names, names, where=f"{file}, sheet {sheet.title}")
    rows = tuple(dict(zip(names, (line[n] for n in used), strict=True)) for line in padded[1:])
    return _Grid(sheet.title, tuple(names), rows, tuple(faults))


def _text_of(cell: Any) -> str:
    """Return the content of a cell as one would type it; a formula is no content."""
    value = cell.value
    if value is None or cell.data_type in ("f", "e"):
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date().isoformat()
    if isinstance(value, dt.time):
        return value.isoformat("minutes")
    return str(value).strip()
