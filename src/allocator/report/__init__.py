"""Pictures, pages and words of results, as strings and bytes; the io room writes them."""

from allocator.report.backtest import backtest_page
from allocator.report.briefings import briefing_pages
from allocator.report.briefings_pdf import briefing_pdfs
from allocator.report.bulletin import Bulletins, bulletin_references, bulletins
from allocator.report.calendar import calendars
from allocator.report.explore import Exploration, explore_page, explore_pictures
from allocator.report.funders import funder_report
from allocator.report.outreach import outreach_files
from allocator.report.partners import partner_packages
from allocator.report.plans import plan_backtest_page
from allocator.report.products import check_products, products
from allocator.report.replan import replan_figures
from allocator.report.routes import route_files
from allocator.report.scenarios import frontier_png, scenarios_page
from allocator.report.staffing import staffing_figures, staffing_page, staffing_summary
from allocator.report.summary import Material, figures, stamp
from allocator.report.workbook import roster_xlsx

__all__ = [
    "Bulletins",
    "Exploration",
    "Material",
    "backtest_page",
    "briefing_pages",
    "briefing_pdfs",
    "bulletin_references",
    "bulletins",
    "calendars",
    "check_products",
    "explore_page",
    "explore_pictures",
    "figures",
    "frontier_png",
    "funder_report",
    "outreach_files",
    "partner_packages",
    "plan_backtest_page",
    "products",
    "replan_figures",
    "roster_xlsx",
    "route_files",
    "scenarios_page",
    "staffing_figures",
    "staffing_page",
    "staffing_summary",
    "stamp",
]
