"""From calls for service to units: the fewest that answer them in time, and the best spread of those there are.

Each district's calls queue for its own units in the order of their priority. Within a shift every hour is taken as
long enough for its own equilibrium (stationary independent period by period, SIPP: Green, Kolesar & Soares 2001).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from allocator.config import RoutesSection, StaffingSection
from allocator.domain import WHOLE_CITY, Calls, Ints, Roster, Shift, Staffing, Tessellation
from allocator.errors import ConfigError, DataError, nearest, some
from allocator.facts import Note, note
from allocator.planning.staffing.arrivals import expect, hours_of_shifts, own_share
from allocator.planning.staffing.demand import demand_of, fewest, spread_units, waits
from allocator.planning.staffing.help import helping_districts
from allocator.planning.staffing.minimums import minimums_of


def staff(
    calls: Calls, shifts: Sequence[Shift], options: StaffingSection = StaffingSection(), *,
    city: Tessellation | None = None, roster: Roster | None = None, routes: RoutesSection = RoutesSection(),
) -> Staffing:  # fmt: skip
    """Return the units that each district and shift needs so that calls are answered in time.

    Parameters
    ----------
    calls : Calls
        From `read_calls`; those received on the first planned day or later are not looked at.
    shifts : sequence of Shift
        The planned shifts.
    options : StaffingSection
        Targets, highest utilisation, totals and the job's own minimums (rows of `minimums_file` among `minimums`).
    city : Tessellation, optional
        Puts the calls into districts, by their coordinates or labels. Without it they must have district labels, or
        the city is staffed as a whole.
    roster : Roster, optional
        Who is on duty: what there is to spread where `options.total` says nothing.
    routes : RoutesSection
        Speed and detour, for the travel of districts that help each other.

    Raises
    ------
    ConfigError
        If targets, totals or minimums name what does not exist.
    DataError
        If no call lies in the history, or call districts are not those of the city.
    """
    if not shifts:
        raise DataError("no shift is planned")
    placed = _placed(calls, city)
    _check_names(placed, shifts, options)
    arrivals = expect(placed, week=min(shift.day for shift in shifts), weeks=options.weeks)
    hour, minutes = hours_of_shifts(shifts, placed.timezone)
    demand = demand_of(arrivals, hour, minutes, priorities=placed.priorities, options=options)
    there = given_units(shifts, options, roster=roster, required=np.ones((1, len(shifts)), np.int32))
    share = own_share(shifts, hour, placed.timezone, manned=None if there is None else there > 0)
    demand = dataclasses.replace(demand, rate=demand.rate * share[None, :, :, None])
    floor = minimums_of(options, placed.districts, shifts)
    pooled = fewest(demand.pooled(), options)[0]
    needed = spread_units(demand, pooled, np.zeros_like(floor)) if options.help == "city" else fewest(demand, options)
    required = np.maximum(needed, floor)
    given = given_units(shifts, options, roster=roster, required=required)
    spread = None if given is None else spread_units(demand, given, floor)
    wait, within = waits(demand, required, options)
    wait_given, within_given = (None, None) if spread is None else waits(demand, spread, options)
    officer = np.einsum(
        "shd,sh->ds", np.where((hour >= 0)[..., None], arrivals.officer[hour], 0.0), share * minutes / 60
    )
    return Staffing(
        districts=placed.districts, priorities=placed.priorities, shifts=tuple(shifts), hour=hour, minutes=minutes,
        rate=demand.rate, units_per_call=arrivals.units_per_call, service=arrivals.service, officer_minutes=officer,
        other_share=options.other_share, helped=options.help == "city", target=demand.target,
        units_required=required, wait_required=wait, within_required=within,
        pooled_required=pooled, given=given, units_given=spread,
        wait_given=wait_given, within_given=within_given,
        help=helping_districts(
            placed, demand, required if spread is None else spread, shifts, city=city, routes=routes
        ),
        ledger=placed.ledger, notes=(*placed.notes, *arrivals.notes, *_notes(placed, given, floor, options),
               *((note("staffing.overlap"),) if (share < 1).any() else ())),
    )  # fmt: skip


def given_units(
    shifts: Sequence[Shift], options: StaffingSection, *, roster: Roster | None, required: Ints
) -> Ints | None:
    """Return the units that there are in each shift, None if nobody says; what is needed in shifts left out."""
    if roster is None and not options.total:
        return None
    duty = required.sum(axis=0) if roster is None else [len(roster.on_duty(shift)) for shift in shifts]
    return np.array([options.total.get(shift.name, n) for shift, n in zip(shifts, duty, strict=True)], np.int32)


def _placed(calls: Calls, city: Tessellation | None) -> Calls:
    if city is not None:
        return calls.placed(city)
    if calls.district is not None:
        return calls
    return dataclasses.replace(calls, district=np.zeros(len(calls), np.int32), districts=(WHOLE_CITY,))


def _check_names(calls: Calls, shifts: Sequence[Shift], options: StaffingSection) -> None:
    names = tuple(dict.fromkeys(shift.name for shift in shifts))
    faults = [
        f"staffing.targets: no call has priority {target.priority!r}{nearest(target.priority, calls.priorities)}; "
        f"the calls have {some(calls.priorities, 10)}"
        for target in options.targets
        if target.priority not in calls.priorities
    ]
    faults += [
        f"staffing.total: unknown shift {name!r}{nearest(name, names)}; shifts are {some(names, 10)}"
        for name in options.total
        if name not in names
    ]
    if faults:
        raise ConfigError(f"{len(faults)} names of the [staffing] section do not exist", faults=faults)


def _notes(calls: Calls, given: Ints | None, floor: Ints, options: StaffingSection) -> list[Note]:
    notes = []
    if calls.districts == (WHOLE_CITY,):
        notes.append(note("staffing.calls_without_place"))
    if not options.targets:
        notes.append(note("staffing.no_targets", share=options.max_utilisation))
    if given is not None and (short := int((floor.sum(axis=0) > given).sum())):
        notes.append(note("staffing.minimums_ignored", count=short))
    return notes
