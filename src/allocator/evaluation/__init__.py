"""Answers about a history, a forecast or a plan."""

from allocator.evaluation.forecasts import METRICS, Case, Scorecard, backtest, coverage, hit_rate
from allocator.evaluation.history import (
    ALL_DISTRICTS, Changes, CodeReview, NearRepeat, Trends, WeeklyCounts, complete_until, find_changes, find_trends,
    hotspots, look_back, near_repeats, poisson_z, review_codes, weekly_counts,
)  # fmt: skip
from allocator.evaluation.outreach import DeliveryCard, delivery_report, learnt, outreach_effect
from allocator.evaluation.plans import (
    FORESIGHT, NOT_PREVENTED, OURS, PlanScorecard, PlanTerms, PlanWeek, Scenarios, Setting, check_target,
    compare_scenarios, moved_roster, plan_backtest,
)  # fmt: skip
from allocator.evaluation.skill import YARDSTICK, clock_gains, gains

__all__ = [
    "ALL_DISTRICTS", "FORESIGHT", "METRICS", "NOT_PREVENTED", "OURS", "YARDSTICK", "Case", "Changes", "CodeReview",
    "DeliveryCard", "NearRepeat", "PlanScorecard", "PlanTerms", "PlanWeek", "Scenarios", "Scorecard", "Setting",
    "Trends", "WeeklyCounts", "backtest", "check_target", "clock_gains", "compare_scenarios", "complete_until",
    "coverage", "delivery_report", "find_changes", "find_trends", "gains", "hit_rate", "hotspots", "learnt",
    "look_back", "moved_roster", "near_repeats", "outreach_effect", "plan_backtest", "poisson_z", "review_codes",
    "weekly_counts",
]  # fmt: skip
