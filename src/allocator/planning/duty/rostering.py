"""A duty roster: which named unit works which shift, as an integer program.

The rules are those of the staff scheduling instances of Curtois and Qu (2014), "Computational results on new staff
scheduling benchmark instances", Technical Report, University of Nottingham, with minimum rest from real shift times.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from allocator.domain import Bools, Floats, Ints
from allocator.errors import InfeasibleError
from allocator.facts import Note, note
from allocator.planning.duty.problem import LEVELS, DutyProblem, DutyRules, home_targets, steps
from allocator.planning.programs import NothingFound, Program, maximise

_MOST_WORK = 2_000_000
"""Most nodes of the search times columns: 160 nodes for 600 units and a week, which need a few."""


@dataclass(frozen=True, eq=False)
class Duty:
    """Who works when.

    Parameters
    ----------
    works : (n_units, n_shifts) bool
        The roster.
    objective, bound : float
        Wishes met less penalties, and its proven upper bound.
    notes : tuple of Note
        Shifts with fewer units than wanted, each with its causes.
    """

    works: Bools
    objective: float
    bound: float
    notes: tuple[Note, ...] = ()


def make_duty(problem: DutyProblem) -> Duty:
    """Return the best roster that keeps every rule; units that cannot be had are told in its notes.

    Raises
    ------
    InfeasibleError
        If the rules of a unit contradict each other; it names the units.
    SolverError
        If the engine fails.
    """
    even = dataclasses.replace(problem, spread=0.0)
    found = _solved(even)
    if found is None:
        raise InfeasibleError("no duty roster keeps the rules of every unit", faults=list(_stuck(problem)))
    if problem.spread and (problem.wanted - found.works.sum(axis=0) > steps(problem)[0]).any():
        found = _spread(problem, found)
    return dataclasses.replace(found, notes=tuple(_shortfalls(problem, found.works)))


def _spread(problem: DutyProblem, found: Duty) -> Duty:
    """Return the best roster where a deep shortage costs more than a shallow one; `found` if no better one turns up.

    Only where some shift lacks much: the program is larger, and nobody needs it while every shift is all but full.
    """
    try:
        spread = _solved(problem)
    except NothingFound:
        spread = None
    worth = problem.worth(found.works)
    if spread is not None and spread.objective > worth:
        return spread
    return Duty(found.works, worth, max(worth, found.bound if spread is None else spread.bound))


def _solved(problem: DutyProblem) -> Duty | None:
    """Return the best roster without its notes, None if there is none."""
    program = duty_program(problem)
    step = _step(program.gain)
    solution = maximise(program, within=max(0.999 * step, 1e-6), nodes=max(_MOST_WORK // len(program.gain), 20))
    if solution is None:
        return None
    works = solution.values[: problem.may.size].reshape(problem.may.shape) > 0.5
    objective = problem.worth(works)
    bound = max(objective, np.floor(solution.bound / step + 1e-6) * step if step else solution.bound)
    return Duty(works, objective, float(bound))


def _step(gain: Floats) -> float:
    """Return a number of which all gains are multiples, 0 for none: two rosters of unlike worth differ by it."""
    return next((1 / n for n in (1, 2, 4, 5, 10, 20, 100, 8, 40, 200) if (gain * n == np.rint(gain * n)).all()), 0.0)


def duty_program(problem: DutyProblem) -> Program:
    """Return the integer program.

    Columns: (unit, shift); weekends by unit; units too few and too many by shift; units too few by home and shift;
    where shortages are spread, units too few beyond each step by level and shift.
    """
    n_units, n_shifts = problem.may.shape
    n_weekends = int(problem.weekend.max(initial=-1)) + 1
    n_work, first = n_units * n_shifts, n_units * (n_shifts + n_weekends)
    targets = home_targets(problem)
    deep = steps(problem) if problem.spread else np.zeros((0, n_shifts), np.int64)
    n = first + 2 * n_shifts + targets.size + deep.size
    parts = [_unit_rows(problem, n_weekends), _demand_rows(problem, first), _home_rows(problem, targets, first)]
    if deep.size:
        parts.append(_deep_rows(deep, first=first, last=n - deep.size))
    gain = np.zeros(n)
    gain[:n_work] = problem.wish.ravel()
    dearer = np.tile(problem.short * problem.spread / LEVELS, len(deep))
    gain[first:] = -np.concatenate([problem.short, problem.spare, np.full(targets.size, problem.balance), dearer])
    upper, lower = np.full(n, np.inf), np.zeros(n)
    upper[:first], upper[:n_work] = 1.0, (problem.may | problem.must).ravel()
    lower[:n_work] = problem.must.ravel()
    rows = sp.vstack([sp.csr_array((w, (r, c)), shape=(len(least), n)) for r, c, w, least, _ in parts], format="csr")
    least, most = (np.concatenate([part[k] for part in parts]) for k in (3, 4))
    return Program(gain, lower, upper, np.arange(n) < first, rows, least, most)


_Rows = tuple[Ints, Ints, Floats, Floats, Floats]
"""Row, column and weight of the entries; least and most of the rows."""


def _unit_rows(problem: DutyProblem, n_weekends: int) -> _Rows:
    """Return the rules of every unit: those of equal rules are copies of each other, unit by unit."""
    n_units, n_shifts = problem.may.shape
    members: dict[DutyRules, list[int]] = {}
    for u, rules in enumerate(problem.rules):
        members.setdefault(rules, []).append(u)
    parts, start = [], 0
    for rules, of_class in members.items():
        matrix, low, high = rule_rows(problem, rules, n_weekends)
        entries, unit = matrix.tocoo(), np.array(of_class)[:, None]
        column = np.where(entries.col < n_shifts, unit * n_shifts + entries.col,
                          n_units * n_shifts + unit * n_weekends + entries.col - n_shifts)  # fmt: skip
        row = start + np.arange(len(unit))[:, None] * len(low) + entries.row
        most = np.maximum(high, _of_earlier(problem, matrix, problem.must[of_class]))
        parts.append((row.ravel(), column.ravel(), np.tile(entries.data, len(unit)),
                      np.tile(low, len(unit)), most.ravel()))  # fmt: skip
        start += len(unit) * len(low)
    r, c, w, least, most = (np.concatenate([part[k] for part in parts]) for k in range(5))
    return r, c, w, least, most


def _of_earlier(problem: DutyProblem, matrix: sp.csr_array, works: Bools) -> Floats:
    """Return what the shifts before the plan put into the rules of each unit, (n, n_rows)."""
    if not problem.n_earlier:
        return np.full((len(works), matrix.shape[0]), -np.inf)
    return np.asarray((matrix[:, : problem.n_earlier] @ works[:, : problem.n_earlier].T.astype(float)).T)


def rule_rows(problem: DutyProblem, rules: DutyRules, n_weekends: int) -> tuple[sp.csr_array, Floats, Floats]:
    """Return the rules of one unit as rows over its shifts and weekends, with their bounds."""
    rows = [row for family in (_one_at_a_time, _totals, _runs, _weekends) for row in family(problem, rules)]
    width = len(problem.shifts) + n_weekends
    weights = np.zeros((len(rows), width))
    for k, (weight, _, _) in enumerate(rows):
        weights[k, : len(weight)] = weight
    low, high = (np.array([row[k] for row in rows], float) for k in (1, 2))
    return sp.csr_array(weights), low, high


_Row = tuple[Floats, float, float]


def _one_at_a_time(problem: DutyProblem, rules: DutyRules) -> Iterator[_Row]:
    """Yield the largest sets of shifts of which a unit works one: those of a day, and those too close for its rest.

    Shifts with the rest after them are intervals, so the sets that meet at a start hold all pairs that clash.
    """
    begin = problem.start[:, None]
    clash = (problem.start <= begin) & (begin < problem.stop + rules.rest_minutes)
    same_day = problem.day == np.unique(problem.day)[:, None]
    sets = np.unique(np.concatenate([clash, same_day]), axis=0)
    for k, one in enumerate(sets):
        within = (one <= sets).all(axis=1)
        if within.sum() == 1 and one.sum() > 1:
            yield sets[k].astype(float), -np.inf, 1.0


def _totals(problem: DutyProblem, rules: DutyRules) -> Iterator[_Row]:
    n_days = len(problem.weekend)
    if rules.most_in_seven < min(n_days, 7):
        for first in range(max(n_days - 6, 1)):
            there = (problem.day >= first) & (problem.day < first + 7)
            yield there.astype(float), -np.inf, rules.most_in_seven
    planned = np.arange(len(problem.shifts)) >= problem.n_earlier
    for kind, most in enumerate(rules.most_of_kind):
        yield (planned & (problem.kind == kind)).astype(float), -np.inf, most
    yield planned * (problem.stop - problem.start).astype(float), rules.least_minutes, rules.most_minutes


def _runs(problem: DutyProblem, rules: DutyRules) -> Iterator[_Row]:
    """Yield the limits on working days and days off running; a unit works a day in one shift at most."""
    n_days = len(problem.weekend)
    works = (problem.day == np.arange(n_days)[:, None]).astype(float)
    for first in range(n_days - rules.most_running):
        yield works[first : first + rules.most_running + 1].sum(axis=0), -np.inf, rules.most_running
    begin = int(problem.day[problem.n_earlier - 1]) + 1 if problem.n_earlier else 0
    for least, sign in ((rules.least_running, 1), (rules.least_off, -1)):
        for length in range(1, least):
            for first in range(begin, n_days - length - 1):
                inner = works[first + 1 : first + 1 + length].sum(axis=0)
                around = works[first] + works[first + 1 + length]
                # A run of this length between two others of the opposite kind is left out.
                yield sign * (around - inner), 1 - length if sign > 0 else -1, np.inf


def _weekends(problem: DutyProblem, rules: DutyRules) -> Iterator[_Row]:
    n_weekends, n_shifts = int(problem.weekend.max(initial=-1)) + 1, len(problem.shifts)
    if rules.most_weekends >= n_weekends:
        return
    for day in np.flatnonzero(problem.weekend >= 0):
        row = np.zeros(n_shifts + n_weekends)
        row[:n_shifts] = problem.day == day
        row[n_shifts + problem.weekend[day]] = -1.0
        yield row, -np.inf, 0.0
    yield np.r_[np.zeros(n_shifts), np.ones(n_weekends)], -np.inf, rules.most_weekends


def _demand_rows(problem: DutyProblem, first: int) -> _Rows:
    """Return Σ units + too few - too many = wanted, for each shift."""
    n_units, n_shifts = problem.may.shape
    shift = np.arange(n_shifts)
    row = np.concatenate([np.tile(shift, n_units), shift, shift])
    column = np.concatenate([np.arange(n_units * n_shifts), first + shift, first + n_shifts + shift])
    weight = np.concatenate([np.ones(n_units * n_shifts + n_shifts), -np.ones(n_shifts)])
    wanted = problem.wanted.astype(float)
    return row, column, weight, wanted, wanted


def _home_rows(problem: DutyProblem, targets: Ints, first: int) -> _Rows:
    n_units, n_shifts = problem.may.shape
    u, s = (axis.ravel() for axis in np.indices((n_units, n_shifts)))
    known = (problem.home[u] >= 0) & (targets.size > 0)
    u, s = u[known], s[known]
    own = np.arange(targets.size)
    row = np.concatenate([problem.home[u] * n_shifts + s, own])
    column = np.concatenate([u * n_shifts + s, first + 2 * n_shifts + own])
    return row, column, np.ones(len(row)), targets.ravel().astype(float), np.full(targets.size, np.inf)


def _deep_rows(deep: Ints, *, first: int, last: int) -> _Rows:
    """Return units too few beyond each step ≥ units too few - step; their columns begin at `first` and at `last`."""
    row = np.arange(deep.size)
    column = np.concatenate([last + row, first + row % deep.shape[1]])
    weight = np.repeat([1.0, -1.0], deep.size)
    return np.tile(row, 2), column, weight, -deep.ravel().astype(float), np.full(deep.size, np.inf)


def _stuck(problem: DutyProblem) -> Iterator[Note]:
    """Yield the units that have no roster of their own: rules join units in nothing but what is wanted."""
    nothing = np.zeros(len(problem.shifts))
    for u, unit in enumerate(problem.units):
        alone = dataclasses.replace(
            problem, units=(unit,), rules=(problem.rules[u],), may=problem.may[[u]], must=problem.must[[u]],
            wish=problem.wish[[u]] * 0, home=problem.home[[u]], short=nothing, spare=nothing, balance=0.0,
            spread=0.0,
        )  # fmt: skip
        if maximise(duty_program(alone)) is None:
            planned = np.arange(problem.n_earlier, len(problem.shifts))
            pinned = [problem.shifts[s] for s in planned[problem.must[u, planned]]]
            can = planned[problem.may[u, planned]]
            free, days = len(can), len(set(problem.day[can].tolist()))
            held = note("duty.pinned", shifts=pinned) if pinned else note("duty.not_held")
            yield (note("duty.no_roster", unit=unit, free=free, days=days, held=held))


def broken_rules(problem: DutyProblem, works: Bools) -> Iterator[str]:
    """Yield every rule that a roster breaks."""
    if (works & ~(problem.may | problem.must)).any() or (problem.must & ~works).any():
        yield "a unit works where it may not, or not where it must"
    for u, unit in enumerate(problem.units):
        n_weekends = int(problem.weekend.max(initial=-1)) + 1
        matrix, low, high = rule_rows(problem, problem.rules[u], n_weekends)
        on_weekend = np.zeros(n_weekends)
        on_weekend[[w for w in problem.weekend[problem.day[works[u]]] if w >= 0]] = 1.0
        value = matrix @ np.r_[works[u], on_weekend]
        high = np.maximum(high, _of_earlier(problem, matrix, problem.must[[u]])[0])
        for row in np.flatnonzero((value < low - 1e-9) | (value > high + 1e-9)):
            yield f"unit {unit}: rule {row} is {value[row]:g}, not {low[row]:g} to {high[row]:g}"


def _shortfalls(problem: DutyProblem, works: Bools) -> Iterator[Note]:
    """Yield each shift with fewer units than wanted, and why the others do not work it."""
    for s in np.flatnonzero(works.sum(axis=0) < problem.wanted):
        causes: dict[str, int] = {}
        for u in np.flatnonzero(~works[:, s]):
            why = _why_not(problem, works[u], int(u), int(s))
            causes[why] = causes.get(why, 0) + 1
        told = [note(why, count=n) for why, n in causes.items()]
        told.sort(key=lambda one: (-causes[one.cause], one.text))
        yield note(
            "duty.too_few_units", shift=problem.shifts[s], wanted=problem.wanted[s], count=works[:, s].sum(),
            because=told or note("duty.no_more_units"),
        )  # fmt: skip


def _why_not(problem: DutyProblem, own: Bools, u: int, s: int) -> str:
    """Return the cause for which unit `u` does not work shift `s` beside its own shifts."""
    if not problem.may[u, s]:
        return "duty.away"
    rules = problem.rules[u]
    more = own | (np.arange(len(own)) == s)
    families = ((_one_at_a_time, "duty.at_rest"), (_totals, "duty.at_most"))
    for family, why in families:
        if any(weight @ more > high + 1e-9 for weight, _, high in family(problem, rules)):
            return why
    return "duty.other_rules"
