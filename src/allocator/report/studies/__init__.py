"""Pages of backtests, scenarios, staffing and exploration."""

from allocator.report.studies.answers import Presented, presented
from allocator.report.studies.explore import Exploration
from allocator.report.studies.staffing import staffing_figures, staffing_summary

__all__ = ["Exploration", "Presented", "presented", "staffing_figures", "staffing_summary"]
