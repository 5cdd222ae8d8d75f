"""In which order units drive to their visits, and when."""

from allocator.planning.routes.openings import openings_of
from allocator.planning.routes.tasks import RouteTerms, Task, Visits, minutes_each, minutes_of, straight, tasks_of
from allocator.planning.routes.tours import route_tasks
from allocator.planning.routes.work import LONG, search_of

__all__ = [
    "LONG", "RouteTerms", "Task", "Visits", "minutes_each", "minutes_of", "openings_of", "route_tasks", "search_of",
    "straight", "tasks_of",
]  # fmt: skip
