"""Backtests of a job: its forecasts, and its plans, on the weeks before its own."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypedDict, Unpack

from allocator import evaluation
from allocator.config import Job, RiskSection, ShiftSection
from allocator.evaluation import PlanScorecard, PlanTerms, PlanWeek, Scorecard
from allocator.facts import Note, note
from allocator.keywords import keywords
from allocator.pipeline.inputs import (
    Duty,
    calls_before,
    duty_of,
    ground_of,
    known_of,
    past_roster,
    shifts_from,
    staffing_of,
)
from allocator.pipeline.record import Progress, Stopwatch


class Windows(TypedDict, total=False):
    """What a backtest may set for itself; what is not given, or None, is that of the job."""

    folds: int | None
    horizon: int | ShiftSection | None
    step: int | None
    models: Sequence[str] | None


@dataclass(frozen=True)
class _Windows:
    folds: int | None = None
    horizon: int | ShiftSection | None = None
    step: int | None = None
    models: Sequence[str] | None = None


@keywords(_Windows)
def backtest_job(
    job: Job, *, executor: Executor | None = None, progress: Progress | None = None, **windows: Unpack[Windows]
) -> Scorecard:
    """Return the scorecard of a job's forecasts on the last windows before its week.

    Parameters
    ----------
    job : Job
        From `read_job`. Its history is read as for `run`: nothing that happened or was reported in its week or later.
    executor : concurrent.futures.Executor, optional
        Does the folds. LightGBM then takes one thread in each, unless `risk.threads` says otherwise.
    progress : callable, optional
        Told each stage as it starts.
    folds, step : int, optional
        Windows, and days between them; by default those of `[evaluation]`.
    horizon : int or ShiftSection, optional
        Days of a window, or one shift; by default `risk.horizon_days`.
    models : sequence of str, optional
        By default those of `[evaluation]`, or all.

    Raises
    ------
    ConfigError, DataError, SolverError
        As `backtest`, and where a file of the job cannot be used.
    """
    own, clock = _Windows(**windows), Stopwatch(progress)
    with clock("study area"):
        place = ground_of(job)
    with clock("event history"):
        history = known_of(place)
    card = evaluation.backtest(
        history.panel, folds=job.evaluation.folds if own.folds is None else own.folds,
        horizon=job.risk.horizon_days if own.horizon is None else own.horizon,
        step=job.evaluation.step if own.step is None else own.step,
        models=(job.evaluation.models or None) if own.models is None else own.models,
        options=_threaded(job, executor), seed=job.job.seed,
        harm={kind: weight for kind, weight in job.policy.harm.items() if kind in history.panel.kinds},
        area_shares=job.evaluation.area_shares, covariates=history.covariates, executor=executor, progress=clock.tell,
    )  # fmt: skip
    return dataclasses.replace(card, notes=(*card.notes, *history.panel.notes, *place.notes, *history.events.notes))


def _threaded(job: Job, executor: Executor | None) -> RiskSection:
    """Return the settings of the forecast, with one thread for each of several workers."""
    return job.risk.model_copy(update={"threads": job.risk.threads or int(executor is not None)})


def backtest_plans(
    job: Job, *, folds: int | None = None, by_clock: bool = False, executor: Executor | None = None,
    progress: Progress | None = None,
) -> PlanScorecard:  # fmt: skip
    """Return what plans of the weeks before a job's own would have met of the harm that occurred, ours and others.

    Each week is planned from what was known before it, for the shifts and units of its own; harm met is not harm
    prevented. See `evaluation.plan_backtest`.

    Parameters
    ----------
    job : Job
        From `read_job`. Its history is read as for `run`: nothing that happened or was reported in its week or later.
    folds : int, optional
        Weeks; by default those of `[evaluation]`.
    by_clock : bool
        Drive the routes of every plan too, and count the events soon after each visit; about six times as slow.
    executor : concurrent.futures.Executor, optional
        Does the weeks. LightGBM then takes one thread in each, unless `risk.threads` says otherwise.
    progress : callable, optional
        Told each stage as it starts.

    Raises
    ------
    ConfigError, DataError, InfeasibleError, SolverError
        As `evaluation.plan_backtest`, and where a file of the job cannot be used.
    """
    clock = Stopwatch(progress)
    with clock("study area"):
        place = ground_of(job)
    with clock("rosters"):
        there = duty_of(place)
        weeks, told = past_weeks(there, folds or job.evaluation.folds)
        calls, _ = calls_before(there)
    with clock("event history"):
        history = known_of(place)
    terms = PlanTerms(
        policy=job.policy, allocation=job.allocation, routes=job.routes, model=job.risk.model,
        horizon_days=job.risk.horizon_days, options=_threaded(job, executor), harm=job.policy.harm,
        givens=dataclasses.replace(there.givens, edits=()), covariates=history.covariates, calls=calls,
        seed=job.job.seed, by_clock=by_clock,
    )  # fmt: skip
    card = evaluation.plan_backtest(history.panel, weeks, terms=terms, executor=executor, progress=clock.tell)
    return dataclasses.replace(
        card, notes=(*card.notes, *told, *history.panel.notes, *place.notes, *history.events.notes)
    )


def past_weeks(duty: Duty, folds: int) -> tuple[list[PlanWeek], tuple[Note, ...]]:
    """Return the weeks before a job's own, with who was on duty in each, and what a reader should know of that.

    Weeks start on the weekday of the job's own. A duty file by date may not reach back: then the units of the job's
    week stand, by day and shift.
    """
    job, place = duty.ground.job, duty.ground
    step = 7 * -(-job.job.days // 7)
    own = dataclasses.replace(duty.roster, edits=())
    weeks, moved = [], 0
    for back in range(folds, 0, -1):
        first_day = job.job.week - dt.timedelta(days=step * back)
        shifts = shifts_from(job, first_day)
        roster = past_roster(place, first_day)
        if roster is None:
            roster, moved = evaluation.moved_roster(own, shifts), moved + 1
        staffing = staffing_of(place, roster)
        names = {shift.id for shift in shifts} | {shift.name for shift in shifts}
        minimums = tuple(row for row in staffing.minimums if row.shift in names)
        weeks.append(PlanWeek(roster, staffing.model_copy(update={"minimums": minimums})))
    told = note("studies.weeks_not_covered", count=moved, total=folds, week=job.job.week)
    return weeks, (told,) if moved else ()
