"""What a history shows: trends, alarms, repeats, hotspots."""

from allocator.evaluation.history.changes import Changes, find_changes
from allocator.evaluation.history.codes import CodeReview, complete_until, review_codes
from allocator.evaluation.history.hotspots import hotspots
from allocator.evaluation.history.look_back import look_back
from allocator.evaluation.history.near_repeat import NearRepeat, near_repeats
from allocator.evaluation.history.trends import (
    ALL_DISTRICTS, Trends, WeeklyCounts, find_trends, poisson_z, weekly_counts,
)  # fmt: skip

__all__ = [
    "ALL_DISTRICTS", "Changes", "CodeReview", "NearRepeat", "Trends", "WeeklyCounts", "complete_until", "find_changes",
    "find_trends", "hotspots", "look_back", "near_repeats", "poisson_z", "review_codes", "weekly_counts",
]  # fmt: skip
