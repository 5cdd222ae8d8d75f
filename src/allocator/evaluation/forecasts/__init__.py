"""How good forecasts were."""

from allocator.evaluation.forecasts.backtest import backtest
from allocator.evaluation.forecasts.metrics import (
    METRICS,
    N_DECILES,
    Case,
    Metric,
    Ranking,
    coverage,
    deciles,
    hit_rate,
    interval_coverage,
    interval_width,
    log_likelihood,
    observed_over_expected,
    pai,
    pei_star,
    pit_coverage,
    pit_risk_coverage,
    place_sums,
    ratio,
    rri,
)
from allocator.evaluation.forecasts.pool import Progress, in_folds
from allocator.evaluation.forecasts.pooled import Skipped
from allocator.evaluation.forecasts.scorecard import Scorecard

__all__ = [
    "METRICS",
    "N_DECILES",
    "Case",
    "Metric",
    "Progress",
    "Ranking",
    "Scorecard",
    "Skipped",
    "backtest",
    "coverage",
    "deciles",
    "hit_rate",
    "in_folds",
    "interval_coverage",
    "interval_width",
    "log_likelihood",
    "observed_over_expected",
    "pai",
    "pei_star",
    "pit_coverage",
    "pit_risk_coverage",
    "place_sums",
    "ratio",
    "rri",
]
