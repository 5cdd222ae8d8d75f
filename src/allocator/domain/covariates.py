"""What is known of places and days beside the events: residents, premises, lights out, weather."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocator.domain.arrays import Floats, Ints, freeze
from allocator.errors import DataError, some

if TYPE_CHECKING:
    from allocator.tessellation import Tessellation


@dataclass(frozen=True, eq=False)
class DatedPoints:
    """Points with a date, such as service requests: a cell's column counts those that are known by then.

    Parameters
    ----------
    cell : (n,) int32
        Cell of each point.
    day : (n,) int64
        Local day, counted as `datetime.date.toordinal`.
    """

    cell: Ints
    day: Ints

    def __post_init__(self) -> None:
        freeze(self)


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
    notes : tuple of str
        What is missing, in plain words.
    """

    n_cells: int
    cells: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    points: Mapping[str, DatedPoints] = field(default_factory=dict)
    days: pd.DataFrame | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def from_frame(
        cls, city: Tessellation, frame: pd.DataFrame | None = None, *, days: pd.DataFrame | None = None
    ) -> Covariates:
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

        Raises
        ------
        DataError
            If a cell is unknown or given twice, a day is given twice, or a value is infinite or no number; all
            faults at once.
        """
        faults: list[str] = []
        cells: dict[str, npt.NDArray[np.float32]] = {}
        if frame is not None:
            faults += _key_faults(frame, "cell")
            if not faults:
                number = pd.to_numeric(frame["cell"], errors="coerce").to_numpy(np.float64)
                unknown = ~((number >= 0) & (number < city.n_cells) & (number == np.floor(number)))
                if unknown.any():
                    faults.append(
                        f"column cell: {int(unknown.sum())} unknown cells: {some(frame['cell'][unknown].tolist())}; "
                        f"cells are 0 to {city.n_cells - 1}"
                    )
                else:
                    values, more = _numbers(frame, "cell")
                    faults += more
                    for name, column in values.items():
                        cells[name] = np.full(city.n_cells, np.nan, np.float32)
                        cells[name][number.astype(np.int64)] = column
        table = None
        if days is not None:
            found = _key_faults(days, "date")
            faults += found
            if not found:
                dates = pd.to_datetime(days["date"], errors="coerce")
                values, more = _numbers(days, "date")
                faults += more
                if dates.isna().any():
                    faults.append(f"column date: {int(dates.isna().sum())} are no dates")
                else:
                    table = pd.DataFrame(values, index=[date.toordinal() for date in dates.dt.date]).sort_index()
        if faults:
            raise DataError("the covariates are wrong", faults=faults)
        return cls(city.n_cells, cells, {}, table, _missing(cells, table))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns per cell."""
        return (*self.cells, *self.points)

    def at(self, day: dt.date) -> npt.NDArray[np.float32]:
        """Return the columns per cell as known at the start of `day`, (n_cells, n) float32."""
        stop = day.toordinal()
        counts = [np.bincount(p.cell[p.day < stop], minlength=self.n_cells) for p in self.points.values()]
        columns: list[npt.NDArray[Any]] = [*self.cells.values(), *counts]
        return np.stack(columns, axis=1).astype(np.float32) if columns else np.empty((self.n_cells, 0), np.float32)

    def daily(self, first_day: dt.date, n_days: int) -> Floats | None:
        """Return standardised daily values, (n_days, n) float64, 0 (the mean) where missing; None without any."""
        if self.days is None or self.days.empty:
            return None
        table = self.days.reindex(range(first_day.toordinal(), first_day.toordinal() + n_days))
        spread = table.std(ddof=0).replace(0.0, 1.0)
        return np.asarray(((table - table.mean()) / spread).fillna(0.0), np.float64)

    def missing_days(self, first_day: dt.date, n_days: int) -> tuple[str, ...]:
        """Return the names of the daily covariates that lack a value on any of the days."""
        if self.days is None:
            return ()
        table = self.days.reindex(range(first_day.toordinal(), first_day.toordinal() + n_days))
        return tuple(str(name) for name in table.columns[table.isna().any()])


def _key_faults(frame: pd.DataFrame, key: str) -> list[str]:
    if key not in frame:
        return [f"no column {key!r}; columns are {some(list(frame.columns), 10)}"]
    if twice := int(frame[key].duplicated().sum()):
        return [f"column {key}: {twice} given more than once: {some(frame[key][frame[key].duplicated()].tolist())}"]
    return []


def _numbers(frame: pd.DataFrame, key: str) -> tuple[dict[str, npt.NDArray[np.float64]], list[str]]:
    values, faults = {}, []
    for name in frame.columns.drop(key):
        column = pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64)
        given = frame[name].notna().to_numpy()
        if (words := int((given & np.isnan(column)).sum())) > 0:
            faults.append(f"column {name}: {words} values are no numbers")
        if (infinite := int(np.isinf(column).sum())) > 0:
            faults.append(f"column {name}: {infinite} values are infinite")
        values[str(name)] = column
    return values, faults


def _missing(cells: Mapping[str, npt.NDArray[np.float32]], days: pd.DataFrame | None) -> tuple[str, ...]:
    told = [
        f"covariate {name}: missing in {int(np.isnan(value).sum()):,} of {len(value):,} cells"
        for name, value in cells.items()
        if np.isnan(value).any()
    ]
    if days is not None:
        told += [f"daily covariate {name}: missing on {int(n):,} days" for name, n in days.isna().sum().items() if n]
    return tuple(told)
