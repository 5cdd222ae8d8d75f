"""Crews beyond what is searched together: no limit broken, nothing lost or doubled, hardly anything given up."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import allocator.planning.routes.parts as parts_module
import planning_city
from allocator.config import AllocationSection, Policy, RoutesSection, StaffingSection
from allocator.planning.allocation.problem import build_problem
from allocator.planning.allocation.solve import solve
from allocator.planning.duty.posts import post_units
from allocator.planning.routes.parts import FULL, TOGETHER
from allocator.planning.routes.tasks import RouteTerms, straight, tasks_of
from allocator.planning.routes.tours import route_tasks
from limits_kept import assert_kept

QUICK = RoutesSection(iterations=15, runs=1)


def crowd(units: int, *, seed: int = 0, routes: RoutesSection = QUICK, **section):
    """Return terms, blocks and posting of three shifts of a city of two districts with so many units in each."""
    city = planning_city.square_city(24, districts=2, size_m=400.0)
    roster = planning_city.roster_of(2 * units, city=city, days=1, rest=0)
    surface = planning_city.surface_of(city, roster, seed=seed)
    allocation = AllocationSection(**section)
    problem = build_problem(surface, roster, Policy(), allocation=allocation, staffing=StaffingSection())
    answer = solve(problem)
    terms = RouteTerms(problem, roster, straight(city, routes), allocation, routes, seed=seed)
    return terms, answer.blocks, post_units(answer.units, roster, city)


def routed(terms, tasks, *, together: int = TOGETHER, full: int = FULL):
    """Return the visits of tasks with other sizes at which crews are cut, and visits are put in one by one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts_module, "TOGETHER", together)
        patch.setattr(parts_module, "FULL", full)
        return route_tasks(tasks, terms)


@given(
    seed=st.integers(0, 1000),
    units=st.integers(13, 24),
    share=st.sampled_from([0.3, 0.5, 0.8]),
    speed=st.sampled_from([3.0, 8.0, 25.0]),
    gap=st.sampled_from([0, 45]),
    pause=st.sampled_from([0, 30]),
    full=st.sampled_from([FULL, 100]),
)
@settings(max_examples=9, deadline=None)
def test_crews_in_parts_break_no_limit_and_lose_or_double_no_visit(seed, units, share, speed, gap, pause, full):
    routes = QUICK.model_copy(update={"speed_kmh": speed, "return_minutes": gap, "break_minutes": pause})
    terms, blocks, posting = crowd(units, seed=seed, routes=routes, directed_share=share)
    tasks = tasks_of(terms, blocks, posting)
    assert max(len(task.crew) for task in tasks) > TOGETHER
    found = routed(terms, tasks, full=full)
    assert_kept(terms, blocks, posting, found.visits)
    keys = set(zip(found.visits.shift.tolist(), found.visits.cell.tolist(), found.visits.nth.tolist(), strict=True))
    assert len(keys) == len(found.visits.unit)
    if speed == 25.0 and share <= 0.5:  # there is time for all
        assert len(found.visits.unit) >= 0.99 * blocks.sum()
    assert (found.lottery["variants"] >= 1).all()


@pytest.mark.parametrize(("share", "speed"), [(0.5, 25.0), (0.5, 5.0), (0.8, 3.0)])
@pytest.mark.parametrize("full", [FULL, 100])
def test_a_crew_just_above_the_limit_gains_within_one_per_cent_of_the_whole_search(share, speed, full):
    terms, blocks, posting = crowd(
        13, seed=1, routes=QUICK.model_copy(update={"speed_kmh": speed}), directed_share=share
    )
    tasks = [task for task in tasks_of(terms, blocks, posting) if len(task.crew) == TOGETHER + 1][:2]
    assert tasks
    whole, cut = routed(terms, tasks, together=100), routed(terms, tasks, full=full)
    assert cut.visits.gain.sum() >= 0.99 * whole.visits.gain.sum()


@pytest.mark.parametrize("full", [FULL, 100])
def test_crews_in_parts_do_not_depend_on_what_is_routed_beside_them(full):
    terms, blocks, posting = crowd(14, seed=2)
    tasks = tasks_of(terms, blocks, posting)
    every, alone = routed(terms, tasks, full=full).visits, routed(terms, tasks[3:4], full=full).visits
    here = (every.shift == tasks[3].shift) & (terms.problem.district[every.cell] == tasks[3].district)
    for name in ("unit", "cell", "nth", "start"):
        assert getattr(alone, name).tolist() == getattr(every.take(here), name).tolist()
    other = routed(dataclasses.replace(terms, seed=9), tasks, full=full).visits
    assert other.start.tolist() != every.start.tolist()
    assert np.unique(every.unit).size == 28
