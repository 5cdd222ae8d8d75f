"""When, by whom and where: calendars of holdings by CP-SAT, in one core and without a clock."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from ortools.sat.python import cp_model

from allocator.domain import Floats, Ints
from allocator.errors import SolverError
from allocator.planning.outreach.season import SLOT_MINUTES, WEEK_SLOTS, Holding, Season


@dataclass(frozen=True, eq=False)
class _Held:
    """One holding of a model: its option, whether it takes place, its start, and who holds it, by crew, week, shift."""

    option: int
    present: cp_model.IntVar
    start: cp_model.IntVar
    crews: dict[tuple[int, int, int], cp_model.IntVar]


class Calendar:
    """A model of holdings in time: no crew and no venue twice at once, working hours, travel, hours per week."""

    def __init__(self, season: Season) -> None:
        self.season, self.model = season, cp_model.CpModel()
        self.held: list[_Held] = []
        self._starts: dict[tuple[int, int], Ints] = {}

    def starts(self, o: int, c: int) -> Ints:
        """Return the slots at which a crew can start an option."""
        if (o, c) not in self._starts:
            self._starts[o, c] = self.season.starts(o, c)
        return self._starts[o, c]

    def add(self, o: int, weeks: Iterable[int], *, pin: Holding | None = None) -> None:
        """Add a holding that may take place in one of the weeks; a pinned one has its crew and start."""
        model, season, h, wanted = self.model, self.season, len(self.held), set(weeks)
        found: dict[tuple[int, int, int], Ints] = {}
        able = [c for c in season.able[season.options[o].initiative] if not season.crews[c].is_patrol]
        able = able if pin is None else [pin.crew]
        for c in able:
            every = self.starts(o, c) if pin is None else np.array([pin.start])
            shift = np.array([season.shift_at(c, at) for at in every.tolist()]) if season.crews[c].is_patrol else -1
            for w in sorted(wanted & set((every // WEEK_SLOTS).tolist())):
                for s in np.unique(np.where(every // WEEK_SLOTS == w, shift, -2)).tolist():
                    if s > -2:
                        found[c, w, s] = every[(every // WEEK_SLOTS == w) & (shift == s)]
        usable = sorted({at for starts in found.values() for at in starts.tolist()}) or [0]
        start = model.new_int_var_from_domain(cp_model.Domain.from_values(usable), f"start {h}")
        present = model.new_bool_var(f"held {h}")
        crews = {key: model.new_bool_var(f"crew {h} {key}") for key in found}
        for key, lit in crews.items():
            domain = cp_model.Domain.from_values(found[key].tolist())
            model.add_linear_expression_in_domain(start, domain).only_enforce_if(lit)
        model.add(sum(crews.values()) == present)
        before = self.held[-1] if self.held else None
        if before is not None and before.option == o and pin is None:
            model.add(before.start <= start)  # equal holdings in order, so that equal plans are not tried twice
            model.add_implication(present, before.present)
        self.held.append(_Held(o, present, start, crews))

    def close(self) -> None:
        """Add what holds between holdings: crews, venues, travel and hours."""
        season, model = self.season, self.model
        crews: dict[int, list[cp_model.IntervalVar]] = {}
        venues: dict[int, list[cp_model.IntervalVar]] = {}
        minutes: dict[tuple[int, int, int], list[cp_model.LinearExprT]] = {}
        pause = -(-season.section.changeover_minutes // SLOT_MINUTES)
        for h, held in enumerate(self.held):
            option, slots = season.options[held.option], season.slots(held.option)
            for (c, w, s), lit in held.crews.items():
                busy = model.new_optional_fixed_size_interval_var(
                    held.start, slots + pause, lit, f"crew {h} {c} {w} {s}"
                )
                crews.setdefault(c, []).append(busy)
                minutes.setdefault((c, w, s), []).append(season.team_minutes(option.initiative) * lit)
            if option.venue >= 0:
                taken = model.new_optional_fixed_size_interval_var(held.start, slots, held.present, f"venue {h}")
                venues.setdefault(option.venue, []).append(taken)
        for intervals in (*crews.values(), *venues.values()):
            if len(intervals) > 1:
                model.add_no_overlap(intervals)
        for (c, _, s), terms in minutes.items():
            crew = season.crews[c]
            if s >= 0 and season.patrol is not None:
                model.add(sum(terms) <= int(season.patrol.shifts[s].minutes))
            else:
                model.add(sum(terms) <= crew.minutes_per_week)
        self._travel()

    def _travel(self) -> None:
        """Keep crews from being at far places too soon after each other."""
        season, model = self.season, self.model
        for n, one in enumerate(self.held):
            for m in range(n):
                other = self.held[m]
                need = [travel_slots(season, a.option, b.option) for a, b in ((one, other), (other, one))]
                if max(need) <= season.slots(one.option) + season.slots(other.option) and max(
                    need[0] - season.slots(one.option), need[1] - season.slots(other.option)
                ) <= -(-season.section.changeover_minutes // SLOT_MINUTES):
                    continue
                both = [(one.crews[key], other.crews[key]) for key in one.crews.keys() & other.crews.keys()]
                if not both:
                    continue
                first = model.new_bool_var(f"first {n} {m}")
                for left, right in both:
                    model.add(other.start >= one.start + need[0]).only_enforce_if([left, right, first])
                    model.add(one.start >= other.start + need[1]).only_enforce_if([left, right, ~first])

    def solved(self, effort: float) -> cp_model.CpSolver:
        """Return the solver after its share of the effort: one core and no clock, so always the same answer."""
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.catch_sigint_signal = False  # else Ctrl-C would pass for an answer
        solver.parameters.random_seed = 0
        # Hours and money bind, so the linear relaxation is what proves; symmetry detection made choices slower.
        solver.parameters.linearization_level = 2
        solver.parameters.cp_model_probing_level = 0
        solver.parameters.symmetry_level = 0
        solver.parameters.max_deterministic_time = effort
        status = solver.solve(self.model)
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            raise SolverError(f"CP-SAT found no outreach calendar: {solver.status_name(status)}")
        return solver

    def holdings(self, solver: cp_model.CpSolver) -> list[Holding]:
        """Return what takes place."""
        return [
            Holding(held.option, c, solver.value(held.start))
            for held in self.held
            for (c, _, _), lit in held.crews.items()
            if solver.boolean_value(lit)
        ]


def travel_slots(season: Season, o: int, p: int) -> int:
    """Return the least slots from the start of a holding to the start of the next by the same crew."""
    pause: float = season.section.changeover_minutes
    (x, y), (u, v) = season.options[o].xy, season.options[p].xy
    if not math.isnan(x + y + u + v):
        # Straight lines are driven as 1.3 times as long, as in `routes.detour`.
        pause = max(pause, 1.3 * math.hypot(x - u, y - v) / 1000 / season.section.travel_kmh * 60)
    return season.slots(o) + math.ceil(pause / SLOT_MINUTES - 1e-9)


def book_week(
    season: Season, options: Sequence[int], week: int, pins: Sequence[Holding], weight: Floats
) -> list[Holding]:
    """Return the holdings of a week with team and start, leaving out as little weight as possible.

    Patrol units hold only what is pinned to them: there may be hundreds, and each is free for a shift or two.
    """
    calendar, pinned = Calendar(season), list(pins)
    for o in sorted(options):
        mine = next((pin for pin in pinned if pin.option == o), None)
        if mine is not None:
            pinned.remove(mine)
        calendar.add(o, (week,), pin=mine)
    calendar.close()
    top = max(weight.max(initial=0.0), 1e-300)
    size = np.ceil(1e6 * weight / top).astype(int).tolist()
    calendar.model.maximize(sum(n * held.present for n, held in zip(size, calendar.held, strict=True)))
    return calendar.holdings(calendar.solved(season.section.effort))


def with_funds(season: Season, holdings: Sequence[Holding], paid: dict[tuple[int, int], int]) -> list[Holding]:
    """Return the holdings in order of start, each with the fund that pays, from how many each fund pays for."""
    left = dict(paid)
    kept = []
    for one in sorted(holdings, key=lambda held: (held.start, held.option, held.crew)):
        funds = season.options[one.option].funds
        fund = next((f for f in funds if len(funds) == 1 or left.get((one.option, f), 0) > 0), funds[-1])
        if (one.option, fund) in left:
            left[one.option, fund] -= 1
        kept.append(dataclasses.replace(one, fund=fund))
    return kept
