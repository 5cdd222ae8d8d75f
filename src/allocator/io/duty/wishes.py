"""What the makers of a duty roster ask for: demand, absences, preferences."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator

from allocator.config import RosterMakeSection
from allocator.domain import DutyWishes, Roster, Shift
from allocator.errors import DataError, nearest
from allocator.facts import Note, note
from allocator.io.tables import Sheet, date_of, days_of, is_date

Pair = tuple[str, str]
_MOST_WEIGHT = 1e6
EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@]")
PHONE = re.compile(r"(?:\d[\s().+/-]*){7,}")
DATE = re.compile(r"\b(?:\d{4}-\d\d?-\d\d?|\d\d?[./-]\d\d?[./-]\d{4})\b")  # eight digits, and no telephone number


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


def _read_worked(path: str, roster: Roster, earlier: tuple[Shift, ...]) -> frozenset[Pair]:
    """Return who worked which of the shifts before the plan; units that are gone are passed over."""
    sheet = Sheet(path, required=("unit", "date", "shift"))
    units, planned = {unit.name for unit in roster.units}, {shift.id for shift in earlier}
    names, pairs = dict.fromkeys(shift.name for shift in earlier), set[Pair]()
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
        check_shift(sheet, shift, names)
        wanted[shift] = sheet.whole("units", most=100_000)
    sheet.close()
    return wanted


def check_shift(sheet: Sheet, shift: str, names: Iterable[str]) -> bool:
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


def _read_absences(path: str, roster: Roster) -> tuple[frozenset[Pair], tuple[Note, ...]]:
    sheet = Sheet(path, required=("unit",), optional=("date", "until", "weekday", "shift"))
    away, outside = set[Pair](), 0
    for pairs in _unit_rows(sheet, roster):
        away.update(pairs)
        outside += not pairs
    sheet.close()
    return frozenset(away), (*sheet.notes, *outside_note(sheet, outside))


def _read_preferences(path: str, roster: Roster) -> tuple[dict[Pair, float], tuple[Note, ...]]:
    sheet = Sheet(path, required=("unit", "weight"), optional=("date", "until", "weekday", "shift"))
    weights, outside = dict[Pair, float](), 0
    for pairs in _unit_rows(sheet, roster, every_day=True):
        weight = _weight(sheet)
        for pair in sorted(pairs):
            weights[pair] = weights.get(pair, 0.0) + weight
        outside += not pairs
    sheet.close()
    return weights, (*sheet.notes, *outside_note(sheet, outside))


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


def outside_note(sheet: Sheet, outside: int) -> tuple[Note, ...]:
    """Return the note that counts rows of shifts that are not planned; none when there are none."""
    return (note("duty.rows_of_no_shift", file=sheet.name, count=outside),) if outside else ()


def _unit_rows(sheet: Sheet, roster: Roster, *, every_day: bool = False) -> Iterator[set[Pair]]:
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
