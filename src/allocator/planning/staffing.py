"""From calls for service to units: the fewest that answer them in time, and the best spread of those there are.

Each district's calls queue for its own units in the order of their priority. Within a shift every hour is taken as
long enough for its own equilibrium (stationary independent period by period, SIPP: Green, Kolesar & Soares 2001).
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocator.config import RoutesSection, StaffingSection
from allocator.domain import Calls, Givens, Ints, Roster, Shift, Staffing
from allocator.domain.staffing import WHOLE_CITY
from allocator.errors import ConfigError, DataError, nearest, some
from allocator.planning.arrivals import Arrivals, expect, hours_of_shifts
from allocator.planning.hypercube import approximate, preferences
from allocator.planning.queueing import erlang_c, lagged, priority_tails, priority_waits
from allocator.tessellation import Tessellation

Floats = npt.NDArray[np.float64]
Units = npt.NDArray[np.int32]
Rows = npt.NDArray[np.int64]

HELP_COLUMNS = (
    "shift", "district", "units", "workload", "wait_minutes", "travel_minutes", "response_minutes",
    "answered_by_others",
)  # fmt: skip
"""Columns of `Staffing.help`: districts helping each other with the units given (or required)."""

_MOST_UNITS = 5_000
_MOST_ATOMS, _MOST_RESTS = 400, 60
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def staff(
    calls: Calls,
    shifts: Sequence[Shift],
    options: StaffingSection = StaffingSection(),
    *,
    city: Tessellation | None = None,
    roster: Roster | None = None,
    routes: RoutesSection = RoutesSection(),
) -> Staffing:
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
    demand = _demand(arrivals, hour, minutes, priorities=placed.priorities, options=options)
    floor = _minimums(placed.districts, shifts, options)
    pooled = _fewest(demand.pooled(), options)[0]
    needed = _spread(demand, pooled, np.zeros_like(floor)) if options.help == "city" else _fewest(demand, options)
    required = np.maximum(needed, floor)
    given = _given(shifts, options, roster=roster, required=required)
    spread = None if given is None else _spread(demand, given, floor)
    wait, within = _waits(demand, required, options)
    wait_given, within_given = (None, None) if spread is None else _waits(demand, spread, options)
    officer = np.einsum("shd,sh->ds", np.where((hour >= 0)[..., None], arrivals.officer[hour], 0.0), minutes / 60)
    return Staffing(
        districts=placed.districts, priorities=placed.priorities, shifts=tuple(shifts), hour=hour, minutes=minutes,
        rate=demand.rate, units_per_call=arrivals.units_per_call, service=arrivals.service, officer_minutes=officer,
        other_share=options.other_share, helped=options.help == "city", target=demand.target,
        units_required=required, wait_required=wait, within_required=within,
        pooled_required=pooled, given=given, units_given=spread,
        wait_given=wait_given, within_given=within_given,
        help=_help(placed, demand, required if spread is None else spread, shifts, city=city, routes=routes),
        ledger=placed.ledger, notes=(*placed.notes, *arrivals.notes, *_notes(placed, given, floor, options)),
    )  # fmt: skip


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
    demand = _demand_of(staffing)
    count = np.asarray(units)
    if not staffing.helped:
        return demand.waits(count)
    shape = staffing.wait_required.shape
    wait, within = demand.pooled().waits(count.sum(axis=0, keepdims=True))
    return np.broadcast_to(wait, shape), np.broadcast_to(within, shape)


def _demand_of(staffing: Staffing) -> _Demand:
    return _Demand(
        staffing.priorities, staffing.rate, staffing.minutes, staffing.units_per_call, staffing.service,
        staffing.target, staffing.other_share,
    )  # fmt: skip


def with_workload(
    givens: Givens, staffing: Staffing, on_duty: npt.ArrayLike, options: StaffingSection
) -> tuple[Givens, tuple[str, ...]]:
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
        floor = _minimums(staffing.districts, staffing.shifts, options)
        required = np.where(short, _spread(_demand_of(staffing), there.astype(np.int32), floor), required)
    notes = [
        f"calls in {staffing.shifts[s].id} need {needed[s]} units to be answered in time, {there[s]} are on duty: they "
        "are spread where they save most waiting"
        for s in np.flatnonzero(short)
    ]
    told = dataclasses.replace(
        givens, required=required.astype(np.int32), busy_minutes=staffing.busy_minutes + staffing.officer_minutes,
        other_share=staffing.other_share,
    )  # fmt: skip
    return told, tuple(notes)


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
        load, count, required = (one.sum(axis=0, keepdims=True) for one in (load, count, required))
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


@dataclass(frozen=True, eq=False)
class _Demand:
    """Calls of each district, shift and hour, and the queues they make; shapes as in `Staffing`."""

    priorities: tuple[str, ...]
    rate: Floats
    minutes: Floats
    units_per_call: Floats
    service: Floats
    target: Floats
    other_share: float

    @property
    def load(self) -> Floats:
        """Units busy with calls in each hour, (n_districts, n_shifts, n_hours)."""
        return np.asarray(np.einsum("dshp,p,dp->dsh", self.rate, self.units_per_call, self.service) / 60)

    def pooled(self) -> _Demand:
        """Return the demand of the whole city as one district."""
        calls = np.einsum("dshp,sh->dp", self.rate, self.minutes)
        total = calls.sum(axis=0)
        weight = np.divide(calls, total, out=np.full(calls.shape, 1 / len(calls)), where=total > 0)
        service = (weight * self.service).sum(axis=0, keepdims=True)
        return dataclasses.replace(self, rate=self.rate.sum(axis=0, keepdims=True), service=service)

    def mean_waits(self, d: Rows, s: Rows, units: Ints) -> Floats:
        """Return the mean wait of each priority by hour, (n, n_hours, n_priorities), of n districts and shifts."""
        rate, servers, service = self._queues(d, s, units)
        return priority_waits(rate, servers, service)

    def tails(self, d: Rows, s: Rows, units: Ints) -> Floats:
        """Return the share of calls that wait longer than the target; NaN without a target."""
        rate, servers, service = self._queues(d, s, units)
        if np.isnan(self.target).all():
            return np.full(rate.shape, np.nan)
        return priority_tails(rate, servers, service, self.target)

    def _queues(self, d: Rows, s: Rows, units: Ints) -> tuple[Floats, Floats, Floats]:
        wanted = self.rate[d, s] * self.units_per_call / 60
        total = wanted.sum(axis=-1)
        work = np.einsum("nhp,np->nh", wanted, self.service[d])
        service = np.divide(work, total, out=np.ones(total.shape), where=total > 0)
        servers = np.asarray(units, np.float64)[:, None] * (1 - self.other_share)
        return wanted, np.broadcast_to(servers, total.shape), service

    def over_shift(self, d: Rows, s: Rows, by_hour: Floats) -> Floats:
        """Return the mean of hourly values over the calls of the shift, (n, n_priorities); 0 without calls."""
        weight = self.rate[d, s] * self.minutes[s][..., None]
        total = weight.sum(axis=1)
        spent = np.where(weight > 0, by_hour, 0.0) * np.where(weight > 0, weight, 1.0)
        return np.asarray(np.divide(spent.sum(axis=1), total, out=np.zeros(total.shape), where=total > 0))

    def waits(self, units: Ints) -> tuple[Floats, Floats]:
        """Return mean wait and share in time of each district, shift and priority."""
        d, s = (axis.ravel() for axis in np.indices(units.shape))
        shape = (*units.shape, self.rate.shape[-1])
        wait = self.over_shift(d, s, self.mean_waits(d, s, units.ravel()))
        late = self.over_shift(d, s, self.tails(d, s, units.ravel()))
        return wait.reshape(shape), np.where(np.isnan(self.target), np.nan, 1 - late.reshape(shape))


def _waits(demand: _Demand, units: Units, options: StaffingSection) -> tuple[Floats, Floats]:
    """Return mean waits and shares in time; where all units help everywhere, those of the city's one queue."""
    if options.help == "none":
        return demand.waits(units)
    wait, within = demand.pooled().waits(units.sum(axis=0, keepdims=True))
    shape = (*units.shape, len(demand.priorities))
    return np.broadcast_to(wait, shape).copy(), np.broadcast_to(within, shape).copy()


def _demand(
    arrivals: Arrivals, hour: npt.NDArray[np.int16], minutes: Floats, *, priorities: tuple[str, ...],
    options: StaffingSection,
) -> _Demand:  # fmt: skip
    """Return the demand of the planned shifts."""
    of_week = arrivals.rate
    if options.arrivals == "lagged":
        of_week = lagged(of_week, arrivals.service)
    rate = np.where((hour >= 0)[..., None, None], of_week[hour], 0.0).transpose(2, 0, 1, 3)
    named = {target.priority: target.wait_minutes for target in options.targets}
    target = np.array([named.get(name, np.nan) for name in priorities])
    return _Demand(
        priorities,
        np.ascontiguousarray(rate),
        minutes,
        arrivals.units_per_call,
        arrivals.service,
        target,
        options.other_share,
    )


def _fewest(demand: _Demand, options: StaffingSection) -> Units:
    """Return the fewest units of each district and shift that meet every target, (n_districts, n_shifts)."""
    load, time = demand.load, 1 - demand.other_share
    peak = load.max(axis=2)
    mean = (load * demand.minutes).sum(axis=2) / demand.minutes.sum(axis=1)
    judged = peak if options.judged_on == "worst_hour" else mean
    units = np.ceil(judged / time / options.max_utilisation - 1e-9).astype(np.int32)
    units = np.maximum(units, np.where(peak > 0, np.floor(peak / time + 1e-9) + 1, 0)).astype(np.int32)
    d, s = (axis.ravel() for axis in np.indices(units.shape))
    open_rows = np.flatnonzero(peak.ravel() > 0) if options.targets else np.empty(0, np.int64)
    flat = units.ravel()
    while len(open_rows):
        met = _met(demand, d[open_rows], s[open_rows], flat[open_rows], options)
        open_rows = open_rows[~met]
        flat[open_rows] += 1
        if len(open_rows) and flat[open_rows].max() > _MOST_UNITS:
            raise DataError(f"more than {_MOST_UNITS:,} units would be needed in a district: look at the wait targets")
    return np.asarray(flat.reshape(units.shape), np.int32)


def _met(demand: _Demand, d: Rows, s: Rows, units: Units, options: StaffingSection) -> npt.NDArray[np.bool_]:
    """Return whether so many units meet every target."""
    wait, late = demand.mean_waits(d, s, units), demand.tails(d, s, units)
    if options.judged_on == "worst_hour":
        called = demand.rate[d, s] * demand.minutes[s][..., None] > 0
        wait, late = np.where(called, wait, 0.0).max(axis=1), np.where(called, late, 0.0).max(axis=1)
    else:
        wait, late = demand.over_shift(d, s, wait), demand.over_shift(d, s, late)
    met = np.ones(len(d), bool)
    for target in options.targets:
        k = demand.priorities.index(target.priority)
        met &= wait[:, k] <= target.wait_minutes if target.share is None else 1 - late[:, k] >= target.share
    return met


def _spread(demand: _Demand, total: Units, floor: Units) -> Units:
    """Return the spread of each shift's units over the districts with the least waiting of all calls together.

    One unit after the other goes where it saves most waiting. The mean wait is convex in the servers (Dyer & Proll
    1977), so no other spread does better. Districts without a finite wait come first, the most overloaded before.

    Parameters
    ----------
    demand : _Demand
        The calls.
    total : (n_shifts,) int32
        Units of each shift.
    floor : (n_districts, n_shifts) int32
        Fewest units; left aside in shifts with fewer units than it asks for.
    """
    units = np.where(floor.sum(axis=0) <= total, floor, 0).astype(np.int32)
    n_d, n_s = units.shape
    peak = demand.load.max(axis=2) / (1 - demand.other_share)
    d, s = (axis.ravel() for axis in np.indices(units.shape))
    gain = _gains(demand, d, s, units.ravel(), peak.ravel()).reshape(n_d, n_s)
    left = total - units.sum(axis=0)
    while (open_shifts := np.flatnonzero(left > 0)).size:
        best = gain[:, open_shifts].argmax(axis=0)
        units[best, open_shifts] += 1
        left[open_shifts] -= 1
        gain[best, open_shifts] = _gains(demand, best, open_shifts, units[best, open_shifts], peak[best, open_shifts])
    return units


def _gains(demand: _Demand, d: Rows, s: Rows, units: Units, peak: Floats) -> Floats:
    """Return the minutes of waiting that one more unit saves; of overloaded districts, more than any of those."""
    cost = [_waiting(demand, d, s, count) for count in (units, units + 1)]
    stable = units > peak
    saved = np.zeros(len(units))
    saved[stable] = cost[0][stable] - cost[1][stable]
    return np.where(stable, saved, np.where(peak > 0, 1e15 * (1 + peak / (units + 1)), 0.0))


def _waiting(demand: _Demand, d: Rows, s: Rows, units: Units) -> Floats:
    """Return the expected minutes that all calls of the shift wait together, (n,)."""
    weight = demand.rate[d, s] * demand.minutes[s][..., None] / 60
    wait = demand.mean_waits(d, s, units)
    return np.asarray((np.where(weight > 0, wait, 0.0) * np.where(weight > 0, weight, 1.0)).sum(axis=(1, 2)))


def _given(
    shifts: Sequence[Shift], options: StaffingSection, *, roster: Roster | None, required: Units
) -> Units | None:
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


def _minimums(districts: tuple[str, ...], shifts: Sequence[Shift], options: StaffingSection) -> Units:
    """Return the job's own fewest units; a row for one shift goes before a row for its name."""
    if districts == (WHOLE_CITY,):
        return np.zeros((1, len(shifts)), np.int32)
    minimum = np.full((len(districts), len(shifts)), options.default_minimum, np.int32)
    ids = {shift.id for shift in shifts}
    for row in sorted(options.minimums, key=lambda row: row.shift in ids):
        for s, shift in enumerate(shifts):
            if row.shift in (shift.id, shift.name) and row.district in districts:
                minimum[districts.index(row.district), s] = row.units
    return minimum


def _notes(calls: Calls, given: Units | None, floor: Units, options: StaffingSection) -> list[str]:
    notes = []
    if calls.districts == (WHOLE_CITY,):
        notes.append("the calls have no place: the city is staffed as a whole, the districts' minimums are left aside")
    if not options.targets:
        notes.append(
            f"no wait targets are set: the units needed keep utilisation at {options.max_utilisation:.0%} or less"
        )
    if given is not None and (short := int((floor.sum(axis=0) > given).sum())):
        notes.append(f"in {short} shifts the job's minimums ask for more units than there are; the spread ignores them")
    return notes


def _help(
    calls: Calls, demand: _Demand, units: Units, shifts: Sequence[Shift], *, city: Tessellation | None,
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
        rows.append(
            _helping(
                shift, calls.districts, units[:, s], travel, district,
                rate=calls_of / demand.minutes[s].sum(), service=work / max(calls_of.sum(), 1e-300) /
                (1 - demand.other_share),
            )
        )  # fmt: skip
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
    shift: Shift, districts: tuple[str, ...], units: Units, travel: Floats, district: npt.NDArray[np.int32], *,
    rate: Floats, service: float,
) -> pd.DataFrame:  # fmt: skip
    """Return `HELP_COLUMNS` of one shift; NaN where the city's units cannot keep up, or nobody calls."""
    home = np.repeat(np.arange(len(units)), units)
    n_atoms = np.bincount(district, minlength=len(units))
    atoms = np.divide(rate, n_atoms, out=np.zeros(len(units)), where=n_atoms > 0)[district]
    frame = pd.DataFrame({"shift": shift.id, "district": districts, "units": units.astype(np.int32)})
    load = float(atoms.sum() * service)
    nothing = np.full(len(units), np.nan)
    workload, wait, minutes, others = nothing, nothing, nothing.copy(), nothing.copy()
    if 0 < load < len(home):
        found = approximate(atoms, preferences(travel[home]), service)
        workload = np.divide(np.bincount(home, found.workload, len(units)), units, out=nothing.copy(), where=units > 0)
        wait = np.full(len(units), float(erlang_c(load, len(home))) * service / (len(home) - load))
        answered = found.dispatch.sum(axis=0)
        for d in np.flatnonzero(np.bincount(district, answered, len(units)) > 0):
            mine = district == d
            share = answered[mine].sum()
            minutes[d] = (found.dispatch * travel[home])[:, mine].sum() / share
            others[d] = found.dispatch[home != d][:, mine].sum() / share
    columns = (workload, wait, minutes, wait + minutes, others)
    return frame.assign(**dict(zip(HELP_COLUMNS[3:], columns, strict=True)))
