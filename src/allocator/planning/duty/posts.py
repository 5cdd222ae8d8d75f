"""Named units to districts, shift by shift."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import linear_sum_assignment

from allocator.domain import ASSIGNMENT_COLUMNS, AllocationProblem, Bools, Floats, Ints, Roster, Tessellation
from allocator.errors import DataError, SolverError
from allocator.planning.allocation import Rows
from allocator.planning.programs import Program, maximise

RESERVE, OFF_DUTY = -1, -2
"""Postings of a unit that has no district in a shift."""

_AWAY, _LAST = 3.0, 2.5
"""Widths of the city that a posting away from home costs, and one where the unit was last: two units away, both where
they were, cost more than one at home and one anywhere."""

_METRES = 1.0
"""An integer posting may be this much longer than the best."""


def post_units(
    units: npt.NDArray[np.int32], roster: Roster, city: Tessellation, *, problem: AllocationProblem | None = None
) -> npt.NDArray[np.int32]:
    """Return the district of each unit in each shift.

    As many units as possible serve in their home district; a unit away from home stays in the district of its last
    shift of the plan; the others go to districts near their home.

    Parameters
    ----------
    units : (n_districts, n_shifts) int32
        Units that each district gets.
    roster : Roster
        Units on duty.
    city : Tessellation
        For the distances between districts.
    problem : AllocationProblem, optional
        What the units were allocated for: where each may serve, and the skills that a district needs.

    Returns
    -------
    (n_units, n_shifts) int32
        Rows of the city's districts, `RESERVE` or `OFF_DUTY`.

    Raises
    ------
    DataError
        If more units are to be posted in a shift than are on duty.
    SolverError
        If no posting gives every district the units it needs.
    """
    home_cost, width = posting_cost(roster, city)
    posting = np.full((len(roster.units), len(roster.shifts)), OFF_DUTY, np.int32)
    row = {unit.name: i for i, unit in enumerate(roster.units)}
    last = np.full(len(roster.units), -1, np.int64)
    for s, shift in enumerate(roster.shifts):
        crew = np.array([row[unit.name] for unit in roster.on_duty(shift)], np.int64)
        if units[:, s].sum() > len(crew):
            raise DataError(f"shift {shift.id}: {units[:, s].sum()} units are planned, {len(crew)} are on duty")
        cost = home_cost[crew].copy()
        back = np.flatnonzero(last[crew] >= 0)
        cost[back, last[crew[back]]] = np.minimum(cost[back, last[crew[back]]], _LAST * width)
        chosen = None if problem is None else _with_needs(units[:, s], crew, s, cost=cost, problem=problem)
        posting[crew, s] = _nearest(units[:, s], cost) if chosen is None else chosen
        last[crew] = np.where(posting[crew, s] >= 0, posting[crew, s], last[crew])
    return posting


def _nearest(units: npt.NDArray[np.int32], cost: Floats) -> Ints:
    """Return the district of each unit of a shift where any unit may serve anywhere."""
    places = np.repeat(np.arange(len(units)), units)
    chosen = np.full(len(cost), RESERVE, np.int64)
    one, place = linear_sum_assignment(cost[:, places])
    chosen[one] = places[place]
    return chosen


def _with_needs(
    units: npt.NDArray[np.int32], crew: Ints, s: int, *, cost: Floats, problem: AllocationProblem
) -> Ints | None:
    """Return the district of each unit of a shift by an integer program; None where nothing tells units apart."""
    if problem.crews is None or problem.allowed is None or problem.class_of is None:
        return None
    allowed = problem.allowed[problem.class_of[crew], :, s]
    needs = [
        (*row, counts[problem.class_of[crew]])
        for row, counts in zip(_rows(problem.needs), _rows(problem.need_classes), strict=True)
        if row[1] == s
    ]
    if allowed.all() and not needs:
        return None
    i, d = np.nonzero(allowed)
    column, rows = np.arange(len(i)), Rows()
    rows.add(i, column, 1.0, least=np.full(len(crew), -np.inf), most=1.0)
    rows.add(d, column, 1.0, least=units, most=units)
    for at, _, n, counts in needs:
        rows.add(0, column[counts[i] & (d == at)], 1.0, least=n, most=np.inf)
    one = np.ones(len(i))
    solution = maximise(
        Program(-cost[i, d], 0 * one, one, one > 0, rows.matrix(len(i)), np.array(rows.least), np.array(rows.most)),
        within=_METRES,
    )
    if solution is None:
        asked = ", ".join(problem.districts[at] for at in sorted({int(need[0]) for need in needs}))
        where = f"in district {asked}" if asked else "where hand edits allow it"
        raise SolverError(f"shift {problem.shifts[s]}: no posting of its units gives what is needed {where}")
    chosen = np.full(len(crew), RESERVE, np.int64)
    taken = solution.values > 0.5
    chosen[i[taken]] = d[taken]
    return chosen


def _rows(table: Ints | Bools | None) -> Ints | Bools:
    return np.zeros((0, 3), np.int32) if table is None else table


def posting_cost(roster: Roster, city: Tessellation) -> tuple[Floats, float]:
    """Return metres from home to each district, plus `_AWAY` widths of the city away from home; and that width."""
    n = len(city.districts)
    inside = city.district >= 0
    count = np.maximum(np.bincount(city.district[inside], minlength=n), 1)
    x, y = (np.bincount(city.district[inside], axis[inside], minlength=n) / count for axis in (city.x, city.y))
    metres = np.hypot(x[:, None] - x, y[:, None] - y)
    width = float(metres.max(initial=0.0)) + 1.0
    metres += _AWAY * width * (1 - np.eye(n))
    row = {name: d for d, name in enumerate(city.districts)}
    home = np.array([row.get(unit.home_district, -1) for unit in roster.units], np.int64)
    return np.where((home >= 0)[:, None], metres[home], _AWAY * width), width


def assignments_frame(posting: npt.NDArray[np.int32], roster: Roster, districts: tuple[str, ...]) -> pd.DataFrame:
    """Return `ASSIGNMENT_COLUMNS` of every unit on duty, by shift and roster order."""
    shift, unit = np.nonzero(posting.T != OFF_DUTY)
    names = np.array([*districts, ""], object)  # RESERVE, -1, is the empty name
    columns = (
        np.array([each.name for each in roster.units], object)[unit],
        np.array([each.id for each in roster.shifts], object)[shift],
        names[posting[unit, shift]],
        np.array([each.home_district for each in roster.units], object)[unit],
    )
    return pd.DataFrame(dict(zip(ASSIGNMENT_COLUMNS, columns, strict=True))).astype("str")
