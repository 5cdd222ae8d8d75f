"""What partners, funders and teams get of an outreach plan."""

from allocator.report.outreach.calendar import calendars
from allocator.report.outreach.files import outreach_files
from allocator.report.outreach.funders import funder_report
from allocator.report.outreach.page import outreach_blocks, outreach_page
from allocator.report.outreach.partners import partner_packages

__all__ = [
    "calendars",
    "funder_report",
    "outreach_blocks",
    "outreach_files",
    "outreach_page",
    "partner_packages",
]
