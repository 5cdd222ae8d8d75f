"""Everything a job names, read and checked without forecasting or planning."""

from __future__ import annotations

from allocator import evaluation, report, risk
from allocator.config import Job
from allocator.facts import texts
from allocator.pipeline.outreach import weeks_of
from allocator.pipeline.record import Stopwatch
from allocator.pipeline.run import first_stage


def validate(job: Job) -> tuple[str, ...]:
    """Read everything a job names, without forecasting or planning; return what a planner should know.

    Raises
    ------
    ConfigError, DataError, InfeasibleError
        With every fault that can be told at once.
    """
    asks, history = first_stage(job, Stopwatch())
    place, roster, panel = history.ground, asks.duty.roster, history.panel
    evaluation.check_target(job.scenarios, panel.kinds)
    for model in job.evaluation.models:
        risk.check_model(model)
    risk.windows_of(panel, job.risk.horizon_days, job.risk)
    sizes = [
        f"{place.city.n_cells:,} cells, {len(place.city.districts)} districts",
        f"{len(panel.day):,} events of {', '.join(panel.kinds)} from {panel.first_day} on can train the model",
        f"{len(roster.units)} units, {len(roster.duty):,} unit-shifts in {len(roster.shifts)} shifts",
    ]
    if asks.outreach is not None:
        offers = asks.outreach.offers
        sizes.append(
            f"outreach: {len(offers.initiatives)} initiatives, {len(offers.venues)} venues, {len(offers.partners)} "
            f"partners, {len(asks.outreach.areas.names)} areas, {weeks_of(job)} weeks"
        )
    if asks.calls is not None:
        sizes.append(f"{len(asks.calls):,} calls for service were received before {job.job.week}")
    counted = [f"{reason}: {n:,}" for reason, n in history.events.ledger.items() if n]
    notes = (*asks.short, *place.notes, *panel.notes, *history.notes, *asks.duty.notes, *asks.notes)
    return (report.stamp(job), *sizes, *counted, *texts(notes))
