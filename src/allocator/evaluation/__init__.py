"""Answers about a history, a forecast or a plan."""

from allocator.evaluation.change import Changes, CodeReview, complete_until, find_changes, monitor, review_codes
from allocator.evaluation.metrics import coverage, hit_rate, log_likelihood, pai
from allocator.evaluation.near_repeat import NearRepeat, knox_test, near_repeats
from allocator.evaluation.trends import ALL_DISTRICTS, Trends, WeeklyCounts, find_trends, poisson_z, weekly_counts

__all__ = [
    "ALL_DISTRICTS",
    "Changes",
    "CodeReview",
    "NearRepeat",
    "Trends",
    "WeeklyCounts",
    "complete_until",
    "coverage",
    "find_changes",
    "find_trends",
    "hit_rate",
    "knox_test",
    "log_likelihood",
    "monitor",
    "near_repeats",
    "pai",
    "poisson_z",
    "review_codes",
    "weekly_counts",
]
