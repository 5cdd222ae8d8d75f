"""Windows of a backtest: what is known at each cutoff, and what is scored."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from allocator.config import EvaluationSection, RiskSection, ShiftSection
from allocator.domain import ALL_KINDS, Covariates, Floats, Panel
from allocator.errors import ConfigError, DataError, nearest, some
from allocator.evaluation.forecasts.metrics import NOMINAL
from allocator.evaluation.forecasts.pooled import Skipped
from allocator.risk import AUTO, MODELS, check_model, windows_of

DEFAULTS = EvaluationSection()
CURVE_SHARES = tuple(float(f"{share:.4g}") for share in np.geomspace(0.001, 1.0, 46))


@dataclass(frozen=True)
class Fold:
    """A window to forecast.

    Parameters
    ----------
    number : int
        From 0, the oldest.
    cutoff : datetime.date
        First local day that the models do not see, and first day of the window.
    """

    number: int
    cutoff: dt.date


@dataclass(frozen=True, eq=False)
class Design:
    """What is asked of every fold.

    Parameters
    ----------
    models : tuple of str
        Names of `risk.MODELS`, or "auto".
    kinds : tuple of str
        The panel's kinds and "all".
    days : int
        Length of the window in local days; of a shift, the days that it touches.
    shift : ShiftSection, optional
        The one shift that is forecast, on the first day of the window.
    fit_days : int
        Horizon of the fit.
    options : RiskSection
        Settings of the models.
    seed : int
        Seed of the models and of the simulated ceiling.
    harm : (n_kinds,) float64
        Harm weights.
    shares : tuple of float
        Shares of the area, those of the hit-rate curve included.
    covariates : Covariates, optional
        What is known of places and days beside the events.
    """

    models: tuple[str, ...]
    kinds: tuple[str, ...]
    days: int
    shift: ShiftSection | None
    fit_days: int
    options: RiskSection
    seed: int
    harm: Floats
    shares: tuple[float, ...]
    covariates: Covariates | None = None


@dataclass(frozen=True, eq=False)
class FoldScore:
    """What a fold hands back: small numbers only.

    Parameters
    ----------
    sums : mapping of str to (n_models, n_kinds, width) float64
        Sums behind the metrics; NaN where a kind was not scored.
    chosen : tuple of tuple of str
        Model used, by (model, kind).
    skipped : tuple of Skipped
        Kinds that were not scored, and why.
    """

    sums: Mapping[str, Floats]
    chosen: tuple[tuple[str, ...], ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, eq=False)
class Asked:
    """What a backtest is asked for; see `backtest`."""

    models: Sequence[str] | None = None
    folds: int = DEFAULTS.folds
    horizon: int | ShiftSection = 7
    step: int | None = None
    options: RiskSection | None = None
    seed: int = 0
    harm: Mapping[str, float] | None = None
    area_shares: Sequence[float] = DEFAULTS.area_shares
    covariates: Covariates | None = None


def design_of(panel: Panel, asked: Asked) -> Design:
    """Return what a backtest tests and on which panel, its arguments checked."""
    horizon, options = asked.horizon, (asked.options or RiskSection()).model_copy(update={"interval": NOMINAL})
    shift = horizon if isinstance(horizon, ShiftSection) else None
    if isinstance(horizon, ShiftSection):
        _check_times_of_day(panel, horizon)
        days, fit_days = 1 + int(horizon.stop <= horizon.start), options.horizon_days
    else:
        days = fit_days = _whole("horizon", horizon, "periods to forecast") * panel.period_days
    if days >= panel.n_days:
        raise DataError(
            f"the horizon of {days} days is longer than the history of {panel.n_days} days "
            f"({panel.first_day} to {panel.stop_day}, exclusive): give a shorter horizon or a longer history",
            count=panel.n_days,
        )
    shares = tuple(sorted({*sound_shares(asked.area_shares), *CURVE_SHARES}))
    return Design(
        models=_known_models(asked.models), kinds=(*panel.kinds, ALL_KINDS), days=days, shift=shift, fit_days=fit_days,
        options=options, seed=asked.seed, harm=_weights(panel, asked.harm), shares=shares, covariates=asked.covariates,
    )  # fmt: skip


def _whole(name: str, value: object, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ConfigError(f"{name} = {value!r}: give the number of {what}, a whole number of 1 or more")
    return int(value)


def _known_models(models: Sequence[str] | None) -> tuple[str, ...]:
    if models is None:
        return (*MODELS, AUTO)
    names = tuple(dict.fromkeys([models] if isinstance(models, str) else models))
    if not names:
        raise ConfigError(f"no model to test: name some of {', '.join([*MODELS, AUTO])}")
    for name in names:
        check_model(name)
    return names


def sound_shares(shares: Sequence[float]) -> tuple[float, ...]:
    """Return the shares of the area in ascending order, each above 0 and at most 1."""
    given = tuple(sorted({float(share) for share in shares}))
    if wrong := [share for share in given if not 0 < share <= 1]:
        raise ConfigError(
            f"{len(wrong)} of {len(given)} area shares cannot be: {some(wrong)}; a share of the area is above 0 and at "
            "most 1 (0.01 is 1 %)"
        )
    if not given:
        raise ConfigError("no area share is given: name one or more, 0.01 for 1 % of the area")
    return given


def _weights(panel: Panel, harm: Mapping[str, float] | None) -> Floats:
    harm = harm or {}
    faults = [f"no kind {kind!r}{nearest(kind, panel.kinds)}" for kind in harm if kind not in panel.kinds]
    faults += [f"{kind} = {weight}" for kind, weight in harm.items() if not (np.isfinite(weight) and weight >= 0)]
    if faults:
        raise ConfigError("the harm weights cannot be used: each is a number of 0 or more", faults=faults)
    return np.array([harm.get(kind, 1.0) for kind in panel.kinds], np.float64)


def _check_times_of_day(panel: Panel, shift: ShiftSection) -> None:
    if panel.precision != "minute" or not (panel.minute >= 0).any():
        raise DataError(
            f"the shift {shift.name!r} cannot be scored: the event times carry no time of day (they are exact to the "
            f"{panel.precision}); give the horizon in days",
            column="time",
            count=len(panel.minute),
        )
    if panel.period_days != 1:
        raise DataError(f"a shift needs a panel of days, this one has periods of {panel.period_days} days: give '1D'")


def step_of(design: Design, panel: Panel, step: int | None) -> int:
    """Return the days from one cutoff to the next."""
    if step is None:
        return 1 if design.shift else design.days
    return _whole("step", step, "periods between cutoffs") * panel.period_days


def folds_of(panel: Panel, design: Design, *, folds: int, step: int) -> list[Fold]:
    """Return the windows, oldest first; the last ends where the panel does.

    Raises
    ------
    DataError
        If the first one leaves too little history to fit on; the message says how many folds there is room for.
    """
    number = _whole("folds", folds, "windows to test")
    cutoffs = [panel.stop_day - dt.timedelta(days=design.days + step * back) for back in range(number)][::-1]
    try:
        windows_of(panel.until(cutoffs[0]), design.fit_days, design.options)
    except DataError as error:
        room = sum(1 for _ in _fitting(panel, design, cutoffs[1:]))
        advice = f"there is room for {room} folds" if room else "there is no room for a single fold"
        raise DataError(
            f"the history is too short for {number} folds of {horizon_name(design)}, {step} days apart: {advice}; "
            "give fewer folds, a smaller step, a shorter horizon or a longer history",
            faults=[f"the first fold ({cutoffs[0]}): {error.message}"],
            count=panel.n_days,
        ) from None
    return [Fold(k, cutoff) for k, cutoff in enumerate(cutoffs)]


def _fitting(panel: Panel, design: Design, cutoffs: Sequence[dt.date]) -> Iterator[dt.date]:
    for cutoff in cutoffs:
        try:
            windows_of(panel.until(cutoff), design.fit_days, design.options)
        except DataError:
            continue
        yield cutoff


def length(design: Design) -> float:
    """Return the length of what is forecast, in days."""
    if design.shift is None:
        return float(design.days)
    start, stop = minutes(design.shift)
    return (stop - start) / 1440


def minutes(shift: ShiftSection) -> tuple[int, int]:
    """Return the local minutes of a shift, counted from the midnight of its day."""
    start, stop = (time.hour * 60 + time.minute for time in (shift.start, shift.stop))
    return start, stop + 1440 * int(shift.stop <= shift.start)


def horizon_name(design: Design) -> str:
    """Return in words how long a window of the test is."""
    if design.shift is None:
        return "1 day" if design.days == 1 else f"{design.days} days"
    return f"one shift ({design.shift.name}, {design.shift.start:%H:%M} to {design.shift.stop:%H:%M})"
