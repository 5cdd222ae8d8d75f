"""Pictures, pages and words of results, as strings and bytes; the io room writes them."""

from allocator.report.briefings import briefing_pages, briefing_pdfs
from allocator.report.bulletins import Bulletins, bulletin_references, bulletins
from allocator.report.look import stamp
from allocator.report.outreach import calendars, funder_report, outreach_files, partner_packages
from allocator.report.products import check_products, products
from allocator.report.roster import roster_xlsx
from allocator.report.routes import route_files
from allocator.report.run import Draft, figures, replan_figures
from allocator.report.studies import (
    Exploration,
    Presented,
    backtest_page,
    explore_page,
    explore_pictures,
    frontier_png,
    plan_backtest_page,
    presented,
    scenarios_page,
    staffing_figures,
    staffing_page,
    staffing_summary,
)

__all__ = [
    "Bulletins",
    "Draft",
    "Exploration",
    "Presented",
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
    "presented",
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
