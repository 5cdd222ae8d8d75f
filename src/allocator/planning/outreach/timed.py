"""The whole of a small season as one integer program: what, where, by whom and at which half hour."""

from __future__ import annotations

import numpy as np

from allocator.domain import Bools
from allocator.errors import SolverError
from allocator.facts import Note
from allocator.planning.outreach.calendars import travel_slots
from allocator.planning.outreach.mix import MixProgram, with_tangents
from allocator.planning.outreach.prevented import harm_prevented
from allocator.planning.outreach.season import SLOT_MINUTES, WEEK_SLOTS, Holding, Limits, Season
from allocator.planning.programs import Solution, maximise

ROUNDS = 40
"""Most rounds of tangents; three to six are usual."""
EXACT = 1e-8
"""Relative distance between tangents and value at which the program is done."""
NODES = 20_000


class TimedProgram(MixProgram):
    """`MixProgram` with a column for each option, crew and start, and rows so that nobody is at two places."""

    def __init__(self, season: Season, limits: Limits) -> None:
        super().__init__(season, limits)
        self._book()

    def _lay_out(self) -> None:
        super()._lay_out()
        season = self.season
        self.timed = [
            (o, c, int(start))
            for o, option in enumerate(season.options)
            for c in season.able[option.initiative]
            for start in season.starts(o, c)
        ]
        self.first, self.size = self.size, self.size + len(self.timed)

    def _book(self) -> None:
        """Tie the counts of the limits to the slots, and keep crews and rooms from being taken twice."""
        season, counts = self.season, dict[tuple[str, int, int, int], list[int]]()
        shifts: dict[tuple[int, int], list[tuple[int, float]]] = {}
        for n, (o, c, start) in enumerate(self.timed, self.first):
            week, i = start // WEEK_SLOTS, season.options[o].initiative
            counts.setdefault(("held", o, week, 0), []).append(n)
            counts.setdefault(("crew", i, c, week), []).append(n)
            if season.crews[c].is_patrol:
                key = c, season.shift_at(c, start)
                shifts.setdefault(key, []).append((n, float(season.team_minutes(i))))
        for column, at in self.at.items():
            if column[0] in ("held", "crew"):
                own = counts.get(column, [])
                self._add([at, *own], [1.0, *[-1.0] * len(own)], 0.0, 0.0)
        for (c, s), there in shifts.items():
            minutes = float(season.patrol.shifts[s].minutes) if season.patrol is not None else 0.0
            taken = self.at["taken", c, s, 0]
            self._add([taken, *(n for n, _ in there)], [-minutes, *(size for _, size in there)], -np.inf, 0.0)
            for n, _ in there:
                self._add([taken, n], [-1.0, 1.0], -np.inf, 0.0)
        self._one_at_a_time()
        self._pinned()

    def _one_at_a_time(self) -> None:
        season = self.season
        pause = -(-season.section.changeover_minutes // SLOT_MINUTES)
        busy: dict[tuple[str, int, int], list[int]] = {}
        for n, (o, c, start) in enumerate(self.timed, self.first):
            for slot in range(start, start + season.slots(o) + pause):
                busy.setdefault(("crew", c, slot), []).append(n)
            for slot in range(start, start + season.slots(o)) if season.options[o].venue >= 0 else ():
                busy.setdefault(("venue", season.options[o].venue, slot), []).append(n)
        for own in busy.values():
            if len(own) > 1:
                self._add(own, [1.0] * len(own), -np.inf, 1.0)
        for n, (o, c, start) in enumerate(self.timed, self.first):
            for m, (p, crew, then) in enumerate(self.timed, self.first):
                if c == crew and start + season.slots(o) + pause <= then < start + travel_slots(season, o, p):
                    self._add([n, m], [1.0, 1.0], -np.inf, 1.0)

    def _pinned(self) -> None:
        """Add that what partners confirmed takes place at its time, where its row of the limits can be kept."""
        at = {key: n for n, key in enumerate(self.timed, self.first)}
        short = {
            self.rows[r].terms[0][0]: int(n)
            for r, n in zip(self.soft, self.short, strict=True)
            if self.rows[r].name.cause == "outreach.confirmed" and self.rows[r].terms
        }
        for pin in self.season.pins:
            column = at[pin.option, pin.crew, pin.start]
            self._add([column, short["held", pin.option, pin.start // WEEK_SLOTS, 0]], [1.0, 1.0], 1.0, np.inf)


def book_exactly(season: Season, limits: Limits) -> tuple[list[Holding], float, dict[Note, int], float]:
    """Return the best calendar of a small season: holdings, proven bound, shortages by soft row, and fair level.

    Tangents are added where the solution stands until they are tight, so the optimum is that of the true value (outer
    approximation; Duran & Grossmann 1986, Mathematical Programming 36). Soft rows come first, by their penalty, then
    the worst-off area where that is asked for, then the value.
    """
    if not season.options:
        return [], 0.0, {row.name: row.least or 0 for row in limits.rows if row.soft}, 0.0
    made = TimedProgram(season, limits)
    with_tangents(made)
    whole = np.zeros(made.size, bool)
    whole[: len(made.columns)] = [column[0] in ("paid", "used", "taken") for column in made.columns]
    whole[made.first :] = True
    if season.section.fairness == "max_min":
        made.add_level_rows()
        made.floor = max(_solve(made, whole, fair=True).values[made.level] - 1e-7, 0.0)
    best: list[Holding] = []
    missing: dict[Note, int] = {}
    value, bound = -np.inf, np.inf
    for _ in range(ROUNDS):
        solution = _solve(made, whole)
        penalty = float(made.program().gain[made.short] @ solution.values[made.short])
        bound = min(bound, (solution.bound - penalty) * made.unit)
        held = _holdings(made, solution)
        net = harm_prevented(season, (holding.option for holding in held))
        net += made.patrol_value(solution.values) * made.unit
        if net > value:
            value, best, missing = net, held, _missing(made, solution)
        if bound - value <= EXACT * max(abs(bound), 1e-12):
            break
        made.add_tangents(made.exposures(solution.values))
    return best, max(bound, value), missing, made.floor


def _solve(made: TimedProgram, whole: Bools, *, fair: bool = False) -> Solution:
    solution = maximise(made.program(whole=whole, fair=fair, binary=made.first), nodes=NODES, plain=True)
    if solution is None:
        raise SolverError("the calendar of the outreach plan has no solution")
    return solution


def _missing(made: TimedProgram, solution: Solution) -> dict[Note, int]:
    short = {
        made.rows[r].name: round(float(solution.values[n]) * made.scale[r])
        for r, n in zip(made.soft, made.short, strict=True)
    }
    return {name: n for name, n in short.items() if n > 0}


def _holdings(made: TimedProgram, solution: Solution) -> list[Holding]:
    """Return the holdings in order of start, each with the fund that pays."""
    paid = {
        (o, f): round(float(solution.values[n])) for (what, o, f, _), n in made.at.items() if what == "paid"
    }  # fmt: skip
    chosen = [key for n, key in enumerate(made.timed, made.first) if solution.values[n] > 0.5]
    holdings = []
    for o, c, start in sorted(chosen, key=lambda key: (key[2], key[0], key[1])):
        funds = made.season.options[o].funds
        fund = next((f for f in funds if len(funds) == 1 or paid.get((o, f), 0) > 0), funds[-1])
        if (o, fund) in paid:
            paid[o, fund] -= 1
        holdings.append(Holding(o, c, start, fund))
    return holdings
