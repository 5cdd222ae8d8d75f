"""When a unit can make the visits of its tour: the one judge of what fits into a shift."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from allocator.domain import Floats, Ints
from allocator.kernels.tours import tour_times
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
    rows, own = np.array(order, np.int64), problem.table
    first, last = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
    holds = tour_times(
        own.travel[own.speed[unit]], own.place, own.service, own.work, own.earliest, own.latest, problem.is_break,
        rows, int(own.start[unit]), float(own.budget[unit]), int(own.begin[unit]), int(own.end[unit]), first, last,
    )  # fmt: skip
    return Timetable(first, last) if holds else None


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
