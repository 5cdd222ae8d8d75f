"""What calls take from patrol, and the waits that a plan makes."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from allocator.config import StaffingSection
from allocator.domain import Floats, Givens, Staffing
from allocator.facts import Note, note
from allocator.planning.staffing.demand import Demand, spread_units
from allocator.planning.staffing.minimums import minimums_of

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def expected_waits(staffing: Staffing, units: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return mean waits and shares in time, (n_districts, n_shifts, n_priorities), with other units.

    Each district's units answer its own calls alone, unless the staffing takes the city as one queue.

    Parameters
    ----------
    staffing : Staffing
        From `staff`.
    units : (n_districts, n_shifts) array_like
        Units of each district in each shift.
    """
    demand = demand_of_workload(staffing)
    count = np.asarray(units)
    if not staffing.helped:
        return demand.waits(count)
    shape = staffing.wait_required.shape
    wait, within = demand.pooled().waits(count.sum(axis=0, keepdims=True))
    return np.broadcast_to(wait, shape), np.broadcast_to(within, shape)


def demand_of_workload(staffing: Staffing) -> Demand:
    """Return the demand for units that a staffing was computed from."""
    return Demand(
        staffing.priorities, staffing.rate, staffing.minutes, staffing.units_per_call, staffing.service,
        staffing.target, staffing.other_share,
    )  # fmt: skip


def with_workload(
    givens: Givens, staffing: Staffing, on_duty: npt.ArrayLike, options: StaffingSection
) -> tuple[Givens, tuple[Note, ...]]:
    """Return what a plan has to know with the needs of calls, and what they ask for in vain.

    Parameters
    ----------
    givens : Givens
        Places, residents and edits.
    staffing : Staffing
        From `staff`, with the roster.
    on_duty : (n_shifts,) array_like
        Units on duty. Where fewer are than the calls need, they are spread where they save most waiting.
    options : StaffingSection
        The job's own minimums, which go first.
    """
    there, needed = np.asarray(on_duty), staffing.units_required.sum(axis=0)
    short = needed > there
    required = staffing.units_required
    if short.any():
        floor = minimums_of(options, staffing.districts, staffing.shifts)
        required = np.where(short, spread_units(demand_of_workload(staffing), there.astype(np.int32), floor), required)
    notes = [
        note("staffing.calls_not_in_time", shift=staffing.shifts[s].id, needed=needed[s], on_duty=there[s])
        for s in np.flatnonzero(short)
    ]
    busy: Floats = staffing.busy_minutes + staffing.officer_minutes
    if staffing.helped:
        busy = _answered(busy, staffing.unit_minutes(required))
    told = dataclasses.replace(
        givens, required=required.astype(np.int32), busy_minutes=busy, other_share=staffing.other_share
    )
    return told, tuple(notes)


def _answered(busy: Floats, time: Floats) -> Floats:
    """Return the minutes that units of each district spend on calls, where units of others answer what is too much.

    Parameters
    ----------
    busy : (n_districts, n_shifts)
        Minutes on the calls of each district.
    time : (n_districts, n_shifts)
        Minutes of the units that answer them.
    """
    over = np.maximum(busy - time, 0.0).sum(axis=0)
    room = np.maximum(time - busy, 0.0)
    total = room.sum(axis=0)
    taken = np.minimum(np.divide(over, total, out=np.zeros_like(over), where=total > 0), 1.0)
    left = over - taken * total  # what nobody has time for stays with its own district
    spread = np.maximum(busy - time, 0.0)
    own = np.divide(spread, over, out=np.zeros_like(spread), where=over > 0) * left
    return np.asarray(np.minimum(busy, time) + room * taken + own)


def staffing_columns(staffing: Staffing, units: npt.ArrayLike) -> dict[str, Floats]:
    """Return the columns of a plan's staffing that calls explain, for units (n_districts, n_shifts)."""
    wait, _ = expected_waits(staffing, units)
    calls = staffing.calls
    weight = np.where(calls > 0, calls, 0.0)
    spent = np.where(calls > 0, wait, 0.0) * weight
    total = weight.sum(axis=2)
    mean = np.divide(spent.sum(axis=2), total, out=np.zeros_like(total), where=total > 0)
    busy = staffing.busy_minutes + staffing.officer_minutes
    columns = (staffing.calls_per_hour, busy, staffing.utilisation(units), mean, staffing.free_share(units))
    names = ("calls_per_hour", "busy_minutes", "utilisation", "wait_min", "free_share")
    return {name: np.asarray(one, np.float64).ravel() for name, one in zip(names, columns, strict=True)}


def overloads(staffing: Staffing, units: npt.ArrayLike) -> list[str]:
    """Return a sentence for each district and shift in which `units` cannot keep up with the calls of an hour.

    There the queue only grows while the hour lasts, and no finite wait can be stated.
    """
    count = np.asarray(units)
    load, time = staffing.hourly_load, 1 - staffing.other_share
    required = staffing.units_required
    if staffing.helped:
        load, count, required = (table.sum(axis=0, keepdims=True) for table in (load, count, required))
    worst = load.argmax(axis=2)
    most = load.max(axis=2)
    said = []
    for d, s in zip(*np.nonzero((most > 0) & (most >= count * time)), strict=True):
        hour = int(staffing.hour[s, worst[d, s]])
        where = "the city" if len(load) == 1 else f"district {staffing.districts[d]}"
        said.append(
            f"{staffing.shifts[s].id}, {_WEEKDAYS[hour // 24]} {hour % 24:02d}:00 in {where}: calls keep "
            f"{most[d, s]:.1f} units busy and {count[d, s]} are there, so there is no finite wait; "
            f"{required[d, s]} would do"
        )
    return said
