"""How much work the search for routes will be, told before it starts."""

from __future__ import annotations

from dataclasses import dataclass

from allocator.config import RoutesSection
from allocator.domain import AllocationTerms
from allocator.errors import ConfigError
from allocator.planning.routes.parts import effort_of, room_for

_A_SECOND = 180_000
"""Visits × runs × iterations in a second of one core: the demo's 4,481 visits, 3,000 runs of 60, took over an hour."""
LONG, MOST_HOURS = 300.0, 48.0
"""Seconds from which the work is told, and hours beyond which it is refused."""


@dataclass(frozen=True)
class Search:
    """How much there is to search.

    Attributes
    ----------
    tours : int
        Districts × shifts with anybody on duty.
    runs : int
        Runs for each tour.
    iterations : int
        Iterations of a run, at most.
    seconds : float
        Time that all of it takes at most on one core, about.
    """

    tours: int
    runs: int
    iterations: int
    seconds: float

    def __str__(self) -> str:
        about = f"{self.seconds / 3600:,.1f} hours" if self.seconds >= 5400 else f"{self.seconds / 60:,.0f} minutes"
        return (
            f"{self.tours:,} tours × {self.runs:,} runs of up to {self.iterations:,} iterations, about {about} at most "
            "on one core"
        )


def search_of(terms: AllocationTerms, routes: RoutesSection) -> Search:
    """Return the work that routes will be.

    Raises
    ------
    ConfigError
        If it would take longer than `MOST_HOURS`, with the keys that make it shorter.
    """
    effort, visits = effort_of(terms, routes), room_for(terms)
    runs = effort.runs * (3 if routes.lottery else 1)
    tours = len(terms.districts) * int((terms.on_duty > 0).sum())
    search = Search(tours, runs, effort.iterations, visits * runs * effort.iterations / _A_SECOND)
    if search.seconds > MOST_HOURS * 3600:
        share = MOST_HOURS * 3600 / search.seconds
        key = "iterations" if effort.iterations * share >= 1 and routes.iterations > 60 * routes.runs else "runs"
        most = max(1, int(getattr(routes, key) * share))
        raise ConfigError(
            f"routes.runs = {routes.runs:,} and routes.iterations = {routes.iterations:,} are too much for this plan: "
            f"{search}; {MOST_HOURS:g} hours are allowed: routes.{key} = {most:,} would do"
        )
    return search
