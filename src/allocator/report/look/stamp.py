"""What every output says first: who approved it, and what it may be used for."""

from __future__ import annotations

import datetime as dt

import numpy as np

from allocator.config import Job
from allocator.domain import Floats, Plan

ONE_DAY = dt.timedelta(days=1)
EVALUATION_ONLY = "Evaluation only: the job has no [deployment] section."


def stamp(job: Job) -> str:
    """Return the sentence about approval that every output of a job carries."""
    if job.deployment is None:
        return EVALUATION_ONLY
    use = job.deployment
    if use.expires < job.job.week:
        return f"Evaluation only: the approval {use.approval_reference} expired on {use.expires}."
    approved = f"Approved by {use.authority} ({use.approval_reference}) for {use.jurisdiction} until {use.expires}"
    if use.expires < job.job.week + (job.job.days - 1) * ONE_DAY:
        return f"{approved}; the plan's days after that are evaluation only."
    return f"{approved}."


def mark(job: Job, plan: Plan) -> str:
    """Return what every output of a plan carries: the sentence about approval, and that limits were softened."""
    if not plan.softened:
        return stamp(job)
    n = len(plan.softened)
    return f"SOFTENED PLAN: {n} limit{'s' * (n > 1)} bent ({plan.softened[0]}{'; …' * (n > 1)}). {stamp(job)}"


def harm_word(harm: Floats) -> str:
    """Return what covered harm counts."""
    return "expected events" if (np.asarray(harm) == 1).all() else "expected harm-weighted events"
