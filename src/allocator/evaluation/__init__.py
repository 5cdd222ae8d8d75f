"""Answers about a forecast or a plan."""

from allocator.evaluation.backtest import backtest
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
from allocator.evaluation.scorecard import Scorecard, Skipped

__all__ = [
    "METRICS",
    "Case",
    "Metric",
    "Scorecard",
    "Skipped",
    "backtest",
    "coverage",
    "hit_rate",
    "interval_coverage",
    "interval_width",
    "log_likelihood",
    "observed_over_expected",
    "pai",
    "pei_star",
    "pit_coverage",
    "pit_risk_coverage",
    "rri",
]
