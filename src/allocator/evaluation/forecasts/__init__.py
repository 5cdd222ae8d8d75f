"""How good forecasts were."""

from allocator.evaluation.forecasts.backtest import backtest
from allocator.evaluation.forecasts.clock import Clocked
from allocator.evaluation.forecasts.metrics import (
    METRICS, N_DECILES, Case, Ranking, coverage, deciles, hit_rate, place_sums, ratio,
)  # fmt: skip
from allocator.evaluation.forecasts.pool import Progress, in_folds
from allocator.evaluation.forecasts.scorecard import Scorecard

__all__ = [
    "METRICS", "N_DECILES", "Case", "Clocked", "Progress", "Ranking", "Scorecard", "backtest", "coverage", "deciles",
    "hit_rate", "in_folds", "place_sums", "ratio",
]  # fmt: skip
