"""Limits beyond a flow: against brute force on toy cities, never broken on larger ones, told when contradictory."""

from __future__ import annotations

import os

import numpy as np
import pytest

import naive
from allocator.domain import Limit
from allocator.errors import SolverError
from allocator.planning.allocation.cellwise import broken_limits
from allocator.planning.allocation.solvers import limited
from planning_city import toy

TOYS = int(os.environ.get("ALLOCATOR_TOYS", "8"))
"""Random toy cities for each family of limits; `make stress` takes 500."""

CASES = int(os.environ.get("ALLOCATOR_CASES", "30"))
"""Random larger cities with a random mixture of limits; `make stress` takes 10,000."""


def exposure(problem, rng):
    people = rng.gamma(1, 1, problem.value.shape[1])
    group = people * rng.random(len(people))
    weights = [sign * (group / group.sum() - (1 - sign * 0.3) * people / people.sum()) for sign in (1, -1)]
    return problem.replace(limits=tuple(Limit("g", "exposure", least=0.0, on_blocks=w[None]) for w in weights))


def equity(problem, rng):
    total = problem.value.sum()
    limits = []
    for d in range(len(problem.districts)):
        own = (problem.district == d) / problem.value[:, problem.district == d].sum()
        limits += [
            Limit("least", "equity", least=0.0, on_harm=own - 0.7 / total),
            Limit("most", "equity", most=0.0, on_harm=own - 1.3 / total),
        ]
    return problem.replace(limits=tuple(limits))


def budget(problem, rng):
    cost = rng.uniform(0.5, 2, problem.minimum.shape)
    return problem.replace(
        limits=(Limit("b", "budget", most=float(0.6 * cost.mean() * problem.on_duty.sum()), on_units=cost),)
    )


def week(problem, rng):
    most = rng.integers(0, 4, problem.value.shape[1]).astype(np.int32)
    least = np.minimum(most, rng.integers(0, 2, len(most))).astype(np.int32)
    return problem.replace(week_least=least, week_most=most)


def running(problem, rng):
    return problem.replace(days_running=int(rng.integers(1, len(problem.shifts))))


def needs(problem, rng):
    skilled = np.minimum(rng.integers(0, 2, len(problem.shifts)), problem.on_duty)
    crews = np.array([problem.on_duty - skilled, skilled], np.int32)
    allowed = rng.random((2, *problem.minimum.shape)) < 0.8
    rows = [(int(rng.integers(len(problem.districts))), s, 1) for s in np.flatnonzero(skilled)][:1]
    return problem.replace(
        crews=crews, allowed=allowed, needs=np.array(rows, np.int32).reshape(-1, 3),
        need_classes=np.tile([[False, True]], (len(rows), 1)),
    )  # fmt: skip


def requests(problem, rng):
    there = rng.random((1, problem.value.shape[1])) < 0.5
    return problem.replace(
        limits=(Limit("r", "requests", least=float(rng.integers(1, 4)), on_blocks=there.astype(float)),)
    )


def community(problem, rng):
    there = (rng.random(problem.value.shape[1]) < 0.5).astype(float)
    return problem.replace(limits=(Limit("c", "community", least=0.0, on_blocks=(there - 0.4)[None]),))


def fair(problem, rng):
    shares = [
        Limit(name, "equity", on_harm=(problem.district == d) / problem.value[:, problem.district == d].sum())
        for d, name in enumerate(problem.districts)
    ]
    return problem.replace(fair=tuple(shares))


def calls(problem, rng):
    busy = rng.integers(0, 3, problem.minimum.shape).astype(np.int32)
    needed = -(-busy // problem.blocks)
    short = needed.sum(axis=0) > problem.on_duty
    busy[:, short] = 0
    needed[:, short] = 0
    return budget(problem.replace(busy=busy, minimum=needed.astype(np.int32)), rng)


def bands(problem, rng):
    return community(
        problem.replace(most=np.full(len(problem.districts), 2, np.int32), least=np.array([1, 0], np.int32)), rng
    )


def together(problem, rng):
    made = budget(week(problem, rng), rng)
    return made.replace(limits=(*made.limits, *exposure(problem, rng).limits))


FAMILIES = (exposure, equity, budget, week, running, needs, requests, community, fair, calls, bands, together)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_answer_equals_exhaustive_search(family):
    feasible = 0
    for seed in range(TOYS):
        size = {"shifts": 3, "cells": 3, "most_blocks": 1} if family is running else {}
        problem = family(toy(seed, **size), np.random.default_rng(seed))
        best = naive.best_limited(problem)
        if best is None:
            assert not limited.is_feasible(problem.replace(fair=()))
            with pytest.raises(SolverError):
                limited.solve(problem)
            continue
        feasible += 1
        answer = limited.solve(problem)
        assert not list(broken_limits(problem, answer.units, answer.blocks))
        assert answer.objective == pytest.approx(best[1], abs=1e-6), (family.__name__, seed)
        assert answer.bound >= answer.objective
        assert answer.gap <= 1e-6
    assert feasible >= TOYS // 4


@pytest.mark.parametrize("family", FAMILIES)
def test_prices_give_a_bound_and_keep_every_limit(family, monkeypatch):
    monkeypatch.setattr(limited, "SMALL", 0)
    found = 0
    for seed in range(TOYS):
        size = {"shifts": 3, "cells": 3, "most_blocks": 1} if family is running else {}
        problem = family(toy(seed, **size), np.random.default_rng(seed))
        best = naive.best_limited(problem)
        if best is None:
            continue
        try:
            answer = limited.solve(problem)
        except SolverError:  # rounding found nothing: said, never a plan that breaks a limit
            continue
        found += 1
        assert not list(broken_limits(problem, answer.units, answer.blocks))
        if not problem.fair:
            assert answer.objective <= best[1] + 1e-6
            assert answer.bound >= best[1] - 1e-6
    assert found >= TOYS // 4


def test_no_limit_is_broken_in_random_cities():
    answered = 0
    for seed in range(CASES):
        rng = np.random.default_rng([seed, 7])
        sizes = {
            "cells": int(rng.integers(8, 60)),
            "districts": int(rng.integers(1, 5)),
            "shifts": int(rng.integers(1, 7)),
        }
        problem = toy(seed, **sizes, units=int(rng.integers(1, 7)), blocks=int(rng.integers(1, 6)), most_blocks=3)
        mixed = [family for family in FAMILIES if family not in (fair, running, bands, together) and rng.random() < 0.3]
        limits = []
        for family in mixed:
            made = family(problem.replace(limits=()), rng)
            limits += made.limits
            problem = made
        problem = problem.replace(limits=tuple(limits))
        try:
            answer = limited.solve(problem)
        except SolverError:
            continue
        answered += 1
        assert not list(broken_limits(problem, answer.units, answer.blocks)), seed
        assert answer.objective <= answer.bound + 1e-9
    assert answered >= CASES // 3


def test_a_program_whose_presolve_lost_the_optimum_is_solved_right():
    problem = budget(toy(285), np.random.default_rng(285))  # HiGHS with presolve: 1.34437
    assert limited.solve(problem).objective == pytest.approx(naive.best_limited(problem)[1], abs=1e-6)
