"""What areas of outreach need, from counts, surveys and requests."""

from allocator.planning.needs.area_estimates import AreaEstimates, area_estimates
from allocator.planning.needs.counts import area_counts
from allocator.planning.needs.needs import area_needs
from allocator.planning.needs.survey import survey_means

__all__ = ["AreaEstimates", "area_counts", "area_estimates", "area_needs", "survey_means"]
