"""Folds done one after the other or by an executor."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from typing import TypeVar

import numpy as np

from allocator.config import RiskSection
from allocator.domain import Panel, Tessellation
from allocator.errors import SolverError
from allocator.evaluation.forecasts.cases import score
from allocator.evaluation.forecasts.folds import Asked, Fold, design_of

Progress = Callable[[str], None]
T = TypeVar("T")


def in_folds(
    work: Callable[..., T], folds: Sequence[tuple[object, ...]], *, executor: Executor | None = None,
    progress: Progress | None = None,
) -> list[T]:  # fmt: skip
    """Return what `work` makes of each fold's arguments, in order, done by the executor where there is one.

    Raises
    ------
    SolverError
        If a worker ends before its fold is done.
    """
    tell = progress or (lambda stage: None)
    results = []
    if executor is None:
        for number, fold in enumerate(folds):
            tell(f"fold {number + 1} of {len(folds)}")
            results.append(work(*fold))
        return results
    tell("kernels")
    warm_up()
    tasks = [executor.submit(work, *fold) for fold in folds]
    with _all_or_none(tasks):
        for number, task in enumerate(tasks):
            tell(f"fold {number + 1} of {len(folds)}")
            results.append(task.result())
    return results


@contextmanager
def _all_or_none(tasks: Sequence[Future[T]]) -> Iterator[None]:
    try:
        yield
    except BrokenExecutor as error:
        raise SolverError(
            "a worker ended before its fold was done, mostly for want of memory: use fewer workers, or larger cells"
        ) from error
    finally:
        for task in tasks:
            task.cancel()


def warm_up() -> None:
    """Compile the kernels of every model into the cache, in this process, before others use it (numba #4807)."""
    from allocator.synthetic.city import make_city  # only where workers are used

    area = make_city(width_km=2, height_km=2, weeks=1, events_per_week=7).area
    city = Tessellation.squares(area, 500)
    day = np.arange(150, dtype=np.int32)
    panel = Panel(
        city=city, kinds=("any",), timezone="UTC", first_day=dt.date(2026, 1, 1), n_periods=150, period_days=1, day=day,
        minute=np.full(150, -1, np.int16), cell=(day % city.n_cells).astype(np.int32),
        kind=np.zeros(150, np.int16), count=np.ones(150, np.int8),
    )  # fmt: skip
    options = RiskSection(train_weeks=8, holdout_weeks=2, burn_in_days=14)
    design = design_of(panel, Asked(options=options, area_shares=(0.01,)))
    score(panel, design, Fold(0, panel.stop_day - dt.timedelta(days=7)))
