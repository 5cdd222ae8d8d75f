"""Large crews in parts: what is routed together, so that time and memory grow with the units and not with their cube.

Every unit has a break of its own, so no two are interchangeable, and the search holds a table of all ways for each: a
crew of 83 and its 1,700 visits are 83 tables of 1,870 × 1,870, and 1,000 units ran out of 6.4 GB.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from allocator.config import RoutesSection
from allocator.domain import AllocationTerms, Floats, Ints
from allocator.planning.routes.orienteering import Orienteering, Tours

TOGETHER, IN_PARTS = 12, 4
"""Most units whose routes are searched for together, and how many are where a crew is cut."""
FULL = 16_000
"""Visits of a plan up to which the search has all its iterations: a week of Chicago has room for about 15,000."""
FEWEST = 8
"""Iterations of a run, at the least."""


@dataclass(frozen=True, eq=False)
class Part:
    """Units that are routed by themselves.

    Parameters
    ----------
    problem : Orienteering
        Theirs alone.
    rows, units : (n,) int64
        Which visits and units of the whole they are.
    """

    problem: Orienteering
    rows: Ints
    units: Ints


def most_together(problem: AllocationTerms) -> int:
    """Return how many units are routed together: fewer where the plan is so large that it needs less work."""
    return IN_PARTS if is_large(problem) else TOGETHER


def is_large(problem: AllocationTerms) -> bool:
    """Return whether a plan has room for more visits than are searched with all iterations."""
    return room_for(problem) > FULL


def effort_of(problem: AllocationTerms, routes: RoutesSection) -> RoutesSection:
    """Return the settings of a plan: the more visits beyond `FULL`, the fewer runs and iterations for each.

    There tours are searched for only where putting visits in one by one leaves some out.

    The runs go first, because half of a short run is making its tables; then the iterations, by the square of what is
    too much: for 1,000 units 8 iterations took 71 s where 32 took 123 s, and delivered the same to 1 in 3,000.
    """
    share = min(1.0, FULL / max(room_for(problem), 1))
    runs = max(1, int(routes.runs * share))
    left = min(1.0, share * routes.runs / runs)
    iterations = max(min(routes.iterations, FEWEST), int(routes.iterations * left**2))
    return routes.model_copy(update={"runs": runs, "iterations": iterations})


def room_for(problem: AllocationTerms) -> int:
    """Return the visits that the units on duty can make at most; the same for a task alone as for the whole plan."""
    return int((problem.on_duty.astype(np.int64) * problem.blocks).sum())


def parts_of(problem: Orienteering, x: Floats, y: Floats, *, most: int) -> tuple[Part, ...]:
    """Return a problem cut into compact parts of at most `most` units, each with its share of the visits.

    Parameters
    ----------
    problem : Orienteering
        Of one district and shift.
    x, y : (n_places,) float64
        Where its places are, metres.
    most : int
        Units of a part; a crew that is no larger than that is one part, which is the problem itself.
    """
    n_units, rows = problem.n_units, np.arange(len(problem.place))
    if n_units <= most:
        return (Part(problem, rows, np.arange(n_units)),)
    size = IN_PARTS if most >= IN_PARTS else most
    blocks = rows[~problem.is_break]
    free = blocks[problem.only[blocks] < 0]
    where = np.stack([x, y])
    parts = []
    for mine, units in _cut(free, np.arange(n_units), (problem, where), most=size):
        own = np.flatnonzero(np.isin(problem.only, units))
        parts.append(_part(problem, np.sort(np.concatenate([mine, own])), np.sort(units)))
    return tuple(parts)


def _cut(
    rows: Ints, units: Ints, of: tuple[Orienteering, Floats], *, most: int
) -> list[tuple[Ints, Ints]]:  # fmt: skip
    """Return visits and units in compact parts of equal work, halving along the longer side.

    Units whose places are known go with the visits on their side.
    """
    if len(units) <= most:
        return [(rows, units)]
    problem, where = of
    at = where[:, problem.place[rows]]
    tall = int(len(rows) > 0 and np.ptp(at[1]) > np.ptp(at[0]))
    order = rows[np.lexsort((at[1 - tall], at[tall]))]  # visits of a cell stay together, but for one cell at the cut
    begun = problem.start[units]
    if (begun >= 0).all():
        units = units[np.argsort(where[tall, begun], kind="stable")]
    half = len(units) // 2
    cut = round(len(rows) * half / len(units))
    return [
        part
        for some, crew in ((order[:cut], units[:half]), (order[cut:], units[half:]))
        for part in _cut(some, crew, of, most=most)
    ]


def _part(problem: Orienteering, rows: Ints, units: Ints) -> Part:
    """Return the problem of some units; breaks come last, as in the whole, at the best places of the part."""
    pause, place = problem.is_break[rows], problem.place[rows].copy()
    blocks = np.flatnonzero(~pause)
    if len(blocks):
        best = place[blocks[np.argsort(-problem.prize[rows[blocks]], kind="stable")]]
        place[pause] = best[np.arange(int(pause.sum())) % len(best)]
    ends = np.concatenate([problem.start[units], problem.stop[units]])
    places = np.unique(np.concatenate([place, ends[ends >= 0]]))
    member = np.full(problem.n_units, -1)
    member[units] = np.arange(len(units))
    speeds, speed = np.unique(problem.speed[units], return_inverse=True)
    only = problem.only[rows]
    ends = np.where(ends >= 0, np.searchsorted(places, ends), -1)
    own = dataclasses.replace(
        problem, travel=problem.travel[np.ix_(speeds, places, places)], place=np.searchsorted(places, place),
        service=problem.service[rows], work=problem.work[rows], prize=problem.prize[rows],
        earliest=problem.earliest[rows], latest=problem.latest[rows], only=np.where(only >= 0, member[only], -1),
        speed=speed, start=ends[: len(units)], stop=ends[len(units) :], begin=problem.begin[units],
        end=problem.end[units], budget=problem.budget[units],
    )  # fmt: skip
    return Part(own, rows, units)


def joined(n_units: int, parts: Sequence[Part], variants: Sequence[Sequence[Tours]]) -> list[Tours]:
    """Return the routes of the whole, the best first: the nth of it is the nth of each part, which begin anew.

    Each part gives up at most its share of the gain, so the whole does.
    """
    whole = []
    for nth in range(max(len(own) for own in variants)):
        order: list[tuple[int, ...]] = [()] * n_units
        prize = work = 0.0
        for part, own in zip(parts, variants, strict=True):
            tours = own[nth % len(own)]
            prize, work = prize + tours.prize, work + tours.work
            for unit, tour in zip(part.units.tolist(), tours.order, strict=True):
                order[unit] = tuple(part.rows[list(tour)].tolist()) if tour else ()
        whole.append(Tours(tuple(order), prize, work))
    return whole
