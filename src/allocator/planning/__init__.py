"""From a risk surface to a plan: problem, allocation, duty, routes, outreach."""

from allocator.planning.allocation import (
    SOLVERS, Terms, build_problem, check_feasible, check_holds, check_solver, naming_edits, places_named, rivals_of,
    shift_rows, soften, solve, terms_of, with_classes,
)  # fmt: skip
from allocator.planning.duty import allocation_edits, check_pins, edited, make_roster
from allocator.planning.needs import AreaEstimates, area_counts, area_estimates, area_needs, survey_means
from allocator.planning.outreach import patrol_of, plan_outreach
from allocator.planning.patrol import allocate, delivered_visits, plan_patrol
from allocator.planning.replan import Change, replan, visits_changed
from allocator.planning.routes import LONG, RouteTerms, openings_of, search_of, straight
from allocator.planning.staffing import overloads, staff, staffing_columns, with_workload

__all__ = [
    "LONG", "SOLVERS", "AreaEstimates", "Change", "RouteTerms", "Terms", "allocate", "allocation_edits", "area_counts",
    "area_estimates", "area_needs", "build_problem", "check_feasible", "check_holds", "check_pins", "check_solver",
    "delivered_visits", "edited", "make_roster", "naming_edits", "openings_of", "overloads", "patrol_of",
    "places_named", "plan_outreach", "plan_patrol", "replan", "rivals_of", "search_of", "shift_rows", "soften", "solve",
    "staff", "staffing_columns", "straight", "survey_means", "terms_of", "visits_changed", "with_classes",
    "with_workload",
]  # fmt: skip
