"""What areas need: expected harm, times what trend, survey and requests make of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from allocator.config import NeedsSection
from allocator.domain import NEED_COLUMNS, Floats, Ints, Needs, OutreachAreas
from allocator.domain.arrays import freeze
from allocator.errors import DataError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from allocator.domain import Panel
    from allocator.evaluation.survey import AreaEstimates

Array = npt.NDArray[np.float64]

YEAR_EARLIER, WINDOW_BEFORE, NO_EARLIER = "a year earlier", "just before", ""
"""What the recent days are compared with; `NO_EARLIER`: the history is too short for either."""

CONFIDENCE = 0.95
_SAME_WEEKDAYS = 364
_LEAST_OBSERVED = 0.5
_PSEUDO_EVENTS = np.geomspace(2.0, 2e3, 30)
_NEGLIGIBLE = 1e-6
_HALVINGS = 36
_COUNT = 1000.0


@dataclass(frozen=True, eq=False)
class AreaCounts:
    """Events of a recent window and of an earlier one, by area and kind.

    Parameters
    ----------
    recent, before : (n_areas, n_kinds) int64
        Events.
    recent_days, before_days : (n_kinds,) int64
        Days of the windows that the source covers.
    days : int
        Length of the windows.
    earlier : str
        `YEAR_EARLIER`, `WINDOW_BEFORE` or `NO_EARLIER`.
    notes : tuple of str
        What a reader must know.
    """

    recent: Ints
    before: Ints
    recent_days: Ints
    before_days: Ints
    days: int
    earlier: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        freeze(self)

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Kinds for which at least half of both windows is covered, (n_kinds,) bool."""
        least = _LEAST_OBSERVED * self.days
        enough = (self.recent_days >= least) & (self.before_days >= least)
        return np.asarray(enough & (self.earlier != NO_EARLIER))


def area_counts(
    panel: Panel, areas: OutreachAreas, *, days: int = 91, stop: dt.date | None = None, kinds: Sequence[str] = ()
) -> AreaCounts:
    """Return the events of the last days and of the same days a year earlier, by area and kind.

    A year is 364 days, so that weekdays match. A history that does not reach back so far is compared with the window
    just before the recent one; a note says so. Days that the source does not cover are counted as such, never as days
    without events.

    Parameters
    ----------
    panel : Panel
        The history.
    areas : OutreachAreas
        The areas; events in no area are left out.
    days : int
        Length of the windows.
    stop : date, optional
        First day not counted; by default the end of the panel.
    kinds : sequence of str
        Kinds in the order wanted; by default those of the panel. A kind that the panel lacks has no events.
    """
    names = tuple(kinds) or panel.kinds
    end = panel.n_days if stop is None else max(0, min(panel.day_index(stop), panel.n_days))
    rows, place = panel.netted, np.array([names.index(k) if k in names else -1 for k in panel.kinds], np.int64)
    area, kind = np.asarray(areas.cell_area, np.int64)[rows.cell], place[rows.kind]
    inside = (area >= 0) & (kind >= 0)
    first = end - days
    earlier, shift = NO_EARLIER, 0
    if first - _SAME_WEEKDAYS >= 0 and days <= _SAME_WEEKDAYS:
        earlier, shift = YEAR_EARLIER, _SAME_WEEKDAYS
    elif first - days >= 0:
        earlier, shift = WINDOW_BEFORE, days

    def counted(start: int, stop: int) -> tuple[Ints, Ints]:
        start = max(start, 0)
        used = inside & (rows.day >= start) & (rows.day < stop)
        counts = np.zeros((len(areas.names), len(names)), np.int64)
        np.add.at(counts, (area[used], kind[used]), rows.count[used])
        covered = np.full(len(names), max(stop - start, 0), np.int64)
        covered[place[place >= 0]] = panel.days_observed[start:stop].sum(axis=0)[place >= 0]
        return counts, covered

    recent, recent_days = counted(first, end)
    before, before_days = counted(first - shift, end - shift) if shift else (np.zeros_like(recent), recent_days * 0)
    return AreaCounts(
        recent, before, recent_days, before_days, days, earlier,
        _count_notes(panel, earlier, days, names, recent_days, before_days),
    )  # fmt: skip


def _count_notes(
    panel: Panel, earlier: str, days: int, kinds: tuple[str, ...], recent: Ints, before: Ints
) -> tuple[str, ...]:
    if earlier == NO_EARLIER:
        return (f"the history from {panel.first_day} on is too short for a trend over {days} days: it counts as 1",)
    notes = []
    if earlier == WINDOW_BEFORE:
        notes.append(
            f"the history from {panel.first_day} on holds no same days a year earlier: the last {days} days are "
            f"compared with the {days} days before, so seasons are in the trend"
        )
    for name, *covered in zip(kinds, recent, before, strict=True):
        if min(covered) < days:
            least = "too few for a trend: it counts as 1" if min(covered) < _LEAST_OBSERVED * days else "allowed for"
            notes.append(f"{name}: {covered[0]} recent and {covered[1]} earlier of {days} days are covered: {least}")
    return tuple(notes)


def shrunk_trend(
    recent: npt.ArrayLike, before: npt.ArrayLike, *, exposure: float = 1.0, confidence: float = CONFIDENCE
) -> tuple[Array, Array, Array]:
    """Return the ratio of recent to earlier rates of each area, drawn towards that of all areas, with its interval.

    Given the events of both windows together, an area's recent ones are binomial if both counts are Poisson, and the
    share p of recent ones is Beta over the areas when rates are gamma: the share of all areas, p₀, is worth κ events of
    each, so that p = (recent + κ p₀) / (recent + before + κ), and ratio = p / (1 - p) / exposure. How much κ is, the
    marginal (beta-binomial) likelihood of all areas tells: empirical Bayes, as Clayton and Kaldor (1987, Biometrics 43)
    for the gamma-Poisson model. p is averaged over κ by that likelihood (with a prior that is flat in the spread
    1 / √κ), and the interval are quantiles of the same mixture of Beta posteriors: with the one best κ, intervals of
    95 % held 89 % of 40 areas with 20 events each. Areas with few events are near the ratio of all; those with many
    stand for themselves.

    Parameters
    ----------
    recent, before : (n_areas,) array
        Events, 0 or more.
    exposure : float
        Days counted for `recent` per day counted for `before`.
    confidence : float
        Level of the interval.

    Returns
    -------
    ratio, lower, upper : (n_areas,) float64
        NaN if there are no events at all.
    """
    new, old = np.asarray(recent, np.float64), np.asarray(before, np.float64)
    if not new.sum() + old.sum():
        nothing = np.full(len(new), np.nan)
        return nothing, nothing.copy(), nothing.copy()
    # Half an event on either side: a city without recent events has a small ratio, not none.
    p = (new.sum() + 0.5) / (new.sum() + old.sum() + 1)
    a, b = _PSEUDO_EVENTS[:, None] * p, _PSEUDO_EVENTS[:, None] * (1 - p)
    likelihood = (special.betaln(new + a, old + b) - special.betaln(a, b)).sum(axis=1)
    # Flat in the spread between areas, 1 / √κ (Gelman 2006): flat in ln κ, too much would speak for equal areas.
    weight = special.softmax(likelihood - 0.5 * np.log(_PSEUDO_EVENTS))
    kept = weight > _NEGLIGIBLE
    a, b, weight = new + a[kept], old + b[kept], weight[kept] / weight[kept].sum()
    share = weight @ (a / (a + b))
    low, high = (_quantile(a, b, weight, q) for q in ((1 - confidence) / 2, (1 + confidence) / 2))
    return share / (1 - share) / exposure, low / (1 - low) / exposure, high / (1 - high) / exposure


def _quantile(a: Array, b: Array, weight: Array, level: float) -> Array:
    """Return the quantile of mixtures of Beta distributions, (n_parts, n_areas), by bisection."""
    low, high = np.zeros(a.shape[1]), np.ones(a.shape[1])
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        below = weight @ special.betainc(a, b, middle) < level
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2


def area_needs(
    areas: OutreachAreas, kinds: Sequence[str], harm_week: npt.ArrayLike, expected_week: npt.ArrayLike, *,
    counts: AreaCounts | None = None, survey: AreaEstimates | None = None, requests: npt.ArrayLike | None = None,
    options: NeedsSection | None = None,
) -> Needs:  # fmt: skip
    """Return what each area needs, by kind.

    need = harm × factor, factor = exp(trend_weight · ln(trend) + survey_weight · survey + requests_weight · requests)
    kept between 1 / most_factor and most_factor. `trend` is that of `shrunk_trend`, 1 where unknown; `survey` and
    `requests` per 1,000 residents are standardised over the areas in which they are known, and 0 where unknown.

    Parameters
    ----------
    areas : OutreachAreas
        The areas.
    kinds : sequence of str
        The kinds.
    harm_week, expected_week : (n_areas, n_kinds) array
        Harm and events expected in a week.
    counts : AreaCounts, optional
        For the trend, from `area_counts`, with the same kinds.
    survey : AreaEstimates, optional
        From `area_estimates`, with the same areas.
    requests : (n_areas,) array, optional
        Requests of each area, as counts.
    options : NeedsSection, optional
        The weights; by default all are 0, and the need is the harm.

    Raises
    ------
    DataError
        If shapes do not fit or harm, events or requests are negative or missing; every fault at once.
    """
    options, kinds = options or NeedsSection(), tuple(kinds)
    harm, expected = (np.atleast_2d(np.asarray(one, np.float64)) for one in (harm_week, expected_week))
    asked = None if requests is None else np.asarray(requests, np.float64)
    _check(areas, kinds, harm, expected, asked, counts, survey)
    shape = (len(areas.names), len(kinds))
    trend, lower, upper = _trends(counts, shape)
    surveyed = np.full(shape[0], np.nan) if survey is None else survey.frame["mean"].to_numpy(np.float64)
    residents = np.asarray(areas.residents, np.float64)
    rate = np.full(shape[0], np.nan)
    if asked is not None:
        np.divide(_COUNT * asked, residents, out=rate, where=residents > 0)
    power = options.trend_weight * np.log(np.where(np.isfinite(trend), trend, 1.0))
    power += (options.survey_weight * standardised(surveyed) + options.requests_weight * standardised(rate))[:, None]
    bound = math.log(options.most_factor)
    factor = np.exp(np.clip(power, -bound, bound))
    need = harm * factor
    columns = {
        "expected": expected, "harm": harm, "trend": np.where(np.isfinite(trend), trend, 1.0), "trend_lower": lower,
        "trend_upper": upper, "factor": factor, "need": need, **_count_columns(counts, shape),
        **_per_area({"requests": rate, **_survey_columns(survey, shape[0])}, shape[1]),
        "area": np.repeat(np.array(areas.names, object)[:, None], shape[1], axis=1),
        "kind": np.tile(np.array(kinds, object), (shape[0], 1)),
    }  # fmt: skip
    frame = pd.DataFrame({name: columns[name].ravel() for name in NEED_COLUMNS}).astype(NEED_COLUMNS)
    return Needs(areas.names, kinds, need, frame, _formula(options, counts), _notes(options, counts, survey, rate))


def standardised(values: npt.ArrayLike) -> Array:
    """Return how many standard deviations each value is from the mean of the known ones; 0 where it is unknown.

    All are 0 where fewer than two are known, or all known ones are equal.
    """
    given = np.asarray(values, np.float64)
    known = np.isfinite(given)
    if known.sum() < 2 or np.ptp(given[known]) <= 1e-12 * np.abs(given[known]).max():
        return np.zeros(len(given))
    return np.where(known, (np.where(known, given, 0.0) - given[known].mean()) / given[known].std(), 0.0)


def _check(
    areas: OutreachAreas, kinds: tuple[str, ...], harm: Array, expected: Array, asked: Array | None,
    counts: AreaCounts | None, survey: AreaEstimates | None,
) -> None:  # fmt: skip
    shape, faults = (len(areas.names), len(kinds)), []
    for name, one in (("harm", harm), ("expected events", expected)):
        if one.shape != shape:
            faults.append(f"{name}: there are {shape[0]} areas and {shape[1]} kinds, and the table is {one.shape}")
        elif n := int((~np.isfinite(one) | (one < 0)).sum()):
            faults.append(f"{name}: {n:,} of {one.size:,} values are negative or missing")
    if asked is not None and (asked.shape != shape[:1] or not (np.isfinite(asked) & (asked >= 0)).all()):
        faults.append(f"requests: one count of 0 or more is needed for each of the {shape[0]} areas")
    if counts is not None and counts.recent.shape != shape:
        faults.append(f"counts: there are {shape[0]} areas and {shape[1]} kinds, not {counts.recent.shape}")
    if survey is not None and tuple(survey.frame["area"]) != tuple(areas.names):
        faults.append("survey: its areas are not those of the plan, in the same order")
    if faults:
        raise DataError("the needs of the areas cannot be told", faults=faults, count=len(faults))


def _trends(counts: AreaCounts | None, shape: tuple[int, int]) -> tuple[Array, Array, Array]:
    found = [np.full(shape, np.nan) for _ in range(3)]
    if counts is not None:
        for kind in np.flatnonzero(counts.known):
            exposure = float(counts.recent_days[kind] / counts.before_days[kind])
            for table, one in zip(
                found, shrunk_trend(counts.recent[:, kind], counts.before[:, kind], exposure=exposure), strict=True
            ):
                table[:, kind] = one
    return found[0], found[1], found[2]


def _count_columns(counts: AreaCounts | None, shape: tuple[int, int]) -> dict[str, npt.NDArray[np.generic]]:
    if counts is None:
        return {name: np.zeros(shape, np.int64) for name in ("recent", "before", "days")}
    return {"recent": counts.recent, "before": counts.before, "days": np.full(shape, counts.days)}


def _survey_columns(survey: AreaEstimates | None, n_areas: int) -> dict[str, Floats]:
    if survey is None:
        no = np.full(n_areas, np.nan)
        return {"survey": no, "survey_lower": no, "survey_upper": no, "survey_n": np.zeros(n_areas)}
    names = {"survey": "mean", "survey_lower": "lower", "survey_upper": "upper", "survey_n": "n"}
    return {ours: survey.frame[theirs].to_numpy(np.float64) for ours, theirs in names.items()}


def _per_area(columns: dict[str, Floats], n_kinds: int) -> dict[str, Floats]:
    return {name: np.repeat(one[:, None], n_kinds, axis=1) for name, one in columns.items()}


def _formula(options: NeedsSection, counts: AreaCounts | None) -> str:
    """Return the formula with its weights, for the report."""
    weights = {"ln(trend)": options.trend_weight, "survey": options.survey_weight, "requests": options.requests_weight}
    sum_of = " + ".join(f"{weight:g} × {name}" for name, weight in weights.items())
    days = options.days if counts is None else counts.days
    against = f" against those {counts.earlier}" if counts is not None and counts.earlier else " against earlier ones"
    return (
        f"need = expected harm in a week × exp({sum_of}), the factor kept between {1 / options.most_factor:.3g} and "
        f"{options.most_factor:g}; trend: events of the last {days} days{against}, areas with few events drawn "
        "towards the ratio of all, 1 where unknown; survey and requests per 1,000 residents: standard deviations from "
        "the mean of the areas, 0 where unknown"
    )


def _notes(
    options: NeedsSection, counts: AreaCounts | None, survey: AreaEstimates | None, rate: Array
) -> tuple[str, ...]:
    notes = [*(counts.notes if counts is not None else ()), *(survey.notes if survey is not None else ())]
    wanted = (
        ("trend_weight", options.trend_weight, counts is None, "no history was counted"),
        ("survey_weight", options.survey_weight, survey is None, "there is no survey"),
        ("requests_weight", options.requests_weight, bool(np.isnan(rate).all()), "no requests are known"),
    )
    notes += [f"{name} = {weight:g} has no effect: {why}" for name, weight, idle, why in wanted if weight and idle]
    if survey is not None and not options.survey_weight:
        notes.append("the survey is shown, but survey_weight = 0: it makes no difference to the need")
    if (n := int(np.isnan(rate).sum())) and n < len(rate):
        notes.append(f"{n} areas have no residents: their requests do not count")
    return tuple(notes)
