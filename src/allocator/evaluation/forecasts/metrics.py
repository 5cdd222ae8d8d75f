"""Metrics of a forecast, all called as `metric(case, share)` and listed in `METRICS`.

Each is a ratio of sums over cells, so that windows are pooled by adding their sums (`tally`) and not by averaging
ratios: a quiet week weighs what it holds. Picks are area-exact (the last cell counts in part). Cells of equal rate per
km² are all picked in the same part, which is the mean over their orders where they are equally large; a forecast
that says nothing therefore finds exactly the share of events that it takes of the area.

Harm-weighted forms come from weighting the kinds before: actual = Σ_k h_k n_k and rate = Σ_k h_k λ_k.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import betainc, pdtr

from allocator.domain import Floats, Ints, freeze
from allocator.kernels.likelihood import poisson_loglik

Sums = Mapping[str, Floats]

N_DECILES = 10
NOMINAL = 0.9
"""Share that `coverage90`, `pit90` and their kin should have."""

_SAME = 1e-9
"""Densities closer than this, relatively, are ties: clipped squares differ by 1e-11, float32 rates by 6e-8."""


@dataclass(frozen=True, eq=False)
class Case:
    """What was forecast for one window, and what happened.

    Parameters
    ----------
    actual : (n,) float
        Events per cell (or per district, for plain interval coverage).
    rate : (n,) float
        Expected events, above 0.
    area_km2 : (n,) float
        Areas.
    past : (n,) float, optional
        Events of the same cells before, for the recapture rate index.
    dispersion : (n,) float, optional
        Predictive Var = rate + dispersion rate², 0 for Poisson; for the probability integral transform.
    lower, upper : (n,) float, optional
        Predictive interval of the counts.
    clocked : mapping of str to (1,) float, optional
        Events with a known time of day, and the sums of the log shares of their watches and hours; see `Clocked`.
    """

    actual: Floats
    rate: Floats
    area_km2: Floats
    past: Floats | None = None
    dispersion: Floats | None = None
    lower: Floats | None = None
    upper: Floats | None = None
    clocked: Sums | None = None

    def __post_init__(self) -> None:
        freeze(self)

    @property
    def ranking(self) -> Ranking:
        """The cells by forecast rate per km², highest first."""
        return Ranking.of(self.rate, self.area_km2)


@dataclass(frozen=True, eq=False)
class Ranking:
    """Cells in order of density, with ties as groups.

    Parameters
    ----------
    order : (n,) int
        Cells, highest density first.
    group : (n,) int
        Number of the tie group of each cell in that order, from 0.
    """

    order: Ints
    group: Ints

    @classmethod
    def of(cls, rate: Floats, area_km2: Floats) -> Ranking:
        """Return the cells by rate per km², highest first."""
        density = np.asarray(rate, np.float64) / area_km2
        order = np.argsort(-density, kind="stable")
        in_order = density[order]
        new = in_order[1:] < in_order[:-1] * (1 - _SAME)
        return cls(order, np.concatenate([[0], np.cumsum(new)]))

    def found(self, values: Floats, *, width: Floats, shares: Floats) -> Floats:
        """Return the sum of `values` over the first cells that fill these shares of the sum of `width`."""
        filled, gained = self._cumulated(width), self._cumulated(values)
        return np.asarray(np.interp(np.asarray(shares) * filled[-1], filled, gained))

    def _cumulated(self, values: Floats) -> Floats:
        in_order = np.asarray(values, np.float64)[self.order]
        return np.concatenate([[0.0], np.cumsum(np.bincount(self.group, in_order))])


def tally(case: Case, shares: Sequence[float] | Floats) -> dict[str, Floats]:
    """Return the sums that the metrics are made of; they may be added over windows.

    Parameters
    ----------
    case : Case
        One window.
    shares : sequence of float
        Shares of the area, above 0 and up to 1.

    Returns
    -------
    dict of str to (1,) or (n_shares,) float64
        Sums whose inputs the case does not give are NaN.
    """
    clocked = case.clocked or {name: np.full(1, np.nan) for name in ("timed", "watch_log", "hour_log")}
    return {**place_sums(case, np.asarray(shares, np.float64)), **pit_sums(case), **interval_sums(case), **clocked}


def place_sums(case: Case, shares: Floats, ranking: Ranking | None = None) -> dict[str, Floats]:
    """Return events, expected, log-likelihood, and hits at each share: found, best possible, and in the past.

    `saturated` is 1 where the cells that hold events fill no more than the share: then PEI* is the hit rate.
    """
    ranking, area = ranking or case.ranking, case.area_km2
    actual, rate = (np.ascontiguousarray(values, np.float64) for values in (case.actual, case.rate))
    past = np.full(len(actual), np.nan) if case.past is None else case.past
    holding = float(area[actual > 0].sum()) / float(area.sum())
    return {
        "windows": np.ones(1),
        "events": np.array([actual.sum()]),
        "expected": np.array([rate.sum()]),
        "loglik": np.array([poisson_loglik(actual, rate)]),
        "hits": ranking.found(actual, width=area, shares=shares),
        "best": Ranking.of(actual, area).found(actual, width=area, shares=shares),
        "saturated": (np.asarray(shares) >= holding * (1 - _SAME)).astype(np.float64),
        "past": np.array([np.sum(past, dtype=np.float64)]),
        "past_hits": ranking.found(past, width=area, shares=shares),
    }


def pit_sums(case: Case) -> dict[str, Floats]:
    """Return cells, and their probability integral transforms inside the central 90 %: plain, and by risk."""
    inside, rate = pit_inside(case), np.asarray(case.rate, np.float64)
    return {
        "cells": np.array([float(len(rate))]),
        "pit_inside": np.array([inside.sum()]),
        "pit_risk": np.array([(inside * rate).sum()]),
    }


def interval_sums(case: Case) -> dict[str, Floats]:
    """Return the number of intervals, of those that hold the count, and the sum of their widths."""
    if case.lower is None or case.upper is None:
        return {name: np.full(1, np.nan) for name in ("intervals", "covered", "width")}
    covered = (case.lower <= case.actual) & (case.actual <= case.upper)
    return {
        "intervals": np.array([float(len(covered))]),
        "covered": np.array([float(covered.sum())]),
        "width": np.array([np.sum(case.upper - case.lower, dtype=np.float64)]),
    }


def pit_inside(case: Case, nominal: float = NOMINAL) -> Floats:
    """Return, per cell, the chance that its randomised transform lies in the central `nominal` part.

    The randomised transform F(n-1) + V f(n), V uniform, of counts is uniform where the forecast distribution is
    right. Its mean over V is taken exactly, as in Czado, Gneiting & Held (2009), Predictive model assessment for
    count data, Biometrics 65: nothing is drawn. F is negative-binomial.
    """
    if case.dispersion is None:
        return np.full(len(case.rate), np.nan)
    below, upto = _distribution(case, -1), _distribution(case, 0)
    low, high = (1 - nominal) / 2, (1 + nominal) / 2
    overlap = np.maximum(np.minimum(upto, high) - np.maximum(below, low), 0.0)
    mass = upto - below  # 0 where the count is beyond everything: outside
    return np.asarray(np.divide(overlap, mass, out=np.zeros(len(mass)), where=mass > 0))


def _distribution(case: Case, offset: int) -> Floats:
    """Return P(N <= actual + offset) per cell."""
    count, rate = np.asarray(case.actual, np.float64) + offset, np.asarray(case.rate, np.float64)
    spread = np.broadcast_to(np.asarray(case.dispersion, np.float64), rate.shape)
    chance = np.zeros(len(rate))
    poisson, over = (count >= 0) & (spread <= 0), (count >= 0) & (spread > 0)
    chance[poisson] = pdtr(count[poisson], rate[poisson])
    size = 1 / spread[over]
    chance[over] = betainc(size, count[over] + 1, size / (size + rate[over]))
    return chance


def deciles(case: Case) -> dict[str, Floats]:
    """Return events, cells and transforms inside the central 90 % by decile of risk, lowest first.

    A decile holds a tenth of the *expected events*, ranked by rate per km²: a tenth of the cells would leave
    most deciles without events. Its expected events are `case.rate.sum() / 10`; a cell on an edge counts in part.
    """
    ranking, edges = case.ranking, np.linspace(0, 1, N_DECILES + 1)
    values = {
        "decile_events": case.actual,
        "decile_cells": np.ones(len(case.rate)),
        "decile_pit": pit_inside(case),
    }
    cumulated = {name: ranking.found(one, width=case.rate, shares=edges) for name, one in values.items()}
    return {name: np.diff(one)[::-1] for name, one in cumulated.items()}


def poisson_ceiling(case: Case, shares: Floats, *, seed: int | Sequence[int], draws: int = 10) -> dict[str, Floats]:
    """Return the mean `place_sums` of counts drawn from the forecast itself and scored with it.

    No forecast of places can be expected to score higher where counts are Poisson with these rates: the rest is
    chance. DESIGN.md section 6.
    """
    rng, ranking = np.random.default_rng(seed), case.ranking
    rate = np.asarray(case.rate, np.float64)
    total: dict[str, Floats] = {}
    for _ in range(draws):
        drawn = Case(rng.poisson(rate).astype(np.float64), rate, case.area_km2, case.past)
        for name, value in place_sums(drawn, shares, ranking).items():
            total[name] = total.get(name, np.zeros(1)) + value / draws
    return total


@dataclass(frozen=True)
class Metric:
    """A metric: called with a case and a share of the area, or applied to sums.

    Parameters
    ----------
    name : str
        Its name, also that of its column.
    of : callable
        From sums, of one window or added over many, and `share` (the shares of the area), to the metric;
        element by element.
    what : str
        Definition and source.
    at_share : bool
        Whether it depends on the share of the area.
    better : {"higher", "one", "nominal", "none"}
        What to wish for: as high as can be, near 1, near 90 %, or nothing by itself.
    """

    name: str
    of: Callable[[Sums], Floats]
    what: str
    at_share: bool = False
    better: Literal["higher", "one", "nominal", "none"] = "higher"

    def __call__(self, case: Case, share: float = 0.01) -> float:
        """Return the metric of one window; NaN where it is not defined, for lack of events for instance."""
        return float(self.of({**tally(case, [share]), "share": np.array([share])})[0])


def ratio(above: Floats, below: Floats) -> Floats:
    """Return above / below, NaN where below is 0."""
    above, below = np.broadcast_arrays(np.asarray(above, np.float64), np.asarray(below, np.float64))
    return np.asarray(np.divide(above, below, out=np.full(above.shape, np.nan), where=below != 0))


log_likelihood = Metric(
    "loglik",
    lambda s: ratio(s["loglik"], s["events"]),
    "Σ (n log λ - λ) / Σ n: Poisson log-likelihood per event, without the constant log n!.",
)
log_likelihood_watch = Metric(
    "loglik_watch",
    lambda s: ratio(s["loglik"], s["events"]) + ratio(s["watch_log"], s["timed"]),
    "The same at cell × watch of eight hours (from 07:00), of the events with a known time of day: the log-likelihood "
    "of the cell, and the log share that the profile gave the watch.",
)
log_likelihood_hour = Metric(
    "loglik_hour",
    lambda s: ratio(s["loglik"], s["events"]) + ratio(s["hour_log"], s["timed"]),
    "The same at cell × hour.",
)
hit_rate = Metric(
    "hit_rate",
    lambda s: ratio(s["hits"], s["events"]),
    "n/N: share of the events in the cells picked (Bowers, Johnson & Pease 2004, British Journal of Criminology 44).",
    at_share=True,
)
pai = Metric(
    "pai", lambda s: ratio(s["hits"], s["events"] * s["share"]),
    "(n/N)/(a/A): predictive accuracy index (Chainey, Tompson & Uhlig 2008, Security Journal 21).", at_share=True,
)  # fmt: skip
pei_star = Metric(
    "pei_star",
    lambda s: ratio(s["hits"], s["best"]),
    "n/n*: events found over those in the best possible cells of the same area (Hunt 2016, Do crime hot spots move?; "
    "NIJ Real-Time Crime Forecasting Challenge 2017).",
    at_share=True,
)
rri = Metric(
    "rri",
    lambda s: ratio(s["hits"] * s["past"], s["past_hits"] * s["events"]),
    "(n2/n1)/(N2/N1): recapture rate index, events now over events before in the cells picked, against the same in "
    "the whole area (Levine 2008, Security Journal 21); before is the year up to the cutoff.",
    at_share=True,
    better="none",
)
observed_over_expected = Metric(
    "observed_over_expected", lambda s: ratio(s["events"], s["expected"]), "Σ n / Σ λ: events over expected events.",
    better="one",
)  # fmt: skip
interval_coverage = Metric(
    "coverage90",
    lambda s: ratio(s["covered"], s["intervals"]),
    "Share of predictive 90 % intervals that hold the count; in a backtest those of district-windows.",
    better="nominal",
)
interval_width = Metric(
    "width", lambda s: ratio(s["width"], s["intervals"]), "Mean width of these intervals, in events.", better="none",
)  # fmt: skip
pit_coverage = Metric(
    "pit90",
    lambda s: ratio(s["pit_inside"], s["cells"]),
    "Share of cell-windows whose randomised probability integral transform lies in the central 90 % (Czado, Gneiting & "
    "Held 2009, Biometrics 65).",
    better="nominal",
)
pit_risk_coverage = Metric(
    "pit90_risk",
    lambda s: ratio(s["pit_risk"], s["expected"]),
    "The same, each cell-window weighted by its expected events: quiet cells do not hide the busy ones.",
    better="nominal",
)

METRICS: dict[str, Metric] = {
    one.name: one
    for one in (
        log_likelihood, log_likelihood_watch, log_likelihood_hour, hit_rate, pai, pei_star, rri,
        observed_over_expected, interval_coverage, interval_width, pit_coverage, pit_risk_coverage,
    )
}  # fmt: skip
"""Name → metric."""


def coverage(objective: float, value: Floats) -> float:
    """Return the share of the expected harm that a plan covers."""
    total = float(np.asarray(value).sum())
    return objective / total if total > 0 else 0.0
