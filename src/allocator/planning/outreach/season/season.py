"""What a season of outreach can be made of: options, crews, funds and limits as numbers."""

from __future__ import annotations

import datetime as dt
import math
import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from allocator.config import OutreachSection
from allocator.domain import (
    Answer,
    Bools,
    Channel,
    Floats,
    Initiative,
    Ints,
    OutreachAreas,
    Partner,
    Point,
    Shift,
    Venue,
)

SLOT_MINUTES = 30
"""Holdings start on the local half hour."""
DAY_SLOTS = 24 * 60 // SLOT_MINUTES
WEEK_SLOTS = 7 * DAY_SLOTS


@dataclass(frozen=True)
class Crew:
    """Who can hold an initiative: an outreach team, a patrol unit in its shifts, or a pool of like units.

    Parameters
    ----------
    name : str
        Team or unit.
    skills, languages : tuple of str
        What it can do, and speaks.
    minutes_per_week : int
        Of a team.
    working, weekdays
        As in `OutreachTeam`.
    shifts : mapping of int to int
        Of patrol units: rows of the planned shifts, and how many of the pool are on duty in each.
    """

    name: str
    skills: tuple[str, ...]
    languages: tuple[str, ...]
    minutes_per_week: int = 0
    working: tuple[int, int] = (0, 24 * 60)
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    shifts: dict[int, int] = field(default_factory=dict)

    @property
    def is_patrol(self) -> bool:
        """Whether it stands for patrol units."""
        return bool(self.shifts)


@dataclass(frozen=True, eq=False)
class Option:
    """An initiative at a place, with a partner: rows of the season's tables, -1 for none.

    Parameters
    ----------
    initiative, venue, point, channel, partner, area : int
        Rows; `area` is where it is held, -1 for several.
    areas, contacts, limit : tuple of int
        Areas it reaches, people it reaches there each time, and most people that all its holdings can reach there.
    starts : (n,) int64
        Slots at which it can start by its place, lead time and blackout dates.
    most : int
        Most holdings in the plan.
    cents : int
        Cost of one holding.
    funds : tuple of int
        Funds that may pay, 0 the general budget.
    xy : (float, float)
        Where it is, metres; NaN for nowhere.
    """

    initiative: int
    areas: tuple[int, ...]
    contacts: tuple[int, ...]
    limit: tuple[int, ...]
    starts: Ints
    most: int
    cents: int
    funds: tuple[int, ...]
    venue: int = -1
    point: int = -1
    channel: int = -1
    partner: int = -1
    area: int = -1
    xy: tuple[float, float] = (math.nan, math.nan)


@dataclass(frozen=True)
class Holding:
    """One booked holding: rows of option and crew, first slot, and the fund that pays."""

    option: int
    crew: int
    start: int
    fund: int = 0


@dataclass(frozen=True, eq=False)
class Patrol:
    """What patrol gives up for outreach.

    Parameters
    ----------
    shifts : tuple of Shift
        The planned shifts.
    loss : tuple of (n,) float64
        Per shift, what taking the first, the second, … unit away costs, rising; as many as may be taken.
    minutes : (n_shifts,) float64
        Minutes of all units on duty.
    """

    shifts: tuple[Shift, ...]
    loss: tuple[Floats, ...]
    minutes: Floats


@dataclass(frozen=True, eq=False)
class Terms:
    """What an outreach plan is to keep to; see `plan_outreach`."""

    section: OutreachSection
    timezone: str
    first_day: dt.date
    weeks: int
    area_district: tuple[str, ...] = ()
    patrol: Patrol | None = None


@dataclass(frozen=True, eq=False)
class Season:
    """Everything the optimiser of outreach may know.

    Parameters
    ----------
    initiatives, venues, partners, points, channels : tuple
        The offers; rows of the options.
    crews : tuple of Crew
        Who can hold them.
    options : tuple of Option
        What can be held where.
    funds : tuple of (str, int)
        Names and cents; the general budget is first, with the name "".
    weeks : int
        Weeks of the plan.
    areas : OutreachAreas
        Where people live.
    need : (n_areas, n_kinds) float64
        Need over the time that effects count.
    kinds : tuple of str
        Names of the kinds.
    clock : (str, datetime.date)
        Time zone, and first local day.
    section : OutreachSection
        Limits of the job.
    audience : (n_initiatives, n_areas) int64
        People whom an initiative can reach.
    area_district : tuple of str
        District of each area.
    pins : tuple of Holding
        What partners confirmed and can be kept.
    answers : tuple of Answer
        What they answered.
    patrol : Patrol, optional
        What shared units cost.
    closed : (n_slots,) bool
        Slots around a change of the clocks that nothing may touch.
    """

    initiatives: tuple[Initiative, ...]
    venues: tuple[Venue, ...]
    partners: tuple[Partner, ...]
    points: tuple[Point, ...]
    channels: tuple[Channel, ...]
    crews: tuple[Crew, ...]
    options: tuple[Option, ...]
    funds: tuple[tuple[str, int], ...]
    weeks: int
    areas: OutreachAreas
    need: Floats
    kinds: tuple[str, ...]
    clock: tuple[str, dt.date]
    section: OutreachSection
    audience: Ints
    area_district: tuple[str, ...]
    closed: Bools
    pins: tuple[Holding, ...] = ()
    answers: tuple[Answer, ...] = ()
    patrol: Patrol | None = None

    @cached_property
    def effect(self) -> Floats:
        """Share of the harm prevented over the horizon where everyone is reached, by initiative."""
        return np.array(
            [_lasting(initiative.effect, initiative, self.section.horizon_weeks) for initiative in self.initiatives]
        )

    @cached_property
    def kinds_of(self) -> tuple[tuple[int, ...], ...]:
        """Rows of the kinds that each initiative addresses."""
        row = {kind: k for k, kind in enumerate(self.kinds)}
        return tuple(
            tuple(sorted({row[kind] for kind in initiative.kinds if kind in row})) for initiative in self.initiatives
        )

    @cached_property
    def strongest(self) -> Floats:
        """Largest effect of any initiative by kind: outreach prevents no larger share of the harm."""
        return strongest_of(self.effect, self.kinds_of, len(self.kinds))

    @cached_property
    def of_initiative(self) -> tuple[tuple[int, ...], ...]:
        """Options of each initiative."""
        found: list[list[int]] = [[] for _ in self.initiatives]
        for o, option in enumerate(self.options):
            found[option.initiative].append(o)
        return tuple(tuple(options) for options in found)

    @cached_property
    def able(self) -> tuple[tuple[int, ...], ...]:
        """Crews with the skills and languages of each initiative."""
        return tuple(
            tuple(
                c
                for c, crew in enumerate(self.crews)
                if set(one.skills) <= set(crew.skills) and set(one.languages) <= set(crew.languages)
            )
            for one in self.initiatives
        )

    def slots(self, o: int) -> int:
        """Return the slots that a holding of an option takes."""
        return -(-round(self.initiatives[self.options[o].initiative].hours * 60) // SLOT_MINUTES)

    def team_minutes(self, i: int) -> int:
        """Return the minutes of a crew that a holding of an initiative takes."""
        return round(self.initiatives[i].team_hours * 60)

    def starts(self, o: int, c: int) -> Ints:
        """Return the slots at which a crew can start a holding of an option."""
        crew, length = self.crews[c], self.slots(o)
        at = self.options[o].starts
        if crew.is_patrol:
            return at[np.isin(at, self._in_shifts(c, length))]
        minute = at % DAY_SLOTS * SLOT_MINUTES
        day = (self.clock[1].weekday() + at // DAY_SLOTS) % 7
        inside = (minute >= crew.working[0]) & (minute + length * SLOT_MINUTES <= crew.working[1])
        return np.asarray(at[inside & np.isin(day, crew.weekdays)])

    def _in_shifts(self, c: int, length: int) -> Ints:
        starts = [
            np.arange(first, last - length + 1)
            for s in self.crews[c].shifts
            for first, last in [self.slots_of_shift(s)]
        ]
        return np.concatenate(starts) if starts else np.zeros(0, np.int64)

    def slots_of_shift(self, s: int) -> tuple[int, int]:
        """Return the first slot of a planned shift and the one after its last, by the local clock."""
        assert self.patrol is not None
        shift, zone = self.patrol.shifts[s], zoneinfo.ZoneInfo(self.clock[0])
        midnight = dt.datetime.combine(self.clock[1], dt.time())
        minutes = [
            (at.astimezone(zone).replace(tzinfo=None) - midnight).total_seconds() / 60
            for at in (shift.start, shift.stop)
        ]
        return math.ceil(minutes[0] / SLOT_MINUTES), math.floor(minutes[1] / SLOT_MINUTES)

    def shift_at(self, c: int, start: int) -> int:
        """Return the planned shift in which a patrol crew would hold something that starts at a slot; -1 for none."""
        for s in self.crews[c].shifts:
            first, last = self.slots_of_shift(s)
            if first <= start < last:
                return s
        return -1


def _lasting(effect: float, one: Initiative, horizon: float) -> float:
    """Return the mean of an effect over the horizon while it halves every half-life."""
    if math.isinf(one.half_life_weeks):
        return effect
    rate = math.log(2) / one.half_life_weeks
    return effect * -math.expm1(-rate * horizon) / (rate * horizon)


def strongest_of(effect: Floats, kinds_of: Iterable[tuple[int, ...]], n_kinds: int) -> Floats:
    """Return the largest effect by kind, (n_kinds,)."""
    strongest = np.zeros(n_kinds)
    for value, kinds in zip(effect.tolist(), kinds_of, strict=True):
        for k in kinds:
            strongest[k] = max(strongest[k], value)
    return strongest
