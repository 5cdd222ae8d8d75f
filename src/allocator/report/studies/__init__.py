"""Pages of backtests, scenarios, staffing and exploration."""

from allocator.report.studies.answers import Presented, presented
from allocator.report.studies.backtest import backtest_page
from allocator.report.studies.explore import Exploration, explore_page, explore_pictures
from allocator.report.studies.plans import plan_backtest_page
from allocator.report.studies.scenarios import frontier_png, scenarios_page
from allocator.report.studies.staffing import staffing_figures, staffing_page, staffing_summary

__all__ = [
    "Exploration",
    "Presented",
    "backtest_page",
    "explore_page",
    "explore_pictures",
    "frontier_png",
    "plan_backtest_page",
    "presented",
    "scenarios_page",
    "staffing_figures",
    "staffing_page",
    "staffing_summary",
]
