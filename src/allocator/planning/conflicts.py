"""Whether a plan can exist: conflicts named with numbers, the smallest set of them, and limits made softer."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from allocator.domain import AllocationProblem, Edit, Ints, Limit
from allocator.errors import InfeasibleError, SolverError, some
from allocator.planning import limited
from allocator.planning.cellwise import all_columns, cell_program, crews_of
from allocator.planning.highs import Program, maximise


def check_feasible(problem: AllocationProblem) -> None:
    """Raise if it can be told before solving that no allocation satisfies the problem.

    For a network the checks are complete: a free unit may go to any district, so a problem that passes them has a
    solution. Other limits may still contradict each other; `solve` then names the smallest set that does.

    Raises
    ------
    InfeasibleError
        With every conflict, its names and numbers.
    """
    faults = [*_short_shifts(problem), *_broken_bands(problem), *_short_crews(problem), *_beyond_reach(problem)]
    if problem.on_duty.sum() == 0:
        faults.insert(0, f"no unit is on duty in any of the {len(problem.shifts)} shifts")
    if faults:
        raise InfeasibleError("no plan can satisfy the limits of this job", faults=faults)


def _short_shifts(problem: AllocationProblem) -> Iterable[str]:
    needed = problem.minimum.sum(axis=0)
    for s in np.flatnonzero(needed > problem.on_duty):
        order = np.argsort(-problem.minimum[:, s], kind="stable")
        parts = [f"{problem.minimum[d, s]} in district {problem.districts[d]}" for d in order if problem.minimum[d, s]]
        shown = ", ".join(parts[:3]) + (f" and {len(parts) - 3} more districts" if len(parts) > 3 else "")
        yield (
            f"shift {problem.shifts[s]} needs at least {needed[s]} units ({shown}), {problem.on_duty[s]} are on duty"
        )


def _broken_bands(problem: AllocationProblem) -> Iterable[str]:
    committed = problem.minimum.sum(axis=1, dtype=np.int64)
    on_duty = int(problem.on_duty.sum())
    for d in np.flatnonzero(committed > problem.most):
        yield (
            f"district {problem.districts[d]} needs {committed[d]} unit-shifts for its minimums, "
            f"its band allows at most {problem.most[d]}"
        )
    reachable = on_duty - committed.sum() + committed
    beyond = problem.least > reachable
    for d in np.flatnonzero(beyond):
        yield (
            f"the band of district {problem.districts[d]} asks for at least {problem.least[d]} unit-shifts, "
            f"{max(0, reachable[d])} can reach it after the minimums of the other districts"
        )
    needed = int(np.maximum(problem.least, committed).sum())
    if needed > on_duty and committed.sum() <= on_duty and not beyond.any():
        names = [problem.districts[d] for d in np.flatnonzero(problem.least > committed)]
        yield (
            f"bands and minimums together ask for at least {needed} unit-shifts (districts with a band above "
            f"their minimums: {some(names, 5)}), {on_duty} are on duty in the plan"
        )


def _short_crews(problem: AllocationProblem) -> Iterable[str]:
    """Yield needs for which too few units that count are on duty."""
    if problem.needs is None or problem.need_classes is None or problem.crews is None:
        return
    asked: dict[tuple[str, int], int] = {}
    there: dict[tuple[str, int], int] = {}
    for (_, s, n), counts, name in zip(problem.needs.tolist(), problem.need_classes, problem.need_names, strict=True):
        asked[name, s] = asked.get((name, s), 0) + n
        there[name, s] = int(problem.crews[counts, s].sum())
    for (name, s), n in asked.items():
        if n > there[name, s]:
            yield f"shift {problem.shifts[s]} needs {n} {name}, {there[name, s]} are on duty"


def _beyond_reach(problem: AllocationProblem) -> Iterable[str]:
    """Yield limits that ask for more than all visits, or allow less than the minimums cost."""
    most_there = np.minimum(problem.cap, np.where(problem.district >= 0, NO_CAP, 0))
    for limit in problem.limits:
        if limit.on_blocks is not None and limit.on_harm is None and np.isfinite(limit.least):
            reach = float((np.maximum(limit.on_blocks, 0) * most_there).sum())
            if reach < limit.least:
                yield (
                    f"{limit.source}: {limit.name}: at most {reach / limit.scale:g} {limit.unit} are possible there "
                    "under the caps and exclusions"
                )
        if limit.on_units is not None and limit.on_blocks is None and np.isfinite(limit.most):
            least = float((np.maximum(limit.on_units, 0) * problem.minimum).sum())
            if least > limit.most:
                yield f"{limit.source}: {limit.name}: the minimums of the districts alone cost {least:,g}"
    if problem.week_least is None or problem.week_most is None:
        return
    if n := int((problem.week_least > problem.week_most).sum()):
        yield f"allocation.dosage: {n:,} cells have a floor above their cap over the plan"
    short = problem.week_least > most_there.sum(axis=0, dtype=np.int64)
    if short.any():
        yield (
            f"allocation.dosage: {int(short.sum()):,} cells have a floor above what the caps per shift allow "
            f"(cells {some(np.flatnonzero(short).tolist(), 5)})"
        )


NO_CAP = int(np.iinfo(np.int16).max)


@dataclasses.dataclass(frozen=True, eq=False)
class _Group:
    """Limits that are dropped together, and how."""

    name: str
    without: Callable[[AllocationProblem], AllocationProblem]


def groups_of(problem: AllocationProblem) -> list[_Group]:
    """Return the limits of a problem, each with the problem that lacks it."""
    groups = []
    if (problem.minimum > _taken_by_calls(problem)).any():
        total = int(problem.minimum.sum())
        groups.append(_Group(f"minimum units of districts and shifts ({total:,} unit-shifts)",
                             lambda one: one.replace(minimum=_taken_by_calls(one))))  # fmt: skip
    if problem.least.any() or (problem.most < problem.on_duty.sum()).any():
        groups.append(_Group("bands of unit-shifts per district", _without_bands))
    if problem.week_least is not None and problem.week_least.any():
        floors = int((problem.week_least > 0).sum())
        groups.append(_Group(f"floors of {floors:,} cells over the plan",
                             lambda one: one.replace(week_least=np.zeros_like(one.week_least))))  # fmt: skip
    if problem.week_most is not None and (problem.week_most < limited_by(problem)).any():
        capped = int((problem.week_most < limited_by(problem)).sum())
        groups.append(_Group(f"caps of {capped:,} cells over the plan",
                             lambda one: one.replace(week_most=limited_by(one))))  # fmt: skip
    if problem.days_running is not None:
        groups.append(_Group(f"limit of {problem.days_running} days running in one cell",
                             lambda one: one.replace(days_running=None)))  # fmt: skip
    if problem.crews is not None:
        groups.append(_Group("needs for skills and types, and edits of units", lambda one: one.replace(
            crews=None, allowed=None, needs=None, need_classes=None, need_names=())))  # fmt: skip
    return groups + [_limit_group(name, names) for name, names in _named_limits(problem)]


def _taken_by_calls(problem: AllocationProblem) -> npt.NDArray[np.int32]:
    """Return the units that the minutes of calls take as such: no plan does with fewer."""
    if problem.busy is None:
        return np.zeros_like(problem.minimum)
    return np.asarray(-(-problem.busy // np.maximum(problem.blocks, 1)), np.int32)


def limited_by(problem: AllocationProblem) -> npt.NDArray[np.int32]:
    """Return the blocks of each cell over the plan that the caps per shift allow."""
    return np.asarray(problem.cap.sum(axis=0, dtype=np.int32))


def _without_bands(problem: AllocationProblem) -> AllocationProblem:
    return problem.replace(least=np.zeros_like(problem.least), most=np.full_like(problem.most, np.iinfo(np.int32).max))


def _named_limits(problem: AllocationProblem) -> list[tuple[str, frozenset[str]]]:
    """Return limits under one name: those of equity together, the two sides of a band together, others alone."""
    named: dict[str, set[str]] = {}
    for limit in problem.limits:
        together = {"allocation.equity": "equity between districts"}
        if limit.source == "allocation.exposure":
            name = limit.name.split(" at least ")[0].split(" at most ")[0] + " within its band"
        else:
            name = together.get(limit.source, limit.name)
        named.setdefault(name, set()).add(limit.name)
    return [(name, frozenset(names)) for name, names in named.items()]


def _limit_group(name: str, names: frozenset[str]) -> _Group:
    return _Group(name, lambda one: one.replace(limits=tuple(limit for limit in one.limits if limit.name not in names)))


def explain_conflict(problem: AllocationProblem) -> InfeasibleError:
    """Return the error that names a smallest set of limits that no plan keeps together (deletion filter)."""
    rest, conflict = problem.replace(fair=()), []
    for group in groups_of(problem):
        without = group.without(rest)
        if limited.is_feasible(without):
            conflict.append(group.name)
        else:
            rest = without
    faults = [f"{name}" for name in conflict] or ["the units on duty cannot do the least that is asked of them"]
    return InfeasibleError(
        "no plan can keep these limits together; without any one of them there would be one "
        "(--soften makes the best plan that bends them least)",
        faults=faults,
    )


@contextmanager
def naming_edits(edits: Sequence[Edit]) -> Iterator[None]:
    """Name, where no plan exists, the hand edits that bear on it: those of the shifts in question, or all."""
    try:
        yield
    except InfeasibleError as error:
        text = " ".join(error.faults)
        bearing = [edit for edit in edits if re.search(rf"{re.escape(edit.shift)}(?!\w)", text)] or edits
        if not bearing:
            raise
        named = [f"made by hand: {edit}" for edit in bearing]
        more = "hand edits bear on it: take some back, or lower what they contradict"
        raise InfeasibleError(f"{error.message}; {more}", faults=[*error.faults, *named]) from None


@dataclasses.dataclass(frozen=True, eq=False)
class _Bend:
    """Rows of a program that may be bent, what a unit of bending costs, and what they are."""

    row: int
    sign: int
    cost: float
    apply: Callable[[dict[str, object], float], str]


def soften(problem: AllocationProblem) -> tuple[AllocationProblem, tuple[str, ...]]:
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


def _soften_units(problem: AllocationProblem) -> tuple[AllocationProblem, tuple[str, ...]]:
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


def _said_of_minimums(problem: AllocationProblem, minimum: Ints) -> Iterator[str]:
    for d, s in zip(*np.nonzero(minimum < problem.minimum), strict=True):
        yield (
            f"minimum of district {problem.districts[d]} in {problem.shifts[s]} lowered from {problem.minimum[d, s]} "
            f"to {minimum[d, s]} units"
        )


def _said_of_bands(problem: AllocationProblem, least: Ints, most: Ints) -> Iterator[str]:
    for d in np.flatnonzero((least < problem.least) | (most > problem.most)):
        if least[d] < problem.least[d]:
            yield f"band of district {problem.districts[d]}: least {problem.least[d]} lowered to {least[d]} unit-shifts"
        else:
            yield f"band of district {problem.districts[d]}: most {problem.most[d]} raised to {most[d]} unit-shifts"


def _said_of_needs(problem: AllocationProblem, unmet: npt.NDArray[np.int64]) -> Iterator[str]:
    if problem.needs is None:
        return
    for (d, s, n), lack, name in zip(problem.needs.tolist(), unmet.tolist(), problem.need_names, strict=True):
        if lack:
            yield f"{name} in district {problem.districts[d]} in {problem.shifts[s]}: {n - lack} instead of {n}"


def _soften_limits(problem: AllocationProblem) -> tuple[AllocationProblem, tuple[str, ...]]:
    """Return the problem with sums and floors of cells bent until the relaxation has a solution."""
    columns = limited.working_columns(problem)
    small = len(columns.cell) <= limited.SMALL
    model = cell_program(problem, columns, whole=np.full(len(columns.cell), small))
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
        down, up = ((one[n] + spare) * scale if one[n] > 1e-7 else 0.0 for one in (lower, raise_))
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
        notes.append(f"floors of {n:,} cells over the plan lowered by {visits:,} visits")
        least = np.maximum(lowered, 0)
    return problem.replace(limits=tuple(limits), week_least=least), tuple(notes)


def _size(limit: Limit, scale: float) -> float:
    """Return what a limit's bending is measured against, in the scaled row: its bound, or its largest weight."""
    bounds = [abs(bound) for bound in (limit.least, limit.most) if np.isfinite(bound) and bound]
    return max(bounds, default=scale * 100) / scale


def _said_of_limit(limit: Limit, down: float, up: float, size: float) -> str:
    if limit.least == 0 or not limit.unit:
        return f"{limit.name}: not kept, bent by {max(down, up) / size:.1%}"
    bound, bent = (limit.least, limit.least - down) if down else (limit.most, limit.most + up)
    return f"{limit.name}: {bent / limit.scale:,.4g} {limit.unit} instead of {bound / limit.scale:,.4g}"


def _bend(
    program: Program, rows: Ints, sign: npt.NDArray[np.float64], cost: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64] | None:
    """Return the cheapest amounts by which to bend rows, up for a least and down for a most, so that a plan exists."""
    n, n_rows = len(program.gain), program.rows.shape[0]
    extra = sp.csr_array((sign, (rows, np.arange(len(rows)))), shape=(n_rows, len(rows)))
    bounded = Program(
        gain=np.concatenate([np.zeros(n), -cost]),
        lower=np.concatenate([program.lower, np.zeros(len(rows))]),
        upper=np.concatenate([program.upper, np.full(len(rows), np.inf)]),
        whole=np.concatenate([program.whole, np.zeros(len(rows), bool)]),
        rows=sp.csr_array(sp.hstack([program.rows, extra])),
        least=program.least,
        most=program.most,
    )
    solution = maximise(bounded, nodes=limited.NODES)
    return None if solution is None else np.maximum(solution.values[n:], 0.0)
