"""How the events of each cell fall on the hours of the planned weeks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from allocator.domain.arrays import WEEK_HOURS, Floats, Ints, freeze, weekday_of

N_BINS = 48
"""Hours of the clock on two kinds of day: of the weekend, from Friday 15:00 to Sunday 15:00, and of the rest."""

_HOUR = np.arange(WEEK_HOURS)
CLOCK, WEEKDAY = _HOUR % 24, _HOUR // 24
"""Hour of the clock and weekday (0 is Monday) of each hour of the week."""

WEEKEND = ((WEEKDAY == 4) & (CLOCK >= 15)) | (WEEKDAY == 5) | ((WEEKDAY == 6) & (CLOCK < 15))
BIN_OF_HOUR = 2 * CLOCK + WEEKEND
"""Bin of each hour of the week."""


@dataclass(frozen=True, eq=False)
class HourShares:
    """Shares of the hours of whole local weeks in the events of each cell and kind; each week adds up to 1.

    A cell has shares of its own for each hour of the clock on two kinds of day; how these fall on single days, and what
    daylight and holidays make of them, is the city's.

    Parameters
    ----------
    bins : (n_kinds, n_cells, 48) float32
        Share of each bin in a usual week, in half precision: within 1 in 2,000 from 6e-5 on; answers are scaled anew.
    weight : (n_kinds, n_hours) float64
        Part of its bin that falls into each planned local hour; n_hours is 168 times the planned weeks.
    first_day : int
        Local day on which the first hour begins, in days since 1970-01-01.
    """

    bins: npt.NDArray[np.float32]
    weight: Floats
    first_day: int

    def __post_init__(self) -> None:
        freeze(self)

    @property
    def n_weeks(self) -> int:
        """Planned weeks, the last one filled up."""
        return int(self.weight.shape[1]) // WEEK_HOURS

    @property
    def bin_of(self) -> Ints:
        """Bin of each planned hour, (n_hours,) int64."""
        first = int(weekday_of(np.array(self.first_day)))
        return np.tile(np.roll(BIN_OF_HOUR, -24 * first), self.n_weeks)

    def of(self, cells: Ints | slice = slice(None)) -> npt.NDArray[np.float32]:
        """Return the shares of cells in each planned hour, (n_hours, n_kinds, n) float32.

        Parameters
        ----------
        cells : (n,) int or slice
            Rows of the tessellation; all by default, which for a large city takes much memory.
        """
        return self.summed(np.eye(self.weight.shape[1]), cells)

    def at(self, cell: Ints, hour: Ints) -> Floats:
        """Return the shares of single hours of single cells, (n, n_kinds) float64.

        Parameters
        ----------
        cell, hour : (n,) int
            Row of the tessellation; planned hour, from 0. What lies outside the planned weeks has no share: NaN.
        """
        column, shares = self.bin_of, np.full((len(cell), len(self.bins)), np.nan)
        for week in range(self.n_weeks):
            span, mine = slice(week * WEEK_HOURS, (week + 1) * WEEK_HOURS), hour // WEEK_HOURS == week
            for kind, own in enumerate(self.bins):
                whole = np.bincount(column[span], self.weight[kind, span], N_BINS)
                total = np.einsum("cb,b->c", own[cell[mine]], whole)
                part = self.weight[kind, hour[mine]] * own[cell[mine], column[hour[mine]]]
                shares[mine, kind] = part / total
        return shares

    def summed(self, hours: Floats, cells: Ints | slice = slice(None)) -> npt.NDArray[np.float32]:
        """Return the shares of spans of time in the events of one week of each cell, (n_spans, n_kinds, n) float32.

        Parameters
        ----------
        hours : (n_spans, n_hours) float64
            Part of each planned hour that a span takes: 1 for a whole one, 2 where the clock strikes it twice.
        cells : (n,) int or slice
            Rows of the tessellation.
        """
        bins, column = self.bins[:, cells], self.bin_of
        shares = np.zeros((len(hours), *bins.shape[:2]), np.float32)
        for week in range(self.n_weeks):
            span = slice(week * WEEK_HOURS, (week + 1) * WEEK_HOURS)
            used = np.flatnonzero(hours[:, span].any(axis=1))
            for kind, own in enumerate(bins):
                parts = np.zeros((len(used) + 1, N_BINS))
                np.add.at(parts[:-1].T, column[span], (hours[used, span] * self.weight[kind, span]).T)
                np.add.at(parts[-1], column[span], self.weight[kind, span])
                # Not a matrix product: BLAS may add in another order with another number of threads.
                found = np.einsum("sb,cb->sc", parts.astype(np.float32), own)
                shares[used, kind] += found[:-1] / found[-1]
        return shares
