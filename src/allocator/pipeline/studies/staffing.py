"""Units that the calls of a job need."""

from __future__ import annotations

from allocator import io, planning
from allocator.config import Job
from allocator.domain import Staffing
from allocator.pipeline.inputs import duty_of, ground_of, placed_calls
from allocator.pipeline.record import Progress, Stopwatch


def staff_job(job: Job, *, progress: Progress | None = None) -> Staffing:
    """Return the units that the calls of a job need in its planned shifts, and what its roster makes of them.

    Parameters
    ----------
    job : Job
        From `read_job`; its `[staffing]` section names the calls. Only those before its week are looked at.
    progress : callable, optional
        Told each stage as it starts.

    Raises
    ------
    ConfigError, DataError, InfeasibleError
        With every fault that can be told at once.
    """
    clock = Stopwatch(progress)
    with clock("study area"):
        place = ground_of(job)
    with clock("rosters"):
        there = duty_of(place)
    with clock("calls"):
        calls = placed_calls(there, io.read_job_calls(job))
    with clock("staffing"):
        return planning.staff(
            calls, there.roster.shifts, there.staffing, city=place.city, roster=there.roster, routes=job.routes
        )
