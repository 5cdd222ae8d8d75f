"""Who is on duty when, and in which district."""

from allocator.planning.duty.posts import OFF_DUTY, RESERVE, assignments_frame, post_units, posting_cost
from allocator.planning.duty.rotas import allocation_edits, check_pins, edited, make_roster

__all__ = [
    "OFF_DUTY", "RESERVE", "allocation_edits", "assignments_frame", "check_pins", "edited", "make_roster", "post_units",
    "posting_cost",
]  # fmt: skip
