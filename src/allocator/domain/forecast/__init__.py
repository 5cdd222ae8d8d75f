"""The forecast: expected events and harm, its reasons, and what a fast renewal starts from."""

from allocator.domain.forecast.state import ForecastState, Origin
from allocator.domain.forecast.surface import RiskSurface

__all__ = ["ForecastState", "Origin", "RiskSurface"]
