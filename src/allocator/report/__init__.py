"""Pictures, pages and words of results, as strings and bytes; the io room writes them."""

from allocator.report.backtest import backtest_page
from allocator.report.explore import Exploration, explore_page, explore_pictures
from allocator.report.map import map_png
from allocator.report.replan import replan_figures
from allocator.report.routes import route_files
from allocator.report.staffing import staffing_figures, staffing_page, staffing_summary
from allocator.report.summary import Material, figures, stamp

__all__ = [
    "Exploration",
    "Material",
    "backtest_page",
    "explore_page",
    "explore_pictures",
    "figures",
    "map_png",
    "replan_figures",
    "route_files",
    "staffing_figures",
    "staffing_page",
    "staffing_summary",
    "stamp",
]
