"""Workflows that answer a question about a job and plan nothing to hand out."""

from allocator.pipeline.studies.backtests import backtest_job, backtest_plans
from allocator.pipeline.studies.exploration import explore_job
from allocator.pipeline.studies.scenarios import scenarios_job
from allocator.pipeline.studies.staffing import staff_job
from allocator.pipeline.studies.validation import validate

__all__ = ["backtest_job", "backtest_plans", "explore_job", "scenarios_job", "staff_job", "validate"]
