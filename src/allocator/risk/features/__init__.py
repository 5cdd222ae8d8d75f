"""What forecasts see: smoothed histories, calendar, covariates."""

from allocator.risk.features.context import View, component_rows, context, near_counts, outcome, view
from allocator.risk.features.daylight import daylight_hours
from allocator.risk.features.extras import READERS, Extras, country_of, reported_share
from allocator.risk.features.histories import CONTEXT, Csr, Histories, Space, within
from allocator.risk.features.level import feast_days
from allocator.risk.features.reach import REACH, check_reach

__all__ = [
    "CONTEXT", "REACH", "READERS", "Csr", "Extras", "Histories", "Space", "View", "check_reach", "component_rows",
    "context", "country_of", "daylight_hours", "feast_days", "near_counts", "outcome", "reported_share", "view",
    "within",
]  # fmt: skip
