"""The first stage of every workflow: where, who is there, what is known, what is asked."""

from allocator.pipeline.inputs.asked import Asked, asked_of, calls_before, check_kinds, placed_calls
from allocator.pipeline.inputs.duty import Duty, duty_of, past_roster, roster_of, shifts_from, staffing_of
from allocator.pipeline.inputs.ground import Ground, ground_of, tessellate
from allocator.pipeline.inputs.known import Known, known_of
from allocator.pipeline.inputs.outreach import OutreachInputs

__all__ = [
    "Asked", "Duty", "Ground", "Known", "OutreachInputs", "asked_of", "calls_before", "check_kinds", "duty_of",
    "ground_of", "known_of", "past_roster", "placed_calls", "roster_of", "shifts_from", "staffing_of", "tessellate",
]  # fmt: skip
