"""What a forecast gained over plain counts on weeks that chose nothing, in words that a backtest would sign."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from allocator.domain import Bools, Floats
from allocator.evaluation.bootstrap import block_length, block_weights, interval, resample, verdict
from allocator.evaluation.forecasts import Case, place_sums, ratio

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


def gains(actual: Floats, rates: Floats, yardstick: Floats, covered: Bools, *, area_km2: Floats) -> dict[str, Gain]:
    """Return what a forecast gained in log-likelihood per event, and in events of the top 1 % of the area.

    Parameters
    ----------
    actual, rates, yardstick : (n_windows, n_kinds, n_cells)
        Events, and what forecast and yardstick expected of them; neither may have been chosen by these windows.
    covered : (n_windows, n_kinds) bool
        Kinds that the source covers in each window; the others count nowhere.
    area_km2 : (n_cells,) float64
        Areas.

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
    n_windows = len(actual)
    drawn = resample(sums, block_weights(n_windows, block_length(n_windows), draws=_DRAWS, seed=0))
    return {name: _gain(name, sums, drawn, n_windows) for name in ("loglik", "hit_rate")}


def _gain(name: str, sums: dict[str, Floats], drawn: dict[str, Floats], n_windows: int) -> Gain:
    events = float(sums["events"].sum())
    own, plain = (float(ratio(sums[f"{who}_{name}"].sum(), np.asarray(events))) for who in ("own", "plain"))
    low, high = interval(ratio(drawn[f"own_{name}"] - drawn[f"plain_{name}"], drawn["events"])[:, None])
    bounds = float(low[0]), float(high[0])
    return Gain(own, plain, own - plain, *bounds, verdict(*bounds, n_folds=n_windows, events=events))
