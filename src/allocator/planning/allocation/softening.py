"""Limits bent as little as it takes where no plan keeps them all."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import scipy.sparse as sp

from allocator.domain import AllocationProblem, Floats, Ints, Limit
from allocator.errors import SolverError
from allocator.facts import Note, note
from allocator.planning.allocation.cellwise import Scope, all_columns, cell_program, crews_of
from allocator.planning.allocation.solvers import limited
from allocator.planning.allocation.solvers.bundles import NODES
from allocator.planning.allocation.solvers.limited import SMALL
from allocator.planning.programs import Program, maximise


@dataclasses.dataclass(frozen=True, eq=False)
class _Bend:
    """Rows of a program that may be bent, what a unit of bending costs, and what they are."""

    row: int
    sign: int
    cost: float
    apply: Callable[[dict[str, object], float], str]


def soften(problem: AllocationProblem) -> tuple[AllocationProblem, tuple[Note, ...]]:
    """Return the problem with the limits bent as little as it takes for a plan to exist, and what was bent.

    Bending is weighed: a unit short of a minimum or need costs 10, a unit-shift beyond a band 1, a percent of any other
    limit 1. Units on duty, the length of shifts and places where patrol is excluded are never bent.

    Raises
    ------
    SolverError
        If no plan exists even so.
    """
    bent, notes = _soften_units(problem)
    if bent.is_network or limited.is_feasible(bent.replace(fair=())):
        return bent, notes
    bent, more = _soften_limits(bent)
    return bent, (*notes, *more)


def _soften_units(problem: AllocationProblem) -> tuple[AllocationProblem, tuple[Note, ...]]:
    """Return the problem with minimums, bands and needs that the units on duty can meet."""
    idle = problem.replace(limits=(), fair=(), week_least=None, week_most=None, days_running=None, busy=None)
    model = cell_program(idle, all_columns(idle).take(np.zeros(0, int)))
    crews, _ = crews_of(problem)
    n_minimum, n_districts = problem.minimum.size, len(problem.districts)
    first = n_minimum + crews.size  # after the rows of room and of crews
    n_needs = 0 if problem.needs is None else len(problem.needs)
    n_bands = n_districts
    short = np.arange(first, first + n_minimum + n_bands + n_needs)
    beyond = np.arange(first + n_minimum, first + n_minimum + n_bands)
    cost = np.concatenate([np.full(n_minimum, 10.0), np.ones(n_bands), np.full(n_needs, 10.0), np.ones(n_bands)])
    slack = _bend(
        model.program, np.concatenate([short, beyond]), np.repeat([1.0, -1.0], [len(short), len(beyond)]), cost
    )
    if slack is None:
        raise SolverError("no plan exists even with softened limits")
    slack = np.ceil(slack - 1e-6).astype(np.int64)
    lack, under, unmet, over = (
        part.astype(np.int64) for part in np.split(slack, np.cumsum([n_minimum, n_bands, n_needs]))
    )
    minimum = problem.minimum - lack.reshape(problem.minimum.shape).astype(np.int32)
    least, most = problem.least - under.astype(np.int32), problem.most + over.astype(np.int32)
    busy = None if problem.busy is None else np.minimum(problem.busy, minimum * problem.blocks)
    needs = (
        None
        if problem.needs is None
        else problem.needs - np.stack([0 * unmet, 0 * unmet, unmet], axis=1).astype(np.int32)
    )
    return problem.replace(minimum=minimum, least=least, most=most, needs=needs, busy=busy), tuple(
        [*_said_of_minimums(problem, minimum), *_said_of_bands(problem, least, most), *_said_of_needs(problem, unmet)]
    )


def _said_of_minimums(problem: AllocationProblem, minimum: Ints) -> Iterator[Note]:
    for d, s in zip(*np.nonzero(minimum < problem.minimum), strict=True):
        yield note(
            "patrol.minimum_lowered", district=problem.districts[d], shift=problem.shifts[s],
            before=problem.minimum[d, s], after=minimum[d, s],
        )  # fmt: skip


def _said_of_bands(problem: AllocationProblem, least: Ints, most: Ints) -> Iterator[Note]:
    for d in np.flatnonzero((least < problem.least) | (most > problem.most)):
        name = problem.districts[d]
        if least[d] < problem.least[d]:
            yield note("patrol.band_lowered", district=name, before=problem.least[d], after=least[d])
        else:
            yield note("patrol.band_raised", district=name, before=problem.most[d], after=most[d])


def _said_of_needs(problem: AllocationProblem, unmet: Ints) -> Iterator[Note]:
    if problem.needs is None:
        return
    for (d, s, n), lack, name in zip(problem.needs.tolist(), unmet.tolist(), problem.need_names, strict=True):
        if lack:
            yield note(
                "patrol.need_lowered", need=name, district=problem.districts[d], shift=problem.shifts[s], before=n,
                after=n - lack,
            )  # fmt: skip


def _soften_limits(problem: AllocationProblem) -> tuple[AllocationProblem, tuple[Note, ...]]:
    """Return the problem with sums and floors of cells bent until the relaxation has a solution."""
    columns = limited.working_columns(problem)
    small = len(columns.cell) <= SMALL
    model = cell_program(problem, columns, Scope(whole=np.full(len(columns.cell), small)))
    rows = np.array([row for row, _ in model.limits], int)
    size = np.array([_size(limit, scale) for limit, (_, scale) in zip(problem.limits, model.limits, strict=True)])
    cells, start = model.week
    week = np.arange(start, start + len(cells))
    bent_rows = np.concatenate([rows, rows, week])
    sign = np.repeat([1.0, -1.0, 1.0], [len(rows), len(rows), len(week)])
    slack = _bend(model.program, bent_rows, sign, np.concatenate([100 / size, 100 / size, np.full(len(week), 0.1)]))
    if slack is None:
        raise SolverError("no plan exists even with softened limits")
    lower, raise_, floors = np.split(slack, [len(rows), 2 * len(rows)])
    limits, notes = [], []
    for n, (limit, (_, scale)) in enumerate(zip(problem.limits, model.limits, strict=True)):
        # Parts of units and blocks are rounded afterwards: a hundredth more leaves room for that.
        spare = 0.0 if small else 0.01 * size[n]
        down, up = ((amount[n] + spare) * scale if amount[n] > 1e-7 else 0.0 for amount in (lower, raise_))
        limits.append(
            dataclasses.replace(limit, least=limit.least - down * (1 + 1e-6), most=limit.most + up * (1 + 1e-6))
        )
        if down or up:
            notes.append(_said_of_limit(limit, down, up, size[n] * scale))
    least = problem.week_least
    if least is not None and (floors > 1e-6).any():
        lowered = least.copy()
        lowered[cells] -= np.ceil(floors - 1e-6).astype(np.int32)
        n, visits = int((floors > 1e-6).sum()), int(np.ceil(floors - 1e-6).sum())
        notes.append(note("patrol.floors_lowered", count=n, visits=visits))
        least = np.maximum(lowered, 0)
    return problem.replace(limits=tuple(limits), week_least=least), tuple(notes)


def _size(limit: Limit, scale: float) -> float:
    """Return what a limit's bending is measured against, in the scaled row: its bound, or its largest weight."""
    bounds = [abs(bound) for bound in (limit.least, limit.most) if np.isfinite(bound) and bound]
    return max(bounds, default=scale * 100) / scale


def _said_of_limit(limit: Limit, down: float, up: float, size: float) -> Note:
    about = {"limit": limit.name, "district": limit.district, "shift": limit.shift}
    about = {name: fact for name, fact in about.items() if fact}
    if limit.least == 0 or not limit.unit:
        return note("patrol.limit_bent", **about, share=max(down, up) / size)
    bound, bent = (limit.least, limit.least - down) if down else (limit.most, limit.most + up)
    return note("patrol.bound_bent", **about, unit=limit.unit, before=bound / limit.scale, after=bent / limit.scale)


def _bend(program: Program, rows: Ints, sign: Floats, cost: Floats) -> Floats | None:
    """Return the cheapest amounts by which to bend rows, up for a least and down for a most, so that a plan exists."""
    n, n_rows = len(program.gain), program.rows.shape[0]
    extra = sp.csr_array((sign, (rows, np.arange(len(rows)))), shape=(n_rows, len(rows)))
    bounded = Program(
        gain=np.concatenate([np.zeros(n), -cost]), lower=np.concatenate([program.lower, np.zeros(len(rows))]),
        upper=np.concatenate([program.upper, np.full(len(rows), np.inf)]),
        whole=np.concatenate([program.whole, np.zeros(len(rows), bool)]),
        rows=sp.csr_array(sp.hstack([program.rows, extra])), least=program.least, most=program.most,
    )  # fmt: skip
    solution = maximise(bounded, nodes=NODES)
    return None if solution is None else np.maximum(solution.values[n:], 0.0)
