"""The frozen nouns that flow from stage to stage.

Times are UTC `datetime64[s]`; local time exists only in shifts and reports. Cells, kinds, shifts, districts
and units are rows counted from 0; -1 means "belongs nowhere".
"""

from allocator.domain.arrays import Bools, Floats, Ints, Times
from allocator.domain.covariates import Covariates, DatedPoints
from allocator.domain.events import ALL_KINDS, CALL, OFFICER, Events
from allocator.domain.outreach import OUTREACH_COLUMNS, Initiative, OutreachPlan, Venue
from allocator.domain.panel import Panel, local_clock
from allocator.domain.plan import (
    ASSIGNMENT_COLUMNS,
    CHANGE_COLUMNS,
    LIMIT_COLUMNS,
    LOTTERY_COLUMNS,
    STAFFING_COLUMNS,
    VISIT_COLUMNS,
    WORTH_COLUMNS,
    Allocation,
    AllocationProblem,
    Givens,
    Limit,
    Plan,
    empty_table,
    gap,
)
from allocator.domain.roster import DutyWishes, Edit, OutreachTeam, Roster, Shift, Unit, hours_of, shifts_of
from allocator.domain.run import Run
from allocator.domain.staffing import HOURS, Calls, Staffing
from allocator.domain.surface import Reasons, RiskSurface, count_interval
from allocator.domain.travel import Streets, Travel

__all__ = [
    "ALL_KINDS",
    "ASSIGNMENT_COLUMNS",
    "CALL",
    "CHANGE_COLUMNS",
    "HOURS",
    "LIMIT_COLUMNS",
    "LOTTERY_COLUMNS",
    "OFFICER",
    "OUTREACH_COLUMNS",
    "STAFFING_COLUMNS",
    "VISIT_COLUMNS",
    "WORTH_COLUMNS",
    "Allocation",
    "AllocationProblem",
    "Bools",
    "Calls",
    "Covariates",
    "DatedPoints",
    "DutyWishes",
    "Edit",
    "Events",
    "Floats",
    "Givens",
    "Initiative",
    "Ints",
    "Limit",
    "OutreachPlan",
    "OutreachTeam",
    "Panel",
    "Plan",
    "Reasons",
    "RiskSurface",
    "Roster",
    "Run",
    "Shift",
    "Staffing",
    "Streets",
    "Times",
    "Travel",
    "Unit",
    "Venue",
    "count_interval",
    "empty_table",
    "gap",
    "hours_of",
    "local_clock",
    "shifts_of",
]
