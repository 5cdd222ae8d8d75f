"""Briefing sheets for units and districts."""

from allocator.report.briefings.briefings import briefing_pages
from allocator.report.briefings.pdf import briefing_pdfs
from allocator.report.briefings.pdf_text import check_pdf

__all__ = ["briefing_pages", "briefing_pdfs", "check_pdf"]
