"""What plans would have met, and plans under other terms."""

from allocator.evaluation.plans.backtest import PlanTerms, PlanWeek, moved_roster, plan_backtest
from allocator.evaluation.plans.rivals import FORESIGHT, OURS, Setting
from allocator.evaluation.plans.scenarios import (
    BASE, BUDGET, EQUITY, PLANNED, STAFF, Scenarios, check_target, compare_scenarios,
)  # fmt: skip
from allocator.evaluation.plans.scorecard import NOT_PREVENTED, PlanScorecard, plain, wrapped

__all__ = [
    "BASE", "BUDGET", "EQUITY", "FORESIGHT", "NOT_PREVENTED", "OURS", "PLANNED", "STAFF", "PlanScorecard", "PlanTerms",
    "PlanWeek", "Scenarios", "Setting", "check_target", "compare_scenarios", "moved_roster", "plain", "plan_backtest",
    "wrapped",
]  # fmt: skip
