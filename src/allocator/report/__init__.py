"""Pictures, pages and words of results, as strings and bytes; the io room writes them."""

from allocator.report.backtest import backtest_page
from allocator.report.explore import Exploration, explore_page, explore_pictures
from allocator.report.map import map_png
from allocator.report.plans import plan_backtest_page
from allocator.report.replan import replan_figures
from allocator.report.routes import route_files
from allocator.report.scenarios import frontier_png, scenarios_page
from allocator.report.staffing import staffing_figures, staffing_page, staffing_summary
from allocator.report.summary import Material, figures, stamp

__all__ = [
    "Exploration",
    "Material",
    "backtest_page",
    "explore_page",
    "explore_pictures",
    "figures",
    "frontier_png",
    "map_png",
    "plan_backtest_page",
    "replan_figures",
    "route_files",
    "scenarios_page",
    "staffing_figures",
    "staffing_page",
    "staffing_summary",
    "stamp",
]
