"""One module per way to solve an allocation problem."""

from allocator.planning.allocation.solvers.flow import best_units

__all__ = ["best_units"]
