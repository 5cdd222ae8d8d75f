"""Runs of odd cities for the pages: the job and figures of the demo, and an area, units and visits of their own."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pandas as pd
import shapely

from allocator.domain import Area, OutreachPlan, Tessellation
from allocator.facts import note
from planning_city import roster_of, surface_of

HOSTILE = "<script>alert('x')</script>\"&'‮=1+1 😀 {{x}} \u0007" + "x" * 10_000
"""A name that would run, close, turn round or break what is not escaped."""


def city_of(columns: int, rows: int, districts: int, *, size_m: float = 150.0, kind: str = "squares") -> Tessellation:
    """A rectangle of cells in the open Atlantic, cut into districts from west to east."""
    x, y = 270_000.0, 4_260_000.0
    edges = np.linspace(x, x + columns * size_m, districts + 1)
    shapes = [shapely.box(left, y, right, y + rows * size_m) for left, right in itertools.pairwise(edges)]
    names = tuple(f"D{n + 1}" for n in range(districts))
    area = Area(polygons=tuple(shapes), districts=names, crs="EPSG:32626")
    return Tessellation.hexagons(area, size_m) if kind == "hexagons" else Tessellation.squares(area, size_m)


def run_of(demo, city: Tessellation, *, units: int = 6, days: int = 2, visits: int = 40, seed: int = 0):
    """A run of another city: a random forecast, and random visits of the units on duty."""
    rng = np.random.default_rng(seed)
    roster = roster_of(units, city=city, days=days, first_day=demo.job.job.week)
    surface = surface_of(city, roster, seed=seed)
    posts = pd.DataFrame(
        [
            (unit.name, shift.id, city.districts[rng.integers(len(city.districts))])
            for shift in roster.shifts
            for unit in roster.on_duty(shift)
        ],
        columns=["unit", "shift", "district"],
    )
    posts["home_district"] = posts["district"]
    start = {shift.id: pd.Timestamp(shift.start) for shift in roster.shifts}
    rows = [posts.iloc[rng.integers(len(posts))] for _ in range(visits)] if len(posts) else []
    table = pd.DataFrame(
        [(row["unit"], row["shift"], n + 1, int(rng.integers(city.n_cells)),
          start[row["shift"]] + pd.Timedelta(minutes=20 * (n % 20)),
          start[row["shift"]] + pd.Timedelta(minutes=20 * (n % 20) + 15), "directed patrol", f"reason {n % 7}")
         for n, row in enumerate(rows)],
        columns=list(demo.plan.visits.columns),
    ).astype(demo.plan.visits.dtypes.to_dict())  # fmt: skip
    shape = len(city.districts) * len(roster.shifts)
    one = demo.plan.staffing.iloc[0]
    staffing = pd.DataFrame([one] * shape).reset_index(drop=True)
    staffing["district"] = np.repeat(np.array(city.districts, object), len(roster.shifts))
    staffing["shift"] = np.tile([shift.id for shift in roster.shifts], len(city.districts))
    plan = dataclasses.replace(
        demo.plan, visits=table, assignments=posts, staffing=staffing.astype(demo.plan.staffing.dtypes.to_dict())
    )
    cap = np.full((len(roster.shifts), city.n_cells), 3, np.int16)
    problem = demo.problem.replace(cap=cap, shifts=surface.shifts, districts=city.districts, notes=())
    job = demo.job.model_copy(update={"outreach": None})
    history = {**demo.history}
    return dataclasses.replace(
        demo, job=job, surface=surface, roster=roster, plan=plan, problem=problem, outreach=OutreachPlan.none(),
        history=history,
    )  # fmt: skip


def hostile(demo):
    """The demo run with a hostile name for a unit, a district, a beat, a reason, an initiative and the job itself."""
    unit = demo.plan.visits["unit"].iloc[0]
    city = demo.surface.city
    district = city.districts[0]

    def renamed(frame: pd.DataFrame) -> pd.DataFrame:
        names = {"unit": unit, "district": district, "home_district": district}
        changed = {name: frame[name].where(frame[name] != old, HOSTILE) for name, old in names.items() if name in frame}
        return frame.assign(**changed)

    visits = renamed(demo.plan.visits)
    visits = visits.assign(reason=visits["reason"].where(visits.index != 0, HOSTILE))
    plan = dataclasses.replace(
        demo.plan, visits=visits, assignments=renamed(demo.plan.assignments), staffing=renamed(demo.plan.staffing),
        unmet=(note("patrol.conflict", limit=HOSTILE),),
    )  # fmt: skip
    units = tuple(
        dataclasses.replace(
            one, name=HOSTILE if one.name == unit else one.name,
            home_district=HOSTILE if one.home_district == district else one.home_district,
        )
        for one in demo.roster.units
    )  # fmt: skip
    duty = frozenset((HOSTILE if name == unit else name, shift) for name, shift in demo.roster.duty)
    renamed_city = dataclasses.replace(city, districts=(HOSTILE, *city.districts[1:]), beats=(HOSTILE, *city.beats[1:]))
    items = demo.outreach.items.copy()
    items.loc[0, ["initiative", "team", "venue", "reason"]] = HOSTILE
    return dataclasses.replace(
        demo,
        job=demo.job.model_copy(update={"job": demo.job.job.model_copy(update={"name": HOSTILE, "note": HOSTILE})}),
        surface=dataclasses.replace(demo.surface, city=renamed_city), plan=plan,
        roster=dataclasses.replace(demo.roster, units=units, duty=duty),
        outreach=dataclasses.replace(demo.outreach, items=items, unmet=(note("patrol.conflict", limit=HOSTILE),)),
    )  # fmt: skip


def with_products(run, *names: str):
    """The run of a job that asks for these products."""
    output = run.job.output.model_copy(update={"products": names})
    return dataclasses.replace(run, job=run.job.model_copy(update={"output": output}))
