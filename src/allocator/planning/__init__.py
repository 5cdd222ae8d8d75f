"""From a risk surface to a plan: problem, allocation, duty, routes, outreach."""

from allocator.planning.allocate import allocate, plan_patrol
from allocator.planning.conflicts import check_feasible, soften
from allocator.planning.outreach import plan_outreach
from allocator.planning.problem import build_problem, places_named
from allocator.planning.rotas import allocation_edits, check_pins, edited, make_roster
from allocator.planning.solvers import SOLVERS, check_solver, rivals_of, solve
from allocator.planning.staffing import expected_waits, overloads, staff

__all__ = [
    "SOLVERS",
    "allocate",
    "allocation_edits",
    "build_problem",
    "check_feasible",
    "check_pins",
    "check_solver",
    "edited",
    "expected_waits",
    "make_roster",
    "overloads",
    "places_named",
    "plan_outreach",
    "plan_patrol",
    "rivals_of",
    "soften",
    "solve",
    "staff",
]
