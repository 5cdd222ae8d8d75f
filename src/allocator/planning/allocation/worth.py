"""What limits cost and what more staff would bring, found by solving again."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from allocator.domain import Allocation, AllocationProblem, one_more_unit
from allocator.errors import AllocatorError
from allocator.planning.allocation.conflicts import groups_of
from allocator.planning.allocation.reduction import reduce
from allocator.planning.allocation.solve import solve
from allocator.planning.allocation.solvers import best_units


@dataclass(frozen=True)
class Worth:
    """Expected harm covered that one change of the limits would add.

    Parameters
    ----------
    change : str
        "one more unit in 2017-12-29/evening", "without the budget of 900".
    harm : float
        Expected harm covered beyond that of the plan; integer plans have no duals, so it was solved again.
    share : float
        The same as a share of what the plan covers.
    """

    change: str
    harm: float
    share: float


def worth_of_limits(problem: AllocationProblem, answer: Allocation) -> tuple[Worth, ...]:
    """Return what one more unit in each shift, and doing without each limit, would add, the largest first of each.

    For shifts the units are solved again on the network (other limits held aside where there are any, with the
    difference taken on the same network); for limits the whole problem is.
    """
    base = max(answer.objective, 1e-12)
    units = sorted(_units(problem), key=lambda one: -one[1])
    worths = [Worth(one_more_unit(name), harm, harm / base) for name, harm in units]
    limits = []
    for group in groups_of(problem):
        try:
            harm = max(0.0, solve(group.without(problem)).objective - answer.objective)
        except AllocatorError:  # without it the engine found nothing within its budget of work: nothing is claimed
            continue
        limits.append(Worth(f"without the {group.name}", harm, harm / base))
    return tuple(worths + sorted(limits, key=lambda one: -one.harm))


def _units(problem: AllocationProblem) -> list[tuple[str, float]]:
    """Return each shift and what one more unit there adds on the network."""
    network = problem.network().replace(incumbent=None, on_duty=problem.on_duty + 1)
    reduction = reduce(network)  # one unit more everywhere: every case below is a part of it
    nth = np.arange(reduction.increment.shape[2])

    def value(on_duty: object) -> float:
        units, _ = best_units(dataclasses.replace(network, on_duty=on_duty), reduction)  # type: ignore[arg-type]
        return float(reduction.increment.sum(where=nth < units[:, :, None]))

    base = value(problem.on_duty)
    return [
        (name, max(0.0, value(problem.on_duty + (np.arange(len(problem.shifts)) == s)) - base))
        for s, name in enumerate(problem.shifts)
    ]
