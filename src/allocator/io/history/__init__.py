"""Incidents, calls and covariates."""

from allocator.io.history.calls import read_calls, read_job_calls
from allocator.io.history.checks import check_placed, screen, thin_weeks, without_ended
from allocator.io.history.covariates import read_covariates, read_job_covariates
from allocator.io.history.events import read_events, read_job_events
from allocator.io.history.look import Look, look_at, look_of_job

__all__ = [
    "Look", "check_placed", "look_at", "look_of_job", "read_calls", "read_covariates", "read_events", "read_job_calls",
    "read_job_covariates", "read_job_events", "screen", "thin_weeks", "without_ended",
]  # fmt: skip
