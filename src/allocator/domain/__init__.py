"""The frozen nouns that flow from stage to stage.

Times are UTC `datetime64[s]`; local time exists only in shifts and reports. Cells, kinds, shifts, districts
and units are rows counted from 0; -1 means "belongs nowhere".
"""

from allocator.domain.arrays import (
    WEEK_HOURS, Bools, Figures, Floats, Geometries, Ints, Record, Times, date_of, day_number, freeze, hour_of_week,
    local_clock, weekday_of,
)  # fmt: skip
from allocator.domain.forecast import (
    BIN_OF_HOUR, CLOCK, N_BINS, WEEKDAY, WEEKEND, ForecastState, HourShares, Origin,
)  # fmt: skip
from allocator.domain.forecast.surface import CLASS_SHARES, Reasons, RiskSurface, count_interval, harm_classes
from allocator.domain.history import (
    ALL_KINDS, ARRIVAL_IMPUTED, CALL, CLEAR_IMPUTED, DISPATCH_IMPUTED, OFFICER, WHOLE_CITY, Calls, Covariates,
    DatedPoints, Events, Panel,
)  # fmt: skip
from allocator.domain.outreach import (
    AREA, AREA_TYPES, CANCELLED, CHANNEL, DELIVERY_TYPES, DETACHED_TYPES, FUND_TYPES, HELD, INITIATIVE_TYPES, MOVED,
    NEED_COLUMNS, ONLINE, OPEN, OUTREACH_COLUMNS, OUTREACH_TYPES, POINT, RISKY_TOPICS, STATUSES, VENUE, Answer, Channel,
    Delivered, Fund, Initiative, Needs, Offers, OutreachAreas, OutreachPlan, Partner, Point, Requests, Survey, Venue,
    called_off, delivery_table, item_ids, item_key, typed_table, with_sequences,
)  # fmt: skip
from allocator.domain.patrol import (
    ASSIGNMENT_COLUMNS, CHANGE_COLUMNS, LIMIT_COLUMNS, LOTTERY_COLUMNS, STAFFING_COLUMNS, VISIT_COLUMNS, WORTH_COLUMNS,
    Allocation, AllocationProblem, AllocationTerms, Givens, Limit, Openings, Plan, empty_table, one_more_unit,
)  # fmt: skip
from allocator.domain.roster import (
    DutyWishes, Edit, OutreachTeam, Roster, Shift, Unit, hours_of, overlap, shifts_of, stretches_of,
)  # fmt: skip
from allocator.domain.run import Run
from allocator.domain.space import Area, Lattice, Streets, Tessellation, Travel, dissolved
from allocator.domain.staffing import Staffing

__all__ = [
    "ALL_KINDS", "AREA", "AREA_TYPES", "ARRIVAL_IMPUTED", "ASSIGNMENT_COLUMNS", "BIN_OF_HOUR", "CALL", "CANCELLED",
    "CHANGE_COLUMNS", "CHANNEL", "CLASS_SHARES", "CLEAR_IMPUTED", "CLOCK", "DELIVERY_TYPES", "DETACHED_TYPES",
    "DISPATCH_IMPUTED", "FUND_TYPES", "HELD", "INITIATIVE_TYPES", "LIMIT_COLUMNS", "LOTTERY_COLUMNS",
    "MOVED", "NEED_COLUMNS", "N_BINS", "OFFICER", "ONLINE", "OPEN", "OUTREACH_COLUMNS", "OUTREACH_TYPES", "POINT",
    "RISKY_TOPICS", "STAFFING_COLUMNS", "STATUSES", "VENUE", "VISIT_COLUMNS", "WEEKDAY", "WEEKEND", "WEEK_HOURS",
    "WHOLE_CITY", "WORTH_COLUMNS", "Allocation", "AllocationProblem", "AllocationTerms", "Answer", "Area", "Bools",
    "Calls", "Channel", "Covariates", "DatedPoints", "Delivered", "DutyWishes", "Edit", "Events", "Figures",
    "Floats", "ForecastState", "Fund", "Geometries", "Givens", "HourShares", "Initiative", "Ints", "Lattice",
    "Limit", "Needs", "Offers", "Openings", "Origin", "OutreachAreas", "OutreachPlan", "OutreachTeam", "Panel",
    "Partner", "Plan", "Point", "Reasons", "Record", "Requests", "RiskSurface", "Roster", "Run", "Shift",
    "Staffing", "Streets", "Survey", "Tessellation", "Times", "Travel", "Unit", "Venue", "called_off",
    "count_interval", "date_of", "day_number", "delivery_table", "dissolved", "empty_table", "freeze",
    "harm_classes", "hour_of_week", "hours_of", "item_ids", "item_key", "local_clock", "one_more_unit", "overlap",
    "shifts_of", "stretches_of", "typed_table", "weekday_of", "with_sequences",
]  # fmt: skip
