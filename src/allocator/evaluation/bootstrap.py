"""Moving-block bootstrap over folds, with sums and not ratios drawn again."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from allocator.domain import Floats, Ints

LEVEL = 0.95
BETTER, WORSE, NEITHER, UNKNOWN = "better", "worse", "no clear difference", "too few folds or events to tell"
FEW_FOLDS = 8
MIN_FOLDS, MIN_EVENTS = 6, 20
"""Folds that share no days below which nothing is called better or worse: a sign test of 5 cannot reach 5 %."""


def block_length(n_folds: int, *, overlap: int = 1) -> int:
    """Return the cube root of the number of folds, rounded, but no less than the folds that share days.

    n^(1/3) is the order of the best length for variances (Künsch 1989; Hall, Horowitz & Jing 1995, Biometrika 82).
    """
    return int(min(n_folds, max(1, round(n_folds ** (1 / 3)), overlap)))


def block_weights(n_folds: int, length: int, *, draws: int, seed: int) -> Floats:
    """Return how often each fold is drawn: blocks of neighbouring folds, with replacement, cut to `n_folds`.

    Künsch (1989), The jackknife and the bootstrap for general stationary observations. Annals of Statistics 17.

    Returns
    -------
    (draws, n_folds) float64
        Each row adds up to `n_folds`.
    """
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, n_folds - length + 1, (draws, math.ceil(n_folds / length)))
    drawn = (starts[:, :, None] + np.arange(length)).reshape(draws, -1)[:, :n_folds]
    weights = np.zeros((draws, n_folds))
    np.add.at(weights, (np.arange(draws)[:, None], drawn), 1.0)
    return weights


def resample(sums: Mapping[str, Floats], weights: Floats) -> dict[str, Floats]:
    """Return the sums of each draw: fold axis first in, draw axis first out; folds that are NaN hold nothing."""
    # Not a matrix product: BLAS may add in another order with another number of threads.
    return {name: np.einsum("bf,f...->b...", weights, np.nan_to_num(one, nan=0.0)) for name, one in sums.items()}


def interval(draws: Floats, level: float = LEVEL) -> tuple[Floats, Floats]:
    """Return lower and upper percentiles over the first axis; draws without a value (no events) are left out."""
    in_order = np.sort(np.where(np.isfinite(draws), draws, np.nan), axis=0)  # NaN comes last
    known = np.isfinite(in_order).sum(axis=0)
    return _quantile(in_order, known, (1 - level) / 2), _quantile(in_order, known, (1 + level) / 2)


def _quantile(in_order: Floats, known: Ints, share: float) -> Floats:
    at = share * np.maximum(known - 1, 0)
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(known - 1, 0))
    below, above = (np.take_along_axis(in_order, row[None], axis=0)[0] for row in (low, high))
    return np.asarray(below + (at - low) * (above - below))


def verdict(low: float, high: float, *, n_folds: int, events: float) -> str:
    """Return in words what the interval of a difference over `n_folds` separate folds and so many events says."""
    if not (np.isfinite(low) and np.isfinite(high)) or n_folds < MIN_FOLDS or events < MIN_EVENTS:
        return UNKNOWN
    return BETTER if low > 0 else WORSE if high < 0 else NEITHER
