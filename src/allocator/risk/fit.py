"""Choosing, fitting and forecasting."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocator.config import RiskSection, ShiftSection
from allocator.domain import ALL_KINDS, Covariates, Reasons, RiskSurface, count_interval, shifts_of
from allocator.errors import ConfigError, DataError, nearest, some
from allocator.kernels.likelihood import negative_binomial_loglik, poisson_loglik
from allocator.risk import baselines
from allocator.risk.baselines import Baseline
from allocator.risk.boosted import Boosted, FittedBoosted
from allocator.risk.extras import Extras, country_of, reported_share
from allocator.risk.features import near_counts
from allocator.risk.glm import Glm
from allocator.risk.level import feast_days
from allocator.risk.mixture import FittedMixture, Mixture
from allocator.risk.profile import shift_shares
from allocator.risk.self_exciting import SelfExciting
from allocator.risk.training import HeldOut, History, Training, read_history

if TYPE_CHECKING:
    from allocator.domain import Floats, Ints, Panel, Shift
    from allocator.risk.features import View
    from allocator.tessellation import Tessellation


class Model(Protocol):
    """A model is fitted on the rows of past windows."""

    def fit(self, training: Training) -> FittedModel:
        """Return the fitted model."""


class FittedModel(Protocol):
    """A fitted model turns what is known on a day into expected events."""

    def rate(self, view: View) -> Floats:
        """Return expected events per horizon, (n_kinds, n_cells)."""

    def sources(self, view: View, cells: npt.NDArray[np.int64]) -> tuple[tuple[str, ...], Floats]:
        """Return names of the parts of the rate of chosen cells, and the parts, (n_kinds, n, n_sources)."""


MODELS: dict[str, Callable[[RiskSection, int], Model]] = {
    "historic_mean": partial(Baseline, baselines.historic_mean),
    "recent": partial(Baseline, baselines.recent),
    "seasonal": partial(Baseline, baselines.seasonal),
    "decay": partial(Baseline, baselines.decay),
    "kde": partial(Baseline, baselines.kde),
    "prospective": partial(Baseline, baselines.prospective),
    "near_repeat": partial(Baseline, baselines.near_repeat),
    "self_exciting": SelfExciting,
    "empirical_bayes": partial(Baseline, baselines.empirical_bayes),
    "glm": Glm,
    "mixture": Mixture,
    "boosted": Boosted,
}
"""Name → what builds it from (options, seed); its `fit(training)` gives a `FittedModel`. Simplest first."""

AUTO = "auto"
ENGINE = ("mixture", "boosted")
"""The models that are ours; all others of the registry are baselines."""

CANDIDATES = ("historic_mean", "recent", "decay", "kde", "empirical_bayes", "mixture", "boosted")
"""The models that "auto" chooses from, and that a run prints beside its own: baselines may win."""

COMPARED = tuple(name for name in CANDIDATES if name not in ENGINE)
"""The baselines that every fit is compared with on the held-out windows."""

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
    covered : (n_windows, n_kinds) bool
        Which kinds the source covers in each window; the others count nowhere.
    """

    actual: npt.NDArray[np.float32]
    rates: Mapping[str, npt.NDArray[np.float32]]
    covered: npt.NDArray[np.bool_]

    def loglik(self, model: str, kind: int | None = None) -> float:
        """Return the Poisson log-likelihood per event, Σ (n log λ - λ) / Σ n; all kinds for None."""
        chosen = np.zeros_like(self.covered)
        chosen[:, slice(None) if kind is None else kind] = True
        chosen &= self.covered
        counts, rates = self.actual[chosen].ravel(), self.rates[model][chosen].ravel()
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
    dispersion : (n_kinds + 1,) float64
        Over-dispersion of the held-out counts of cells, Var = λ + dispersion λ²; all kinds together last.
    district_dispersion : (n_kinds + 1,) float64
        The same for the counts of districts.
    city_dispersion : (n_kinds + 1,) float64
        The same for the count of the whole city.
    hold_out : HoldOut
        The held-out windows.
    history : History
        Training rows and states; what updates start from.
    models : mapping of str to FittedModel
        The fitted models in use.
    options : RiskSection
        Settings.
    notes : tuple of str
        Fallbacks that were taken, in plain words.
    country : str
        Country of the public holidays; empty for none.
    """

    panel: Panel
    horizon: int
    chosen: tuple[str, ...]
    rate: Floats
    dispersion: Floats
    district_dispersion: Floats
    city_dispersion: Floats
    hold_out: HoldOut
    history: History
    models: Mapping[str, FittedModel]
    options: RiskSection
    notes: tuple[str, ...] = ()
    country: str = ""

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

    def _shares(self, shifts: Sequence[Shift]) -> tuple[npt.NDArray[np.float32], str]:
        """Return the share of the horizon's events in each shift, (n_shifts, n_kinds, n_cells), and its source."""
        shares, source = shift_shares(self.panel.netted, shifts, self.country)
        weeks, rest = divmod(self.horizon, 7)
        if not rest:
            return np.asarray(shares / np.float32(weeks)), source
        halves = [
            ShiftSection(name=f"from {a}", start=dt.time(a), stop=dt.time(b), share=0.5) for a, b in ((0, 12), (12, 0))
        ]
        days = shifts_of(halves, first_day=self.panel.stop_day, days=rest, timezone=self.panel.timezone)
        part, _ = shift_shares(self.panel.netted, days, self.country)
        return np.asarray(shares / (weeks + part.sum(axis=0))), source

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return what a fast update of the forecast starts from: histories, weights and their settings."""
        histories = self.history.histories
        state = {
            "day": np.array(histories.day),
            "state": histories.state,
            "half_lives": np.array(histories.space.half_lives),
            "bandwidths": np.array(histories.space.bandwidths),
            "last": histories.last,
            "exposure": histories.exposure,
            "window": np.array(self.history.training.horizon),
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
            shares = np.ones((1, *self.rate.shape), np.float32)
        else:
            shares, source = self._shares(shifts)
            names = tuple(shift.id for shift in shifts)
            mean = (shares * self.rate).transpose(0, 2, 1)
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
            district_dispersion=self.district_dispersion, city_dispersion=self.city_dispersion,
            explainer=_Explainer(self, shares, tuple(words_of(shift) for shift in shifts or ()) or names),
        )  # fmt: skip


def words_of(shift: Shift) -> str:
    """Return a shift in plain words, such as "Friday evening"."""
    return f"{shift.day:%A} {shift.name}"


@dataclass(eq=False)
class _Explainer:
    """Gives the reasons of chosen cells; keeps the last answer, as a plan asks twice for its own cells."""

    fitted: Fitted
    shares: npt.NDArray[np.float32]
    shifts: tuple[str, ...]
    _last: tuple[bytes, Reasons] | None = field(default=None, repr=False)

    def __call__(self, cells: Ints) -> Reasons:
        chosen = np.asarray(cells, np.int32)
        if self._last is None or self._last[0] != chosen.tobytes():
            self._last = chosen.tobytes(), self._reasons(chosen)
        return self._last[1]

    def _reasons(self, cells: npt.NDArray[np.int32]) -> Reasons:
        fitted, view = self.fitted, self.fitted.history.present
        rows = cells.astype(np.int64)
        told, changed = {}, {}
        for name, model in fitted.models.items():
            told[name] = model.sources(view, rows)
            if isinstance(model, FittedBoosted):
                changed[name] = model.contributions(view, rows)
        sources, shares = _aligned(told, fitted.chosen, len(cells))
        groups, changes = _aligned(changed, fitted.chosen, len(cells))
        panel = fitted.panel
        near = near_counts(panel, day=panel.n_days, days=REASON_DAYS, radius_m=REASON_METRES)
        return Reasons(
            cells=cells,
            kinds=panel.kinds,
            shifts=self.shifts,
            sources=sources,
            shares=shares,
            groups=groups,
            changes=changes,
            profile=self.shares[:, :, rows].transpose(0, 2, 1).astype(np.float64),
            recent=near[rows],
            recent_days=REASON_DAYS,
            recent_m=REASON_METRES,
        )


def _aligned(
    told: Mapping[str, tuple[tuple[str, ...], Floats]], chosen: Sequence[str], n_cells: int
) -> tuple[tuple[str, ...], npt.NDArray[np.float64]]:
    """Return all labels and each kind's values of its own model, (n_cells, n_kinds, n_labels); 0 where it has none."""
    names = tuple(dict.fromkeys(label for labels, _ in told.values() for label in labels))
    values = np.zeros((n_cells, len(chosen), len(names)))
    for kind, model in enumerate(chosen):
        if model in told:
            labels, parts = told[model]
            values[:, kind, [names.index(label) for label in labels]] = parts[kind]
    return names, values


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
    panel: Panel,
    model: str = AUTO,
    horizon: int = 7,
    *,
    options: RiskSection | None = None,
    covariates: Covariates | None = None,
    seed: int = 0,
) -> Fitted:
    """Fit a model to a panel.

    Parameters
    ----------
    panel : Panel
        Counts by period; use `panel.until(cutoff)` to hide the future.
    model : str
        A name of `MODELS`, or "auto": per kind, the model of `CANDIDATES` with the greatest likelihood on the
        held-out last windows. Baselines take part, and may win.
    horizon : int
        Periods to forecast: days, for a daily panel. From a day to three months.
    options : RiskSection, optional
        Settings.
    covariates : Covariates, optional
        What is known of places and days beside the events: places for `boosted` and `glm`, days for the level.
    seed : int
        Seed of the zero sample and of LightGBM.

    Raises
    ------
    ConfigError
        If there is no such model.
    DataError
        If the history is too short.
    """
    return fit_all(panel, [model], horizon, options=options, covariates=covariates, seed=seed)[model]


def fit_all(
    panel: Panel,
    models: Sequence[str],
    horizon: int = 7,
    *,
    options: RiskSection | None = None,
    covariates: Covariates | None = None,
    seed: int = 0,
) -> dict[str, Fitted]:
    """Return several models fitted to one panel in one pass; each equals what `fit` gives alone.

    See `fit` for the parameters and errors.
    """
    options = options or RiskSection()
    for model in models:
        check_model(model)
    if horizon < 1:
        raise ConfigError(f"the horizon must be at least one period, not {horizon}")
    if covariates is not None and covariates.n_cells != panel.city.n_cells:
        raise DataError(f"the covariates are of {covariates.n_cells:,} cells, the panel of {panel.city.n_cells:,}")
    days = horizon * panel.period_days
    if days > panel.n_days:
        raise DataError(
            f"the horizon of {days} days is longer than the history of {panel.n_days} days ({panel.first_day} to "
            f"{panel.stop_day}, exclusive): give a shorter horizon or a longer history",
            count=panel.n_days,
        )
    extras = Extras(_country(panel, options), covariates)
    history = read_history(panel, days, options, extras, seed=seed)
    wanted = dict.fromkeys(name for model in models for name in (CANDIDATES if model == AUTO else (model,)))
    wanted |= dict.fromkeys(COMPARED)
    fitted = {name: MODELS[name](options, seed).fit(history.training) for name in wanted}
    share = reported_share(panel, panel.n_days)
    hold_out = HoldOut(
        np.stack([window.actual for window in history.held_out]),
        {name: _rates(model, history.held_out, share) for name, model in fitted.items()},
        np.stack([window.covered for window in history.held_out]),
    )
    notes = _notes(panel, days, history, covariates)
    now = cache(lambda name: fitted[name].rate(history.present))  # only of models that are chosen
    rest = {"panel": panel, "horizon": days, "history": history, "options": options, "notes": notes,
            "country": extras.country}  # fmt: skip
    return {model: _fitted(model, hold_out, fitted, now, rest) for model in models}


def _country(panel: Panel, options: RiskSection) -> str:
    if options.holidays in (AUTO, "none"):
        return country_of(panel.timezone) if options.holidays == AUTO else ""
    if not feast_days(options.holidays, panel.first_day.year):
        raise ConfigError(
            f"risk.holidays = {options.holidays!r}: no public holidays are known; give a country such as 'US' or a "
            "part of one such as 'US-IL', 'auto' for the country of the time zone, or 'none'"
        )
    return options.holidays


def _fitted(
    model: str,
    hold_out: HoldOut,
    fitted: Mapping[str, FittedModel],
    now: Callable[[str], Floats],
    rest: Mapping[str, Any],
) -> Fitted:
    shown = CANDIDATES if model == AUTO else dict.fromkeys([*COMPARED, model])
    own = HoldOut(hold_out.actual, {name: hold_out.rates[name] for name in shown}, hold_out.covered)
    panel, history = rest["panel"], rest["history"]
    chosen = tuple(_choose(own, kind, model) for kind in range(len(panel.kinds)))
    cells, districts, whole = _dispersions(own, chosen, panel.city, history)
    return Fitted(
        chosen=chosen, rate=np.stack([now(name)[kind] for kind, name in enumerate(chosen)]),
        dispersion=cells, district_dispersion=districts, city_dispersion=whole, hold_out=own,
        models={name: fitted[name] for name in dict.fromkeys(chosen)}, **rest,
    )  # fmt: skip


def _rates(fitted: FittedModel, held_out: Sequence[HeldOut], share: Floats | None) -> npt.NDArray[np.float32]:
    """Return the rates of the held-out windows, of the `share` of each day's events that is reported by now."""
    rates = []
    for window in held_out:
        days = slice(window.view.day, window.view.day + window.view.window)
        rates.append(fitted.rate(window.view) * (1.0 if share is None else share[days].mean()))
    return np.stack(rates).astype(np.float32)


def _choose(hold_out: HoldOut, kind: int, model: str) -> str:
    if model != AUTO:
        return model
    if not hold_out.actual[hold_out.covered[:, kind], kind].any():
        return ENGINE[0]
    scores = {name: hold_out.loglik(name, kind) for name in hold_out.rates}
    return max(scores, key=lambda name: scores[name])


def _notes(panel: Panel, days: int, history: History, covariates: Covariates | None) -> tuple[str, ...]:
    notes = [*panel.notes]
    if history.training.horizon < days:
        notes.append(
            f"the history is too short to hold back windows of {days} days: the models learn from windows of "
            f"{history.training.horizon} days, and their rates are scaled up"
        )
    unseen = np.asarray(~np.stack([window.covered for window in history.held_out]).any(axis=0))
    for kind, name in enumerate(panel.kinds):
        if unseen[kind]:
            notes.append(f"too few weeks of {name} to hold some back: its models learn from all of them, unchecked")
        if not np.isfinite(history.present.level[kind]):
            notes.append(f"too few days or events of {name} for a level of their own: the model's total stands")
    if covariates is not None:
        notes += covariates.notes
        if missing := covariates.missing_days(panel.stop_day, days):
            notes.append(f"no values in the forecast days for {some(missing, 10)}: taken as average")
    return tuple(notes)


DISPERSIONS = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.45, 0.7, 1.0, 1.5, 2.5, 4.0)


def _dispersions(
    hold_out: HoldOut, chosen: Sequence[str], city: Tessellation, history: History
) -> tuple[Floats, Floats, Floats]:
    """Return the over-dispersions of cells, of districts and of the whole city, per kind and for all kinds together.

    Not the moment estimate: one car park with 20 damaged cars made that 3.5 for a kind whose likelihood
    says 0.3 or less. Six held-out weeks say little about the level of a whole city, so districts are compared at
    the actual level of each window, and what the city's level has missed in the last year is added.
    """
    covered = hold_out.covered
    rates = np.stack([hold_out.rates[name][:, kind] for kind, name in enumerate(chosen)], axis=1).astype(np.float64)
    counts = hold_out.actual.astype(np.float64)
    rates, counts = (values * covered[:, :, None] for values in (rates, counts))
    level = counts.sum(axis=2) / np.maximum(rates.sum(axis=2), 1e-9)
    inside = city.district >= 0
    member = np.eye(max(len(city.districts), 1))[city.district[inside]]
    wider = [np.einsum("wkc,cd->wkd", v[:, :, inside], member) for v in (counts, rates * level[:, :, None])]
    missed = history.present.level_dispersion
    together = [np.concatenate([v, v.sum(axis=1, keepdims=True)], axis=1) for v in (counts, rates, *wider)]
    kinds = range(len(chosen) + 1)
    cells, districts = (
        np.array([_most_likely(n[:, k], rate[:, k]) for k in kinds]) for n, rate in (together[:2], together[2:])
    )
    return cells, districts + missed, missed


def _most_likely(counts: Floats, rates: Floats) -> float:
    kept = rates.ravel() > 0
    fits = [negative_binomial_loglik(counts.ravel()[kept], rates.ravel()[kept], d) for d in DISPERSIONS]
    return DISPERSIONS[int(np.argmax(fits))]
