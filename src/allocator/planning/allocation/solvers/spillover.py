"""Solver "spillover": visits that also deter in the cells around, a submodular cover, with a proven bound."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from allocator.domain import Allocation, AllocationProblem
from allocator.errors import ConfigError
from allocator.kernels.cover import greedy_cover, swap_cover
from allocator.planning.allocation.reduction import Priced, blocks_of, covered, reduce
from allocator.planning.allocation.solvers.flow import best_units

PASSES = 40
"""Improvements of the bound; on 10,000 cells further ones moved it by less than 0.01 %."""

SWAPS = 400
"""Most blocks moved per district and shift."""

GRAIN = 1e-6
"""Smallest slope of the cover, relative to the first: beyond it a cell is covered."""


NO_SPILLOVER = "allocation.spillover cannot be combined with limits beyond minimums and bands: leave one out"


def solve(problem: AllocationProblem) -> Allocation:
    """Return a greedy allocation improved by swaps, and a bound from Lagrangian duality.

    With y = blocks + share × blocks around, harm covered is Σ v (1 - exp(-a y)), which is submodular: choosing the best
    next block is within 1/2 of the optimum on a partition of rooms (Fisher, Nemhauser & Wolsey 1978), and far nearer in
    practice. For the bound the effect of the neighbours, e, is bought at a price per cell: each cell then gains
    max over e of v (1 - exp(-a (k + e))) - price e, which is separable and concave in its own blocks k, so that the
    min-cost flow gives the largest sum (see `_bound`).

    Raises
    ------
    ConfigError
        If the problem has limits that only "highs" can hold.
    """
    if not problem.is_network:
        raise ConfigError(NO_SPILLOVER)
    bound, units = _bound(problem)
    blocks = _improved(problem, units)
    objective = float(covered(problem, blocks).sum())
    return Allocation(units, blocks, objective, max(bound, objective), "spillover")


def _arguments(
    problem: AllocationProblem, s: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return value, district and cap of the cells in a shift, as the kernels want them."""
    return np.array(problem.value[s]), np.array(problem.district), problem.cap[s].astype(np.int32)


def _neighbours(problem: AllocationProblem) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    if not problem.spillover:
        return np.zeros(len(problem.district) + 1, np.int32), np.zeros(0, np.int32)
    if problem.indptr is None or problem.indices is None:
        raise ConfigError("allocation.spillover needs the neighbours of the cells")
    return np.array(problem.indptr), np.array(problem.indices)


def _improved(problem: AllocationProblem, units: npt.NDArray[np.int32]) -> npt.NDArray[np.int16]:
    indptr, indices = _neighbours(problem)
    room = problem.room(units).astype(np.int32)
    blocks = np.zeros(problem.value.shape, np.int16)
    n = len(problem.district)
    for s in range(len(problem.shifts)):
        value, zone, cap = _arguments(problem, s)
        mine, dose, gain = np.zeros(n, np.int32), np.zeros(n), np.zeros(n)
        shared = indptr, indices, problem.spillover, problem.diminishing
        greedy_cover(value, zone, cap, room[:, s].copy(), *shared, mine, dose, gain)
        swap_cover(value, zone, cap, *shared, mine, dose, gain, SWAPS)
        blocks[s] = mine
    return blocks


def _bound(problem: AllocationProblem) -> tuple[float, npt.NDArray[np.int32]]:
    """Return an upper bound of the harm that any plan covers, and the units that lead to it.

    For prices p > 0 of the effect e that a cell has from its neighbours, with g(k) = max over e ≥ 0 of
    v (1 - exp(-a (k + e))) - p e,

        max Σ v (1 - exp(-a (k + e))) ≤ max Σ g(k) + p e,  and  Σ p e = share Σ k Σ p around:

    the right side is a sum of concave functions of k, the case of the flow. Prices are the slopes at the mean of the
    plans so far, which converges to the best of these bounds (dual averaging).
    """
    a, share = problem.diminishing, problem.spillover
    around = _adjacency(problem) * share
    k = np.arange(max(int(problem.cap.max(initial=0)), 1) + 1)
    dose = np.zeros(problem.value.shape)
    best, at_best = np.inf, problem.minimum
    for turn in range(1, PASSES + 1):
        slope = np.maximum(np.exp(-a * dose), GRAIN)  # of 1 - exp(-a y), divided by a
        target = -np.log(slope) / a
        # g(k) / v: a line up to the dose at which the slope is the price, the curve beyond it.
        line = 1 - slope[:, :, None] * (1 + a * (target[:, :, None] - k))
        own = np.where(k < target[:, :, None], line, -np.expm1(-a * k))
        price = problem.value * a * slope
        gain = problem.value[:, :, None] * np.diff(own, axis=2) + (price @ around)[:, :, None]
        reduction = reduce(problem, Priced(gain, np.zeros(problem.minimum.shape)))
        units, upper = best_units(problem, reduction)
        upper += float((problem.value * own[:, :, 0]).sum())
        if upper < best:
            best, at_best = upper, units
        chosen = blocks_of(problem, reduction, units).astype(np.float64)
        dose = dose + (chosen + chosen @ around - dose) * (2.0 / (turn + 1))
    return best, at_best


def _adjacency(problem: AllocationProblem) -> sp.csr_array:
    indptr, indices = _neighbours(problem)
    n = len(problem.district)
    return sp.csr_array((np.ones(len(indices)), indices, indptr), shape=(n, n))
