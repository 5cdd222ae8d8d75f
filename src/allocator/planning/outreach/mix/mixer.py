"""What is held where, how often and in which week: the linear relaxation, its bound, and whole numbers near it.

The value is concave, so tangents bound it from above; they are added where the relaxation stands until they are tight
(Kelley 1960, SIAM J. 8). The bound holds for every calendar, because a calendar keeps every row of `Limits`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from allocator.domain import Floats, Ints
from allocator.errors import SolverError
from allocator.facts import Note
from allocator.planning.outreach.mix.program import SPARE, Mix, MixProgram, relax, with_tangents
from allocator.planning.outreach.season import Coarse, Column, Limits, Row, Season
from allocator.planning.programs import Solution, attempt, maximise

SMALL_WEEKS = 6_000
"""Columns up to which the second step chooses among all options again."""
NODES = 200
"""Most nodes of the search for whole numbers."""
GOAL = 4e-3
"""Gap at which whole numbers of a season are good enough; for a single week an eighth of it."""


class Mixer:
    """Whole numbers of holdings by option and week, with a bound that every calendar keeps.

    First how often each option is held over the whole season, in whole numbers, with weeks taken together and crews
    relaxed: its bound is the one that is reported. Then in which weeks, by which crews, in whole numbers too, as often
    as calendars ask for it. All in one, the weeks, which are much alike, are exchanged without end: 20,000 columns had
    no plan within 2 % after two minutes; with weeks apart in the first step, its relaxation took 14 s instead of 2.
    """

    def __init__(self, season: Season, limits: Limits) -> None:
        fair = season.section.fairness == "max_min"
        self.whole = with_tangents(MixProgram(season, Coarse(limits)))
        often = _how_often(self.whole, _fair_level(self.whole) if fair else 0.0)
        self.bound, self.total = often.bound, np.rint(often.values[self.whole.total])
        self.made = with_tangents(MixProgram(season, limits))
        self.made.add_tangents(self.whole.exposures(often.values))
        if fair:
            self.made.add_level_rows()
            self.made.floor = self.whole.floor
        self.slack = (GOAL if season.weeks > 1 else GOAL / 8) / 4 * self.whole.value_of(often.values)

    def mix(self, barred: Mapping[Column, int]) -> Mix:
        """Return numbers by week and crew; columns that calendars could not book are barred beyond some number."""
        made = self.made
        weekly = _in_weeks(made, self.total, slack=self.slack, barred=barred)
        short = {r: round(float(weekly.values[n]) * made.scale[r]) for r, n in zip(made.soft, made.short, strict=True)}
        values = {
            column: float(round(value))
            for column, value in zip(made.columns, weekly.values.tolist(), strict=False)
            if value > 0.5
        }
        missing = {made.rows[r].name: n for r, n in short.items() if n > 0}
        own = made.value_of(weekly.values) + made.patrol_value(weekly.values)
        return Mix(values, own * made.unit, missing, made.floor)

    def bound_with(self, missing: Mapping[Note, int]) -> float:
        """Return a bound of the plans that miss as much of the soft rows, by their names."""
        bound = self.bound
        if any(missing.values()):  # what is missing was charged
            short = {r: missing.get(self.whole.rows[r].name, 0) for r in self.whole.soft}
            bound = relax(self.whole, fixed=short).objective
        return bound * self.whole.unit * (1 + 1e-9)


def _fair_level(made: MixProgram) -> float:
    """Add contacts per resident as a floor, and return the highest that the relaxation reaches."""
    made.add_level_rows()
    solution = maximise(made.program(fair=True))
    if solution is None:
        raise SolverError("the relaxation of the outreach plan has no solution")
    return float(solution.values[made.level])


def _how_often(made: MixProgram, level: float) -> Solution:
    """Return whole numbers of holdings over the season, with as much of a fair level as they can keep."""
    whole = np.zeros(made.size, bool)
    whole[made.total] = True
    whole[: len(made.columns)] = [column[0] == "used" for column in made.columns]
    goal = GOAL if made.season.weeks > 1 else GOAL / 8
    for share in (1.0, 0.95, 0.9, 0.8, 0.65, 0.5, 0.25, 0.0):
        made.floor = share * level
        relaxed = relax(made)
        solution = attempt(made.program(whole=whole), within=goal * made.value_of(relaxed.values), nodes=NODES)
        if solution is not None:
            return solution
        if not made.floor:
            break
    raise SolverError("no whole outreach plan was found within the budget of work")


def _in_weeks(made: MixProgram, total: Floats, *, slack: float, barred: Mapping[Column, int]) -> Solution:
    """Return whole numbers by week and crew for about as many holdings as were chosen.

    `SPARE` more of each may replace those that find no week; in small seasons, any.
    """
    upper = np.full(made.size, np.inf)
    if len(made.columns) > SMALL_WEEKS:
        upper[made.total] = np.where(total > 0, total + SPARE, 0.0)
    else:
        total = np.ones(len(total))
    for column, most in barred.items():
        upper[made.at[column]] = most
    used = {made.season.options[o].initiative for o in np.flatnonzero(total)}
    for n, (what, row, _, _) in enumerate(made.columns):
        if (what in ("held", "paid") and not total[row]) or (what == "crew" and row not in used):
            upper[n] = 0.0
    whole = np.zeros(made.size, bool)
    whole[: len(made.columns)] = [column[0] != "lost" for column in made.columns]
    for floor in (made.floor, 0.0):
        made.floor = floor
        solution = attempt(made.program(whole=whole, upper=upper), within=slack, nodes=NODES)
        if solution is not None:
            return solution
    raise SolverError("no weeks were found for the chosen holdings within the budget of work")


def counts_of(mix: Mix) -> dict[int, Ints]:
    """Return, by week, the options to hold, each as often as it is held."""
    by_week: dict[int, list[int]] = {}
    for (_, o, w, _), n in sorted(mix.of("held").items()):
        by_week.setdefault(w, []).extend([o] * round(n))
    return {w: np.array(held, np.int64) for w, held in by_week.items()}


def without(rows: tuple[Row, ...], name: Note) -> tuple[Row, ...]:
    """Return the rows but those of one name."""
    return tuple(row for row in rows if row.name != name)
