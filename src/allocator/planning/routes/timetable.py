"""When a unit can make the visits of its tour: the one judge of what fits into a shift."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from allocator.domain import Floats, Ints
from allocator.planning.routes.orienteering import Orienteering


@dataclass(frozen=True, eq=False)
class Timetable:
    """First and last whole minute at which each visit of a tour can begin, (n,) int64 each."""

    earliest: Ints
    latest: Ints

    def at(self, share: Floats) -> Ints:
        """Return starts at the given share of the freedom of each visit.

        Parameters
        ----------
        share : (n,) float64
            From 0 to 1, never falling. Then no visit begins before the one before is over and the way is done: with e
            and l the earliest and latest starts and t the minutes from start to start, both e and l grow by at least
            t, and so does e + share (l - e); whole numbers keep that when they are rounded down.
        """
        return self.earliest + np.floor(share * (self.latest - self.earliest) + 1e-9).astype(np.int64)


def timetable(problem: Orienteering, unit: int, order: Sequence[int]) -> Timetable | None:
    """Return the times of a tour, or None if it breaks a limit: window, shift, budget, or no way.

    A break is taken anywhere on the way, so only the minutes between the visits
    around it count: travel and the break together. Travel takes whole minutes, rounded up.
    """
    legs, work = _legs(problem, unit, order)
    if work > problem.budget[unit] + 1e-6:
        return None
    earliest = _forward(problem, unit, order, legs)
    latest = _backward(problem, unit, order, legs)
    if any(first > last for first, last in zip(earliest, latest, strict=True)):
        return None
    return Timetable(np.array(earliest, np.int64), np.array(latest, np.int64))


def _forward(problem: Orienteering, unit: int, order: Sequence[int], legs: Sequence[int]) -> list[int]:
    """Return the first minute of each visit: not before the last one is over, nor before the way is done."""
    found, pause, own = [], 0, problem.plain
    now = left = int(problem.begin[unit])
    for row, leg in zip(order, legs, strict=True):
        minutes, start = own.service[row], max(now, own.earliest[row])
        if own.is_break[row]:
            pause += minutes
        else:
            start = max(start, left + pause + leg)
            left, pause = start + minutes, 0
        found.append(start)
        now = start + minutes
    return found


def _backward(problem: Orienteering, unit: int, order: Sequence[int], legs: Sequence[int]) -> list[int]:
    """Return the last minute of each visit: `_forward` from the end."""
    found, pause, leg_on, own = [], 0, 0, problem.plain
    then = reach = int(problem.end[unit])
    for row, leg in zip(reversed(order), reversed(legs), strict=True):
        minutes = own.service[row]
        start = min(then - minutes, own.latest[row])
        if own.is_break[row]:
            pause += minutes
        else:
            start = min(start, reach - leg_on - pause - minutes)
            reach, leg_on, pause = start, leg, 0
        found.append(start)
        then = start
    return found[::-1]


def _legs(problem: Orienteering, unit: int, order: Sequence[int]) -> tuple[list[int], float]:
    """Return whole minutes of travel before each visit, and the work of the tour; beyond any budget if no way leads."""
    here, work, own = int(problem.start[unit]), 0.0, problem.plain
    legs: list[int] = []
    minutes = own.travel[int(problem.speed[unit])]
    for row in order:
        place = own.place[row]
        leg = 0.0
        if not own.is_break[row]:
            leg = minutes[here][place] if here >= 0 else 0.0
            here = place
        if leg == np.inf:
            return legs, np.inf
        legs.append(math.ceil(leg - 1e-9))
        work += leg + own.work[row]
    return legs, work


def thinned(problem: Orienteering, unit: int, order: Sequence[int]) -> tuple[int, ...]:
    """Return the tour without its visits of least prize that keep it from fitting; at worst nothing is left."""
    kept = list(order)
    while kept and timetable(problem, unit, kept) is None:
        free = [row for row in kept if problem.only[row] < 0]
        if not free:
            return ()
        kept.remove(min(reversed(free), key=lambda row: problem.prize[row]))
    return tuple(kept)


def with_break(problem: Orienteering, unit: int, order: Sequence[int], pause: int) -> tuple[int, ...]:
    """Return the tour with the break put where it fits, in the middle if nowhere."""
    middle = len(order) // 2
    for place in sorted(range(len(order) + 1), key=lambda n: abs(n - middle)):
        tour = (*order[:place], pause, *order[place:])
        if timetable(problem, unit, tour) is not None:
            return tour
    return (*order[:middle], pause, *order[middle:])
