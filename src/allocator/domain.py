"""The frozen nouns that flow from stage to stage.

Times are UTC `datetime64[s]`; local time exists only in shifts and reports. Cells, kinds, shifts, districts
and units are rows counted from 0; -1 means "belongs nowhere".
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import zoneinfo
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocator.errors import DataError, nearest, some

if TYPE_CHECKING:
    from allocator.config import Job, ShiftSection
    from allocator.tessellation import Tessellation

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.integer[Any]]
Bools = npt.NDArray[np.bool_]
Times = npt.NDArray[np.datetime64]

CALL, OFFICER = 0, 1
"""Values of `Events.origin`."""

ALL_KINDS = "all"
"""Name of all kinds together."""


@dataclass(frozen=True, eq=False)
class Events:
    """Incidents or calls, sorted by time.

    Parameters
    ----------
    time : (n,) datetime64[s]
        UTC; the start where `end` is given.
    x, y : (n,) float64
        Coordinates in `crs`.
    kind : (n,) int16
        Rows of `kinds`.
    kinds : tuple of str
        Names of the kinds, sorted.
    crs : str
        Coordinate system of `x`, `y`.
    timezone : str
        IANA name of the local time.
    count : (n,) int8
        +1, or -1 for a correction.
    weight : (n,) float32
        Weight of the event.
    origin : (n,) int8
        `CALL` or `OFFICER`.
    id : (n,) object, optional
        Incident numbers.
    end, reported : (n,) datetime64[s], optional
        Latest possible time (UTC); time when the agency learned of it (UTC, NaT: at once).
    precision : {"minute", "day", "month"}
        How exact the times are.
    ledger : mapping of str to int
        Row counts of the ingest: read, kept, and dropped or altered by reason.
    notes : tuple of str
        What a planner should know about the file, in plain words.
    dropped_columns : tuple of str
        Columns of the file that were not read because they look personal.
    """

    time: Times
    x: Floats
    y: Floats
    kind: Ints
    kinds: tuple[str, ...]
    crs: str
    timezone: str
    count: Ints
    weight: Floats
    origin: Ints
    id: npt.NDArray[np.object_] | None = None
    end: Times | None = None
    reported: Times | None = None
    precision: str = "minute"
    ledger: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    dropped_columns: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.time)

    def take(self, rows: Bools | Ints, *, reason: str | None = None) -> Events:
        """Return the events of `rows`; under `reason`, the ledger counts how many were left out."""
        arrays = {
            name: value[rows]
            for name in ("time", "x", "y", "kind", "count", "weight", "origin", "id", "end", "reported")
            if (value := getattr(self, name)) is not None
        }
        kept = dataclasses.replace(self, **arrays)
        if reason is None or len(kept) == len(self):
            return kept
        ledger = {**self.ledger, reason: self.ledger.get(reason, 0) + len(self) - len(kept)}
        return dataclasses.replace(kept, ledger=ledger)

    def to_crs(self, crs: str) -> Events:
        """Return the same events with coordinates in `crs`."""
        if crs == self.crs:
            return self
        from pyproj import Transformer

        x, y = Transformer.from_crs(self.crs, crs, always_xy=True).transform(self.x, self.y)
        return dataclasses.replace(self, x=np.asarray(x), y=np.asarray(y), crs=crs)


@dataclass(frozen=True, eq=False)
class Panel:
    """Counts on (period, cell, kind), kept as one row per event.

    Parameters
    ----------
    city : Tessellation
        The cells.
    kinds : tuple of str
        The kinds.
    timezone : str
        Periods are local days (or runs of them) of this zone.
    first_day : datetime.date
        Local day on which period 0 starts.
    n_periods : int
        Number of periods.
    period_days : int
        Days per period.
    day : (n,) int32
        Local day of each event, counted from `first_day`; sorted.
    minute : (n,) int16
        Minute of the local day, -1 where unknown.
    cell : (n,) int32
        Row of `city`.
    kind : (n,) int16
        Row of `kinds`.
    count : (n,) int8
        +1, or -1 for a correction.
    reported : (n,) int32, optional
        Local day, counted from `first_day`, on which the agency knew of it.
    precision : {"minute", "day", "month"}
        How exact the times are; below "minute" the times of day mean nothing, below "day" the weekdays.
    outside : int
        Events left out because they lie in no cell.
    """

    city: Tessellation
    kinds: tuple[str, ...]
    timezone: str
    first_day: dt.date
    n_periods: int
    period_days: int
    day: Ints
    minute: Ints
    cell: Ints
    kind: Ints
    count: Ints
    reported: Ints | None = None
    precision: str = "minute"
    outside: int = 0

    @classmethod
    def from_events(
        cls,
        events: Events,
        city: Tessellation,
        *,
        period: str = "1D",
        stop: dt.date | str | None = None,
        kinds: Sequence[str] | None = None,
    ) -> Panel:
        """Return the panel of `events` on the cells of `city`.

        Parameters
        ----------
        events : Events
            Placed events; they are projected to the city's coordinate system.
        city : Tessellation
            The cells.
        period : str
            Length of a period in days, "1D" or "7D" for instance.
        stop : date, optional
            First day after the panel; by default the day after the last event. Later events are left out.
        kinds : sequence of str, optional
            Kinds of the panel; by default those that occur.

        Raises
        ------
        DataError
            If no event lies in the city.
        """
        days = _whole_days(period)
        events = events.to_crs(city.crs)
        cell = city.locate(events.x, events.y)
        names = tuple(kinds) if kinds is not None else tuple(events.kinds[k] for k in np.unique(events.kind))
        recode = np.array([names.index(k) if k in names else -1 for k in events.kinds], dtype=np.int16)
        kind = recode[events.kind] if len(events) else np.empty(0, np.int16)
        inside = (cell >= 0) & (kind >= 0)
        if not inside.any():
            raise DataError("no events left: none of the events lies in the area and is of a kind asked for")
        day, minute = local_clock(events.time, events.timezone)
        if events.precision == "month":
            day = _spread_over_month(day)
        first = int(day[inside].min())
        last = _day_number(stop) if stop is not None else int(day[inside].max()) + 1
        inside &= day < last
        reported = None
        if events.reported is not None:
            known, _ = local_clock(
                np.where(np.isnat(events.reported), events.time, events.reported), events.timezone
            )
            reported = np.maximum(known, day)[inside].astype(np.int32) - first
        minute = np.where(minute == 0, -1, minute)  # 00:00 is often "unknown"; a true one is 1 in 1,440
        panel = cls(
            city=city,
            kinds=names,
            timezone=events.timezone,
            first_day=dt.date(1970, 1, 1) + dt.timedelta(days=first),
            n_periods=max(0, -(-(last - first) // days)),
            period_days=days,
            day=(day[inside] - first).astype(np.int32),
            minute=minute[inside].astype(np.int16),
            cell=cell[inside].astype(np.int32),
            kind=kind[inside].astype(np.int16),
            count=events.count[inside].astype(np.int8),
            reported=reported,
            precision=events.precision,
            outside=int((cell < 0).sum()),
        )
        order = np.argsort(panel.day, kind="stable")
        return panel._rows(order)

    @property
    def n_days(self) -> int:
        """Number of local days covered."""
        return self.n_periods * self.period_days

    @property
    def stop_day(self) -> dt.date:
        """First local day after the panel."""
        return self.first_day + dt.timedelta(days=self.n_days)

    @cached_property
    def netted(self) -> Panel:
        """The panel with corrections netted per (period, cell, kind) and only positive rows left."""
        if not (self.count < 0).any():
            return self
        group = np.stack([self.day // self.period_days, self.cell, self.kind])
        order = np.lexsort((-self.count, *group[::-1]))
        sorted_group = group[:, order]
        starts = np.flatnonzero(np.r_[True, (np.diff(sorted_group) != 0).any(axis=0)])
        net = np.add.reduceat(self.count[order].astype(np.int64), starts)
        rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
        keep = rank < np.repeat(net, np.diff(np.r_[starts, len(order)]))
        return self._rows(np.sort(order[keep]))

    @property
    def clipped(self) -> int:
        """Number of events by which net counts below 0 were clipped to 0."""
        if not (self.count < 0).any():
            return 0
        return int(self.netted.count.sum() - self.count.sum())

    @property
    def counts(self) -> npt.NDArray[np.int32]:
        """Dense counts, (n_periods, n_cells, n_kinds) int32; made anew on each call."""
        rows = self.netted
        counts = np.zeros((self.n_periods, self.city.n_cells, len(self.kinds)), np.int32)
        np.add.at(counts, (rows.day // self.period_days, rows.cell, rows.kind), rows.count)
        return counts

    def day_index(self, day: dt.date | str) -> int:
        """Return the number of days from the panel's first day to `day`."""
        return _day_number(day) - _day_number(self.first_day)

    def until(self, cutoff: dt.date | str) -> Panel:
        """Return the panel as it was known at local midnight at the start of `cutoff`."""
        stop = min(self.day_index(cutoff), self.n_days)
        known = self.day < stop
        if self.reported is not None:
            known &= self.reported < self.day_index(cutoff)
        return dataclasses.replace(self._rows(known), n_periods=max(0, stop // self.period_days))

    def append(self, newer: Panel) -> Panel:
        """Return this panel followed by the periods of `newer`, which must begin where it stops."""
        if newer.first_day != self.stop_day or newer.kinds != self.kinds or newer.city is not self.city:
            raise ValueError(f"the newer panel must start on {self.stop_day}, with the same cells and kinds")
        joined = {
            name: np.concatenate([getattr(self, name), getattr(newer, name) + shift])
            for name, shift in (("day", self.n_days), ("minute", 0), ("cell", 0), ("kind", 0), ("count", 0))
        }
        reported = None
        if self.reported is not None and newer.reported is not None:
            reported = np.concatenate([self.reported, newer.reported + self.n_days])
        return dataclasses.replace(
            self,
            **{name: values.astype(getattr(self, name).dtype) for name, values in joined.items()},
            reported=reported,
            n_periods=self.n_periods + newer.n_periods,
            outside=self.outside + newer.outside,
        )

    def _rows(self, rows: Bools | Ints) -> Panel:
        arrays = {name: getattr(self, name)[rows] for name in ("day", "minute", "cell", "kind", "count")}
        reported = None if self.reported is None else self.reported[rows]
        return dataclasses.replace(self, **arrays, reported=reported)


def _whole_days(period: str) -> int:
    number, unit = period[:-1] or "1", period[-1:].upper()
    if unit not in {"D", "W"} or not number.isdigit() or int(number) < 1:
        raise ValueError(f"a period is a whole number of days or weeks, such as '1D' or '1W', not {period!r}")
    return int(number) * (7 if unit == "W" else 1)


def _day_number(day: dt.date | str) -> int:
    return (dt.date.fromisoformat(day) if isinstance(day, str) else day).toordinal() - 719_163


def _spread_over_month(day: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return days spread evenly over their months, for sources that give the month only."""
    month = day.astype("datetime64[D]").astype("datetime64[M]")
    first = month.astype("datetime64[D]").astype(np.int64)
    length = (month + 1).astype("datetime64[D]").astype(np.int64) - first
    order = np.argsort(first, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(first[order]) != 0])
    size = np.diff(np.r_[starts, len(day)])
    rank = np.empty(len(day), np.int64)
    rank[order] = np.arange(len(day)) - np.repeat(starts, size)
    total = np.empty(len(day), np.int64)
    total[order] = np.repeat(size, size)
    return np.asarray(first + rank * length // total)


def local_clock(time: Times, timezone: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the local day (counted from 1970-01-01) and minute of that day of UTC times."""
    local = pd.DatetimeIndex(time).tz_localize("UTC").tz_convert(timezone).tz_localize(None)
    seconds = local.to_numpy().astype("datetime64[s]").astype(np.int64)
    return seconds // 86_400, seconds % 86_400 // 60


@dataclass(frozen=True)
class Shift:
    """One shift of one day.

    Parameters
    ----------
    id : str
        "2017-12-25/evening"; the date is the local day on which the shift starts.
    name : str
        "evening".
    day : datetime.date
        Local day on which it starts.
    start, stop : datetime.datetime
        Aware UTC times. A shift across a daylight-saving change is an hour shorter or longer.
    share : float, optional
        Share of a day's events in this shift, from the job file.
    """

    id: str
    name: str
    day: dt.date
    start: dt.datetime
    stop: dt.datetime
    share: float | None = None

    @property
    def minutes(self) -> float:
        """Real length in minutes."""
        return (self.stop - self.start).total_seconds() / 60


def shifts_of(
    sections: Iterable[ShiftSection], *, first_day: dt.date, days: int, timezone: str
) -> tuple[Shift, ...]:
    """Return the shifts of the given local days in the order of their start.

    A local time that a daylight-saving change skips moves forward to the first existing minute; one that
    occurs twice means its first occurrence.
    """
    zone = zoneinfo.ZoneInfo(timezone)
    shifts = []
    for day in (first_day + dt.timedelta(days=n) for n in range(days)):
        for one in sections:
            stop_day = day + dt.timedelta(days=int(one.stop <= one.start))
            start = _to_utc(dt.datetime.combine(day, one.start), zone)
            stop = _to_utc(dt.datetime.combine(stop_day, one.stop), zone)
            shifts.append(Shift(f"{day.isoformat()}/{one.name}", one.name, day, start, stop, one.share))
    return tuple(sorted(shifts, key=lambda shift: (shift.start, shift.stop, shift.id)))


def _to_utc(local: dt.datetime, zone: zoneinfo.ZoneInfo) -> dt.datetime:
    utc = local.replace(tzinfo=zone, fold=0).astimezone(dt.UTC)
    if utc.astimezone(zone).replace(tzinfo=None) == local:
        return utc
    # In the gap, fold=0 reads the time with the offset before the change: the change itself lies between.
    before = local.replace(tzinfo=zone, fold=1).astimezone(dt.UTC)
    low, high = before, utc
    while high - low > dt.timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == low.astimezone(zone).utcoffset():
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


@dataclass(frozen=True)
class Unit:
    """A patrol unit: a call sign, never a person."""

    name: str
    type: str = "patrol"
    home_district: str = ""
    skills: tuple[str, ...] = ()
    speed_kmh: float | None = None


@dataclass(frozen=True)
class OutreachTeam:
    """An outreach team: a team name, never a person."""

    name: str
    skills: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    hours_per_week: float = 0.0


@dataclass(frozen=True)
class Roster:
    """Who is on duty in the planned shifts.

    Parameters
    ----------
    units, teams
        Patrol units and outreach teams, in file order.
    shifts : tuple of Shift
        The planned shifts.
    duty : frozenset of (str, str)
        Pairs of unit name and shift id.
    notes : tuple of str
        What a planner should know, such as duty rows outside the planned week.
    """

    units: tuple[Unit, ...]
    shifts: tuple[Shift, ...]
    duty: frozenset[tuple[str, str]]
    teams: tuple[OutreachTeam, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        faults = []
        for what, names in (("unit", [u.name for u in self.units]), ("team", [t.name for t in self.teams])):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                faults.append(f"{what} names used twice: {some(twice)}")
        units, shifts = {unit.name for unit in self.units}, {shift.id for shift in self.shifts}
        if unknown := sorted({unit for unit, _ in self.duty} - units):
            faults.append(f"{len(unknown)} units on duty are not in the unit list: {some(unknown)}")
        if unknown := sorted({shift for _, shift in self.duty} - shifts):
            faults.append(f"{len(unknown)} duty shifts are not planned: {some(unknown)}")
        if faults:
            raise DataError("the roster contradicts itself", faults=faults)

    def on_duty(self, shift: Shift) -> tuple[Unit, ...]:
        """Return the units on duty in `shift`, in roster order."""
        return tuple(unit for unit in self.units if (unit.name, shift.id) in self.duty)

    def without(self, names: Iterable[str]) -> Self:
        """Return the roster with the named units off duty.

        Raises
        ------
        DataError
            If a name is not in the roster.
        """
        gone = set(names)
        known = {unit.name for unit in self.units}
        if unknown := sorted(gone - known):
            raise DataError(f"no such unit: {unknown[0]!r}{nearest(unknown[0], known)}", examples=unknown)
        return dataclasses.replace(self, duty=frozenset(pair for pair in self.duty if pair[0] not in gone))


@dataclass(frozen=True)
class Initiative:
    """An outreach offer; one row of `initiatives.csv`.

    Parameters
    ----------
    name : str
        Short title (column `initiative`).
    type : {"workshop", "materials"}
        A workshop is held at a venue; materials are handed out across a district.
    kinds : tuple of str
        Offence kinds it addresses.
    hours : float
        Staff hours of one holding.
    skills : tuple of str
        All of these must be among the team's skills.
    languages : tuple of str
        All of these must be among the team's languages.
    cost : float
        Money for one holding.
    reach : int
        People reached by one holding; a workshop reaches no more than its venue holds.
    effect : float
        Assumed share of the addressed harm of a district prevented in the plan per 1,000 people reached.
    effect_source : str
        Where the assumption comes from; printed with the plan.
    most : int
        Most holdings in the plan.
    """

    name: str
    type: str
    kinds: tuple[str, ...]
    hours: float
    cost: float
    reach: int
    effect: float
    effect_source: str
    skills: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    most: int = 7


@dataclass(frozen=True)
class Venue:
    """A place where workshops can be held: an organisation's room, never a private address.

    Parameters
    ----------
    name : str
        Column `venue`.
    district : str
        District it lies in.
    capacity : int
        People it holds.
    opens, closes : datetime.time
        Local opening hours.
    weekdays : tuple of int
        Open weekdays, Monday 0 (column `weekdays`, "mon;tue;…"; empty means all).
    partner : str
        Organisation that runs it.
    """

    name: str
    district: str
    capacity: int
    opens: dt.time
    closes: dt.time
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    partner: str = ""


@dataclass(frozen=True, eq=False)
class RiskSurface:
    """Expected events on (shift, cell, kind).

    Parameters
    ----------
    city : Tessellation
        The cells.
    kinds : tuple of str
        The kinds.
    shifts : tuple of str
        Shift ids; a single `"<cutoff>/+<days>d"` where the forecast is for the whole horizon.
    mean : (n_shifts, n_cells, n_kinds) float32
        Expected events.
    lower, upper : (n_shifts, n_cells, n_kinds) float32
        Predictive interval of the *count* (not of the mean) at `interval` coverage.
    all_lower, all_upper : (n_shifts, n_cells) float32
        The same for all kinds together.
    harm : (n_kinds,) float64
        Harm weight per kind.
    models : tuple of str
        The model used for each kind.
    cutoff : datetime.date
        First local day that the model did not see.
    interval : float
        Coverage of `lower`, `upper`.
    profile_source : str
        Where the split between shifts comes from, in plain words.
    reasons : Reasons, optional
        What `explain` needs.
    """

    city: Tessellation
    kinds: tuple[str, ...]
    shifts: tuple[str, ...]
    mean: npt.NDArray[np.float32]
    lower: npt.NDArray[np.float32]
    upper: npt.NDArray[np.float32]
    all_lower: npt.NDArray[np.float32]
    all_upper: npt.NDArray[np.float32]
    harm: Floats
    models: tuple[str, ...]
    cutoff: dt.date
    interval: float = 0.9
    profile_source: str = ""
    reasons: Reasons | None = None

    @property
    def expected_harm(self) -> npt.NDArray[np.float64]:
        """Harm-weighted expected events, (n_shifts, n_cells) float64."""
        # Not a matrix product: BLAS may add in another order with another number of threads.
        return np.einsum("sck,k->sc", self.mean, np.asarray(self.harm, np.float64))

    def top(self, share: float) -> npt.NDArray[np.int32]:
        """Return the cells with the most expected harm per km² that fill `share` of the area, highest first."""
        density = self.expected_harm.sum(axis=0) / self.city.area_km2
        order = np.argsort(-density, kind="stable")
        filled = np.cumsum(self.city.area_km2[order]) <= share * self.city.area_km2.sum() * (1 + 1e-9)
        return order[: max(1, int(filled.sum()))].astype(np.int32)

    def explain(self, cells: Sequence[int] | Ints) -> pd.DataFrame:
        """Return why these cells rank where they do: one row per cell and kind, largest rate first.

        Returns
        -------
        DataFrame
            `cell, kind, expected` (events over the planned time), one column per source of the rate that
            together add up to `expected`, and `reason`, a sentence.

        Raises
        ------
        DataError
            If the surface was made without reasons, or does not hold them for these cells.
        """
        if self.reasons is None:
            raise DataError("this surface holds no reasons: it was made by a model that gives none")
        return self.reasons.table(np.asarray(cells, np.int64))


@dataclass(frozen=True, eq=False)
class Reasons:
    """Where the rate of chosen cells comes from.

    Parameters
    ----------
    cells : (n,) int32
        The cells covered, ascending.
    kinds : tuple of str
        The kinds.
    sources : tuple of str
        Names of the sources, such as "long-run place" or "last 10 days within 300 m".
    shares : (n, n_kinds, n_sources) float32
        Expected events by source; they add up to the rate.
    recent : (n, n_kinds) int32
        Events within `recent_m` metres in the last `recent_days` days.
    recent_days, recent_m : int
        Window of `recent`.
    """

    cells: Ints
    kinds: tuple[str, ...]
    sources: tuple[str, ...]
    shares: npt.NDArray[np.float32]
    recent: Ints
    recent_days: int = 14
    recent_m: int = 300

    def rows(self, cells: Ints) -> Ints:
        """Return the row of each cell.

        Raises
        ------
        DataError
            If a cell is not covered.
        """
        row = np.searchsorted(self.cells, cells)
        row = np.minimum(row, len(self.cells) - 1)
        missing = np.asarray(cells)[self.cells[row] != cells]
        if len(missing):
            raise DataError(
                f"no reasons are stored for {len(missing)} cells: {some(missing)}",
                examples=list(map(str, missing[:3])),
            )
        return row

    def of(self, cells: Ints) -> Reasons:
        """Return the reasons of chosen cells alone."""
        chosen = np.unique(np.asarray(cells, np.int32))
        row = self.rows(chosen)
        return dataclasses.replace(self, cells=chosen, shares=self.shares[row], recent=self.recent[row])

    def sentence(self, row: int, kind: int) -> str:
        """Return the reason of one cell and kind in plain words."""
        name = self.kinds[kind].lower()
        shares = self.shares[row, kind]
        total = max(float(shares.sum()), 1e-12)
        leading = [int(i) for i in np.argsort(-shares, kind="stable")[:2] if shares[i] >= 0.15 * total]
        sources = ", ".join(f"{self.sources[i]} ({shares[i] / total:.0%})" for i in leading)
        near = int(self.recent[row, kind])
        recent = f"{near} within {self.recent_m} m in the last {self.recent_days} days"
        return f"{name}: {sources}; {recent}" if sources else f"{name}: {recent}"

    def table(self, cells: Ints) -> pd.DataFrame:
        """Return one row per cell and kind; see `RiskSurface.explain`."""
        records = []
        for cell, row in zip(cells, self.rows(cells), strict=True):
            for kind in np.argsort(-self.shares[row].sum(axis=1), kind="stable"):
                shares = self.shares[row, kind]
                by_source = dict(zip(self.sources, shares.tolist(), strict=True))
                record = {
                    "cell": int(cell),
                    "kind": self.kinds[kind],
                    "expected": float(shares.sum(dtype=np.float64)),
                }
                records.append({**record, **by_source, "reason": self.sentence(int(row), int(kind))})
        return pd.DataFrame(records)


@dataclass(frozen=True, eq=False)
class AllocationProblem:
    """Everything a solver may know about a week of patrol; arrays only.

    Parameters
    ----------
    value : (n_shifts, n_cells) float64
        Expected harm; the value of covering the cell fully in that shift.
    district : (n_cells,) int32
        District of each cell, -1 for none.
    cap : (n_shifts, n_cells) int16
        Most visit blocks of a cell in a shift (policy and K together).
    on_duty : (n_shifts,) int32
        Units on duty.
    minimum : (n_districts, n_shifts) int32
        Fewest units.
    least, most : (n_districts,) int32
        Band of unit-shifts over the plan.
    blocks : (n_shifts,) int32
        Visit blocks that one unit can do in a shift.
    diminishing : float
        a of the visit value: k visits are worth value × (1 - exp(-a k)).
    districts, shifts : tuple of str
        Names, for messages only.
    notes : tuple of str
        What the policy leaves out, in plain words; shown with the plan.
    """

    value: npt.NDArray[np.float64]
    district: npt.NDArray[np.int32]
    cap: npt.NDArray[np.int16]
    on_duty: npt.NDArray[np.int32]
    minimum: npt.NDArray[np.int32]
    least: npt.NDArray[np.int32]
    most: npt.NDArray[np.int32]
    blocks: npt.NDArray[np.int32]
    diminishing: float
    districts: tuple[str, ...]
    shifts: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def replace(self, **changes: Any) -> AllocationProblem:
        """Return a copy with some arrays changed."""
        return dataclasses.replace(self, **changes)


@dataclass(frozen=True, eq=False)
class Allocation:
    """A solver's answer: how many units in each district and shift, how many blocks in each cell.

    Parameters
    ----------
    units : (n_districts, n_shifts) int32
        Units assigned.
    blocks : (n_shifts, n_cells) int16
        Visit blocks.
    objective : float
        Expected harm covered, Σ value × (1 - exp(-a blocks)).
    bound : float
        Proven upper bound of the objective; `inf` from a heuristic.
    solver : str
        Name in the registry.
    """

    units: npt.NDArray[np.int32]
    blocks: npt.NDArray[np.int16]
    objective: float
    bound: float
    solver: str

    @property
    def gap(self) -> float:
        """Relative gap, (bound - objective) / bound."""
        return gap(self.objective, self.bound)


def gap(objective: float, bound: float) -> float:
    """Return (bound - objective) / bound, 0 where both are 0, and `inf` without a bound."""
    if not np.isfinite(bound):
        return float("inf")
    return max(0.0, (bound - objective) / bound) if bound > 0 else 0.0


VISIT_COLUMNS = ("unit", "shift", "seq", "cell", "start", "stop", "purpose", "reason")
ASSIGNMENT_COLUMNS = ("unit", "shift", "district", "home_district")
STAFFING_COLUMNS = ("district", "shift", "units_required", "units_assigned", "expected_harm", "covered_harm")
OUTREACH_COLUMNS = (
    "initiative", "team", "venue", "partner", "area", "start", "stop", "cost", "reach",
    "type", "kinds", "benefit", "reason",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Plan:
    """Who, where, from when to when, and why.

    Parameters
    ----------
    visits : DataFrame
        `VISIT_COLUMNS`; `start`, `stop` are UTC timestamps, `cell` int32, one row per visit block.
    assignments : DataFrame
        `ASSIGNMENT_COLUMNS`: the district of each unit on duty in each shift; an empty district is a reserve.
    staffing : DataFrame
        `STAFFING_COLUMNS`: need and supply of each district and shift.
    objective, bound : float
        Expected harm covered by the allocation, and its proven upper bound.
    delivered, delivered_bound : float
        The same for the visits that fit into the shifts after real travel. The bound is that of the
        allocation: no route can deliver more blocks than were allocated.
    solver : str
        Solver of the allocation.
    unmet : tuple of str
        Needs that the plan does not meet, each with its cause.
    """

    visits: pd.DataFrame
    assignments: pd.DataFrame
    staffing: pd.DataFrame
    objective: float
    bound: float
    delivered: float
    delivered_bound: float
    solver: str
    unmet: tuple[str, ...] = ()

    @property
    def gap(self) -> float:
        """Gap of the allocation."""
        return gap(self.objective, self.bound)

    @property
    def delivered_gap(self) -> float:
        """Gap of the visits as delivered after travel."""
        return gap(self.delivered, self.delivered_bound)

    def of_unit(self, unit: str) -> pd.DataFrame:
        """Return the visits of one unit in order of time."""
        return self.visits[self.visits["unit"] == unit].reset_index(drop=True)

    def dosage(self) -> pd.DataFrame:
        """Return planned minutes per cell and shift: `shift, cell, visits, minutes`."""
        length = (self.visits["stop"] - self.visits["start"]).dt.total_seconds() / 60
        grouped = self.visits.assign(minutes=length).groupby(["shift", "cell"], sort=True)["minutes"]
        return grouped.agg(visits="size", minutes="sum").reset_index()

    def diff(self, other: Plan) -> pd.DataFrame:
        """Return the visits that only one of the plans holds: `change` is "added" or "removed" against `other`."""
        keys = ["unit", "shift", "cell", "start", "stop", "purpose"]
        merged = self.visits.merge(
            other.visits, on=keys, how="outer", indicator=True, suffixes=("", "_other")
        )
        changed = merged[merged["_merge"] != "both"].copy()
        changed["change"] = np.where(changed["_merge"] == "left_only", "added", "removed")
        changed["reason"] = changed["reason"].fillna(changed["reason_other"])
        return (
            changed[["change", *keys, "reason"]]
            .sort_values(["start", "unit", "change"])
            .reset_index(drop=True)
        )


@dataclass(frozen=True, eq=False)
class OutreachPlan:
    """Which initiative is held where, when, by whom.

    Parameters
    ----------
    items : DataFrame
        `OUTREACH_COLUMNS`; `start`, `stop` are UTC timestamps.
    objective, bound : float
        Expected harm prevented, under the assumed effects, and its proven upper bound.
    budget, spent : float
        Money allowed and used.
    unmet : tuple of str
        What could not be offered, each with its cause.
    """

    items: pd.DataFrame
    objective: float = 0.0
    bound: float = 0.0
    budget: float = 0.0
    spent: float = 0.0
    unmet: tuple[str, ...] = ()

    @classmethod
    def none(cls) -> OutreachPlan:
        """Return the plan of a job without outreach."""
        types = dict.fromkeys(OUTREACH_COLUMNS, "str") | {"cost": "float64", "benefit": "float64", "reach": "int32"}
        types |= dict.fromkeys(("start", "stop"), "datetime64[s, UTC]")
        return cls(pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()}))

    @property
    def gap(self) -> float:
        """Relative gap."""
        return gap(self.objective, self.bound)


@dataclass(frozen=True, eq=False)
class Run:
    """The record of one job; `load_run` gives an equal one.

    Parameters
    ----------
    job : Job
        The job, resolved.
    surface : RiskSurface
        The forecast; its reasons are kept for the planned cells.
    roster : Roster
        Who was on duty.
    problem : AllocationProblem
        What the solver knew; re-planning starts from it.
    plan : Plan
        Patrol.
    outreach : OutreachPlan
        Outreach.
    skill : DataFrame
        Held-out log-likelihood per event, by kind and model.
    model_text : str
        The boosted trees in LightGBM's format, if used.
    histories : mapping of str to array
        State of the feature kernels at the cutoff: what a fast update of the risk starts from.
    figures : mapping
        The numbers of `summary`; all can be recomputed from the rest.
    manifest : mapping
        Versions, seed, input hashes, row counts, timings and peak memory.
    """

    job: Job
    surface: RiskSurface
    roster: Roster
    problem: AllocationProblem
    plan: Plan
    outreach: OutreachPlan
    skill: pd.DataFrame
    model_text: str
    histories: Mapping[str, npt.NDArray[Any]]
    figures: Mapping[str, Any]
    manifest: Mapping[str, Any]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Run):
            return NotImplemented
        return all(
            _same(getattr(self, one.name), getattr(other, one.name)) for one in dataclasses.fields(self)
        )

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    def explain(self, cell: int) -> str:
        """Return why a planned cell was chosen, one line per kind, in plain words.

        Raises
        ------
        DataError
            If the cell is not in the plan.
        """
        return "\n".join(self.surface.explain([cell])["reason"])

    def summary(self) -> str:
        """Return the run in plain words, for a terminal or a log."""
        return "\n".join(f"{label:<11}{text}".rstrip() for label, text in self.figures["lines"])


def _same(left: Any, right: Any) -> bool:
    """Return whether two values of a run hold the same data."""
    if isinstance(left, np.ndarray):
        equal_nan = left.dtype.kind == "f"
        return isinstance(right, np.ndarray) and np.array_equal(left, right, equal_nan=equal_nan)
    if isinstance(left, pd.DataFrame):
        return isinstance(right, pd.DataFrame) and left.equals(right)
    if dataclasses.is_dataclass(left) and not isinstance(left, type) and not isinstance(left, Run):
        names = [one.name for one in dataclasses.fields(left)]
        return type(left) is type(right) and all(_same(getattr(left, n), getattr(right, n)) for n in names)
    if isinstance(left, Mapping):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    return bool(left == right)
