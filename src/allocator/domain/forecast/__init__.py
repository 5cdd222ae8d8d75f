"""The forecast: expected events and harm, its reasons, and what a fast renewal starts from."""

from allocator.domain.forecast.hours import BIN_OF_HOUR, CLOCK, N_BINS, WEEKDAY, WEEKEND, HourShares
from allocator.domain.forecast.state import ForecastState, Origin
from allocator.domain.forecast.surface import RiskSurface

__all__ = [
    "BIN_OF_HOUR", "CLOCK", "N_BINS", "WEEKDAY", "WEEKEND", "ForecastState", "HourShares", "Origin",
    "RiskSurface",
]  # fmt: skip
