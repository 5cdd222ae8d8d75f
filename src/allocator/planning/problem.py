"""From a forecast, a roster and a policy to arrays: the allocation problem, and whether it can be solved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from allocator.config import AllocationSection, PlaceLimit, Policy, StaffingSection
from allocator.domain import AllocationProblem, Bools, Ints, RiskSurface, Roster
from allocator.errors import ConfigError, DataError, InfeasibleError, nearest, some

if TYPE_CHECKING:
    from allocator.tessellation import Tessellation

NO_LIMIT = int(np.iinfo(np.int32).max)
"""`AllocationProblem.most` of a district without a ceiling."""


def build_problem(
    surface: RiskSurface,
    roster: Roster,
    policy: Policy,
    *,
    allocation: AllocationSection,
    staffing: StaffingSection,
    places: Mapping[str, Bools] = {},
) -> AllocationProblem:
    """Return the arrays that a solver needs.

    Parameters
    ----------
    surface : RiskSurface
        Forecast of every planned shift.
    roster : Roster
        Planned shifts and who is on duty.
    policy : Policy
        Limits on places.
    allocation, staffing
        Sections of the job. Rows of `staffing.minimums_file` are expected among `staffing.minimums`.
    places : mapping of str to (n_cells,) bool
        The cells of each polygon file that a limit names.

    Raises
    ------
    ConfigError
        With every unknown name at once.
    DataError
        If the forecast and the roster are not about the same shifts and districts, or the forecast is broken.
    """
    city = surface.city
    value = np.ascontiguousarray(surface.expected_harm[shift_rows(surface, roster)])
    if wrong := int((~np.isfinite(value) | (value < 0)).sum()):
        raise DataError(f"expected harm is negative or not a number in {wrong:,} cells and shifts", count=wrong)
    _check_names(city, roster, policy, allocation=allocation, staffing=staffing, places=places)
    cap, notes = _caps(value, city, roster, policy=policy, allocation=allocation, places=places)
    least, most = _bands(city, allocation)
    minutes = np.array([shift.minutes for shift in roster.shifts])
    visit = allocation.block_minutes + allocation.travel_minutes
    on_duty = [len(roster.on_duty(shift)) for shift in roster.shifts]
    return AllocationProblem(
        value=value,
        district=np.asarray(city.district, np.int32),
        cap=cap,
        on_duty=np.array(on_duty, np.int32),
        minimum=_minimums(city, roster, staffing),
        least=least,
        most=most,
        blocks=np.floor(allocation.directed_share * minutes / visit + 1e-9).astype(np.int32),
        diminishing=allocation.diminishing,
        districts=city.districts,
        shifts=tuple(shift.id for shift in roster.shifts),
        notes=notes,
    )


def shift_rows(surface: RiskSurface, roster: Roster) -> Ints:
    """Return the row of the surface for each shift of the roster.

    Raises
    ------
    DataError
        If they are not about the same shifts.
    """
    row = {name: i for i, name in enumerate(surface.shifts)}
    planned = [shift.id for shift in roster.shifts]
    faults = []
    if missing := [name for name in planned if name not in row]:
        faults.append(f"{len(missing)} shifts of the roster have no forecast: {some(missing)}")
    if extra := sorted(set(row) - set(planned)):
        faults.append(f"{len(extra)} shifts of the forecast are not in the roster: {some(extra)}")
    if faults:
        raise DataError("forecast and roster are not about the same shifts", faults=faults)
    return np.array([row[name] for name in planned], np.int64)


def check_feasible(problem: AllocationProblem) -> None:
    """Raise if no allocation can satisfy the problem.

    The checks are complete: a free unit may go to any district, so a problem that passes them has a
    solution.

    Raises
    ------
    InfeasibleError
        With every conflict, its names and numbers.
    """
    faults = [*_short_shifts(problem), *_broken_bands(problem)]
    if problem.on_duty.sum() == 0:
        faults.insert(0, f"no unit is on duty in any of the {len(problem.shifts)} shifts")
    if faults:
        raise InfeasibleError("no plan can satisfy the limits of this job", faults=faults)


def _short_shifts(problem: AllocationProblem) -> Iterable[str]:
    needed = problem.minimum.sum(axis=0)
    for s in np.flatnonzero(needed > problem.on_duty):
        order = np.argsort(-problem.minimum[:, s], kind="stable")
        parts = [f"{problem.minimum[d, s]} in district {problem.districts[d]}" for d in order if problem.minimum[d, s]]
        shown = ", ".join(parts[:3]) + (f" and {len(parts) - 3} more districts" if len(parts) > 3 else "")
        yield (
            f"shift {problem.shifts[s]} needs at least {needed[s]} units ({shown}), {problem.on_duty[s]} are on duty"
        )


def _broken_bands(problem: AllocationProblem) -> Iterable[str]:
    committed = problem.minimum.sum(axis=1, dtype=np.int64)
    on_duty = int(problem.on_duty.sum())
    for d in np.flatnonzero(committed > problem.most):
        yield (
            f"district {problem.districts[d]} needs {committed[d]} unit-shifts for its minimums, "
            f"its band allows at most {problem.most[d]}"
        )
    reachable = on_duty - committed.sum() + committed
    beyond = problem.least > reachable
    for d in np.flatnonzero(beyond):
        yield (
            f"the band of district {problem.districts[d]} asks for at least {problem.least[d]} unit-shifts, "
            f"{max(0, reachable[d])} can reach it after the minimums of the other districts"
        )
    needed = int(np.maximum(problem.least, committed).sum())
    if needed > on_duty and committed.sum() <= on_duty and not beyond.any():
        names = [problem.districts[d] for d in np.flatnonzero(problem.least > committed)]
        yield (
            f"bands and minimums together ask for at least {needed} unit-shifts (districts with a band above "
            f"their minimums: {some(names, 5)}), {on_duty} are on duty in the plan"
        )


def _check_names(
    city: Tessellation,
    roster: Roster,
    policy: Policy,
    *,
    allocation: AllocationSection,
    staffing: StaffingSection,
    places: Mapping[str, Bools],
) -> None:
    names = {shift.name for shift in roster.shifts}
    shifts = names | {shift.id for shift in roster.shifts}
    faults: list[str] = []

    def known(where: str, what: str, name: str, among: Iterable[str]) -> None:
        if name not in among:
            faults.append(f"{where}: unknown {what} {name!r}{nearest(name, among)}")

    for limit in policy.limits:
        if limit.district is not None:
            known("policy.limits", "district", limit.district, city.districts)
        if limit.beat is not None:
            known("policy.limits", "beat", limit.beat, city.beats)
        if limit.file is not None and limit.file not in places:
            faults.append(f"policy.limits: the cells of {limit.file!r} were not given")
        for name in limit.shifts:
            known("policy.limits", "shift", name, names)
    for minimum in staffing.minimums:
        known("staffing.minimums", "district", minimum.district, city.districts)
        known("staffing.minimums", "shift", minimum.shift, shifts)
    for band in allocation.bands:
        known("allocation.bands", "district", band.district, city.districts)
    faults += _given_twice("allocation.bands", [(band.district, "") for band in allocation.bands])
    faults += _given_twice("staffing.minimums", [(one.district, one.shift) for one in staffing.minimums])
    if faults:
        raise ConfigError(f"{len(faults)} names or limits of the job do not fit the city", faults=faults)
    homes = {unit.home_district for unit in roster.units} - {"", *city.districts}
    if homes:
        shown = [f"unknown home district {home!r}{nearest(home, city.districts)}" for home in sorted(homes)]
        raise DataError("units have home districts that do not exist", faults=shown, column="home_district")


def _given_twice(where: str, keys: list[tuple[str, str]]) -> list[str]:
    twice = sorted({key for key in keys if keys.count(key) > 1})
    return [f"{where}: district {d!r}{f', shift {s!r}' if s else ''} is given twice" for d, s in twice]


def _caps(
    value: npt.NDArray[np.float64],
    city: Tessellation,
    roster: Roster,
    *,
    policy: Policy,
    allocation: AllocationSection,
    places: Mapping[str, Bools],
) -> tuple[npt.NDArray[np.int16], tuple[str, ...]]:
    """Return the most blocks per shift and cell, and a sentence on what each limit leaves out."""
    cap = np.full(value.shape, allocation.max_blocks, np.int16)
    notes = []
    for limit in policy.limits:
        there = _cells_of(limit, city, places)
        rows = [s for s, shift in enumerate(roster.shifts) if not limit.shifts or shift.name in limit.shifts]
        blocks = min(limit.max_minutes // allocation.block_minutes, allocation.max_blocks)
        index = np.ix_(np.array(rows, np.int64), np.flatnonzero(there))
        cap[index] = np.minimum(cap[index], blocks)
        harm, total = float(value[index].sum()), max(float(value.sum()), 1e-12)
        what = "left out" if blocks == 0 else f"held to {blocks} visit{'s' * (blocks > 1)} a shift"
        when = f" in {', '.join(limit.shifts)} shifts" if limit.shifts else ""
        notes.append(
            f"{int(there.sum()):,} cells are {what}{when} by policy ({limit.reason}): "
            f"expected harm there is {harm:.1f}, {harm / total:.1%} of all"
        )
    return cap, tuple(notes)


def _cells_of(limit: PlaceLimit, city: Tessellation, places: Mapping[str, Bools]) -> Bools:
    if limit.district is not None:
        return np.asarray(city.district == city.districts.index(limit.district))
    if limit.beat is not None:
        return np.asarray(city.beat == city.beats.index(limit.beat))
    return np.asarray(places[str(limit.file)], bool)


def _minimums(city: Tessellation, roster: Roster, staffing: StaffingSection) -> npt.NDArray[np.int32]:
    minimum = np.full((len(city.districts), len(roster.shifts)), staffing.default_minimum, np.int32)
    district = {name: d for d, name in enumerate(city.districts)}
    ids = [shift.id for shift in roster.shifts]
    for row in sorted(staffing.minimums, key=lambda row: row.shift in ids):  # single shifts last: they win
        for s, shift in enumerate(roster.shifts):
            if row.shift in (shift.id, shift.name):
                minimum[district[row.district], s] = row.units
    return minimum


def _bands(city: Tessellation, allocation: AllocationSection) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    least = np.zeros(len(city.districts), np.int32)
    most = np.full(len(city.districts), NO_LIMIT, np.int32)
    for band in allocation.bands:
        d = city.districts.index(band.district)
        least[d] = band.least
        if band.most is not None:
            most[d] = band.most
    return least, most
