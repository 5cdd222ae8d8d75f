"""Units that the calls of districts and shifts need, from queueing."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from allocator.config import StaffingSection
from allocator.domain import Bools, Floats, Ints
from allocator.errors import DataError
from allocator.planning.staffing.arrivals import Arrivals
from allocator.planning.staffing.queueing import lagged, priority_tails, priority_waits

_MOST_UNITS = 5_000


@dataclass(frozen=True, eq=False)
class Demand:
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

    def pooled(self) -> Demand:
        """Return the demand of the whole city as one district."""
        calls = np.einsum("dshp,sh->dp", self.rate, self.minutes)
        total = calls.sum(axis=0)
        weight = np.divide(calls, total, out=np.full(calls.shape, 1 / len(calls)), where=total > 0)
        service = (weight * self.service).sum(axis=0, keepdims=True)
        return dataclasses.replace(self, rate=self.rate.sum(axis=0, keepdims=True), service=service)

    def mean_waits(self, d: Ints, s: Ints, units: Ints) -> Floats:
        """Return the mean wait of each priority by hour, (n, n_hours, n_priorities), of n districts and shifts."""
        rate, servers, service = self._queues(d, s, units)
        return priority_waits(rate, servers, service)

    def tails(self, d: Ints, s: Ints, units: Ints) -> Floats:
        """Return the share of calls that wait longer than the target; NaN without a target."""
        rate, servers, service = self._queues(d, s, units)
        if np.isnan(self.target).all():
            return np.full(rate.shape, np.nan)
        return priority_tails(rate, servers, service, self.target)

    def _queues(self, d: Ints, s: Ints, units: Ints) -> tuple[Floats, Floats, Floats]:
        wanted = self.rate[d, s] * self.units_per_call / 60
        total = wanted.sum(axis=-1)
        work = np.einsum("nhp,np->nh", wanted, self.service[d])
        service = np.divide(work, total, out=np.ones(total.shape), where=total > 0)
        servers = np.asarray(units, np.float64)[:, None] * (1 - self.other_share)
        return wanted, np.broadcast_to(servers, total.shape), service

    def over_shift(self, d: Ints, s: Ints, by_hour: Floats) -> Floats:
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


def waits(demand: Demand, units: Ints, options: StaffingSection) -> tuple[Floats, Floats]:
    """Return mean waits and shares in time; where all units help everywhere, those of the city's one queue."""
    if options.help == "none":
        return demand.waits(units)
    wait, within = demand.pooled().waits(units.sum(axis=0, keepdims=True))
    shape = (*units.shape, len(demand.priorities))
    return np.broadcast_to(wait, shape).copy(), np.broadcast_to(within, shape).copy()


def demand_of(
    arrivals: Arrivals, hour: npt.NDArray[np.int16], minutes: Floats, *, priorities: tuple[str, ...],
    options: StaffingSection,
) -> Demand:  # fmt: skip
    """Return the demand of the planned shifts."""
    of_week = arrivals.rate
    if options.arrivals == "lagged":
        of_week = lagged(of_week, arrivals.service)
    rate = np.where((hour >= 0)[..., None, None], of_week[hour], 0.0).transpose(2, 0, 1, 3)
    named = {target.priority: target.wait_minutes for target in options.targets}
    target = np.array([named.get(name, np.nan) for name in priorities])
    return Demand(
        priorities, np.ascontiguousarray(rate), minutes, arrivals.units_per_call, arrivals.service, target,
        options.other_share,
    )  # fmt: skip


def fewest(demand: Demand, options: StaffingSection) -> Ints:
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


def _met(demand: Demand, d: Ints, s: Ints, units: Ints, options: StaffingSection) -> Bools:
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


def spread_units(demand: Demand, total: Ints, floor: Ints) -> Ints:
    """Return the spread of each shift's units over the districts with the least waiting of all calls together.

    One unit after the other goes where it saves most waiting. The mean wait is convex in the servers (Dyer & Proll
    1977), so no other spread does better. Districts without a finite wait come first, the most overloaded before.

    Parameters
    ----------
    demand : Demand
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


def _gains(demand: Demand, d: Ints, s: Ints, units: Ints, peak: Floats) -> Floats:
    """Return the minutes of waiting that one more unit saves; of overloaded districts, more than any of those."""
    cost = [_waiting(demand, d, s, count) for count in (units, units + 1)]
    stable = units > peak
    saved = np.zeros(len(units))
    saved[stable] = cost[0][stable] - cost[1][stable]
    return np.where(stable, saved, np.where(peak > 0, 1e15 * (1 + peak / (units + 1)), 0.0))


def _waiting(demand: Demand, d: Ints, s: Ints, units: Ints) -> Floats:
    """Return the expected minutes that all calls of the shift wait together, (n,)."""
    weight = demand.rate[d, s] * demand.minutes[s][..., None] / 60
    wait = demand.mean_waits(d, s, units)
    return np.asarray((np.where(weight > 0, wait, 0.0) * np.where(weight > 0, weight, 1.0)).sum(axis=(1, 2)))
