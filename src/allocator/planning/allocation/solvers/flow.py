"""Solver "flow": the exact optimum, as a min-cost flow over districts and shifts."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

from allocator.domain import Allocation, AllocationProblem
from allocator.errors import SolverError
from allocator.planning.allocation.reduction import Reduction, blocks_of, covered, reduce

LARGEST_COST = 1e12
"""Integer cost of the largest increment. int64 leaves room for a thousand times the costs of 1,000 nodes."""


def solve(problem: AllocationProblem) -> Allocation:
    """Return the optimal allocation with a proven bound.

    The increments of the concave F[district, shift] are unit arcs from shift to district; bands are the
    limits of the arcs from district to sink; units in reserve go straight to the sink. The matrix is totally
    unimodular, so the flow is an integral optimum. `check_feasible` has to hold. Units of an earlier plan that
    stay earn a bonus, which keeps their F concave; the bound is then that of the problem without it.
    """
    reduction = reduce(problem)
    units, upper = best_units(problem, reduction)
    if problem.incumbent is not None:
        kept = np.arange(reduction.increment.shape[2]) < problem.incumbent[:, :, None]
        sticky = dataclasses.replace(reduction, increment=reduction.increment + problem.stay_bonus * kept)
        units, _ = best_units(problem, sticky)
    blocks = blocks_of(problem, reduction, units)
    objective = float(covered(problem, blocks).sum())
    return Allocation(units, blocks, objective, max(upper, objective), "flow")


def best_units(problem: AllocationProblem, reduction: Reduction) -> tuple[npt.NDArray[np.int32], float]:
    """Return the units per (district, shift) that gain most by the increments of a reduction, and a proven bound."""
    minimum, increment = problem.minimum, reduction.increment
    n_districts, n_shifts, n_units = increment.shape
    free = (problem.on_duty - minimum.sum(axis=0)).astype(np.int64)
    committed = minimum.sum(axis=1, dtype=np.int64)
    room = np.minimum(problem.most - committed, free.sum())
    owed = np.maximum(problem.least - committed, 0)
    nth = np.arange(n_units)
    base = float(increment.sum(axis=2, where=nth < minimum[:, :, None]).sum())

    last = minimum + np.minimum(free, room[:, None])
    d, s, u = np.nonzero((nth >= minimum[:, :, None]) & (nth < last[:, :, None]) & (increment > 0))
    gain = increment[d, s, u]
    scale = LARGEST_COST / gain.max() if len(gain) else 1.0
    # One more arc each way takes units that add nothing (only a district's `least` can want them; at cost 1
    # they stay in reserve otherwise).
    spare_d, spare_s = np.divmod(np.arange(n_districts * n_shifts), n_shifts)
    sink = n_shifts + n_districts
    districts, shifts = np.arange(n_districts), np.arange(n_shifts)
    to_sink = np.full(n_districts + n_shifts, sink)
    tail = np.concatenate([s, spare_s, n_shifts + districts, shifts])
    head = np.concatenate([n_shifts + d, n_shifts + spare_d, to_sink])
    capacity = np.concatenate([np.ones(len(gain), np.int64), free[spare_s], room - owed, free])
    cost = np.concatenate([-np.rint(gain * scale), np.ones(len(spare_d)), np.zeros(len(to_sink))])
    flow = SimpleMinCostFlow()
    arcs = flow.add_arcs_with_capacity_and_unit_cost(
        tail.astype(np.int32), head.astype(np.int32), capacity.astype(np.int64), cost.astype(np.int64)
    )
    supply = np.concatenate([free, -owed, [owed.sum() - free.sum()]])
    flow.set_nodes_supplies(np.arange(sink + 1, dtype=np.int32), supply.astype(np.int64))
    status = flow.solve()
    if status != flow.OPTIMAL:
        raise SolverError(f"the min-cost flow solver stopped with status {status.name}")
    taken = flow.flows(arcs)[: len(gain) + len(spare_d)]
    units = minimum.astype(np.int64)
    np.add.at(units, (np.concatenate([d, spare_d]), np.concatenate([s, spare_s])), taken)
    # Proof of the bound: each free unit of any plan uses one arc whose integer gain is below its true gain ×
    # scale by at most 0.5 (rounding) or by 1 (the spare arcs). So the integer optimum plus 1 per free unit is
    # no less than the true optimum × scale. The last factor covers float64 summation.
    upper = base + (-flow.optimal_cost() + int(free.sum())) / scale if len(gain) else base
    return units.astype(np.int32), upper * (1 + 1e-12)
