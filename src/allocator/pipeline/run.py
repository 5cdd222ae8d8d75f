"""From a job to a run: the order of the stages."""

from __future__ import annotations

import dataclasses

from allocator import evaluation, io, planning, report, risk
from allocator.config import Job
from allocator.domain import Plan, RiskSurface, Run, Staffing
from allocator.facts import Note, texts
from allocator.pipeline.inputs import Asked, Known, asked_of, check_kinds, duty_of, ground_of, known_of
from allocator.pipeline.outreach import season_of, with_event_visits
from allocator.pipeline.record import Progress, Stopwatch, changed_since, inputs_of, origin, peak_mb, refuse_changed


def run(job: Job, *, soften: bool = False, progress: Progress | None = None) -> Run:
    """Return the run of a job: forecast, plan and everything needed to save, explain and re-plan it.

    Parameters
    ----------
    job : Job
        From `read_job`.
    soften : bool
        Where no plan keeps every limit, bend them as little as it takes, and say so.
    progress : callable, optional
        Called with the name of each stage as it starts.

    Raises
    ------
    ConfigError, DataError, InfeasibleError, SolverError
        With every fault that can be told at once.
    """
    clock = Stopwatch(progress)
    if "gis" in job.output.products:
        io.check_temporary()
    inputs = inputs_of(job)
    asks, history = first_stage(job, clock, soften=soften)
    refuse_changed(inputs)
    edits = asks.duty.roster.edits
    with clock("forecast"):
        fitted, surface = forecast_of(asks, history)
    with clock("outreach"):
        outreach, terms, unkept = season_of(asks, history, surface)
    with clock("allocation"), planning.naming_edits(edits):
        problem = terms.valued(surface)
        problem, softened = planning.soften(problem) if soften else (problem, ())
        rivals = planning.rivals_of(problem, job.allocation.solver)
    search = planning.search_of(problem, job.routes)
    if search.seconds > planning.LONG:
        clock.tell(f"routes: {search}")
    with clock("duty and routes"), planning.naming_edits(edits):
        plan = planning.plan_patrol(
            problem, surface, terms.roster, allocation=job.allocation, routes=job.routes, travel=asks.travel,
            openings=asks.openings, seed=job.job.seed, softened=softened,
        )  # fmt: skip
        plan = _with_waits(plan, asks.workload, (*asks.short, *unkept))
        plan = with_event_visits(plan, terms.givens, problem.shifts)
    with clock("summary"):
        held = fitted.hold_out
        past = evaluation.look_back(
            history.panel, job.job.week, actual=held.counted(held.actual), rates=fitted.scored
        )  # fmt: skip
        made = Run(
            job=job, surface=surface.with_reasons_of(plan.visits["cell"].to_numpy()), roster=terms.roster,
            problem=problem, plan=plan, outreach=outreach, skill=fitted.skill(), model_text=fitted.model_text(),
            state=fitted.state(terms.roster.shifts), travel=asks.travel, openings=asks.openings, figures={},
            manifest={}, history=past,
        )  # fmt: skip
        draft = report.Draft(
            made, fitted, history.events, rivals, history.covariates, calls=asks.calls, area=history.ground.notes
        )
        late = changed_since(inputs)
        figures = report.with_notes(report.figures(draft), late, "changed")
    told = texts(note for part in (history.ground, history, asks.duty, asks) for note in part.notes)
    manifest = {**origin(job, inputs), **_manifest(asks, history, clock), "notes": [*told, *texts(late)]}
    return dataclasses.replace(made, figures=figures, manifest=manifest)


def first_stage(job: Job, clock: Stopwatch, *, soften: bool = False) -> tuple[Asked, Known]:
    """Return everything that a job names, read and checked against each other.

    Raises
    ------
    ConfigError, DataError, InfeasibleError
        With every fault that can be told at once.
    """
    with clock("study area"):
        place = ground_of(job)
    with clock("rosters"):
        there = duty_of(place, soften=soften)
    with clock("calls"):
        asks = asked_of(there)
    with clock("event history"):
        history = known_of(place)
        check_kinds(asks, history)
    return asks, history


def forecast_of(asked: Asked, known: Known) -> tuple[risk.Fitted, RiskSurface]:
    """Return the fitted forecast of a job, and its surface over the planned shifts."""
    job = known.ground.job
    fitted = risk.fit(
        known.panel, job.risk.model, job.risk.horizon_days, options=job.risk, covariates=known.covariates,
        seed=job.job.seed,
    )  # fmt: skip
    return fitted, fitted.forecast(shifts=asked.duty.roster.shifts, harm=job.policy.harm)


def _with_waits(plan: Plan, workload: Staffing | None, short: tuple[Note, ...]) -> Plan:
    """Return the plan with the waits of calls that its units make, and the calls that need more of them."""
    plan = dataclasses.replace(plan, unmet=(*short, *plan.unmet))
    if workload is None:
        return plan
    units = plan.staffing["units_assigned"].to_numpy().reshape(workload.units_required.shape)
    staffing = plan.staffing.assign(**planning.staffing_columns(workload, units))
    return dataclasses.replace(plan, staffing=staffing)


def _manifest(asked: Asked, known: Known, clock: Stopwatch) -> dict[str, object]:
    return {
        "rows": {**known.rows, **asked.rows},
        "dropped_columns": list(known.events.dropped_columns),
        "wall_clock_stops": [],  # every budget is one of iterations or deterministic work
        "seconds": {**clock.seconds, "total": round(sum(clock.seconds.values()), 3)},
        "peak_mb": peak_mb(),
    }
