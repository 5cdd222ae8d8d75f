"""Sheets of workbooks: XLSX, XLSB, XLS and ODS."""

from __future__ import annotations

import datetime as dt
import functools
import io
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import python_calamine

from allocator.errors import DataError, some
from allocator.facts import Note, note
from allocator.io.tables.forms.table import TOTALS, Table, explained

_MOST_CELLS = 50_000_000
"""A sheet of more cells is not opened: one of a million rows and 20 columns takes 3 GB."""
_HEADER_WITHIN = 20
_REFERENCE = re.compile(rb'\br="([A-Z]{1,3})([0-9]{1,7})"')


def read_sheet(path: Path, sheet: str | None) -> Table:
    """Return a sheet: the one named, or the first with a table.

    The header is the first row in which more than half of the columns are filled. Dates stay dates, all else is text
    as it is shown.

    Raises
    ------
    DataError
        If there is no such sheet, no table in it, or it is too large.
    """
    with explained(path, python_calamine.CalamineError, OSError, ValueError):
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(path.read_bytes()))
        if sheet is not None and sheet not in book.sheet_names:
            raise DataError(f"{path.name} has no sheet {sheet!r}; it has {some(book.sheet_names, 20)}")
        if _too_far(path):
            raise DataError(
                f"{path.name}: cells of a sheet reach too far: delete empty rows and columns, or export CSV"
            )
        for name in [sheet] if sheet is not None else book.sheet_names:
            page = book.get_sheet_by_name(name)
            if page.height * page.width > _MOST_CELLS:
                raise DataError(
                    f"{path.name}, {name!r}: {page.height:,} × {page.width:,} cells are too many; export it as CSV"
                )
            rows = page.to_python(skip_empty_area=True)
            if rows and any(any(cell != "" for cell in row) for row in rows):
                break
        else:
            raise DataError(f"{path.name} holds no table: every sheet is empty")
    others = [other for other in book.sheet_names if other != name]
    return _table(path, name, rows, others if sheet is None else [])


def _too_far(path: Path) -> bool:
    """Return whether the last cell of a sheet of an XLSX lies too far out: memory goes to all cells before it.

    The file of a sheet is looked through for its farthest reference: what it says of its own size may be false.
    """
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        files = [name for name in archive.namelist() if re.fullmatch(r"xl/worksheets/[^/]+\.xml", name)]
        for file in files:
            rows = columns = 0
            with archive.open(file) as sheet:
                rest = b""
                while block := sheet.read(1 << 20):
                    for letters, number in _REFERENCE.findall(rest + block):
                        rows = max(rows, int(number))
                        columns = max(columns, functools.reduce(lambda n, c: 26 * n + c - 64, letters, 0))
                    rest = block[-32:]
            if rows * columns > _MOST_CELLS:
                return True
    return False


def _table(path: Path, name: str, rows: Sequence[Sequence[object]], others: list[str]) -> Table:
    filled = [sum(cell != "" for cell in row) for row in rows[:_HEADER_WITHIN]]
    width = max(filled)
    at = next(n for n, count in enumerate(filled) if count > width / 2)
    names = [str(cell).strip() or f"column {n}" for n, cell in enumerate(rows[at], 1)]
    body = [row for row in rows[at + 1 :] if any(cell != "" for cell in row)]
    while body and str(body[-1][0]).strip().casefold().rstrip(": 0123456789").strip() in TOTALS:
        body = body[:-1]
    columns = list(zip(*body, strict=True)) or [()] * len(names)
    frame = pd.DataFrame({n: _column(values) for n, values in enumerate(columns)})
    frame.columns = pd.Index(names)
    notes: list[Note] = []
    if passed := sum(count > 0 for count in filled[:at]):
        notes.append(note("history.lines_before_header", file=path.name, count=passed))
    if others:
        notes.append(note("history.sheet_read", file=path.name, sheet=name, others=others))
    return Table(frame, notes=tuple(notes))


def _column(values: tuple[object, ...]) -> pd.Series:
    """Return a column: times where every filled cell is one, else text as a sheet shows it."""
    given = [value for value in values if value != ""]
    if given and all(isinstance(value, dt.date) for value in given):  # a datetime is a date, too
        return pd.Series([None if value == "" else pd.Timestamp(value) for value in values], dtype="datetime64[s]")
    return pd.Series([_shown(value) for value in values], dtype="str")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat(sep=" ") if isinstance(value, dt.datetime) else value.isoformat()
    if isinstance(value, dt.timedelta):
        return str(value)
    return str(value)
