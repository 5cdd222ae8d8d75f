"""Units that calls need, from queueing."""

from allocator.planning.staffing.minimums import minimums_of
from allocator.planning.staffing.staff import staff
from allocator.planning.staffing.workload import expected_waits, overloads, staffing_columns, with_workload

__all__ = [
    "expected_waits",
    "minimums_of",
    "overloads",
    "staff",
    "staffing_columns",
    "with_workload",
]
