"""Calls for service, and the units that answer them in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocator.domain.arrays import Floats, Ints, freeze
from allocator.domain.roster import Shift
from allocator.facts import Note

DEMAND_COLUMNS = (
    "district", "shift", "calls_per_hour", "minutes_per_call", "busy_minutes", "officer_minutes", "units_required",
    "units_given", "utilisation_required", "utilisation_given", "free_share_required", "free_share_given",
)  # fmt: skip
"""Columns of `Staffing.table` before those of the priorities."""


@dataclass(frozen=True, eq=False)
class Staffing:
    """Units that each district needs in each planned shift so that calls are answered in time.

    Parameters
    ----------
    districts, priorities : tuple of str
        Names; the most urgent priority first.
    shifts : tuple of Shift
        The planned shifts.
    hour : (n_shifts, n_hours) int16
        Hour of the week (0: Monday 00:00 to 00:59, local) of each hour of each shift, -1 beyond its end.
    minutes : (n_shifts, n_hours) float64
        Minutes of the shift in that hour.
    rate : (n_districts, n_shifts, n_hours, n_priorities) float64
        Expected calls per hour.
    units_per_call : (n_priorities,) float64
        Mean number of units sent to a call.
    service : (n_districts, n_priorities) float64
        Mean minutes that a call keeps a unit, from dispatch until cleared.
    officer_minutes : (n_districts, n_shifts) float64
        Expected unit-minutes of work that officers begin themselves; it makes no queue.
    other_share : float
        Share of a unit's time that goes to neither calls nor patrol.
    helped : bool
        Whether the waits are those of one queue of the whole city, in which every unit helps everywhere.
    target : (n_priorities,) float64
        Minutes of the wait targets; NaN without one.
    units_required : (n_districts, n_shifts) int32
        Fewest units that meet every target and the highest utilisation allowed, the job's own minimums included.
    units_given : (n_districts, n_shifts) int32, optional
        Best spread of the units that there are.
    wait_required, wait_given : (n_districts, n_shifts, n_priorities) float64
        Expected wait for a free unit in minutes, mean over the calls of the shift, with so many units.
    within_required, within_given : (n_districts, n_shifts, n_priorities) float64
        Share of calls that wait no longer than the target.
    pooled_required : (n_shifts,) int32
        Units that would do if every unit answered calls everywhere, travel apart.
    given : (n_shifts,) int32, optional
        Units that there are: on duty by the roster, or the total asked for.
    help : DataFrame, optional
        Districts helping each other by the hypercube model; see `allocator.planning.staffing`.
    ledger : mapping of str to int
        Rows of the calls by what became of them.
    notes : tuple of Note
        What a planner should know.
    """

    districts: tuple[str, ...]
    priorities: tuple[str, ...]
    shifts: tuple[Shift, ...]
    hour: npt.NDArray[np.int16]
    minutes: Floats
    rate: Floats
    units_per_call: Floats
    service: Floats
    officer_minutes: Floats
    other_share: float
    helped: bool
    target: Floats
    units_required: npt.NDArray[np.int32]
    wait_required: Floats
    within_required: Floats
    pooled_required: npt.NDArray[np.int32]
    given: Ints | None = None
    units_given: Ints | None = None
    wait_given: Floats | None = None
    within_given: Floats | None = None
    help: pd.DataFrame | None = None
    ledger: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        freeze(self)

    @property
    def calls(self) -> Floats:
        """Expected calls of each priority, (n_districts, n_shifts, n_priorities)."""
        return np.asarray(np.einsum("dshp,sh->dsp", self.rate, self.minutes / 60))

    @property
    def calls_per_hour(self) -> Floats:
        """Expected calls per hour, (n_districts, n_shifts)."""
        hours = np.maximum(self.minutes.sum(axis=1) / 60, 1e-12)
        return np.asarray(self.calls.sum(axis=2) / hours)

    @property
    def busy_minutes(self) -> Floats:
        """Expected unit-minutes on calls, (n_districts, n_shifts); without those that officers begin."""
        return np.asarray(np.einsum("dsp,p,dp->ds", self.calls, self.units_per_call, self.service))

    @property
    def hourly_load(self) -> Floats:
        """Units that calls keep busy in each hour, (n_districts, n_shifts, n_hours), in Erlang."""
        return np.asarray(np.einsum("dshp,p,dp->dsh", self.rate, self.units_per_call, self.service) / 60)

    def unit_minutes(self, units: npt.ArrayLike) -> Floats:
        """Return the minutes of `units` (n_districts, n_shifts) for calls and patrol."""
        return np.asarray(np.asarray(units, np.float64) * self.minutes.sum(axis=1) * (1 - self.other_share))

    def utilisation(self, units: npt.ArrayLike) -> Floats:
        """Return the share of the time of `units` that calls take, (n_districts, n_shifts); inf without units."""
        time = self.unit_minutes(units)
        empty = np.where(self.busy_minutes > 0, np.inf, 0.0)
        return np.asarray(np.divide(self.busy_minutes, time, out=empty, where=time > 0))

    def free_share(self, units: npt.ArrayLike) -> Floats:
        """Return the share of all time of `units` left for directed patrol, (n_districts, n_shifts), 0 or more."""
        time = np.asarray(units, np.float64) * self.minutes.sum(axis=1)
        left = self.unit_minutes(units) - self.busy_minutes - self.officer_minutes
        return np.asarray(np.clip(np.divide(left, time, out=np.zeros_like(time), where=time > 0), 0.0, 1.0))

    def city_wait(self, wait: Floats) -> Floats:
        """Return (n_shifts, n_priorities) means over the calls of all districts; NaN where there are no calls."""
        weight = self.calls
        total = weight.sum(axis=0)
        spent = np.where(weight > 0, wait, 0.0) * np.where(weight > 0, weight, 1.0)
        return np.asarray(np.divide(spent.sum(axis=0), total, out=np.full(total.shape, np.nan), where=total > 0))

    def table(self) -> pd.DataFrame:
        """Return one row per district and shift: `DEMAND_COLUMNS`, then waits and shares in time by priority."""
        n_d, n_s = self.units_required.shape
        given = self.units_given
        nothing = np.full((n_d, n_s), np.nan)
        calls = self.calls_per_hour
        hours = self.minutes.sum(axis=1) / 60
        per_call = np.divide(self.busy_minutes, calls * hours, out=nothing.copy(), where=calls > 0)
        columns: dict[str, npt.NDArray[np.generic]] = dict(zip(DEMAND_COLUMNS, (
            np.repeat(np.array(self.districts, object), n_s).reshape(n_d, n_s),
            np.tile(np.array([shift.id for shift in self.shifts], object), n_d).reshape(n_d, n_s),
            calls, per_call, self.busy_minutes, self.officer_minutes, self.units_required,
            nothing if given is None else given,
            self.utilisation(self.units_required), nothing if given is None else self.utilisation(given),
            self.free_share(self.units_required), nothing if given is None else self.free_share(given),
        ), strict=True))  # fmt: skip
        for k, name in enumerate(self.priorities):
            columns[f"calls_{name}"] = self.calls[:, :, k]
            for what in ("wait_required", "wait_given", "within_required", "within_given"):
                values = getattr(self, what)
                columns[f"{what}_{name}"] = nothing if values is None else values[:, :, k]
        frame = pd.DataFrame({name: np.asarray(values).ravel() for name, values in columns.items()})
        return frame.astype({"district": "str", "shift": "str"})
