"""From a risk surface to a plan: problem, allocation, duty, routes, outreach."""

from allocator.planning.allocation import (
    SOLVERS,
    Terms,
    build_problem,
    check_feasible,
    check_solver,
    naming_edits,
    places_named,
    rivals_of,
    shift_rows,
    soften,
    solve,
    terms_of,
    with_classes,
)
from allocator.planning.duty import allocation_edits, check_pins, edited, make_roster
from allocator.planning.needs import (
    AreaCounts,
    AreaEstimates,
    area_counts,
    area_estimates,
    area_needs,
    shrunk_trend,
    survey_means,
)
from allocator.planning.outreach import patrol_of, plan_outreach
from allocator.planning.patrol import allocate, plan_patrol
from allocator.planning.replan import Change, replan, visits_changed
from allocator.planning.routes import RouteTerms, openings_of
from allocator.planning.staffing import expected_waits, overloads, staff, staffing_columns, with_workload

__all__ = [
    "SOLVERS",
    "AreaCounts",
    "AreaEstimates",
    "Change",
    "RouteTerms",
    "Terms",
    "allocate",
    "allocation_edits",
    "area_counts",
    "area_estimates",
    "area_needs",
    "build_problem",
    "check_feasible",
    "check_pins",
    "check_solver",
    "edited",
    "expected_waits",
    "make_roster",
    "naming_edits",
    "openings_of",
    "overloads",
    "patrol_of",
    "places_named",
    "plan_outreach",
    "plan_patrol",
    "replan",
    "rivals_of",
    "shift_rows",
    "shrunk_trend",
    "soften",
    "solve",
    "staff",
    "staffing_columns",
    "survey_means",
    "terms_of",
    "visits_changed",
    "with_classes",
    "with_workload",
]
