"""From blocks per cell to the ordered, timed visits of each unit."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from allocator.config import AllocationSection, RoutesSection
from allocator.domain import AllocationProblem, Bools, Floats, Ints, Roster
from allocator.kernels.tours import closed_tours
from allocator.planning.pins import keep_pins
from allocator.planning.reduction import block_share

if TYPE_CHECKING:
    from allocator.tessellation import Tessellation


@dataclass(frozen=True, eq=False)
class Visits:
    """Visits as arrays, sorted by shift, unit and time.

    Parameters
    ----------
    shift, unit, cell : (n,) int32
        Rows of shifts, units and cells.
    nth : (n,) int32
        This is the nth block of its cell in that shift, from 0.
    gain : (n,) float64
        Expected harm that the block adds.
    start : (n,) int64
        Whole minutes since 1970-01-01 UTC.
    """

    shift: Ints
    unit: Ints
    cell: Ints
    nth: Ints
    gain: Floats
    start: Ints

    def take(self, rows: Bools | Ints) -> Visits:
        """Return the visits of `rows`."""
        return Visits(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})

    @property
    def group(self) -> Ints:
        """Number of the tour (unit and shift) that each visit belongs to, (n,) int64."""
        new = np.r_[False, (np.diff(self.shift) != 0) | (np.diff(self.unit) != 0)] if len(self.unit) else []
        return np.cumsum(new, dtype=np.int64)

    def delivered_blocks(self, shape: tuple[int, ...]) -> npt.NDArray[np.int16]:
        """Return visits per (shift, cell)."""
        blocks = np.zeros(shape, np.int16)
        np.add.at(blocks, (self.shift, self.cell), 1)
        return blocks


def route(
    problem: AllocationProblem,
    blocks: npt.NDArray[np.int16],
    posting: npt.NDArray[np.int32],
    *,
    roster: Roster,
    city: Tessellation,
    settings: tuple[AllocationSection, RoutesSection],
) -> Visits:
    """Return the timed visits of all units.

    The blocks of a district and shift are cut into compact, equal parts, one per unit. A unit goes round its
    cells on a short closed tour, as often as the cell with most blocks asks for, so that returns to a cell
    are spread over the shift. Where travel leaves too little time, visits of least gain are dropped. The
    time left for calls lies in equal gaps between the visits.

    Parameters
    ----------
    problem : AllocationProblem
        For the gains.
    blocks : (n_shifts, n_cells) int16
        Blocks of each cell.
    posting : (n_units, n_shifts) int32
        District of each unit; see `duty.post_units`.
    roster, city
        Names, times, speeds and places.
    settings : tuple of AllocationSection and RoutesSection
        Length of a visit and share of the shift; speed, detour and briefing.
    """
    allocation, routes = settings
    speed = np.array([unit.speed_kmh or routes.speed_kmh for unit in roster.units])
    clock = _Clock(
        visit=allocation.block_minutes,
        budget=np.array([allocation.directed_share * shift.minutes for shift in roster.shifts]),
        begin=np.array([-(-shift.start.timestamp() // 60) for shift in roster.shifts], np.int64)
        + routes.briefing_minutes,
        end=np.array([shift.stop.timestamp() // 60 for shift in roster.shifts], np.int64),
        minutes_per_m=routes.detour * 0.06 / speed,
    )
    visits = _in_tour_order(keep_pins(_share_out(problem, blocks, posting, city), roster, city), city)
    return _timed(_fitting(visits, city, clock), city, clock)


@dataclass(frozen=True, eq=False)
class _Clock:
    """Minutes: length of a visit, budget and window per shift, travel per metre and unit."""

    visit: int
    budget: Floats
    begin: Ints
    end: Ints
    minutes_per_m: Floats


def _share_out(
    problem: AllocationProblem,
    blocks: npt.NDArray[np.int16],
    posting: npt.NDArray[np.int32],
    city: Tessellation,
) -> Visits:
    """Return the blocks of each (district, shift) shared among its units; times still 0."""
    shift, cell = np.nonzero(blocks)
    count = blocks[shift, cell].astype(np.int64)
    cell = np.repeat(cell, count)
    nth = np.arange(len(cell)) - np.repeat(np.cumsum(count) - count, count)
    shift = np.repeat(shift, count)
    gain = problem.value[shift, cell] * block_share(problem.diminishing, nth)
    unit = np.full(len(cell), -1, np.int64)
    key = shift * len(problem.districts) + problem.district[cell]
    order = np.argsort(key, kind="stable")
    keys, starts = np.unique(key[order], return_index=True)
    for one, rows in zip(keys.tolist(), np.split(order, starts)[1:], strict=True):
        s, d = divmod(one, len(problem.districts))
        crew = np.flatnonzero(posting[:, s] == d)
        _split(rows, crew, np.stack([city.x[cell[rows]], city.y[cell[rows]]]), unit)
    visits = Visits(shift, unit, cell, nth, gain, np.zeros(len(cell), np.int64))
    return visits.take(np.lexsort((cell, nth, unit, shift)))


def _split(rows: Ints, crew: Ints, place: Floats, unit: Ints) -> None:
    """Give the blocks in `rows` to the crew in equal compact parts, halving along the longer side."""
    if len(crew) == 1:
        unit[rows] = crew[0]
        return
    tall = len(rows) > 0 and np.ptp(place[1]) > np.ptp(place[0])
    # Blocks of a cell stay together, but for one cell at the cut.
    order = np.lexsort(place if tall else place[::-1])
    half = len(crew) // 2
    cut = round(len(rows) * half / len(crew))
    for part, members in ((order[:cut], crew[:half]), (order[cut:], crew[half:])):
        _split(rows[part], members, place[:, part], unit)


def _in_tour_order(visits: Visits, city: Tessellation) -> Visits:
    """Return the visits of each unit and shift in the order of their tour, round after round."""
    n_cells = city.n_cells
    stop, stop_of = np.unique(visits.group * n_cells + visits.cell, return_inverse=True)
    x, y = city.x[stop % n_cells], city.y[stop % n_cells]
    n_tours = int(visits.group[-1]) + 1 if len(visits.unit) else 0
    indptr = np.searchsorted(stop // n_cells, np.arange(n_tours + 1)).astype(np.int64)
    tour = np.empty(len(stop), np.int64)
    closed_tours(x, y, indptr, tour)
    rank = np.empty(len(stop), np.int64)
    for a, b in itertools.pairwise(indptr.tolist()):
        leg = np.hypot(np.diff(x[tour[a:b]], prepend=x[tour[b - 1]]), np.diff(y[tour[a:b]], prepend=y[tour[b - 1]]))
        rank[tour[a:b]] = (np.arange(b - a) - int(leg.argmax())) % (b - a)  # starts after the longest leg
    return visits.take(np.lexsort((rank[stop_of], visits.nth, visits.group)))


def _legs(visits: Visits, city: Tessellation, clock: _Clock) -> Floats:
    """Return the minutes of travel to each visit from the one before, 0 for the first of a tour."""
    x, y = city.x[visits.cell], city.y[visits.cell]
    metres = np.hypot(np.diff(x, prepend=0.0), np.diff(y, prepend=0.0))
    metres[np.diff(visits.group, prepend=-1) != 0] = 0.0
    return np.asarray(metres * clock.minutes_per_m[visits.unit])


def _whole(minutes: Floats) -> Ints:
    return np.asarray(np.ceil(minutes - 1e-9), np.int64)


def _fitting(visits: Visits, city: Tessellation, clock: _Clock) -> Visits:
    """Return the visits that fit: each tour loses its visits of least gain until it does."""
    while len(visits.unit):
        group, leg = visits.group, _legs(visits, city, clock)
        shift = visits.shift[np.searchsorted(group, np.arange(group[-1] + 1))]
        work = np.bincount(group, leg + clock.visit)
        longest = np.bincount(group, _whole(leg) + clock.visit)
        over = (work > clock.budget[shift] + 1e-6) | (longest > (clock.end - clock.begin)[shift])
        if not over.any():
            break
        rows = np.flatnonzero(over[group])
        rows = rows[np.lexsort((-rows, visits.gain[rows], group[rows]))]
        _, first = np.unique(group[rows], return_index=True)
        visits = visits.take(np.delete(np.arange(len(group)), rows[first]))
    return visits


def _timed(visits: Visits, city: Tessellation, clock: _Clock) -> Visits:
    """Return the visits with their start: whole minutes, the slack of each shift in equal gaps."""
    if not len(visits.unit):
        return visits
    group = visits.group
    first = np.searchsorted(group, np.arange(group[-1] + 1))
    n = np.diff(first, append=len(group))
    leg = _whole(_legs(visits, city, clock))
    done = np.cumsum(leg + clock.visit)
    before = done - clock.visit - (done - leg - clock.visit)[first][group]
    work = np.add.reduceat(leg + clock.visit, first)
    slack = (clock.end - clock.begin)[visits.shift[first]] - work
    place = np.arange(len(group)) - first[group]
    start = clock.begin[visits.shift] + before + slack[group] * place // n[group]
    return Visits(visits.shift, visits.unit, visits.cell, visits.nth, visits.gain, start)
