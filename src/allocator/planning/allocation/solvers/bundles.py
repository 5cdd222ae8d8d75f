"""Visits of one district and shift bundled by units, as columns of a programme."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import numpy.typing as npt

from allocator.domain import Allocation, AllocationProblem, Bools, Floats, Ints, Limit
from allocator.errors import SolverError
from allocator.planning.allocation.cellwise import (
    Columns,
    Rows,
    Scope,
    add_unit_rows,
    all_columns,
    broken_limits,
    cell_program,
    crews_of,
    running_too_long,
)
from allocator.planning.allocation.reduction import Priced, Reduction, block_share, blocks_of, covered, reduce
from allocator.planning.allocation.solvers import flow
from allocator.planning.allocation.solvers.prices import Guide, asked_for, last_gain
from allocator.planning.programs import Program, attempt, maximise

IDLE = 1e-9
"""Price of a unit, relative to the largest gain: one that would add nothing stays in reserve."""

EXACT = 1e-6
"""Relative gap at which the program over units stops."""

NODES = 2_000
"""Most nodes of one integer program: a budget of work, not of time, so that plans repeat."""


def as_bands(problem: AllocationProblem) -> AllocationProblem:
    """Return the problem with limits on the unit-shifts of one district among its bands, which a flow can hold."""
    least, most, rest = problem.least.astype(np.int64), problem.most.astype(np.int64), []
    for limit in problem.limits:
        weight = limit.on_units
        there = np.zeros(0, int) if weight is None else np.flatnonzero(weight.any(axis=1))
        alone = limit.on_blocks is None and limit.on_harm is None and len(there) == 1
        if weight is None or not alone or np.ptp(weight[there[0]]) > 0 or not weight[there[0], 0] > 0:
            rest.append(limit)
            continue
        d, size = int(there[0]), float(weight[there[0], 0])
        if np.isfinite(limit.least):
            least[d] = max(least[d], math.ceil(limit.least / size - 1e-9))
        if np.isfinite(limit.most):
            most[d] = min(most[d], math.floor(limit.most / size + 1e-9))
    return problem.replace(limits=tuple(rest), least=least.astype(np.int32), most=most.astype(np.int32))


def by_flow(problem: AllocationProblem) -> Allocation | None:
    """Return the best plan of the flow program; None when the bands cannot be met."""
    committed = problem.minimum.sum(axis=1)
    owed = np.maximum(problem.least, committed).sum()
    if (np.maximum(problem.least, committed) > problem.most).any() or owed > problem.on_duty.sum():
        return None
    try:
        return flow.solve(problem)
    except SolverError:  # the bands cannot be met by the units on duty
        return None


def range_near(problem: AllocationProblem, order: Reduction) -> tuple[Ints, Ints, float]:
    """Return fewest and most units near the relaxation, and its bound."""
    low = problem.minimum.astype(np.int64)
    high = np.broadcast_to(problem.on_duty, problem.minimum.shape).astype(np.int64)
    program = bundles(problem, order, low, high)
    relaxed = maximise(dataclasses.replace(program, whole=np.zeros(len(program.whole), bool)))
    if relaxed is None:
        return low, high, math.inf
    wished = posted(problem, relaxed.values)
    base = float(covered(problem, blocks_of(problem, order, problem.minimum)).sum())
    near = np.maximum(np.floor(wished + 1e-6).astype(np.int64) - 2, low), np.ceil(wished - 1e-6).astype(np.int64) + 2
    return (
        near[0],
        np.minimum(near[1], high),
        base + relaxed.objective * (1 + 1e-9) + 2 * IDLE * float(high.sum()) * max(base, relaxed.objective),
    )


def over_units(
    problem: AllocationProblem, order: Reduction, low: Ints, high: Ints, *, within: float
) -> Allocation | None:
    """Return the plan of the program over units in their ranges with its bound; None without a plan in time."""
    solution = attempt(bundles(problem, order, low, high), within=within, nodes=NODES, plain=True)
    if solution is None:
        return None
    units = np.rint(posted(problem, solution.values)).astype(np.int32)
    blocks = blocks_of(problem, order, units)
    objective = float(covered(problem, blocks).sum())
    # The program counts from the fewest units on: what those cover is the same in every plan. Idle prices are put back.
    base = objective - solution.objective + 2 * IDLE * objective * float(units.sum())
    return Allocation(units, blocks, objective, max(base + solution.bound, objective), "highs")


def posted(problem: AllocationProblem, values: Floats) -> Floats:
    """Return units per (district, shift) from the last columns of a program over bundles."""
    shape = (len(crews_of(problem)[0]), *problem.minimum.shape)
    return np.asarray(values[-int(np.prod(shape)) :].reshape(shape).sum(axis=0))


class NoAllocation(SolverError):
    """No allocation keeps every limit, or none was found within the budget of work."""


def allocation(problem: AllocationProblem, columns: Columns, values: Floats, *, bound: float) -> Allocation:
    """Return the whole numbers that a program's values stand for."""
    n, n_units = len(columns.cell), len(crews_of(problem)[0]) * problem.minimum.size
    blocks = columns.counts(values[:n] > 0.5, problem.value.shape)
    units = np.rint(values[n : n + n_units]).reshape(-1, *problem.minimum.shape).sum(axis=0).astype(np.int32)
    objective = float(covered(problem, blocks).sum())
    return Allocation(units, blocks, objective, max(bound, objective), "highs")


def order_of(problem: AllocationProblem, guide: Guide, used: Columns, blocks: npt.NDArray[np.int16]) -> Reduction:
    """Return the order in which units would do blocks: those of the relaxation first, none beyond the caps of cells."""
    full = running_too_long(problem, blocks + 1)
    if problem.week_most is not None:
        full |= blocks.sum(axis=0) >= problem.week_most
    gain = np.where(full[None, :, None], 0.0, guide.gain)
    at = used.shift, used.cell, used.nth
    gain[at] = np.maximum(guide.gain[at], 0.0) + guide.gain.max(initial=0.0) + 1.0
    return reduce(problem, Priced(gain, np.zeros(problem.minimum.shape)))


def bundles(problem: AllocationProblem, order: Reduction, low: Ints, high: Ints, *, fair: bool = False) -> Program:
    """Return the program over units `low` to `high`: each further unit is a column with the blocks it would do.

    Columns: further units; the smallest fair sum (with `fair`); units by class, district and shift.
    """
    sums_of = (*problem.limits, *problem.fair) if fair else problem.limits
    gains, sums = _running_sums(problem, order, sums_of)
    d, s, u = np.nonzero(np.arange(int(high.max(initial=0))) < high[:, :, None])
    further = u >= low[d, s]
    d, s, u = d[further], s[further], u[further]
    crews, allowed = crews_of(problem)
    n, n_units = len(d), len(crews) * problem.minimum.size
    first = n + int(fair)
    begin, end = _room_of(problem, d, s, u), _room_of(problem, d, s, u + 1)
    rows, unit = Rows(), first + np.arange(n_units)
    rows.parts.append((np.arange(n_units) % problem.minimum.size, unit, np.ones(n_units)))
    rows.add(d * problem.minimum.shape[1] + s, np.arange(n), -1.0, least=low.ravel(), most=low.ravel())
    add_unit_rows(rows, problem, first)
    follows = np.flatnonzero((d[1:] == d[:-1]) & (s[1:] == s[:-1]))
    rows.add(np.tile(np.arange(len(follows)), 2), np.concatenate([follows + 1, follows]),
             np.repeat([1.0, -1.0], len(follows)), least=np.full(len(follows), -np.inf), most=0.0)  # fmt: skip
    grid, base = np.indices(problem.minimum.shape), problem.room(low)
    for k, (limit, total) in enumerate(zip(sums_of, sums, strict=True)):
        weight = total[d, s, end] - total[d, s, begin]
        on_units = np.zeros(problem.minimum.shape) if limit.on_units is None else limit.on_units
        size = max(np.abs(weight).max(initial=0.0), np.abs(on_units).max(initial=0.0)) or 1.0
        fixed = float(total[grid[0], grid[1], base].sum())
        least, most = (limit.least, limit.most) if k < len(problem.limits) else (0.0, math.inf)
        row = rows.add(0, np.concatenate([np.arange(n), unit]),
                       np.concatenate([weight, np.tile(on_units.ravel(), len(crews))]) / size,
                       least=(least - fixed) / size, most=(most - fixed) / size)  # fmt: skip
        if k >= len(problem.limits):
            rows.parts.append((np.array([row.start]), np.array([n]), np.array([-1.0 / size])))
    gain, upper = np.zeros(first + n_units), np.ones(first + n_units)
    if not fair:
        gain[:n] = gains[d, s, end] - gains[d, s, begin]
        gain[:n] -= IDLE * max(gain.max(initial=0.0), 1e-12)
    if fair:
        gain[n], upper[n] = 1.0, np.inf
    upper[first:] = (crews[:, None, :] * allowed).ravel()
    whole = np.arange(len(gain)) < n
    whole[first:] = len(crews) > 1
    matrix = rows.matrix(len(gain))
    return Program(gain, np.zeros(len(gain)), upper, whole, matrix, np.array(rows.least), np.array(rows.most))


def _room_of(problem: AllocationProblem, d: Ints, s: Ints, units: Ints) -> Ints:
    busy = 0 if problem.busy is None else problem.busy[d, s]
    return np.asarray(np.maximum(problem.blocks[s].astype(np.int64) * units - busy, 0))


def _running_sums(
    problem: AllocationProblem, order: Reduction, limits: tuple[Limit, ...]
) -> tuple[Floats, list[Floats]]:
    """Return true gain, and weight in each limit, of the first n blocks of every (district, shift)."""
    n_districts, n_shifts = problem.minimum.shape
    width = int(problem.blocks.max(initial=0)) * int(problem.on_duty.max(initial=0)) + 1
    gains: Floats = np.zeros((n_districts, n_shifts, width))
    sums: list[Floats] = [np.zeros_like(gains) for _ in limits]
    step = block_share(problem.diminishing, np.arange(max(int(problem.cap.max(initial=0)), 1)))
    row = np.arange(n_shifts)[:, None]
    for d, (gain, cell, nth) in enumerate(zip(order.gain, order.cell, order.nth, strict=True)):
        m = gain.shape[1]
        true = np.where(gain > 0, problem.value[row, cell] * step[nth], 0.0)
        gains[d, :, 1 : m + 1] = np.cumsum(true, axis=1)
        gains[d, :, m + 1 :] = gains[d, :, m : m + 1]
        for limit, total in zip(limits, sums, strict=True):
            if limit.on_blocks is None and limit.on_harm is None:
                continue
            weight = np.zeros_like(true)
            if limit.on_blocks is not None:
                weight += np.where(gain > 0, limit.on_blocks[np.minimum(row, len(limit.on_blocks) - 1), cell], 0.0)
            if limit.on_harm is not None:
                weight += limit.on_harm[cell] * true
            total[d, :, 1 : m + 1] = np.cumsum(weight, axis=1)
            total[d, :, m + 1 :] = total[d, :, m : m + 1]
    return gains, sums


def blocks_for(
    problem: AllocationProblem, guide: Guide, units: npt.NDArray[np.int32], slack: float
) -> Allocation | None:
    """Return the allocation of given units: the relaxation decides most blocks, those near its margin are chosen."""
    last = np.maximum(last_gain(problem, guide, units), 1e-300)[problem.district].T[:, :, None]
    columns = all_columns(problem, (guide.gain > 0.7 * last) | asked_for(problem))
    model = cell_program(problem, columns, Scope(posted=units))
    relaxed = maximise(model.program)
    if relaxed is None or relaxed.duals is None:
        return None
    n = len(columns.cell)
    margin = np.abs(columns.gain - (model.program.rows.T @ relaxed.duals)[:n])
    value = relaxed.values[:n]
    margin[np.abs(value - np.rint(value)) > 1e-6] = 0.0
    for core in (1_000, 4_000, 16_000):
        free = np.zeros(n, bool)
        free[np.argsort(margin, kind="stable")[:core]] = True
        kept = _with_those_before(columns, free | (value > 0.5))
        part = columns.take(kept)
        model = cell_program(problem, part, Scope(fixed=~free[kept], whole=free[kept], posted=units))
        solution = attempt(model.program, within=slack, nodes=NODES)
        if solution is not None:
            blocks = part.counts(solution.values[: len(part.cell)] > 0.5, problem.value.shape)
            if not list(broken_limits(problem, units, blocks)):
                objective = float(covered(problem, blocks).sum())
                return Allocation(units, blocks, objective, math.inf, "highs")
    return None


def _with_those_before(columns: Columns, kept: Bools) -> Bools:
    """Return the columns kept, and those of the same cell and shift that come before one of them."""
    order = np.lexsort((-columns.nth, columns.cell, columns.shift))
    place = columns.shift[order].astype(np.int64) * (int(columns.cell.max(initial=0)) + 1) + columns.cell[order]
    first = np.flatnonzero(np.diff(place, prepend=-1))
    group = np.repeat(np.arange(len(first)), np.diff(first, append=len(place)))
    seen = np.cumsum(kept[order])
    before = np.concatenate([[0], seen])[first]
    free = np.zeros(len(kept), bool)
    free[order] = seen > before[group]
    return free
