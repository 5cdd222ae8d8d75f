"""The page of a run, and its numbers."""

from allocator.report.run.map import map_png
from allocator.report.run.past import compared
from allocator.report.run.replan import replan_figures
from allocator.report.run.run_page import page_links, run_page
from allocator.report.run.summary import Draft, figures, with_notes

__all__ = ["Draft", "compared", "figures", "map_png", "page_links", "replan_figures", "run_page", "with_notes"]
