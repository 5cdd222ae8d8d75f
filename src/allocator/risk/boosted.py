"""LightGBM on top of the mixture. The only module that imports LightGBM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import lightgbm
import numpy as np
import numpy.typing as npt

from allocator.errors import SolverError
from allocator.risk.features import CONTEXT
from allocator.risk.mixture import FittedMixture, Mixture

if TYPE_CHECKING:
    from allocator.config import RiskSection
    from allocator.domain import Floats
    from allocator.risk.features import Snapshot
    from allocator.risk.training import Training

VALIDATION_WINDOWS = 4
_HESSIAN_FACTOR = float(np.exp(0.7))  # as LightGBM's own Poisson objective: it damps the steps
_GRAIN = 2.0**20  # gradients are rounded to multiples of 2^-20


def _poisson(scores: npt.NDArray[np.float64], data: lightgbm.Dataset) -> tuple[Floats, Floats]:
    """Return gradient and hessian of the weighted Poisson likelihood, rounded so that sums of them are exact.

    LightGBM adds them in double precision in an order that depends on the number of threads, which
    `deterministic` does not prevent: on Chicago, leaf values of 1 and 2 threads differed in the last bits.
    Multiples of 2^-20 whose sums stay below 2^33 add up exactly in any order.
    """
    weight, label = np.asarray(data.get_weight(), np.float64), np.asarray(data.get_label(), np.float64)
    rate = np.exp(scores)
    gradient = weight * (rate - label)
    hessian = weight * rate * _HESSIAN_FACTOR
    return np.rint(gradient * _GRAIN) / _GRAIN, np.rint(hessian * _GRAIN) / _GRAIN


@dataclass(frozen=True, eq=False)
class Boosted:
    """Gradient boosted trees (Poisson) that start from the mixture and correct it.

    Ke et al. (2017), LightGBM, NeurIPS 30.
    """

    options: RiskSection
    seed: int = 0
    rounds: int | None = None

    def fit(self, training: Training) -> FittedBoosted:
        """Return the fitted trees.

        With `rounds` given, all windows are used. Without, the last `VALIDATION_WINDOWS` windows only choose
        the number of rounds, so that a trial costs one training and not two.

        Raises
        ------
        SolverError
            If LightGBM fails.
        """
        if self.rounds is not None:
            base = Mixture(self.options).fit(training)
            booster = self._train(training, base, self.rounds) if self.rounds else None
            return FittedBoosted(base, booster, self.rounds, self.options.threads)
        inner = training.n_windows - VALIDATION_WINDOWS
        before, after = training.windows(0, inner), training.windows(inner, training.n_windows)
        base = Mixture(self.options).fit(before)
        booster = self._train(before, base, self.options.boosted.rounds)
        return FittedBoosted(base, booster, self._best_rounds(booster, base, after), self.options.threads)

    def _best_rounds(self, booster: lightgbm.Booster, base: FittedMixture, after: Training) -> int:
        """Return the rounds of greatest weighted Poisson likelihood on the windows `after`."""
        raw, columns = np.log(base.rows(after.components, after.kind)), _columns(after)
        weight, step = after.weight.astype(np.float64), 10
        likelihood = {0: float((weight * (after.count * raw - np.exp(raw))).sum())}
        for start in range(0, self.options.boosted.rounds, step):
            raw = raw + booster.predict(
                columns,
                raw_score=True,
                start_iteration=start,
                num_iteration=step,
                num_threads=self.options.threads,
            )
            stop = min(start + step, self.options.boosted.rounds)
            likelihood[stop] = float((weight * (after.count * raw - np.exp(raw))).sum())
        return max(likelihood, key=lambda rounds: likelihood[rounds])

    def _train(self, training: Training, base: FittedMixture, rounds: int) -> lightgbm.Booster:
        options = self.options.boosted
        columns = _columns(training)
        data = lightgbm.Dataset(
            columns,
            label=training.count,
            weight=training.weight,
            init_score=np.log(base.rows(training.components, training.kind)),
            feature_name=_names(training),
            params={"max_bin": 63, "verbosity": -1, "num_threads": self.options.threads},
            free_raw_data=True,
        )
        parameters: dict[str, Any] = {
            "objective": _poisson,
            "learning_rate": options.learning_rate,
            "num_leaves": options.leaves,
            "min_data_in_leaf": 1,  # rows are weighted: the least hessian, in events, is what counts
            "min_sum_hessian_in_leaf": options.min_leaf_events * _HESSIAN_FACTOR,
            "max_bin": 63,
            "deterministic": True,
            "force_row_wise": True,
            "boost_from_average": False,
            "num_threads": self.options.threads,
            "seed": self.seed,
            "verbosity": -1,
        }
        try:
            return lightgbm.train(parameters, data, num_boost_round=rounds)
        except lightgbm.basic.LightGBMError as error:
            raise SolverError(f"LightGBM failed: {error}") from error


@dataclass(frozen=True, eq=False)
class FittedBoosted:
    """The mixture times exp(trees).

    Parameters
    ----------
    base : FittedMixture
        Where the trees start.
    booster : lightgbm.Booster, optional
        The trees; None where no round improved the held-out likelihood.
    rounds : int
        Rounds used.
    threads : int
        Threads for prediction (0: all cores).
    """

    base: FittedMixture
    booster: lightgbm.Booster | None
    rounds: int
    threads: int = 0

    def rate(self, features: Snapshot) -> Floats:
        """Return expected events per horizon, (n_kinds, n_cells) float64."""
        rates = self.base.rate(features)
        if self.booster is None or self.rounds == 0:
            return rates
        for kind in range(len(rates)):
            columns = np.concatenate(
                [features.components[kind], features.recent[kind, :, None], features.context[kind]], axis=1
            )
            raw = self.booster.predict(columns, raw_score=True, num_iteration=self.rounds, num_threads=self.threads)
            rates[kind] *= np.exp(raw)
        return rates

    def sources(self, features: Snapshot) -> tuple[tuple[str, ...], Floats]:
        """Return the parts of the mixture, and what the trees add or take away (may be negative)."""
        names, parts = self.base.sources(features)
        change = self.rate(features) - parts.sum(axis=2)
        return (*names, "pattern of the surroundings (boosted trees)"), np.concatenate(
            [parts, change[..., None]], axis=2
        )

    def text(self) -> str:
        """Return the trees in LightGBM's text format, without the number of threads; empty without trees."""
        if self.booster is None:
            return ""
        lines = str(self.booster.model_to_string()).splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith("[num_threads:"))


def _columns(training: Training) -> npt.NDArray[np.float32]:
    return np.concatenate([training.components, training.recent[:, None], training.context], axis=1)


def _names(training: Training) -> list[str]:
    lives = [f"{life:g}d" for life in training.space.half_lives]
    names = [f"w{width:g}_h{life}" for width in training.space.bandwidths for life in lives]
    return [*names, "constant", "recent", *(name.replace(",", "").replace(" ", "_") for name in CONTEXT)]
