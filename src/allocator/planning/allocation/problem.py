"""From a forecast, a roster and a policy to arrays: the allocation problem, and whether it can be solved."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from allocator.config import AllocationSection, Place, PlaceLimit, Policy, StaffingSection
from allocator.domain import (
    AllocationProblem,
    AllocationTerms,
    Bools,
    Floats,
    Givens,
    Ints,
    RiskSurface,
    Roster,
    Shift,
    Tessellation,
    stretches_of,
)  # fmt: skip
from allocator.errors import ConfigError, DataError, nearest, some
from allocator.facts import Note, note
from allocator.planning.allocation.limits import cells_of, with_limits
from allocator.planning.staffing import minimums_of

NO_LIMIT = int(np.iinfo(np.int32).max)
"""`AllocationProblem.most` of a district without a ceiling."""


@dataclass(frozen=True, eq=False)
class Terms:
    """What a job asks of patrol in its week, before any forecast; `valued` makes a problem of it.

    Parameters
    ----------
    city : Tessellation
        Cells and districts.
    roster : Roster
        Planned shifts and who is on duty.
    policy, allocation
        Sections of the job.
    givens : Givens
        Places, residents, workload of calls and hand edits.
    staffing : StaffingSection
        The fewest units; rows of `minimums_file` among `minimums`.
    plain : AllocationTerms
        Units, caps, minimums and bands, without the limits of `[allocation]`.
    """

    city: Tessellation
    roster: Roster
    policy: Policy
    allocation: AllocationSection
    givens: Givens
    staffing: StaffingSection
    plain: AllocationTerms

    def changed(self, *, roster: Roster | None = None, givens: Givens | None = None) -> Terms:
        """Return the terms for another roster or other givens."""
        return terms_of(
            self.city, roster or self.roster, self.policy, allocation=self.allocation, staffing=self.staffing,
            givens=givens or self.givens,
        )  # fmt: skip

    def limited(self) -> AllocationTerms:
        """Return the terms with every limit that needs no forecast: what can be checked before there is one."""
        return with_limits(self.plain, self.roster, self.city, allocation=self.allocation, givens=self.givens)

    def valued(self, surface: RiskSurface) -> AllocationProblem:
        """Return the arrays that a solver needs, for the expected harm of a forecast.

        Raises
        ------
        DataError
            If the forecast and the roster are not about the same shifts and districts, or the forecast is broken.
        """
        value = np.ascontiguousarray(surface.expected_harm[shift_rows(surface, self.roster)])
        if wrong := int((~np.isfinite(value) | (value < 0)).sum()):
            raise DataError(f"expected harm is negative or not a number in {wrong:,} cells and shifts", count=wrong)
        notes = tuple(self._left_out(limit, value) for limit in self.policy.limits)
        own = {field.name: getattr(self.plain, field.name) for field in dataclasses.fields(self.plain)}
        problem = AllocationProblem(**own, value=value, notes=notes)
        return with_limits(problem, self.roster, self.city, allocation=self.allocation, givens=self.givens)

    def _left_out(self, limit: PlaceLimit, value: Floats) -> Note:
        """Return what a limit of the policy leaves out."""
        rows, there, blocks = _held(limit, self.city, self.roster, self.allocation, self.givens.places)
        harm, total = float(value[np.ix_(rows, np.flatnonzero(there))].sum()), max(float(value.sum()), 1e-12)
        what = {"count": there.sum(), "visits": blocks, "shifts": limit.shifts, "reason": limit.reason}
        cause = "patrol.held_to" if blocks else "patrol.left_out"
        return note(cause, **what, harm=harm, share=harm / total)


def overlaps_of(shifts: Sequence[Shift]) -> dict[str, Any]:
    """Return `stretch` and `turn` of the terms; nothing where no two shifts overlap.

    The value of a shift spreads evenly over its minutes, as each stretch has its equal part of it. A shift belongs to
    the first turn of which no shift that begins before overlaps it.
    """
    stretches = stretches_of(shifts)
    if all(len(rows) == 1 for _, _, rows in stretches):
        return {}
    share = np.zeros((len(stretches), len(shifts)))
    turn = np.zeros(len(shifts), np.int32)
    for n, (start, stop, rows) in enumerate(stretches):
        share[n, list(rows)] = (stop - start).total_seconds() / len(rows)
    beside = (share > 0).T.astype(np.int64) @ (share > 0) > 0
    done: list[int] = []
    for s in sorted(range(len(shifts)), key=lambda row: shifts[row].start):
        taken = {int(turn[other]) for other in done if beside[s, other]}
        turn[s] = next(n for n in range(len(shifts)) if n not in taken)
        done.append(s)
    return {"stretch": share / share.sum(axis=0), "turn": turn}


def terms_of(
    city: Tessellation, roster: Roster, policy: Policy, *, allocation: AllocationSection, staffing: StaffingSection,
    givens: Givens | None = None,
) -> Terms:  # fmt: skip
    """Return what a job asks of patrol, whatever the forecast.

    Parameters
    ----------
    city : Tessellation
        Cells and districts.
    roster : Roster
        Planned shifts and who is on duty.
    policy : Policy
        Limits on places.
    allocation, staffing
        Sections of the job. Rows of `staffing.minimums_file` are expected among `staffing.minimums`.
    givens : Givens, optional
        Places, residents, workload of calls and hand edits, if there are any.

    Raises
    ------
    ConfigError
        With every unknown name at once.
    DataError
        If units have home districts that do not exist.
    """
    givens = givens or Givens()
    _check_names(city, roster, policy, allocation=allocation, staffing=staffing, places=givens.places)
    least, most = _bands(city, allocation)
    blocks, busy = _room(roster, allocation, givens)
    minimum = minimums_of(staffing, city.districts, roster.shifts)
    if givens.required is not None:
        minimum = np.maximum(minimum, givens.required)
    if busy is not None:  # calls are answered by the fewest units first, so that each further one adds patrol
        busy = np.minimum(busy, minimum * blocks).astype(np.int32)
    plain = AllocationTerms(
        district=np.asarray(city.district, np.int32), cap=_caps(city, roster, policy, allocation, givens.places),
        on_duty=np.array([len(roster.on_duty(shift)) for shift in roster.shifts], np.int32),
        minimum=minimum.astype(np.int32), least=least, most=most, blocks=blocks, diminishing=allocation.diminishing,
        districts=city.districts, shifts=tuple(shift.id for shift in roster.shifts), busy=busy,
        day=np.array([(shift.day - roster.shifts[0].day).days for shift in roster.shifts], np.int32),
        spillover=allocation.spillover, indptr=np.asarray(city.indptr, np.int32) if allocation.spillover else None,
        indices=np.asarray(city.indices, np.int32) if allocation.spillover else None, **overlaps_of(roster.shifts),
    )  # fmt: skip
    return Terms(city, roster, policy, allocation, givens, staffing, plain)


def build_problem(
    surface: RiskSurface, roster: Roster, policy: Policy, *, allocation: AllocationSection, staffing: StaffingSection,
    givens: Givens | None = None,
) -> AllocationProblem:  # fmt: skip
    """Return `terms_of` the city of a forecast, valued by it; parameters and errors are theirs."""
    terms = terms_of(surface.city, roster, policy, allocation=allocation, staffing=staffing, givens=givens)
    return terms.valued(surface)


def _room(
    roster: Roster, allocation: AllocationSection, givens: Givens
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32] | None]:
    """Return visit blocks of a unit per shift, and blocks that calls take per (district, shift) where known."""
    minutes = np.array([shift.minutes for shift in roster.shifts])
    visit = allocation.block_minutes + allocation.travel_minutes
    if givens.busy_minutes is None:
        return np.floor(allocation.directed_share * minutes / visit + 1e-9).astype(np.int32), None
    blocks = np.floor((1 - givens.other_share) * minutes / visit + 1e-9).astype(np.int32)
    return blocks, np.ceil(givens.busy_minutes / visit - 1e-9).astype(np.int32)


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


def _check_names(
    city: Tessellation, roster: Roster, policy: Policy, *, allocation: AllocationSection, staffing: StaffingSection,
    places: Mapping[str, Bools],
) -> None:  # fmt: skip
    faults = [
        f"{where}: unknown {what} {name!r}{nearest(name, among)}"
        for where, what, name, among in _names_used(city, roster, policy, allocation=allocation, staffing=staffing)
        if name not in among
    ]
    faults += [
        f"{where}: the cells of {place.file!r} were not given"
        for where, place in places_named(policy, allocation)
        if place.file is not None and place.file not in places
    ]
    faults += _given_twice("allocation.bands", [(band.district, "") for band in allocation.bands])
    faults += _given_twice("staffing.minimums", [(minimum.district, minimum.shift) for minimum in staffing.minimums])
    if faults:
        raise ConfigError(f"{len(faults)} names or limits of the job do not fit the city", faults=faults)
    homes = {unit.home_district for unit in roster.units} - {"", *city.districts}
    if homes:
        shown = [f"unknown home district {home!r}{nearest(home, city.districts)}" for home in sorted(homes)]
        raise DataError("units have home districts that do not exist", faults=shown, column="home_district")


def _names_used(
    city: Tessellation, roster: Roster, policy: Policy, *, allocation: AllocationSection, staffing: StaffingSection
) -> Iterator[tuple[str, str, str, Collection[str]]]:
    """Yield key, noun and name of everything that a job names, and the names there are."""
    names = {shift.name for shift in roster.shifts}
    for where, place in places_named(policy, allocation):
        if place.district is not None:
            yield where, "district", place.district, city.districts
        if place.beat is not None:
            yield where, "beat", place.beat, city.beats
    at_shifts: list[tuple[str, tuple[str, ...]]] = [
        *((where, getattr(place, "shifts", ())) for where, place in places_named(policy, allocation)),
        *(("allocation.costs", cost.shifts) for cost in allocation.costs),
        *(("allocation.needs", need.shifts) for need in allocation.needs),
    ]
    for where, used in at_shifts:
        yield from ((where, "shift", name, names) for name in used)
    for need in allocation.needs:
        if need.skill is not None:
            yield "allocation.needs", "skill", need.skill, {skill for unit in roster.units for skill in unit.skills}
        if need.type is not None:
            yield "allocation.needs", "type", need.type, {unit.type for unit in roster.units}
        if need.district is not None:
            yield "allocation.needs", "district", need.district, city.districts
    for minimum in staffing.minimums:
        yield "staffing.minimums", "district", minimum.district, city.districts
        yield "staffing.minimums", "shift", minimum.shift, names | {shift.id for shift in roster.shifts}
    for band in allocation.bands:
        yield "allocation.bands", "district", band.district, city.districts


def places_named(policy: Policy, allocation: AllocationSection) -> list[tuple[str, Place]]:
    """Return the key and the place of every limit of a job that names one."""
    return [
        *(("policy.limits", place) for place in policy.limits),
        *(("allocation.dosage", place) for place in allocation.dosage),
        *(("allocation.requests", place) for place in allocation.requests),
        *(("allocation.community", place) for place in allocation.community),
    ]


def _given_twice(where: str, keys: list[tuple[str, str]]) -> list[str]:
    twice = sorted({key for key in keys if keys.count(key) > 1})
    return [f"{where}: district {d!r}{f', shift {s!r}' if s else ''} is given twice" for d, s in twice]


def _caps(
    city: Tessellation, roster: Roster, policy: Policy, allocation: AllocationSection, places: Mapping[str, Bools]
) -> npt.NDArray[np.int16]:
    """Return the most blocks per shift and cell."""
    cap = np.full((len(roster.shifts), city.n_cells), allocation.max_blocks, np.int16)
    for limit in policy.limits:
        rows, there, blocks = _held(limit, city, roster, allocation, places)
        index = np.ix_(rows, np.flatnonzero(there))
        cap[index] = np.minimum(cap[index], blocks)
    return cap


def _held(
    limit: PlaceLimit, city: Tessellation, roster: Roster, allocation: AllocationSection, places: Mapping[str, Bools]
) -> tuple[Ints, Bools, int]:
    """Return the rows of shifts and the cells that a limit holds, and the blocks that it allows there."""
    rows = [s for s, shift in enumerate(roster.shifts) if not limit.shifts or shift.name in limit.shifts]
    blocks = min(limit.max_minutes // allocation.block_minutes, allocation.max_blocks)
    return np.array(rows, np.int64), cells_of(limit, city, places), blocks


def _bands(city: Tessellation, allocation: AllocationSection) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    least = np.zeros(len(city.districts), np.int32)
    most = np.full(len(city.districts), NO_LIMIT, np.int32)
    for band in allocation.bands:
        d = city.districts.index(band.district)
        least[d] = band.least
        if band.most is not None:
            most[d] = band.most
    return least, most
