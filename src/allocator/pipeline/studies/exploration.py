"""What the history of a job shows before anything is planned."""

from __future__ import annotations

from allocator import evaluation, io, report
from allocator.config import Job
from allocator.domain import local_clock
from allocator.pipeline.inputs import ground_of, known_of
from allocator.pipeline.record import Progress, Stopwatch, inputs_of, origin, peak_mb


def explore_job(job: Job, *, progress: Progress | None = None, permutations: int = 199) -> report.Exploration:
    """Return what the history of a job shows: trends, change alarms and near repeats, as known before its week.

    Parameters
    ----------
    job : Job
        From `read_job`.
    progress : callable, optional
        Called with the name of each stage as it starts.
    permutations : int
        Random orders of the near-repeat test.

    Raises
    ------
    ConfigError, DataError
        With every fault that can be told at once.
    """
    clock, inputs = Stopwatch(progress), inputs_of(job)
    with clock("study area"):
        place = ground_of(job)
    with clock("event history"):
        history = known_of(place)
        every, panel = history.placed, history.panel
        stop, late, reporting = evaluation.complete_until(panel, job.job.week)
    with clock("trends"):
        trends = evaluation.find_trends(panel, stop=stop)
        codes = evaluation.review_codes(every, local_clock(every.time, every.timezone)[0], job.job.week)
    with clock("change alarms"):
        weekly = evaluation.weekly_counts(panel, stop=stop)
        changes = evaluation.find_changes(weekly, reporting_known=reporting)
    with clock("near repeats"):
        repeats, notes = evaluation.near_repeats(
            history.events, panel.kinds, permutations=permutations, seed=job.job.seed
        )
    return report.Exploration(
        job=job, weekly=weekly, trends=trends, changes=changes, codes=codes, repeats=repeats,
        notes=tuple(told for told in (late, *notes, *panel.notes, *place.notes, *history.notes) if told),
        manifest={**origin(job, inputs), "seconds": clock.seconds, "peak_mb": peak_mb()},
        look=io.look_of_job(job, every), area=place.area,
    )  # fmt: skip
