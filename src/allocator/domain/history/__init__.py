"""What happened: events, calls, covariates, and counts by day, cell and kind."""

from allocator.domain.history.calls import ARRIVAL_IMPUTED, CLEAR_IMPUTED, DISPATCH_IMPUTED, WHOLE_CITY, Calls
from allocator.domain.history.covariates import Covariates, DatedPoints
from allocator.domain.history.events import ALL_KINDS, CALL, OFFICER, Events
from allocator.domain.history.panel import Panel

__all__ = [
    "ALL_KINDS", "ARRIVAL_IMPUTED", "CALL", "CLEAR_IMPUTED", "DISPATCH_IMPUTED", "OFFICER", "WHOLE_CITY", "Calls",
    "Covariates", "DatedPoints", "Events", "Panel",
]  # fmt: skip
