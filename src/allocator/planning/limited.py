"""Solver "highs": the allocation under limits that a flow cannot hold."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from allocator.domain import Allocation, AllocationProblem, Bools, Floats, Ints, Limit
from allocator.errors import SolverError
from allocator.planning import flow
from allocator.planning.cellwise import (
    CellProgram,
    Columns,
    Rows,
    add_unit_rows,
    all_columns,
    broken_limits,
    cell_program,
    crews_of,
    running_too_long,
)
from allocator.planning.flow import best_units
from allocator.planning.highs import Program, attempt, maximise
from allocator.planning.reduction import Priced, Reduction, block_share, blocks_of, covered, reduce

SMALL = 800
"""Up to so many blocks to choose from, the whole is one integer program, solved to the end. On 1,700 blocks with limits
on days running that took 42 s."""

ROUNDS = 4
"""Most rounds of prices; on 10,000 cells with two bands, a budget and caps the second met the goal."""

GOAL = 1e-3
"""Gap at which no further round is made."""

IDLE = 1e-9
"""Price of a unit, relative to the largest gain: one that would add nothing stays in reserve."""

EXACT = 1e-6
"""Relative gap at which the program over units stops."""

NODES = 2_000
"""Most nodes of one integer program: a budget of work, not of time, so that plans repeat."""


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
    found = _best(problem)
    if found is None:
        raise NoAllocation("no allocation was found that keeps every limit")
    _check(problem, found)
    return found


def _best(problem: AllocationProblem) -> Allocation | None:
    if problem.is_by_units:
        return _by_units(problem)
    columns = all_columns(problem)
    return _exact(problem, columns) if len(columns.cell) <= SMALL else _priced(problem)


def _by_units(problem: AllocationProblem) -> Allocation | None:
    """Return the best units where no limit is on single blocks: the reduction of PLANNING.md is exact then."""
    simple = as_bands(problem)
    if simple.is_network:
        return _by_flow(simple)
    order = reduce(problem)
    every = problem.minimum.astype(np.int64), np.broadcast_to(problem.on_duty, problem.minimum.shape).astype(np.int64)
    value = float(best_units(problem, order)[1])
    if _bundles(problem, order, *every).whole.sum() <= SMALL:
        return _over_units(problem, order, *every, within=EXACT * value)
    low, high, bound = _range_near(problem, order)
    found = _over_units(problem, order, low, high, within=EXACT * value)
    if found is not None and found.objective >= bound * (1 - GOAL / 10):
        return dataclasses.replace(found, bound=max(bound, found.objective))
    full = _over_units(problem, order, *every, within=GOAL / 10 * value)
    best = _better(found, full)
    # Only the relaxation's bound holds for all: the first search was narrower, the second presolved (see `highs.SAFE`).
    return best if best is None else dataclasses.replace(best, bound=max(bound, best.objective))


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


def _by_flow(problem: AllocationProblem) -> Allocation | None:
    committed = problem.minimum.sum(axis=1)
    owed = np.maximum(problem.least, committed).sum()
    if (np.maximum(problem.least, committed) > problem.most).any() or owed > problem.on_duty.sum():
        return None
    try:
        return flow.solve(problem)
    except SolverError:  # the bands cannot be met by the units on duty
        return None


def _range_near(problem: AllocationProblem, order: Reduction) -> tuple[Ints, Ints, float]:
    """Return fewest and most units near the relaxation, and its bound."""
    low = problem.minimum.astype(np.int64)
    high = np.broadcast_to(problem.on_duty, problem.minimum.shape).astype(np.int64)
    program = _bundles(problem, order, low, high)
    relaxed = maximise(dataclasses.replace(program, whole=np.zeros(len(program.whole), bool)))
    if relaxed is None:
        return low, high, math.inf
    wished = _posted(problem, relaxed.values)
    base = float(covered(problem, blocks_of(problem, order, problem.minimum)).sum())
    near = np.maximum(np.floor(wished + 1e-6).astype(np.int64) - 2, low), np.ceil(wished - 1e-6).astype(np.int64) + 2
    return (
        near[0],
        np.minimum(near[1], high),
        base + relaxed.objective * (1 + 1e-9) + 2 * IDLE * float(high.sum()) * max(base, relaxed.objective),
    )


def _over_units(
    problem: AllocationProblem, order: Reduction, low: Ints, high: Ints, *, within: float
) -> Allocation | None:
    solution = attempt(_bundles(problem, order, low, high), within=within, nodes=NODES, plain=True)
    if solution is None:
        return None
    units = np.rint(_posted(problem, solution.values)).astype(np.int32)
    blocks = blocks_of(problem, order, units)
    objective = float(covered(problem, blocks).sum())
    # The program counts from the fewest units on: what those cover is the same in every plan. Idle prices are put back.
    base = objective - solution.objective + 2 * IDLE * objective * float(units.sum())
    return Allocation(units, blocks, objective, max(base + solution.bound, objective), "highs")


def _posted(problem: AllocationProblem, values: Floats) -> npt.NDArray[np.float64]:
    """Return units per (district, shift) from the last columns of a program over bundles."""
    shape = (len(crews_of(problem)[0]), *problem.minimum.shape)
    return np.asarray(values[-int(np.prod(shape)) :].reshape(shape).sum(axis=0))


class NoAllocation(SolverError):
    """No allocation keeps every limit, or none was found within the budget of work."""


def _check(problem: AllocationProblem, found: Allocation) -> None:
    if broken := list(broken_limits(problem, found.units, found.blocks)):
        raise SolverError(f"the engine's answer does not keep {', '.join(broken)}")


def is_feasible(problem: AllocationProblem) -> bool:
    """Return whether an allocation keeps every limit; for large problems, whether one with parts of units does."""
    if problem.is_by_units:
        return _by_units(problem) is not None
    columns = working_columns(problem)
    whole = np.full(len(columns.cell), len(columns.cell) <= SMALL)
    model = cell_program(problem, columns, whole=whole)
    idle = dataclasses.replace(model.program, gain=np.zeros_like(model.program.gain))
    return maximise(idle, nodes=NODES) is not None


def working_columns(problem: AllocationProblem) -> Columns:
    """Return all blocks of a small problem; of a large one those that gain, or that floors and requests ask for."""
    columns = all_columns(problem)
    if len(columns.cell) <= SMALL:
        return columns
    guide = _guide(problem, None, 0.0)
    return all_columns(problem, _near(problem, guide, 0.2) | _asked_for(problem))


def _exact(problem: AllocationProblem, columns: Columns) -> Allocation | None:
    model = cell_program(problem, columns, whole=np.ones(len(columns.cell), bool))
    solution = maximise(model.program, nodes=50 * NODES, plain=True)
    if solution is None:
        return None
    return _allocation(problem, columns, solution.values, bound=solution.bound)


def _allocation(problem: AllocationProblem, columns: Columns, values: Floats, *, bound: float) -> Allocation:
    """Return the whole numbers that a program's values stand for."""
    n, n_units = len(columns.cell), len(crews_of(problem)[0]) * problem.minimum.size
    blocks = columns.counts(values[:n] > 0.5, problem.value.shape)
    units = np.rint(values[n : n + n_units]).reshape(-1, *problem.minimum.shape).sum(axis=0).astype(np.int32)
    objective = float(covered(problem, blocks).sum())
    return Allocation(units, blocks, objective, max(bound, objective), "highs")


@dataclass(frozen=True, eq=False)
class _Guide:
    """Prices, the flow under them, and the gains that they leave."""

    gain: Floats
    reduction: Reduction
    units: npt.NDArray[np.int32]
    bound: float


def _guide(problem: AllocationProblem, priced: Priced | None, constant: float) -> _Guide:
    reduction = reduce(problem, priced)
    units, upper = best_units(problem, reduction)
    if priced is not None:
        return _Guide(priced.gain, reduction, units, upper + constant)
    step = block_share(problem.diminishing, np.arange(max(int(problem.cap.max(initial=0)), 1)))
    return _Guide(problem.value[:, :, None] * step, reduction, units, upper)


def _priced(problem: AllocationProblem) -> Allocation | None:
    guide = _guide(problem, None, 0.0)
    bound, best = guide.bound, None
    week, watched = _pressed(problem, blocks_of(problem, guide.reduction, guide.units), (None, None))
    kept = _asked_for(problem)
    for _ in range(ROUNDS):
        kept = kept | _near(problem, guide, 0.55)
        columns = all_columns(problem, kept)
        model = cell_program(problem, columns, week=week, watched=watched)
        relaxed = maximise(model.program)
        if relaxed is None or relaxed.duals is None:
            if kept.all():
                return None
            kept = np.ones_like(kept)  # the blocks at hand were too few: take all
            continue
        guide = _guide(problem, *_prices(problem, model, relaxed.duals))
        before = bound, best
        bound = min(bound, guide.bound)
        best = _better(best, _whole(problem, guide, model, relaxed.values, bound))
        if before[1] is not None and best is before[1] and bound > before[0] * (1 - GOAL / 10):
            break  # neither plan nor bound moves any more
        if best is not None and best.objective >= bound * (1 - GOAL):
            break
        week, watched = _pressed(problem, blocks_of(problem, guide.reduction, guide.units), (week, watched))
    return None if best is None else dataclasses.replace(best, bound=max(bound, best.objective))


def _pressed(
    problem: AllocationProblem, blocks: npt.NDArray[np.int16], so_far: tuple[Bools | None, Bools | None]
) -> tuple[Bools, Bools]:
    """Return the cells whose caps over the plan, and days running, blocks come near to; and those so far."""
    week, watched = (np.zeros(blocks.shape[1], bool) if one is None else one for one in so_far)
    if problem.week_most is not None:
        week = week | (blocks.sum(axis=0) > 0.75 * problem.week_most)
    return week, watched | running_too_long(problem, blocks)


def _asked_for(problem: AllocationProblem) -> Bools:
    """Return the blocks that floors and requests may need, whatever their gain."""
    n_blocks = max(int(problem.cap.max(initial=0)), 1)
    cells = np.zeros(problem.value.shape[1], bool)
    if problem.week_least is not None:
        cells |= problem.week_least > 0
    for limit in problem.limits:
        if limit.on_blocks is not None and 0 < limit.least < math.inf and (limit.on_blocks >= 0).all():
            asked = (limit.on_blocks > 0).any(axis=0)
            if asked.mean() < 0.2:  # a place, not the city
                cells |= asked
    return np.broadcast_to(cells[None, :, None], (*problem.value.shape, n_blocks)).copy()


def _last_gain(problem: AllocationProblem, guide: _Guide, units: Ints) -> npt.NDArray[np.float64]:
    """Return the gain of the last block that units do in each district and shift."""
    last = np.zeros(problem.minimum.shape)
    for d, gain in enumerate(guide.reduction.gain):
        if gain.shape[1]:
            place = np.clip(problem.room(units)[d] - 1, 0, gain.shape[1] - 1)
            last[d] = gain[np.arange(len(gain)), place]
    return last


def _near(problem: AllocationProblem, guide: _Guide, share: float) -> Bools:
    """Return the blocks that gain at least a share of what the last block of their district and shift gains."""
    floor = share * _last_gain(problem, guide, guide.units)
    return np.asarray((guide.gain > 0) & (guide.gain >= floor[problem.district].T[:, :, None]))


def _prices(problem: AllocationProblem, model: CellProgram, duals: Floats) -> tuple[Priced, float]:
    """Return gains and units after the prices of limits, and what the limits' bounds are worth at these prices.

    For prices y of the right sign, max of (gain - y A) x + y b over the network alone bounds the optimum.
    """
    program, columns, n = model.program, model.columns, len(model.columns.cell)
    first = model.limits[0][0] if model.limits else model.week[1]
    price = np.array(duals)
    price[:first] = 0.0
    price[(price > 0) & np.isinf(program.most)] = 0.0
    price[(price < 0) & np.isinf(program.least)] = 0.0
    side = np.where(price > 0, program.most, program.least)
    constant = float((price * np.where(price == 0, 0.0, side)).sum())
    worth, on_blocks, unit = (
        np.ones(problem.value.shape[1]),
        np.zeros(problem.value.shape),
        np.zeros(problem.minimum.shape),
    )
    for limit, (row, size) in zip(problem.limits, model.limits, strict=True):
        y = price[row] / size
        worth -= 0 if limit.on_harm is None else y * limit.on_harm
        on_blocks += 0 if limit.on_blocks is None else y * limit.on_blocks
        unit += 0 if limit.on_units is None else y * limit.on_units
    cells, start = model.week
    on_blocks[:, cells] += price[start : start + len(cells)]
    step = block_share(problem.diminishing, np.arange(max(int(problem.cap.max(initial=0)), 1)))
    gain = (problem.value * worth)[:, :, None] * step - on_blocks[:, :, None]
    # Rows on days and on the order of blocks hold only for the columns of the program.
    charged = program.rows[model.others :].T @ price[model.others :]
    gain[columns.shift, columns.cell, columns.nth] -= charged[:n]
    constant += float(np.maximum(-charged[n:], 0.0).sum())
    return Priced(gain, unit), constant


def _better(best: Allocation | None, found: Allocation | None) -> Allocation | None:
    return found if best is None or (found is not None and found.objective > best.objective) else best


def _whole(
    problem: AllocationProblem, guide: _Guide, model: CellProgram, relaxed: Floats, bound: float
) -> Allocation | None:
    """Return an allocation of whole units and blocks near the relaxation."""
    columns, n = model.columns, len(model.columns.cell)
    crews, _ = crews_of(problem)
    n_units = len(crews) * problem.minimum.size
    wished = relaxed[n : n + n_units].reshape(len(crews), *problem.minimum.shape).sum(axis=0)
    used = columns.counts(relaxed[:n] > 0.5, problem.value.shape)
    order = _order_of(problem, guide, columns.take(relaxed[:n] > 0.5), used)
    slack = 0.1 * GOAL * bound
    for reach in (1, 3, int(problem.on_duty.max(initial=0))):
        low = np.clip(np.minimum(np.floor(wished), guide.units) - reach, problem.minimum, None).astype(np.int64)
        high = np.minimum(np.maximum(np.ceil(wished), guide.units) + reach, problem.on_duty).astype(np.int64)
        solution = attempt(_bundles(problem, order, low, np.maximum(high, low)), within=slack, nodes=NODES)
        if solution is not None:
            break
    else:
        return None
    units = np.rint(_posted(problem, solution.values)).astype(np.int32)
    blocks = blocks_of(problem, order, units)
    objective = float(covered(problem, blocks).sum())
    found = None
    if not list(broken_limits(problem, units, blocks)):
        found = Allocation(units, blocks, objective, math.inf, "highs")
        if objective >= bound * (1 - GOAL):
            return found
    return _better(found, _blocks_for(problem, guide, units, slack))


def _order_of(problem: AllocationProblem, guide: _Guide, used: Columns, blocks: npt.NDArray[np.int16]) -> Reduction:
    """Return the order in which units would do blocks: those of the relaxation first, none beyond the caps of cells."""
    full = running_too_long(problem, blocks + 1)
    if problem.week_most is not None:
        full |= blocks.sum(axis=0) >= problem.week_most
    gain = np.where(full[None, :, None], 0.0, guide.gain)
    at = used.shift, used.cell, used.nth
    gain[at] = np.maximum(guide.gain[at], 0.0) + guide.gain.max(initial=0.0) + 1.0
    return reduce(problem, Priced(gain, np.zeros(problem.minimum.shape)))


def _bundles(problem: AllocationProblem, order: Reduction, low: Ints, high: Ints, *, fair: bool = False) -> Program:
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
) -> tuple[npt.NDArray[np.float64], list[npt.NDArray[np.float64]]]:
    """Return true gain, and weight in each limit, of the first n blocks of every (district, shift)."""
    n_districts, n_shifts = problem.minimum.shape
    width = int(problem.blocks.max(initial=0)) * int(problem.on_duty.max(initial=0)) + 1
    gains: npt.NDArray[np.float64] = np.zeros((n_districts, n_shifts, width))
    sums: list[npt.NDArray[np.float64]] = [np.zeros_like(gains) for _ in limits]
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


def _blocks_for(
    problem: AllocationProblem, guide: _Guide, units: npt.NDArray[np.int32], slack: float
) -> Allocation | None:
    """Return the allocation of given units: the relaxation decides most blocks, those near its margin are chosen."""
    last = np.maximum(_last_gain(problem, guide, units), 1e-300)[problem.district].T[:, :, None]
    columns = all_columns(problem, (guide.gain > 0.7 * last) | _asked_for(problem))
    model = cell_program(problem, columns, posted=units)
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
        model = cell_program(problem, part, fixed=~free[kept], whole=free[kept], posted=units)
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
    found = np.zeros(len(kept), bool)
    found[order] = seen > before[group]
    return found


def _fairest(problem: AllocationProblem) -> Allocation:
    """Return the allocation that is best by the smallest fair sum first, and by harm second."""
    level = _fair_level(problem)
    for share in (1 - 1e-9, 0.999, 0.995, 0.99, 0.98, 0.95, 0.9, 0.8, 0.5, 0.0):
        floors = tuple(dataclasses.replace(one, least=share * level, most=math.inf) for one in problem.fair)
        held = problem.replace(fair=(), limits=(*problem.limits, *floors))
        if (found := _best(held)) is not None:
            _check(held, found)
            return found
    raise NoAllocation("no allocation was found that keeps every limit")


def _fair_level(problem: AllocationProblem) -> float:
    """Return the largest smallest fair sum: exact for small problems and limits on units, else of the relaxation."""
    if problem.is_by_units:
        top = np.broadcast_to(problem.on_duty, problem.minimum.shape).astype(np.int64)
        program = _bundles(problem, reduce(problem), problem.minimum.astype(np.int64), top, fair=True)
        relaxed = maximise(dataclasses.replace(program, whole=np.zeros(len(program.whole), bool)))
        if relaxed is None:
            raise NoAllocation("no allocation was found that keeps every limit")
        if len(program.gain) > SMALL:
            return relaxed.objective
        solution = maximise(program, nodes=NODES, plain=True)
    else:
        columns = working_columns(problem)
        whole = np.full(len(columns.cell), len(columns.cell) <= SMALL)
        solution = maximise(cell_program(problem, columns, whole=whole, fair=True).program, nodes=50 * NODES)
    if solution is None:
        raise NoAllocation("no allocation was found that keeps every limit")
    return solution.objective
