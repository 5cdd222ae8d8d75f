"""From a risk surface to a plan: problem, allocation, duty, routes, outreach."""

from allocator.planning.allocate import allocate, plan_patrol
from allocator.planning.conflicts import check_feasible, naming_edits, soften
from allocator.planning.limits import with_classes
from allocator.planning.openings import Openings, openings_of
from allocator.planning.outreach import patrol_of, plan_outreach
from allocator.planning.problem import build_problem, places_named, shift_rows
from allocator.planning.replan import Change, replan, visits_changed
from allocator.planning.rotas import allocation_edits, check_pins, edited, make_roster
from allocator.planning.routes import RouteTerms
from allocator.planning.solvers import SOLVERS, check_solver, rivals_of, solve
from allocator.planning.staffing import expected_waits, overloads, staff, staffing_columns, with_workload

__all__ = [
    "SOLVERS",
    "Change",
    "Openings",
    "RouteTerms",
    "allocate",
    "allocation_edits",
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
    "soften",
    "solve",
    "staff",
    "staffing_columns",
    "visits_changed",
    "with_classes",
    "with_workload",
]
