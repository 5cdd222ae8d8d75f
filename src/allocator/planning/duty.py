"""Named units to districts, shift by shift."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import linear_sum_assignment

from allocator.domain import ASSIGNMENT_COLUMNS, Roster
from allocator.errors import DataError

if TYPE_CHECKING:
    from allocator.tessellation import Tessellation

RESERVE, OFF_DUTY = -1, -2
"""Postings of a unit that has no district in a shift."""


def post_units(units: npt.NDArray[np.int32], roster: Roster, city: Tessellation) -> npt.NDArray[np.int32]:
    """Return the district of each unit in each shift.

    As many units as possible serve in their home district; the others go to districts near theirs.

    Parameters
    ----------
    units : (n_districts, n_shifts) int32
        Units that each district gets.
    roster : Roster
        Units on duty.
    city : Tessellation
        For the distances between districts.

    Returns
    -------
    (n_units, n_shifts) int32
        Rows of the city's districts, `RESERVE` or `OFF_DUTY`.

    Raises
    ------
    DataError
        If more units are to be posted in a shift than are on duty.
    """
    cost = posting_cost(roster, city)
    posting = np.full((len(roster.units), len(roster.shifts)), OFF_DUTY, np.int32)
    row = {unit.name: i for i, unit in enumerate(roster.units)}
    for s, shift in enumerate(roster.shifts):
        crew = np.array([row[unit.name] for unit in roster.on_duty(shift)], np.int64)
        places = np.repeat(np.arange(len(units)), units[:, s])
        if len(places) > len(crew):
            raise DataError(f"shift {shift.id}: {len(places)} units are planned, {len(crew)} are on duty")
        posting[crew, s] = RESERVE
        one, place = linear_sum_assignment(cost[np.ix_(crew, places)])
        posting[crew[one], s] = places[place]
    return posting


def posting_cost(roster: Roster, city: Tessellation) -> npt.NDArray[np.float64]:
    """Return metres from home to each district, plus the width of the city away from home."""
    n = len(city.districts)
    inside = city.district >= 0
    count = np.maximum(np.bincount(city.district[inside], minlength=n), 1)
    x, y = (np.bincount(city.district[inside], one[inside], minlength=n) / count for one in (city.x, city.y))
    metres = np.hypot(x[:, None] - x, y[:, None] - y)
    metres += (metres.max(initial=0.0) + 1.0) * (1 - np.eye(n))
    row = {name: d for d, name in enumerate(city.districts)}
    home = np.array([row.get(unit.home_district, -1) for unit in roster.units], np.int64)
    return np.where((home >= 0)[:, None], metres[home], 0.0)


def assignments_frame(posting: npt.NDArray[np.int32], roster: Roster, districts: tuple[str, ...]) -> pd.DataFrame:
    """Return `ASSIGNMENT_COLUMNS` of every unit on duty, by shift and roster order."""
    shift, unit = np.nonzero(posting.T != OFF_DUTY)
    names = np.array([*districts, ""], object)  # RESERVE, -1, is the empty name
    columns = (
        np.array([one.name for one in roster.units], object)[unit],
        np.array([one.id for one in roster.shifts], object)[shift],
        names[posting[unit, shift]],
        np.array([one.home_district for one in roster.units], object)[unit],
    )
    return pd.DataFrame(dict(zip(ASSIGNMENT_COLUMNS, columns, strict=True))).astype("str")
