"""The allocation solvers against brute force, their limits, and what they say when it cannot be done."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive
import planning_city
from allocator.config import AllocationSection, Band, Minimum, PlaceLimit, Policy, StaffingSection
from allocator.domain import AllocationProblem, Givens
from allocator.errors import ConfigError, DataError, InfeasibleError
from allocator.planning.allocation.conflicts import check_feasible
from allocator.planning.allocation.problem import NO_LIMIT, build_problem
from allocator.planning.allocation.solve import SOLVERS, solve
from allocator.planning.allocation.solvers import flow

SOLVER_NAMES = sorted(SOLVERS)


def problem_of(seed: int, *, cells=4, districts=2, shifts=2, units=3, blocks=2, limits=True) -> AllocationProblem:
    """A random problem that is always feasible."""
    rng = np.random.default_rng(seed)
    on_duty = rng.integers(1 if limits else units, units + 1, shifts).astype(np.int32)
    minimum = np.zeros((districts, shifts), np.int32)
    least, most = np.zeros(districts, np.int32), np.full(districts, NO_LIMIT, np.int32)
    if limits:
        for s in range(shifts):
            for _ in range(rng.integers(0, on_duty[s] + 1) // 2):
                minimum[rng.integers(districts), s] += 1
        free = int(on_duty.sum() - minimum.sum())
        least = minimum.sum(axis=1) + rng.multinomial(rng.integers(0, free + 1), np.full(districts, 1 / districts))
        most = least + rng.integers(0, free + 2, districts)
    return AllocationProblem(
        value=rng.gamma(0.5, 1, (shifts, cells)) * (rng.random((shifts, cells)) > 0.2),
        district=np.sort(np.arange(cells) % districts).astype(np.int32),
        cap=rng.integers(0, 4, (shifts, cells)).astype(np.int16),
        on_duty=on_duty,
        minimum=minimum,
        least=least.astype(np.int32),
        most=most.astype(np.int32),
        blocks=np.full(shifts, blocks, np.int32) - (np.arange(shifts) == 1),
        diminishing=0.7,
        districts=tuple(f"D{d}" for d in range(districts)),
        shifts=tuple(f"2017-12-{25 + s}/day" for s in range(shifts)),
    )


def assert_keeps_limits(problem: AllocationProblem, answer) -> None:
    units, blocks = answer.units, answer.blocks
    assert (units >= problem.minimum).all()
    assert (units.sum(axis=0) <= problem.on_duty).all()
    assert (problem.least <= units.sum(axis=1)).all()
    assert (units.sum(axis=1) <= problem.most).all()
    assert (blocks >= 0).all()
    assert (blocks <= problem.cap).all()
    for d in range(len(problem.districts)):
        there = blocks[:, problem.district == d].sum(axis=1)
        assert (there <= problem.blocks * units[d]).all()
    assert not blocks[:, problem.district < 0].any()
    true = (problem.value * (1 - np.exp(-problem.diminishing * blocks))).sum()
    assert answer.objective == pytest.approx(true, rel=1e-12)
    assert answer.objective <= answer.bound


@pytest.mark.parametrize("seed", range(25))
def test_flow_equals_exhaustive_search_and_the_others_never_exceed_it(seed):
    problem = problem_of(seed)
    best = naive.best_allocation(problem)
    for name in SOLVER_NAMES:
        answer = solve(problem, name)
        assert_keeps_limits(problem, answer)
        assert answer.objective <= best + 1e-9
        assert answer.bound >= best - 1e-12
    assert solve(problem, "flow").objective == pytest.approx(best, abs=1e-9)


@given(
    seed=st.integers(0, 10_000),
    districts=st.integers(1, 6),
    shifts=st.integers(1, 5),
    units=st.integers(1, 12),
    solver=st.sampled_from(SOLVER_NAMES),
)
@settings(max_examples=80, deadline=None)
def test_no_limit_is_ever_broken(seed, districts, shifts, units, solver):
    problem = problem_of(seed, cells=40, districts=districts, shifts=shifts, units=units, blocks=5)
    check_feasible(problem)
    assert_keeps_limits(problem, solve(problem, solver))


@pytest.mark.parametrize("seed", range(25))
def test_the_bound_holds_however_coarsely_costs_are_rounded(seed, monkeypatch):
    monkeypatch.setattr(flow, "LARGEST_COST", 3.0)  # every gain becomes one of 0, 1, 2, 3
    problem = problem_of(seed)
    assert flow.solve(problem).bound >= naive.best_allocation(problem) - 1e-12


def test_a_large_problem_is_solved_to_a_tiny_gap():
    problem = problem_of(0, cells=5000, districts=25, shifts=21, units=100, blocks=12, limits=False)
    flow = solve(problem)
    assert flow.gap <= 1e-9
    assert_keeps_limits(problem, flow)
    for name in ("greedy", "proportional"):
        assert flow.objective * (1 + 1e-9) >= solve(problem, name).objective


def test_one_dominating_cell_leaves_the_gap_tiny():
    problem = problem_of(3, cells=60, districts=3, shifts=4, units=6, limits=False)
    value = problem.value.copy()
    value[0, 0] = value.sum() * 1e6
    assert solve(problem.replace(value=value, cap=np.full_like(problem.cap, 2))).gap <= 1e-6


@pytest.mark.parametrize("solver", SOLVER_NAMES)
def test_the_same_problem_twice_gives_the_same_answer(solver):
    problem = problem_of(5, cells=200, districts=4, shifts=6, units=9)
    tied = problem.replace(value=np.round(problem.value))
    first, second = solve(tied, solver), solve(tied, solver)
    assert np.array_equal(first.units, second.units)
    assert np.array_equal(first.blocks, second.blocks)


@pytest.mark.parametrize("solver", SOLVER_NAMES)
def test_a_city_without_harm_keeps_its_units_in_reserve(solver):
    problem = problem_of(1, limits=False)
    answer = solve(problem.replace(value=np.zeros_like(problem.value), minimum=np.eye(2, dtype=np.int32)), solver)
    assert answer.units.sum() == 2
    assert answer.objective == answer.gap == 0.0


def test_unknown_solver_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'greedy'"):
        solve(problem_of(0), "gredy")


def test_minimums_above_the_roster_are_named_with_numbers():
    problem = problem_of(0, limits=False)
    minimum = np.array([[40, 0], [30, 0]], np.int32)
    with pytest.raises(InfeasibleError) as caught:
        solve(problem.replace(minimum=minimum, on_duty=np.array([61, 5], np.int32)))
    assert caught.value.exit_code == 4
    assert caught.value.faults == (
        "shift 2017-12-25/day needs at least 70 units (40 in district D0, 30 in district D1), 61 are on duty",
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"on_duty": [0, 0]}, "no unit is on duty in any of the 2 shifts"),
        ({"least": [7, 0]}, "band of district D0 asks for at least 7 unit-shifts, 6 can reach it"),
        ({"least": [4, 4]}, "together ask for at least 8 unit-shifts .*'D0', 'D1'.*, 6 are on duty"),
        ({"minimum": [[2, 2], [0, 0]], "most": [3, 9]}, "D0 needs 4 unit-shifts for its minimums, its band"),
    ],
)
def test_conflicts_are_named(changes, message):
    problem = problem_of(0, limits=False)
    arrays = {name: np.array(value, np.int32) for name, value in changes.items()}
    with pytest.raises(InfeasibleError) as caught:
        check_feasible(problem.replace(**arrays))
    assert any(re.search(message, fault) for fault in caught.value.faults), caught.value.faults


# --- building the problem ---------------------------------------------------------------------------------


@pytest.fixture
def toy():
    city = planning_city.square_city()
    roster = planning_city.roster_of(9, city=city)
    return planning_city.surface_of(city, roster), roster


def build(toy, *, policy=Policy(), allocation=AllocationSection(), staffing=StaffingSection(), places=None):
    return build_problem(*toy, policy, allocation=allocation, staffing=staffing, givens=Givens(places=places or {}))


def test_values_follow_the_roster_whatever_the_order_of_the_forecast(toy):
    surface, roster = toy
    turned = dataclasses.replace(surface, shifts=surface.shifts[::-1], mean=surface.mean[::-1])
    assert np.array_equal(build((turned, roster)).value, build(toy).value)


def test_a_forecast_of_other_shifts_is_refused(toy):
    surface, roster = toy
    other = dataclasses.replace(surface, shifts=("x/day", *surface.shifts[1:]))
    with pytest.raises(DataError, match="1 shifts of the roster have no forecast"):
        build((other, roster))


def test_a_broken_forecast_is_refused(toy):
    surface, roster = toy
    mean = surface.mean.copy()
    mean[0, :3] = np.nan
    with pytest.raises(DataError, match="in 3 cells and shifts"):
        build((dataclasses.replace(surface, mean=mean), roster))


def test_limits_lower_the_cap_where_and_when_they_hold(toy):
    surface, _ = toy
    inside = np.arange(surface.city.n_cells) == 5
    policy = Policy(
        limits=(
            PlaceLimit(reason="school", district="2"),
            PlaceLimit(reason="pilot", beat="north", shifts=("night",), max_minutes=44),
            PlaceLimit(reason="opt-out", file="park.geojson", max_minutes=15),
        )
    )
    problem = build(toy, policy=policy, places={"park.geojson": inside})
    night = np.array(["night" in name for name in problem.shifts])
    north = (surface.city.beat == 1) & (surface.city.district != 1)
    assert not problem.cap[:, surface.city.district == 1].any()
    assert (problem.cap[np.ix_(night, north)] == 2).all()
    assert (problem.cap[np.ix_(~night, north)] == 3).all()
    assert (problem.cap[:, 5] == min(1, problem.cap[0, 5])).all()
    assert "16 cells are left out by policy (school): expected harm there is" in problem.notes[0].text
    assert "held to 2 visits a shift in night shifts by policy (pilot)" in problem.notes[1].text


def test_a_minimum_for_one_shift_wins_over_one_for_its_name(toy):
    rows = (
        Minimum(district="1", shift="2017-12-26/day", units=0),
        Minimum(district="1", shift="day", units=2),
    )
    problem = build(toy, staffing=StaffingSection(default_minimum=1, minimums=rows))
    assert dict(zip(problem.shifts, problem.minimum[0].tolist(), strict=True)) == {
        "2017-12-25/day": 2,
        "2017-12-25/evening": 1,
        "2017-12-25/night": 1,
        "2017-12-26/day": 0,
        "2017-12-26/evening": 1,
        "2017-12-26/night": 1,
    }


def test_all_unknown_names_are_told_at_once(toy):
    policy = Policy(limits=(PlaceLimit(reason="r", beat="sout"), PlaceLimit(reason="r", file="gone.geojson")))
    staffing = StaffingSection(minimums=(Minimum(district="9", shift="nigth", units=1),))
    allocation = AllocationSection(bands=(Band(district="44"), Band(district="1"), Band(district="1")))
    with pytest.raises(ConfigError) as caught:
        build(toy, policy=policy, staffing=staffing, allocation=allocation)
    text = " | ".join(caught.value.faults)
    for part in (
        "'sout' (did you mean 'south'?)",
        "gone.geojson",
        "'9'",
        "'nigth' (did you mean 'night'?)",
        "'44'",
    ):
        assert part in text
    assert "district '1' is given twice" in text


def test_blocks_follow_the_real_length_of_the_shift():
    city = planning_city.square_city()
    roster = planning_city.roster_of(3, city=city, days=2, first_day=dt.date(2017, 11, 4))
    problem = build((planning_city.surface_of(city, roster), roster), allocation=AllocationSection(travel_minutes=0))
    lengths = {shift.id: shift.minutes for shift in roster.shifts}
    assert lengths["2017-11-04/night"] == 540
    assert dict(zip(problem.shifts, problem.blocks.tolist(), strict=True))["2017-11-04/night"] == 18
    assert sorted(set(problem.blocks.tolist())) == [16, 18]
