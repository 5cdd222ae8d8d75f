"""Visits that also deter around: kernels against their twins, the solver against brute force, the bound never below."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import naive
from allocator.domain import Limit
from allocator.errors import ConfigError
from allocator.kernels.cover import greedy_cover, swap_cover
from allocator.planning.allocation.reduction import covered
from allocator.planning.allocation.solve import solve
from planning_city import toy

SHARE, A = 0.3, 0.7


def ring(n):
    """Every cell has the cells before and after it as neighbours."""
    indices = np.array([[(c - 1) % n, (c + 1) % n] for c in range(n)], np.int32).ravel()
    return np.arange(0, 2 * n + 1, 2, dtype=np.int32), indices


def case(seed, n=7):
    rng = np.random.default_rng(seed)
    zone = np.sort(rng.integers(0, 2, n)).astype(np.int32)
    return rng.gamma(0.7, 1, n), zone, rng.integers(0, 3, n).astype(np.int32), rng.integers(0, 4, 2).astype(np.int32)


@pytest.mark.parametrize("seed", range(15))
def test_the_kernels_do_what_their_twins_do(seed):
    value, zone, cap, room = case(seed)
    indptr, indices = ring(len(value))
    blocks, dose, gain = np.zeros(len(value), np.int32), np.zeros(len(value)), np.zeros(len(value))
    greedy_cover(value, zone, cap, room, indptr, indices, SHARE, A, blocks, dose, gain)
    expected = naive.greedy_cover(value, zone, cap, room, indptr, indices, SHARE, A)
    assert blocks.tolist() == expected
    before = naive.covered_with_neighbours(value, blocks, indptr, indices, SHARE, A)
    swap_cover(value, zone, cap, indptr, indices, SHARE, A, blocks, dose, gain, 10)
    assert blocks.tolist() == naive.swap_cover(value, zone, cap, indptr, indices, SHARE, A, expected, 10)
    assert naive.covered_with_neighbours(value, blocks, indptr, indices, SHARE, A) >= before - 1e-12
    around = np.array([blocks[indices[indptr[c] : indptr[c + 1]]].sum() for c in range(len(value))])
    np.testing.assert_allclose(dose, blocks + SHARE * around, atol=1e-9)


def spilling(seed):
    problem = toy(seed)
    indptr, indices = ring(problem.value.shape[1])
    return problem.replace(spillover=SHARE, indptr=indptr, indices=indices)


def best_by_trying_all(problem):
    each = [range(int(cap) + 1) for cap in problem.cap.ravel()]
    best = 0.0
    for plan in itertools.product(*each):
        blocks = np.array(plan, np.int16).reshape(problem.cap.shape)
        used = np.stack([blocks[:, problem.district == d].sum(axis=1) for d in range(len(problem.districts))])
        if (-(-used // problem.blocks)).sum(axis=0).max() <= 0 or (
            (-(-used // problem.blocks)).sum(axis=0) <= problem.on_duty
        ).all():
            best = max(best, float(covered(problem, blocks).sum()))
    return best


@pytest.mark.parametrize("seed", range(8))
def test_the_bound_is_above_every_plan_and_the_answer_near_the_best(seed):
    problem = spilling(seed)
    answer = solve(problem)
    best = best_by_trying_all(problem)
    assert answer.bound >= best - 1e-9
    assert 0.85 * best <= answer.objective <= best + 1e-9
    assert answer.solver == "spillover"


def test_spillover_and_other_limits_exclude_each_other():
    limit = Limit("b", "allocation.budget", most=1.0, on_units=np.ones((2, 2)))
    with pytest.raises(ConfigError, match="cannot be combined"):
        solve(spilling(0).replace(limits=(limit,)))


def test_covered_counts_the_cells_around():
    problem = spilling(1)
    blocks = np.zeros(problem.value.shape, np.int16)
    blocks[0, 0] = 1
    got = covered(problem, blocks)
    assert got[0, 1] == pytest.approx(problem.value[0, 1] * (1 - np.exp(-A * SHARE)))
    assert got[0, 2] == 0
