"""The record of one job."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from allocator.config import Job
from allocator.domain.arrays import Figures
from allocator.domain.forecast import ForecastState, RiskSurface
from allocator.domain.outreach import OutreachPlan
from allocator.domain.patrol import AllocationProblem, Openings, Plan
from allocator.domain.roster import Roster
from allocator.domain.space import Travel


@dataclass(frozen=True, eq=False)
class Run:
    """The record of one job; `load_run` gives an equal one.

    Parameters
    ----------
    job : Job
        The job, resolved.
    surface : RiskSurface
        The forecast; its reasons are kept for the planned cells.
    roster : Roster
        Who was on duty.
    problem : AllocationProblem
        What the solver knew; re-planning starts from it.
    plan : Plan
        Patrol.
    outreach : OutreachPlan
        Outreach.
    skill : DataFrame
        Held-out log-likelihood per event, by kind and model.
    model_text : str
        The boosted trees in LightGBM's format, if used.
    state : ForecastState
        What a fast renewal of the forecast starts from.
    travel : Travel
        Minutes between cells; re-planning reads no file again.
    openings : Openings
        When places may be visited.
    figures : mapping
        The numbers of `summary`; all can be recomputed from the rest.
    manifest : mapping
        Versions, seed, input hashes, row counts, timings and peak memory.
    history : mapping of str to DataFrame
        What the history showed, and how held-out forecasts did: the tables of `evaluation.look_back`.
    """

    job: Job
    surface: RiskSurface
    roster: Roster
    problem: AllocationProblem
    plan: Plan
    outreach: OutreachPlan
    skill: pd.DataFrame
    model_text: str
    state: ForecastState
    travel: Travel
    openings: Openings
    figures: Figures
    manifest: Figures
    history: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Run):
            return NotImplemented
        return all(_same(getattr(self, own.name), getattr(other, own.name)) for own in dataclasses.fields(self))

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    def explain(self, cell: int) -> str:
        """Return why a planned cell was chosen, one line per kind, in plain words.

        Raises
        ------
        DataError
            If the cell is not in the plan.
        """
        return "\n".join(self.surface.explain([cell])["reason"])

    def summary(self, *, width: int = 110) -> str:
        """Return the run in plain words, in lines of at most `width` characters."""
        lines = [
            line
            for label, text in self.figures["lines"]
            for line in textwrap.wrap(text, width, initial_indent=f"{label:<11}", subsequent_indent=" " * 11)
        ]
        return "\n".join(lines)


def _same(left: object, right: object) -> bool:
    """Return whether two values of a run hold the same data."""
    if isinstance(left, np.ndarray):
        equal_nan = left.dtype.kind == "f"
        return isinstance(right, np.ndarray) and np.array_equal(left, right, equal_nan=equal_nan)
    if isinstance(left, pd.DataFrame):
        return isinstance(right, pd.DataFrame) and left.equals(right)
    if dataclasses.is_dataclass(left) and not isinstance(left, type) and not isinstance(left, Run):
        names = [own.name for own in dataclasses.fields(left)]
        return type(left) is type(right) and all(_same(getattr(left, n), getattr(right, n)) for n in names)
    if isinstance(left, Mapping):
        if not isinstance(right, Mapping) or left.keys() != right.keys():
            return False
        return all(_same(left[key], right[key]) for key in left)
    if isinstance(left, tuple):
        return isinstance(right, tuple) and len(left) == len(right) and all(map(_same, left, right))
    return bool(left == right)
