"""Plans of a job's week under other terms."""

from __future__ import annotations

import dataclasses

from allocator import evaluation
from allocator.config import Job
from allocator.evaluation import Scenarios, Setting
from allocator.pipeline.outreach import outreach_scenarios
from allocator.pipeline.record import Progress, Stopwatch
from allocator.pipeline.run import first_stage, forecast_of


def scenarios_job(job: Job, *, progress: Progress | None = None) -> Scenarios:
    """Return plans of a job's week under other terms: fewer units, another target, equity, budgets.

    Parameters
    ----------
    job : Job
        From `read_job`; its `[scenarios]` section names them. One forecast serves all.
    progress : callable, optional
        Told each stage as it starts.

    Raises
    ------
    ConfigError, DataError, InfeasibleError
        With every fault that can be told at once. A scenario without a plan is no error: it is shown as such.
    """
    clock = Stopwatch(progress)
    asks, history = first_stage(job, clock)
    there = asks.duty
    evaluation.check_target(job.scenarios, history.panel.kinds)
    with clock("forecast"):
        _, surface = forecast_of(asks, history)
    with clock("scenarios"):
        setting = Setting(there.roster, job.policy, job.allocation, there.staffing, there.givens, seed=job.job.seed)
        compared = evaluation.compare_scenarios(surface, setting, job.scenarios, workload=asks.workload)
        if asks.outreach is None:
            return compared
        outreach = outreach_scenarios(
            job, asks.outreach, surface, history.panel, roster=there.roster, problem=asks.terms.valued(surface)
        )
    return dataclasses.replace(compared, outreach=outreach)
