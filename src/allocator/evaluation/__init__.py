"""Answers about a history, a forecast or a plan."""

from allocator.evaluation.backtest import backtest
from allocator.evaluation.change import Changes, CodeReview, complete_until, find_changes, monitor, review_codes
from allocator.evaluation.delivery import DeliveryCard, delivery_report
from allocator.evaluation.hotspots import hotspots
from allocator.evaluation.learning import learnt
from allocator.evaluation.look_back import hotspot_stability, look_back
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
from allocator.evaluation.needs import AreaCounts, area_counts, area_needs, shrunk_trend
from allocator.evaluation.occurred import Occurred, occurred, past_rates
from allocator.evaluation.plan_backtest import PlanTerms, PlanWeek, moved_roster, plan_backtest
from allocator.evaluation.plan_scorecard import NOT_PREVENTED, PlanScorecard
from allocator.evaluation.reporting import (
    Change,
    OutreachEffect,
    ReportedCounts,
    Victimisation,
    expected_reported_change,
    outreach_effect,
    reported_change,
    victimisation_change,
)
from allocator.evaluation.rivals import FORESIGHT, OURS, PLANS, Setting
from allocator.evaluation.scenarios import Scenarios, compare_scenarios, with_staff
from allocator.evaluation.scorecard import Scorecard, Skipped
from allocator.evaluation.survey import AreaEstimates, area_estimates, survey_means
from allocator.evaluation.trends import ALL_DISTRICTS, Trends, WeeklyCounts, find_trends, poisson_z, weekly_counts

__all__ = [
    "ALL_DISTRICTS",
    "FORESIGHT",
    "METRICS",
    "NOT_PREVENTED",
    "OURS",
    "PLANS",
    "AreaCounts",
    "AreaEstimates",
    "Case",
    "Change",
    "Changes",
    "CodeReview",
    "DeliveryCard",
    "Metric",
    "NearRepeat",
    "Occurred",
    "OutreachEffect",
    "PlanScorecard",
    "PlanTerms",
    "PlanWeek",
    "ReportedCounts",
    "Scenarios",
    "Scorecard",
    "Setting",
    "Skipped",
    "Trends",
    "Victimisation",
    "WeeklyCounts",
    "area_counts",
    "area_estimates",
    "area_needs",
    "backtest",
    "compare_scenarios",
    "complete_until",
    "coverage",
    "delivery_report",
    "expected_reported_change",
    "find_changes",
    "find_trends",
    "hit_rate",
    "hotspot_stability",
    "hotspots",
    "interval_coverage",
    "interval_width",
    "knox_test",
    "learnt",
    "log_likelihood",
    "look_back",
    "monitor",
    "moved_roster",
    "near_repeats",
    "observed_over_expected",
    "occurred",
    "outreach_effect",
    "pai",
    "past_rates",
    "pei_star",
    "pit_coverage",
    "pit_risk_coverage",
    "plan_backtest",
    "poisson_z",
    "reported_change",
    "review_codes",
    "rri",
    "shrunk_trend",
    "survey_means",
    "victimisation_change",
    "weekly_counts",
    "with_staff",
]
