"""Reading who is on duty, the minimums, and the outreach tables; every fault of a file at once."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from allocator.config import Minimum, RosterSection
from allocator.domain import Initiative, OutreachTeam, Roster, Shift, Unit, Venue
from allocator.errors import DataError, nearest, some
from allocator.io.personal import personal_columns
from allocator.io.tables import read_small_table, require_columns

_MOST_NUMBER = 1e9
_MOST_HOLDINGS = 1_000
INITIATIVE_TYPES = ("workshop", "materials")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class _Sheet:
    """A small table read row by row; collects the faults of all rows and raises them together."""

    def __init__(self, path: str | Path, *, required: Sequence[str], optional: Sequence[str] = ()) -> None:
        self.name = Path(path).name
        self.frame = read_small_table(path)
        self.faults: list[str] = []
        self.notes: tuple[str, ...] = ()
        self.row, self.values = 0, dict[str, str]()
        found = list(self.frame.columns)
        require_columns(required, found, where=self.name)
        others = [name for name in found if name not in (*required, *optional)]
        if personal := personal_columns(others):
            raise DataError(
                f"{self.name} has columns that look personal: {some(personal, 10)}; allocator plans units "
                "and teams, never persons: remove them",
                column=personal[0],
                count=len(personal),
            )
        if others:
            self.notes = (f"{self.name}: columns not used: {some(others, 10)}",)

    def rows(self) -> Iterator[int]:
        """Yield row numbers as a spreadsheet shows them (the header is row 1); blank rows are passed over."""
        records = self.frame.to_dict("records")
        for self.row, record in enumerate(records, 2):
            self.values = {str(name): str(value) for name, value in record.items()}
            if any(self.values.values()):
                yield self.row

    def fault(self, text: str) -> None:
        """Note a fault of the current row."""
        self.faults.append(f"row {self.row}: {text}")

    def text(self, column: str, default: str = "", *, required: bool = False) -> str:
        """Return the text of a column."""
        value = self.values.get(column, "")
        if required and not value:
            self.fault(f"{column} is blank")
        return value or default

    def parts(self, column: str) -> tuple[str, ...]:
        """Return the parts of a `;` separated list."""
        return tuple(part.strip() for part in self.text(column).split(";") if part.strip())

    def number(
        self, column: str, default: float | None = None, *, above: float | None = None, most: float = _MOST_NUMBER
    ) -> float:
        """Return a number of 0 or more (or above `above`), up to `most`; NaN after a fault."""
        value = self.text(column)
        if not value and default is not None:
            return default
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number) or number < 0 or (above is not None and number <= above):
            floor = f"above {above:g}" if above is not None else "of 0 or more"
            self.fault(f"{column} = {value!r} is not a number {floor}")
            return math.nan
        if number > most:
            self.fault(f"{column} = {value!r} is more than {most:,.0f}")
            return math.nan
        return number

    def whole(self, column: str, default: int | None = None, *, most: float = _MOST_NUMBER) -> int:
        """Return a whole number of 0 or more, up to `most`; 0 after a fault."""
        number = self.number(column, default, most=most)
        if math.isnan(number):
            return 0
        if number != int(number):
            self.fault(f"{column} = {self.text(column)!r} is not a whole number")
        return int(number)

    def clock(self, column: str) -> dt.time:
        """Return a time of day HH:MM; midnight after a fault."""
        value = self.text(column)
        try:
            return dt.time.fromisoformat(value.zfill(5) if len(value) < 6 else value)
        except ValueError:
            self.fault(f"{column} = {value!r} is not a time of day such as 09:30")
            return dt.time()

    def known(self, column: str, names: Iterable[str], what: str, *, blank: bool = False) -> str:
        """Return the text of a column, which must be one of the names."""
        value, names = self.text(column), tuple(names)
        if value in names or (blank and not value):
            return value
        self.fault(f"unknown {what} {value!r}{nearest(value, names)}")
        return value

    def fresh(self, column: str, seen: set[str]) -> str:
        """Return the text of a column, which must not repeat."""
        value = self.text(column, required=True)
        if value and value in seen:
            self.fault(f"{column} {value!r} is used twice")
        seen.add(value)
        return value

    def close(self) -> None:
        """Raise all faults."""
        if self.faults:
            count = "1 fault" if len(self.faults) == 1 else f"{len(self.faults):,} faults"
            raise DataError(f"{self.name} has {count}", faults=self.faults, count=len(self.faults))


def read_roster(section: RosterSection, *, shifts: tuple[Shift, ...], districts: tuple[str, ...]) -> Roster:
    """Return who is on duty in the planned shifts.

    Parameters
    ----------
    section : RosterSection
        The files `units.csv`, `duty.csv` and `teams.csv`.
    shifts : tuple of Shift
        The planned shifts.
    districts : tuple of str
        Districts of the study area; home districts must be among them.

    Raises
    ------
    DataError
        With every fault of a file at once; also if a planned shift has no unit on duty.
    """
    units, unit_notes = _read_units(section.units, districts)
    duty, duty_notes = _read_duty(section.duty, units=tuple(unit.name for unit in units), shifts=shifts)
    teams, team_notes = _read_teams(section.teams) if section.teams else ((), ())
    covered = {shift for _, shift in duty}
    if empty := [shift.id for shift in shifts if shift.id not in covered]:
        raise DataError(f"no unit on duty in {len(empty)} of {len(shifts)} shifts: {some(empty, 6)}", count=len(empty))
    return Roster(units, shifts, duty, teams, (*unit_notes, *duty_notes, *team_notes))


def _read_units(path: str, districts: tuple[str, ...]) -> tuple[tuple[Unit, ...], tuple[str, ...]]:
    sheet = _Sheet(path, required=("unit",), optional=("type", "home_district", "skills", "speed_kmh"))
    units, seen = [], set[str]()
    for _ in sheet.rows():
        speed = sheet.number("speed_kmh", above=0) if sheet.text("speed_kmh") else math.nan
        units.append(
            Unit(
                name=sheet.fresh("unit", seen),
                type=sheet.text("type", "patrol"),
                home_district=sheet.known("home_district", districts, "district", blank=True),
                skills=sheet.parts("skills"),
                speed_kmh=None if math.isnan(speed) else speed,
            )
        )
    sheet.close()
    return tuple(units), sheet.notes


def _read_teams(path: str) -> tuple[tuple[OutreachTeam, ...], tuple[str, ...]]:
    sheet = _Sheet(path, required=("team", "hours_per_week"), optional=("skills", "languages"))
    teams, seen = [], set[str]()
    for _ in sheet.rows():
        name, hours = sheet.fresh("team", seen), sheet.number("hours_per_week")
        if hours > 168 * 50:
            sheet.fault(f"hours_per_week = {hours:g} is more than a team can have")
        teams.append(OutreachTeam(name, sheet.parts("skills"), sheet.parts("languages"), hours))
    sheet.close()
    return tuple(teams), sheet.notes


def _read_duty(
    path: str, *, units: tuple[str, ...], shifts: tuple[Shift, ...]
) -> tuple[frozenset[tuple[str, str]], tuple[str, ...]]:
    """Return pairs of unit and planned shift, from rows by date or by weekday."""
    sheet = _Sheet(path, required=("unit", "shift"), optional=("date", "weekday"))
    by_date = "date" in sheet.frame.columns
    if not by_date and "weekday" not in sheet.frame.columns:
        raise DataError(f"{sheet.name} needs a column date or weekday; it has {some(sheet.frame.columns, 10)}")
    names, planned = dict.fromkeys(shift.name for shift in shifts), {shift.id for shift in shifts}
    days = sorted({shift.day for shift in shifts})
    duty, covered, outside = set[tuple[str, str]](), set[dt.date](), 0
    for _ in sheet.rows():
        unit = sheet.known("unit", units, "unit")
        shift = sheet.known("shift", names, "shift")
        on = [day for day in [_date(sheet)] if day] if by_date else _days_of(sheet, days)
        covered.update(on)
        pairs = {(unit, f"{day.isoformat()}/{shift}") for day in on}
        outside += not any(day in days for day in on)
        duty.update(pair for pair in pairs if pair[1] in planned)
    sheet.close()
    if not duty:
        file_days = f"{min(covered)} … {max(covered)}" if covered else "no day"
        raise DataError(f"{sheet.name} covers {file_days}, but the planned days are {days[0]} … {days[-1]}")
    note = (f"{sheet.name}: {outside:,} rows outside {days[0]} … {days[-1]} are ignored",) if outside else ()
    return frozenset(duty), (*sheet.notes, *note)


def _date(sheet: _Sheet) -> dt.date | None:
    value = sheet.text("date")
    try:
        return dt.date.fromisoformat(value[:10])
    except ValueError:
        sheet.fault(f"date = {value!r} is not a date such as 2017-12-25")
        return None


def _days_of(sheet: _Sheet, days: list[dt.date]) -> list[dt.date]:
    number = _weekday(sheet.text("weekday"))
    if number is None:
        sheet.fault(f"unknown weekday {sheet.text('weekday')!r}; use mon … sun, or 0 (Monday) … 6")
    return [day for day in days if day.weekday() == number]


def _weekday(text: str) -> int | None:
    name = text.strip().lower()
    if name in ("0", "1", "2", "3", "4", "5", "6"):
        return int(name)
    for row, (short, full) in enumerate(zip(WEEKDAYS, _DAY_NAMES, strict=True)):
        if len(name) >= 3 and full.startswith(name) and name.startswith(short):
            return row
    return None


def read_minimums(path: str | Path, *, shifts: tuple[Shift, ...], districts: tuple[str, ...]) -> tuple[Minimum, ...]:
    """Return the minimum units of `district, shift, units`; a shift is a name, or one shift's id.

    Rows for single shifts of other weeks are left out, so that one file can serve the whole year.
    """
    sheet = _Sheet(path, required=("district", "shift", "units"))
    names, planned = tuple(dict.fromkeys(shift.name for shift in shifts)), {shift.id for shift in shifts}
    minimums, seen = [], set[tuple[str, str]]()
    for _ in sheet.rows():
        district = sheet.known("district", districts, "district")
        shift, units = sheet.text("shift"), sheet.whole("units")
        day, _, name = shift.rpartition("/")
        if name not in names or (day and not _is_date(day)):
            sheet.fault(f"unknown shift {shift!r}{nearest(name, names)}")
        if (district, shift) in seen:
            sheet.fault(f"district {district!r} and shift {shift!r} are named twice")
        seen.add((district, shift))
        if not day or shift in planned:
            minimums.append(Minimum(district=district, shift=shift, units=units))
    sheet.close()
    return tuple(minimums)


def _is_date(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def read_initiatives(path: str | Path) -> tuple[Initiative, ...]:
    """Return the outreach initiatives; the columns are described at `Initiative`."""
    sheet = _Sheet(
        path,
        required=("initiative", "type", "kinds", "hours", "cost", "reach", "effect", "effect_source"),
        optional=("skills", "languages", "most"),
    )
    initiatives, seen = [], set[str]()
    for _ in sheet.rows():
        kinds = sheet.parts("kinds")
        if not kinds:
            sheet.fault("kinds is blank: the offence kinds it addresses")
        effect = sheet.number("effect")
        if effect > 1:
            sheet.fault(f"effect = {effect:g} is more than 1: it is a share of the harm per 1,000 people reached")
        initiatives.append(
            Initiative(
                name=sheet.fresh("initiative", seen),
                type=sheet.known("type", INITIATIVE_TYPES, "type"),
                kinds=kinds,
                hours=sheet.number("hours", above=0),
                cost=sheet.number("cost"),
                reach=sheet.whole("reach"),
                effect=effect,
                effect_source=sheet.text("effect_source", required=True),
                skills=sheet.parts("skills"),
                languages=sheet.parts("languages"),
                most=sheet.whole("most", 7, most=_MOST_HOLDINGS),
            )
        )
    sheet.close()
    return tuple(initiatives)


def read_venues(path: str | Path, *, districts: tuple[str, ...]) -> tuple[Venue, ...]:
    """Return the venues for workshops; the columns are described at `Venue`."""
    sheet = _Sheet(
        path,
        required=("venue", "district", "capacity", "opens", "closes"),
        optional=("lon", "lat", "weekdays", "partner"),
    )
    venues, seen = [], set[str]()
    for _ in sheet.rows():
        opens, closes = sheet.clock("opens"), sheet.clock("closes")
        if closes <= opens:
            sheet.fault(f"it closes at {closes:%H:%M}, not after it opens at {opens:%H:%M}")
        venues.append(
            Venue(
                name=sheet.fresh("venue", seen),
                district=sheet.known("district", districts, "district"),
                capacity=sheet.whole("capacity"),
                opens=opens,
                closes=closes,
                weekdays=_open_days(sheet),
                partner=sheet.text("partner"),
            )
        )
    sheet.close()
    return tuple(venues)


def _open_days(sheet: _Sheet) -> tuple[int, ...]:
    names = sheet.parts("weekdays")
    days = [_weekday(name) for name in names]
    if unknown := [name for name, day in zip(names, days, strict=True) if day is None]:
        sheet.fault(f"unknown weekday {some(unknown)}; use mon;tue;…")
    return tuple(sorted({day for day in days if day is not None})) or tuple(range(7))
