"""Choosing, fitting and forecasting."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from allocator.config import RiskSection
from allocator.domain import Covariates, Floats, Panel
from allocator.errors import ConfigError, DataError, nearest
from allocator.facts import Note, note
from allocator.risk.dispersion import dispersions
from allocator.risk.features import Extras, country_of, feast_days, reported_share
from allocator.risk.fitted import AUTO, Fitted
from allocator.risk.models import (
    ENGINE,
    Baseline,
    Blend,
    Boosted,
    FittedModel,
    Glm,
    HoldOut,
    Mixture,
    Model,
    SelfExciting,
    Stack,
    baselines,
    sharpened,
)
from allocator.risk.profile import FEW_EVENTS, ProfileOnce, repeated_records
from allocator.risk.training import HeldOut, History, read_history

MODELS: dict[str, Callable[[RiskSection, int], Model]] = {
    "historic_mean": partial(Baseline, baselines.historic_mean), "recent": partial(Baseline, baselines.recent),
    "seasonal": partial(Baseline, baselines.seasonal), "decay": partial(Baseline, baselines.decay),
    "kde": partial(Baseline, baselines.kde), "prospective": partial(Baseline, baselines.prospective),
    "near_repeat": partial(Baseline, baselines.near_repeat), "self_exciting": SelfExciting,
    "empirical_bayes": partial(Baseline, baselines.empirical_bayes), "glm": Glm, "mixture": Mixture, "boosted": Boosted,
}  # fmt: skip
"""Name → what builds it from (options, seed); its `fit(training)` gives a `FittedModel`. Simplest first."""

BASELINES = tuple(name for name in MODELS if name not in ENGINE)

CANDIDATES = ("historic_mean", "recent", "decay", "kde", "empirical_bayes", "mixture", "boosted")
"""The models that "auto" stacks, and that a run prints beside its own: baselines may win."""

COMPARED = tuple(name for name in CANDIDATES if name not in ENGINE)
"""The baselines that every fit is compared with on the held-out windows."""

MANY_REPEATED = 0.2
"""Share of a kind's records from which it is told that they share cell and minute with another; St. Louis has 0.4."""


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
    panel: Panel, model: str = AUTO, horizon: int = 7, *, options: RiskSection | None = None,
    covariates: Covariates | None = None, seed: int = 0,
) -> Fitted:  # fmt: skip
    """Fit a model to a panel.

    Parameters
    ----------
    panel : Panel
        Counts by period; use `panel.until(cutoff)` to hide the future.
    model : str
        A name of `MODELS`, or "auto": per kind, a stack of the `CANDIDATES` with the weights that the held-out last
        windows give each (`HoldOut.blend`). Baselines take part, and may carry it.
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
    panel: Panel, models: Sequence[str], horizon: int = 7, *, options: RiskSection | None = None,
    covariates: Covariates | None = None, seed: int = 0,
) -> dict[str, Fitted]:  # fmt: skip
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
        overlap=_overlap(history),
    )
    notes = _notes(panel, days, history, covariates)
    now = cache(lambda name: fitted[name].rate(history.present))  # only of models that are chosen
    rest = {"panel": panel, "horizon": days, "history": history, "options": options, "notes": notes,
            "country": extras.country, "profile_once": ProfileOnce(panel, extras.country, seed)}  # fmt: skip
    return {model: _fitted(model, hold_out, fitted, now, rest) for model in models}


def check_holidays(holidays: str, year: int) -> None:
    """Refuse a country of which no public holidays are known.

    Raises
    ------
    ConfigError
        With what may be given.
    """
    if holidays not in (AUTO, "none") and not feast_days(holidays, year):
        raise ConfigError(
            f"risk.holidays = {holidays!r}: no public holidays are known; give a country such as 'US' or a "
            "part of one such as 'US-IL', 'auto' for the country of the time zone, or 'none'"
        )


def _country(panel: Panel, options: RiskSection) -> str:
    if options.holidays in (AUTO, "none"):
        return country_of(panel.timezone) if options.holidays == AUTO else ""
    check_holidays(options.holidays, panel.first_day.year)
    return options.holidays


def _fitted(
    model: str, hold_out: HoldOut, fitted: Mapping[str, FittedModel], now: Callable[[str], Floats],
    rest: Mapping[str, Any],
) -> Fitted:  # fmt: skip
    shown = CANDIDATES if model == AUTO else dict.fromkeys([*COMPARED, model])
    own = dataclasses.replace(hold_out, rates={name: hold_out.rates[name] for name in shown})
    blend = own.blend(ENGINE[0]) if model == AUTO else Blend.of_one(model, list(own.rates), len(rest["panel"].kinds))
    used = {name: column for column, name in enumerate(own.rates) if blend.weights[:, column].any()}
    weights = blend.weights[:, list(used.values())]
    stack = Stack({name: fitted[name] for name in used}, weights, blend.power)
    parts = stack.parts({name: now(name) for name in used})
    mixed = np.sum(list(parts.values()), axis=0)
    ours = np.sum([parts.get(name, np.zeros_like(mixed)) for name in ENGINE], axis=0)
    expected = blend.of({name: rate.astype(np.float64) for name, rate in own.rates.items()})
    cells, districts, whole = dispersions(own, expected, rest["panel"].city, rest["history"])
    if model == AUTO:
        none = ~own.counted(own.actual).any(axis=(0, 2)) & own.covered.any(axis=0)
        told = [note("forecast.none_held_out", kind=rest["panel"].kinds[kind]) for kind in np.flatnonzero(none)]
        rest = {**rest, "notes": (*rest["notes"], *told)}
    return Fitted(
        stack=stack, rate=sharpened(mixed, blend.power), following=(ours / mixed).astype(np.float32), dispersion=cells,
        district_dispersion=districts, city_dispersion=whole, hold_out=own, model=model, **rest,
    )  # fmt: skip


def _overlap(history: History) -> int:
    """Return how many held-out windows in a row share days."""
    first, *rest = (window.view.day for window in history.held_out)
    return -(-history.training.horizon // (rest[0] - first)) if rest else 1


def _rates(fitted: FittedModel, held_out: Sequence[HeldOut], share: Floats | None) -> npt.NDArray[np.float32]:
    """Return the rates of the held-out windows, of the `share` of each day's events that is reported by now."""
    rates = []
    for window in held_out:
        days = slice(window.view.day, window.view.day + window.view.window)
        rates.append(fitted.rate(window.view) * (1.0 if share is None else share[days].mean()))
    return np.stack(rates).astype(np.float32)


def _notes(panel: Panel, days: int, history: History, covariates: Covariates | None) -> tuple[Note, ...]:
    notes = [*panel.notes]
    if history.training.horizon < days:
        notes.append(note("forecast.short_history", days=days, horizon=history.training.horizon))
    for kind, (share, n) in enumerate(zip(*repeated_records(panel), strict=True)):
        if share >= MANY_REPEATED and n >= FEW_EVENTS:
            notes.append(note("forecast.cases", kind=panel.kinds[kind], count=n, share=share))
    unseen = np.asarray(~np.stack([window.covered for window in history.held_out]).any(axis=0))
    for kind, name in enumerate(panel.kinds):
        if unseen[kind]:
            notes.append(note("forecast.unchecked", kind=name))
        if not np.isfinite(history.present.level[kind]):
            notes.append(note("forecast.no_level", kind=name))
    if covariates is not None:
        notes += covariates.notes
        if missing := covariates.missing_days(panel.stop_day, days):
            notes.append(note("forecast.covariates_missing", names=missing))
    return tuple(notes)
