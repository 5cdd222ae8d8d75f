"""Prices of limits, by which single cells are compared."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from allocator.domain import Allocation, AllocationProblem, Bools, Floats, Ints
from allocator.planning.allocation.cellwise import CellProgram, running_too_long
from allocator.planning.allocation.reduction import Priced, Reduction, block_share, reduce
from allocator.planning.allocation.solvers.flow import best_units

ROUNDS = 4
"""Most rounds of prices; on 10,000 cells with two bands, a budget and caps the second met the goal."""

GOAL = 1e-3
"""Gap at which no further round is made."""


@dataclass(frozen=True, eq=False)
class Guide:
    """Prices, the flow under them, and the gains that they leave."""

    gain: Floats
    reduction: Reduction
    units: npt.NDArray[np.int32]
    bound: float


def guide_of(problem: AllocationProblem, priced: Priced | None, constant: float) -> Guide:
    """Return gains, reduction, best units and bound of a problem, at given prices or without any."""
    reduction = reduce(problem, priced)
    units, upper = best_units(problem, reduction)
    if priced is not None:
        return Guide(priced.gain, reduction, units, upper + constant)
    step = block_share(problem.diminishing, np.arange(max(int(problem.cap.max(initial=0)), 1)))
    return Guide(problem.value[:, :, None] * step, reduction, units, upper)


def pressed(
    problem: AllocationProblem, blocks: npt.NDArray[np.int16], so_far: tuple[Bools | None, Bools | None]
) -> tuple[Bools, Bools]:
    """Return the cells whose caps over the plan, and days running, blocks come near to; and those so far."""
    week, watched = (np.zeros(blocks.shape[1], bool) if cells is None else cells for cells in so_far)
    if problem.week_most is not None:
        week = week | (blocks.sum(axis=0) > 0.75 * problem.week_most)
    return week, watched | running_too_long(problem, blocks)


def asked_for(problem: AllocationProblem) -> Bools:
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


def last_gain(problem: AllocationProblem, guide: Guide, units: Ints) -> Floats:
    """Return the gain of the last block that units do in each district and shift."""
    last = np.zeros(problem.minimum.shape)
    for d, gain in enumerate(guide.reduction.gain):
        if gain.shape[1]:
            place = np.clip(problem.room(units)[d] - 1, 0, gain.shape[1] - 1)
            last[d] = gain[np.arange(len(gain)), place]
    return last


def near(problem: AllocationProblem, guide: Guide, share: float) -> Bools:
    """Return the blocks that gain at least a share of what the last block of their district and shift gains."""
    floor = share * last_gain(problem, guide, guide.units)
    return np.asarray((guide.gain > 0) & (guide.gain >= floor[problem.district].T[:, :, None]))


def prices(problem: AllocationProblem, model: CellProgram, duals: Floats) -> tuple[Priced, float]:
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


def better(best: Allocation | None, found: Allocation | None) -> Allocation | None:
    """Return the plan with the higher objective; the first on ties."""
    return found if best is None or (found is not None and found.objective > best.objective) else best
