"""Alarms for level shifts in weekly counts.

A window-limited likelihood-ratio chart on sums of the last 2, 4 and 8 weeks (Lai 1995, "Sequential changepoint
detection in quality control and dynamical systems", JRSS B 57; for counts Höhle & Paul 2008, "Count data
regression charts for the monitoring of surveillance time series", CSDA 52). The expected level comes from an
overdispersed Poisson regression on the weeks before the windows, and its own uncertainty is part of the limit,
as in Farrington et al. (1996, JRSS A 159) and Noufaily et al. (2013, Statistics in Medicine 32): the excess is
judged on a power scale without skewness (2/3 for Poisson counts), and sums below 5 raise no alarm. A chance alarm
passes within weeks; of one that lasts, the level is estimated anew from the start of the change on.

Seasons: with 77 weeks or more the area's curve of a kind holds one yearly wave; shorter histories cannot tell a
season from a change. A district is judged against the area's curve, and against the rest of the area where that
departs from the curve, so that a swing of the whole area is one alarm and not one per district.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from allocator.domain import Bools, Figures, Floats, Ints, freeze
from allocator.errors import DataError

WINDOWS = (2, 4, 8)
"""Weeks that are summed and judged together."""
RISE, FALL = 2.17, 3.8
"""Limits of the score. Windows of 4 weeks alone, or of 1 to 4 weeks, found no more at the same number of false
alarms; falls have the wider limit because equal limits cost rises 7 points of power. See test_explore.py."""
SHORTEST_BASELINE, LONGEST_BASELINE, SEASON_BASELINE = 26, 156, 65
"""Weeks before the windows: fewest, most, and fewest that can hold a yearly wave."""
SHORTEST_HISTORY = SHORTEST_BASELINE + max(WINDOWS)
WATCHED = 52
"""Last weeks in which alarms are looked for; half of it where there is no season."""

PASSED = 1.0
"""An alarm has passed once the score of the last 4 weeks is below this."""
_ROW = ("series", "start", "raised", "ended", "state", "observed", "expected", "ratio", "lower", "upper", "score")

GUARD = max(WINDOWS)
SETTLE = 4
_FEWEST = 5.0
_POWER = float(stats.norm.ppf(0.8))


@dataclass(frozen=True, eq=False)
class Monitoring:
    """What the chart says of each series.

    Parameters
    ----------
    alarms : DataFrame
        `series, start, raised` (weeks), `observed, expected` (per week since the start), `ratio, lower, upper, score`.
    mean, dispersion, detectable : (n_series,) float64
        Expected count of one of the last 4 weeks, variance over mean, and the smallest rise (0.3: 30 %) that is
        found within 4 weeks with a power of 80 %.
    first_week : int
        First week that was judged.
    season : bool
        Whether the curve holds a yearly wave.
    """

    alarms: pd.DataFrame
    mean: Floats
    dispersion: Floats
    detectable: Floats
    first_week: int
    season: bool

    def __post_init__(self) -> None:
        freeze(self)


def monitor(
    counts: Floats | Ints, *, parts: Floats | Ints | None = None, owner: Ints | None = None,
    covered: Bools | None = None,
) -> Monitoring:  # fmt: skip
    """Return the alarms of weekly series, week by week as they would have been raised.

    Parameters
    ----------
    counts : (n_wholes, n_weeks)
        Series with a curve of their own.
    parts : (n_parts, n_weeks), optional
        Series judged against the curve of a whole; they follow the wholes in the result.
    owner : (n_parts,) int, optional
        Whole that each part belongs to.
    covered : (n_weeks,) bool, optional
        False for weeks without records.

    Raises
    ------
    DataError
        If the series are shorter than `SHORTEST_HISTORY`.
    """
    whole = np.asarray(counts, np.float64)
    n_weeks = whole.shape[1]
    known = np.ones(n_weeks, bool) if covered is None else covered
    if n_weeks < SHORTEST_HISTORY or int(known.sum()) < SHORTEST_HISTORY:
        raise DataError(
            f"{int(known.sum())} weeks are too short a history for change alarms: {SHORTEST_HISTORY} needed"
        )
    part = np.empty((0, n_weeks)) if parts is None else np.asarray(parts, np.float64)
    belongs = np.empty(0, np.int64) if owner is None else np.asarray(owner, np.int64)
    season = n_weeks >= SEASON_BASELINE + GUARD + SETTLE
    least = (SEASON_BASELINE if season else SHORTEST_BASELINE) + GUARD
    first = max(n_weeks - (WATCHED if season else WATCHED // 2), least - 1)
    standing = _Standing(len(whole)), _Standing(len(part))
    rows: list[Figures] = []
    for week in range(first, n_weeks):
        judged = _judge(whole, week, standing[0].level_from, known, season=season)
        pieces = _judge_parts(part, whole[belongs], week, standing[1].level_from, known, judged.take(belongs))
        standing[0].update(judged, rows, 0)
        standing[1].update(pieces, rows, len(whole))
    both = [
        np.concatenate([getattr(judgement, name) for judgement in (judged, pieces)]) for name in ("level", "spread")
    ]
    detectable = np.concatenate([_detectable(judged), _detectable(pieces)])
    return Monitoring(pd.DataFrame(rows, columns=list(_ROW)), both[0], both[1], detectable, first, season)


def _power(spread: Floats) -> Floats:
    """Return the power that takes the skewness (2φ - 1) / √(φ m) out: 2/3 at φ = 1, towards 1/3 for large φ."""
    return np.asarray(1 - (2 * spread - 1) / (3 * spread))


def _student(spread: Floats, n_base: int) -> Floats:
    """Return the factor that brings a score with estimated spread to the normal scale (t ≈ z (1 + (z² + 1) / 4n))."""
    return np.where(spread > 1, 1 / (1 + (RISE**2 + 1) / (4 * n_base)), 1.0)


@dataclass(frozen=True, eq=False)
class _Judgement:
    """Series at the end of one week.

    `observed, expected, variance` are sums, (n_series, n_windows); `recent, usual` the counts and expected counts of
    the last eight weeks, (n_series, 8).
    """

    week: int
    curve: Floats  # (n_series, baseline and windows): fitted and expected counts
    first: int
    ready: Bools
    observed: Floats
    expected: Floats
    variance: Floats
    spread: Floats
    recent: Floats
    usual: Floats

    @property
    def level(self) -> Floats:
        return np.asarray(self.expected[:, WINDOWS.index(4)] / 4)

    @property
    def score(self) -> Floats:
        """Return the excess over its standard deviation, on the power scale that takes the skewness out."""
        power = _power(self.spread)[:, None]
        gap = (self.observed**power - self.expected**power) / (power * self.expected ** (power - 1))
        score = gap / np.sqrt(self.variance) * _student(self.spread, self.curve.shape[1] - GUARD)[:, None]
        enough = np.maximum(self.observed, self.expected) >= _FEWEST
        return np.where(enough & self.ready[:, None], score, 0.0)

    def size(self, row: int, sign: int, raised: int) -> Figures:
        """Return start and size of a change; the start is the likeliest week up to the one that raised the alarm."""
        observed, expected = (np.cumsum(weeks[row, ::-1]) for weeks in (self.recent, self.usual))
        gain = observed * np.log(np.maximum(observed, 1e-9) / expected) - (observed - expected)
        late = np.arange(GUARD) < self.week - raised
        length = 1 + int(np.argmax(np.where((np.sign(observed - expected) == sign) & ~late, gain, -np.inf)))
        events, usual = float(observed[length - 1]), float(expected[length - 1])
        at, spread = WINDOWS.index(4), self.spread[row]
        noise = max(self.variance[row, at] - spread * self.expected[row, at], 0.0) / self.expected[row, at] ** 2
        half, ratio = 1.96 * math.sqrt(spread / max(events, 0.5) + noise), max(events, 0.5) / usual
        return {
            "start": self.week + 1 - length, "observed": events / length, "expected": usual / length,
            "ratio": events / usual, "lower": ratio * math.exp(-half), "upper": ratio * math.exp(half),
        }  # fmt: skip

    def take(self, rows: Ints) -> _Judgement:
        names = ("curve", "ready", "observed", "expected", "variance", "spread", "recent", "usual")
        taken: Figures = {name: getattr(self, name)[rows] for name in names}
        return dataclasses.replace(self, **taken)


class _Standing:
    """Which alarms stand: a chance alarm passes within weeks, a lasting one becomes the new level."""

    def __init__(self, n_series: int) -> None:
        self.level_from = np.zeros(n_series, np.int64)
        self.side = np.zeros(n_series, np.int64)
        self.since = np.zeros(n_series, np.int64)
        self.row = np.full(n_series, -1, np.int64)

    def update(self, one: _Judgement, rows: list[Figures], offset: int) -> None:
        """Take in the judgement of a week: end alarms, accept levels, and append the alarms raised to `rows`."""
        score, series = one.score, np.arange(len(self.side))
        best = np.argmax(np.where(score > 0, score, -score * RISE / FALL), axis=1)
        own = score[series, best]
        hit = (own > RISE) | (own < -FALL)
        was, stands = self.side.copy(), self.side != 0
        passed = stands & (self.side * score[:, WINDOWS.index(4)] < PASSED) & one.ready
        lasting = stands & ~passed & (one.week + 1 - GUARD - self.since >= SETTLE)
        self.level_from[lasting] = self.since[lasting]
        turned = stands & hit & (np.sign(own) != self.side)
        for row, state in [(n, "passed") for n in np.flatnonzero(passed | turned)] + [
            (n, "new level") for n in np.flatnonzero(lasting & ~turned)
        ]:
            rows[self.row[row]] |= {"ended": one.week, "state": state}
        self.side[passed | lasting | turned] = 0
        again = (lasting | passed) & (np.sign(own) == was)  # no new alarm of the kind that ends this week
        for row in np.flatnonzero(hit & (self.side == 0) & ~again):
            self.row[row], self.side[row] = len(rows), int(np.sign(own[row]))
            rows.append({"series": int(row + offset), "raised": one.week, "ended": -1, "state": "stands", "score": 0.0})
        for row in np.flatnonzero((self.side != 0) & (np.sign(own) == self.side)):
            known = rows[self.row[row]]
            near = one.week - known["raised"] < GUARD
            if near and abs(own[row]) > abs(known["score"]):  # later weeks tell start and size better
                known |= {"score": own[row], **one.size(int(row), int(self.side[row]), int(known["raised"]))}
                self.since[row] = known["start"]


def _judge(counts: Floats, week: int, start: Ints, known: Bools, *, season: bool) -> _Judgement:
    """Judge series by a curve of level, yearly wave and the level before the last change."""
    stop = week + 1 - GUARD
    first = max(0, stop - LONGEST_BASELINE)
    angle = 2 * np.pi * np.arange(first, week + 1) * 7 / 365.25
    shared = [np.ones(len(angle))] + ([np.sin(angle), np.cos(angle)] if season else [])
    return _against(counts, week, start, known, shared, np.zeros((len(counts), len(angle))))


def _judge_parts(parts: Floats, wholes: Floats, week: int, start: Ints, known: Bools, whole: _Judgement) -> _Judgement:
    """Judge parts by the curve of their wholes, moved where the rest of the whole departs from it.

    The move is the rest's ratio to its curve, raised to max(0, 1 - 2 / score²) (positive-part James-Stein): chance
    leaves it near 1, a real swing of the rest is divided out almost wholly.
    """
    first, stop = whole.first, week + 1 - GUARD
    one = _against(parts, week, start, known, [np.ones(week + 1 - first)], np.log(whole.curve))
    mass = (parts[:, first:stop] * known[first:stop]).sum(axis=1)
    share = mass / np.maximum((wholes[:, first:stop] * known[first:stop]).sum(axis=1), 1e-9)
    rest = np.maximum(whole.observed - one.observed, 0.0)
    usual = np.maximum(whole.expected * (1 - share)[:, None], 1e-9)
    lever = np.maximum(whole.variance - whole.spread[:, None] * whole.expected, 0) * (1 - share)[:, None] ** 2
    against = dataclasses.replace(
        whole, ready=np.ones(len(parts), bool), observed=rest, expected=usual,
        variance=whole.spread[:, None] * usual + lever,
    )  # fmt: skip
    trust = np.maximum(0.0, 1 - 2 / np.maximum(against.score**2, 1e-9))
    moved = np.maximum(rest, 0.5) / usual
    move = np.where(trust > 0, moved**trust, 1.0)
    expected = one.expected * move
    noise = np.maximum(one.variance - one.spread[:, None] * one.expected, 0) * move**2
    own = (trust * expected) ** 2 * whole.spread[:, None] / np.maximum(rest, 1.0)
    variance = one.spread[:, None] * expected + noise + own
    usual_weeks = one.usual * move[:, [WINDOWS.index(4)]]
    return dataclasses.replace(one, expected=expected, variance=variance, usual=usual_weeks)


def _against(counts: Floats, week: int, start: Ints, known: Bools, shared: list[Floats], offset: Floats) -> _Judgement:
    stop, first = week + 1 - GUARD, week + 1 - len(shared[0])
    n_base = stop - first
    settled = (start <= first) | (stop - start >= SETTLE)
    before = np.arange(first, week + 1) < np.where(settled, start, 0)[:, None]
    columns = [np.broadcast_to(curve, before.shape) for curve in shared]
    design = np.stack([*columns, before.astype(np.float64)], axis=2)
    kept = known[first:stop].astype(np.float64)
    curve, covariance = _fit(counts[:, first:stop], design, offset, kept)
    residual = (counts[:, first:stop] - curve[:, :n_base]) * kept
    spread = _dispersion(residual, curve[:, :n_base] * kept, np.asarray(len(shared) + before.any(axis=1)))
    observed, expected, lever = [], [], []
    for length in WINDOWS:
        mass = curve[:, -length:]
        slope = np.einsum("sn,snp->sp", mass, design[:, -length:])
        observed.append(counts[:, week + 1 - length : week + 1].sum(axis=1))
        expected.append(mass.sum(axis=1))
        lever.append(np.einsum("sp,spq,sq->s", slope, covariance, slope))
    sums = np.stack(expected, axis=1)
    variance = spread[:, None] * (sums + np.stack(lever, axis=1))
    ready = settled & known[stop : week + 1].all()
    return _Judgement(
        week=week, curve=curve, first=first, ready=ready, observed=np.stack(observed, axis=1), expected=sums,
        variance=variance, spread=spread, recent=counts[:, stop : week + 1], usual=curve[:, -GUARD:],
    )  # fmt: skip


def _fit(counts: Floats, design: Floats, offset: Floats, kept: Floats) -> tuple[Floats, Floats]:
    """Return the Poisson curve of every series and the covariance of its coefficients, by Fisher scoring.

    `design` (n_series, n_weeks, n_columns) and `offset` reach beyond the counts, into the weeks to be judged.
    """
    n_base, n_columns = counts.shape[1], design.shape[2]
    known, given = design[:, :n_base], offset[:, :n_base]
    level = (counts * kept).sum(axis=1) / np.maximum((np.exp(given) * kept).sum(axis=1), 1e-9)
    eta = given + np.log(level + 1e-4)[:, None]
    ridge = 1e-6 * np.eye(n_columns)  # columns without any week stay at 0
    for _ in range(6):
        mean = np.exp(np.clip(eta, -12, 18))
        weighted = known * (mean * kept)[:, :, None]
        target = (eta - given) + (counts - mean) / mean
        information = np.swapaxes(known, 1, 2) @ weighted + ridge
        right = np.einsum("snp,sn->sp", weighted, target)
        beta = np.linalg.solve(information, right[:, :, None])[:, :, 0]
        eta = np.einsum("snp,sp->sn", known, beta) + given
    curve = np.exp(np.clip(np.einsum("snp,sp->sn", design, beta) + offset, -12, 18))
    information = np.swapaxes(known, 1, 2) @ (known * (curve[:, :n_base] * kept)[:, :, None]) + ridge
    return curve, np.linalg.inv(information)


def _dispersion(residual: Floats, curve: Floats, n_columns: Ints) -> Floats:
    """Return variance over mean, at least 1: of weeks, or of four-week sums where these vary far more.

    Sums that vary 1.6 times as much as single weeks mean that neighbouring weeks move together; in independent
    weeks that happens in about 1 of 50 series.
    """
    n_base = residual.shape[1]
    free = np.maximum(n_base - n_columns, 1)
    weekly = (residual**2 / np.maximum(curve, 1e-9)).sum(axis=1) / free
    sums, mass = (np.cumsum(np.pad(array, ((0, 0), (1, 0))), axis=1) for array in (residual, curve))
    four = (sums[:, 4:] - sums[:, :-4]) ** 2 / np.maximum(mass[:, 4:] - mass[:, :-4], 1e-9)
    monthly = four.mean(axis=1) * n_base / np.maximum(n_base - 4 * n_columns, 1)
    spread = np.maximum(weekly, 1.0)
    return np.asarray(np.where(monthly > 1.6 * spread, monthly, spread))


def _detectable(one: _Judgement) -> Floats:
    """Return the smallest rise that the four-week sum alone finds with a power of 80 %; infinite where none does."""
    at = WINDOWS.index(4)
    mean, variance = one.expected[:, at], one.variance[:, at]
    power = _power(one.spread)
    limit = (mean**power + RISE * np.sqrt(variance) * power * mean ** (power - 1)) ** (1 / power)
    limit = np.maximum(limit, _FEWEST) - 0.5
    noise = np.maximum(variance - one.spread * mean, 0.0)
    low, high = np.zeros(len(mean)), np.full(len(mean), 1e3)
    for _ in range(50):
        middle = (low + high) / 2
        future = (1 + middle) * mean
        seen = future - _POWER * np.sqrt(one.spread * future + noise) >= limit
        low, high = np.where(seen, low, middle), np.where(seen, middle, high)
    return np.asarray(np.where(high < 999, high, np.inf))
