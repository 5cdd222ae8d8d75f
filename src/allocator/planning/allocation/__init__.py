"""How many visits each cell gets in each shift."""

from allocator.planning.allocation.cellwise import Rows
from allocator.planning.allocation.conflicts import check_feasible, naming_edits
from allocator.planning.allocation.limits import cells_of, with_classes
from allocator.planning.allocation.problem import Terms, build_problem, places_named, shift_rows, terms_of
from allocator.planning.allocation.reduction import block_share, covered, given, reduce
from allocator.planning.allocation.softening import soften
from allocator.planning.allocation.solve import SOLVERS, check_holds, check_solver, rivals_of, solve
from allocator.planning.allocation.worth import worth_of_limits

__all__ = [
    "SOLVERS", "Rows", "Terms", "block_share", "build_problem", "cells_of", "check_feasible", "check_holds",
    "check_solver", "covered", "given", "naming_edits", "places_named", "reduce", "rivals_of", "shift_rows", "soften",
    "solve", "terms_of", "with_classes", "worth_of_limits",
]  # fmt: skip
