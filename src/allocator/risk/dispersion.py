"""How much more counts vary than Poisson says, for intervals."""

from __future__ import annotations

import numpy as np

from allocator.domain import Floats, Tessellation
from allocator.kernels.likelihood import negative_binomial_loglik
from allocator.risk.models import HoldOut
from allocator.risk.training import History

DISPERSIONS = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.45, 0.7, 1.0, 1.5, 2.5, 4.0)


def dispersions(
    hold_out: HoldOut, expected: Floats, city: Tessellation, history: History
) -> tuple[Floats, Floats, Floats]:
    """Return the over-dispersions of cells, of districts and of the whole city, per kind and for all kinds together.

    Not the moment estimate: one car park with 20 damaged cars made that 3.5 for a kind whose likelihood
    says 0.3 or less. Six held-out weeks say little about the level of a whole city, so districts are compared at
    the actual level of each window, and what the city's level has missed in the last year is added.
    """
    covered = hold_out.covered
    rates = expected.astype(np.float64)
    counts = hold_out.actual.astype(np.float64)
    rates, counts = (values * covered[:, :, None] for values in (rates, counts))
    level = counts.sum(axis=2) / np.maximum(rates.sum(axis=2), 1e-9)
    inside = city.district >= 0
    member = np.eye(max(len(city.districts), 1))[city.district[inside]]
    wider = [np.einsum("wkc,cd->wkd", v[:, :, inside], member) for v in (counts, rates * level[:, :, None])]
    missed = history.present.level_dispersion
    together = [np.concatenate([v, v.sum(axis=1, keepdims=True)], axis=1) for v in (counts, rates, *wider)]
    kinds = range(rates.shape[1] + 1)
    cells, districts = (
        np.array([_most_likely(n[:, k], rate[:, k]) for k in kinds]) for n, rate in (together[:2], together[2:])
    )
    return cells, districts + missed, missed


def _most_likely(counts: Floats, rates: Floats) -> float:
    kept = rates.ravel() > 0
    fits = [negative_binomial_loglik(counts.ravel()[kept], rates.ravel()[kept], d) for d in DISPERSIONS]
    return DISPERSIONS[int(np.argmax(fits))]
