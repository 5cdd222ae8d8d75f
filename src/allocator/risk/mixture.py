"""The additive kernel mixture: expected count = Σ weight × smoothed, decayed history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from allocator.risk.baselines import fit_weights

if TYPE_CHECKING:
    from allocator.config import RiskSection
    from allocator.domain import Floats
    from allocator.risk.features import Snapshot, Space
    from allocator.risk.training import Training


@dataclass(frozen=True, eq=False)
class Mixture:
    """Non-negative weights on all components, fitted by Poisson EM, for each kind by itself.

    A discrete relative of the self-exciting point process of Mohler et al. (2011), JASA 106, with the
    background and the triggering kernels on one footing; the weights read as plain reasons.
    """

    options: RiskSection
    seed: int = 0

    def fit(self, training: Training) -> FittedMixture:
        """Return the fitted mixture."""
        n_kinds = len(training.kinds)
        weights = np.zeros((n_kinds, training.space.n_components))
        for kind in range(n_kinds):
            rows = np.flatnonzero((training.kind == kind) & (training.count > 0))
            totals = training.totals[:, kind].sum(axis=0)
            weights[kind] = fit_weights(training.components[rows], training.count[rows], totals)
        return FittedMixture(training.space, weights)


@dataclass(frozen=True, eq=False)
class FittedMixture:
    """A fitted mixture.

    Parameters
    ----------
    space : Space
        Cells, memories and kernels.
    weights : (n_kinds, n_components) float64
        Non-negative weights.
    """

    space: Space
    weights: npt.NDArray[np.float64]

    def rate(self, features: Snapshot) -> Floats:
        """Return expected events per horizon, (n_kinds, n_cells) float64, above 0 everywhere."""
        return np.asarray(np.maximum(np.einsum("kcj,kj->kc", features.components, self.weights), 1e-9))

    def rows(self, components: Floats, kind: npt.NDArray[np.int64]) -> Floats:
        """Return expected events of single rows, (n,) float64."""
        # einsum and not a matrix product: BLAS may add in another order with another number of threads.
        rates = np.empty(len(kind))
        for one, weights in enumerate(self.weights):
            chosen = kind == one
            rates[chosen] = np.einsum("cj,j->c", components[chosen], weights)
        return np.maximum(rates, 1e-9)

    def sources(self, features: Snapshot) -> tuple[tuple[str, ...], Floats]:
        """Return names of the parts of the rate, and the parts, (n_kinds, n_cells, n_sources)."""
        n_kinds, n_cells, _ = features.components.shape
        parts = features.components.astype(np.float64) * self.weights[:, None, :]
        grid = parts[:, :, :-1].reshape(n_kinds, n_cells, len(self.space.bandwidths), len(self.space.half_lives))
        here, near = grid[:, :, 0], grid[:, :, 1:].sum(axis=2)
        names = [memory_name(life) for life in self.space.half_lives]
        labels = [f"{name} here" for name in names] + [f"{name} nearby" for name in names] + ["everywhere alike"]
        return tuple(labels), np.concatenate([here, near, parts[:, :, -1:]], axis=2)


def memory_name(half_life: float) -> str:
    """Return a plain name: a memory of half-life h has a mean age of 1.44 h."""
    if np.isinf(half_life):
        return "long-run level"
    days = 1.44 * half_life
    if days < 45:
        return f"last {max(1, round(days / 7))} weeks" if days >= 10.5 else f"last {max(2, round(days))} days"
    return f"last {round(days / 30.4)} months"
