"""Districts that answer calls for each other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocator.config import RoutesSection
from allocator.domain import Calls, Floats, Ints, Shift, Tessellation
from allocator.planning.staffing.demand import Demand
from allocator.planning.staffing.hypercube import approximate, preferences
from allocator.planning.staffing.queueing import erlang_c

HELP_COLUMNS = (
    "shift", "district", "units", "workload", "wait_minutes", "travel_minutes", "response_minutes",
    "answered_by_others",
)  # fmt: skip
"""Columns of `Staffing.help`: districts helping each other with the units given (or required)."""
_MOST_ATOMS, _MOST_RESTS = 400, 60


def helping_districts(
    calls: Calls, demand: Demand, units: Ints, shifts: Sequence[Shift], *, city: Tessellation | None,
    routes: RoutesSection,
) -> pd.DataFrame | None:  # fmt: skip
    """Return `HELP_COLUMNS`: every unit answers everywhere, the nearest free one first (Larson's hypercube).

    Atoms are calls of the history, evenly drawn; units rest at the places of their district's calls. None if the
    calls have no coordinates or there is one district.
    """
    week = min(shift.day for shift in shifts)
    if calls.x is None or calls.y is None or len(calls.districts) < 2:
        return None
    x, y, district = _atoms(calls, week)
    if not len(x):
        return None
    travel = _travel(x, y, district, calls=calls, city=city) / 1000 * routes.detour / routes.speed_kmh * 60
    rows: list[pd.DataFrame] = []
    for s, shift in enumerate(shifts):
        sent = np.einsum("dhp,p,h->dp", demand.rate[:, s], demand.units_per_call, demand.minutes[s] / 60)
        calls_of, work = sent.sum(axis=1), (sent * demand.service).sum()
        service = work / max(calls_of.sum(), 1e-300) / (1 - demand.other_share)
        columns = _helping(units[:, s], travel, district, rate=calls_of / demand.minutes[s].sum(), service=service)
        there = (shift.id, calls.districts, units[:, s].astype(np.int32))
        rows.append(pd.DataFrame(dict(zip(HELP_COLUMNS, (*there, *columns), strict=True))))
    return pd.concat(rows, ignore_index=True).astype({"shift": "str", "district": "str"})


def _atoms(calls: Calls, week: dt.date) -> tuple[Floats, Floats, npt.NDArray[np.int32]]:
    known = calls.before(week)
    usable = known.from_public & (known.district >= 0)  # type: ignore[operator]
    usable &= np.isfinite(known.x) & np.isfinite(known.y)  # type: ignore[arg-type]
    rows = np.flatnonzero(usable)
    rows = rows[:: max(1, -(-len(rows) // _MOST_ATOMS))]
    return (
        np.asarray(known.x[rows], np.float64), np.asarray(known.y[rows], np.float64),  # type: ignore[index]
        np.asarray(known.district[rows], np.int32),  # type: ignore[index]
    )  # fmt: skip


def _travel(
    x: Floats, y: Floats, district: npt.NDArray[np.int32], *, calls: Calls, city: Tessellation | None
) -> Floats:
    """Return the mean metres from the resting places of each district to each atom, (n_districts, n_atoms)."""
    metres = np.zeros((len(calls.districts), len(x)))
    for d in range(len(calls.districts)):
        rest_x, rest_y = x[district == d], y[district == d]
        if not len(rest_x):
            cells = np.zeros(0, np.int64) if city is None else np.flatnonzero(city.district == d)
            rest_x, rest_y = (x, y) if not len(cells) or city is None else (city.x[cells], city.y[cells])
        step = max(1, -(-len(rest_x) // _MOST_RESTS))
        away = np.hypot(rest_x[::step, None] - x, rest_y[::step, None] - y)
        metres[d] = away.mean(axis=0)
    return metres


def _helping(
    units: Ints, travel: Floats, district: npt.NDArray[np.int32], *, rate: Floats, service: float
) -> tuple[Floats, ...]:
    """Return the figures of `HELP_COLUMNS` in one shift; NaN where units cannot keep up, or nobody calls."""
    home = np.repeat(np.arange(len(units)), units)
    n_atoms = np.bincount(district, minlength=len(units))
    atoms = np.divide(rate, n_atoms, out=np.zeros(len(units)), where=n_atoms > 0)[district]
    load = float(atoms.sum() * service)
    nothing = np.full(len(units), np.nan)
    workload, wait, minutes, others = nothing, nothing, nothing.copy(), nothing.copy()
    if 0 < load < len(home):
        answers = approximate(atoms, preferences(travel[home]), service)
        workload = np.divide(
            np.bincount(home, answers.workload, len(units)), units, out=nothing.copy(), where=units > 0
        )
        wait = np.full(len(units), float(erlang_c(load, len(home))) * service / (len(home) - load))
        answered, spent = answers.dispatch.sum(axis=0), answers.dispatch * travel[home]
        for d in np.flatnonzero(np.bincount(district, answered, len(units)) > 0):
            mine = district == d
            share = answered[mine].sum()
            minutes[d] = spent[:, mine].sum() / share
            others[d] = answers.dispatch[:, mine][home != d].sum() / share
    return workload, wait, minutes, wait + minutes, others
