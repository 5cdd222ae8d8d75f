"""Answers about a history, a forecast or a plan."""

from allocator.evaluation.backtest import backtest
from allocator.evaluation.change import Changes, CodeReview, complete_until, find_changes, monitor, review_codes
from allocator.evaluation.hotspots import hotspots
from allocator.evaluation.metrics import (
    METRICS,
    Case,
    Metric,
    coverage,
    hit_rate,
    interval_coverage,
    interval_width,
    log_likelihood,
    observed_over_expected,
    pai,
    pei_star,
    pit_coverage,
    pit_risk_coverage,
    rri,
)
from allocator.evaluation.near_repeat import NearRepeat, knox_test, near_repeats
from allocator.evaluation.scorecard import Scorecard, Skipped
from allocator.evaluation.trends import ALL_DISTRICTS, Trends, WeeklyCounts, find_trends, poisson_z, weekly_counts

__all__ = [
    "ALL_DISTRICTS",
    "METRICS",
    "Case",
    "Changes",
    "CodeReview",
    "Metric",
    "NearRepeat",
    "Scorecard",
    "Skipped",
    "Trends",
    "WeeklyCounts",
    "backtest",
    "complete_until",
    "coverage",
    "find_changes",
    "find_trends",
    "hit_rate",
    "hotspots",
    "interval_coverage",
    "interval_width",
    "knox_test",
    "log_likelihood",
    "monitor",
    "near_repeats",
    "observed_over_expected",
    "pai",
    "pei_star",
    "pit_coverage",
    "pit_risk_coverage",
    "poisson_z",
    "review_codes",
    "rri",
    "weekly_counts",
]
