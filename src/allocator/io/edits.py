"""Reading what a duty roster is made from, and what was decided by hand; every fault of a file at once."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from allocator.config import RosterMakeSection
from allocator.domain import DutyWishes, Edit, Roster, Shift
from allocator.errors import DataError, nearest
from allocator.io.sheet import Sheet, date_of, days_of, is_date, raise_faults
from allocator.io.tables import CSV_SUFFIXES, PARQUET_SUFFIXES
from allocator.io.workbook import read_workbook

if TYPE_CHECKING:
    from allocator.tessellation import Tessellation

_Pair = tuple[str, str]
_Placed = tuple[str, Edit]
"""Where an edit stands, such as "row 4", and the edit."""
_MOST_WEIGHT = 1e6
_EMAIL = re.compile(r"\S+@\S+")
_PHONE = re.compile(r"(?:\d[\s().+/-]*){7,}")
_DATE = re.compile(r"\b(?:\d{4}-\d\d?-\d\d?|\d\d?[./-]\d\d?[./-]\d{4})\b")  # eight digits, and no telephone number


def read_duty_wishes(section: RosterMakeSection, roster: Roster, *, earlier: tuple[Shift, ...] = ()) -> DutyWishes:
    """Return what the files of `[roster.make]` ask of a duty roster.

    Parameters
    ----------
    section : RosterMakeSection
        The files, described there.
    roster : Roster
        Units and planned shifts; rows of other weeks are left out.
    earlier : tuple of Shift
        The shifts of the days before, for the file that says who worked them.

    Raises
    ------
    DataError
        With every fault of a file at once.
    """
    names = {shift.id: shift.name for shift in roster.shifts}
    named = section.demand if section.demand_file is None else _read_demand(section.demand_file, roster.shifts)
    missing = sorted({name for key, name in names.items() if key not in named and name not in named})
    if missing:
        raise DataError(f"no demand is given for the shifts {', '.join(missing)}: the units wanted on duty")
    wanted = {key: named.get(key, named.get(name, 0)) for key, name in names.items()}
    away, notes = _read_absences(section.availability, roster) if section.availability else (frozenset(), ())
    weights, more = _read_preferences(section.preferences, roster) if section.preferences else ({}, ())
    if section.earlier is None:
        return DutyWishes(wanted, away, weights, notes=(*notes, *more))
    worked = _read_worked(section.earlier, roster, earlier)
    return DutyWishes(wanted, away, weights, earlier, worked, (*notes, *more))


def _read_worked(path: str, roster: Roster, earlier: tuple[Shift, ...]) -> frozenset[_Pair]:
    """Return who worked which of the shifts before the plan; units that are gone are passed over."""
    sheet = Sheet(path, required=("unit", "date", "shift"))
    units, planned = {unit.name for unit in roster.units}, {shift.id for shift in earlier}
    names, pairs = dict.fromkeys(shift.name for shift in earlier), set[_Pair]()
    for _ in sheet.rows():
        day, shift = date_of(sheet), sheet.known("shift", names, "shift")
        pairs.add((sheet.text("unit"), f"{day}/{shift}"))
    sheet.close()
    return frozenset(pair for pair in pairs if pair[0] in units and pair[1] in planned)


def _read_demand(path: str, shifts: tuple[Shift, ...]) -> dict[str, int]:
    sheet = Sheet(path, required=("shift", "units"))
    names, seen, wanted = tuple(dict.fromkeys(shift.name for shift in shifts)), set[str](), {}
    for _ in sheet.rows():
        shift = sheet.fresh("shift", seen)
        _check_shift(sheet, shift, names)
        wanted[shift] = sheet.whole("units", most=100_000)
    sheet.close()
    return wanted


def _check_shift(sheet: Sheet, shift: str, names: Iterable[str]) -> bool:
    """Note a fault unless `shift` is a shift name or the id of a shift, and return whether it is one."""
    day, _, name = shift.rpartition("/")
    names = tuple(names)
    if sound := name in names and (not day or is_date(day)):
        return sound
    if name in names:
        sheet.fault(f"unknown shift {shift!r}: an id is a date, a stroke and a name, such as 2017-12-29/{name}")
    else:
        sheet.fault(f"unknown shift {shift!r}{nearest(name, names)}")
    return False


def _read_absences(path: str, roster: Roster) -> tuple[frozenset[_Pair], tuple[str, ...]]:
    sheet = Sheet(path, required=("unit",), optional=("date", "until", "weekday", "shift"))
    away, outside = set[_Pair](), 0
    for pairs in _unit_rows(sheet, roster):
        away.update(pairs)
        outside += not pairs
    sheet.close()
    return frozenset(away), (*sheet.notes, *_outside_note(sheet, outside))


def _read_preferences(path: str, roster: Roster) -> tuple[dict[_Pair, float], tuple[str, ...]]:
    sheet = Sheet(path, required=("unit", "weight"), optional=("date", "until", "weekday", "shift"))
    weights, outside = dict[_Pair, float](), 0
    for pairs in _unit_rows(sheet, roster, every_day=True):
        weight = _weight(sheet)
        for pair in sorted(pairs):
            weights[pair] = weights.get(pair, 0.0) + weight
        outside += not pairs
    sheet.close()
    return weights, (*sheet.notes, *_outside_note(sheet, outside))


def _weight(sheet: Sheet) -> float:
    try:
        weight = float(sheet.text("weight"))
    except ValueError:
        weight = float("nan")
    if not abs(weight) <= _MOST_WEIGHT:  # NaN is no number either
        sheet.fault(
            f"weight = {sheet.text('weight')!r} is not a number from {-_MOST_WEIGHT:,.0f} to {_MOST_WEIGHT:,.0f}"
        )
        return 0.0
    return weight


def _outside_note(sheet: Sheet, outside: int) -> tuple[str, ...]:
    return (f"{sheet.name}: {outside:,} rows are of no planned shift and left out",) if outside else ()


def _unit_rows(sheet: Sheet, roster: Roster, *, every_day: bool = False) -> Iterator[set[_Pair]]:
    """Yield, row by row, the pairs of unit and planned shift that a row is about."""
    if not every_day and not {"date", "weekday"} & set(sheet.frame.columns):
        raise DataError(f"{sheet.name} needs a column date or weekday")
    units, names = {unit.name for unit in roster.units}, dict.fromkeys(shift.name for shift in roster.shifts)
    days = sorted({shift.day for shift in roster.shifts})
    for _ in sheet.rows():
        unit = sheet.known("unit", units, "unit")
        name = sheet.known("shift", names, "shift", blank=True)
        on = set(_days_in_row(sheet, days, every_day=every_day))
        yield {(unit, shift.id) for shift in roster.shifts if shift.day in on and name in ("", shift.name)}


def _days_in_row(sheet: Sheet, days: list[dt.date], *, every_day: bool) -> list[dt.date]:
    if sheet.text("date"):
        first = date_of(sheet)
        last = _until(sheet) if sheet.text("until") else first
        if first is None or last is None:
            return []
        if last < first:
            sheet.fault(f"until {last} is before {first}")
        return [day for day in days if first <= day <= last]
    if sheet.text("weekday"):
        return days_of(sheet, days)
    if not every_day:
        sheet.fault("date and weekday are blank")
    return days


def _until(sheet: Sheet) -> dt.date | None:
    try:
        return dt.date.fromisoformat(sheet.text("until")[:10])
    except ValueError:
        sheet.fault(f"until = {sheet.text('until')!r} is not a date such as 2017-12-25")
        return None


def read_edits(
    path: str | Path, *, roster: Roster, city: Tessellation, away: frozenset[_Pair] = frozenset(), made: bool = False,
    job: str = "",
) -> tuple[tuple[Edit, ...], tuple[str, ...]]:  # fmt: skip
    """Return what was decided by hand for the planned shifts, and notes.

    Columns: `action` (pin, forbid), `shift` (an id such as 2017-12-29/evening), `unit`, `district`, `cell`, `who`,
    `why`. A unit with a district serves it, or may not; a cell gets a visit, by the unit if one is named, or none at
    all; a unit with neither works the shift, or does not. `who` is a desk or a rank, never a person.

    Parameters
    ----------
    path : path
        The table, or a workbook (.xlsx): the `roster.xlsx` of a run, or one with a sheet of these columns. Rows for
        shifts of other weeks are left out, with a note.
    roster : Roster
        Units, planned shifts, and the duty if it is given.
    city : Tessellation
        Districts, and the district of each cell.
    away : frozenset of (str, str)
        Pairs of unit and shift in which the unit is on leave.
    made : bool
        The duty is still to be made; pinned units will be on it.
    job : str
        Name of the job; the `roster.xlsx` of another is refused.

    Raises
    ------
    DataError
        With every fault at once: unknown names, units not on duty or on leave, rows that contradict each other,
        contacts of persons; in a workbook also what was changed where nothing can be.
    """
    sheets, faults, notes = _edit_sheets(Path(path), roster, city, job)
    planned, found, outside = {shift.id for shift in roster.shifts}, list[_Placed](), 0
    for sheet in sheets:
        for _ in sheet.rows():
            edit = _edit_of(sheet, roster, city)
            if edit is None:
                continue
            outside += edit.shift not in planned
            if edit.shift in planned:
                found.append((sheet.place, edit))
        faults += sheet.faults
        notes += sheet.notes
    faults += _contradictions(found, city)
    faults += _off_duty(found, roster, away=away, made=made)
    raise_faults(Path(path).name, faults)
    return tuple(edit for _, edit in found), (*notes, *_outside_note(sheets[0], outside))


def _edit_sheets(
    path: Path, roster: Roster, city: Tessellation, job: str
) -> tuple[list[Sheet], list[str], list[str]]:  # fmt: skip
    """Return the sheets of a file of edits, and faults and notes about the file as such."""
    required, optional = ("action", "shift", "who", "why"), ("unit", "district", "cell", "applied")
    if path.suffix.lower() in (*CSV_SUFFIXES, *PARQUET_SUFFIXES, ".gz"):
        return [Sheet(path, required=required, optional=optional)], [], []
    book = read_workbook(path, roster=roster, districts=city.districts, job=job)
    sheets = [
        Sheet(path, required=required, optional=optional, frame=frame, entry=f"sheet {title}, row")
        for title, frame in book.tables
    ]
    return sheets, list(book.faults), list(book.notes)


def _edit_of(sheet: Sheet, roster: Roster, city: Tessellation) -> Edit | None:
    """Return the edit of the current row, None where it has a fault."""
    before = len(sheet.faults)
    _check_shift(sheet, sheet.text("shift"), {shift.name for shift in roster.shifts})
    if "/" not in sheet.text("shift"):
        sheet.fault(f"shift {sheet.text('shift')!r} is no id: an edit is for one shift, such as 2017-12-29/evening")
    edit = Edit(
        action=sheet.known("action", ("pin", "forbid"), "action"),
        shift=sheet.text("shift"),
        unit=sheet.known("unit", [unit.name for unit in roster.units], "unit", blank=True),
        district=sheet.known("district", city.districts, "district", blank=True),
        cell=sheet.whole("cell") if sheet.text("cell") else -1,
        who=sheet.text("who", required=True),
        why=sheet.text("why", required=True),
    )
    if edit.cell >= city.n_cells:
        sheet.fault(f"unknown cell {edit.cell}: the cells are 0 to {city.n_cells - 1:,}")
    elif edit.cell >= 0 and city.district[edit.cell] < 0:
        sheet.fault(f"cell {edit.cell} lies in no district: nobody serves it")
    if edit.district and edit.cell >= 0:
        sheet.fault("it names a district and a cell: give one of them")
    if not edit.unit and edit.cell < 0:
        sheet.fault("it names neither a unit nor a cell")
    for column, value in (("who", edit.who), ("why", edit.why)):
        if _EMAIL.search(value) or _PHONE.search(_DATE.sub("date", value)):
            sheet.fault(f"{column} looks like an e-mail address or a telephone number: name a desk or a rank")
    return edit if len(sheet.faults) == before else None


def _contradictions(found: list[_Placed], city: Tessellation) -> Iterator[str]:
    """Yield the pairs of rows that cannot both be kept."""
    related: dict[tuple[str, object], list[int]] = {}  # only edits of one cell or of one unit can clash
    for n, (_, edit) in enumerate(found):
        for about in (edit.cell if edit.cell >= 0 else None, edit.unit or None):
            if about is not None:
                related.setdefault((edit.shift, about), []).append(n)
    pairs = {pair for rows in related.values() for pair in itertools.combinations(rows, 2)}
    for n, m in sorted(pairs):
        (first, a), (second, b) = found[n], found[m]
        if why := _clash(a, b, city):
            yield f"{_together(first, second)}: {why} in {a.shift}"


def _together(first: str, second: str) -> str:
    """Return two places as one: "rows 2 and 5", or "sheet edits, row 2 and sheet 2017-12-25, row 5"."""
    (sheet, _, a), (other, _, b) = first.rpartition(" "), second.rpartition(" ")
    return f"{sheet}s {a} and {b}" if sheet == other else f"{first} and {second}"


def _clash(a: Edit, b: Edit, city: Tessellation) -> str:
    """Return in what two edits of one shift contradict each other."""
    if a.action == "forbid" and b.action == "pin":
        a, b = b, a
    if a.cell >= 0 and a.cell == b.cell and a.action != b.action:
        return f"cell {a.cell} is pinned and forbidden"
    if a.action == "forbid" or not a.unit or a.unit != b.unit:
        return ""
    own, other = (
        edit.district or (city.districts[city.district[edit.cell]] if edit.cell >= 0 else "") for edit in (a, b)
    )
    if b.action == "pin":
        return f"unit {a.unit} is pinned to two districts, {own} and {other}," if own and other and own != other else ""
    if b.on_duty_itself:
        return f"unit {a.unit} is pinned and does not work"
    return f"unit {a.unit} is pinned to district {own} and kept from it" if b.district and own == b.district else ""


def _off_duty(found: list[_Placed], roster: Roster, *, away: frozenset[_Pair], made: bool) -> Iterator[str]:
    """Yield the edits of units that cannot be on duty in their shift."""
    by_id = {shift.id: shift for shift in roster.shifts}
    added = {(edit.unit, edit.shift): place for place, edit in found if edit.on_duty_itself and edit.action == "pin"}
    dropped = {(edit.unit, edit.shift) for _, edit in found if edit.on_duty_itself and edit.action == "forbid"}
    duty = (roster.duty | set(added)) - dropped
    for place, edit in found:
        pair = (edit.unit, edit.shift)
        if edit.action == "pin" and pair in away:
            yield f"{place}: unit {edit.unit} is on leave in {edit.shift}"
        elif edit.unit and not made and not edit.on_duty_itself and pair not in duty:
            yield f"{place}: unit {edit.unit} is not on duty in {edit.shift}"
    works: dict[str, list[Shift]] = {}
    for unit, shift in sorted(duty):
        works.setdefault(unit, []).append(by_id[shift])
    for (unit, shift), place in added.items():
        here = by_id[shift]
        for other in works.get(unit, ()):
            if other.id != shift and other.start < here.stop and here.start < other.stop:
                yield f"{place}: unit {unit} would be in two shifts at once, {shift} and {other.id}"
