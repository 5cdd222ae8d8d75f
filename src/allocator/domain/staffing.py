"""Calls for service, and the units that answer them in time."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocator.domain.arrays import Bools, Floats, Ints, Times, freeze
from allocator.domain.events import CALL, OFFICER
from allocator.domain.panel import local_clock
from allocator.errors import DataError

if TYPE_CHECKING:
    from allocator.domain.roster import Shift
    from allocator.tessellation import Tessellation

WHOLE_CITY = "all"
"""Name of the one district of calls without a place."""

DISPATCH_IMPUTED, ARRIVAL_IMPUTED, CLEAR_IMPUTED = 1, 2, 4
"""Bits of `Calls.imputed`."""

HOURS = 168
"""Hours of a week, counted from Monday 00:00 local time."""

DEMAND_COLUMNS = (
    "district", "shift", "calls_per_hour", "minutes_per_call", "busy_minutes", "officer_minutes", "units_required",
    "units_given", "utilisation_required", "utilisation_given", "free_share_required", "free_share_given",
)  # fmt: skip
"""Columns of `Staffing.table` before those of the priorities."""


@dataclass(frozen=True, eq=False)
class Calls:
    """Calls for service with the times of their handling, sorted by time.

    Parameters
    ----------
    time : (n,) datetime64[s]
        UTC; when the call was received or queued.
    wait, travel, service : (n,) float64
        Minutes from `time` to the dispatch of the first unit, from there to arrival, and from dispatch until the
        call was cleared. Imputed where `imputed` says so.
    priority : (n,) int16
        Rows of `priorities`.
    priorities : tuple of str
        Labels, the most urgent first.
    units : (n,) float64
        Units sent.
    origin : (n,) int8
        `CALL` or `OFFICER`.
    timezone : str
        IANA name of the local time.
    imputed : (n,) int8
        Sum of `DISPATCH_IMPUTED`, `ARRIVAL_IMPUTED`, `CLEAR_IMPUTED` for the stamps that were missing.
    kind : (n,) int16, optional
        Rows of `kinds`.
    kinds : tuple of str
        Names of the kinds.
    x, y : (n,) float64, optional
        Coordinates in `crs`, NaN where unknown.
    crs : str
        Coordinate system of `x`, `y`.
    district : (n,) int32, optional
        Rows of `districts`, -1 where unknown.
    districts : tuple of str
        District labels.
    ledger : mapping of str to int
        Row counts: read, dropped or altered by reason.
    notes : tuple of str
        What a planner should know about the file.
    dropped_columns : tuple of str
        Columns that were not read because they look personal.
    """

    time: Times
    wait: Floats
    travel: Floats
    service: Floats
    priority: Ints
    priorities: tuple[str, ...]
    units: Floats
    origin: Ints
    timezone: str
    imputed: Ints
    kind: Ints | None = None
    kinds: tuple[str, ...] = ()
    x: Floats | None = None
    y: Floats | None = None
    crs: str = ""
    district: Ints | None = None
    districts: tuple[str, ...] = ()
    ledger: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    dropped_columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        freeze(self)

    def __len__(self) -> int:
        return len(self.time)

    @property
    def from_public(self) -> Bools:
        """Which of them make a queue: not those that officers began themselves."""
        return np.asarray(self.origin == CALL)

    @property
    def by_officers(self) -> Bools:
        """Which of them officers began themselves."""
        return np.asarray(self.origin == OFFICER)

    def take(self, rows: Bools | Ints, *, reason: str | None = None) -> Calls:
        """Return the calls of `rows`; under `reason`, the ledger counts how many were left out."""
        names = ("time", "wait", "travel", "service", "priority", "units", "origin", "imputed", "kind", "x", "y",
                 "district")  # fmt: skip
        arrays = {name: value[rows] for name in names if (value := getattr(self, name)) is not None}
        kept = dataclasses.replace(self, **arrays)
        if reason is None or len(kept) == len(self):
            return kept
        ledger = {**self.ledger, reason: self.ledger.get(reason, 0) + len(self) - len(kept)}
        return dataclasses.replace(kept, ledger=ledger)

    def before(self, day: dt.date) -> Calls:
        """Return the calls received before local midnight at the start of `day`, as they were known then.

        A call still open at that time keeps its minutes, but they count as imputed: nobody knew them yet.

        Raises
        ------
        DataError
            If there are none.
        """
        stop = day.toordinal() - dt.date(1970, 1, 1).toordinal()
        known = local_clock(self.time, self.timezone)[0] < stop
        if not known.any():
            raise DataError(f"no call was received before {day}")
        kept = self.take(known, reason=f"not received before {day}")
        minutes = (kept.wait + kept.service) * 60
        closed = local_clock(kept.time + minutes.astype("timedelta64[s]"), self.timezone)[0] < stop
        return dataclasses.replace(kept, imputed=np.where(closed, kept.imputed, kept.imputed | CLEAR_IMPUTED))

    def placed(self, city: Tessellation) -> Calls:
        """Return the calls with the districts of `city`, from their coordinates or their district labels.

        Without either, all of them are in the one district, of the city or `WHOLE_CITY`.

        Raises
        ------
        DataError
            If labels are no districts of the city.
        """
        if self.x is not None and self.y is not None:
            return self._located(city)
        if self.district is None:
            names = city.districts if len(city.districts) == 1 else (WHOLE_CITY,)
            return dataclasses.replace(self, district=np.zeros(len(self), np.int32), districts=names)
        rows = np.array([city.districts.index(name) if name in city.districts else -1 for name in self.districts])
        if strange := [name for name, row in zip(self.districts, rows, strict=True) if row < 0]:
            raise DataError(
                f"the calls name {len(strange)} districts that the area does not have: "
                f"{', '.join(map(repr, strange[:5]))}; it has {', '.join(map(repr, city.districts[:10]))}",
                column="district", count=len(strange), examples=strange[:3],
            )  # fmt: skip
        district = np.append(rows, -1)[self.district].astype(np.int32)
        return dataclasses.replace(self, district=district, districts=city.districts)

    def _located(self, city: Tessellation) -> Calls:
        x, y = self.x, self.y
        if self.crs != city.crs:
            from pyproj import Transformer

            x, y = map(np.asarray, Transformer.from_crs(self.crs, city.crs, always_xy=True).transform(x, y))
        cell = city.locate(x, y)  # type: ignore[arg-type]
        district = np.where(cell >= 0, city.district[cell], -1).astype(np.int32)
        return dataclasses.replace(self, x=x, y=y, crs=city.crs, district=district, districts=city.districts)


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
    notes : tuple of str
        What a planner should know.
    """

    districts: tuple[str, ...]
    priorities: tuple[str, ...]
    shifts: tuple[Shift, ...]
    hour: npt.NDArray[np.int16]
    minutes: npt.NDArray[np.float64]
    rate: npt.NDArray[np.float64]
    units_per_call: npt.NDArray[np.float64]
    service: npt.NDArray[np.float64]
    officer_minutes: npt.NDArray[np.float64]
    other_share: float
    helped: bool
    target: npt.NDArray[np.float64]
    units_required: npt.NDArray[np.int32]
    wait_required: npt.NDArray[np.float64]
    within_required: npt.NDArray[np.float64]
    pooled_required: npt.NDArray[np.int32]
    given: npt.NDArray[np.int32] | None = None
    units_given: npt.NDArray[np.int32] | None = None
    wait_given: npt.NDArray[np.float64] | None = None
    within_given: npt.NDArray[np.float64] | None = None
    help: pd.DataFrame | None = None
    ledger: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        freeze(self)

    @property
    def calls(self) -> npt.NDArray[np.float64]:
        """Expected calls of each priority, (n_districts, n_shifts, n_priorities)."""
        return np.asarray(np.einsum("dshp,sh->dsp", self.rate, self.minutes / 60))

    @property
    def calls_per_hour(self) -> npt.NDArray[np.float64]:
        """Expected calls per hour, (n_districts, n_shifts)."""
        hours = np.maximum(self.minutes.sum(axis=1) / 60, 1e-12)
        return np.asarray(self.calls.sum(axis=2) / hours)

    @property
    def busy_minutes(self) -> npt.NDArray[np.float64]:
        """Expected unit-minutes on calls, (n_districts, n_shifts); without those that officers begin."""
        return np.asarray(np.einsum("dsp,p,dp->ds", self.calls, self.units_per_call, self.service))

    @property
    def hourly_load(self) -> npt.NDArray[np.float64]:
        """Units that calls keep busy in each hour, (n_districts, n_shifts, n_hours), in Erlang."""
        return np.asarray(np.einsum("dshp,p,dp->dsh", self.rate, self.units_per_call, self.service) / 60)

    def unit_minutes(self, units: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the minutes of `units` (n_districts, n_shifts) for calls and patrol."""
        return np.asarray(np.asarray(units, np.float64) * self.minutes.sum(axis=1) * (1 - self.other_share))

    def utilisation(self, units: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the share of the time of `units` that calls take, (n_districts, n_shifts); inf without units."""
        time = self.unit_minutes(units)
        empty = np.where(self.busy_minutes > 0, np.inf, 0.0)
        return np.asarray(np.divide(self.busy_minutes, time, out=empty, where=time > 0))

    def free_share(self, units: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the share of all time of `units` left for directed patrol, (n_districts, n_shifts), 0 or more."""
        time = np.asarray(units, np.float64) * self.minutes.sum(axis=1)
        left = self.unit_minutes(units) - self.busy_minutes - self.officer_minutes
        return np.asarray(np.clip(np.divide(left, time, out=np.zeros_like(time), where=time > 0), 0.0, 1.0))

    def city_wait(self, wait: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
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
        columns: dict[str, Any] = dict(zip(DEMAND_COLUMNS, (
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
