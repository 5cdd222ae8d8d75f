"""Limits of a job: built as they are meant, named when they contradict each other, bent when asked."""

from __future__ import annotations

import json

import numpy as np
import pytest

import planning_city
from allocator import pipeline
from allocator.config import (
    AllocationSection,
    Band,
    Dosage,
    Equity,
    Exposure,
    Minimum,
    Need,
    Place,
    Policy,
    Request,
    StaffingSection,
)
from allocator.domain import Edit, Givens, Unit
from allocator.errors import ConfigError, DataError, InfeasibleError
from allocator.io.job import read_job
from allocator.planning.allocation.cellwise import broken_limits
from allocator.planning.allocation.conflicts import check_feasible
from allocator.planning.allocation.problem import build_problem
from allocator.planning.allocation.softening import soften
from allocator.planning.allocation.solve import rivals_of, solve
from allocator.planning.allocation.worth import worth_of_limits
from page_runs import with_products

DISTRICTS, UNITS = 4, 8


@pytest.fixture(scope="module")
def toy():
    city = planning_city.square_city(side=8, districts=DISTRICTS)
    roster = planning_city.roster_of(UNITS, city=city, days=3, rest=0)
    roster = planning_city.roster_of(UNITS, city=city, days=3)
    return city, roster, planning_city.surface_of(city, roster)


def problem_of(toy, allocation=None, *, staffing=None, givens=None, policy=None):
    _, roster, surface = toy
    return build_problem(
        surface, roster, policy or Policy(), allocation=allocation or AllocationSection(),
        staffing=staffing or StaffingSection(), givens=givens,
    )  # fmt: skip


def answered(problem):
    answer = solve(problem)
    assert not list(broken_limits(problem, answer.units, answer.blocks))
    assert answer.objective <= answer.bound + 1e-9
    return answer


def test_a_budget_holds_and_costs_follow_shift_and_weekday(toy):
    allocation = AllocationSection(
        budget=20.0, unit_cost=1.0, costs=({"shifts": ("night",), "cost": 2.0}, {"weekdays": ("tue",), "cost": 5.0})
    )
    problem = problem_of(toy, allocation)
    cost = problem.limits[0].on_units
    names = [shift.split("/")[1] for shift in problem.shifts]
    assert cost[0].tolist() == [1.0 if n != "night" else 2.0 for n in names[:3]] + [5.0] * 3 + [
        1.0 if n != "night" else 2.0 for n in names[6:]
    ]
    answer = answered(problem)
    assert (cost * answer.units).sum() <= 20.0
    assert answer.objective < solve(problem_of(toy)).objective


def test_equity_in_minutes_keeps_every_district_near_its_share(toy):
    problem = problem_of(toy, AllocationSection(equity=Equity(within=0.15)))
    answer = answered(problem)
    harm = np.array([problem.value[:, problem.district == d].sum() for d in range(DISTRICTS)])
    minutes = (answer.units * problem.blocks).sum(axis=1) / harm
    level = (problem.blocks * problem.on_duty).sum() / harm.sum()
    step = problem.blocks.max() / harm  # bounds fall on whole unit-shifts
    assert (minutes >= 0.85 * level - step).all()
    assert (minutes <= 1.15 * level + step).all()


def test_the_worst_off_district_is_better_off_under_max_min(toy):
    def worst(problem, answer):
        cover = problem.value * -np.expm1(-problem.diminishing * answer.blocks)
        return min(
            cover[:, problem.district == d].sum() / problem.value[:, problem.district == d].sum()
            for d in range(DISTRICTS)
        )

    plain, fair = problem_of(toy), problem_of(toy, AllocationSection(equity=Equity(form="max_min", measure="coverage")))
    assert worst(fair, answered(fair)) >= worst(plain, solve(plain)) - 1e-9


def test_exposure_keeps_the_groups_within_their_band(toy):
    city, _, _ = toy
    rng = np.random.default_rng(0)
    everyone = rng.gamma(1, 10, city.n_cells)
    group = everyone * (city.x < city.x.mean()) * 0.8
    allocation = AllocationSection(exposure=(Exposure(name="tenants", file="unused", column="a", of="b", within=0.1),))
    problem = problem_of(toy, allocation, givens=Givens(residents={"tenants": np.stack([group, everyone])}))
    answer = answered(problem)
    visits = answer.blocks.sum(axis=0)
    share = (visits * group).sum() / group.sum() / ((visits * everyone).sum() / everyone.sum())
    assert 0.9 - 1e-6 <= share <= 1.1 + 1e-6
    with pytest.raises(DataError, match="were not given"):
        problem_of(toy, allocation)


def test_requests_community_dosage_and_days_running(toy):
    allocation = AllocationSection(
        requests=(Request(district="3", by="market association", minutes=120, shifts=("evening",)),),
        community=(Place(beat="north"),), community_share=0.4,
        dosage=(Dosage(district="2", reason="school works", most_minutes=30),), max_days_running=2,
    )  # fmt: skip
    problem = problem_of(toy, allocation)
    answer = answered(problem)
    evening = np.array([shift.endswith("/evening") for shift in problem.shifts])
    city = toy[0]
    assert answer.blocks[evening][:, city.district == 2].sum() >= 8
    assert answer.blocks[:, city.beat == 1].sum() >= 0.4 * answer.blocks.sum()
    assert answer.blocks[:, city.district == 1].sum(axis=0).max() <= 2
    visited = np.array([answer.blocks[problem.day == day].any(axis=0) for day in range(3)])
    assert not visited.all(axis=0).any()
    assert answer.gap < 0.05


def test_needs_are_met_by_units_that_have_the_skill(toy):
    city, roster, surface = toy
    units = tuple(
        Unit(unit.name, type="bike" if u < 3 else "car", skills=("spanish",) if u % 2 else ()) for u, unit in
        enumerate(roster.units)
    )  # fmt: skip
    skilled = type(roster)(units, roster.shifts, roster.duty)
    allocation = AllocationSection(
        needs=(Need(type="bike", district="1", shifts=("day",)), Need(skill="spanish", district="2"))
    )
    problem = build_problem(surface, skilled, Policy(), allocation=allocation, staffing=StaffingSection())
    answer = answered(problem)
    assert (answer.units[1] >= 1).all()
    from allocator.planning.duty.posts import post_units

    posting = post_units(answer.units, skilled, city, problem=problem)
    for s, shift in enumerate(problem.shifts):
        there = [skilled.units[u] for u in np.flatnonzero(posting[:, s] == 1)]
        assert any("spanish" in unit.skills for unit in there), shift
        if shift.endswith("/day"):
            assert any(skilled.units[u].type == "bike" for u in np.flatnonzero(posting[:, s] == 0))


def test_what_cannot_be_is_named_with_numbers(toy):
    cases = {
        "needs at least": {"staffing": StaffingSection(default_minimum=4)},
        "alone cost": {"allocation": AllocationSection(budget=3.0), "staffing": StaffingSection(default_minimum=1)},
        "at most .* minutes are possible": {
            "allocation": AllocationSection(requests=(Request(district="1", by="x", minutes=10**6),))
        },
        "floor above": {
            "allocation": AllocationSection(
                dosage=(
                    Dosage(district="1", reason="a", least_minutes=60),
                    Dosage(district="1", reason="b", most_minutes=15),
                )
            )
        },
    }
    for words, given in cases.items():
        with pytest.raises(InfeasibleError, match=words):
            check_feasible(problem_of(toy, **given))


def test_unknown_names_are_told_together(toy):
    allocation = AllocationSection(
        needs=(Need(skill="flying"),), costs=({"shifts": ("dawn",), "cost": 1.0},),
        requests=(Request(district="9", by="x", minutes=15),), dosage=(Dosage(beat="west", reason="r"),),
    )  # fmt: skip
    with pytest.raises(ConfigError) as error:
        problem_of(toy, allocation)
    assert len(error.value.faults) == 4


def test_the_smallest_conflicting_set_is_named(toy):
    allocation = AllocationSection(
        budget=12.0, unit_cost=1.0, equity=Equity(within=0.5), bands=(Band(district="1", least=10),),
        requests=(Request(district="2", by="market association", minutes=600),),
    )  # fmt: skip
    staffing = StaffingSection(minimums=(Minimum(district="3", shift="day", units=1),))
    problem = problem_of(toy, allocation, staffing=staffing)
    with pytest.raises(InfeasibleError) as error:
        solve(problem)
    text = " ".join(error.value.faults)
    assert "budget of 12" in text
    for fault in error.value.faults:  # without any one of them there is a plan
        assert len(error.value.faults) >= 2, fault


@pytest.mark.parametrize("seed", range(4))
def test_softened_limits_have_a_plan_and_say_what_was_bent(toy, seed):
    rng = np.random.default_rng(seed)
    allocation = AllocationSection(
        budget=float(rng.integers(6, 14)), bands=(Band(district="1", least=int(rng.integers(8, 14))),),
        requests=(Request(district="2", by="market association", minutes=int(rng.integers(1500, 1900))),),
    )  # fmt: skip
    problem = problem_of(toy, allocation, staffing=StaffingSection(default_minimum=int(rng.integers(0, 4))))
    bent, notes = soften(problem)
    assert notes
    answered(bent)
    assert all(any(character.isdigit() for character in note.text) for note in notes)
    same, nothing = soften(problem_of(toy))
    assert nothing == ()
    np.testing.assert_array_equal(same.minimum, problem_of(toy).minimum)


def test_the_worth_of_limits_is_what_solving_again_says(toy):
    allocation = AllocationSection(bands=(Band(district="1", most=2),), budget=15.0)
    problem = problem_of(toy, allocation)
    answer = solve(problem)
    worth = {one.change: one.harm for one in worth_of_limits(problem, answer)}
    without = solve(problem.replace(limits=())).objective - answer.objective
    assert worth["without the budget of 15"] == pytest.approx(without, abs=1e-6)
    plain = problem_of(toy)
    first = worth_of_limits(plain, solve(plain))[0]
    s = plain.shifts.index(first.change.removeprefix("one more unit in "))
    more = plain.replace(on_duty=plain.on_duty + (np.arange(len(plain.shifts)) == s).astype(np.int32))
    assert first.harm == pytest.approx(solve(more).objective - solve(plain).objective, abs=1e-9)
    assert rivals_of(problem, "flow")["without the further limits"] >= answer.objective


def test_greedy_refuses_limits_it_cannot_hold(toy):
    with pytest.raises(ConfigError, match="cannot hold limits"):
        solve(problem_of(toy, AllocationSection(budget=5.0)), "greedy")


def test_edits_of_cells_open_and_close_them(toy):
    shift = toy[1].shifts[0].id
    edits = (
        Edit("forbid", shift, cell=3, who="desk", why="film crew"), Edit("pin", shift, cell=9, who="desk", why="vigil"),
    )  # fmt: skip
    problem = problem_of(toy, givens=Givens(edits=edits))
    answer = answered(problem)
    assert answer.blocks[0, 3] == 0
    assert answer.blocks[0, 9] >= 1


@pytest.fixture
def job(demo_folder):
    return read_job(
        demo_folder / "job.toml", overrides=["risk.model=mixture", "routes.runs=1", "allocation.worth=false"]
    )


def test_a_job_without_a_plan_ends_with_its_limits_and_softens_on_request(job, demo_folder, tmp_path):
    tight = job.model_copy(update={"allocation": job.allocation.model_copy(update={"budget": 5.0})})
    with pytest.raises(InfeasibleError, match="budget of 5"):
        pipeline.run(tight)
    run = pipeline.run(tight, soften=True)
    assert run.plan.softened
    assert any(label == "softened" for label, _ in run.figures["lines"])
    place = pipeline.save_run(with_products(run), tmp_path / "soft")
    for page in sorted((place / "routes").glob("*.gpx"))[:2]:
        assert "SOFTENED PLAN" in page.read_text("utf-8")
    assert "SOFTENED PLAN" in json.loads((place / "summary.json").read_text("utf-8"))["values"]["stamp"]


@pytest.mark.slow
@pytest.mark.parametrize("days", [3, 5])
def test_days_running_hold_in_a_whole_city(job, days):
    limited = job.model_copy(update={"allocation": job.allocation.model_copy(update={"max_days_running": days})})
    run = pipeline.run(limited)
    blocks = np.zeros(run.problem.value.shape, int)
    rows = {shift: s for s, shift in enumerate(run.problem.shifts)}
    np.add.at(blocks, (run.plan.visits["shift"].map(rows), run.plan.visits["cell"]), 1)
    visited = np.array([blocks[run.problem.day == day].any(axis=0) for day in range(7)])
    for first in range(7 - days):
        assert not visited[first : first + days + 1].all(axis=0).any()


def test_minimums_bend_no_further_than_needed_where_calls_take_time(toy):
    problem = problem_of(toy)
    some = np.zeros_like(problem.minimum)
    some[:2, 0] = problem.on_duty[0] // 2 + 1
    busy = some * problem.blocks // 2
    bent, notes = soften(problem.replace(minimum=some, busy=busy.astype(np.int32)))
    assert bent.minimum[:, 0].sum() == problem.on_duty[0]
    assert len(notes) <= 2
    answered(bent)


def test_doing_without_minimums_does_not_do_without_the_calls(toy):
    problem = problem_of(toy)
    busy = np.full_like(problem.minimum, int(problem.blocks.min()) // 2)
    problem = problem.replace(minimum=np.ones_like(problem.minimum), busy=busy)
    answer = solve(problem)
    worth = {one.change.split(" (")[0]: one.harm for one in worth_of_limits(problem, answer)}
    free = solve(problem.replace(minimum=np.zeros_like(busy), busy=None)).objective - answer.objective
    assert free > 0.01
    assert worth.get("without the minimum units of districts and shifts", 0.0) < 0.5 * free
