"""How much each evidence counts, by what later weeks say."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from allocator.domain import Floats
from allocator.risk.profile.events import Timed
from allocator.risk.profile.evidence import Evidence

PRIOR = {
    "hours here": 1.3, "nearby": 0.2, "the district": 10.0, "the city": 8.0, "other kinds here": 0.2,
    "places of this type": 35.0,
}  # fmt: skip
"""Weights of the evidence: per event for counts, in events for profiles. Rounded means of fits on Chicago and
St. Louis; as they stand they reach nine tenths of what fitted ones do."""
PRIOR_SD = 1.0


def fit_weights(evidence: Evidence, later: Timed, kind: int) -> Floats:
    """Return the weights of greatest posterior of one kind, (6,) float64.

    The hours of later events are drawn from their cell's shares; log weights are normal round `PRIOR`. As the evidence
    is frozen before those events, records that only repeat each other are not taken for certainty.

    Parameters
    ----------
    evidence : Evidence
        What was known before.
    later : Timed
        Events after it.
    kind : int
        Row of the kind.
    """
    prior = np.log(list(PRIOR.values()))
    mine = later.of(later.kind == kind)
    if not len(mine.kind):
        return np.exp(prior)
    there, week = evidence.rows(kind, mine.cell, mine.column)

    def loss(log_weights: Floats) -> tuple[float, Floats]:
        weights = np.exp(log_weights)
        above, below = (np.einsum("nj,j->n", rows, weights) for rows in (there, week))
        off = (log_weights - prior) / PRIOR_SD
        value = -float((mine.weight * np.log(above / below)).sum()) + 0.5 * float((off**2).sum())
        gain = [np.einsum("n,nj->j", mine.weight / total, rows) for total, rows in ((above, there), (below, week))]
        return value, off / PRIOR_SD - weights * (gain[0] - gain[1])

    found = minimize(loss, prior, jac=True, method="BFGS")
    return np.asarray(np.round(np.exp(found.x), 6))
