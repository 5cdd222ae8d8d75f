"""Counts that others have made, as arrays: checked, and laid out as one row per event."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

from allocator.domain.arrays import Bools, Floats, Ints
from allocator.domain.space import Adjacency, Tessellation
from allocator.errors import DataError, some

MAX_EVENTS = 200_000_000
"""A panel keeps 13 bytes per event: 2.6 GB."""

_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True, eq=False)
class Counts:
    """Counts per period, region and kind.

    Parameters
    ----------
    values : (n_periods, n_regions, n_kinds) int64
        Events; 0 where not observed.
    observed : (n_periods, n_kinds) bool
        Which kinds were counted in which period.
    """

    values: Ints
    observed: Bools

    @classmethod
    def of(cls, counts: npt.ArrayLike, n_regions: int) -> Counts:
        """Return checked counts; NaN in all regions of a period and kind means that it was not observed.

        Raises
        ------
        DataError
            If the shape is wrong, or counts are negative, fractional, infinite or missing in some regions only;
            all faults at once.
        """
        values = _three_axes(counts)
        if values.shape[1] != n_regions:
            hint = "; regions are the second axis" if n_regions in values.shape else ""
            raise DataError(f"the counts are of {values.shape[1]:,} regions, the adjacency of {n_regions:,}{hint}")
        missing = np.asarray(np.isnan(values))
        absent = np.asarray(missing.all(axis=1))
        faults = [
            _fault(values, np.isinf(values), "are infinite"),
            _fault(values, values < 0, "are negative"),
            _fault(values, np.isfinite(values) & (values != np.floor(values)), "are fractions"),
            _fault(values, missing & ~absent[:, None, :], "are missing while other regions of the period have counts"),
        ]
        if any(faults):
            raise DataError("the counts cannot be used", faults=[fault for fault in faults if fault])
        whole = np.where(missing, 0.0, values)
        if not 0 < whole.sum() <= MAX_EVENTS:
            raise DataError(f"the counts add up to {whole.sum():,.0f} events; 1 to {MAX_EVENTS:,} can be used")
        return cls(whole.astype(np.int64), ~absent)

    def at(self, places: Ints, n_periods: int) -> Counts:
        """Return the counts with their periods moved to `places` of `n_periods`; the others are not observed."""
        values = np.zeros((n_periods, *self.values.shape[1:]), np.int64)
        observed = np.zeros((n_periods, self.observed.shape[1]), np.bool_)
        values[places], observed[places] = self.values, self.observed
        return dataclasses.replace(self, values=values, observed=observed)

    def rows(self, period_days: int) -> dict[str, Any]:
        """Return one row per event, sorted by day.

        The days of a longer period get their events in turn (golden-ratio steps, in the order of kinds and regions):
        nothing is known of the day, and neither days nor regions are favoured.
        """
        period, kind, cell = np.nonzero(self.values.transpose(0, 2, 1))
        times = self.values[period, cell, kind]
        period, kind, cell = (np.repeat(part, times) for part in (period, kind, cell))
        turn = np.arange(len(period)) * _GOLDEN % 1.0
        day = period * period_days + (turn * period_days).astype(np.int64)
        order = np.argsort(day, kind="stable")
        return {
            "day": day[order].astype(np.int32),
            "minute": np.full(len(day), -1, np.int16),
            "cell": cell[order].astype(np.int32),
            "kind": kind[order].astype(np.int16),
            "count": np.ones(len(day), np.int8),
        }


def _three_axes(counts: npt.ArrayLike) -> Floats:
    try:
        values = np.asarray(counts, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"the counts are no array of numbers: {error}") from error
    values = values[:, :, None] if values.ndim == 2 else values
    if values.ndim != 3 or not values.size:
        raise DataError(
            f"the counts must be of shape (periods, regions, kinds), none of them 0, not {np.shape(counts)}"
        )
    return values


def _fault(values: Floats, wrong: Bools, what: str) -> str:
    if not wrong.any():
        return ""
    period, region, kind = (int(i) for i in np.argwhere(wrong)[0])
    return (
        f"{int(wrong.sum()):,} of {wrong.size:,} counts {what}, the first in period {period}, region {region}, "
        f"kind {kind}: {values[period, region, kind]:g}"
    )


def kind_names(kinds: Sequence[str] | None, n_kinds: int) -> tuple[str, ...]:
    """Return the names of the kinds, made up where none are given.

    Raises
    ------
    DataError
        If their number is not that of the counts, or one is given twice.
    """
    if kinds is None:
        return ("events",) if n_kinds == 1 else tuple(f"kind {number + 1}" for number in range(n_kinds))
    names = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    if len(names) != n_kinds or len(set(names)) != len(names):
        raise DataError(f"the counts are of {n_kinds} kinds, and each needs a name of its own, not {some(names, 10)}")
    return names


def places_of(labels: Sequence[dt.date], period_days: int) -> Ints:
    """Return the number of each labelled period, counted from the first.

    Raises
    ------
    DataError
        If a label comes twice, they are out of order, or not whole periods apart.
    """
    days = np.array([label.toordinal() for label in labels])
    twice = sorted({label.isoformat() for label in labels if labels.count(label) > 1})
    if twice:
        raise DataError(f"{len(twice)} period labels come more than once: {some(twice)}", count=len(twice))
    steps = np.diff(days)
    if (steps < 0).any():
        at = int(np.argmax(steps < 0))
        raise DataError(f"the period labels are out of order: {labels[at + 1]} comes after {labels[at]}")
    if (odd := steps % period_days != 0).any():
        at = int(np.argmax(odd))
        raise DataError(
            f"{int(odd.sum())} period labels do not begin a whole number of periods of {period_days} days after the "
            f"one before, the first {labels[at + 1]} after {labels[at]}",
            count=int(odd.sum()),
        )
    return np.asarray((days - days[0]) // period_days, np.int64)


class CountOptions(TypedDict, total=False):
    """What may be said of an array of counts; see `Panel.from_counts`."""

    period: str
    kinds: Sequence[str] | None
    timezone: str
    area_km2: npt.ArrayLike | None
    x: npt.ArrayLike | None
    y: npt.ArrayLike | None
    labels: Sequence[dt.date | str] | None


@dataclass(frozen=True, eq=False)
class Published:
    """An array of counts as it was published."""

    period: str = "1D"
    kinds: Sequence[str] | None = None
    timezone: str = "UTC"
    area_km2: npt.ArrayLike | None = None
    x: npt.ArrayLike | None = None
    y: npt.ArrayLike | None = None
    labels: Sequence[dt.date | str] | None = None

    def city(self, adjacency: Adjacency | Tessellation) -> Tessellation:
        """Return the regions."""
        if not isinstance(adjacency, Tessellation):
            return Tessellation.regions(adjacency, x=self.x, y=self.y, area_km2=self.area_km2)
        if not (self.area_km2 is None and self.x is None and self.y is None):
            raise DataError("a tessellation has its own areas and coordinates: leave out area_km2, x and y")
        return adjacency
