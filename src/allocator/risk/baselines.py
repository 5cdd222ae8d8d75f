"""Baselines: plain counts and smoothed counts, with a fitted scale and constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from allocator.kernels.likelihood import mixture_em

if TYPE_CHECKING:
    from allocator.config import RiskSection
    from allocator.domain import Floats
    from allocator.risk.features import Snapshot, Space
    from allocator.risk.training import Training

EM_ITERATIONS = 300


@dataclass(frozen=True, eq=False)
class HistoricMean:
    """Mean events of the cell over the whole history.

    The strongest of the simple baselines; see DESIGN.md section 6. Its rate becomes a·rate + b, with a, b >= 0 of
    greatest Poisson likelihood on the training windows, so that zero rates do not decide a comparison.
    """

    options: RiskSection
    seed: int = 0

    def fit(self, training: Training) -> FittedScale:
        """Return the fitted baseline."""
        column = training.space.component(0, -1)
        return _fit_scale(training, training.components[:, column], training.totals[:, :, column], column)


@dataclass(frozen=True, eq=False)
class Recent:
    """Events of the cell in the last eight weeks, scaled as `HistoricMean`."""

    options: RiskSection
    seed: int = 0

    def fit(self, training: Training) -> FittedScale:
        """Return the fitted baseline."""
        return _fit_scale(training, training.recent, training.recent_totals, None)


@dataclass(frozen=True, eq=False)
class Kde:
    """Kernel density of the whole history (Gaussian, smallest bandwidth of the job), scaled as `HistoricMean`.

    Source: Chainey, Tompson & Uhlig (2008), The utility of hotspot mapping for predicting spatial patterns
    of crime. Security Journal 21.
    """

    options: RiskSection
    seed: int = 0

    def fit(self, training: Training) -> FittedScale:
        """Return the fitted baseline."""
        column = training.space.component(min(1, len(training.space.bandwidths) - 1), -1)
        return _fit_scale(training, training.components[:, column], training.totals[:, :, column], column)


@dataclass(frozen=True, eq=False)
class FittedScale:
    """a·rate + b per kind.

    Parameters
    ----------
    space : Space
        Cells, memories and kernels.
    column : int, optional
        Component that holds the rate; None for the `recent` counts.
    weights : (n_kinds, 2) float64
        a and b.
    """

    space: Space
    column: int | None
    weights: npt.NDArray[np.float64]

    def rate(self, features: Snapshot) -> Floats:
        """Return expected events per horizon, (n_kinds, n_cells) float64."""
        return np.asarray(np.maximum(self._parts(features).sum(axis=-1), 1e-9))

    def sources(self, features: Snapshot) -> tuple[tuple[str, ...], Floats]:
        """Return names of the parts of the rate, and the parts, (n_kinds, n_cells, n_sources)."""
        return ("counts of this place", "everywhere alike"), self._parts(features)

    def _parts(self, features: Snapshot) -> Floats:
        rate = features.recent if self.column is None else features.components[:, :, self.column]
        both = np.stack([rate.astype(np.float64), np.ones(rate.shape)], axis=-1)
        return np.asarray(both * self.weights[:, None, :])


def _fit_scale(training: Training, rate: Floats, totals: Floats, column: int | None) -> FittedScale:
    n_kinds, n_cells = len(training.kinds), training.space.city.n_cells
    weights = np.zeros((n_kinds, 2))
    for kind in range(n_kinds):
        rows = np.flatnonzero((training.kind == kind) & (training.count > 0))
        both = np.stack([rate[rows].astype(np.float64), np.ones(len(rows))], axis=1)
        sums = np.array([totals[:, kind].sum(), float(n_cells * training.n_windows)])
        weights[kind] = fit_weights(both, training.count[rows], sums)
    return FittedScale(training.space, column, weights)


def fit_weights(rows: Floats, counts: Floats, totals: Floats) -> npt.NDArray[np.float64]:
    """Return weights >= 0 of greatest Poisson likelihood for λ = rows @ weights; see `mixture_em`.

    Parameters
    ----------
    rows : (n, width)
        Rows with events.
    counts : (n,)
        Their events.
    totals : (width,)
        Sums of each column over all rows, those without events too.
    """
    usable = totals > 0
    weights = np.where(usable, counts.sum() / np.maximum(totals, 1e-300) / max(int(usable.sum()), 1), 0.0)
    mixture_em(rows, counts, totals, weights, EM_ITERATIONS)
    return np.asarray(weights)
