"""Solver "highs": the allocation under limits that a flow cannot hold."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from allocator.domain import Allocation, AllocationProblem, Floats
from allocator.errors import SolverError
from allocator.planning.allocation.cellwise import (
    CellProgram,
    Columns,
    Scope,
    all_columns,
    broken_limits,
    cell_program,
    crews_of,
)
from allocator.planning.allocation.reduction import blocks_of, covered, reduce
from allocator.planning.allocation.solvers.bundles import (
    EXACT,
    NODES,
    NoAllocation,
    allocation,
    as_bands,
    blocks_for,
    bundles,
    by_flow,
    order_of,
    over_units,
    posted,
    range_near,
)
from allocator.planning.allocation.solvers.flow import best_units
from allocator.planning.allocation.solvers.prices import (
    GOAL,
    ROUNDS,
    Guide,
    asked_for,
    better,
    guide_of,
    near,
    pressed,
    prices,
)
from allocator.planning.programs import attempt, maximise

SMALL = 800
"""Up to so many blocks to choose from, the whole is one integer program, solved to the end. On 1,700 blocks with limits
on days running that took 42 s."""


def solve(problem: AllocationProblem) -> Allocation:
    """Return an allocation that keeps every limit, with a proven bound.

    Small problems are one integer program over visit blocks. Larger ones are priced: the linear relaxation over
    blocks gives each limit a price; with the prices taken off the gains, the min-cost flow gives a bound at least as
    good as that relaxation (Lagrangian duality; the flow keeps units whole), and units near the flow's are chosen by
    an integer program over the blocks that each further unit would do; then the blocks themselves, units fixed.

    Raises
    ------
    InfeasibleError, SolverError
        If no allocation keeps the limits; if none was found.
    """
    if problem.fair:
        return _fairest(problem)
    best = _best(problem)
    if best is None:
        raise NoAllocation("no allocation was found that keeps every limit")
    _check(problem, best)
    return best


def _best(problem: AllocationProblem) -> Allocation | None:
    if problem.is_by_units:
        return _by_units(problem)
    columns = all_columns(problem)
    return _exact(problem, columns) if len(columns.cell) <= SMALL else _priced(problem)


def _by_units(problem: AllocationProblem) -> Allocation | None:
    """Return the best units where no limit is on single blocks: the reduction of PLANNING.md is exact then."""
    simple = as_bands(problem)
    if simple.is_network:
        return by_flow(simple)
    order = reduce(problem)
    every = problem.minimum.astype(np.int64), np.broadcast_to(problem.on_duty, problem.minimum.shape).astype(np.int64)
    value = float(best_units(problem, order)[1])
    if bundles(problem, order, *every).whole.sum() <= SMALL:
        return over_units(problem, order, *every, within=EXACT * value)
    low, high, bound = range_near(problem, order)
    plan = over_units(problem, order, low, high, within=EXACT * value)
    if plan is not None and plan.objective >= bound * (1 - GOAL / 10):
        return dataclasses.replace(plan, bound=max(bound, plan.objective))
    full = over_units(problem, order, *every, within=GOAL / 10 * value)
    best = better(plan, full)
    # Only the relaxation's bound holds for all: the first search was narrower, the second presolved (see `highs.SAFE`).
    return best if best is None else dataclasses.replace(best, bound=max(bound, best.objective))


def _check(problem: AllocationProblem, found: Allocation) -> None:
    if broken := list(broken_limits(problem, found.units, found.blocks)):
        raise SolverError(f"the engine's answer does not keep {', '.join(broken)}")


def is_feasible(problem: AllocationProblem) -> bool:
    """Return whether an allocation keeps every limit; for large problems, whether one with parts of units does."""
    if problem.is_by_units:
        return _by_units(problem) is not None
    columns = working_columns(problem)
    whole = np.full(len(columns.cell), len(columns.cell) <= SMALL)
    model = cell_program(problem, columns, Scope(whole=whole))
    idle = dataclasses.replace(model.program, gain=np.zeros_like(model.program.gain))
    return maximise(idle, nodes=NODES) is not None


def working_columns(problem: AllocationProblem) -> Columns:
    """Return all blocks of a small problem; of a large one those that gain, or that floors and requests ask for."""
    columns = all_columns(problem)
    if len(columns.cell) <= SMALL:
        return columns
    guide = guide_of(problem, None, 0.0)
    return all_columns(problem, near(problem, guide, 0.2) | asked_for(problem))


def _exact(problem: AllocationProblem, columns: Columns) -> Allocation | None:
    model = cell_program(problem, columns, Scope(whole=np.ones(len(columns.cell), bool)))
    solution = maximise(model.program, nodes=50 * NODES, plain=True)
    if solution is None:
        return None
    return allocation(problem, columns, solution.values, bound=solution.bound)


def _priced(problem: AllocationProblem) -> Allocation | None:
    guide = guide_of(problem, None, 0.0)
    bound, best = guide.bound, None
    week, watched = pressed(problem, blocks_of(problem, guide.reduction, guide.units), (None, None))
    kept = asked_for(problem)
    for _ in range(ROUNDS):
        kept = kept | near(problem, guide, 0.55)
        columns = all_columns(problem, kept)
        model = cell_program(problem, columns, Scope(week=week, watched=watched))
        relaxed = maximise(model.program)
        if relaxed is None or relaxed.duals is None:
            if kept.all():
                return None
            kept = np.ones_like(kept)  # the blocks at hand were too few: take all
            continue
        guide = guide_of(problem, *prices(problem, model, relaxed.duals))
        before = bound, best
        bound = min(bound, guide.bound)
        best = better(best, _whole(problem, guide, model, relaxed.values, bound))
        if before[1] is not None and best is before[1] and bound > before[0] * (1 - GOAL / 10):
            break  # neither plan nor bound moves any more
        if best is not None and best.objective >= bound * (1 - GOAL):
            break
        week, watched = pressed(problem, blocks_of(problem, guide.reduction, guide.units), (week, watched))
    return None if best is None else dataclasses.replace(best, bound=max(bound, best.objective))


def _whole(
    problem: AllocationProblem, guide: Guide, model: CellProgram, relaxed: Floats, bound: float
) -> Allocation | None:
    """Return an allocation of whole units and blocks near the relaxation."""
    columns, n = model.columns, len(model.columns.cell)
    crews, _ = crews_of(problem)
    n_units = len(crews) * problem.minimum.size
    wished = relaxed[n : n + n_units].reshape(len(crews), *problem.minimum.shape).sum(axis=0)
    used = columns.counts(relaxed[:n] > 0.5, problem.value.shape)
    order = order_of(problem, guide, columns.take(relaxed[:n] > 0.5), used)
    slack = 0.1 * GOAL * bound
    for reach in (1, 3, int(problem.on_duty.max(initial=0))):
        low = np.clip(np.minimum(np.floor(wished), guide.units) - reach, problem.minimum, None).astype(np.int64)
        high = np.minimum(np.maximum(np.ceil(wished), guide.units) + reach, problem.on_duty).astype(np.int64)
        solution = attempt(bundles(problem, order, low, np.maximum(high, low)), within=slack, nodes=NODES)
        if solution is not None:
            break
    else:
        return None
    units = np.rint(posted(problem, solution.values)).astype(np.int32)
    blocks = blocks_of(problem, order, units)
    objective = float(covered(problem, blocks).sum())
    plan = None
    if not list(broken_limits(problem, units, blocks)):
        plan = Allocation(units, blocks, objective, math.inf, "highs")
        if objective >= bound * (1 - GOAL):
            return plan
    return better(plan, blocks_for(problem, guide, units, slack))


def _fairest(problem: AllocationProblem) -> Allocation:
    """Return the allocation that is best by the smallest fair sum first, and by harm second."""
    level = _fair_level(problem)
    for share in (1 - 1e-9, 0.999, 0.995, 0.99, 0.98, 0.95, 0.9, 0.8, 0.5, 0.0):
        floors = tuple(dataclasses.replace(limit, least=share * level, most=math.inf) for limit in problem.fair)
        held = problem.replace(fair=(), limits=(*problem.limits, *floors))
        if (found := _best(held)) is not None:
            _check(held, found)
            return found
    raise NoAllocation("no allocation was found that keeps every limit")


def _fair_level(problem: AllocationProblem) -> float:
    """Return the largest smallest fair sum: exact for small problems and limits on units, else of the relaxation."""
    if problem.is_by_units:
        top = np.broadcast_to(problem.on_duty, problem.minimum.shape).astype(np.int64)
        program = bundles(problem, reduce(problem), problem.minimum.astype(np.int64), top, fair=True)
        relaxed = maximise(dataclasses.replace(program, whole=np.zeros(len(program.whole), bool)))
        if relaxed is None:
            raise NoAllocation("no allocation was found that keeps every limit")
        if len(program.gain) > SMALL:
            return relaxed.objective
        solution = maximise(program, nodes=NODES, plain=True)
    else:
        columns = working_columns(problem)
        whole = np.full(len(columns.cell), len(columns.cell) <= SMALL)
        solution = maximise(cell_program(problem, columns, Scope(whole=whole, fair=True)).program, nodes=50 * NODES)
    if solution is None:
        raise NoAllocation("no allocation was found that keeps every limit")
    return solution.objective
