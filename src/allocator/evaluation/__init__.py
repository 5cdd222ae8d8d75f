"""Answers about a history, a forecast or a plan."""

from allocator.evaluation.change import Changes, CodeReview, complete_until, find_changes, monitor, review_codes
from allocator.evaluation.metrics import coverage, hit_rate, log_likelihood, pai
from allocator.evaluation.near_repeat import NearRepeat, near_repeat, near_repeats
from allocator.evaluation.trends import ALL_DISTRICTS, Trends, WeeklyCounts, poisson_z, trends, weekly_counts

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
    "hit_rate",
    "log_likelihood",
    "monitor",
    "near_repeat",
    "near_repeats",
    "pai",
    "poisson_z",
    "review_codes",
    "trends",
    "weekly_counts",
]
