"""What is looked at once events are read: whether they lie in the area, are complete, and may train."""

from allocator.io.history.checks.completeness import thin_weeks, without_ended
from allocator.io.history.checks.placing import check_placed
from allocator.io.history.checks.screen import screen

__all__ = ["check_placed", "screen", "thin_weeks", "without_ended"]
