"""How good forecasts were."""

from allocator.evaluation.forecasts.backtest import backtest
from allocator.evaluation.forecasts.metrics import (
    METRICS, N_DECILES, Case, Ranking, coverage, deciles, hit_rate, place_sums, ratio,
)  # fmt: skip
from allocator.evaluation.forecasts.pool import Progress, in_folds
from allocator.evaluation.forecasts.scorecard import Scorecard
from allocator.evaluation.forecasts.skill import YARDSTICK, gains

__all__ = [
    "METRICS", "N_DECILES", "YARDSTICK", "Case", "Progress", "Ranking", "Scorecard", "backtest", "coverage", "deciles",
    "gains", "hit_rate", "in_folds", "place_sums", "ratio",
]  # fmt: skip
