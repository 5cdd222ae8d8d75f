"""What decides a duty roster, as arrays: rules, who may and must work when, what is wanted and what a lack costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from allocator.domain import Bools, Floats, Ints, freeze

LEVELS = 8
"""Steps in which the price of a missing unit rises where shortages are spread: every eighth of what a shift wants."""

NO_MOST = 10**6
"""A most that binds nobody."""


@dataclass(frozen=True)
class DutyRules:
    """What one unit's duty must keep; days are those on which a shift starts.

    Parameters
    ----------
    rest_minutes : int
        Fewest minutes between the stop of a shift and the start of the next, by the real clock.
    most_in_seven : int
        Most shifts in any seven days running.
    most_of_kind : tuple of int
        Most shifts of each kind (shift name) over the plan; empty for no limit.
    least_minutes, most_minutes : int
        Working time over the plan.
    least_running, most_running : int
        Working days running. A run at the first or last day may be shorter: it may go on outside the plan.
    least_off : int
        Fewest days off running; at the first and last day as above.
    most_weekends : int
        Most weekends with a shift on Saturday or Sunday.
    """

    rest_minutes: int = 0
    most_in_seven: int = NO_MOST
    most_of_kind: tuple[int, ...] = ()
    least_minutes: int = 0
    most_minutes: int = NO_MOST
    least_running: int = 1
    most_running: int = NO_MOST
    least_off: int = 1
    most_weekends: int = NO_MOST


@dataclass(frozen=True, eq=False)
class DutyProblem:
    """Everything that decides a duty roster; arrays, and names for messages.

    Parameters
    ----------
    units, shifts : tuple of str
        Names; the shifts in the order of their start.
    day : (n_shifts,) int32
        Day on which each shift starts, from 0.
    kind : (n_shifts,) int32
        Row of its name.
    start, stop : (n_shifts,) int64
        Minutes since 1970-01-01 UTC.
    weekend : (n_days,) int32
        Number of the weekend that a day belongs to, -1 for none.
    rules : tuple of DutyRules
        One for each unit.
    may, must : (n_units, n_shifts) bool
        Where a unit can work, and where it has to.
    wish : (n_units, n_shifts) float64
        Worth of the unit working the shift: above 0 where it wants to, below where it would rather not.
    wanted : (n_shifts,) int32
        Units wanted.
    short, spare : (n_shifts,) float64
        Penalty of each unit too few, and of each too many.
    home : (n_units,) int32
        Row of the home district, -1 for none.
    balance : float
        Penalty of each unit too few from a home district, where a shift draws on the districts by their size.
    spread : float
        Share by which the last unit that a shift lacks costs more than the first, 0 to 1; 0: all cost the same, and
        then six empty shifts beside eight full ones are as good as fourteen that lack a few. Below 2 prices in all,
        so that never a unit more is missing.
    n_earlier : int
        So many shifts lie before the plan: `must` tells who worked them. They count for rest and for the most shifts
        and days running, not for hours, kinds and the fewest days; what they break already is not held against them.
    """

    units: tuple[str, ...]
    shifts: tuple[str, ...]
    day: npt.NDArray[np.int32]
    kind: npt.NDArray[np.int32]
    start: Ints
    stop: Ints
    weekend: npt.NDArray[np.int32]
    rules: tuple[DutyRules, ...]
    may: Bools
    must: Bools
    wish: Floats
    wanted: npt.NDArray[np.int32]
    short: Floats
    spare: Floats
    home: npt.NDArray[np.int32]
    balance: float = 0.0
    spread: float = 0.0
    n_earlier: int = 0

    def __post_init__(self) -> None:
        freeze(self)

    def worth(self, works: Bools) -> float:
        """Return the objective of a roster: wishes met less penalties."""
        n = works.sum(axis=0)
        lack = np.maximum(home_targets(self) - per_home(self, works), 0).sum()
        under, over = np.maximum(self.wanted - n, 0), np.maximum(n - self.wanted, 0)
        deep = (self.short * self.spread / LEVELS) @ np.maximum(under - steps(self), 0).sum(axis=0)
        return float((self.wish * works).sum() - self.short @ under - deep - self.spare @ over - self.balance * lack)


def steps(problem: DutyProblem) -> Ints:
    """Return how many units each shift may lack before its next one costs more, (`LEVELS` - 1, n_shifts)."""
    level = np.arange(1, LEVELS)[:, None]
    return np.asarray(-(-problem.wanted.astype(np.int64) * level // LEVELS))


def home_targets(problem: DutyProblem) -> Ints:
    """Return the units that each shift takes from each home district, by its share of the units, rounded down."""
    if not problem.balance:
        return np.zeros((0, len(problem.shifts)), np.int64)
    size = np.bincount(problem.home[problem.home >= 0])
    return np.asarray(problem.wanted * size[:, None] // max(len(problem.units), 1), np.int64)


def per_home(problem: DutyProblem, works: Bools) -> Ints:
    """Return the units of each home district in each shift of a roster."""
    targets = np.zeros(home_targets(problem).shape, np.int64)
    if targets.size:
        known = problem.home >= 0
        np.add.at(targets, problem.home[known], works[known].astype(np.int64))
    return targets
