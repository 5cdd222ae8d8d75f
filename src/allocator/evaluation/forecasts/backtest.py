"""Rolling-origin backtests: each fold is fitted on what was known at its cutoff, and scored on what came after.

A fold is one task that takes the panel and returns sums, so any `concurrent.futures` executor may do it and the
answers are the same bits as one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import TypedDict, Unpack

import numpy as np

from allocator.config import RiskSection, ShiftSection
from allocator.domain import Covariates, Panel
from allocator.errors import DataError
from allocator.evaluation.forecasts.cases import score
from allocator.evaluation.forecasts.folds import (
    Asked,
    Design,
    Fold,
    design_of,
    folds_of,
    horizon_name,
    length,
    sound_shares,
    step_of,
)
from allocator.evaluation.forecasts.pool import Progress, in_folds
from allocator.evaluation.forecasts.scorecard import Scorecard
from allocator.facts import Note, note
from allocator.keywords import keywords
from allocator.risk import BASELINES


class BacktestOptions(TypedDict, total=False):
    """What may be said of a backtest; see `backtest`."""

    models: Sequence[str] | None
    folds: int
    horizon: int | ShiftSection
    step: int | None
    options: RiskSection | None
    seed: int
    harm: Mapping[str, float] | None
    area_shares: Sequence[float]
    covariates: Covariates | None


@keywords(Asked)
def backtest(
    panel: Panel, *, executor: Executor | None = None, progress: Progress | None = None,
    **options: Unpack[BacktestOptions],
) -> Scorecard:  # fmt: skip
    """Forecast the last windows of a panel from what was known before each, and score the forecasts.

    Parameters
    ----------
    panel : Panel
        The history; its end is the end of the last window.
    models : sequence of str, optional
        Names of `risk.MODELS`, or "auto"; by default all of them.
    folds : int
        Number of windows.
    horizon : int or ShiftSection
        Periods of a window, or one shift: then that shift of the first day of each window is forecast.
    step : int, optional
        Periods from one cutoff to the next; by default the horizon (one day for a shift), so that windows neither
        overlap nor leave days out. With a smaller step windows overlap, and the bootstrap draws longer blocks.
    options : RiskSection, optional
        Settings of the models; intervals are those of 90 % whatever it says.
    seed : int
        Seed of the models, of the simulated ceiling and of the bootstrap.
    harm : mapping of str to float, optional
        Harm weight per kind; 1 where not given.
    area_shares : sequence of float
        Shares of the area, above 0 and up to 1.
    covariates : Covariates, optional
        What is known of places and days beside the events; see `allocator.fit`. Dated points and daily values count
        as they were known at each cutoff; all else counts as given, so it must have been known then.
    executor : concurrent.futures.Executor, optional
        Does the folds; without one they are done one after the other. Give processes `options.threads = 1`.
    progress : callable, optional
        Told which fold is being done.

    Returns
    -------
    Scorecard
        Scores per model, kind, fold and share of the area, and what follows from them.

    Raises
    ------
    ConfigError
        If a model, a share of the area, a harm weight, the folds, the step or the horizon cannot be.
    DataError
        If the history is too short, holds nothing to score, or has no times of day for a shift.
    SolverError
        If a worker of the executor ends before its fold is done.
    """
    asked = Asked(**options)
    design = design_of(panel, asked)
    plan = folds_of(panel, design, folds=asked.folds, step=step_of(design, panel, asked.step))
    results = in_folds(score, [(panel, design, fold) for fold in plan], executor=executor, progress=progress)
    skipped = tuple(skip for result in results for skip in result.skipped)
    if len(skipped) == len(plan) * len(design.kinds):
        raise DataError("no fold could be scored", faults=sorted({f"{skip.kind}: {skip.reason}" for skip in skipped}))
    spacing = (plan[1].cutoff - plan[0].cutoff).days if len(plan) > 1 else design.days
    return Scorecard(
        models=design.models, kinds=design.kinds, cutoffs=tuple(fold.cutoff for fold in plan),
        horizon_days=length(design), horizon_name=horizon_name(design), step_days=spacing,
        overlap=-(-design.days // spacing), area_shares=sound_shares(asked.area_shares), shares=design.shares,
        baselines=tuple(name for name in BASELINES if name in design.models),
        sums={name: np.stack([result.sums[name] for result in results]) for name in results[0].sums},
        chosen=tuple(result.chosen for result in results), skipped=skipped, notes=_notes(panel, design, plan),
        seed=design.seed,
    )  # fmt: skip


def _notes(panel: Panel, design: Design, plan: Sequence[Fold]) -> tuple[Note, ...]:
    """Return what a reader must know to judge the scores."""
    notes = []
    if len(plan) > 1 and (plan[1].cutoff - plan[0].cutoff).days < design.days:
        notes.append(note("studies.windows_overlap"))
    if design.shift is not None and (unknown := int((panel.minute < 0).sum())):
        notes.append(note("studies.shift_times_unknown", count=unknown, total=len(panel.minute)))
    if design.shift is not None and panel.span is not None:
        notes.append(note("studies.shift_intervals", count=int((panel.span > 0).sum())))
    if panel.reported is not None and (delay := int(np.quantile(panel.reported - panel.day, 0.95))):
        notes.append(note("studies.windows_lack_late", days=delay))
    if design.covariates is not None:
        notes += design.covariates.notes
        if design.covariates.cells:
            notes.append(note("studies.covariates_undated", names=list(design.covariates.cells)))
    if panel.clipped:
        notes.append(note("studies.corrections_left_out", count=panel.clipped))
    return tuple(notes)
