"""What is known of places and days beside the events: residents, premises, lights out, weather."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict, Unpack

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from allocator.domain.arrays import Floats, Geometries, Ints, freeze
from allocator.domain.history.numbers import missing_days, notes_of_gaps, of_cells, of_days
from allocator.domain.space import Tessellation
from allocator.errors import DataError, some
from allocator.facts import Note
from allocator.keywords import keywords

WITHIN_M = 300.0
"""Points this near the centre of a cell are counted beside those in it."""

_MOST_PAIRS = 100_000_000


@dataclass(frozen=True, eq=False)
class DatedPoints:
    """Points with a date, such as service requests: a cell's column counts those that are known by then.

    Parameters
    ----------
    cell : (n,) int32
        Cell of each point.
    day : (n,) int64
        Local day, counted as `datetime.date.toordinal`; rows are put in its order.
    last_days : int, optional
        Only the points of so many days count; by default all that came before.
    """

    cell: Ints
    day: Ints
    last_days: int | None = None

    def __post_init__(self) -> None:
        order = np.argsort(self.day, kind="stable")
        object.__setattr__(self, "cell", self.cell[order])
        object.__setattr__(self, "day", self.day[order])
        freeze(self)

    def counts(self, day: dt.date, n_cells: int) -> Ints:
        """Return the points of each cell dated before `day`, (n_cells,)."""
        stop = day.toordinal()
        start = 0 if self.last_days is None else stop - self.last_days
        first, end = np.searchsorted(self.day, (start, stop))
        return np.bincount(self.cell[first:end], minlength=n_cells)


class PointOptions(TypedDict, total=False):
    """How points are counted; see `Covariates.of_points`."""

    day: Ints | None
    last_days: int | None
    within_m: float


@dataclass(frozen=True, eq=False)
class _Counted:
    day: Ints | None = None
    last_days: int | None = None
    within_m: float = WITHIN_M


@dataclass(frozen=True, eq=False)
class Covariates:
    """Covariates of cells and of days; values may be missing (NaN), never infinite.

    Parameters
    ----------
    n_cells : int
        Cells of the tessellation.
    cells : mapping of str to (n_cells,) float32
        Fixed values per cell by name.
    points : mapping of str to DatedPoints
        Counts per cell that grow with time.
    days : DataFrame, optional
        Daily values, one column each, indexed by `datetime.date` ordinals; such as weather or events.
    notes : tuple of Note
        What is missing, in plain words.
    known_ahead : tuple of str
        Columns of `days` that are known before the day, such as a calendar of events. The others (measured weather)
        help to tell the past apart, and are taken as average in the days that are forecast, so that a test on past
        weeks does not know their weather.
    """

    n_cells: int
    cells: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    points: Mapping[str, DatedPoints] = field(default_factory=dict)
    days: pd.DataFrame | None = None
    notes: tuple[Note, ...] = ()
    known_ahead: tuple[str, ...] = ()

    @classmethod
    def from_frame(
        cls, city: Tessellation, frame: pd.DataFrame | None = None, *, days: pd.DataFrame | None = None,
        known_ahead: Sequence[str] = (),
    ) -> Covariates:  # fmt: skip
        """Return the covariates of tables.

        Parameters
        ----------
        city : Tessellation
            The cells.
        frame : DataFrame, optional
            One row per cell: `cell` (row of the tessellation) and a numeric column per covariate. Cells that are
            left out are missing.
        days : DataFrame, optional
            One row per local day: `date` and a numeric column per covariate.
        known_ahead : sequence of str
            Columns of `days` that are known before the day; see the class.

        Raises
        ------
        DataError
            If a cell is unknown or given twice, a day is given twice, or a value is infinite or no number; all
            faults at once.
        """
        cells, faults = ({}, []) if frame is None else of_cells(city.n_cells, frame)
        table, more = (None, []) if days is None else of_days(days, known_ahead)
        if faults or more:
            raise DataError("the covariates are wrong", faults=[*faults, *more])
        notes = (*notes_of_gaps(cells), *missing_days(table, known_ahead))
        return cls(city.n_cells, cells, {}, table, notes, tuple(known_ahead))

    @classmethod
    @keywords(_Counted)
    def of_points(
        cls, city: Tessellation, name: str, x: Floats, y: Floats, **options: Unpack[PointOptions]
    ) -> Covariates:
        """Return the number of points in each cell, and of those near its centre.

        Parameters
        ----------
        city : Tessellation
            The cells.
        name : str
            Name of the first column; the second is "`name` within 300 m".
        x, y : (n,) float64
            Places in the city's coordinate system; those outside the area count for what lies near.
        day : (n,) int, optional
            Local day of each point (`datetime.date.toordinal`): it counts from the next day on. Without it every
            point has always been there.
        last_days : int, optional
            Count only the points of so many days before.
        within_m : float
            Metres from the centre for the second column; 0 leaves it out.

        Raises
        ------
        DataError
            If no point lies in a cell, or the points near cells are more than memory allows.
        """
        asked, cell = _Counted(**options), city.locate(x, y)
        if not (cell >= 0).any():
            raise DataError(f"{name}: none of the {len(cell):,} points lies in the area", count=len(cell))
        columns: dict[str, tuple[Ints, Ints]] = {name: (np.flatnonzero(cell >= 0), cell[cell >= 0])}
        if asked.within_m > 0:
            columns[f"{name} within {asked.within_m:g} m"] = _near(city, x, y, asked.within_m)
        if asked.day is None:
            counts = {n: np.bincount(one, minlength=city.n_cells).astype(np.float32) for n, (_, one) in columns.items()}
            return cls(city.n_cells, counts)
        dated = {
            n: DatedPoints(cells, asked.day[point].astype(np.int32), asked.last_days)
            for n, (point, cells) in columns.items()
        }
        return cls(city.n_cells, {}, dated)

    @classmethod
    def of_distance(cls, city: Tessellation, name: str, x: Floats, y: Floats) -> Covariates:
        """Return the metres from the centre of each cell to the nearest of the points.

        Raises
        ------
        DataError
            If all points are further away than the city is wide.
        """
        placed = np.isfinite(x) & np.isfinite(y)
        tree = shapely.STRtree(shapely.points(x[placed], y[placed]))
        if not len(tree):
            raise DataError(f"{name}: there is no point to measure to")
        centres = shapely.points(city.x, city.y)
        (cell, _), metres = tree.query_nearest(centres, return_distance=True, all_matches=False)
        if metres.min() > np.hypot(np.ptp(city.x), np.ptp(city.y)) + city.size_m:
            raise DataError(f"{name}: the nearest of the {len(x):,} points is {metres.min() / 1000:,.0f} km away")
        column = np.full(city.n_cells, np.nan, np.float32)
        column[cell] = metres
        return cls(city.n_cells, {name: column})

    @classmethod
    def of_polygons(cls, city: Tessellation, name: str, polygons: Geometries, values: Floats) -> Covariates:
        """Return the value of the polygon at the centre of each cell; of the first where several lie there.

        Raises
        ------
        DataError
            If no polygon with a value lies at the centre of a cell.
        """
        tree = shapely.STRtree(polygons)
        cell, polygon = tree.query(shapely.points(city.x, city.y), predicate="intersects")
        first = np.full(city.n_cells, len(values), np.int64)
        np.minimum.at(first, cell, polygon)
        return cls._of_column(city, name, np.append(values, np.nan)[first])

    @classmethod
    def of_totals(cls, city: Tessellation, name: str, polygons: Geometries, values: Floats) -> Covariates:
        """Return totals of polygons, such as residents, spread over the cells by share of the polygon's area.

        What lies outside the area is left out; cells that no polygon with a value touches are missing.

        Raises
        ------
        DataError
            If no polygon with a value touches a cell.
        """
        column, known = np.zeros(city.n_cells), np.zeros(city.n_cells, bool)
        tree = shapely.STRtree(city.geometry)
        for polygon, value in zip(polygons, values, strict=True):
            if np.isfinite(value):
                cell, share = _shares(city, tree, polygon)
                column[cell] += value * share
                known[cell] = True
        return cls._of_column(city, name, np.where(known, column, np.nan))

    @classmethod
    def _of_column(cls, city: Tessellation, name: str, column: Floats) -> Covariates:
        if np.isnan(column).all():
            raise DataError(f"{name}: no polygon with a value lies in the area")
        cells = {name: column.astype(np.float32)}
        return cls(city.n_cells, cells, notes=notes_of_gaps(cells))

    @classmethod
    def joined(cls, parts: Sequence[Covariates]) -> Covariates:
        """Return the covariates of several sources together; at most one of them has daily ones.

        Raises
        ------
        DataError
            If two columns bear the same name.
        """
        names = [name for part in parts for name in part.names]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise DataError(f"several covariates are named {some(twice)}: give each source a name of its own")
        daily = [part for part in parts if part.days is not None]
        return cls(
            parts[0].n_cells, {name: column for part in parts for name, column in part.cells.items()},
            {name: column for part in parts for name, column in part.points.items()}, daily[0].days if daily else None,
            tuple(told for part in parts for told in part.notes), daily[0].known_ahead if daily else (),
        )  # fmt: skip

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns per cell."""
        return (*self.cells, *self.points)

    @property
    def daily_names(self) -> tuple[str, ...]:
        """Names of the daily columns."""
        return () if self.days is None else tuple(map(str, self.days.columns))

    def at(self, day: dt.date) -> npt.NDArray[np.float32]:
        """Return the columns per cell as known at the start of `day`, (n_cells, n) float32."""
        counts = [points.counts(day, self.n_cells) for points in self.points.values()]
        columns: list[Floats | Ints] = [*self.cells.values(), *counts]
        return np.stack(columns, axis=1).astype(np.float32) if columns else np.empty((self.n_cells, 0), np.float32)

    def daily(self, first_day: dt.date, n_days: int, *, known: int | None = None) -> Floats | None:
        """Return standardised daily values, (n_days, n) float64, 0 (the mean) where missing; None without any.

        Parameters
        ----------
        first_day : datetime.date
            Day of the first row.
        n_days : int
            Number of rows.
        known : int, optional
            Days that have passed: from then on only the columns of `known_ahead` have values.
        """
        if self.days is None or self.days.empty:
            return None
        table = self.days.reindex(range(first_day.toordinal(), first_day.toordinal() + n_days))
        values = table.to_numpy(np.float64, copy=True)  # pandas hands out read-only arrays
        if known is not None:
            values[known:, ~self.days.columns.isin(self.known_ahead)] = np.nan
        there = np.isfinite(values)
        n = np.maximum(there.sum(axis=0), 1)
        away = np.where(there, values - np.where(there, values, 0.0).sum(axis=0) / n, 0.0)
        spread = np.sqrt((away**2).sum(axis=0) / n)
        return np.asarray(away / np.where(spread > 0, spread, 1.0))

    def missing_days(self, first_day: dt.date, n_days: int) -> tuple[str, ...]:
        """Return the names of the daily covariates known ahead that lack a value on any of the days."""
        if self.days is None:
            return ()
        table = self.days[list(self.known_ahead)]
        table = table.reindex(range(first_day.toordinal(), first_day.toordinal() + n_days))
        return tuple(str(name) for name in table.columns[table.isna().any()])


def _near(city: Tessellation, x: Floats, y: Floats, within_m: float) -> tuple[Ints, Ints]:
    """Return the pairs (point, cell) of which the cell's centre lies within a distance of the point."""
    placed = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    pairs = len(placed) * np.pi * within_m**2 / (float(city.area_km2.mean()) * 1e6)
    if pairs > _MOST_PAIRS:
        raise DataError(f"{len(placed):,} points lie near about {pairs:,.0f} cells: use larger cells, or less within_m")
    tree = shapely.STRtree(shapely.points(city.x, city.y))
    point, cell = tree.query(shapely.points(x[placed], y[placed]), predicate="dwithin", distance=within_m)
    return placed[point], cell.astype(np.int32)


def _shares(city: Tessellation, tree: shapely.STRtree, polygon: Geometries) -> tuple[Ints, Floats]:
    """Return the cells that a polygon overlaps, and the share of its area in each."""
    cell = tree.query(polygon, predicate="intersects")
    shapely.prepare(polygon)
    area = city.area_km2[cell] * 1e6
    cut = np.flatnonzero(~shapely.contains(polygon, city.geometry[cell]))
    area[cut] = shapely.area(shapely.intersection(city.geometry[cell[cut]], polygon))
    return cell[area > 0], area[area > 0] / shapely.area(polygon)
