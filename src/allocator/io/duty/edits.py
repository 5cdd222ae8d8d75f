"""Reading what a duty roster is made from, and what was decided by hand; every fault of a file at once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from allocator.domain import Edit, Roster, Shift, Tessellation
from allocator.facts import Note
from allocator.io.duty.wishes import DATE, EMAIL, PHONE, Pair, check_shift, outside_note
from allocator.io.duty.workbook import read_workbook
from allocator.io.tables import CSV_SUFFIXES, PARQUET_SUFFIXES, Sheet, names_person, raise_faults

_Placed = tuple[str, Edit]
"""Where an edit stands, such as "row 4", and the edit."""


def read_edits(
    path: str | Path, *, roster: Roster, city: Tessellation, away: frozenset[Pair] = frozenset(), made: bool = False,
    job: str = "",
) -> tuple[tuple[Edit, ...], tuple[Note, ...]]:  # fmt: skip
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
    return tuple(edit for _, edit in found), (*notes, *outside_note(sheets[0], outside))


def _edit_sheets(
    path: Path, roster: Roster, city: Tessellation, job: str
) -> tuple[list[Sheet], list[str], list[Note]]:  # fmt: skip
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
    check_shift(sheet, sheet.text("shift"), {shift.name for shift in roster.shifts})
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
        if EMAIL.search(value) or PHONE.search(DATE.sub("date", value)):
            sheet.fault(f"{column} looks like an e-mail address or a telephone number: name a desk or a rank")
        elif person := names_person(value):
            sheet.fault(f"{column} seems to name a person ({person}): state a role, such as watch commander")
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


def _off_duty(found: list[_Placed], roster: Roster, *, away: frozenset[Pair], made: bool) -> Iterator[str]:
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
