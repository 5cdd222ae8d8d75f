"""Rolling-origin backtests: each fold is fitted on what was known at its cutoff, and scored on what came after.

A fold is one task that takes the panel and returns sums, so any `concurrent.futures` executor may do it and the
answers are the same bits as one after the other.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from allocator.config import EvaluationSection, RiskSection, ShiftSection
from allocator.domain import ALL_KINDS, Shift, shifts_of
from allocator.errors import ConfigError, DataError, SolverError, nearest, some
from allocator.evaluation.metrics import NOMINAL, Case, deciles, interval_sums, place_sums, poisson_ceiling, tally
from allocator.evaluation.scorecard import Scorecard, Skipped
from allocator.risk import AUTO, BASELINES, MODELS, check_model, covered, fit_all, windows_of

if TYPE_CHECKING:
    from allocator.domain import Covariates, Floats, Panel, RiskSurface
    from allocator.tessellation import Tessellation

Array = npt.NDArray[np.float64]
Progress = Callable[[str], None]
T = TypeVar("T")

DEFAULTS = EvaluationSection()
PAST_DAYS = 364
CURVE_SHARES = tuple(float(f"{share:.4g}") for share in np.geomspace(0.001, 1.0, 46))
CEILING_DRAWS = 10


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
    harm: Array
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

    sums: Mapping[str, Array]
    chosen: tuple[tuple[str, ...], ...]
    skipped: tuple[Skipped, ...]


def backtest(
    panel: Panel, *, models: Sequence[str] | None = None, folds: int = DEFAULTS.folds,
    horizon: int | ShiftSection = 7, step: int | None = None, options: RiskSection | None = None, seed: int = 0,
    harm: Mapping[str, float] | None = None, area_shares: Sequence[float] = DEFAULTS.area_shares,
    covariates: Covariates | None = None, executor: Executor | None = None, progress: Progress | None = None,
) -> Scorecard:  # fmt: skip
    """Forecast the last windows of a panel from what was known before each, and score the forecasts.

    Parameters
    ----------
    panel : Panel
        The history; its end is the end of the last window.
    models : sequence of str, optional
        Names of `risk.MODELS`, or "auto"; by default all of them.
    folds : int
        Number of windows.
    horizon : int or ShiftSection
        Periods of a window, or one shift: then that shift of the first day of each window is forecast.
    step : int, optional
        Periods from one cutoff to the next; by default the horizon (one day for a shift), so that windows neither
        overlap nor leave days out. With a smaller step windows overlap, and the bootstrap draws longer blocks.
    options : RiskSection, optional
        Settings of the models; intervals are those of 90 % whatever it says.
    seed : int
        Seed of the models, of the simulated ceiling and of the bootstrap.
    harm : mapping of str to float, optional
        Harm weight per kind; 1 where not given.
    area_shares : sequence of float
        Shares of the area, above 0 and up to 1.
    covariates : Covariates, optional
        What is known of places and days beside the events; see `allocator.fit`. Dated points and daily values count
        as they were known at each cutoff; all else counts as given, so it must have been known then.
    executor : concurrent.futures.Executor, optional
        Does the folds; without one they are done one after the other. Give processes `options.threads = 1`.
    progress : callable, optional
        Told which fold is being done.

    Returns
    -------
    Scorecard
        Scores per model, kind, fold and share of the area, and what follows from them.

    Raises
    ------
    ConfigError
        If a model, a share of the area, a harm weight, the folds, the step or the horizon cannot be.
    DataError
        If the history is too short, holds nothing to score, or has no times of day for a shift.
    SolverError
        If a worker of the executor ends before its fold is done.
    """
    design = _design(panel, models, horizon, options, seed, harm, area_shares)
    design = dataclasses.replace(design, covariates=covariates)
    plan = _folds(panel, design, folds=folds, step=_step(design, panel, step))
    results = in_folds(score, [(panel, design, fold) for fold in plan], executor=executor, progress=progress)
    skipped = tuple(one for result in results for one in result.skipped)
    if len(skipped) == len(plan) * len(design.kinds):
        raise DataError("no fold could be scored", faults=sorted({f"{one.kind}: {one.reason}" for one in skipped}))
    spacing = (plan[1].cutoff - plan[0].cutoff).days if len(plan) > 1 else design.days
    return Scorecard(
        models=design.models, kinds=design.kinds, cutoffs=tuple(fold.cutoff for fold in plan),
        horizon_days=_length(design), horizon_name=_horizon_name(design), step_days=spacing,
        overlap=-(-design.days // spacing), area_shares=_sound_shares(area_shares), shares=design.shares,
        baselines=tuple(name for name in BASELINES if name in design.models),
        sums={name: np.stack([result.sums[name] for result in results]) for name in results[0].sums},
        chosen=tuple(result.chosen for result in results), skipped=skipped, notes=_notes(panel, design, plan),
        seed=seed,
    )  # fmt: skip


def _design(
    panel: Panel, models: Sequence[str] | None, horizon: int | ShiftSection, options: RiskSection | None, seed: int,
    harm: Mapping[str, float] | None, area_shares: Sequence[float],
) -> Design:  # fmt: skip
    options = (options or RiskSection()).model_copy(update={"interval": NOMINAL})
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
    shares = tuple(sorted({*_sound_shares(area_shares), *CURVE_SHARES}))
    return Design(
        models=_known_models(models), kinds=(*panel.kinds, ALL_KINDS), days=days, shift=shift, fit_days=fit_days,
        options=options, seed=seed, harm=_weights(panel, harm), shares=shares,
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


def _sound_shares(shares: Sequence[float]) -> tuple[float, ...]:
    given = tuple(sorted({float(share) for share in shares}))
    if wrong := [share for share in given if not 0 < share <= 1]:
        raise ConfigError(
            f"{len(wrong)} of {len(given)} area shares cannot be: {some(wrong)}; a share of the area is above 0 and at "
            "most 1 (0.01 is 1 %)"
        )
    if not given:
        raise ConfigError("no area share is given: name one or more, 0.01 for 1 % of the area")
    return given


def _weights(panel: Panel, harm: Mapping[str, float] | None) -> Array:
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


def _step(design: Design, panel: Panel, step: int | None) -> int:
    """Return the days from one cutoff to the next."""
    if step is None:
        return 1 if design.shift else design.days
    return _whole("step", step, "periods between cutoffs") * panel.period_days


def _folds(panel: Panel, design: Design, *, folds: int, step: int) -> list[Fold]:
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
            f"the history is too short for {number} folds of {_horizon_name(design)}, {step} days apart: {advice}; "
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


def _length(design: Design) -> float:
    """Return the length of what is forecast, in days."""
    if design.shift is None:
        return float(design.days)
    start, stop = _minutes(design.shift)
    return (stop - start) / 1440


def _minutes(shift: ShiftSection) -> tuple[int, int]:
    """Return the local minutes of a shift, counted from the midnight of its day."""
    start, stop = (time.hour * 60 + time.minute for time in (shift.start, shift.stop))
    return start, stop + 1440 * int(shift.stop <= shift.start)


def _horizon_name(design: Design) -> str:
    if design.shift is None:
        return "1 day" if design.days == 1 else f"{design.days} days"
    return f"one shift ({design.shift.name}, {design.shift.start:%H:%M} to {design.shift.stop:%H:%M})"


def _notes(panel: Panel, design: Design, plan: Sequence[Fold]) -> tuple[str, ...]:
    """Return what a reader must know to judge the scores."""
    notes = []
    if len(plan) > 1 and (plan[1].cutoff - plan[0].cutoff).days < design.days:
        notes.append("the windows overlap: their scores are not independent, and the bootstrap draws longer blocks")
    if design.shift is not None and (unknown := int((panel.minute < 0).sum())):
        notes.append(
            f"{unknown:,} of {len(panel.minute):,} events have no known time of day: they are in no shift's count, but "
            "in the expected events, so observed/expected is lower by that share"
        )
    if design.shift is not None and panel.span is not None:
        notes.append(
            f"{int((panel.span > 0).sum()):,} events have intervals as times and count in the shift of their middle, "
            "while forecasts spread them over the whole, so observed/expected of single shifts is off"
        )
    if panel.reported is not None and (delay := int(np.quantile(panel.reported - panel.day, 0.95))):
        notes.append(
            f"5 % of the events were reported {delay} days or more after they happened: the last windows lack those "
            "that were still unknown at the end of the history"
        )
    if design.covariates is not None:
        notes += design.covariates.notes
        if design.covariates.cells:
            given = some(design.covariates.cells, 10)
            notes.append(f"covariates without dates count as given at every cutoff: {given}")
    if panel.clipped:
        notes.append(f"corrections: {panel.clipped:,} events by which net counts fell below 0 are left out")
    return tuple(notes)


def in_folds(
    work: Callable[..., T], folds: Sequence[tuple[Any, ...]], *, executor: Executor | None = None,
    progress: Progress | None = None,
) -> list[T]:  # fmt: skip
    """Return what `work` makes of each fold's arguments, in order, done by the executor where there is one.

    Raises
    ------
    SolverError
        If a worker ends before its fold is done.
    """
    tell = progress or (lambda stage: None)
    results = []
    if executor is None:
        for number, fold in enumerate(folds):
            tell(f"fold {number + 1} of {len(folds)}")
            results.append(work(*fold))
        return results
    tell("kernels")
    warm_up()
    tasks = [executor.submit(work, *fold) for fold in folds]
    with _all_or_none(tasks):
        for number, task in enumerate(tasks):
            tell(f"fold {number + 1} of {len(folds)}")
            results.append(task.result())
    return results


@contextmanager
def _all_or_none(tasks: Sequence[Future[Any]]) -> Iterator[None]:
    try:
        yield
    except BrokenExecutor as error:
        raise SolverError(
            "a worker ended before its fold was done, mostly for want of memory: use fewer workers, or larger cells"
        ) from error
    finally:
        for task in tasks:
            task.cancel()


def warm_up() -> None:
    """Compile the kernels of every model into the cache, in this process, before others use it (numba #4807)."""
    from allocator.domain import Panel  # only where workers are used
    from allocator.synthetic import make_city
    from allocator.tessellation import Tessellation

    area = make_city(width_km=2, height_km=2, weeks=1, events_per_week=7).area
    city = Tessellation.squares(area, 500)
    day = np.arange(150, dtype=np.int32)
    panel = Panel(
        city=city, kinds=("any",), timezone="UTC", first_day=dt.date(2026, 1, 1), n_periods=150, period_days=1, day=day,
        minute=np.full(150, -1, np.int16), cell=(day % city.n_cells).astype(np.int32),
        kind=np.zeros(150, np.int16), count=np.ones(150, np.int8),
    )  # fmt: skip
    options = RiskSection(train_weeks=8, holdout_weeks=2, burn_in_days=14)
    design = _design(panel, None, 7, options, 0, None, (0.01,))
    score(panel, design, Fold(0, panel.stop_day - dt.timedelta(days=7)))


def score(panel: Panel, design: Design, fold: Fold) -> FoldScore:
    """Return the sums of one fold: fit on what was known at its cutoff, score on its window."""
    known = panel.until(fold.cutoff)
    skips = {reason.kind: reason for reason in unscored(panel, known, design, fold)}
    if ALL_KINDS in skips:
        return _empty(design, tuple(skips.values()))
    # A kind that the source does not cover counts nowhere.
    kept = covered(panel, panel.day_index(fold.cutoff), design.days).astype(np.float32)
    surfaces = {
        model: dataclasses.replace(surface, mean=surface.mean * kept)
        for model, surface in forecasts(known, design, fold).items()
    }
    actual, past = window_counts(panel, design, fold) * kept, _past(known) * kept
    sums, chosen = [], []
    for model, surface in surfaces.items():
        cases = Cases(surface, actual, past, design.harm)
        rows = [
            _blank(design) if kind in skips else _kind_sums(cases, k, design, (model, fold.number))
            for k, kind in enumerate(design.kinds)
        ]
        sums.append({name: np.stack([row[name] for row in rows]) for name in rows[0]})
        chosen.append((*surface.models, " + ".join(dict.fromkeys(surface.models))))
    return FoldScore(
        {name: np.stack([one[name] for one in sums]) for name in sums[0]}, tuple(chosen), tuple(skips.values())
    )


def unscored(panel: Panel, known: Panel, design: Design, fold: Fold) -> list[Skipped]:
    """Return the kinds of a fold that cannot be scored, and why; "all" among them means the whole fold."""
    seen = np.bincount(known.netted.kind, minlength=len(known.kinds))
    without = [kind for kind, n in zip(known.kinds, seen.tolist(), strict=True) if not n]
    if not seen.any():
        without.append(ALL_KINDS)
    reason = "no event was known before the cutoff, so there is nothing to fit on"
    skips = [Skipped(fold.number, fold.cutoff, kind, reason) for kind in without]
    gap = "the source does not cover the whole window"
    whole = covered(panel, panel.day_index(fold.cutoff), design.days)
    hidden = [kind for kind, seen_all in zip(panel.kinds, whole, strict=True) if not seen_all]
    return skips + [Skipped(fold.number, fold.cutoff, kind, gap) for kind in hidden if kind not in without]


def forecasts(known: Panel, design: Design, fold: Fold) -> dict[str, RiskSurface]:
    """Return the risk surface of each model, made from the known panel alone."""
    fitted = fit_all(
        known, design.models, design.fit_days // known.period_days, options=design.options,
        covariates=design.covariates, seed=design.seed,
    )  # fmt: skip
    shifts: tuple[Shift, ...] | None = None
    if design.shift is not None:
        shifts = shifts_of([design.shift], first_day=fold.cutoff, days=1, timezone=known.timezone)
    return {model: fitted[model].forecast(shifts=shifts) for model in design.models}


def window_counts(panel: Panel, design: Design, fold: Fold) -> Array:
    """Return the events of the fold's window, (n_cells, n_kinds)."""
    rows, first = panel.netted, panel.day_index(fold.cutoff)
    inside = (rows.day >= first) & (rows.day < first + design.days)
    if design.shift is not None:
        start, stop = _minutes(design.shift)
        minute = (rows.day.astype(np.int64) - first) * 1440 + rows.minute
        if rows.span is not None:  # an interval counts at its middle
            minute = minute + rows.span // 2
        inside = (rows.minute >= 0) & (minute >= start) & (minute < stop)
    return _by_cell(rows, inside)


def _past(known: Panel) -> Array:
    """Return the events of the last year before the cutoff, (n_cells, n_kinds)."""
    return _by_cell(known.netted, known.netted.day >= known.n_days - PAST_DAYS)


def _by_cell(rows: Panel, inside: npt.NDArray[np.bool_]) -> Array:
    counts = np.zeros((rows.city.n_cells, len(rows.kinds)))
    np.add.at(counts, (rows.cell[inside], rows.kind[inside]), rows.count[inside])
    return counts


@dataclass(frozen=True, eq=False)
class Cases:
    """The cases of one model in one fold.

    Parameters
    ----------
    surface : RiskSurface
        The forecast.
    actual, past : (n_cells, n_kinds) float64
        Events of the window, and of the year before.
    harm : (n_kinds,) float64
        Harm weights.
    """

    surface: RiskSurface
    actual: Array
    past: Array
    harm: Array

    def of_cells(self, kind: int) -> Case:
        """Return cells against their events of one kind; of all kinds together for the number after the last."""
        return Case(
            _column(self.actual, kind), self._rate(kind), self.surface.city.area_km2, _column(self.past, kind),
            self.surface.dispersion[:, kind],
        )  # fmt: skip

    def of_districts(self, kind: int) -> Case:
        """Return districts against their events, with predictive intervals."""
        city, n_kinds = self.surface.city, len(self.surface.kinds) + 1
        table = self.surface.by_district()
        mean, lower, upper = (
            table[name].to_numpy(np.float64).reshape(-1, n_kinds)[:, kind] for name in ("mean", "lower", "upper")
        )
        actual = _district_sums(city, _column(self.actual, kind))
        return Case(actual, mean, _district_sums(city, city.area_km2), lower=lower, upper=upper)

    def of_harm(self, kind: int) -> Case:
        """Return cells against harm: kinds weighted before they are added."""
        of_kind = np.arange(len(self.harm)) == kind
        weight = self.harm if kind == len(self.harm) else self.harm * of_kind
        mean = self.surface.mean.sum(axis=0, dtype=np.float64)
        actual, rate, past = (np.einsum("ck,k->c", one, weight) for one in (self.actual, mean, self.past))
        return Case(actual, rate, self.surface.city.area_km2, past)

    def _rate(self, kind: int) -> Array:
        return np.maximum(_column(self.surface.mean.sum(axis=0, dtype=np.float64), kind), 1e-12)


def _column(values: Array, kind: int) -> Array:
    return np.asarray(values.sum(axis=1) if kind == values.shape[1] else values[:, kind])


def _district_sums(city: Tessellation, values: Floats) -> Array:
    inside = city.district >= 0
    return np.bincount(city.district[inside], values[inside], len(city.districts)).astype(np.float64)


def _kind_sums(cases: Cases, kind: int, design: Design, labels: tuple[str, int]) -> dict[str, Array]:
    """Return all sums of one model, fold and kind; each (1,), (n_shares,) or (10,)."""
    shares, case = np.asarray(design.shares), cases.of_cells(kind)
    sums = {**tally(case, shares), **deciles(case), **interval_sums(cases.of_districts(kind))}
    sums |= {f"harm_{name}": value for name, value in place_sums(cases.of_harm(kind), shares).items()}
    seed = [design.seed, labels[1], kind, zlib.crc32(labels[0].encode())]
    ceiling = poisson_ceiling(case, shares, seed=seed, draws=CEILING_DRAWS)
    return sums | {f"ceiling_{name}": value for name, value in ceiling.items()}


def _blank(design: Design) -> dict[str, Array]:
    """Return sums of nothing, NaN throughout."""
    one = np.ones(1)
    case = Case(one, one, one)
    shares = np.asarray(design.shares)
    place = place_sums(case, shares)
    sums = {
        **tally(case, shares),
        **deciles(case),
        **{f"{p}_{n}": v for p in ("harm", "ceiling") for n, v in place.items()},
    }
    return {name: np.full_like(value, np.nan) for name, value in sums.items()}


def _empty(design: Design, skipped: tuple[Skipped, ...]) -> FoldScore:
    """Return a fold in which nothing could be scored."""
    shape = (len(design.models), len(design.kinds), 1)
    whole = {kind.kind for kind in skipped}
    others = [dataclasses.replace(skipped[0], kind=kind) for kind in design.kinds if kind not in whole]
    sums = {name: np.tile(value, shape) for name, value in _blank(design).items()}
    return FoldScore(sums, ((("",) * shape[1]),) * shape[0], (*skipped, *others))
