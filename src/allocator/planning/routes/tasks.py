"""Tours to make: the visits of one district and shift, and who drives them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocator.config import AllocationSection, RoutesSection
from allocator.domain import AllocationProblem, Bools, Floats, Ints, Openings, Roster, Tessellation, Travel
from allocator.planning.allocation import block_share


@dataclass(frozen=True, eq=False)
class Visits:
    """Visits as arrays, sorted by shift, unit and time.

    Parameters
    ----------
    shift, unit, cell : (n,) int64
        Rows of shifts, units and cells.
    nth : (n,) int64
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


def minutes_of(times: pd.Series) -> Ints:
    """Return UTC timestamps as whole minutes since 1970-01-01, (n,) int64."""
    return np.asarray(times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[m]"), np.int64)


@dataclass(frozen=True, eq=False)
class Task:
    """The units of one district in one shift, or in what is left of it, and the blocks they still have to do.

    Parameters
    ----------
    district, shift : int
        Rows.
    begin, end : int
        Whole minutes since 1970-01-01 UTC: no visit begins before, none ends after.
    crew : (n_units,) int
        Rows of the units.
    start : (n_units,) int
        Cell where each is at `begin`, -1: where its first visit is.
    budget : (n_units,) float64
        Minutes of travel and visits that each has left.
    rest : (n_units,) bool
        Whose break is still to come.
    cell, nth : (n_blocks,) int
        Blocks to do: the nth block (from 0) of a cell in that shift.
    ready : (n_blocks,) int64
        Minute before which a block may not begin, such as the end of the last visit there plus the return gap.
    """

    district: int
    shift: int
    begin: int
    end: int
    crew: Ints
    start: Ints
    budget: Floats
    rest: Bools
    cell: Ints
    nth: Ints
    ready: Ints


@dataclass(frozen=True, eq=False)
class RouteTerms:
    """What all tasks of a plan share.

    Parameters
    ----------
    problem : AllocationProblem
        For the gains and names.
    roster : Roster
        Shifts, and speeds of units.
    travel : Travel
        Minutes between cells.
    allocation, routes
        Settings, as in a job file.
    openings : Openings, optional
        When places may be visited; by default at any time.
    seed : int
        Seed of the job.
    """

    problem: AllocationProblem
    roster: Roster
    travel: Travel
    allocation: AllocationSection
    routes: RoutesSection
    openings: Openings | None = None
    seed: int = 0

    def speeds(self, crew: Ints) -> Floats:
        """Return the speed of each unit in km/h."""
        return np.array([self.roster.units[unit].speed_kmh or self.routes.speed_kmh for unit in crew], np.float64)

    def gain(self, shift: int | Ints, cell: Ints, nth: Ints) -> Floats:
        """Return what blocks add to the expected harm covered."""
        return np.asarray(self.problem.value[shift, cell] * block_share(self.problem.diminishing, nth))


@dataclass(frozen=True, eq=False)
class Routed:
    """Routes, and the lottery they were drawn from.

    Parameters
    ----------
    visits : Visits
        The routes drawn.
    lottery : DataFrame
        `LOTTERY_COLUMNS`, one row per task with anything to do.
    """

    visits: Visits
    lottery: pd.DataFrame


def straight(city: Tessellation, routes: RoutesSection) -> Travel:
    """Return travel by distance × detour / speed."""
    return Travel(np.asarray(city.x, np.float64), np.asarray(city.y, np.float64), routes.detour)


def tasks_of(terms: RouteTerms, blocks: npt.NDArray[np.int16], posting: npt.NDArray[np.int32]) -> tuple[Task, ...]:
    """Return the task of each district and shift that has blocks to do, whole shifts, by shift and district.

    Parameters
    ----------
    terms : RouteTerms
        What they share.
    blocks : (n_shifts, n_cells) int16
        Blocks of each cell.
    posting : (n_units, n_shifts) int32
        District of each unit.
    """
    district, tasks = terms.problem.district, []
    for s, shift in enumerate(terms.roster.shifts):
        cell = np.flatnonzero((blocks[s] > 0) & (district >= 0))
        count = blocks[s, cell].astype(np.int64)
        nth = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
        cell = np.repeat(cell, count)
        begin = int(-(-shift.start.timestamp() // 60)) + terms.routes.briefing_minutes
        rest = terms.routes.break_minutes > 0 and shift.minutes >= terms.routes.break_from_hours * 60
        for d in np.unique(district[cell]):
            crew, here = np.flatnonzero(posting[:, s] == d), district[cell] == d
            budget = minutes_each(terms, int(d), s, len(crew))
            tasks.append(
                Task(
                    district=int(d), shift=s, begin=begin, end=int(shift.stop.timestamp() // 60), crew=crew,
                    start=np.full(len(crew), -1), rest=np.full(len(crew), rest), cell=cell[here], nth=nth[here],
                    budget=np.full(len(crew), budget),
                    ready=np.full(int(here.sum()), begin),
                )
            )  # fmt: skip
    return tuple(tasks)


def minutes_each(terms: RouteTerms, d: int, s: int, n_units: int) -> float:
    """Return the minutes of travel and visits for each unit: what calls leave, or the directed share of the shift."""
    problem, allocation = terms.problem, terms.allocation
    if problem.busy is None or not n_units:
        return allocation.directed_share * terms.roster.shifts[s].minutes
    room = max(int(problem.blocks[s]) * n_units - int(problem.busy[d, s]), 0)
    return room * (allocation.block_minutes + allocation.travel_minutes) / n_units
