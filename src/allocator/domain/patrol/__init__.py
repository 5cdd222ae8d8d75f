"""What a patrol solver may know, what it answers, and the plan."""

from allocator.domain.patrol.openings import Openings
from allocator.domain.patrol.plan import (
    ASSIGNMENT_COLUMNS, CHANGE_COLUMNS, LIMIT_COLUMNS, LOTTERY_COLUMNS, STAFFING_COLUMNS, VISIT_COLUMNS, WORTH_COLUMNS,
    Plan, empty_table, one_more_unit,
)  # fmt: skip
from allocator.domain.patrol.problem import Allocation, AllocationProblem, AllocationTerms, Givens, Limit, gap

__all__ = [
    "ASSIGNMENT_COLUMNS", "CHANGE_COLUMNS", "LIMIT_COLUMNS", "LOTTERY_COLUMNS", "STAFFING_COLUMNS", "VISIT_COLUMNS",
    "WORTH_COLUMNS", "Allocation", "AllocationProblem", "AllocationTerms", "Givens", "Limit", "Openings", "Plan",
    "empty_table", "gap", "one_more_unit",
]  # fmt: skip
