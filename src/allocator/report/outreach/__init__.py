"""What partners, funders and teams get of an outreach plan."""

from allocator.report.outreach.files import outreach_files, outreach_makers
from allocator.report.outreach.page import outreach_blocks, outreach_page

__all__ = ["outreach_blocks", "outreach_files", "outreach_makers", "outreach_page"]
