"""Choosing, fitting and forecasting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocator.config import RiskSection
from allocator.domain import ALL_KINDS, Reasons, RiskSurface, count_interval
from allocator.errors import ConfigError, DataError, nearest, some
from allocator.kernels.likelihood import negative_binomial_loglik, poisson_loglik
from allocator.risk.baselines import HistoricMean, Kde, Recent
from allocator.risk.boosted import Boosted, FittedBoosted
from allocator.risk.features import near_counts
from allocator.risk.mixture import FittedMixture, Mixture
from allocator.risk.profile import shift_shares
from allocator.risk.training import History, Training, read_history

if TYPE_CHECKING:
    from allocator.domain import Floats, Panel, Shift
    from allocator.risk.features import Snapshot
    from allocator.tessellation import Tessellation


class FittedModel(Protocol):
    """A fitted model turns the features of a day into expected events."""

    def rate(self, features: Snapshot) -> Floats:
        """Return expected events per horizon, (n_kinds, n_cells)."""

    def sources(self, features: Snapshot) -> tuple[tuple[str, ...], Floats]:
        """Return names of the parts of the rate, and the parts, (n_kinds, n_cells, n_sources)."""


MODELS: dict[str, Any] = {
    "historic_mean": HistoricMean,
    "recent": Recent,
    "kde": Kde,
    "mixture": Mixture,
    "boosted": Boosted,
}
"""Name → class, built with (options, seed); its `fit(training)` gives a `FittedModel`. Simplest first."""

AUTO = "auto"
BASELINES = ("historic_mean", "recent", "kde")
REASON_DAYS, REASON_METRES = 14, 300


@dataclass(frozen=True, eq=False)
class HoldOut:
    """What the models said about the last windows before they were shown them.

    Parameters
    ----------
    actual : (n_windows, n_kinds, n_cells) float32
        Events.
    rates : mapping of str to (n_windows, n_kinds, n_cells) float32
        Expected events by model.
    """

    actual: npt.NDArray[np.float32]
    rates: Mapping[str, npt.NDArray[np.float32]]

    def loglik(self, model: str, kind: int | None = None) -> float:
        """Return the Poisson log-likelihood per event, Σ (n log λ - λ) / Σ n; all kinds for None."""
        chosen = slice(None) if kind is None else slice(kind, kind + 1)
        counts, rates = self.actual[:, chosen].ravel(), self.rates[model][:, chosen].ravel()
        return float(poisson_loglik(counts, rates.astype(np.float64)) / max(counts.sum(), 1.0))


@dataclass(frozen=True, eq=False)
class Fitted:
    """A model fitted to a panel, ready to forecast the horizon after it.

    Parameters
    ----------
    panel : Panel
        What was seen.
    horizon : int
        Days.
    chosen : tuple of str
        Model per kind.
    rate : (n_kinds, n_cells) float64
        Expected events over the horizon.
    sources, parts : tuple of str, (n_kinds, n_cells, n_sources)
        Where the rate comes from.
    dispersion : (n_kinds + 1,) float64
        Over-dispersion of the held-out counts of cells, Var = λ + dispersion λ²; all kinds together last.
    district_dispersion : (n_kinds + 1,) float64
        The same for the counts of districts.
    hold_out : HoldOut
        The held-out windows.
    history : History
        Training rows and states; what updates start from.
    models : mapping of str to FittedModel
        The fitted models in use.
    options : RiskSection
        Settings.
    """

    panel: Panel
    horizon: int
    chosen: tuple[str, ...]
    rate: Floats
    sources: tuple[str, ...]
    parts: Floats
    dispersion: Floats
    district_dispersion: Floats
    hold_out: HoldOut
    history: History
    models: Mapping[str, FittedModel]
    options: RiskSection

    def skill(self) -> pd.DataFrame:
        """Return held-out log-likelihood per event: `kind, events, chosen`, and one column per model."""
        records = []
        for row, kind in enumerate((*self.panel.kinds, ALL_KINDS)):
            one = None if kind == ALL_KINDS else row
            actual = self.hold_out.actual if one is None else self.hold_out.actual[:, one]
            scores = {model: self.hold_out.loglik(model, one) for model in self.hold_out.rates}
            chosen = "as above" if one is None else self.chosen[one]
            records.append({"kind": kind, "events": int(actual.sum()), "chosen": chosen, **scores})
        return pd.DataFrame(records)

    def model_text(self) -> str:
        """Return the boosted trees in LightGBM's text format, or an empty string."""
        boosted = self.models.get("boosted")
        return boosted.text() if isinstance(boosted, FittedBoosted) else ""

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return what a fast update of the forecast starts from: histories, weights and their settings."""
        histories = self.history.histories
        state = {
            "day": np.array(histories.day),
            "state": histories.state,
            "half_lives": np.array(histories.space.half_lives),
            "bandwidths": np.array(histories.space.bandwidths),
            "rate": self.rate,
            "dispersion": self.dispersion,
        }
        if isinstance(base := self.models.get("mixture"), FittedMixture):
            state["mixture_weights"] = base.weights
        elif isinstance(boosted := self.models.get("boosted"), FittedBoosted):
            state["mixture_weights"] = boosted.base.weights
        return state

    def forecast(
        self, *, shifts: Sequence[Shift] | None = None, harm: Mapping[str, float] | None = None
    ) -> RiskSurface:
        """Return the risk surface of the horizon, in one slice or one per shift.

        Parameters
        ----------
        shifts : sequence of Shift, optional
            Shifts from the cutoff on, each with its share of the weekly rate; without them `mean` is
            (1, n_cells, n_kinds) for the horizon.
        harm : mapping, optional
            Harm weight per kind; 1 where not given.

        Raises
        ------
        DataError
            If a shift lies before the cutoff, or times carry no time of day and shifts no shares.
        """
        cutoff = self.panel.stop_day
        if early := [shift.id for shift in shifts or () if shift.day < cutoff]:
            raise DataError(f"{len(early)} shifts lie before the forecast begins ({cutoff}): {some(early)}")
        if shifts is None:
            names: tuple[str, ...] = (f"{cutoff.isoformat()}/+{self.horizon}d",)
            mean, source = self.rate.T[None], "the whole horizon in one"
        else:
            shares, source = shift_shares(self.panel.netted, shifts)
            names = tuple(shift.id for shift in shifts)
            mean = (shares * (self.rate * 7 / self.horizon)).transpose(0, 2, 1)
        mean = np.ascontiguousarray(mean, np.float32)
        level = self.options.interval
        lower, upper = count_interval(mean, self.dispersion[:-1], level)
        all_lower, all_upper = count_interval(mean.sum(axis=2, dtype=np.float32), self.dispersion[-1], level)
        return RiskSurface(
            city=self.panel.city, kinds=self.panel.kinds, shifts=names, mean=mean, lower=lower, upper=upper,
            all_lower=all_lower, all_upper=all_upper,
            harm=np.array([(harm or {}).get(kind, 1.0) for kind in self.panel.kinds]),
            models=self.chosen, cutoff=cutoff, interval=level, profile_source=source,
            dispersion=np.tile(self.dispersion.astype(np.float32), (self.panel.city.n_cells, 1)),
            district_dispersion=self.district_dispersion,
            reasons=self._reasons(),
        )  # fmt: skip

    def _reasons(self) -> Reasons:
        near = near_counts(self.panel, day=self.panel.n_days, days=REASON_DAYS, radius_m=REASON_METRES)
        return Reasons(
            cells=np.arange(self.panel.city.n_cells, dtype=np.int32),
            kinds=self.panel.kinds,
            sources=self.sources,
            shares=self.parts.transpose(1, 0, 2).astype(np.float32),
            recent=near,
            recent_days=REASON_DAYS,
            recent_m=REASON_METRES,
        )


def check_model(model: str) -> None:
    """Refuse a model that is neither in `MODELS` nor "auto".

    Raises
    ------
    ConfigError
        With the nearest name.
    """
    known = [*MODELS, AUTO]
    if model not in known:
        raise ConfigError(f"unknown model {model!r}{nearest(model, known)}; there are {', '.join(known)}")


def fit(
    panel: Panel, model: str = AUTO, horizon: int = 7, *, options: RiskSection | None = None, seed: int = 0
) -> Fitted:
    """Fit a model to a panel.

    Parameters
    ----------
    panel : Panel
        Counts by local day; use `panel.until(cutoff)` to hide the future.
    model : str
        A name of `MODELS`, or "auto": per kind, the model of greatest likelihood on the held-out last windows.
        Baselines take part, and may win.
    horizon : int
        Days to forecast.
    options : RiskSection, optional
        Settings.
    seed : int
        Seed of the zero sample and of LightGBM.

    Raises
    ------
    ConfigError
        If there is no such model.
    DataError
        If the history is too short.
    """
    options = options or RiskSection()
    check_model(model)
    names = list(MODELS) if model == AUTO else list(dict.fromkeys([*BASELINES, model]))
    history = read_history(panel, horizon, options, seed=seed)
    training = history.training
    seen = training.windows(0, training.n_windows - options.holdout_weeks)
    trial = {name: MODELS[name](options, seed).fit(seen) for name in names}
    hold_out = HoldOut(
        np.stack([counts for _, counts in history.held_out]),
        {name: _rates(fitted, history) for name, fitted in trial.items()},
    )
    chosen = tuple(_choose(hold_out, kind, model) for kind in range(len(panel.kinds)))
    models = {name: _refit(name, trial[name], training, options, seed) for name in dict.fromkeys(chosen)}
    rate, sources, parts = _combine(models, chosen, history.present)
    return Fitted(
        panel=panel, horizon=horizon, chosen=chosen, rate=rate, sources=sources, parts=parts,
        **_dispersions(hold_out, chosen, panel.city), hold_out=hold_out, history=history, models=models,
        options=options,
    )  # fmt: skip


def fit_all(
    panel: Panel, models: Sequence[str], horizon: int = 7, *, options: RiskSection | None = None, seed: int = 0
) -> dict[str, Fitted]:
    """Return several models fitted to one panel; each equals what `fit` gives alone."""
    return {model: fit(panel, model, horizon, options=options, seed=seed) for model in models}


def _rates(fitted: FittedModel, history: History) -> npt.NDArray[np.float32]:
    return np.stack([fitted.rate(features) for features, _ in history.held_out]).astype(np.float32)


def _choose(hold_out: HoldOut, kind: int, model: str) -> str:
    if model != AUTO:
        return model
    scores = {name: hold_out.loglik(name, kind) for name in hold_out.rates}
    return max(scores, key=lambda name: scores[name])


def _refit(name: str, trial: FittedModel, training: Training, options: RiskSection, seed: int) -> FittedModel:
    """Fit again with the held-out windows; trees keep the number of rounds that the trial found."""
    if isinstance(trial, FittedBoosted):
        return Boosted(options, seed, rounds=trial.rounds).fit(training)
    fitted: FittedModel = MODELS[name](options, seed).fit(training)
    return fitted


def _combine(
    models: Mapping[str, FittedModel], chosen: Sequence[str], features: Snapshot
) -> tuple[Floats, tuple[str, ...], Floats]:
    """Return rate, source names and parts of each kind's own model; a source that a model lacks is 0."""
    told = {name: model.sources(features) for name, model in models.items()}
    names = tuple(dict.fromkeys(label for labels, _ in told.values() for label in labels))
    n_kinds, n_cells = features.recent.shape
    parts = np.zeros((n_kinds, n_cells, len(names)))
    for kind, model in enumerate(chosen):
        labels, values = told[model]
        parts[kind][:, [names.index(label) for label in labels]] = values[kind]
    return np.maximum(parts.sum(axis=2), 1e-9), names, parts


DISPERSIONS = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.45, 0.7, 1.0, 1.5, 2.5, 4.0)


def _dispersions(hold_out: HoldOut, chosen: Sequence[str], city: Tessellation) -> dict[str, Floats]:
    """Return the over-dispersions of cells and of districts, per kind and for all kinds together.

    Not the moment estimate: one car park with 20 damaged cars made that 3.5 for a kind whose likelihood
    says 0.3 or less.
    """
    rates = np.stack([hold_out.rates[name][:, kind] for kind, name in enumerate(chosen)], axis=1).astype(np.float64)
    counts = hold_out.actual.astype(np.float64)
    rates = np.concatenate([rates, rates.sum(axis=1, keepdims=True)], axis=1)
    counts = np.concatenate([counts, counts.sum(axis=1, keepdims=True)], axis=1)
    inside = city.district >= 0
    member = np.eye(max(len(city.districts), 1))[city.district[inside]]
    wider = [np.einsum("wkc,cd->wkd", values[:, :, inside], member) for values in (counts, rates)]
    kinds = range(counts.shape[1])
    return {
        "dispersion": np.array([_most_likely(counts[:, kind], rates[:, kind]) for kind in kinds]),
        "district_dispersion": np.array([_most_likely(wider[0][:, kind], wider[1][:, kind]) for kind in kinds]),
    }


def _most_likely(counts: Floats, rates: Floats) -> float:
    rates = np.maximum(rates.ravel(), 1e-12)
    fits = [negative_binomial_loglik(counts.ravel(), rates, d) for d in DISPERSIONS]
    return DISPERSIONS[int(np.argmax(fits))]
