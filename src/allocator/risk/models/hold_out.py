"""Windows that no model was shown, and what they say of models: which is likeliest, which go well together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from allocator.domain import Bools, Floats, Ints
from allocator.kernels.likelihood import poisson_loglik
from allocator.risk.models.mixture import fit_weights

GUARD, SURE = 60.0, 1.5
"""Events by which the likeliest single model is ahead in a stack, and standard errors that a stack has to gain over it.

With 60 and 1.5 Portland gained 0.0127 of log-likelihood an event over the choice of one model, Chicago 0.0013, and no
kind of six in St. Louis lost; without guard and test it lost 0.0020, with 30 and 1.0 two of its kinds up to 0.0015."""

LEAST = 0.005
"""Smaller shares are left out of a stack: they move nothing, and each model costs time."""


@dataclass(frozen=True, eq=False)
class HoldOut:
    """What the models said about the last windows before they were shown them.

    Parameters
    ----------
    actual : (n_windows, n_kinds, n_cells) float32
        Events.
    rates : mapping of str to (n_windows, n_kinds, n_cells) float32
        Expected events by model, above 0.
    covered : (n_windows, n_kinds) bool
        Which kinds the source covers in each window; the others count nowhere.
    """

    actual: npt.NDArray[np.float32]
    rates: Mapping[str, npt.NDArray[np.float32]]
    covered: Bools

    def loglik(self, model: str, kind: int | None = None) -> float:
        """Return the Poisson log-likelihood per event, Σ (n log λ - λ) / Σ n; all kinds for None."""
        chosen = np.zeros_like(self.covered)
        chosen[:, slice(None) if kind is None else kind] = True
        chosen &= self.covered
        counts, rates = self.actual[chosen].ravel(), self.rates[model][chosen].ravel()
        return float(poisson_loglik(counts, rates.astype(np.float64)) / max(counts.sum(), 1.0))

    def stack(self, first: str) -> Floats:
        """Return each model's weight in a stack, per kind; the rates of the stack are Σ weight × rate.

        Poisson EM, with `GUARD` events more on the model that is likeliest alone. In the fit each model's rates are
        scaled to the events of all windows, so that weights go by places and add up to 1. The likeliest model stays
        alone unless stacks of the other windows gain on the left-out windows, by more than `SURE` standard errors of
        the gain. Where no window holds an event, it is the model `first` alone. Stacking: Breiman (1996), Stacked
        regressions, Machine Learning 24.

        Returns
        -------
        (n_kinds, n_models) float64
            In the order of `rates`.
        """
        every = np.ones(len(self.covered), np.bool_)
        return np.stack([one.weights(every, list(self.rates).index(first)) for one in self._kinds])

    def stacked(self, weights: Floats) -> npt.NDArray[np.float32]:
        """Return what a stack of these `weights` said about the windows, (n_windows, n_kinds, n_cells)."""
        rates = np.zeros(self.actual.shape)
        for weight, rate in zip(weights.T, self.rates.values(), strict=True):
            if weight.any():
                rates += weight[:, None] * rate
        return rates.astype(np.float32)

    def stacked_elsewhere(self, first: str) -> npt.NDArray[np.float32]:
        """Return rates whose stack was fitted, for each window, on the other windows alone; see `stack`.

        So the window that scores a choice had no part in it.

        Returns
        -------
        (n_windows, n_kinds, n_cells) float32
        """
        rates, row = np.empty_like(self.actual), list(self.rates).index(first)
        for window in range(len(rates)):
            others = np.arange(len(rates)) != window
            weights = np.stack([one.weights(others, row) for one in self._kinds])
            rates[window] = self._of(slice(window, window + 1)).stacked(weights)[0]
        return rates

    @cached_property
    def _kinds(self) -> tuple[_Rows, ...]:
        return tuple(_Rows.of(self, kind) for kind in range(self.covered.shape[1]))

    def _of(self, windows: slice) -> HoldOut:
        rates = {name: rate[windows] for name, rate in self.rates.items()}
        return HoldOut(self.actual[windows], rates, self.covered[windows])


@dataclass(frozen=True, eq=False)
class _Rows:
    """One kind's places with events, and each model's rates there and in all: enough for any likelihood.

    Parameters
    ----------
    window : (n,) int64
    count : (n,) float64
    rate : (n, n_models) float64
    total : (n_windows, n_models) float64
        Sums over all cells; 0 where the kind is not covered.
    """

    window: Ints
    count: Floats
    rate: Floats
    total: Floats

    @classmethod
    def of(cls, held: HoldOut, kind: int) -> _Rows:
        covered = held.covered[:, kind]
        window, cell = np.nonzero((held.actual[:, kind] > 0) & covered[:, None])
        rate = np.stack([rate[window, kind, cell] for rate in held.rates.values()], axis=1).astype(np.float64)
        total = np.stack(
            [rate[:, kind].sum(axis=1, dtype=np.float64) * covered for rate in held.rates.values()], axis=1
        )
        return cls(window, held.actual[window, kind, cell].astype(np.float64), rate, total)

    def weights(self, windows: Bools, first: int) -> Floats:
        """Return the weights that chosen windows give each model, (n_models,); see `HoldOut.stack`."""
        alone, stack = self._fitted(windows, first)
        if (alone == stack).all():
            return alone
        gains = []
        for window in np.flatnonzero(windows & (self.total > 0).any(axis=1)).tolist():
            others = windows.copy()
            others[window] = False
            one, several = self._fitted(others, first)
            gains.append(self._loglik(window, several) - self._loglik(window, one))
        spread = float(np.std(gains, ddof=1) * np.sqrt(len(gains))) if len(gains) > 1 else np.inf
        return stack if sum(gains) > SURE * spread else alone

    def _fitted(self, windows: Bools, first: int) -> tuple[Floats, Floats]:
        """Return the weights of the likeliest model alone, and of the guarded stack."""
        kept = windows[self.window]
        count, rate, total = self.count[kept], self.rate[kept], self.total[windows].sum(axis=0)
        alone = np.zeros(len(total))
        alone[int((count @ np.log(rate) - total).argmax()) if len(count) else first] = 1.0
        if not len(count):
            return alone, alone
        events = count.sum()
        # The guard is GUARD events more that the likeliest model alone can have brought about.
        scaled = np.concatenate([rate * (events / total), alone[None]])
        found = fit_weights(scaled, np.append(count, GUARD), np.full(len(total), events + GUARD))
        found[found < LEAST] = 0.0
        return alone, np.asarray(found / found.sum())

    def _loglik(self, window: int, weights: Floats) -> float:
        mine = self.window == window
        return float(self.count[mine] @ np.log(self.rate[mine] @ weights) - self.total[window] @ weights)
