"""In which order units drive to their visits, and when."""

from allocator.planning.routes.openings import openings_of
from allocator.planning.routes.tasks import RouteTerms, Task, Visits, minutes_each, minutes_of, straight, tasks_of
from allocator.planning.routes.tours import route_tasks

__all__ = [
    "RouteTerms", "Task", "Visits", "minutes_each", "minutes_of", "openings_of", "route_tasks", "straight", "tasks_of",
]  # fmt: skip
