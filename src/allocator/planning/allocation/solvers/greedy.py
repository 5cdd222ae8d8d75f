"""Solver "greedy": one unit at a time to where the next one adds most."""

from __future__ import annotations

import math

import numpy as np

from allocator.domain import Allocation, AllocationProblem
from allocator.planning.allocation.reduction import blocks_of, covered, reduce


def solve(problem: AllocationProblem) -> Allocation:
    """Return the allocation that gives each unit in turn to the best (district, shift).

    The minimums are set first. As soon as the units left are only just enough for what the bands still ask
    for, they go to those districts alone, so every limit is kept. `check_feasible` has to hold.
    """
    reduction = reduce(problem)
    units = problem.minimum.astype(np.int64)
    free = problem.on_duty - units.sum(axis=0)
    held = units.sum(axis=1)
    gain = np.concatenate([reduction.increment, np.zeros((*units.shape, 1))], axis=2)
    following = np.take_along_axis(gain, units[:, :, None], axis=2)[:, :, 0]
    while (left := free.sum()) > 0:
        owed = np.maximum(problem.least - held, 0)
        allowed = (held < problem.most)[:, None] & (free > 0)
        if owed.sum() == left or (owed.any() and following[allowed].max(initial=0.0) <= 0):
            allowed &= (owed > 0)[:, None]
        best = np.where(allowed, following, -1.0)
        d, s = np.unravel_index(int(best.argmax()), best.shape)
        if best[d, s] < 0 or (best[d, s] == 0 and not owed.any()):
            break
        units[d, s] += 1
        held[d] += 1
        free[s] -= 1
        following[d, s] = gain[d, s, units[d, s]]
    blocks = blocks_of(problem, reduction, units.astype(np.int32))
    return Allocation(units.astype(np.int32), blocks, float(covered(problem, blocks).sum()), math.inf, "greedy")
