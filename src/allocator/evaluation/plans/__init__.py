"""What plans would have met, and plans under other terms."""

from allocator.evaluation.plans.backtest import PlanTerms, PlanWeek, moved_roster, plan_backtest
from allocator.evaluation.plans.occurred import Occurred, occurred, past_rates
from allocator.evaluation.plans.rivals import FORESIGHT, OURS, PLANS, Setting
from allocator.evaluation.plans.scenarios import (
    BASE,
    BUDGET,
    EQUITY,
    PLANNED,
    STAFF,
    Scenarios,
    check_target,
    compare_scenarios,
    with_staff,
)
from allocator.evaluation.plans.scorecard import NOT_PREVENTED, PlanScorecard, plain, wrapped

__all__ = [
    "BASE",
    "BUDGET",
    "EQUITY",
    "FORESIGHT",
    "NOT_PREVENTED",
    "OURS",
    "PLANNED",
    "PLANS",
    "STAFF",
    "Occurred",
    "PlanScorecard",
    "PlanTerms",
    "PlanWeek",
    "Scenarios",
    "Setting",
    "check_target",
    "compare_scenarios",
    "moved_roster",
    "occurred",
    "past_rates",
    "plain",
    "plan_backtest",
    "with_staff",
    "wrapped",
]
