"""Asked: what calls, routes and outreach ask of the units on duty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from allocator import io, planning
from allocator.domain import Calls, Givens, Initiative, Openings, Staffing, Travel, day_number, local_clock
from allocator.errors import DataError, nearest
from allocator.facts import Note, note
from allocator.pipeline.inputs.duty import Duty
from allocator.pipeline.inputs.known import Known
from allocator.pipeline.inputs.outreach import OutreachInputs, read_outreach


@dataclass(frozen=True, eq=False)
class Asked:
    """What is asked of patrol beside the forecast, and what outreach can offer.

    Parameters
    ----------
    duty : Duty
        Who is there.
    calls : Calls, optional
        Calls received before the week, in the districts of the city.
    workload : Staffing, optional
        What these calls ask of the units; None where there are no calls, or they have no district.
    terms : Terms
        Those of the duty, with the units and minutes that calls take.
    short : tuple of Note
        What calls ask for in vain.
    travel : Travel
        Minutes between cells.
    openings : Openings
        When places may be visited.
    outreach : OutreachInputs, optional
        Areas, offers, survey and requests.
    """

    duty: Duty
    calls: Calls | None
    workload: Staffing | None
    terms: planning.Terms
    short: tuple[Note, ...]
    travel: Travel
    openings: Openings
    outreach: OutreachInputs | None

    @property
    def givens(self) -> Givens:
        """What a plan has to know beside forecast, roster and policy, with the needs of calls."""
        return self.terms.givens

    @property
    def rows(self) -> dict[str, int]:
        """Rows of calls read, and rows left out by reason."""
        return {} if self.calls is None else {f"calls, {reason}": n for reason, n in self.calls.ledger.items()}

    @property
    def notes(self) -> tuple[Note, ...]:
        """What a planner should know of calls, travel and outreach."""
        calls = () if self.calls is None else self.calls.notes
        return (*calls, *self.travel.notes, *(() if self.outreach is None else self.outreach.notes))


def asked_of(duty: Duty) -> Asked:
    """Return what calls, routes and outreach ask of a duty.

    Raises
    ------
    ConfigError, DataError
        With every fault of a section or file at once.
    """
    job, city, roster = duty.ground.job, duty.ground.city, duty.roster
    calls, short = calls_before(duty)
    workload, terms = None if calls is None else staffing_for(duty, calls), duty.terms
    if workload is not None:
        on_duty = [len(roster.on_duty(shift)) for shift in roster.shifts]
        givens, short = planning.with_workload(terms.givens, workload, on_duty, duty.staffing)
        terms = terms.changed(givens=givens)
    openings = planning.openings_of(
        job.routes.windows, city, roster, timezone=job.job.timezone, places=duty.ground.places
    )
    travel = io.read_job_travel(job, city)
    return Asked(duty, calls, workload, terms, short, travel, openings, read_outreach(job, city))


def calls_before(duty: Duty) -> tuple[Calls | None, tuple[Note, ...]]:
    """Return the calls of a job received before its week, None where it names none or the file begins later."""
    job = duty.ground.job
    if not job.staffing.calls:
        return None, ()
    every = io.read_job_calls(job)
    if not (local_clock(every.time, every.timezone)[0] < day_number(job.job.week)).any():
        return None, (note("staffing.no_calls_before", week=job.job.week),)
    return placed_calls(duty, every), ()


def placed_calls(duty: Duty, every: Calls) -> Calls:
    """Return the calls received before the week, in the districts of the city.

    Raises
    ------
    DataError
        If none was received before, labels are no districts, or more than `data.max_outside_share` of those with a
        place lie outside the area.
    """
    job = duty.ground.job
    calls = every.before(job.job.week).placed(duty.ground.city)
    if calls.x is None or calls.district is None:
        return calls
    has_place = np.isfinite(calls.x)
    outside, n = int((calls.district[has_place] < 0).sum()), int(has_place.sum())
    if outside > job.data.max_outside_share * max(n, 1):
        raise DataError(
            f"{outside:,} of {n:,} calls with a place lie outside every district: is it the right area, "
            "and are staffing.columns.lon and .lat (or x, y and staffing.crs) not exchanged?",
            count=outside,
        )
    return calls


def staffing_for(duty: Duty, calls: Calls) -> Staffing | None:
    """Return what calls ask of a roster, None where they have no district."""
    options = duty.staffing.model_copy(update={"total": {}})  # the plan knows who is on duty
    workload = planning.staff(
        calls, duty.roster.shifts, options, city=duty.ground.city, roster=duty.roster, routes=duty.ground.job.routes
    )
    return workload if workload.districts == duty.ground.city.districts else None


def check_kinds(asked: Asked, known: Known) -> None:
    """Refuse initiatives that address a misspelt kind; kinds like none that are forecast are left to the plan.

    Raises
    ------
    DataError
        With every such kind and the nearest that is forecast.
    """
    initiatives: tuple[Initiative, ...] = () if asked.outreach is None else asked.outreach.offers.initiatives
    kinds = known.panel.kinds
    faults = [
        f"initiative {initiative.name!r}: no kind {kind!r} is forecast{hint}"
        for initiative in initiatives
        for kind in initiative.kinds
        if kind not in kinds and (hint := nearest(kind, kinds))
    ]
    if faults:
        raise DataError("initiatives address kinds that are not forecast", faults=faults, column="kinds")
