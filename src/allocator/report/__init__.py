"""Pictures, pages and words of results, as strings and bytes; the io room writes them."""

from allocator.report.bulletins import Bulletins, bulletin_references, bulletins
from allocator.report.look import stamp
from allocator.report.outreach import outreach_files
from allocator.report.products import check_products, products
from allocator.report.routes import route_files
from allocator.report.run import Draft, figures, replan_figures
from allocator.report.studies import (
    Exploration, Presented, look_figures, look_text, presented, staffing_figures, staffing_summary,
)  # fmt: skip

__all__ = [
    "Bulletins", "Draft", "Exploration", "Presented", "bulletin_references", "bulletins", "check_products", "figures",
    "look_figures", "look_text", "outreach_files", "presented", "products", "replan_figures", "route_files",
    "staffing_figures", "staffing_summary", "stamp",
]  # fmt: skip
