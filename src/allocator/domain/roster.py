"""Who is on duty when."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import math
import zoneinfo
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from allocator.config import ShiftSection
from allocator.errors import DataError, nearest, some
from allocator.facts import Note


@dataclass(frozen=True)
class Shift:
    """One shift of one day.

    Parameters
    ----------
    id : str
        "2017-12-25/evening"; the date is the local day on which the shift starts.
    name : str
        "evening".
    day : datetime.date
        Local day on which it starts.
    start, stop : datetime.datetime
        Aware UTC times. A shift across a daylight-saving change is an hour shorter or longer.
    share : float, optional
        Share of a day's events in this shift, from the job file.
    """

    id: str
    name: str
    day: dt.date
    start: dt.datetime
    stop: dt.datetime
    share: float | None = None

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.stop.tzinfo is None:
            raise DataError(f"shift {self.id}: start and stop need a time zone, such as UTC")

    @property
    def minutes(self) -> float:
        """Real length in minutes."""
        return (self.stop - self.start).total_seconds() / 60


def shifts_of(sections: Iterable[ShiftSection], *, first_day: dt.date, days: int, timezone: str) -> tuple[Shift, ...]:
    """Return the shifts of the given local days in the order of their start.

    A local time that a daylight-saving change skips moves forward to the first existing minute; one that
    occurs twice means its first occurrence.

    Parameters
    ----------
    sections : iterable of ShiftSection
        The shifts of a day, as in a job file.
    first_day : datetime.date
        First local day.
    days : int
        Number of local days.
    timezone : str
        IANA name.
    """
    zone = zoneinfo.ZoneInfo(timezone)
    shifts = []
    for day in (first_day + dt.timedelta(days=n) for n in range(days)):
        for one in sections:
            stop_day = day + dt.timedelta(days=int(one.stop <= one.start))
            start = _to_utc(dt.datetime.combine(day, one.start), zone)
            stop = _to_utc(dt.datetime.combine(stop_day, one.stop), zone)
            shifts.append(Shift(f"{day.isoformat()}/{one.name}", one.name, day, start, stop, one.share))
    return tuple(sorted(shifts, key=lambda shift: (shift.start, shift.stop, shift.id)))


def stretches_of(shifts: Sequence[Shift]) -> list[tuple[dt.datetime, dt.datetime, tuple[int, ...]]]:
    """Return the stretches between all starts and stops that some shift covers, each with the rows of those shifts."""
    order = sorted(range(len(shifts)), key=lambda row: shifts[row].start)
    moments = sorted({moment for shift in shifts for moment in (shift.start, shift.stop)})
    stretches, running, at = [], list[int](), 0
    for start, stop in itertools.pairwise(moments):
        while at < len(order) and shifts[order[at]].start <= start:
            running.append(order[at])
            at += 1
        running = [row for row in running if shifts[row].stop > start]
        if running:
            stretches.append((start, stop, tuple(sorted(running))))
    return stretches


def overlap(shifts: Sequence[Shift]) -> bool:
    """Return whether any two shifts overlap."""
    return any(len(rows) > 1 for _, _, rows in stretches_of(shifts))


def hours_of(first_day: dt.date, *, days: int, timezone: str) -> tuple[Shift, ...]:
    """Return the hours of the given local days as shifts, for forecasts by hour.

    An hour that a daylight-saving change skips is left out; one that occurs twice lasts two hours.

    Parameters
    ----------
    first_day : datetime.date
        First local day.
    days : int
        Number of local days.
    timezone : str
        IANA name.

    Returns
    -------
    tuple of Shift
        In the order of their start, named "00h" to "23h".
    """
    clock = [dt.time(hour) for hour in range(24)]
    hours = [
        ShiftSection(name=f"{start:%H}h", start=start, stop=stop)
        for start, stop in zip(clock, clock[1:] + clock[:1], strict=True)
    ]
    shifts = shifts_of(hours, first_day=first_day, days=days, timezone=timezone)
    return tuple(hour for hour in shifts if hour.minutes > 0)


def _to_utc(local: dt.datetime, zone: zoneinfo.ZoneInfo) -> dt.datetime:
    utc = local.replace(tzinfo=zone, fold=0).astimezone(dt.UTC)
    if utc.astimezone(zone).replace(tzinfo=None) == local:
        return utc
    # In the gap, fold=0 reads the time with the offset before the change: the change itself lies between.
    before = local.replace(tzinfo=zone, fold=1).astimezone(dt.UTC)
    low, high = before, utc
    while high - low > dt.timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == low.astimezone(zone).utcoffset():
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


@dataclass(frozen=True)
class Unit:
    """A patrol unit: a call sign, never a person.

    A speed of None means `routes.speed_kmh`, `max_shifts` of None `roster.make.max_shifts`.
    """

    name: str
    type: str = "patrol"
    home_district: str = ""
    skills: tuple[str, ...] = ()
    speed_kmh: float | None = None
    max_shifts: int | None = None
    languages: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.speed_kmh is not None and not 0 < self.speed_kmh < math.inf:
            raise DataError(
                f"unit {self.name!r}: speed_kmh = {self.speed_kmh} is not a number above 0; "
                "leave it out for routes.speed_kmh",
                column="speed_kmh",
            )


@dataclass(frozen=True)
class OutreachTeam:
    """An outreach team: a team name, never a person.

    Parameters
    ----------
    name : str
        Column `team`.
    skills, languages : tuple of str
        What the team can do, and speaks.
    hours_per_week : float
        Hours it has in each week of the plan.
    working : (int, int)
        Minutes of the local day between which it works (columns `opens`, `closes`).
    weekdays : tuple of int
        Weekdays on which it works, Monday 0.
    """

    name: str
    skills: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    hours_per_week: float = 0.0
    working: tuple[int, int] = (0, 24 * 60)
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)


@dataclass(frozen=True)
class Edit:
    """A decision made by hand, which every later plan keeps.

    Parameters
    ----------
    action : str
        "pin" or "forbid".
    shift : str
        Shift id, "2017-12-29/evening".
    unit : str
        Unit that it concerns; "" for the cell as such.
    district : str
        District that the unit serves, or may not serve; "" where a cell is named, or for "any district".
    cell : int
        Cell that gets a visit, or may not have one; -1 for none. An edit of a unit with neither district nor cell is
        about its duty: it works the shift, or does not.
    who, why : str
        The desk or rank that decided, never a person's name; and the reason.
    """

    action: str
    shift: str
    unit: str = ""
    district: str = ""
    cell: int = -1
    who: str = ""
    why: str = ""

    def __str__(self) -> str:
        """Return it in words: "pin of U001 to district 2 in 2017-12-29/evening by watch desk (court order)"."""
        towards = {"pin": "to", "forbid": "from"}.get(self.action, "for")
        whom = self.unit or f"cell {self.cell}"
        place = f" {towards} district {self.district}" if self.district else ""
        if self.unit and self.cell >= 0:
            place = f" {towards} cell {self.cell}"
        return f"{self.action} of {whom}{place} in {self.shift} by {self.who} ({self.why})"

    @property
    def on_duty_itself(self) -> bool:
        """Whether it says that a unit works a shift, or does not."""
        return bool(self.unit) and not self.district and self.cell < 0


@dataclass(frozen=True)
class DutyWishes:
    """What the units and the shifts ask of a duty roster.

    Parameters
    ----------
    wanted : mapping of str to int
        Units wanted, by shift id.
    away : frozenset of (str, str)
        Pairs of unit name and shift id in which the unit cannot work.
    weights : mapping of (str, str) to float
        By unit name and shift id: above 0 where the unit wants to work, below where it would rather not.
    earlier : tuple of Shift
        Shifts before the plan, if it is known who worked them.
    worked : frozenset of (str, str)
        Pairs of unit name and id of an earlier shift.
    notes : tuple of Note
        What a planner should know.
    """

    wanted: Mapping[str, int]
    away: frozenset[tuple[str, str]] = frozenset()
    weights: Mapping[tuple[str, str], float] = dataclasses.field(default_factory=dict)
    earlier: tuple[Shift, ...] = ()
    worked: frozenset[tuple[str, str]] = frozenset()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Roster:
    """Who is on duty in the planned shifts.

    Parameters
    ----------
    units, teams
        Patrol units and outreach teams, in file order.
    shifts : tuple of Shift
        The planned shifts.
    duty : frozenset of (str, str)
        Pairs of unit name and shift id.
    notes : tuple of Note
        What a planner should know, such as duty rows outside the planned week.
    edits : tuple of Edit
        What was decided by hand for the planned shifts.
    """

    units: tuple[Unit, ...]
    shifts: tuple[Shift, ...]
    duty: frozenset[tuple[str, str]]
    teams: tuple[OutreachTeam, ...] = ()
    notes: tuple[Note, ...] = ()
    edits: tuple[Edit, ...] = ()

    def __post_init__(self) -> None:
        faults = []
        for what, names in (("unit", [u.name for u in self.units]), ("team", [t.name for t in self.teams])):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                faults.append(f"{what} names used twice: {some(twice)}")
        units, shifts = {unit.name for unit in self.units}, {shift.id for shift in self.shifts}
        if unknown := sorted({unit for unit, _ in self.duty} - units):
            faults.append(f"{len(unknown)} units on duty are not in the unit list: {some(unknown)}")
        if unknown := sorted({shift for _, shift in self.duty} - shifts):
            faults.append(f"{len(unknown)} duty shifts are not planned: {some(unknown)}")
        faults += self._double_booked()
        if faults:
            raise DataError("the roster contradicts itself", faults=faults)

    def _double_booked(self) -> list[str]:
        """Return who is on duty in two shifts at once (shifts may overlap, a unit may not be in both)."""
        by_id = {shift.id: shift for shift in self.shifts}
        worked: dict[str, list[Shift]] = {}
        for unit, shift in self.duty:
            if shift in by_id:
                worked.setdefault(unit, []).append(by_id[shift])
        twice = []
        for unit in sorted(worked):
            in_order = sorted(worked[unit], key=lambda shift: (shift.start, shift.id))
            twice += [f"{unit} in {a.id} and {b.id}" for a, b in itertools.pairwise(in_order) if b.start < a.stop]
        return [f"{len(twice)} double bookings in overlapping shifts: {some(twice)}"] if twice else []

    def on_duty(self, shift: Shift) -> tuple[Unit, ...]:
        """Return the units on duty in `shift`, in roster order."""
        return tuple(unit for unit in self.units if (unit.name, shift.id) in self.duty)

    def without(self, names: Iterable[str]) -> Self:
        """Return the roster with the named units off duty.

        Raises
        ------
        DataError
            If a name is not in the roster.
        """
        gone = set(names)
        known = {unit.name for unit in self.units}
        if unknown := sorted(gone - known):
            raise DataError(f"no such unit: {unknown[0]!r}{nearest(unknown[0], known)}", examples=unknown)
        return dataclasses.replace(self, duty=frozenset(pair for pair in self.duty if pair[0] not in gone))
