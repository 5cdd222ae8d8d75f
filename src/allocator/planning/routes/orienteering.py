"""The team orienteering problem: tours of units that collect most within their time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from allocator.domain import Bools, Floats, Ints

PARTS = 1_000_000
"""Integer parts of the longest budget. Legs are rounded up, so a tour of 50 legs wastes at most 5e-5 of it."""


_Whole = npt.NDArray[np.int64]
_Minutes = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Table:
    """Fields of an `Orienteering` as kernels read them: times in whole minutes, but for travel, work and budgets."""

    travel: _Minutes
    place: _Whole
    service: _Whole
    work: _Minutes
    earliest: _Whole
    latest: _Whole
    only: _Whole
    speed: _Whole
    start: _Whole
    budget: _Minutes
    begin: _Whole
    end: _Whole


@dataclass(frozen=True, eq=False)
class Orienteering:
    """A team orienteering problem with time windows, budgets, and visits that belong to one unit.

    Parameters
    ----------
    travel : (n_speeds, n_places, n_places) float64
        Minutes from place to place; `inf` where there is no way.
    place : (n_visits,) int
        Place of each visit.
    service, work : (n_visits,) float64
        Minutes that a visit takes, and those of them that count towards the budget (none for a break).
    prize : (n_visits,) float64
        What it is worth, 0 or more.
    earliest, latest : (n_visits,) float64
        First and last minute at which it may begin.
    only : (n_visits,) int
        The one unit that may make it, and has to; -1: any unit may.
    speed, start, stop : (n_units,) int
        Row of `travel`; place where the tour begins and where it ends, -1: anywhere.
    begin, end : (n_units,) float64
        Minutes between which the unit travels and works.
    budget : (n_units,) float64
        Most minutes of travel and work together; waiting is free.
    """

    travel: Floats
    place: Ints
    service: Floats
    work: Floats
    prize: Floats
    earliest: Floats
    latest: Floats
    only: Ints
    speed: Ints
    start: Ints
    stop: Ints
    begin: Floats
    end: Floats
    budget: Floats

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self.budget)

    @cached_property
    def is_break(self) -> Bools:
        """Which visits are breaks, (n_visits,) bool: of one unit, taken anywhere on its way, no work."""
        return np.asarray((self.only >= 0) & (self.work <= 0))

    @cached_property
    def own(self) -> dict[int, set[int]]:
        """The visits that only one unit may make, by unit."""
        rows: dict[int, set[int]] = {}
        for row in np.flatnonzero(self.only >= 0).tolist():
            rows.setdefault(int(self.only[row]), set()).add(row)
        return rows

    @cached_property
    def table(self) -> Table:
        """What kernels ask for."""
        return Table(
            _minutes(self.travel), _whole(self.place), _whole(self.service), _minutes(self.work),
            _whole(self.earliest), _whole(self.latest), _whole(self.only), _whole(self.speed), _whole(self.start),
            _minutes(self.budget), _whole(self.begin), _whole(self.end),
        )  # fmt: skip

    def work_of(self, unit: int, order: Sequence[int] | Ints) -> float:
        """Return the minutes of travel and work of a tour of one unit."""
        if not len(order):
            return 0.0
        rows = np.asarray(order, np.int64)
        stops = np.empty(len(rows) + 2, np.int64)
        stops[0], stops[1:-1], stops[-1] = self.start[unit], self.place[rows], self.stop[unit]
        stops = stops[int(stops[0] < 0) : len(stops) - int(stops[-1] < 0)]
        return float(self.travel[self.speed[unit]][stops[:-1], stops[1:]].sum() + self.work[rows].sum())


def _whole(column: Floats | Ints) -> _Whole:
    return np.ascontiguousarray(column, np.int64)


def _minutes(column: Floats) -> _Minutes:
    return np.ascontiguousarray(column, np.float64)


@dataclass(frozen=True, eq=False)
class Tours:
    """Visits of each unit in order, their total prize, and the minutes of travel and work."""

    order: tuple[tuple[int, ...], ...]
    prize: float
    work: float

    @property
    def rank(self) -> tuple[float, float]:
        """The smaller the better: most prize, then least work."""
        return -round(self.prize, 9), self.work


def with_rest(problem: Orienteering, kept: Ints, tours: Tours) -> Tours:
    """Return tours in which a unit that lacks its break does nothing else: a short search may end without it."""
    if not any(tours.order):
        return tours
    order = list(tours.order)
    for unit, own in problem.own.items():
        if not own <= set(order[unit]):
            order[unit] = tuple(row for row in sorted(own) if row in kept)
    return tours if tuple(order) == tours.order else tours_of(problem, tuple(order))


def only_budgets_bind(problem: Orienteering) -> bool:
    """Return whether no window, break or end of a shift can, and whether all ways are as long back."""
    minutes = problem.travel[problem.speed[0]]
    freedom = problem.end[0] - problem.begin[0] - problem.budget[0]
    return bool(
        (problem.only < 0).all()
        and (problem.work == problem.service).all()
        and (problem.earliest <= problem.begin[0]).all()
        and (problem.latest >= problem.end[0]).all()
        and freedom > len(problem.place) + 1  # travel is rounded up to whole minutes, leg by leg
        and np.isfinite(minutes).all()
        and np.array_equal(minutes, minutes.T)
    )


def costs(problem: Orienteering, visits: Ints) -> npt.NDArray[np.float64]:
    """Return minutes between visits, start and stop, half the work of both ends included; it is symmetric."""
    n, minutes = len(visits), problem.travel[problem.speed[0]]
    place, half = problem.place[visits], problem.work[visits] / 2
    cost = np.zeros((n + 2, n + 2))
    cost[:n, :n] = minutes[np.ix_(place, place)] + half[:, None] + half
    for row, depot in ((n, int(problem.start[0])), (n + 1, int(problem.stop[0]))):
        cost[:n, row] = cost[row, :n] = half + (minutes[depot, place] if depot >= 0 else 0.0)
    if problem.start[0] >= 0 and problem.stop[0] >= 0:
        cost[n, n + 1] = cost[n + 1, n] = minutes[problem.start[0], problem.stop[0]]
    return cost


def tours_of(problem: Orienteering, order: tuple[tuple[int, ...], ...]) -> Tours:
    """Return tours with their prize and work; they are not checked."""
    rows = [row for tour in order for row in tour]
    work = sum(problem.work_of(unit, tour) for unit, tour in enumerate(order))
    return Tours(order, float(problem.prize[rows].sum()) if rows else 0.0, work)


def chosen(met: list[Tours], *, slack: float, most: int) -> tuple[Tours, ...]:
    """Return the best tours, and some of those that gain nearly as much, spread over their order."""
    best = min(range(len(met)), key=lambda row: met[row].rank)
    floor = met[best].prize * (1 - slack) - 1e-9
    near = [tours for row, tours in enumerate(met) if row != best and tours.prize >= floor]
    picked = np.unique(np.linspace(0, len(near) - 1, min(most - 1, len(near))).astype(np.int64))
    return (met[best], *(near[row] for row in picked))


def reachable(problem: Orienteering) -> Bools:
    """Return which visits some unit can make on a tour of its own, (n_visits,) bool."""
    n = len(problem.place)
    within = np.zeros(n, bool)
    for unit in range(problem.n_units):
        minutes = problem.travel[problem.speed[unit]]
        start, stop = int(problem.start[unit]), int(problem.stop[unit])
        there = minutes[start, problem.place] if start >= 0 else np.zeros(n)
        back = minutes[problem.place, stop] if stop >= 0 else np.zeros(n)
        begun = np.maximum(problem.begin[unit] + there, problem.earliest)
        fits = there + problem.work + back <= problem.budget[unit] + 1e-9
        fits &= (begun <= problem.latest) & (begun + problem.service + back <= problem.end[unit] + 1e-9)
        within |= fits & ((problem.only < 0) | (problem.only == unit))
    return within & ((problem.prize > 0) | (problem.only >= 0))


def alike(problem: Orienteering) -> tuple[tuple[int, ...], ...]:
    """Return the units in groups that are interchangeable, so that the search need not tell them apart."""
    groups: dict[tuple[float, ...], list[int]] = {}
    fields = (problem.speed, problem.start, problem.stop, problem.begin, problem.end, problem.budget)
    own = set(problem.only.tolist())
    for unit in range(problem.n_units):
        key = (*(float(field[unit]) for field in fields), float(unit if unit in own else -1))
        groups.setdefault(key, []).append(unit)
    return tuple(tuple(crew) for crew in groups.values())


def whole(value: float | np.floating[npt.NBitBase]) -> int:
    """Return a number of parts as the search counts: whole, and at most four times the longest budget."""
    return int(min(float(value), 4.0 * PARTS))
