"""Rosters, wishes and hand edits."""

from allocator.io.duty.edits import read_edits
from allocator.io.duty.rosters import open_days, read_minimums, read_roster
from allocator.io.duty.wishes import read_duty_wishes
from allocator.io.duty.workbook import cell_text

__all__ = ["cell_text", "open_days", "read_duty_wishes", "read_edits", "read_minimums", "read_roster"]
