"""The registry of allocation solvers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from allocator.config import AllocationSection
from allocator.domain import Allocation, AllocationProblem, AllocationTerms
from allocator.errors import ConfigError, nearest
from allocator.planning.allocation.conflicts import check_feasible, explain_conflict
from allocator.planning.allocation.reduction import covered, given
from allocator.planning.allocation.solvers import flow, greedy, limited, proportional, spillover
from allocator.planning.allocation.solvers.bundles import NoAllocation
from allocator.planning.allocation.solvers.spillover import NO_SPILLOVER

SOLVERS: dict[str, Callable[[AllocationProblem], Allocation]] = {
    "flow": flow.solve, "greedy": greedy.solve, "highs": limited.solve, "proportional": proportional.solve,
    "spillover": spillover.solve,
}  # fmt: skip
"""A solver turns a feasible problem into an allocation; without a proof its bound is `inf`."""


_CANNOT_HOLD = (
    'allocation.solver = "{}" cannot hold limits beyond minimums and bands: use "flow", which hands over to "highs" '
    "for them"
)


def check_solver(solver: str) -> None:
    """Refuse a solver that is not in `SOLVERS`.

    Raises
    ------
    ConfigError
        With the nearest name.
    """
    if solver not in SOLVERS:
        known = ", ".join(SOLVERS)
        raise ConfigError(f"allocation.solver: unknown solver {solver!r}{nearest(solver, SOLVERS)}; known: {known}")


def check_holds(terms: AllocationTerms, allocation: AllocationSection) -> None:
    """Refuse a solver, or spillover, that cannot hold the limits of a job.

    Raises
    ------
    ConfigError
        With the solver that can.
    """
    extra = (terms.week_least, terms.week_most, terms.days_running, terms.crews)
    limited = bool(terms.limits) or allocation.equity is not None or any(value is not None for value in extra)
    if limited and terms.spillover:
        raise ConfigError(NO_SPILLOVER)
    if limited and allocation.solver not in ("flow", "highs"):
        raise ConfigError(_CANNOT_HOLD.format(allocation.solver))


def solve(problem: AllocationProblem, solver: str = "flow") -> Allocation:
    """Return the answer of the named solver, its bound always proven (by the flow where it has none).

    Limits that a flow cannot hold are handed over from "flow" to "highs"; spillover to "spillover".

    Raises
    ------
    ConfigError
        If there is no such solver, or it cannot hold the limits.
    InfeasibleError
        If no allocation satisfies the problem, with the limits that contradict each other.
    """
    check_solver(solver)
    check_feasible(problem)
    if problem.turn is not None:
        return _solve_in_turn(problem, solver)
    if problem.spillover:
        return _solve_spilling(problem, solver)
    if not problem.is_network:
        return _solve_limited(problem, solver)
    allocation = SOLVERS[solver](problem)
    if math.isfinite(allocation.bound):
        return allocation
    return dataclasses.replace(allocation, bound=max(flow.solve(problem).bound, allocation.objective))


def _solve_in_turn(problem: AllocationProblem, solver: str) -> Allocation:
    """Return the answer where shifts overlap: those of a turn are planned for what the turns before leave.

    The bound is that of every shift on its own, with the whole value of its time: proven, but not tight.
    """
    assert problem.turn is not None
    nothing = np.zeros(problem.value.shape, np.int16)
    answer = solve(given(problem, nothing), solver)
    bound = min(answer.bound, float(problem.value.sum()))
    for turn in range(1, int(problem.turn.max()) + 1):
        before = np.where((problem.turn < turn)[:, None], answer.blocks, 0).astype(np.int16)
        answer = solve(given(problem, before), solver)
    objective = float(covered(problem, answer.blocks).sum())
    return dataclasses.replace(answer, objective=objective, bound=max(bound, objective))


def _solve_spilling(problem: AllocationProblem, solver: str) -> Allocation:
    best = spillover.solve(problem)
    if solver in ("flow", "spillover"):
        return best
    return dataclasses.replace(SOLVERS[solver](problem), bound=best.bound)


def _solve_limited(problem: AllocationProblem, solver: str) -> Allocation:
    if solver not in ("flow", "highs"):
        raise ConfigError(_CANNOT_HOLD.format(solver))
    try:
        return limited.solve(problem)
    except NoAllocation:
        if limited.is_feasible(problem.replace(fair=())):
            raise
        raise explain_conflict(problem) from None


def rivals_of(problem: AllocationProblem, solver: str) -> dict[str, float]:
    """Return the harm that others cover: the other solvers on a network, or the network without the further limits."""
    if problem.turn is not None:
        others = ("flow", "greedy", "proportional") if problem.is_network and not problem.spillover else ()
        return {name: solve(problem, name).objective for name in others if name != solver}
    if not problem.is_network:
        return {"without the further limits": flow.solve(problem.network()).objective}
    return {name: SOLVERS[name](problem).objective for name in ("flow", "greedy", "proportional") if name != solver}
