"""From a risk surface to a plan: problem, allocation, duty, routes, outreach."""

from allocator.planning.allocate import allocate, plan_patrol
from allocator.planning.openings import Openings, openings_of
from allocator.planning.outreach import plan_outreach
from allocator.planning.problem import build_problem, check_feasible
from allocator.planning.solvers import SOLVERS, check_solver, solve

__all__ = [
    "SOLVERS",
    "Openings",
    "allocate",
    "build_problem",
    "check_feasible",
    "check_solver",
    "openings_of",
    "plan_outreach",
    "plan_patrol",
    "solve",
]
