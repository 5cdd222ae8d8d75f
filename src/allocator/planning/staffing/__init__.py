"""Units that calls need, from queueing."""

from allocator.planning.staffing.minimums import minimums_of
from allocator.planning.staffing.staff import staff
from allocator.planning.staffing.workload import overloads, staffing_columns, with_workload

__all__ = ["minimums_of", "overloads", "staff", "staffing_columns", "with_workload"]
