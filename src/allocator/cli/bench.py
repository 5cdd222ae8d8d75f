"""Timings of the stages on synthetic data, as JSON-ready records."""

from __future__ import annotations

import dataclasses
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from allocator.domain import Panel
from allocator.errors import ConfigError, nearest


@dataclass(frozen=True)
class Size:
    """Size of a synthetic task.

    Parameters
    ----------
    cells, shifts, units, districts : int
        Cells, shifts, units on duty per shift, districts. `features` and `fit` use `cells` alone, `run` none.
    """

    cells: int = 10_000
    shifts: int = 21
    units: int = 200
    districts: int = 25


Task = Callable[[], dict[str, float]]


def measure(
    name: str = "all", size: Size | None = None, *, repeats: int = 5, seed: int = 0
) -> Iterator[dict[str, Any]]:
    """Yield one record per task: `name, seconds (median), min, max, repeats, peak_mb, cores, versions` and its own.

    Each task runs in a new process, so `peak_mb` is its own: the package and its engines, the making of the data, and
    the task. The first, untimed call compiles the kernels. A script that calls this needs the usual
    `if __name__ == "__main__":`.

    Raises
    ------
    ConfigError
        If there is no such task.
    """
    if name != "all" and name not in TASKS:
        raise ConfigError(f"unknown benchmark {name!r}{nearest(name, TASKS)}; there are all, {', '.join(TASKS)}")
    for one in TASKS if name == "all" else (name,):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            yield process.submit(_measured, one, size or Size(), repeats, seed).result()


def _measured(name: str, size: Size, repeats: int, seed: int) -> dict[str, Any]:
    from allocator.pipeline import peak_mb, versions

    with tempfile.TemporaryDirectory() as folder:
        task = TASKS[name](size, seed, Path(folder))
        own = task()
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            own = task()
            seconds.append(time.perf_counter() - start)
    return {
        "name": name,
        "seconds": round(statistics.median(seconds), 4),
        "min": round(min(seconds), 4),
        "max": round(max(seconds), 4),
        "repeats": repeats,
        "peak_mb": peak_mb(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "versions": versions(),
        **own,
        "size": dataclasses.asdict(size),
        "seed": seed,
    }


def _allocate(size: Size, seed: int, folder: Path) -> Task:
    from allocator.planning import solve
    from allocator.synthetic.problem import allocation_problem

    problem = allocation_problem(
        cells=size.cells, shifts=size.shifts, units=size.units, districts=size.districts, seed=seed
    )

    def task() -> dict[str, float]:
        answer = solve(problem)
        return {"objective": answer.objective, "bound": answer.bound, "gap": answer.gap}

    return task


def synthetic_panel(cells: int, *, weeks: int = 104, events_per_week: float | None = None, seed: int = 0) -> Panel:
    """Return a synthetic history on about `cells` squares of 150 m; by default with an event per eight cells a week."""
    from allocator.domain import Panel, Tessellation
    from allocator.io import read_events
    from allocator.synthetic.city import make_city
    from allocator.synthetic.ground import TIMEZONE

    side_km = (cells * 0.15**2 / 0.9) ** 0.5  # the outline fills about nine tenths of its box
    often = cells / 8 if events_per_week is None else events_per_week
    city = make_city(seed=seed, width_km=side_km, height_km=side_km, weeks=weeks, events_per_week=often)
    columns = {"time": "occurred_at", "kind": "kind", "lon": "lon", "lat": "lat", "id": "incident"}
    events = read_events(city.events, columns=columns, timezone=TIMEZONE)
    return Panel.from_events(events, Tessellation.squares(city.area, 150.0))


def _features(size: Size, seed: int, folder: Path) -> Task:
    from allocator.config import RiskSection
    from allocator.risk.features import Extras
    from allocator.risk.training import read_history

    panel, options = synthetic_panel(size.cells, seed=seed), RiskSection()

    def task() -> dict[str, float]:
        history = read_history(panel, 7, options, Extras(), seed=seed)
        return {"rows": len(history.training.count), "events": len(panel.day), "n_cells": panel.city.n_cells}

    return task


def _fit(size: Size, seed: int, folder: Path) -> Task:
    from allocator import risk

    panel = synthetic_panel(size.cells, seed=seed)

    def task() -> dict[str, float]:
        skill = risk.fit(panel, seed=seed).skill().iloc[-1]
        return {"n_cells": panel.city.n_cells, **{name: float(skill[name]) for name in risk.CANDIDATES}}

    return task


def _run(size: Size, seed: int, folder: Path) -> Task:
    from allocator import pipeline
    from allocator.io import read_job

    job = read_job(pipeline.new_job(folder / "city", seed=seed))

    def task() -> dict[str, float]:
        run = pipeline.run(job)
        pipeline.save_run(run, folder / "run", overwrite=True)
        return {"objective": run.plan.objective, "bound": run.plan.bound, "gap": run.plan.gap}

    return task


TASKS: dict[str, Callable[[Size, int, Path], Task]] = {
    "features": _features,
    "fit": _fit,
    "allocate": _allocate,
    "run": _run,
}
"""Name → maker of a timed task. `run` times the whole demo job, from its files to its run folder."""


def warm_up() -> None:
    """Compile every kernel into the cache by running the demo city on few, large cells.

    The set-up calls it, so that a first run does not wait for the compiler (about 12 s on two cores).
    """
    from allocator import pipeline
    from allocator.io import read_job

    small = ["tessellation.size_m=600.0", "risk.train_weeks=8", "risk.boosted.rounds=10", "risk.boosted.rows=10000"]
    with tempfile.TemporaryDirectory() as folder:
        pipeline.run(read_job(pipeline.new_job(Path(folder) / "city"), overrides=small))
