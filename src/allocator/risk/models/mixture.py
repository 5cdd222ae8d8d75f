"""The additive kernel mixture: expected count = Σ weight × smoothed, decayed history."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from allocator.config import RiskSection
from allocator.domain import Floats
from allocator.kernels.likelihood import mixture_em
from allocator.risk.features import Space, View
from allocator.risk.training import Training

EM_ITERATIONS = 300


@dataclass(frozen=True, eq=False)
class Mixture:
    """Non-negative weights on all components, fitted by Poisson EM, for each kind by itself.

    A discrete relative of the self-exciting point process of Mohler et al. (2011), JASA 106, with the
    background and the triggering kernels on one footing; the weights read as plain reasons. The histories of the
    other kinds are components too: they brought as much on Chicago and St. Louis as boosting on top of the own
    ones (assault: 0.08 of log-likelihood per event). The whole is scaled to the level that `risk.level` expects.
    """

    options: RiskSection
    seed: int = 0

    def fit(self, training: Training) -> FittedMixture:
        """Return the fitted mixture."""
        weights = np.zeros(training.totals.shape[1:])
        for kind in range(len(weights)):
            rows = np.flatnonzero((training.kind == kind) & (training.count > 0))
            totals = training.totals[:, kind].sum(axis=0)
            weights[kind] = fit_weights(training.components[rows], training.count[rows], totals)
            if not len(rows):  # nothing in any window, or none covers the kind: its long run, and half an event
                days = max(int(training.panel.days_observed[: training.days[-1], kind].sum()), 1)
                weights[kind, training.space.component(0, -1)] = 1.0
                weights[kind, -1] = 0.5 / days * training.horizon
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

    def rate(self, view: View) -> Floats:
        """Return expected events per horizon, (n_kinds, n_cells) float64, above 0 everywhere."""
        return to_level(np.einsum("kcj,kj->kc", view.components, self.weights), view)

    def rows(self, components: Floats, kind: npt.NDArray[np.int64]) -> Floats:
        """Return the rates of single rows before they are scaled to a level, (n,) float64."""
        # einsum and not a matrix product: BLAS may add in another order with another number of threads.
        rates = np.empty(len(kind))
        for one, weights in enumerate(self.weights):
            chosen = kind == one
            rates[chosen] = np.einsum("cj,j->c", components[chosen], weights)
        return np.maximum(rates, 1e-9)

    def sources(self, view: View, cells: npt.NDArray[np.int64]) -> tuple[tuple[str, ...], Floats]:
        """Return names of the parts of the rate of chosen cells, and the parts, (n_kinds, n, n_sources)."""
        raw = view.components[:, cells].astype(np.float64) * self.weights[:, None, :]
        scale = self.rate(view)[:, cells] / np.maximum(raw.sum(axis=2), 1e-300)
        n_kinds, n_cells, _ = raw.shape
        lives = [memory_name(life) for life in self.space.half_lives]
        n_lives, n_widths = len(lives), len(self.space.bandwidths)
        blocks = (raw.shape[2] - 1) // (n_widths * n_lives)  # said, because -1 has no answer where no cell is chosen
        grid = raw[:, :, :-1].reshape(n_kinds, n_cells, blocks, n_widths, n_lives)
        labels, parts = [], []
        for block, name in enumerate(("", "other kinds, ")[: grid.shape[2]]):
            labels += [f"{name}{life} here" for life in lives] + [f"{name}{life} nearby" for life in lives]
            parts += [grid[:, :, block, 0], grid[:, :, block, 1:].sum(axis=2)]
        whole = np.concatenate([*parts, raw[:, :, -1:]], axis=2) * scale[:, :, None]
        return (*labels, "chance anywhere"), whole


def to_level(rates: Floats, view: View) -> Floats:
    """Return rates scaled so that each kind adds up to the level of the city, where one is known."""
    rates = np.maximum(rates, 1e-9)
    factor = np.where(np.isfinite(view.level), view.level / rates.sum(axis=1), view.horizon / view.window)
    return np.asarray(np.maximum(rates * factor[:, None], 1e-9))


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


def memory_name(half_life: float) -> str:
    """Return a plain name: a memory of half-life h has a mean age of 1.44 h."""
    if np.isinf(half_life):
        return "long-run level"
    days = 1.44 * half_life
    if days < 45:
        return f"last {max(1, round(days / 7))} weeks" if days >= 10.5 else f"last {max(2, round(days))} days"
    return f"last {round(days / 30.4)} months"
