"""Every solver on the city sizes of PLANNING.md, with its gap, and the routes of a week."""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
import pytest

from allocator.config import AllocationSection, Policy, RoutesSection, StaffingSection
from allocator.domain import Limit
from allocator.planning.allocation.problem import build_problem
from allocator.planning.allocation.solve import SOLVERS, solve
from allocator.planning.duty.posts import post_units
from allocator.planning.patrol import plan_patrol
from allocator.planning.routes.tasks import RouteTerms, straight, tasks_of
from allocator.planning.routes.tours import route_tasks
from allocator.synthetic.problem import allocation_problem
from clock import in_ms
from planning_city import roster_of, surface_of

SIZES = {"2,500": (2_500, 60, 25), "10,000": (10_000, 200, 25), "40,000": (40_000, 600, 100)}


def timed(benchmark, record, what, size, call, *, rounds, gap=None, note=""):
    benchmark.pedantic(call, rounds=rounds, warmup_rounds=1)
    if benchmark.disabled:
        return
    row = {
        "what": what,
        "size": size,
        "ms": in_ms(benchmark.stats.stats.min),
        "median ms": in_ms(benchmark.stats.stats.median),
    }
    row |= {"gap": "" if gap is None else f"{gap:.2%}" if gap > 1e-5 else f"{gap:.0e}", "note": note}
    benchmark.extra_info.update(row)
    record(**row)


NETWORK = [name for name in SOLVERS if name not in ("highs", "spillover")]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("solver", NETWORK)
def test_solvers(benchmark, record, solver, size):
    cells, units, districts = SIZES[size]
    problem = allocation_problem(cells=cells, shifts=21, units=units, districts=districts)
    answer = solve(problem, solver)
    text = f"{size} cells, 21 shifts, {units} units, {districts} districts"
    timed(benchmark, record, solver, text, lambda: SOLVERS[solver](problem), rounds=7, gap=answer.gap)


def limited_problem(size, *, seed=0, within=0.05, most=20):
    """Two groups of residents within 5 % of the city's minutes each, nine tenths of the budget, 20 visits a cell."""
    cells, units, districts = SIZES[size]
    problem = allocation_problem(cells=cells, shifts=21, units=units, districts=districts)
    rng = np.random.default_rng(seed)
    people = rng.gamma(1, 1, cells)
    group = people * rng.beta(1, 3, cells)
    cost = np.broadcast_to(np.where(np.arange(21) % 3 == 2, 1.3, 1.0), problem.minimum.shape)
    limits = [
        Limit("group", "exposure", least=0.0,
              on_blocks=(sign * (one / one.sum() - (1 - sign * within) * people / people.sum()))[None])
        for one in (group, people - group) for sign in (1, -1)
    ]  # fmt: skip
    most_cost = 0.9 * float((problem.on_duty * cost[0]).sum())
    limits.append(Limit("budget", "budget", most=most_cost, on_units=cost.copy()))
    return problem.replace(
        limits=tuple(limits), week_least=np.zeros(cells, np.int32), week_most=np.full(cells, most, np.int32)
    )


@pytest.mark.parametrize("size", ["2,500", "10,000"])
def test_two_group_bands_a_budget_and_cell_caps(benchmark, record, size):
    problem = limited_problem(size)
    gap = solve(problem).gap
    text = f"{size} cells, 21 shifts, {SIZES[size][1]} units, {SIZES[size][2]} districts"
    note = "two group bands of 5 %, 90 % of the budget, 20 visits a cell"
    timed(benchmark, record, "highs", text, lambda: solve(problem), rounds=2, gap=gap, note=note)


@pytest.mark.parametrize("size", ["2,500", "10,000"])
def test_spillover(benchmark, record, size):
    cells, units, districts = SIZES[size]
    side = int(cells**0.5)
    row, column = np.divmod(np.arange(side * side), side)
    around = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if a or b]
    near = [
        [(r + a) * side + c + b for a, b in around if 0 <= r + a < side and 0 <= c + b < side]
        for r, c in zip(row.tolist(), column.tolist(), strict=True)
    ]
    problem = allocation_problem(cells=side * side, shifts=21, units=units, districts=districts).replace(
        spillover=0.3, indices=np.array([k for one in near for k in one], np.int32),
        indptr=np.cumsum([0, *map(len, near)]).astype(np.int32),
    )  # fmt: skip
    text = f"{side * side:,} cells, 21 shifts, {units} units, {districts} districts"
    gap = solve(problem).gap
    note = "0.3 of a visit's effect in each of 8 neighbours"
    timed(benchmark, record, "spillover", text, lambda: solve(problem), rounds=2, gap=gap, note=note)


def test_solve_with_checks_and_bound(benchmark, record):
    problem = allocation_problem(cells=10_000, shifts=21, units=200, districts=25)
    text = "10,000 cells, 21 shifts, 200 units, 25 districts"
    note = "feasibility checks, flow, bound: what a plan waits for"
    timed(
        benchmark, record, "planning.solve", text, lambda: solve(problem), rounds=7, gap=solve(problem).gap, note=note
    )


@pytest.fixture(scope="module")
def week(panel):
    """A week of 21 shifts with 60 of 90 units on duty in 23 districts."""
    city = _with_districts(panel.city, 23)
    roster = roster_of(90, city=city, days=7, first_day=dt.date(2026, 3, 2))
    surface = surface_of(city, roster)
    return (
        build_problem(surface, roster, Policy(), allocation=AllocationSection(), staffing=StaffingSection()),
        surface,
        roster,
    )


def _with_districts(city, n):
    """Return the city with its districts merged into n."""
    district = (city.district.astype(np.int64) * n // len(city.districts)).astype(np.int32)
    return dataclasses.replace(city, district=district, districts=tuple(str(d + 1) for d in range(n)))


def test_routes(benchmark, record, week):
    problem, surface, roster = week
    answer = solve(problem)
    posting = post_units(answer.units, roster, surface.city)
    routes = RoutesSection()
    terms = RouteTerms(problem, roster, straight(surface.city, routes), AllocationSection(), routes)
    tours = int(answer.units.sum())

    def run():
        return route_tasks(tasks_of(terms, answer.blocks, posting), terms).visits

    visits = run()
    note = f"{len(visits.unit):,} of {int(answer.blocks.sum()):,} visits delivered"
    timed(benchmark, record, "routes", f"{problem.value.shape[1]:,} cells, {tours:,} tours", run, rounds=5, note=note)


def test_plan_patrol(benchmark, record, week):
    problem, surface, roster = week
    size = f"{problem.value.shape[1]:,} cells, 21 shifts, 60 units, 23 districts"
    note = "flow, duty, routes, reasons"
    timed(benchmark, record, "plan_patrol", size, lambda: plan_patrol(problem, surface, roster), rounds=3, note=note)
