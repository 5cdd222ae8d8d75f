"""A visit asked for at once: the unit that can be there first goes."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocator.domain import Bools, Ints
from allocator.facts import Note, note
from allocator.planning.duty import RESERVE
from allocator.planning.routes import RouteTerms, minutes_of

URGENT = "urgent"
"""Purpose of a visit that was asked for at once."""

OWN_DISTRICT = 5.0
"""Minutes that a unit of the cell's own district may take longer than one from elsewhere, and still be sent."""


def visit_at_once(
    visits: pd.DataFrame, cell: int, *, terms: RouteTerms, posting: npt.NDArray[np.int32], minute: int, clock: str
) -> tuple[pd.DataFrame, Note]:
    """Return the visits with one more, as early as a unit can be there, and what came of it.

    The unit finishes the visit that it is at. Of its later visits those that it can no longer reach in time are left
    out; nobody else's change.

    Parameters
    ----------
    visits : DataFrame
        `VISIT_COLUMNS`.
    cell : int
        Where.
    terms : RouteTerms
        Roster, travel and settings.
    posting : (n_units, n_shifts) int32
        District of each unit.
    minute : int
        From when on, in minutes since 1970-01-01 UTC.
    clock : str
        The same in words.
    """
    s = _shift_of(terms, posting, minute)
    if s is None:
        return visits, note("patrol.urgent_nobody", cell=cell)
    shift, visit = terms.roster.shifts[s], terms.allocation.block_minutes
    start = minutes_of(visits["start"])
    here = (visits["shift"] == shift.id).to_numpy()
    first, stop = max(minute, math.ceil(shift.start.timestamp() / 60)), int(shift.stop.timestamp() // 60)
    fixed = (start < minute) | (visits["purpose"] == URGENT).to_numpy()
    best: tuple[float, int, int] | None = None
    for unit in np.flatnonzero(posting[:, s] >= RESERVE).tolist():
        own = np.flatnonzero(here & (visits["unit"] == terms.roster.units[unit].name).to_numpy())
        ready, origin = _free(visits.iloc[own], start[own], fixed[own], first=first, visit=visit)
        travel = 0.0 if origin is None else _minutes(terms, origin, cell, unit)
        arrival = math.ceil(ready + travel - 1e-9)
        rank = arrival + OWN_DISTRICT * (posting[unit, s] != terms.problem.district[cell])
        if arrival + visit <= stop and (best is None or rank < best[0]):
            best = float(rank), unit, arrival
    if best is None:
        return visits, note("patrol.urgent_too_late", cell=cell, shift=shift.id)
    _, unit, arrival = best
    name = terms.roster.units[unit].name
    own = np.flatnonzero(here & (visits["unit"] == name).to_numpy() & ~fixed)
    late = [i for i in own if start[i] < arrival + visit + _minutes(terms, cell, int(visits["cell"].iloc[i]), unit)]
    begin = pd.Timestamp(arrival * 60, unit="s", tz="UTC").as_unit("s")
    row = pd.DataFrame(
        {"unit": [name], "shift": [shift.id], "seq": [0], "cell": [cell], "start": [begin],
         "stop": [begin + pd.Timedelta(visit, "min")], "purpose": [URGENT], "reason": [f"urgent, asked for at {clock}"]}
    ).astype(visits.dtypes.to_dict())  # fmt: skip
    barred = terms.problem.cap[s, cell] == 0
    cause = "patrol.urgent_barred" if barred else "patrol.urgent"
    told = note(cause, cell=cell, unit=name, minutes=arrival - minute, clock=clock, shift=shift.id)
    return pd.concat([visits.drop(visits.index[late]), row], ignore_index=True), told


def _shift_of(terms: RouteTerms, posting: npt.NDArray[np.int32], minute: int) -> int | None:
    """Return the running shift with units, of several the one that ends first; else the next."""
    visit, running = terms.allocation.block_minutes, []
    for s, shift in enumerate(terms.roster.shifts):
        begin, stop = shift.start.timestamp() / 60, shift.stop.timestamp() / 60
        if stop - visit > minute and (posting[:, s] >= RESERVE).any():
            running.append((max(begin, minute), stop, s))
    return min(running)[2] if running else None


def _free(visits: pd.DataFrame, start: Ints, fixed: Bools, *, first: int, visit: int) -> tuple[int, int | None]:
    """Return the minute at which a unit is free, after the visit it is at, and the cell where it then is."""
    if not len(start):
        return first, None
    begun = np.flatnonzero(fixed)
    if not len(begun):
        return first, int(visits["cell"].iloc[start.argmin()])
    last = begun[start[begun].argmax()]
    return max(first, int(start[last]) + visit), int(visits["cell"].iloc[last])


def _minutes(terms: RouteTerms, origin: int, target: int, unit: int) -> float:
    speed = float(terms.speeds(np.array([unit]))[0])
    return float(terms.travel.minutes(np.array([origin]), np.array([target]), speed_kmh=speed)[0, 0])
