"""The registry of allocation solvers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

from allocator.domain import Allocation, AllocationProblem
from allocator.errors import ConfigError, nearest
from allocator.planning import flow, greedy, proportional
from allocator.planning.problem import check_feasible

SOLVERS: dict[str, Callable[[AllocationProblem], Allocation]] = {
    "flow": flow.solve,
    "greedy": greedy.solve,
    "proportional": proportional.solve,
}
"""A solver turns a feasible problem into an allocation; without a proof its bound is `inf`."""


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


def solve(problem: AllocationProblem, solver: str = "flow") -> Allocation:
    """Return the answer of the named solver, its bound always proven (by the flow where it has none).

    Raises
    ------
    ConfigError
        If there is no such solver.
    InfeasibleError
        If no allocation satisfies the problem.
    """
    check_solver(solver)
    check_feasible(problem)
    allocation = SOLVERS[solver](problem)
    if math.isfinite(allocation.bound):
        return allocation
    return dataclasses.replace(allocation, bound=max(flow.solve(problem).bound, allocation.objective))
