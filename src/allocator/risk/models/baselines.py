"""Baselines: what an analyst could map without us, with a fitted scale and constant.

Each is a function from what is known on a day to raw columns per cell; the rate is Σ weight × column + constant,
with weights >= 0 of greatest Poisson likelihood on the training windows, so that zero rates do not decide a
comparison (DESIGN.md section 6).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from allocator.config import RiskSection
from allocator.domain import Floats, Panel, Tessellation
from allocator.kernels.spatial import spread
from allocator.risk.features import Csr, Space, View, within
from allocator.risk.known import known_on, sums
from allocator.risk.models.mixture import fit_weights
from allocator.risk.training import Training

RECENT_DAYS = 56
"""Window of `recent`: eight weeks."""

DECAY_DAYS = 60.0
"""Mean age of an event in `decay`, as in the entries that beat published winners of the NIJ challenge."""

SEASON_WEEKS = 3
"""`seasonal` counts three weeks either side of the same date."""

YEAR_DAYS = 364
"""52 weeks, so that weekdays agree."""

PROSPECTIVE_DAYS, PROSPECTIVE_METRES, HALF_CELL_METRES = 61, 400.0, 25.0
"""Two months, 400 m and half cells, as published."""

REPEAT_METRES = (0.0, 200.0, 400.0)
"""Outer radii of the rings of `near_repeat`; the first is the cell itself."""

NEIGHBOURHOOD_METRES = 450.0
"""What `empirical_bayes` shrinks to: three cells of 150 m around."""


@dataclass(frozen=True, eq=False)
class Moment:
    """A history at the start of one day; nothing known on that day or later may be read.

    Parameters
    ----------
    panel : Panel
        The history.
    day : int
        The day, counted from the panel's first.
    window : int
        Days that rates are expected events of.
    space : Space
        Cells and kernels.
    """

    panel: Panel
    day: int
    window: int
    space: Space

    def counts(self, first: int = 0, stop: int | None = None) -> Floats:
        """Return events of the days from `first` to before `stop`, (n_kinds, n_cells)."""
        days = self.panel.day
        rows = known_on(self.panel, self.day) & (days >= first) & (days < (self.day if stop is None else stop))
        return sums(self.panel, rows)

    def days(self, first: int = 0, stop: int | None = None) -> Floats:
        """Return the days that the source covers in the same stretch, (n_kinds, 1), at least 1."""
        covered = self.panel.days_observed[max(first, 0) : self.day if stop is None else stop]
        return np.asarray(np.maximum(covered.sum(axis=0), 1.0)[:, None])


Columns = Callable[[Moment], "Floats"]
"""From a moment to raw columns, (n_kinds, n_cells) or (n_kinds, n_cells, n_columns), in any unit."""


def historic_mean(moment: Moment) -> Floats:
    """Return the mean events of the cell over the whole history: the strongest of the simple baselines."""
    return moment.counts() / moment.days() * moment.window


def recent(moment: Moment) -> Floats:
    """Return the events of the cell in the last eight weeks."""
    first = max(0, moment.day - RECENT_DAYS)
    return moment.counts(first) / moment.days(first) * moment.window


def seasonal(moment: Moment) -> Floats:
    """Return the mean events of the cell in the same weeks of earlier years, three weeks either side.

    A kind without a covered earlier year has its historic mean.
    """
    total, days = np.zeros_like(moment.counts(0, 0)), np.zeros((len(moment.panel.kinds), 1))
    for back in range(YEAR_DAYS, moment.day + 7 * SEASON_WEEKS + 1, YEAR_DAYS):
        first = max(0, moment.day - back - 7 * SEASON_WEEKS)
        stop = min(moment.day, moment.day - back + moment.window + 7 * SEASON_WEEKS)
        if stop > first:
            total += moment.counts(first, stop)
            days += moment.panel.days_observed[first:stop].sum(axis=0)[:, None]
    return np.where(days > 0, total / np.maximum(days, 1) * moment.window, historic_mean(moment))


def decay(moment: Moment) -> Floats:
    """Return the counts of the cell with weights that fall exponentially with age, 60 days on average."""
    known = np.flatnonzero(known_on(moment.panel, moment.day))
    ages = np.exp(-(moment.day - 1 - np.arange(moment.day)) / DECAY_DAYS)
    exposure = ages @ moment.panel.days_observed[: moment.day]
    weighted = sums(moment.panel, known, ages[moment.panel.day[known]])
    return np.asarray(weighted / np.maximum(exposure, 1e-9)[:, None] * moment.window)


def kde(moment: Moment) -> Floats:
    """Return the kernel density of the whole history: Gaussian, with the smallest bandwidth of the job.

    Chainey, Tompson & Uhlig (2008), The utility of hotspot mapping for predicting spatial patterns of crime.
    Security Journal 21.
    """
    return spread_by(historic_mean(moment), moment.space.kernels[min(1, len(moment.space.kernels) - 1)])


def prospective(moment: Moment) -> Floats:
    """Return prospective hot-spotting: Σ 1/(1 + half cells away) × 1/(1 + weeks ago), within 400 m and two months.

    Bowers, Johnson & Pease (2004), Prospective hot-spotting: the future of crime mapping? British Journal of
    Criminology 44. Half cells are of 25 m, as in the paper, counted in full.
    """
    age = moment.day - 1 - moment.panel.day
    rows = np.flatnonzero(known_on(moment.panel, moment.day) & (age < PROSPECTIVE_DAYS))
    fresh = sums(moment.panel, rows, 1 / (1 + age[rows] // 7))
    return spread_by(fresh, _inverse_distance(moment.panel.city))


@lru_cache(maxsize=4)
def _inverse_distance(city: Tessellation) -> Csr:
    near = within(city, PROSPECTIVE_METRES)
    return Csr(near.indptr, near.indices, (1 / (1 + near.weight // HALF_CELL_METRES)).astype(np.float32))


def near_repeat(moment: Moment) -> Floats:
    """Return the long-run mean, and the events of the last two weeks by week and by distance.

    Rings of the cell itself, 200 m and 400 m and the weeks are those in which Johnson et al. (2007), Space-time
    patterns of risk, Journal of Quantitative Criminology 23, found repeats in ten cities. Each ring and week has
    its own weight, so what does not repeat earns none.
    """
    columns = [historic_mean(moment)]
    for first, stop in ((7, 0), (14, 7)):
        counts = moment.counts(max(0, moment.day - first), max(0, moment.day - stop))
        columns += [spread_by(counts, ring) for ring in _rings(moment.panel.city)]
    return np.stack(columns, axis=2)


@lru_cache(maxsize=4)
def _rings(city: Tessellation) -> tuple[Csr, ...]:
    """Return the neighbours of every cell in each ring of `REPEAT_METRES`, with weight 1."""
    near, rings = within(city, REPEAT_METRES[-1]), []
    for low, high in zip((-1.0, *REPEAT_METRES[:-1]), REPEAT_METRES, strict=True):
        kept = (near.weight > low) & (near.weight <= high)
        indptr = np.concatenate([[0], np.cumsum(kept)])[near.indptr]
        rings.append(Csr(indptr, near.indices[kept], np.ones(int(kept.sum()), np.float32)))
    return tuple(rings)


def empirical_bayes(moment: Moment) -> Floats:
    """Return the rate of the cell, shrunk to that of its neighbourhood as far as chance explains the difference.

    Gamma-Poisson shrinkage with local moments: Marshall (1991), Mapping disease and mortality rates using
    empirical Bayes estimators, Applied Statistics 40. Exposure is area times days.
    """
    (near, area_near), area = _neighbourhood(moment.panel.city), moment.panel.city.area_km2
    days = moment.days()
    counts = moment.counts()
    exposure = area * days
    rate = counts / exposure
    around = area_near * days
    events, squares = np.split(spread_by(np.concatenate([counts, counts * rate]), near), 2)
    mean = events / around
    # Σ e (x - m)² with m of the receiving cell: expand the square, as m is not that of the sending one.
    square = squares - 2 * mean * events + mean**2 * around
    size = around / np.diff(near.indptr)
    variance = np.maximum(square / around - mean / size, 0.0)
    trust = variance / np.maximum(variance + mean / exposure, 1e-300)
    return np.asarray((mean + trust * (rate - mean)) * area * moment.window)


@lru_cache(maxsize=4)
def _neighbourhood(city: Tessellation) -> tuple[Csr, Floats]:
    """Return the neighbours of every cell with weight 1, and their area in km², (n_cells,)."""
    near = within(city, NEIGHBOURHOOD_METRES)
    kernel = Csr(near.indptr, near.indices, np.ones(len(near.indices), np.float32))
    return kernel, spread_by(city.area_km2[None], kernel)[0]


def spread_by(counts: Floats, kernel: Csr) -> Floats:
    """Return counts (n_kinds, n_cells) spread over the surroundings by a kernel."""
    values = np.ascontiguousarray(counts.T, np.float64)
    out = np.zeros_like(values)
    spread(values, kernel.indptr, kernel.indices, kernel.weight, out)
    return out.T


@dataclass(frozen=True, eq=False)
class Baseline:
    """A model of raw columns; see the module."""

    columns: Columns
    options: RiskSection
    seed: int = 0

    def fit(self, training: Training) -> FittedBaseline:
        """Return the fitted baseline."""
        blocks: list[list[tuple[Floats, Floats]]] = [[] for _ in training.kinds]
        totals = np.zeros((len(training.kinds), 1))
        for number, day in enumerate(training.days):
            moment = Moment(training.panel, day, training.horizon, training.space)
            values = _with_constant(self.columns(moment), training.space.city)
            sum_of = values.sum(axis=1) * training.covered[number][:, None]
            totals = totals + sum_of
            rows = np.flatnonzero((training.window == number) & (training.count > 0))
            for kind in range(len(blocks)):
                mine = rows[training.kind[rows] == kind]
                blocks[kind].append((values[kind, training.cell[mine]], training.count[mine]))
        weights = np.zeros((len(blocks), totals.shape[1]))
        for kind, parts in enumerate(blocks):
            counts = np.concatenate([count for _, count in parts])
            weights[kind] = fit_weights(np.concatenate([rows for rows, _ in parts]), counts, totals[kind])
            if not len(counts):  # nothing in any window, or none covers the kind: the first column, and half an event
                days = max(int(training.panel.days_observed[: training.days[-1], kind].sum()), 1)
                weights[kind, 0] = 1.0
                weights[kind, -1] = 0.5 / days * training.horizon / training.space.city.n_cells
        return FittedBaseline(self.columns, weights)


@dataclass(frozen=True, eq=False)
class FittedBaseline:
    """Σ weight × column + constant, per kind.

    Parameters
    ----------
    columns : callable
        The raw columns.
    weights : (n_kinds, n_columns + 1) float64
        Weights; the constant is last.
    """

    columns: Columns
    weights: npt.NDArray[np.float64]

    def rate(self, view: View) -> Floats:
        """Return expected events per horizon, (n_kinds, n_cells) float64."""
        return np.asarray(np.maximum(self._parts(view).sum(axis=-1), 1e-9))

    def sources(self, view: View, cells: npt.NDArray[np.int64]) -> tuple[tuple[str, ...], Floats]:
        """Return names of the parts of the rate of chosen cells, and the parts, (n_kinds, n, n_sources)."""
        parts = self._parts(view)[:, cells]
        both = np.stack([parts[:, :, :-1].sum(axis=2), parts[:, :, -1]], axis=2)
        return ("past events of this place", "chance anywhere"), both

    def _parts(self, view: View) -> Floats:
        values = _with_constant(self.columns(Moment(view.panel, view.day, view.window, view.space)), view.space.city)
        return np.asarray(values * self.weights[:, None, :] * (view.horizon / view.window))


def _with_constant(raw: Floats, city: Tessellation) -> Floats:
    """Return raw columns and the constant: the same for every km², so that a sliver of a cell is no hot spot."""
    values = raw[:, :, None] if raw.ndim == 2 else raw
    constant = np.broadcast_to(city.area_km2 / city.area_km2.mean(), values.shape[:2])[:, :, None]
    return np.concatenate([values, constant], axis=2)
