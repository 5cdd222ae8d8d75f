"""From a risk surface to a plan: problem, allocation, duty, routes, outreach."""

from allocator.planning.allocate import allocate, plan_patrol
from allocator.planning.conflicts import check_feasible, soften
from allocator.planning.openings import Openings, openings_of
from allocator.planning.outreach import plan_outreach
from allocator.planning.problem import build_problem, places_named
from allocator.planning.solvers import SOLVERS, check_solver, rivals_of, solve
from allocator.planning.staffing import expected_waits, overloads, staff, staffing_columns, with_workload

__all__ = [
    "SOLVERS",
    "Openings",
    "allocate",
    "build_problem",
    "check_feasible",
    "check_solver",
    "expected_waits",
    "openings_of",
    "overloads",
    "places_named",
    "plan_outreach",
    "plan_patrol",
    "rivals_of",
    "soften",
    "solve",
    "staff",
    "staffing_columns",
    "with_workload",
]
