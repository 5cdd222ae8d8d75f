"""Pages of backtests, scenarios, staffing and exploration."""

from allocator.report.studies.answers import Presented, presented
from allocator.report.studies.explore import Exploration
from allocator.report.studies.look import look_figures, look_text
from allocator.report.studies.staffing import staffing_figures, staffing_summary

__all__ = ["Exploration", "Presented", "look_figures", "look_text", "presented", "staffing_figures", "staffing_summary"]
