"""Reading who is on duty, the minimums, and the outreach tables; every fault of a file at once."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path

from allocator.config import Minimum, RosterSection
from allocator.domain import OutreachTeam, Roster, Shift, Unit
from allocator.errors import DataError, nearest, some
from allocator.facts import Note, note
from allocator.io.tables import Sheet, date_of, days_of, is_date, names_person, weekday_of


def read_roster(section: RosterSection, *, shifts: tuple[Shift, ...], districts: tuple[str, ...]) -> Roster:
    """Return who is on duty in the planned shifts; nobody yet where the duty is to be made.

    Parameters
    ----------
    section : RosterSection
        The files `units.csv`, `duty.csv` (if given) and `teams.csv`.
    shifts : tuple of Shift
        The planned shifts.
    districts : tuple of str
        Districts of the study area; home districts must be among them.

    Raises
    ------
    DataError
        With every fault of a file at once; also if no planned shift has a unit on duty.
    """
    units, unit_notes = _read_units(section.units, districts)
    teams, team_notes = _read_teams(section.teams) if section.teams else ((), ())
    if section.duty is None:
        return Roster(units, shifts, frozenset(), teams, (*unit_notes, *team_notes))
    duty, duty_notes = _read_duty(
        section.duty, units=tuple(unit.name for unit in units), shifts=shifts, units_file=section.units
    )
    covered = {shift for _, shift in duty}
    empty = [shift.id for shift in shifts if shift.id not in covered]
    told = (note("duty.empty_shifts", count=len(empty), total=len(shifts), shifts=empty),) if empty else ()
    return Roster(units, shifts, duty, teams, (*unit_notes, *duty_notes, *team_notes, *told))


def _read_units(path: str, districts: tuple[str, ...]) -> tuple[tuple[Unit, ...], tuple[Note, ...]]:
    sheet = Sheet(
        path, required=("unit",), optional=("type", "home_district", "skills", "speed_kmh", "max_shifts", "languages")
    )
    units, seen = [], set[str]()
    for _ in sheet.rows():
        speed = sheet.number("speed_kmh", above=0) if sheet.text("speed_kmh") else math.nan
        if found := names_person(sheet.text("unit")):
            sheet.fault(f"unit seems to name a person ({found}): give its call sign")
        units.append(
            Unit(
                name=sheet.fresh("unit", seen),
                type=sheet.text("type", "patrol"),
                home_district=sheet.known("home_district", districts, "district", blank=True),
                skills=sheet.parts("skills"),
                speed_kmh=None if math.isnan(speed) else speed,
                max_shifts=sheet.whole("max_shifts", most=7) if sheet.text("max_shifts") else None,
                languages=sheet.parts("languages"),
            )
        )
    sheet.close()
    return tuple(units), sheet.notes


def _read_teams(path: str) -> tuple[tuple[OutreachTeam, ...], tuple[Note, ...]]:
    sheet = Sheet(
        path,
        required=("team", "hours_per_week"),
        optional=("skills", "languages", "opens", "closes", "weekdays"),
    )
    teams, seen = [], set[str]()
    for _ in sheet.rows():
        name, hours = sheet.fresh("team", seen), sheet.number("hours_per_week")
        if found := names_person(name):
            sheet.fault(f"team seems to name a person ({found}): name a team")
        if hours > 168 * 50:
            sheet.fault(f"hours_per_week = {hours:g} is more than a team can have")
        opens = minutes_of(sheet.clock("opens")) if sheet.text("opens") else 0
        closes = minutes_of(sheet.clock("closes")) if sheet.text("closes") else 24 * 60
        if closes <= opens:
            sheet.fault("its working hours (opens, closes) end before they begin")
        teams.append(
            OutreachTeam(
                name, sheet.parts("skills"), sheet.parts("languages"), hours, (opens, closes), open_days(sheet)
            )
        )
    sheet.close()
    return tuple(teams), sheet.notes


def minutes_of(time: dt.time) -> int:
    """Return the minutes since midnight."""
    return time.hour * 60 + time.minute


def open_days(sheet: Sheet) -> tuple[int, ...]:
    """Return the weekdays in column `weekdays`, Monday 0; blank means all."""
    names = sheet.parts("weekdays")
    days = [weekday_of(name) for name in names]
    if unknown := [name for name, day in zip(names, days, strict=True) if day is None]:
        sheet.fault(f"unknown weekday {some(unknown)}; use mon;tue;…")
    return tuple(sorted({day for day in days if day is not None})) or tuple(range(7))


def _read_duty(
    path: str, *, units: tuple[str, ...], shifts: tuple[Shift, ...], units_file: str
) -> tuple[frozenset[tuple[str, str]], tuple[Note, ...]]:
    """Return pairs of unit and planned shift, from rows by date or by weekday."""
    sheet = Sheet(path, required=("unit", "shift"), optional=("date", "weekday"))
    by_date = "date" in sheet.frame.columns
    if not by_date and "weekday" not in sheet.frame.columns:
        raise DataError(f"{sheet.name} needs a column date or weekday; it has {some(sheet.frame.columns, 10)}")
    names, planned = dict.fromkeys(shift.name for shift in shifts), {shift.id for shift in shifts}
    days = sorted({shift.day for shift in shifts})
    duty, covered, outside = set[tuple[str, str]](), set[dt.date](), 0
    for _ in sheet.rows():
        unit = sheet.known("unit", units, "unit")
        shift = sheet.known("shift", names, "shift")
        on = [day for day in [date_of(sheet)] if day] if by_date else days_of(sheet, days)
        covered.update(on)
        pairs = {(unit, f"{day.isoformat()}/{shift}") for day in on}
        outside += not any(day in days for day in on)
        duty.update(pair for pair in pairs if pair[1] in planned)
    sheet.close(f"its units are those of {Path(units_file).name}, its shifts those of the job")
    if not duty:
        file_days = f"{min(covered)} … {max(covered)}" if covered else "no day"
        raise DataError(f"{sheet.name} covers {file_days}, but the planned days are {days[0]} … {days[-1]}")
    if not outside:
        return frozenset(duty), sheet.notes
    told = note("duty.rows_outside_days", file=sheet.name, count=outside, first=days[0], last=days[-1])
    return frozenset(duty), (*sheet.notes, told)


def read_minimums(path: str | Path, *, shifts: tuple[Shift, ...], districts: tuple[str, ...]) -> tuple[Minimum, ...]:
    """Return the minimum units of `district, shift, units`; a shift is a name, or one shift's id.

    Rows for single shifts of other weeks are left out, so that one file can serve the whole year.
    """
    sheet = Sheet(path, required=("district", "shift", "units"))
    names, planned = tuple(dict.fromkeys(shift.name for shift in shifts)), {shift.id for shift in shifts}
    minimums, seen = [], set[tuple[str, str]]()
    for _ in sheet.rows():
        district = sheet.known("district", districts, "district")
        shift, units = sheet.text("shift"), sheet.whole("units")
        day, _, name = shift.rpartition("/")
        if name not in names or (day and not is_date(day)):
            sheet.fault(f"unknown shift {shift!r}{nearest(name, names)}")
        if (district, shift) in seen:
            sheet.fault(f"district {district!r} and shift {shift!r} are named twice")
        seen.add((district, shift))
        if not day or shift in planned:
            minimums.append(Minimum(district=district, shift=shift, units=units))
    sheet.close()
    return tuple(minimums)
