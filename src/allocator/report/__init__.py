"""Pictures, pages and words of results, as strings and bytes; the io room writes them."""

from allocator.report.bulletins import Bulletins, bulletin_references, bulletins
from allocator.report.look import stamp
from allocator.report.outreach import outreach_makers
from allocator.report.products import Made, check_products, products
from allocator.report.routes import route_files
from allocator.report.run import Draft, figures, replan_figures, with_notes
from allocator.report.studies import (
    Exploration, Presented, look_figures, look_text, presented, staffing_figures, staffing_summary,
)  # fmt: skip

__all__ = [
    "Bulletins", "Draft", "Exploration", "Made", "Presented", "bulletin_references", "bulletins", "check_products",
    "figures", "look_figures", "look_text", "outreach_makers", "presented", "products", "replan_figures", "route_files",
    "staffing_figures", "staffing_summary", "stamp", "with_notes",
]  # fmt: skip
