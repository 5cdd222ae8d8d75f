"""Poisson regression on place features and counts, in the style of risk terrain modelling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from allocator.config import RiskSection
from allocator.domain import Floats
from allocator.risk.features import CONTEXT, Space, View
from allocator.risk.training import Training

RIDGE = 1.0
"""Prior precision of each standardised coefficient, in events."""

_NEWTON_STEPS = 25


@dataclass(frozen=True, eq=False)
class Glm:
    """Log-linear Poisson regression, for each kind by itself, with a light ridge.

    The log of counts and smoothed counts, size of the cell, district and beat levels, time since the last event,
    and the covariates of the job (missing values are taken as average). Source: Caplan, Kennedy & Miller (2011), Risk
    terrain modeling, Justice Quarterly 28, who weigh place features; here counts stand beside them.
    """

    options: RiskSection
    seed: int = 0

    def fit(self, training: Training) -> FittedGlm:
        """Return the fitted regression."""
        raw = _features(training.components, training.context, training.space, len(training.kinds))
        weight = training.weight.astype(np.float64)
        n_kinds, width = len(training.kinds), raw.shape[1]
        mean, scale = np.zeros((n_kinds, width)), np.ones((n_kinds, width))
        low, high = np.zeros((n_kinds, width)), np.zeros((n_kinds, width))
        beta = np.zeros((n_kinds, width + 1))
        for kind in range(n_kinds):
            rows = training.kind == kind
            if not rows.any():
                beta[kind, -1] = -20.0
                continue
            mean[kind], scale[kind] = _standard(raw[rows], weight[rows])
            low[kind], high[kind] = value_range(raw[rows], mean[kind])
            design = _design(raw[rows], mean[kind], scale[kind], low[kind], high[kind])
            beta[kind] = poisson_ridge(design, training.count[rows].astype(np.float64), weight[rows], RIDGE)
        return FittedGlm(training.space, beta, mean, scale, low, high)


@dataclass(frozen=True, eq=False)
class FittedGlm:
    """A fitted regression.

    Parameters
    ----------
    space : Space
        Cells, memories and kernels.
    beta : (n_kinds, n_features + 1) float64
        Coefficients of the standardised features; the intercept is last.
    mean, scale, low, high : (n_kinds, n_features) float64
        Standardisation, and the range seen in training: features are held to it, as exp() forgives nothing.
    """

    space: Space
    beta: Floats
    mean: Floats
    scale: Floats
    low: Floats
    high: Floats

    def rate(self, view: View) -> Floats:
        """Return expected events per horizon, (n_kinds, n_cells) float64."""
        n_kinds = len(self.beta)
        rates = []
        for kind in range(n_kinds):
            raw = _features(view.components[kind], view.context[kind], self.space, n_kinds)
            design = _design(raw, self.mean[kind], self.scale[kind], self.low[kind], self.high[kind])
            rates.append(np.exp(np.clip(np.einsum("nj,j->n", design, self.beta[kind]), -30, 15)))
        return np.asarray(np.maximum(np.stack(rates) * (view.horizon / view.window), 1e-9))

    def sources(self, view: View, cells: npt.NDArray[np.int64]) -> tuple[tuple[str, ...], Floats]:
        """Return the one source of the rate of chosen cells: the regression, (n_kinds, n, 1)."""
        return ("counts and place features together",), self.rate(view)[:, cells, None]


def _features(components: Floats, context: Floats, space: Space, n_kinds: int) -> npt.NDArray[np.float64]:
    wanted = [space.component(band, memory) for band in (0, 1, -1) for memory in (-1, -2, 0)]
    if n_kinds > 1:
        width = len(space.bandwidths) * len(space.half_lives)
        wanted += [width + space.component(band, -1) for band in (0, 1, -1)]
    counts = np.log(components[:, wanted].astype(np.float64) + 0.01)
    places = context[:, 1 : len(CONTEXT)].astype(np.float64)
    places[:, :7] = np.log(np.maximum(places[:, :7], 0.0) + 0.01)
    return np.concatenate([counts, places, context[:, len(CONTEXT) :].astype(np.float64)], axis=1)


def _standard(raw: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Return weighted means and standard deviations, of the values that are there."""
    known = np.isfinite(raw)
    total = np.maximum((weight[:, None] * known).sum(axis=0), 1e-9)
    mean = (weight[:, None] * np.where(known, raw, 0.0)).sum(axis=0) / total
    spread = (weight[:, None] * np.where(known, raw - mean, 0.0) ** 2).sum(axis=0) / total
    return mean, np.where(spread > 1e-12, np.sqrt(spread), 1.0)


def value_range(raw: Floats, mean: Floats) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the least and greatest known value of each column; the mean where a covariate has none in these rows."""
    known = np.isfinite(raw)
    low, high = np.where(known, raw, np.inf).min(axis=0), np.where(known, raw, -np.inf).max(axis=0)
    return np.where(known.any(axis=0), low, mean), np.where(known.any(axis=0), high, mean)


def _design(raw: Floats, mean: Floats, scale: Floats, low: Floats, high: Floats) -> npt.NDArray[np.float64]:
    held = np.where(np.isfinite(raw), np.clip(raw, low, high), mean)
    return np.concatenate([(held - mean) / scale, np.ones((len(raw), 1))], axis=1)


def poisson_ridge(design: Floats, counts: Floats, weight: Floats, ridge: float) -> Floats:
    """Return the coefficients of greatest penalised weighted Poisson likelihood, by damped Newton steps.

    The last column is the intercept and is not penalised.
    """
    penalty = np.full(design.shape[1], ridge)
    penalty[-1] = 0.0
    beta = np.zeros(design.shape[1])
    beta[-1] = np.log(max((weight * counts).sum() / weight.sum(), 1e-12))

    def loss(at: Floats) -> float:
        raw = np.einsum("nj,j->n", design, at)
        rate = np.exp(np.clip(raw, -30, 30))
        return float((weight * (rate - counts * raw)).sum() + 0.5 * (penalty * at**2).sum())

    best = loss(beta)
    for _ in range(_NEWTON_STEPS):
        rate = np.exp(np.clip(np.einsum("nj,j->n", design, beta), -30, 30))
        gradient = np.einsum("nj,n->j", design, weight * (rate - counts)) + penalty * beta
        hessian = np.einsum("ni,nj->ij", design * (weight * rate)[:, None], design) + np.diag(penalty + 1e-9)
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while loss(beta - size * step) > best and size > 1e-4:
            size /= 2
        beta = beta - size * step
        new = loss(beta)
        if best - new < 1e-7 * abs(best):
            break
        best = new
    return np.round(beta, 9)
