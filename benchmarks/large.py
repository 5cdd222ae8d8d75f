"""Large departments: duty and routes of up to 1,000 units, calls of 300 districts, a run on 97,000 cells.

    python benchmarks/large.py                    # all three tables in markdown, about ten minutes on two cores
    python benchmarks/large.py --part plan        # or staffing, or cells
    python benchmarks/large.py --quick            # smaller sizes, to try it

Every row is a process of its own, so its peak memory is its own: the package, the making of the data, and the work. The
city is invented: a rectangle of squares of 150 m, harm of a heavy tail, everything from one seed. As the machine is
shared, a fixed yardstick of one core is measured before and after each: "yardsticks" is CPU over that,
and compares runs under unlike load. Wall is by the clock, CPU that of all threads; routes run on one, as by default.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer

from allocator import pipeline
from allocator.config import AllocationSection, Policy, RosterMakeSection, ShiftSection, StaffingSection
from allocator.domain import Area, DutyWishes, RiskSurface, Roster, Tessellation, Unit, shifts_of
from allocator.io import read_job
from allocator.pipeline import inputs, peak_mb
from allocator.planning.allocation.problem import build_problem
from allocator.planning.duty.rotas import make_roster
from allocator.planning.patrol import plan_patrol
from allocator.synthetic.ground import CRS, polygons_geojson

MONDAY = dt.date(2026, 3, 2)
ZONE = "Atlantic/Azores"
SHIFTS = (
    ShiftSection(name="day", start=dt.time(7), stop=dt.time(15)),
    ShiftSection(name="evening", start=dt.time(15), stop=dt.time(23)),
    ShiftSection(name="night", start=dt.time(23), stop=dt.time(7)),
)
KINDS = ("ASSAULT", "BURGLARY", "VEHICLE CRIME")


def yardstick() -> float:
    """Return the CPU seconds of a fixed task of one core: a sort, ten passes over memory, and a loop of Python."""
    rng = np.random.default_rng(0)
    values, many = rng.random(8_000_000), np.ones(30_000_000)
    start = time.process_time()
    np.sort(values)
    for _ in range(10):
        many.sum()
    total = 0
    for n in range(8_000_000):
        total += n & 3
    return time.process_time() - start


@contextmanager
def clocked(row: dict[str, Any]) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    row["wall s"], row["CPU s"] = time.perf_counter() - wall, time.process_time() - cpu


def rectangle(width_km: float, height_km: float, columns: int, rows: int) -> Area:
    """Return a rectangle cut into equal districts."""
    x0, y0 = Transformer.from_crs("EPSG:4326", CRS, always_xy=True).transform(-30.0, 41.0)
    wide, high = 1000 * width_km / columns, 1000 * height_km / rows
    boxes = np.empty(columns * rows, object)
    boxes[:] = [
        shapely.box(x0 + c * wide, y0 + r * high, x0 + (c + 1) * wide, y0 + (r + 1) * high)
        for r in range(rows) for c in range(columns)
    ]  # fmt: skip
    return Area(boxes, tuple(str(n + 1) for n in range(len(boxes))), CRS)


def surface_of(city: Tessellation, roster: Roster, *, seed: int = 0) -> RiskSurface:
    """Return a forecast of heavy-tailed harm, one slice a shift."""
    rng, n_kinds = np.random.default_rng(seed), len(KINDS)
    shape = (len(roster.shifts), city.n_cells, n_kinds)
    mean = (rng.gamma(0.3, 0.1, (1, *shape[1:])) * rng.lognormal(0, 0.3, shape)).astype(np.float32)
    return RiskSurface(
        city=city, kinds=KINDS, shifts=tuple(shift.id for shift in roster.shifts), mean=mean, lower=mean * 0,
        upper=mean * 3, all_lower=mean.sum(axis=2) * 0, all_upper=mean.sum(axis=2) * 3, harm=np.ones(n_kinds),
        models=("mixture",) * n_kinds, cutoff=MONDAY, dispersion=np.full((city.n_cells, n_kinds + 1), 0.1, np.float32),
        district_dispersion=np.full(n_kinds + 1, 0.02), city_dispersion=np.full(n_kinds + 1, 0.01),
    )  # fmt: skip


def plan(units: int, *, rota: bool = False, districts: tuple[int, int] = (6, 4)) -> dict[str, Any]:
    """Duty and routes of a week of 21 shifts: all `units` on duty in each, or on a rota that is made first."""
    city = Tessellation.squares(rectangle(30.0, 20.5, *districts), 150.0)
    shifts = shifts_of(SHIFTS, first_day=MONDAY, days=7, timezone=ZONE)
    named = tuple(Unit(f"U{u:04d}", home_district=city.districts[u % len(city.districts)]) for u in range(units))
    roster = Roster(units=named, shifts=shifts, duty=frozenset((u.name, s.id) for u in named for s in shifts))
    row: dict[str, Any] = {"units": f"{units:,}", "on duty": "rota of 5 shifts, made" if rota else "all, always"}
    with clocked(row):
        if rota:
            demand = {shift.name: units * 5 // 21 for shift in SHIFTS}
            wishes = DutyWishes(wanted={shift.id: demand[shift.name] for shift in shifts})
            roster = make_roster(roster, wishes, RosterMakeSection(demand=demand))
    made = row.pop("wall s"), row.pop("CPU s")
    surface = surface_of(city, roster)
    problem = build_problem(surface, roster, Policy(), allocation=AllocationSection(), staffing=StaffingSection())
    with clocked(row):
        found = plan_patrol(problem, surface, roster)
    row["wall s"], row["CPU s"] = row["wall s"] + made[0], row["CPU s"] + made[1]
    return row | {
        "unit-shifts": f"{len(roster.duty):,}", "largest crew": int(found.staffing["units_assigned"].max()),
        "visits": f"{len(found.visits):,}", "delivered": f"{found.delivered / found.objective:.2%}",
        "of it the rota, CPU s": f"{made[1]:.1f}" if rota else "",
    }  # fmt: skip


JOB = """
[job]
name = "A large department"
week = {monday}
timezone = "{zone}"

[data]
events = "events.csv"
columns = {{ time = "time", kind = "kind", lon = "lon", lat = "lat", id = "id" }}

[area]
file = "districts.geojson"
district = "district"

[tessellation]
size_m = 150.0

{shifts}
[roster]
units = "units.csv"
duty = "duty.csv"

[staffing]
calls = "calls.csv"
priorities = ["1", "2", "3", "4"]
targets = [{{ priority = "1", wait_minutes = 3.0 }}, {{ priority = "2", wait_minutes = 10.0, share = 0.9 }}]

[staffing.columns]
received = "received"
dispatched = "dispatched"
arrived = "arrived"
cleared = "cleared"
priority = "priority"
lon = "lon"
lat = "lat"
"""


def job_in(folder: Path, area: Area, *, units: int, events: int, weeks: int, calls: int) -> Path:
    """Write a job and its files: events and calls around some centres, units on a rota of five shifts a week."""
    rng = np.random.default_rng(0)
    (folder / "districts.geojson").write_text(polygons_geojson(area.polygons, area.districts, "district"))
    _table(area, events, weeks, rng, kind=rng.choice(KINDS, events), id=np.arange(events)).to_csv(
        folder / "events.csv", index=False
    )
    table = _table(area, calls, 26, rng, priority=rng.choice(4, calls, p=[0.1, 0.3, 0.35, 0.25]) + 1)
    at = table.pop("time")
    for name, minutes in (("received", 0), ("dispatched", 5), ("arrived", 6), ("cleared", 30)):
        at = at + pd.to_timedelta(np.round(rng.exponential(minutes, calls) * 60), unit="s")
        table[name] = at
    table.to_csv(folder / "calls.csv", index=False)
    names = [f"U{u:04d}" for u in range(units)]
    homes = [area.districts[u % len(area.districts)] for u in range(units)]
    pd.DataFrame({"unit": names, "home_district": homes}).to_csv(folder / "units.csv", index=False)
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    duty = [
        {"unit": name, "weekday": days[(u // 3 * 2 + n) % 7], "shift": SHIFTS[u % 3].name}
        for u, name in enumerate(names) for n in range(5)
    ]  # fmt: skip
    pd.DataFrame(duty).to_csv(folder / "duty.csv", index=False)
    shifts = "".join(f'[[shifts]]\nname = "{s.name}"\nstart = {s.start}\nstop = {s.stop}\n\n' for s in SHIFTS)
    path = folder / "job.toml"
    path.write_text(JOB.format(monday=MONDAY, zone=ZONE, shifts=shifts))
    return path


def _table(area: Area, n: int, weeks: int, rng: np.random.Generator, **columns: Any) -> pd.DataFrame:
    """Return rows with times of so many weeks and places: two thirds around 200 centres, the rest anywhere."""
    left, low, right, high = area.outline.bounds
    centre = rng.uniform((left, low), (right, high), (200, 2))
    own = centre[rng.choice(200, n, p=rng.dirichlet(np.full(200, 0.5)))] + rng.normal(0, 700, (n, 2))
    anywhere = rng.uniform((left, low), (right, high), (n, 2))
    x, y = np.where(rng.random((n, 1)) < 2 / 3, own, anywhere).clip((left + 1, low + 1), (right - 1, high - 1)).T
    lon, lat = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(x, y)
    start = pd.Timestamp(MONDAY - dt.timedelta(days=7 * weeks))
    time = start + pd.to_timedelta(np.sort(rng.integers(0, weeks * 7 * 86_400 - 43_200, n)), unit="s")
    return pd.DataFrame({"time": time, "lon": lon.round(5), "lat": lat.round(5), **columns})


def staffing(units: int, calls: int) -> dict[str, Any]:
    """Calls of 300 districts: the study, from its files to its folder, or the stage of a run."""
    row: dict[str, Any] = {"districts": 300, "units": f"{units:,}", "calls in 26 weeks": f"{calls:,}"}
    with tempfile.TemporaryDirectory() as name:
        path = job_in(Path(name), rectangle(30.0, 20.5, 20, 15), units=units, events=1000, weeks=20, calls=calls)
        with clocked(row):
            job = read_job(path)
            found = pipeline.staff_job(job)
            pipeline.save(found, job, Path(name) / "staffing")
        stage: dict[str, Any] = {}
        there = inputs.duty_of(inputs.ground_of(job))
        with clocked(stage):
            inputs.asked_of(there)
    row["units needed, first shift"] = f"{int(found.units_required[:, 0].sum()):,}"
    return row | {"stage of a run: wall s": f"{stage['wall s']:.1f}", "CPU s of it": f"{stage['CPU s']:.1f}"}


def cells(events: int, units: int, *, widths: tuple[float, ...] = (150.0, 300.0, 600.0)) -> dict[str, Any]:
    """A run on a rectangle of 2,180 km², saved without products."""
    row: dict[str, Any] = {
        "cells": "",
        "events": f"{events:,}",
        "risk.bandwidths_m": ", ".join(f"{w:g}" for w in widths),
    }
    with tempfile.TemporaryDirectory() as name:
        area = rectangle(54.5, 40.0, 8, 6)
        path = job_in(Path(name), area, units=units, events=events, weeks=156, calls=200_000)
        with clocked(row):
            job = read_job(path, overrides=["output.products=[]", f"risk.bandwidths_m={list(widths)}"])
            run = pipeline.run(job)
            pipeline.save_run(run, Path(name) / "run")
    row["cells"] = f"{run.surface.city.n_cells:,}"
    seconds = run.manifest["seconds"]
    return row | {f"{stage} s": f"{seconds[stage]:.1f}" for stage in ("forecast", "allocation", "duty and routes")}


TASKS: dict[str, Callable[..., dict[str, Any]]] = {"plan": plan, "staffing": staffing, "cells": cells}
SIZES: dict[str, list[dict[str, Any]]] = {
    "plan": [*({"units": units} for units in (250, 500, 1000)), {"units": 1000, "rota": True}],
    "staffing": [{"units": 2000, "calls": 400_000}],
    "cells": [{"events": 300_000, "units": 300}, {"events": 300_000, "units": 300, "widths": [300.0, 600.0, 1360.0]}],
}
QUICK: dict[str, list[dict[str, Any]]] = {
    "plan": [{"units": 60}], "staffing": [{"units": 600, "calls": 40_000}], "cells": [{"events": 20_000, "units": 60}],
}  # fmt: skip


def measured(task: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the row of one task, done in this process."""
    row = TASKS[task](**arguments)
    return row | {"peak MB": f"{peak_mb():,.0f}"}


def in_process(task: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the row of one task, done in a process of its own."""
    before = yardstick()
    command = [sys.executable, __file__, "--one", task, json.dumps(arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    row, mean = json.loads(done.stdout.splitlines()[-1]), (before + yardstick()) / 2
    told = {"wall s": f"{row['wall s']:.1f}", "CPU s": f"{row['CPU s']:.1f}", "yardstick s": f"{mean:.2f}"}
    return row | told | {"yardsticks": f"{row['CPU s'] / mean:.0f}"}


def table(rows: list[dict[str, Any]]) -> str:
    """Return rows as markdown."""
    lines = [rows[0], dict.fromkeys(rows[0], "---"), *rows]
    heads = {key: key for key in rows[0]}
    return "\n".join(f"| {' | '.join(str(line[key]) for key in heads)} |" for line in [heads, *lines[1:]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=list(TASKS))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--one", nargs=2, metavar=("TASK", "JSON"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measured(given.one[0], json.loads(given.one[1]))))
        return
    for part in [given.part] if given.part else TASKS:
        print(f"\n{TASKS[part].__doc__}\n")
        print(table([in_process(part, arguments) for arguments in (QUICK if given.quick else SIZES)[part]]), flush=True)


if __name__ == "__main__":
    main()
