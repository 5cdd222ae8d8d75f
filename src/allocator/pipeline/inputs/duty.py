"""Duty: who is there in the planned shifts, and what is asked of them."""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass

from allocator import io, planning
from allocator.config import Job, StaffingSection
from allocator.domain import Givens, Roster, Shift, shifts_of
from allocator.errors import DataError
from allocator.facts import Note
from allocator.pipeline.inputs.ground import Ground


@dataclass(frozen=True, eq=False)
class Duty:
    """Who is on duty, and the terms of patrol before any call and any forecast.

    Parameters
    ----------
    ground : Ground
        Where.
    roster : Roster
        Planned shifts, units, teams and duty, with the hand edits.
    staffing : StaffingSection
        The section of the job with the rows of its file of minimums.
    terms : Terms
        Units, minimums, caps, bands and limits, checked against each other; its `givens` are places, residents, edits.
    """

    ground: Ground
    roster: Roster
    staffing: StaffingSection
    terms: planning.Terms

    @property
    def givens(self) -> Givens:
        """What a plan has to know beside forecast, roster and policy, without the needs of calls."""
        return self.terms.givens

    @property
    def notes(self) -> tuple[Note, ...]:
        """What a planner should know of the roster."""
        return self.roster.notes


def duty_of(ground: Ground, *, soften: bool = False) -> Duty:
    """Return who is on duty in the planned week, after checking names and limits before any forecast.

    Parameters
    ----------
    ground : Ground
        Where.
    soften : bool
        Leave limits that contradict each other to be bent later.

    Raises
    ------
    ConfigError, DataError
        With every fault of a section or file at once.
    InfeasibleError
        If no plan can satisfy the limits, or a roster is to be made and the rules of a unit contradict each other.
    """
    job, city = ground.job, ground.city
    roster = roster_of(ground, shifts_from(job, job.job.week))
    staffing = staffing_of(ground, roster)
    edits = planning.allocation_edits(roster.edits, city)
    givens = Givens(places=ground.places, residents=ground.residents, edits=edits)
    terms = planning.terms_of(city, roster, job.policy, allocation=job.allocation, staffing=staffing, givens=givens)
    if roster.edits:
        untouched = dataclasses.replace(terms, givens=dataclasses.replace(givens, edits=()))
        planning.check_pins(untouched.limited(), roster.edits)
    with planning.naming_edits(roster.edits):
        limited = terms.limited()
        planning.check_holds(limited, job.allocation)
        if not soften:
            planning.check_feasible(limited)
    planning.search_of(limited, job.routes)
    return Duty(ground, roster, staffing, terms)


def shifts_from(job: Job, first_day: dt.date) -> tuple[Shift, ...]:
    """Return the shifts of a job from a day on, over as many days as it plans."""
    return shifts_of(job.shifts, first_day=first_day, days=job.job.days, timezone=job.job.timezone)


def staffing_of(ground: Ground, roster: Roster) -> StaffingSection:
    """Return the staffing section of a job with the rows of `staffing.minimums_file` among its minimums."""
    section = ground.job.staffing
    if section.minimums_file is None:
        return section
    rows = io.read_minimums(section.minimums_file, shifts=roster.shifts, districts=ground.city.districts)
    return section.model_copy(update={"minimums": (*section.minimums, *rows)})


def roster_of(ground: Ground, shifts: tuple[Shift, ...]) -> Roster:
    """Return who is on duty in the planned shifts: as given, or made under `[roster.make]`, with the hand edits.

    Raises
    ------
    DataError
        With every fault of a file at once.
    InfeasibleError
        If a roster is to be made and the rules of a unit contradict each other.
    """
    job, section, city = ground.job, ground.job.roster, ground.city
    roster = io.read_roster(section, shifts=shifts, districts=city.districts)
    before = job.job.week - dt.timedelta(days=7)
    earlier = shifts_of(job.shifts, first_day=before, days=7, timezone=job.job.timezone)
    wishes = io.read_duty_wishes(section.make, roster, earlier=earlier) if section.make else None
    if section.edits is not None:
        away = wishes.away if wishes else frozenset()
        edits, notes = io.read_edits(
            section.edits, roster=roster, city=city, away=away, made=wishes is not None, job=job.job.name
        )
        roster = dataclasses.replace(roster, edits=edits, notes=(*roster.notes, *notes))
    if section.make is None or wishes is None:
        return planning.edited(roster)
    return planning.make_roster(roster, wishes, section.make)


def past_roster(ground: Ground, first_day: dt.date) -> Roster | None:
    """Return who was on duty in an earlier week by the duty file, None where it does not reach back or duty is made."""
    section = ground.job.roster
    if section.make is not None:
        return None
    try:
        return io.read_roster(section, shifts=shifts_from(ground.job, first_day), districts=ground.city.districts)
    except DataError:
        return None
