"""From a job to an answer: the only floor that knows the order of the stages."""

from allocator.pipeline.afterwards import bulletins_of, delivery_of, remake_products, week_before
from allocator.pipeline.demo import new_job, synthetic_files
from allocator.pipeline.record import ENGINES, Progress, inputs_of, peak_mb, versions
from allocator.pipeline.replan import replan
from allocator.pipeline.run import run
from allocator.pipeline.save import (
    products_of, save, save_backtest, save_bulletins, save_delivery, save_exploration, save_plan_backtest, save_run,
    save_scenarios, save_staffing, write_answer,
)  # fmt: skip
from allocator.pipeline.studies import (
    backtest_job, backtest_plans, explore_job, scenarios_job, staff_job, validate,
)  # fmt: skip

__all__ = [
    "ENGINES", "Progress", "backtest_job", "backtest_plans", "bulletins_of", "delivery_of", "explore_job", "inputs_of",
    "new_job", "peak_mb", "products_of", "remake_products", "replan", "run", "save", "save_backtest",
    "save_bulletins", "save_delivery", "save_exploration", "save_plan_backtest", "save_run", "save_scenarios",
    "save_staffing", "scenarios_job", "staff_job", "synthetic_files", "validate", "versions", "week_before",
    "write_answer",
]  # fmt: skip
