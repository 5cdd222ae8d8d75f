"""The level of a whole city: how many events of a kind the next days bring, wherever they fall.

Two steps. Calendar factors (weekday, season, public holidays and the days beside them, optional series such as
weather) come from a Poisson regression with Gaussian priors, on top of a slowly moving trend. What they leave is
followed by a gamma-Poisson local level whose memory is the one of greatest predictive likelihood: Harvey &
Fernandes (1989), Time series models for count or qualitative observations, JBES 7.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache

import holidays
import numpy as np
from scipy.special import gammaln

from allocator.domain import Bools, Floats, Ints

MIN_DAYS = 56
"""Shorter histories have no level of their own: the models' totals stand."""

SEASON_DAYS = 400
"""A season is fitted from this many days on; with less it cannot be told from a trend."""

MAX_DAYS = 5 * 366
"""Days of history that the calendar factors are fitted to."""

DISCOUNTS = (0.6, 0.75, 0.85, 0.9, 0.94, 0.97, 0.985, 1.0)
"""Shares of the weight of the past that are kept from week to week: memories of 2.5 weeks to all."""

MIN_EVENTS = 20
"""Fewer events than this have no level of their own."""

PRIOR_DISPERSION, PRIOR_SUMS = 0.01, 8
"""Before any forecast was tried, a level is taken to err by 10 %; that weighs as much as eight tries."""

_KNOT_DAYS = 91
_HARMONICS = 3
_WEEKDAY_SD, _HOLIDAY_SD, _SEASON_SD, _KNOT_SD, _SERIES_SD = 0.5, 0.15, 0.15, 0.1, 0.1
_NEWTON_STEPS = 12


@dataclass(frozen=True, eq=False)
class Calendar:
    """Columns of every day, (n_days, n_columns), with the standard deviation of each column's prior.

    Parameters
    ----------
    first_day : datetime.date
        Day 0.
    country : str
        Country of the public holidays (ISO 3166, with an optional subdivision, "US-IL" for instance); empty for none.
    series : (n_days, n_series) float64, optional
        Daily covariates, standardised, 0 where unknown.
    """

    first_day: dt.date
    country: str = ""
    series: Floats | None = None

    def columns(self, days: Ints) -> tuple[Floats, Floats]:
        """Return the columns of the days (counted from `first_day`) and the standard deviations of their priors."""
        weekday = (days + self.first_day.weekday()) % 7
        week = np.equal.outer(weekday, np.arange(6)) - np.equal(weekday, 6)[:, None].astype(float)
        angle = 2 * np.pi * (days + self.first_day.toordinal())[:, None] / 365.2425 * np.arange(1, _HARMONICS + 1)
        season = np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
        near_feasts = _around_feasts(self.country, self.first_day)
        feasts = np.stack([np.isin(days, near) for near in near_feasts], axis=1) if near_feasts else None
        blocks = [(week, _WEEKDAY_SD), (season, _SEASON_SD)]
        blocks += [(feasts.astype(float), _HOLIDAY_SD)] if feasts is not None else []
        blocks += [(self.series[days], _SERIES_SD)] if self.series is not None else []
        return (
            np.concatenate([block for block, _ in blocks], axis=1),
            np.concatenate([np.full(block.shape[1], sd) for block, sd in blocks]),
        )

    @property
    def n_free(self) -> int:
        """Columns before the season: the weekdays."""
        return 6


@lru_cache(maxsize=8)
def _around_feasts(country: str, first_day: dt.date) -> tuple[Ints, ...]:
    """Return the days (from `first_day`) of each public holiday, of the days before and of the days after it."""
    found: dict[tuple[str, int], list[int]] = {}
    for day, name in feast_days(country, first_day.year):
        for step in (-1, 0, 1):
            found.setdefault((name, step), []).append((day - first_day).days + step)
    return tuple(np.array(days) for days in found.values())


@lru_cache(maxsize=8)
def feast_days(country: str, first_year: int) -> tuple[tuple[dt.date, str], ...]:
    """Return the public holidays of a country in the years from the one before `first_year` to 30 after."""
    if not country:
        return ()
    state, _, part = country.partition("-")
    try:
        feasts = holidays.country_holidays(
            state, subdiv=part or None, years=range(first_year - 1, first_year + 31), observed=False
        )
    except NotImplementedError:  # a country that the package does not know has no holidays here
        return ()
    return tuple(sorted(feasts.items()))


@dataclass(frozen=True)
class Outlook:
    """What the next days bring: expected events, and the over-dispersion of their sum (Var = m + d m²)."""

    expected: float
    dispersion: float


def outlook(
    counts: Floats, known: Bools, calendar: Calendar, *, horizon: int, reported: Floats | None = None
) -> Outlook | None:
    """Return the expected events of the `horizon` days after the last of `counts`.

    Parameters
    ----------
    counts : (n_days,)
        Events of one kind by day, from the calendar's first day on.
    known : (n_days,) bool
        False on days that the file does not cover.
    calendar : Calendar
        Columns of the days.
    horizon : int
        Days.
    reported : (n_days,) float64, optional
        Share of each day's events that is likely to be reported by now; 1 without it.

    Returns
    -------
    Outlook, or None where fewer than `MIN_DAYS` days are known.
    """
    end = len(counts)
    start = max(0, end - MAX_DAYS)
    days = np.arange(start, end)
    share = np.ones(end) if reported is None else np.maximum(reported, 1e-3)
    counts, share, used = counts[start:], share[start:], known[start:]
    if used.sum() < MIN_DAYS or counts[used].sum() < MIN_EVENTS:
        return None
    ahead = np.arange(end, end + horizon)
    factor, coming = _factors(counts / share, used & (share > 0.5), days, ahead, calendar)
    return _local_level(np.where(used, counts, 0.0), np.where(used, factor * share, 0.0), coming)


def _factors(counts: Floats, used: Bools, days: Ints, ahead: Ints, calendar: Calendar) -> tuple[Floats, Floats]:
    """Return the calendar factors of the days and of the days ahead."""
    columns, sd = calendar.columns(np.concatenate([days, ahead]))
    if used.sum() < SEASON_DAYS:
        keep = np.r_[np.arange(calendar.n_free), np.arange(calendar.n_free + 2 * _HARMONICS, len(sd))]
        columns, sd = columns[:, keep], sd[keep]
    past, future = columns[: len(days)], columns[len(days) :]
    seen = np.abs(past[used]).sum(axis=0) > 0
    past, future, sd = past[:, seen], future[:, seen], sd[seen]
    trend = _hats(days)
    precision = np.zeros((trend.shape[1] + len(sd),) * 2)
    steps = np.diff(np.eye(trend.shape[1]), axis=0)
    precision[: trend.shape[1], : trend.shape[1]] = steps.T @ steps / _KNOT_SD**2
    precision[trend.shape[1] :, trend.shape[1] :] = np.diag(1 / sd**2)
    design = np.concatenate([trend, past], axis=1)
    start = np.zeros(design.shape[1])
    start[: trend.shape[1]] = np.log(counts[used].mean())
    beta = _poisson_map(design[used], counts[used], precision, start)[trend.shape[1] :]
    return np.exp(past @ beta), np.exp(future @ beta)


def _hats(days: Ints) -> Floats:
    """Return piecewise linear functions of time with a knot each quarter."""
    span = max(int(days[-1] - days[0]), 1)
    knots = np.linspace(days[0], days[-1], max(2, round(span / _KNOT_DAYS) + 1))
    return np.stack([np.interp(days, knots, unit) for unit in np.eye(len(knots))], axis=1)


def _poisson_map(design: Floats, counts: Floats, precision: Floats, beta: Floats) -> Floats:
    """Return the coefficients of greatest posterior of a quasi-Poisson log-linear model, by Newton's method."""
    for _ in range(_NEWTON_STEPS):
        rate = np.exp(np.clip(design @ beta, -30, 30))
        spread = max(1.0, float(((counts - rate) ** 2 / np.maximum(rate, 1e-9)).sum() / max(len(counts) - 10, 1)))
        gradient = design.T @ (counts - rate) - spread * precision @ beta
        hessian = (design * rate[:, None]).T @ design + spread * precision
        step = np.linalg.solve(hessian + 1e-9 * np.eye(len(beta)), gradient)
        beta = beta + step
        if np.abs(step).max() < 1e-8:
            break
    return np.round(beta, 9)  # BLAS may add in another order with another number of threads


def _local_level(counts: Floats, factor: Floats, coming: Floats) -> Outlook:
    """Return the outlook of the gamma-Poisson level on blocks of a week (or of a shorter horizon) back from the end.

    The over-dispersion is that of past forecasts of as many blocks as the horizon has, over the last two years.
    """
    horizon = len(coming)
    block = min(7, horizon)
    n_blocks = len(counts) // block
    events, exposure = (
        values[len(values) - block * n_blocks :].reshape(n_blocks, block).sum(axis=1) for values in (counts, factor)
    )
    events, exposure = events[exposure > 0], exposure[exposure > 0]
    discount = np.array(DISCOUNTS) ** (block / 7)
    first = 28 // block
    shape = np.full(len(discount), events[:first].sum() + 1.0)
    rate = np.full(len(discount), exposure[:first].sum() + 1e-9)
    loglik, level = np.zeros(len(discount)), np.full((len(events), len(discount)), np.nan)
    for number in range(first, len(events)):
        shape, rate = shape * discount, rate * discount
        level[number] = shape / rate
        share = rate / (rate + exposure[number])
        n = events[number]
        loglik += gammaln(n + shape) - gammaln(shape) + shape * np.log(share) + n * np.log1p(-share)
        shape, rate = shape + n, rate + exposure[number]
    best = int(np.argmax(loglik))
    expected = float(shape[best] / rate[best] * coming.sum())
    ahead = -(-horizon // block)
    return Outlook(expected, _missed(level[:, best], events, exposure, ahead=ahead, recent=2 * 365 // block))


def _missed(level: Floats, events: Floats, exposure: Floats, *, ahead: int, recent: int) -> float:
    """Return the over-dispersion of the sums of `ahead` blocks around what the level said before each of them."""
    total, exposed = (np.concatenate([[0.0], np.cumsum(values)]) for values in (events, exposure))
    start = np.arange(max(0, len(events) - ahead - recent), max(0, len(events) - ahead + 1))
    start = start[start < len(level)]
    start = start[np.isfinite(level[start])]
    if not len(start):
        return PRIOR_DISPERSION
    mean = level[start] * (exposed[start + ahead] - exposed[start])
    ahead_sum = total[start + ahead] - total[start]
    squares, scale = ((ahead_sum - mean) ** 2 - mean).sum(), (mean**2).sum()
    # Long sums overlap, so few are independent: as Student's t widens a normal interval, about 1 + 3 / n.
    wider = 1 + 3 * ahead / len(start)
    prior = PRIOR_DISPERSION * PRIOR_SUMS * float((mean**2).mean())
    return max(float((wider * squares + prior) / (scale + PRIOR_SUMS * (mean**2).mean())), 0.0)
