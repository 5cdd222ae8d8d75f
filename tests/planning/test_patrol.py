"""Named units, routes and whole plans."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive
import planning_city
from allocator.config import AllocationSection, Band, PlaceLimit, Policy, RoutesSection, StaffingSection
from allocator.domain import ASSIGNMENT_COLUMNS, STAFFING_COLUMNS, VISIT_COLUMNS, Reasons
from allocator.errors import ConfigError, DataError
from allocator.kernels.tours import closed_tours
from allocator.planning.allocation.problem import build_problem
from allocator.planning.allocation.reduction import block_share
from allocator.planning.allocation.solve import SOLVERS, solve
from allocator.planning.duty.posts import OFF_DUTY, RESERVE, post_units
from allocator.planning.patrol import allocate, plan_patrol


def toy(units=9, *, seed=0, days=2, side=8, first_day=dt.date(2017, 12, 25)):
    city = planning_city.square_city(side)
    roster = planning_city.roster_of(units, city=city, days=days, first_day=first_day)
    return planning_city.surface_of(city, roster, seed=seed), roster


def assert_sound(plan, surface, roster, *, allocation=AllocationSection(), routes=RoutesSection()) -> None:
    """Assert everything that must hold in any plan."""
    visits = plan.visits
    assert tuple(visits.columns) == VISIT_COLUMNS
    assert tuple(plan.assignments.columns) == ASSIGNMENT_COLUMNS
    assert tuple(plan.staffing.columns) == STAFFING_COLUMNS
    posted = plan.assignments.set_index(["unit", "shift"])["district"]
    assert posted.index.is_unique
    assert set(posted.index) == roster.duty
    shifts = {shift.id: shift for shift in roster.shifts}
    speeds = {unit.name: unit.speed_kmh or routes.speed_kmh for unit in roster.units}
    city, block = surface.city, pd.Timedelta(minutes=allocation.block_minutes)
    assert (visits["stop"] - visits["start"] == block).all()
    counts = posted[posted != ""].reset_index().groupby(["district", "shift"]).size()
    units = plan.staffing.set_index(["district", "shift"])["units_assigned"]
    assert counts.reindex(units.index, fill_value=0).tolist() == units.tolist()
    for (name, shift_id), tour in visits.groupby(["unit", "shift"], sort=False):
        shift, cells = shifts[shift_id], tour["cell"].to_numpy()
        assert tour["seq"].tolist() == list(range(1, len(tour) + 1))
        assert {city.districts[d] for d in city.district[cells]} == {posted[name, shift_id]}
        assert tour["start"].iloc[0] >= shift.start + dt.timedelta(minutes=routes.briefing_minutes)
        assert tour["stop"].iloc[-1] <= shift.stop
        metres = np.hypot(np.diff(city.x[cells]), np.diff(city.y[cells])) * routes.detour
        travel = metres / (speeds[name] / 3.6)
        gaps = (tour["start"].to_numpy()[1:] - tour["stop"].to_numpy()[:-1]).astype("timedelta64[s]").astype(float)
        assert (gaps >= travel - 1e-6).all()
        work = len(tour) * allocation.block_minutes + travel.sum() / 60
        assert work <= allocation.directed_share * shift.minutes + 1e-6
    per_cell = visits.groupby(["shift", "cell"]).size()
    assert per_cell.max() <= allocation.max_blocks if len(per_cell) else True
    assert plan.delivered <= plan.objective + 1e-9 <= plan.bound + 2e-9
    assert plan.staffing["covered_harm"].sum() == pytest.approx(plan.delivered)


@given(
    seed=st.integers(0, 1000),
    units=st.integers(1, 14),
    solver=st.sampled_from(sorted(SOLVERS)),
    share=st.sampled_from([0.1, 0.5, 1.0]),
    speed=st.sampled_from([2.0, 25.0]),
    blocks=st.integers(1, 4),
)
@settings(max_examples=15, deadline=None)
def test_every_plan_is_sound(seed, units, solver, share, speed, blocks):
    surface, roster = toy(units, seed=seed, days=1)
    allocation = AllocationSection(solver=solver, directed_share=share, max_blocks=blocks)
    routes = RoutesSection(speed_kmh=speed, iterations=10, runs=1)
    plan = allocate(surface, roster, allocation=allocation, routes=routes)
    assert_sound(plan, surface, roster, allocation=allocation, routes=routes)


def test_a_week_across_a_clock_change_is_sound():
    surface, roster = toy(6, days=2, first_day=dt.date(2017, 11, 4))
    plan = allocate(surface, roster)
    assert_sound(plan, surface, roster)
    per_shift = plan.visits.groupby("shift").size()
    assert per_shift["2017-11-04/night"] > per_shift["2017-11-04/day"]


def test_the_same_inputs_give_equal_plans():
    surface, roster = toy()
    first, second = allocate(surface, roster), allocate(surface, roster)
    for name in ("visits", "assignments", "staffing"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(second, name))
    assert first.unmet == second.unmet


def test_columns_have_stable_types():
    surface, roster = toy()
    empty = allocate(dataclasses.replace(surface, mean=surface.mean * 0), roster)
    plan = allocate(surface, roster)
    assert not len(empty.visits)
    assert (empty.visits.dtypes == plan.visits.dtypes).all()
    assert (empty.assignments.dtypes == plan.assignments.dtypes).all()
    assert plan.visits.dtypes.astype(str).to_dict() == {
        "unit": "str",
        "shift": "str",
        "seq": "int32",
        "cell": "int32",
        "start": "datetime64[s, UTC]",
        "stop": "datetime64[s, UTC]",
        "purpose": "str",
        "reason": "str",
    }
    order = plan.visits["shift"].map({shift.id: s for s, shift in enumerate(roster.shifts)})
    assert order.is_monotonic_increasing


def test_limited_places_are_not_visited_and_the_plan_says_so():
    surface, roster = toy()
    plan = allocate(surface, roster, Policy(limits=(PlaceLimit(reason="school", district="2"),)))
    assert not (surface.city.district[plan.visits["cell"]] == 1).any()
    assert any("left out by policy (school)" in line.text for line in plan.unmet)


def test_a_ceiling_leaves_a_reserve_and_the_plan_says_why():
    surface, roster = toy(8)
    bands = tuple(Band(district=name, most=3) for name in surface.city.districts)
    plan = allocate(surface, roster, allocation=AllocationSection(bands=bands))
    assert (plan.assignments["district"] == "").sum() == len(roster.duty) - 12
    assert any("stay in reserve" in line.text and "4 of 4 districts are at the top" in line.text for line in plan.unmet)


def test_visits_lost_to_travel_are_counted():
    surface, roster = toy(6)
    plan = allocate(surface, roster, routes=RoutesSection(speed_kmh=1.0))
    assert plan.delivered < plan.objective
    assert any("were dropped because travel" in line.text for line in plan.unmet)


def test_returns_to_a_cell_are_spread_over_the_shift():
    surface, roster = toy(4, days=1)
    visits = allocate(surface, roster).visits
    for _, same in visits.groupby(["unit", "shift", "cell"]):
        assert (same["start"].diff().dropna() >= pd.Timedelta(minutes=60)).all()


def test_reasons_name_rank_and_cause():
    surface, roster = toy()
    cells = np.arange(0, surface.city.n_cells, 2, dtype=np.int32)
    reasons = Reasons(
        cells=cells,
        kinds=surface.kinds,
        shifts=tuple(f"Friday {name}" for name in surface.shifts),
        sources=("long-run place", "last 10 days"),
        shares=np.full((len(cells), 2, 2), 0.5),
        groups=("trend of the district",),
        changes=np.full((len(cells), 2, 1), 0.2),
        profile=np.full((len(surface.shifts), len(cells), 2), 1 / len(surface.shifts)),
        recent=np.full((len(cells), 2), 4),
    )
    visits = allocate(dataclasses.replace(surface, reasons=reasons), roster).visits
    covered = visits["cell"] % 2 == 0
    assert visits["reason"].str.match(r"rank \d+ of 16 in district [1-4] this shift; ").all()
    assert visits["reason"][covered].str.contains("long-run place").all()
    assert visits["reason"][covered].str.contains("trend of the district ×1.22; 4 within 300 m").all()
    assert visits["reason"][covered].str.contains("Friday .* ×1.0$").all()
    assert visits["reason"][~covered].str.contains("expected harm 0.").all()
    assert visits["reason"].str.contains("rank 1 of 16").any()


def test_ranks_count_cells_with_more_harm():
    surface, roster = toy()
    visits = allocate(surface, roster).visits
    harm, city = surface.expected_harm, surface.city
    for row in visits.head(50).itertuples():
        s = surface.shifts.index(row.shift)
        rivals = harm[s][city.district == city.district[row.cell]]
        assert row.reason.startswith(f"rank {1 + (rivals > harm[s, row.cell]).sum()} of ")


def test_a_roster_that_differs_from_the_problem_is_refused():
    surface, roster = toy()
    problem = build_problem(surface, roster, Policy(), allocation=AllocationSection(), staffing=StaffingSection())
    with pytest.raises(DataError, match="other units on duty"):
        plan_patrol(problem, surface, roster.without(["U001"]))
    stray = dataclasses.replace(roster.units[0], home_district="X")
    with pytest.raises(DataError, match="home district 'X'"):
        allocate(surface, dataclasses.replace(roster, units=(stray, *roster.units[1:])))


def test_units_stay_at_home_where_they_can():
    surface, roster = toy(8)
    n_shifts = len(roster.shifts)
    units = np.zeros((4, n_shifts), np.int32)
    units[0, :], units[3, :] = 1, 2
    posting = post_units(units, roster, surface.city)
    homes = np.array([surface.city.districts.index(unit.home_district) for unit in roster.units])
    for s, shift in enumerate(roster.shifts):
        on_duty = np.array([(unit.name, shift.id) in roster.duty for unit in roster.units])
        assert ((posting[:, s] == OFF_DUTY) == ~on_duty).all()
        for d in range(4):
            at_home = (posting[:, s] == d) & (homes == d)
            assert (posting[:, s] == d).sum() == units[d, s]
            assert at_home.sum() == min(units[d, s], (homes[on_duty] == d).sum())
        assert (posting[:, s] == RESERVE).sum() == on_duty.sum() - units[:, s].sum()


@pytest.mark.parametrize("seed", range(8))
def test_closed_tours_follow_their_twin(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 13, 12)
    indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    x, y = rng.integers(0, 9, (2, indptr[-1])).astype(float)  # with ties and equal points
    tour, twin = np.empty(indptr[-1], np.int64), np.empty(indptr[-1], np.int64)
    closed_tours(x, y, indptr, tour)
    naive.closed_tours(x, y, indptr.tolist(), twin)
    assert np.array_equal(tour, twin)
    for a, b in itertools.pairwise(indptr):
        assert sorted(tour[a:b]) == list(range(a, b))


@pytest.mark.parametrize("seed", range(4))
def test_visits_that_do_not_fit_cost_no_more_than_dropping_those_of_least_gain(seed):
    surface, roster = toy(1, seed=seed, side=8)
    allocation = AllocationSection(travel_minutes=0.0, directed_share=0.3)
    problem = build_problem(surface, roster, Policy(), allocation=allocation, staffing=StaffingSection())
    routes = RoutesSection(speed_kmh=3.0, return_minutes=0, break_minutes=0, lottery=False)
    slow = plan_patrol(problem, surface, roster, allocation=allocation, routes=routes)
    assert_sound(slow, surface, roster, allocation=allocation, routes=routes)
    answer = solve(problem)
    posting = post_units(answer.units, roster, surface.city)
    assert len(slow.visits) < answer.blocks.sum()
    assert slow.delivered >= least_gain_dropped(problem, answer.blocks, posting, surface.city, roster) - 1e-9


def least_gain_dropped(problem, blocks, posting, city, roster) -> float:
    """Return the gain of one unit per district that drops visits of least gain until its round trips fit, at 3 km/h."""
    total = 0.0
    for s, shift in enumerate(roster.shifts):
        for d in range(len(problem.districts)):
            if not (posting[:, s] == d).any():
                continue
            cells = np.flatnonzero((blocks[s] > 0) & (problem.district == d))
            todo = [
                (problem.value[s, c] * block_share(problem.diminishing, k), k, c)
                for c in cells
                for k in range(blocks[s, c])
            ]
            while todo:
                stops = sorted({c for _, _, c in todo})
                tour = np.empty(len(stops), np.int64)
                closed_tours(city.x[stops] * 1.0, city.y[stops] * 1.0, np.array([0, len(stops)]), tour)
                place = {stops[row]: n for n, row in enumerate(tour)}
                way = [c for _, k, c in sorted(todo, key=lambda one: (one[1], place[one[2]]))]
                metres = np.hypot(np.diff(city.x[way]), np.diff(city.y[way])).sum()
                if metres * 1.3 * 0.06 / 3.0 + 15 * len(way) <= 0.3 * shift.minutes:
                    break
                todo.remove(min(todo))
            total += sum(gain for gain, _, _ in todo)
    return float(total)


def test_a_policy_given_from_memory_counts_with_harm_and_excluded_kinds():
    surface, roster = toy(6)
    plain = allocate(surface, roster)
    assert plain.objective == allocate(surface, roster, Policy()).objective
    heavy = allocate(surface, roster, Policy(harm={"THEFT": 10.0}))
    assert heavy.objective > 2 * plain.objective
    without = allocate(surface, roster, Policy(exclude_kinds=("THEFT",)))
    assert without.objective < plain.objective
    assert surface.under(Policy(exclude_kinds=("THEFT",))).harm.tolist() == [1.0, 0.0]
    with pytest.raises(ConfigError, match="did you mean 'THEFT'"):
        allocate(surface, roster, Policy(harm={"THEFTS": 2.0}))
