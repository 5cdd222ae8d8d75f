"""Options, crews and limits of a season."""

from allocator.planning.outreach.season.build import build_season, crew_of_unit
from allocator.planning.outreach.season.coarse import Coarse
from allocator.planning.outreach.season.limits import Column, Limits, Row, name_of_fund
from allocator.planning.outreach.season.season import (
    SLOT_MINUTES, WEEK_SLOTS, Holding, Patrol, Season, Terms, strongest_of,
)  # fmt: skip

__all__ = [
    "SLOT_MINUTES", "WEEK_SLOTS", "Coarse", "Column", "Holding", "Limits", "Patrol", "Row", "Season",
    "Terms", "build_season", "crew_of_unit", "name_of_fund", "strongest_of",
]  # fmt: skip
