"""Windows that no model was shown, and what they say of models: which is likeliest, which go well together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from allocator.domain import Bools, Floats, Ints
from allocator.kernels.likelihood import poisson_loglik
from allocator.risk.models.mixture import fit_weights

GUARD, SURE = 60.0, 1.5
"""Events by which the likeliest single model is ahead in a stack, and standard errors that a stack has to gain over it.

With 60 and 1.5 Portland gained 0.0127 of log-likelihood an event over the choice of one model, Chicago 0.0013, and
St. Louis 0.0000; without guard and test St. Louis lost 0.0020. Chosen on the weeks of those cities."""

LEAST = 0.005
"""Smaller shares are left out of a stack: they move nothing, and each model costs time."""

POWERS, POWER_SD = np.round(np.arange(0.86, 1.1401, 0.02), 2), 0.05
"""Powers that rates are tried with, and how far from 1 they are expected to lie."""

PARTS = 6
"""Parts that many windows are left out in, one after the other; so the cost does not grow with their square."""


@dataclass(frozen=True, eq=False)
class Blend:
    """What the forecast of each kind is made of: Σ weight × rate, raised to a power and scaled to the same total.

    Parameters
    ----------
    weights : (n_kinds, n_models) float64
        Not below 0; of each kind they add up to 1.
    power : (n_kinds,) float64
        Above 1 where places differ more than the models say, below 1 where less.
    """

    weights: Floats
    power: Floats

    @classmethod
    def of_one(cls, model: str, names: Sequence[str], n_kinds: int) -> Blend:
        """Return the blend that is one of the models `names` alone, as it is."""
        alone = np.array([float(name == model) for name in names])
        return cls(np.tile(alone, (n_kinds, 1)), np.ones(n_kinds))

    def of(self, rates: Mapping[str, Floats]) -> Floats:
        """Return the blended rates, float64, of each model's: the last axes of all are (n_kinds, n_cells)."""
        mixed = np.zeros(next(iter(rates.values())).shape)
        for weight, rate in zip(self.weights.T, rates.values(), strict=True):
            if weight.any():
                mixed += weight[:, None] * rate
        return sharpened(mixed, self.power)


def sharpened(rates: Floats, power: Floats) -> Floats:
    """Return rates (…, n_kinds, n_cells) to the power of their kind, with the same total; as they are at power 1."""
    made = rates.copy()
    for kind in np.flatnonzero(power != 1.0):
        raised = rates[..., kind, :] ** power[kind]
        made[..., kind, :] = raised * (rates[..., kind, :].sum(-1) / raised.sum(-1))[..., None]
    return made


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
    overlap : int
        Windows in a row that share days: 1 where each has its own.
    """

    actual: npt.NDArray[np.float32]
    rates: Mapping[str, npt.NDArray[np.float32]]
    covered: Bools
    overlap: int = 1

    def loglik(self, model: str, kind: int | None = None) -> float:
        """Return the Poisson log-likelihood per event, Σ (n log λ - λ) / Σ n; all kinds for None."""
        chosen = np.zeros_like(self.covered)
        chosen[:, slice(None) if kind is None else kind] = True
        chosen &= self.covered
        counts, rates = self.actual[chosen].ravel(), self.rates[model][chosen].ravel()
        return float(poisson_loglik(counts, rates.astype(np.float64)) / max(counts.sum(), 1.0))

    def counted(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return events or rates with 0 where the source does not cover the kind."""
        return np.asarray(np.where(self.covered[:, :, None], values, np.float32(0)))

    def blend(self, first: str) -> Blend:
        """Return what the windows make of the models: a stack of them where it pays, sharpened where it pays.

        Weights: Poisson EM, with `GUARD` events more on the model that is likeliest alone. In the fit each model's
        rates are scaled to the events of all windows, so that weights go by places and add up to 1. The power: of
        greatest likelihood of where events fell, normal round 1. Either is only used where it gains, on windows left
        out of its fit, more than `SURE` standard errors of the gain (weights by kind, powers of all kinds together);
        else the likeliest model stays alone, and the power is 1.
        Where no window holds an event, it is the model `first` alone. Stacking: Breiman (1996), Stacked regressions,
        Machine Learning 24.

        Parameters
        ----------
        first : str
            Model for kinds without any event.
        """
        return self._blend(np.ones(len(self.covered), np.bool_), first)

    def blended_elsewhere(self, first: str) -> npt.NDArray[np.float32]:
        """Return rates blended, for each window, by the windows alone that share no day with it; see `blend`.

        So what a window scores had no part in the choice. Where no such window is left, it is the model `first`.

        Returns
        -------
        (n_windows, n_kinds, n_cells) float32
        """
        rates = np.empty_like(self.actual)
        for part, others in self._parts(np.ones(len(rates), np.bool_)):
            told = {name: rate[part].astype(np.float64) for name, rate in self.rates.items()}
            rates[part] = self._blend(others, first).of(told)
        return rates

    def _parts(self, windows: Bools) -> list[tuple[Ints, Bools]]:
        """Return parts of some windows, each with those of them that share no day with it."""
        rows = np.flatnonzero(windows)
        made: list[tuple[Ints, Bools]] = []
        for part in np.array_split(rows, min(PARTS, len(rows)) or 1):
            apart = np.abs(np.arange(len(windows))[:, None] - part).min(axis=1, initial=len(windows)) >= self.overlap
            made.append((part, windows & apart))
        return made

    def _blend(self, windows: Bools, first: str) -> Blend:
        row = list(self.rates).index(first)
        weights = np.stack([self._weights(one, windows, row) for one in self._kinds])
        return Blend(weights, self._power(windows, weights))

    def _weights(self, one: _Rows, windows: Bools, first: int) -> Floats:
        alone, stack = one.fitted(windows, first)
        if (alone == stack).all():
            return alone
        gains = []
        for part, others in self._parts(windows & (one.total > 0).any(axis=1)):
            single, several = one.fitted(others, first)
            gains.append(sum(one.loglik(window, several) - one.loglik(window, single) for window in part.tolist()))
        return stack if _pays(gains) else alone

    def _power(self, windows: Bools, weights: Floats) -> Floats:
        """Return the power of greatest likelihood of places per kind; 1 for all where they do not pay together.

        Together, because six windows of one kind cannot tell: alone, one in eight of St. Louis moved by chance. On
        Chicago powers of about 1.04 gained 0.0019 an event and brought the events of the top 2 % of cells from 1.046
        to 0.982 of those expected; on Portland 0.0034 and 1.079 to 0.998; on St. Louis nothing.
        """
        gained = np.stack([self._powers(kind, own) for kind, own in enumerate(weights)])  # over power 1
        prior = -0.5 * ((POWERS - 1.0) / POWER_SD) ** 2
        gains = []
        for part, others in self._parts(windows):
            if others.any():
                best = (gained[:, others].sum(axis=1) + prior).argmax(axis=1)
                gains.append(float(gained[np.arange(len(weights)), :, best][:, part].sum()))
        best = (gained[:, windows].sum(axis=1) + prior).argmax(axis=1)
        return POWERS[best] if _pays(gains) else np.ones(len(weights))

    def _powers(self, kind: int, weights: Floats) -> Floats:
        """Return what each power gains over 1 in the log-likelihood of places, (n_windows, n_powers)."""
        key = kind, weights.tobytes()
        if key not in self._made:
            events = self.actual[:, kind] * self.covered[:, kind, None]
            rates = np.zeros(events.shape)
            for weight, rate in zip(weights, self.rates.values(), strict=True):
                rates += weight * rate[:, kind]
            logs = np.log(rates)
            where = (events * logs).sum(axis=1, dtype=np.float64)[:, None] * POWERS
            total = np.stack([np.log(np.exp(power * logs).sum(axis=1)) for power in POWERS], axis=1)
            reached = where - events.sum(axis=1, dtype=np.float64)[:, None] * total
            self._made[key] = reached - reached[:, [int(np.abs(POWERS - 1.0).argmin())]]
        return self._made[key]

    @cached_property
    def _made(self) -> dict[tuple[int, bytes], Floats]:
        return {}

    @cached_property
    def _kinds(self) -> tuple[_Rows, ...]:
        return tuple(_Rows.of(self, kind) for kind in range(self.covered.shape[1]))


def _pays(gains: list[float]) -> bool:
    """Return whether the sum of gains on parts left out is more than `SURE` of its standard errors."""
    if len(gains) < 2:
        return False
    return sum(gains) > SURE * float(np.std(gains, ddof=1) * np.sqrt(len(gains)))


@dataclass(frozen=True, eq=False)
class _Rows:
    """One kind's places with events, and each model's rates there and in all: enough for any likelihood of a stack.

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

    def fitted(self, windows: Bools, first: int) -> tuple[Floats, Floats]:
        """Return the weights of the likeliest model alone and of the guarded stack, (n_models,) both."""
        kept = windows[self.window]
        count, rate, total = self.count[kept], self.rate[kept], self.total[windows].sum(axis=0)
        alone = np.zeros(self.total.shape[1])
        alone[int((count @ np.log(rate) - total).argmax()) if len(count) else first] = 1.0
        if not len(count):
            return alone, alone
        events = count.sum()
        # The guard is GUARD events more that the likeliest model alone can have brought about.
        scaled = np.concatenate([rate * (events / total), alone[None]])
        found = fit_weights(scaled, np.append(count, GUARD), np.full(len(total), events + GUARD))
        found[found < LEAST] = 0.0
        return alone, np.asarray(found / found.sum())

    def loglik(self, window: int, weights: Floats) -> float:
        """Return the log-likelihood of a window under a stack of these weights."""
        mine = self.window == window
        return float(self.count[mine] @ np.log(self.rate[mine] @ weights) - self.total[window] @ weights)
