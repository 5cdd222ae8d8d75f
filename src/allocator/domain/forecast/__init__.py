"""The forecast: expected events and harm, its reasons, and what a fast renewal starts from."""

from allocator.domain.forecast.state import ForecastState, Origin
from allocator.domain.forecast.surface import CLASS_SHARES, Reasons, RiskSurface, count_interval, harm_classes

__all__ = ["CLASS_SHARES", "ForecastState", "Origin", "Reasons", "RiskSurface", "count_interval", "harm_classes"]
