"""Solver "proportional": units in proportion to each district's expected harm, as many agencies do."""

from __future__ import annotations

import math

import numpy as np

from allocator.domain import Allocation, AllocationProblem, Floats, Ints
from allocator.planning.allocation.reduction import blocks_of, covered, reduce


def solve(problem: AllocationProblem) -> Allocation:
    """Return the allocation by share of expected harm, shift by shift, with largest remainders.

    The minimums are set first. Units without which the later shifts could not satisfy the bands go to the
    districts that are owed, in proportion to what they are owed. `check_feasible` has to hold.
    """
    units = problem.minimum.astype(np.int64)
    free = problem.on_duty - units.sum(axis=0)
    harm = np.zeros(units.shape)
    inside = problem.district >= 0
    np.add.at(harm, problem.district[inside], problem.value[:, inside].T)
    for s in range(len(problem.shifts)):
        owed = np.maximum(problem.least - units.sum(axis=1), 0)
        forced = max(0, int(owed.sum() - free[s + 1 :].sum()))
        units[:, s] += _shares(forced, owed.astype(float), owed)
        units[:, s] += _shares(int(free[s]) - forced, harm[:, s], problem.most - units.sum(axis=1))
    reduction = reduce(problem)
    blocks = blocks_of(problem, reduction, units.astype(np.int32))
    objective = float(covered(problem, blocks).sum())
    return Allocation(units.astype(np.int32), blocks, objective, math.inf, "proportional")


def _shares(total: int, weight: Floats, room: Ints) -> Ints:
    """Return `total` shared out by weight (largest remainder), none above its room, none to weight 0."""
    given = np.zeros(len(weight), np.int64)
    while total > 0 and (eligible := (weight > 0) & (given < room)).any():
        quota = total * np.where(eligible, weight, 0) / weight[eligible].sum()
        step = np.minimum(np.floor(quota).astype(np.int64), room - given)
        if not step.any():
            order = np.argsort(-quota, kind="stable")
            step[order[: min(total, int(eligible.sum()))]] = 1
        given += step
        total -= int(step.sum())
    return given
