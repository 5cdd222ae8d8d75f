"""Large crews in parts against the whole, and the work of a search before it starts."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from test_orienteering import problem_of
from test_routes import assert_kept, setting

import allocator.planning.routes.parts as parts_module
from allocator.config import RoutesSection
from allocator.errors import ConfigError
from allocator.planning.routes.parts import IN_PARTS, TOGETHER, effort_of, joined, parts_of
from allocator.planning.routes.search import solve
from allocator.planning.routes.tasks import tasks_of
from allocator.planning.routes.timetable import timetable
from allocator.planning.routes.tours import route_tasks
from allocator.planning.routes.work import search_of


@pytest.mark.parametrize("units", [13, 17, 30])
def test_parts_share_out_every_visit_and_unit_once_and_joined_tours_hold(units):
    problem = problem_of(3, visits=4 * units, units=units, windows=True, breaks=True)
    rng = np.random.default_rng(units)
    places = problem.travel.shape[1]
    parts = parts_of(problem, rng.random(places), rng.random(places), most=TOGETHER)
    assert max(len(part.units) for part in parts) <= IN_PARTS
    assert sorted(np.concatenate([part.units for part in parts]).tolist()) == list(range(units))
    assert sorted(np.concatenate([part.rows for part in parts]).tolist()) == list(range(len(problem.place)))
    for part in parts:  # a visit or break of one unit lies with that unit
        only = problem.only[part.rows]
        assert set(only[only >= 0].tolist()) <= set(part.units.tolist())
    whole = joined(units, parts, [[solve(part.problem, iterations=20, runs=1)] for part in parts])[0]
    met = [row for tour in whole.order for row in tour]
    assert len(met) == len(set(met))
    assert whole.prize == pytest.approx(problem.prize[met].sum())
    for part in parts:
        for unit in part.units.tolist():
            own = whole.order[unit]
            blocks = [row for row in own if not problem.is_break[row]]
            assert timetable(problem, unit, blocks) is not None


def test_a_crew_in_parts_keeps_every_limit_and_delivers_nearly_what_the_whole_does(monkeypatch):
    terms, blocks, posting, _ = setting(60)
    tasks = tasks_of(terms, blocks, posting)
    assert max(len(task.crew) for task in tasks) > TOGETHER
    cut = route_tasks(tasks, terms)
    assert_kept(terms, blocks, posting, cut.visits)
    again = route_tasks(tasks, terms)
    assert again.visits.start.tolist() == cut.visits.start.tolist()
    monkeypatch.setattr(parts_module, "TOGETHER", 1000)
    whole = route_tasks(tasks, terms)
    assert cut.visits.gain.sum() >= 0.98 * whole.visits.gain.sum()


def test_a_small_plan_is_searched_in_full_and_a_large_one_less():
    terms, *_ = setting(5)
    routes = RoutesSection()
    assert effort_of(terms.problem, routes) == routes
    large = dataclasses.replace(terms.problem, on_duty=terms.problem.on_duty * 10_000)
    less = effort_of(large, routes)
    assert less.runs == 1
    assert less.iterations == parts_module.FEWEST


def test_the_work_of_a_search_is_told_and_refused_by_its_key():
    terms, *_ = setting(5)
    short, long = (search_of(terms.problem, RoutesSection(runs=runs)) for runs in (2, 1000))
    assert long.seconds == pytest.approx(500 * short.seconds)
    assert "3,000 runs of up to 60 iterations" in str(long)
    with pytest.raises(ConfigError, match=r"routes\.runs = 1,000 .* would do"):
        search_of(terms.problem, RoutesSection(runs=1000, iterations=1_000_000))
