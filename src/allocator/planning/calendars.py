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
from allocator.planning.prevented import harm_prevented, reached
from allocator.planning.season import DAY_SLOTS, SLOT_MINUTES, WEEK_SLOTS, Holding, Season
from allocator.planning.season_limits import Column, Limits, Row

SCALE = 1e10
"""Integer units of the whole value in the exact model; rounding of coefficients is below 1e-7 of it."""
TANGENT_ROUNDS = 40
EXACT = 1e-7
"""Relative distance between tangents and value at which the exact model is done."""


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
        able = season.able[season.options[o].initiative] if pin is None else (pin.crew,)
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

    def close(self, *, rows: bool = True) -> None:
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
            elif rows:
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
    """Return the holdings of a week with crew and start, leaving out as little weight as possible."""
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


def book_exactly(season: Season, limits: Limits) -> tuple[list[Holding], float, dict[str, int]]:
    """Return the best calendar of a small season, its proven bound, and what soft rows are missing.

    All in one model; the concave value is bounded by tangents that are added until they are tight, so the optimum is
    that of the true value. Soft rows come first, then the worst-off area where that is asked for, then the value.
    """
    exact = _Exact(season, limits)
    if exact.missing:
        least = exact.first("minimize", sum(exact.missing.values()))
        exact.calendar.model.add(sum(exact.missing.values()) <= round(least))
    if season.section.fairness == "max_min":
        level = exact.level()
        best = exact.first("maximize", level)
        exact.calendar.model.add(level >= round(best))
    return exact.best()


class _Exact:
    """The whole of a small season in one model."""

    def __init__(self, season: Season, limits: Limits) -> None:
        self.season, self.limits = season, limits
        self.calendar = Calendar(season)
        self.model = self.calendar.model
        for o, option in enumerate(season.options):
            pins = [pin for pin in season.pins if pin.option == o]
            for n in range(option.most):
                self.calendar.add(o, range(season.weeks), pin=pins[n] if n < len(pins) else None)
        self.calendar.close(rows=False)
        self.columns = self._columns()
        self.missing: dict[str, cp_model.IntVar] = {}
        for r, row in enumerate(limits.rows):
            self._add_row(r, row)
        self._value()

    def _columns(self) -> dict[Column, cp_model.LinearExprT]:
        """Return what the columns of the limits are in terms of holdings."""
        season, found = self.season, dict[Column, list[cp_model.LinearExprT]]()
        for held in self.calendar.held:
            i = season.options[held.option].initiative
            for (c, w, _), lit in held.crews.items():
                found.setdefault(("held", held.option, w, 0), []).append(lit)
                found.setdefault(("crew", i, c, w), []).append(lit)
        columns: dict[Column, cp_model.LinearExprT] = {key: sum(terms) for key, terms in found.items()}
        for column, most in self.limits.bounds.items():
            if column[0] in ("paid", "used", "taken", "lost"):
                columns[column] = self.model.new_int_var(0, most, str(column))
            elif column in columns:
                self.model.add(columns[column] <= most)
        for held in self.calendar.held:
            for (c, _, s), lit in held.crews.items():
                if s >= 0:
                    self.model.add_implication(lit, columns["taken", c, s, 0])  # type: ignore[arg-type]
        return columns

    def _add_row(self, r: int, row: Row) -> None:
        total = sum(size * self.columns[column] for column, size in row.terms if column in self.columns)
        if row.soft and row.least is not None:
            short = self.model.new_int_var(0, row.least, f"short {r}")
            self.missing[f"{r}"] = short
            self.model.add(total + short >= row.least)
        elif row.least is not None:
            self.model.add(total >= row.least) if not isinstance(total, int) else self._constant(total >= row.least)
        if row.most is not None:
            self.model.add(total <= row.most) if not isinstance(total, int) else self._constant(total <= row.most)

    def _constant(self, holds: bool) -> None:
        if not holds:
            self.model.add_bool_or([])

    def _value(self) -> None:
        """Add counted contacts and values; tangents follow."""
        season, model = self.season, self.model
        count: dict[int, list[cp_model.IntVar]] = {}
        for held in self.calendar.held:
            count.setdefault(held.option, []).append(held.present)
        terms: dict[tuple[int, int], list[cp_model.LinearExprT]] = {}
        for o, lits in count.items():
            option = season.options[o]
            for a, people, limit in zip(option.areas, option.contacts, option.limit, strict=True):
                part = model.new_int_var(0, limit, f"part {o} {a}")
                model.add(part <= people * sum(lits))
                terms.setdefault((option.initiative, a), []).append(part)
        self.contacts: dict[tuple[int, int], cp_model.IntVar] = {}
        for (i, a), parts in terms.items():
            counted = model.new_int_var(0, int(season.audience[i, a]), f"contacts {i} {a}")
            model.add(counted <= sum(parts))
            self.contacts[i, a] = counted
        self.worth = season.need * season.strongest
        self.unit = max(float(self.worth.sum()), 1e-300) / SCALE
        self.values: dict[tuple[int, int], cp_model.IntVar] = {}
        for i, a in self.contacts:
            for k in season.kinds_of[i]:
                if self.worth[a, k] > 0 and (a, k) not in self.values:
                    most = math.ceil(self.worth[a, k] / self.unit) + 1
                    self.values[a, k] = model.new_int_var(0, most, f"value {a} {k}")
        for u in (0.0, 0.3, 1.0):
            self._tangents(dict.fromkeys(self.values, u))

    def _tangents(self, at: dict[tuple[int, int], float]) -> None:
        season = self.season
        residents = np.maximum(season.areas.residents, 1.0)
        for (a, k), u in at.items():
            slope, worth = math.exp(-u), float(self.worth[a, k]) / self.unit
            height = worth * (-math.expm1(-u) - slope * u)
            terms = [
                math.ceil(worth * slope * season.effect[i] / season.strongest[k] / residents[a] - 1e-9) * counted
                for (i, area), counted in self.contacts.items()
                if area == a and k in season.kinds_of[i]
            ]
            self.model.add(self.values[a, k] <= sum(terms) + math.ceil(height))

    def _net(self) -> cp_model.LinearExprT:
        """Return the value less that of the patrol given up."""
        season = self.season
        total: cp_model.LinearExprT = sum(self.values.values())
        if season.patrol is not None and season.section.shared is not None:
            rate = season.section.shared.patrol_value / self.unit
            total -= sum(
                round(rate * season.patrol.loss[s][n]) * lost
                for (what, s, n, _), lost in self.columns.items()
                if what == "lost"
            )
        return total

    def level(self) -> cp_model.IntVar:
        """Return the fewest contacts per 1,000 residents of an area, in thousandths."""
        season = self.season
        raw: dict[int, list[cp_model.LinearExprT]] = {}
        for held in self.calendar.held:
            option = season.options[held.option]
            for a, people in zip(option.areas, option.contacts, strict=True):
                raw.setdefault(a, []).append(people * held.present)
        level = self.model.new_int_var(0, 10**9, "level")
        for a, terms in sorted(raw.items()):
            self.model.add(round(max(season.areas.residents[a], 1.0)) * level <= 1_000_000 * sum(terms))
        return level

    def first(self, sense: str, goal: cp_model.LinearExprT) -> float:
        """Return the proven best value of a goal that comes first."""
        getattr(self.model, sense)(goal)
        solver = self.calendar.solved(self.season.section.effort)
        return float(solver.objective_value)

    def best(self) -> tuple[list[Holding], float, dict[str, int]]:
        """Return the best holdings, a bound of their net value, and shortages by row."""
        self.model.maximize(self._net())
        bound, best, kept = math.inf, -math.inf, list[Holding]()
        missing: dict[str, int] = {}
        for _ in range(TANGENT_ROUNDS):
            solver = self.calendar.solved(self.season.section.effort)
            bound = min(bound, solver.best_objective_bound * self.unit)
            found = self._with_funds(solver)
            value = harm_prevented(self.season, (one.option for one in found)) - self._lost(solver)
            if value > best:
                best, kept = value, found
                missing = {
                    self.limits.rows[int(r)].name: solver.value(n) for r, n in self.missing.items() if solver.value(n)
                }
            if bound - best <= EXACT * max(abs(bound), 1e-12):
                break
            exposure = reached(self.season, [one.option for one in found]).exposure
            self._tangents({(a, k): float(exposure[a, k] / self.season.strongest[k]) for a, k in self.values})
        return kept, bound, missing

    def _lost(self, solver: cp_model.CpSolver) -> float:
        season = self.season
        if season.patrol is None or season.section.shared is None:
            return 0.0
        return season.section.shared.patrol_value * sum(
            float(season.patrol.loss[s][n]) * solver.value(lost)
            for (what, s, n, _), lost in self.columns.items()
            if what == "lost"
        )

    def _with_funds(self, solver: cp_model.CpSolver) -> list[Holding]:
        paid = {
            (o, f): solver.value(n) for (what, o, f, _), n in self.columns.items() if what == "paid"
        }  # fmt: skip
        return with_funds(self.season, self.calendar.holdings(solver), paid)


def with_funds(season: Season, holdings: Sequence[Holding], paid: dict[tuple[int, int], int]) -> list[Holding]:
    """Return the holdings in order of start, each with the fund that pays, from how many each fund pays for."""
    left = dict(paid)
    found = []
    for one in sorted(holdings, key=lambda held: (held.start, held.option, held.crew)):
        funds = season.options[one.option].funds
        fund = next((f for f in funds if len(funds) == 1 or left.get((one.option, f), 0) > 0), funds[-1])
        if (one.option, fund) in left:
            left[one.option, fund] -= 1
        found.append(dataclasses.replace(one, fund=fund))
    return found


def day_slots(start: int, slots: int) -> range:
    """Return the slots of a day that a holding takes."""
    return range(start % DAY_SLOTS, start % DAY_SLOTS + slots)
