"""What a forecast gained over plain counts on weeks that chose nothing, in words that a backtest would sign."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from allocator.domain import Bools, Floats, Panel
from allocator.evaluation.bootstrap import block_length, block_weights, interval, resample, verdict
from allocator.evaluation.forecasts import Case, Clocked, place_sums, ratio
from allocator.risk import Profile

YARDSTICK = "historic_mean"
"""Plain long-run counts per cell: what every forecast is measured against, whatever model the job names."""

_SHARE, _DRAWS = 0.01, 1000


@dataclass(frozen=True)
class Gain:
    """One score of a forecast beside that of the yardstick on the same windows.

    Parameters
    ----------
    value, yardstick : float
        Pooled over windows; NaN without events.
    difference, low, high : float
        Paired difference, and its 95 % interval over windows (moving blocks).
    verdict : str
        "better", "worse", "no clear difference", or that there are too few windows or events to tell.
    """

    value: float
    yardstick: float
    difference: float
    low: float
    high: float
    verdict: str


def gains(
    actual: Floats, rates: Floats, yardstick: Floats, covered: Bools, *, area_km2: Floats, overlap: int = 1
) -> dict[str, Gain]:  # fmt: skip
    """Return what a forecast gained in log-likelihood per event, and in events of the top 1 % of the area.

    Parameters
    ----------
    actual, rates, yardstick : (n_windows, n_kinds, n_cells)
        Events, and what forecast and yardstick expected of them; neither may have been chosen by these windows.
    covered : (n_windows, n_kinds) bool
        Kinds that the source covers in each window; the others count nowhere.
    area_km2 : (n_cells,) float64
        Areas.
    overlap : int
        Windows in a row that share days.

    Returns
    -------
    dict of str to Gain
        `loglik` (by kind, added up) and `hit_rate` (all kinds together).
    """
    kept = covered[:, :, None]
    events = np.where(kept, actual, 0.0).astype(np.float64)
    sums = {"events": events.sum(axis=(1, 2))}
    for name, rate in (("own", rates), ("plain", yardstick)):
        expected = np.where(kept, np.maximum(rate.astype(np.float64), 1e-12), 0.0)
        logs = np.log(np.where(kept, np.maximum(expected, 1e-12), 1.0))
        sums[f"{name}_loglik"] = (events * logs - expected).sum(axis=(1, 2))
        cases = [Case(n, r, area_km2) for n, r in zip(events.sum(axis=1), expected.sum(axis=1), strict=True)]
        sums[f"{name}_hit_rate"] = np.array([place_sums(case, np.array([_SHARE]))["hits"][0] for case in cases])
    return _gains(sums, ("loglik", "hit_rate"), overlap)


def clock_gains(panel: Panel, profile: Profile) -> dict[str, Gain]:
    """Return what the hours of each cell gained over the city's hours in every cell, on weeks not known to either.

    Parameters
    ----------
    panel : Panel
        The history, with the weeks to score.
    profile : Profile
        Fitted to what was known before them.

    Returns
    -------
    dict of str to Gain
        `watch`, `hour`: mean log share of the watch of 8 hours, and of the hour, in which an event happened, of the
        events of its kind and cell in the week. Empty where times carry no time of day, or no whole week is left.
    """
    weeks = (panel.stop_day - profile.panel.stop_day).days // 7
    clocked = Clocked.of(panel, profile, 7 * weeks) if weeks else None
    if clocked is None:
        return {}
    row = np.arange(len(clocked.kind))
    sums: dict[str, Floats] = {"events": np.bincount(clocked.week, minlength=weeks).astype(np.float64)}
    for span, shares in (("watch", clocked.watch), ("hour", clocked.hour)):
        for who, name in (("own", ""), ("plain", "_city")):
            logs = np.log(np.maximum(shares[name][row, clocked.kind] * weeks, 1e-12))  # of the event's own week
            sums[f"{who}_{span}"] = np.asarray(np.bincount(clocked.week, logs, minlength=weeks), np.float64)
    return _gains(sums, ("watch", "hour"), 1)


def _gains(sums: dict[str, Floats], names: tuple[str, ...], overlap: int) -> dict[str, Gain]:
    n_windows = len(sums["events"])
    length = block_length(n_windows, overlap=overlap)
    drawn = resample(sums, block_weights(n_windows, length, draws=_DRAWS, seed=0))
    made = {}
    for name in names:
        events = float(sums["events"].sum())
        own, plain = (float(ratio(sums[f"{who}_{name}"].sum(), np.asarray(events))) for who in ("own", "plain"))
        low, high = interval(ratio(drawn[f"own_{name}"] - drawn[f"plain_{name}"], drawn["events"])[:, None])
        bounds = (
            (float(low[0]), float(high[0])) if n_windows > length else (np.nan, np.nan)
        )  # one block tells no spread
        word = verdict(*bounds, n_folds=n_windows // overlap, events=events)
        made[name] = Gain(own, plain, own - plain, *bounds, word)
    return made
