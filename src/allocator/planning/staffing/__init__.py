"""Units that calls need, from queueing."""

from allocator.planning.staffing.staff import staff
from allocator.planning.staffing.workload import expected_waits, overloads, staffing_columns, with_workload

__all__ = [
    "expected_waits",
    "overloads",
    "staff",
    "staffing_columns",
    "with_workload",
]
