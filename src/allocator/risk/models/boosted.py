"""LightGBM on top of the mixture. The only module that imports LightGBM."""

from __future__ import annotations

import re
from dataclasses import dataclass

import lightgbm
import numpy as np
import numpy.typing as npt

from allocator.config import RiskSection
from allocator.domain import Floats, Ints
from allocator.errors import SolverError
from allocator.risk.features import View
from allocator.risk.models.mixture import FittedMixture, Mixture, to_level
from allocator.risk.training import Training

VALIDATION_WINDOWS, MIN_WINDOWS = 4, 4
"""Windows that choose the number of rounds, and the fewest before them; with fewer there are no trees."""

STEP, PATIENCE = 10, 30
"""Rounds between looks at the validation windows, and without a gain before training ends."""

_HESSIAN_FACTOR = float(np.exp(0.7))  # as LightGBM's own Poisson objective: it damps the steps
_GRAIN = 2.0**20  # gradients are rounded to multiples of 2^-20


def _poisson(scores: Floats, data: lightgbm.Dataset) -> tuple[Floats, Floats]:
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
    """Gradient boosted trees (Poisson) that start from the mixture and correct where events fall.

    Ke et al. (2017), LightGBM, NeurIPS 30. In training, each window's rates are first scaled to its actual
    events: the trees learn places, and the level of the city stays with `risk.level`.
    """

    options: RiskSection
    seed: int = 0

    def fit(self, training: Training) -> FittedBoosted:
        """Return the fitted trees; the last `VALIDATION_WINDOWS` windows only choose the number of rounds.

        Raises
        ------
        SolverError
            If LightGBM fails.
        """
        # The windows of long horizons overlap: those that reach into the validation may not train.
        inner = max(training.n_own - VALIDATION_WINDOWS, 0)
        n_before = sum(day + training.horizon <= training.days[inner] for day in training.days)
        before, after = training.windows(0, n_before), training.windows(inner, training.n_own)
        if n_before < MIN_WINDOWS or not before.events.any() or not after.events.any():
            return FittedBoosted(Mixture(self.options).fit(training), None, 0, training.context_names)
        base = Mixture(self.options).fit(before)
        booster, rounds = self.train(before, base, after)
        return FittedBoosted(base, booster, rounds, training.context_names)

    def train(self, training: Training, base: FittedMixture, after: Training) -> tuple[lightgbm.Booster, int]:
        """Return the trees, and how many of them make the likelihood of places greatest on the windows `after`."""
        options = self.options.boosted
        data = lightgbm.Dataset(
            _columns(training), label=training.count, weight=training.weight, init_score=_start(base, training),
            feature_name=_names(training), params={"max_bin": 63, "verbosity": -1, "num_threads": self.options.threads},
            free_raw_data=True,
        )  # fmt: skip
        parameters: dict[str, object] = {
            "objective": "none",  # `_poisson` gives the gradients
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
        raw, columns = _start(base, after), _columns(after)
        reached = {0: _places_loglik(raw, after)}
        try:
            booster = lightgbm.Booster(parameters, data)
            for done in range(STEP, options.rounds + STEP, STEP):
                n = min(STEP, options.rounds - done + STEP)
                for _ in range(n):
                    booster.update(fobj=_poisson)
                raw = raw + booster.predict(
                    columns, raw_score=True, start_iteration=done - STEP, num_iteration=n,
                    num_threads=self.options.threads,
                )  # fmt: skip
                reached[done - STEP + n] = _places_loglik(raw, after)
                if done - max(reached, key=lambda rounds: reached[rounds]) >= PATIENCE:
                    break
        except lightgbm.basic.LightGBMError as error:
            raise SolverError(f"LightGBM failed: {error}") from error
        return booster, max(reached, key=lambda rounds: reached[rounds])


def _places_loglik(raw: Floats, training: Training) -> float:
    """Return the log-likelihood of where events fell, given how many there were in each window, for log rates."""
    group = training.window * np.int64(len(training.kinds)) + training.kind
    total = np.bincount(group, training.weight.astype(np.float64) * np.exp(raw))
    return float((training.count * (raw - np.log(np.maximum(total, 1e-12))[group])).sum())


@dataclass(frozen=True, eq=False)
class FittedBoosted:
    """The mixture times exp(trees), scaled to the level of the city.

    Parameters
    ----------
    base : FittedMixture
        Where the trees start.
    booster : lightgbm.Booster, optional
        The trees; None where there are too few windows for any.
    rounds : int
        Rounds used; 0 where none improved the likelihood of the windows kept for that.
    context_names : tuple of str
        Names of the context columns.
    """

    base: FittedMixture
    booster: lightgbm.Booster | None
    rounds: int
    context_names: tuple[str, ...]

    def rate(self, view: View) -> Floats:
        """Return expected events per horizon, (n_kinds, n_cells) float64."""
        rates = self.base.rate(view)
        if self.booster is not None and self.rounds:
            for kind in range(len(rates)):
                columns = np.concatenate([view.components[kind], view.context[kind]], axis=1)
                rates[kind] *= np.exp(self.booster.predict(columns, raw_score=True, num_iteration=self.rounds))
        return to_level(rates, view)

    def sources(self, view: View, cells: Ints) -> tuple[tuple[str, ...], Floats]:
        """Return the parts of the mixture for chosen cells, (n_kinds, n, n_sources); `contributions` has the rest."""
        return self.base.sources(view, cells)

    def contributions(self, view: View, cells: Ints) -> tuple[tuple[str, ...], Floats]:
        """Return what the trees add to the log rate of chosen cells, by group of features.

        Shapley values of trees (Lundberg et al. 2020, Nature Machine Intelligence 2), as LightGBM gives them,
        summed over the features of a group; the last group is what scaling to the city's level leaves, and all
        add up to log(rate) - log(mixture's rate).

        Returns
        -------
        names : tuple of str
        parts : (n_kinds, n_cells, n_groups) float64
        """
        groups = _groups(view, self.context_names)
        names = tuple(dict.fromkeys(groups))
        parts = np.zeros((len(view.level), len(cells), len(names) + 1))
        rates, base = self.rate(view)[:, cells], self.base.rate(view)[:, cells]
        for kind in range(len(parts)):
            if self.booster is not None and self.rounds:
                columns = np.concatenate([view.components[kind, cells], view.context[kind, cells]], axis=1)
                by_feature = np.asarray(self.booster.predict(columns, pred_contrib=True, num_iteration=self.rounds))
                for feature, group in enumerate(groups):
                    parts[kind, :, names.index(group)] += by_feature[:, feature]
            parts[kind, :, -1] = np.log(rates[kind] / base[kind]) - parts[kind, :, :-1].sum(axis=1)
        return (*names, "level of the city"), parts

    def text(self) -> str:
        """Return the trees in LightGBM's text format, without the number of threads; empty without trees."""
        if self.booster is None or not self.rounds:  # LightGBM takes 0 rounds as all
            return ""
        lines = str(self.booster.model_to_string(num_iteration=self.rounds)).splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith("[num_threads:"))


def _start(base: FittedMixture, training: Training) -> Floats:
    """Return log rates of the mixture, each window and kind scaled to its events."""
    total = np.einsum("wkj,kj->wk", training.totals, base.weights)
    scale = np.maximum(training.events, 0.5) / np.maximum(total, 1e-9)
    rates = base.rows(training.components, training.kind) * scale[training.window, training.kind]
    return np.asarray(np.log(np.maximum(rates, 1e-12)))


def _columns(training: Training) -> npt.NDArray[np.float32]:
    return np.concatenate([training.components, training.context], axis=1)


def _names(training: Training) -> list[str]:
    lives = [f"{life:g}d" for life in training.space.half_lives]
    own = [f"w{width:g}_h{life}" for width in training.space.bandwidths for life in lives]
    others = [f"others_{name}" for name in own] if len(training.kinds) > 1 else []
    plain = [re.sub(r"[^0-9A-Za-z]+", "_", name) for name in training.context_names]
    return [*own, *others, "constant", *(f"{name}_{i}" for i, name in enumerate(plain))]


def _groups(view: View, context_names: tuple[str, ...]) -> list[str]:
    """Return the group of each feature, in plain words."""
    memories = ["pattern of the newest events"] * (len(view.space.half_lives) - 2) + [
        "pattern of the last months",
        "long-run pattern",
    ]
    memories = memories[-len(view.space.half_lives) :]
    own = [
        f"{memory} {'here' if band == 0 else 'nearby'}"
        for band in range(len(view.space.bandwidths))
        for memory in memories
    ]
    others = ["other kinds around"] * len(own) if len(view.level) > 1 else []
    known = {name: name for name in context_names} | CONTEXT_GROUPS
    return [*own, *others, "size of the cell", *(known[name] for name in context_names)]


CONTEXT_GROUPS = {
    "kind": "kind",
    "area_km2": "size of the cell",
    "district, long run": "level of the district",
    "district, newest over long run": "trend of the district",
    "beat, long run": "level of the beat",
    "beat, newest over long run": "trend of the beat",
    "days since the last here": "time since the last event here",
    "days since the last of any kind here": "time since the last event here",
    "season, cosine": "season",
    "season, sine": "season",
    "public holidays": "public holidays",
}
"""Groups of context columns in reasons; covariates stand for themselves."""
