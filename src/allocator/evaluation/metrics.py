"""Metrics of a forecast, all with the signature (actual, rate, area_km2, ...).

`actual` and `rate` are (n_cells,) for one window; ties in the ranking count with their expected value, so a
forecast that says nothing earns nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from allocator.kernels.likelihood import poisson_loglik

if TYPE_CHECKING:
    from allocator.domain import Floats


def log_likelihood(actual: Floats, rate: Floats) -> float:
    """Return Σ (n log λ - λ) / Σ n, the Poisson log-likelihood per event without log n!."""
    counts = np.ascontiguousarray(actual, np.float64).ravel()
    total = poisson_loglik(counts, np.ascontiguousarray(rate, np.float64).ravel())
    return float(total / max(counts.sum(), 1.0))


def hit_rate(actual: Floats, rate: Floats, area_km2: Floats, share: float) -> float:
    """Return the share of events inside the `share` of the area with the highest rate per km².

    Area-exact: the last cell counts in part. Among cells of equal density the events are averaged over.
    """
    density = np.round(rate / area_km2, 12)
    order = np.argsort(-density, kind="stable")
    _, group = np.unique(-density[order], return_inverse=True)
    area, events = np.bincount(group, area_km2[order]), np.bincount(group, actual[order])
    filled = np.concatenate([[0.0], np.cumsum(area)])
    found = np.concatenate([[0.0], np.cumsum(events)])
    return float(np.interp(share * filled[-1], filled, found) / max(found[-1], 1e-12))


def pai(actual: Floats, rate: Floats, area_km2: Floats, share: float) -> float:
    """Return the predictive accuracy index (n/N) / (a/A) of Chainey, Tompson & Uhlig (2008)."""
    return hit_rate(actual, rate, area_km2, share) / share


def coverage(objective: float, value: Floats) -> float:
    """Return the share of the expected harm that a plan covers."""
    total = float(np.asarray(value).sum())
    return objective / total if total > 0 else 0.0
