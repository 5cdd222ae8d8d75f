"""What is left of a plan after something happened."""

from allocator.planning.replan.now import Change
from allocator.planning.replan.replan import replan, visits_changed

__all__ = ["Change", "replan", "visits_changed"]
