"""What is left of a plan when something changes: solved again where it must be, kept everywhere else."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import linear_sum_assignment

from allocator.domain import (
    CHANGE_COLUMNS,
    Allocation,
    AllocationProblem,
    Bools,
    Ints,
    Limit,
    Plan,
    RiskSurface,
    Roster,
    empty_table,
)
from allocator.errors import InfeasibleError, SolverError, some
from allocator.planning.allocate import margins_of, staffing_frame, visits_frame
from allocator.planning.conflicts import soften
from allocator.planning.duty import OFF_DUTY, RESERVE, assignments_frame, posting_cost
from allocator.planning.reduction import block_share, covered
from allocator.planning.routes import RouteTerms, Task, minutes_each, minutes_of, route_tasks
from allocator.planning.solvers import solve
from allocator.planning.urgent import URGENT, visit_at_once

if TYPE_CHECKING:
    from allocator.tessellation import Tessellation

STAY_SHARE = 0.25
"""Bonus of a unit that stays, as a share of what a unit-shift covers on average: it moves for more than that."""

KEEP_SHARE = 0.15
"""Bonus of a visit that stays, as a share of its gain."""


@dataclass(frozen=True, eq=False)
class Change:
    """What happened, in rows.

    Parameters
    ----------
    minute : int
        When, in whole minutes since 1970-01-01 UTC: visits begun before it stand.
    clock : str
        The same in local time, for words.
    out : mapping of int to str
        Rows of units that are out of service from then on, and why in words.
    added : mapping of (int, int) to str
        Rows of unit and shift that come on duty, and why in words.
    closed : (n_cells,) bool, optional
        Cells that cannot be visited.
    urgent : tuple of int
        Cells that are to be visited as soon as a unit can be there.
    news : str
        What changed the forecast, in words; "" if nothing did.
    """

    minute: int
    clock: str
    out: Mapping[int, str] = field(default_factory=dict)
    added: Mapping[tuple[int, int], str] = field(default_factory=dict)
    closed: Bools | None = None
    urgent: tuple[int, ...] = ()
    news: str = ""


@dataclass(frozen=True, eq=False)
class _Now:
    """The plan at the moment of the change, as arrays.

    Parameters
    ----------
    begin, end : (n_shifts,) int64
        Minutes.
    posting : (n_units, n_shifts) int32
        District of each unit that is still on duty; those just added are in reserve.
    shift, unit, cell, start : (n,) int64
        The planned visits.
    done : (n,) bool
        Visits begun before the change.
    finished : (n_shifts, n_cells) int16
        Visits begun.
    """

    begin: Ints
    end: Ints
    posting: npt.NDArray[np.int32]
    shift: Ints
    unit: Ints
    cell: Ints
    start: Ints
    done: Bools
    finished: npt.NDArray[np.int16]

    def units(self, n_districts: int) -> npt.NDArray[np.int32]:
        """Return units per (district, shift)."""
        units = np.zeros((n_districts, self.posting.shape[1]), np.int32)
        u, s = np.nonzero(self.posting >= 0)
        np.add.at(units, (self.posting[u, s], s), 1)
        return units


def replan(plan: Plan, surface: RiskSurface, *, terms: RouteTerms, before: AllocationProblem, change: Change) -> Plan:
    """Return the plan after a change: what is begun stands, what is not touched stays, the rest is solved again.

    Only shifts in which the units on duty, the forecast or the cells that may be visited differ are solved again, with
    a bonus for units that stay in their district and visits that stay in their place. Only districts in which units or
    visits then differ get new routes.

    Parameters
    ----------
    plan : Plan
        The earlier plan; it is left as it is.
    surface : RiskSurface
        The forecast, renewed or not.
    terms : RouteTerms
        Problem and roster after the change, travel and settings.
    before : AllocationProblem
        The problem of the earlier plan.
    change : Change
        What happened.
    """
    problem, city = terms.problem, surface.city
    now = _at(plan, terms, change)
    open_shifts = np.flatnonzero(now.end > change.minute)
    affected = open_shifts[_affected(before, problem, now, change)[open_shifts]]
    units = now.units(len(problem.districts))
    notes: list[str] = []
    if problem.fair:
        notes.append("the worst-off district is not put first again: what is left is planned by expected harm")
    posting = now.posting.copy()
    answer: Allocation | None = None
    if len(affected):
        rest = _remaining(problem, now, units, affected, change)
        answer, notes = _solved(rest, terms.allocation.solver)
        posting[:, affected] = _posted(answer.units, now.posting[:, affected], terms.roster, city, affected)
    touched = _touched(problem, before, now, posting, affected, change)
    tasks = [_task(terms, now, posting, answer, affected, place, change) for place in touched]
    routed = route_tasks([task for task in tasks if len(task.crew)], terms)
    keep = now.done | ~_in_places(now, problem, touched)
    keep &= now.done | (posting[now.unit, now.shift] != OFF_DUTY)
    minutes = terms.allocation.block_minutes
    fresh = visits_frame(routed.visits, problem, surface, terms.roster, minutes=minutes)
    pending = (plan.visits["purpose"] == URGENT).to_numpy() & ~keep & (now.start >= change.minute)
    frame = pd.concat([plan.visits[keep], fresh], ignore_index=True)
    for cell in (*change.urgent, *now.cell[pending].tolist()):
        frame, said = visit_at_once(frame, cell, terms=terms, posting=posting, minute=change.minute, clock=change.clock)
        notes.append(said)
    causes = _causes(problem, terms.roster, now, posting, touched, change)
    made = _plan_of(plan, _in_order(frame, terms.roster), terms=terms, posting=posting, now=now, affected=affected)
    bound = max(_most(problem, now, open_shifts, change), made.delivered)
    return dataclasses.replace(
        made, bound=bound, delivered_bound=bound, unmet=(*notes, *plan.unmet), changes=causes,
        lottery=_drawn(plan.lottery, routed.lottery, problem),
    )  # fmt: skip


def _at(plan: Plan, terms: RouteTerms, change: Change) -> _Now:
    roster, districts = terms.roster, terms.problem.districts
    unit_row = {unit.name: u for u, unit in enumerate(roster.units)}
    shift_row = {shift.id: s for s, shift in enumerate(roster.shifts)}
    begin = np.array([-(-shift.start.timestamp() // 60) for shift in roster.shifts], np.int64)
    end = np.array([shift.stop.timestamp() // 60 for shift in roster.shifts], np.int64)
    posting = np.full((len(unit_row), len(shift_row)), OFF_DUTY, np.int32)
    for name, on in roster.duty:
        posting[unit_row[name], shift_row[on]] = RESERVE
    district = {name: d for d, name in enumerate(districts)} | {"": RESERVE}
    rows = plan.assignments
    u, s = _rows_of(rows["unit"], unit_row), _rows_of(rows["shift"], shift_row)
    still = posting[u, s] != OFF_DUTY
    posting[u[still], s[still]] = rows["district"].map(district).to_numpy()[still]
    visits = plan.visits
    start = minutes_of(visits["start"])
    shift, unit = _rows_of(visits["shift"], shift_row), _rows_of(visits["unit"], unit_row)
    cell, done = visits["cell"].to_numpy(np.int64), start < change.minute
    # The visit that a lost unit was at is not finished.
    done &= ~(np.isin(unit, list(change.out)) & (start + terms.allocation.block_minutes > change.minute))
    finished = np.zeros(terms.problem.value.shape, np.int16)
    np.add.at(finished, (shift[done], cell[done]), 1)
    return _Now(begin, end, posting, shift, unit, cell, start, done, finished)


def _affected(before: AllocationProblem, problem: AllocationProblem, now: _Now, change: Change) -> Bools:
    """Return the shifts in which anything that the allocation knows is different."""
    differ = np.asarray((before.on_duty != problem.on_duty) | (before.value != problem.value).any(axis=1))
    for u in change.out:  # a unit may come in its place: the numbers are then the same, the crews are not
        differ[now.shift[now.unit == u]] = True
    for _, s in change.added:
        differ[s] = True
    if change.closed is not None:
        shut = ~now.done & change.closed[now.cell]
        differ[now.shift[shut]] = True
    return differ


def _remaining(
    problem: AllocationProblem, now: _Now, units: npt.NDArray[np.int32], affected: Ints, change: Change
) -> AllocationProblem:
    """Return the problem of the affected shifts, less what is done there and held elsewhere."""
    inside = np.zeros(len(problem.shifts), bool)
    inside[affected] = True
    planned = np.zeros(problem.value.shape, np.int16)
    standing = now.done | ~inside[now.shift]
    np.add.at(planned, (now.shift[standing], now.cell[standing]), 1)
    held = np.where(inside, 0, units).sum(axis=1)
    left = np.clip((now.end - change.minute) / (now.end - now.begin), 0, 1)[affected]
    done = now.finished[affected]
    cap = np.maximum(problem.cap[affected] - done, 0)
    if change.closed is not None:
        cap[:, change.closed] = 0
    minimum = problem.minimum[:, affected]
    sub = problem.replace(
        value=problem.value[affected] * np.exp(-problem.diminishing * done), cap=cap.astype(np.int16),
        on_duty=problem.on_duty[affected], minimum=minimum,
        least=np.maximum(problem.least - held, 0).astype(np.int32),
        most=np.maximum(problem.most - held, 0).astype(np.int32),
        blocks=np.floor(problem.blocks[affected] * left + 1e-9).astype(np.int32),
        shifts=tuple(problem.shifts[s] for s in affected),
        busy=None if problem.busy is None else np.ceil(problem.busy[:, affected] * left - 1e-9).astype(np.int32),
        day=None if problem.day is None else problem.day[affected],
        limits=tuple(_rest_of(one, problem, planned, np.where(inside, 0, units), affected) for one in problem.limits),
        fair=(), **_week_left(problem, planned),
        crews=None if problem.crews is None else problem.crews[:, affected],
        allowed=None if problem.allowed is None else problem.allowed[:, :, affected],
        **_needs_left(problem, affected),
        incumbent=units[:, affected],
        stay_bonus=STAY_SHARE * _worth_of_unit(problem, now, affected),
    )  # fmt: skip
    if sub.busy is not None:
        sub = sub.replace(busy=np.minimum(sub.busy, sub.minimum * sub.blocks).astype(np.int32))
    return _without_long_runs(sub, problem, planned)


def _worth_of_unit(problem: AllocationProblem, now: _Now, affected: Ints) -> float:
    planned = np.zeros(problem.value.shape, np.int16)
    np.add.at(planned, (now.shift, now.cell), 1)
    harm = (problem.value[affected] * -np.expm1(-problem.diminishing * planned[affected])).sum()
    return float(harm / max(int(problem.on_duty[affected].sum()), 1))


def _rest_of(
    limit: Limit, problem: AllocationProblem, planned: npt.NDArray[np.int16], held: Ints, affected: Ints
) -> Limit:
    """Return a limit on the affected shifts: less what stands."""
    used = limit.total(planned, covered(problem, planned), held)
    on_blocks = limit.on_blocks
    if on_blocks is not None and len(on_blocks) > 1:
        on_blocks = on_blocks[affected]
    on_units = None if limit.on_units is None else limit.on_units[:, affected]
    return dataclasses.replace(
        limit, least=limit.least - used, most=limit.most - used, on_blocks=on_blocks, on_units=on_units
    )


def _week_left(problem: AllocationProblem, planned: npt.NDArray[np.int16]) -> dict[str, npt.NDArray[np.int32] | None]:
    used = planned.sum(axis=0)
    least, most = problem.week_least, problem.week_most
    return {
        "week_least": None if least is None else np.maximum(least - used, 0).astype(np.int32),
        "week_most": None if most is None else np.maximum(most - used, 0).astype(np.int32),
    }


def _needs_left(problem: AllocationProblem, affected: Ints) -> dict[str, object]:
    if problem.needs is None or problem.need_classes is None:
        return {}
    row = np.full(len(problem.shifts), -1)
    row[affected] = np.arange(len(affected))
    kept = row[problem.needs[:, 1]] >= 0
    needs = problem.needs[kept].copy()
    needs[:, 1] = row[needs[:, 1]]
    names = tuple(name for name, stays in zip(problem.need_names, kept, strict=True) if stays)
    return {"needs": needs, "need_classes": problem.need_classes[kept], "need_names": names}


def _without_long_runs(
    sub: AllocationProblem, problem: AllocationProblem, planned: npt.NDArray[np.int16]
) -> AllocationProblem:
    """Return the problem without visits that, with those that stand, would be too many days running."""
    if problem.days_running is None or problem.day is None or sub.day is None:
        return sub
    days = np.arange(int(problem.day.max()) + 1)
    visited = np.stack([planned[problem.day == day].any(axis=0) for day in days])
    cap = sub.cap.copy()
    for row, day in enumerate(sub.day):
        for first in range(max(0, day - problem.days_running), int(day) + 1):
            window = [d for d in range(first, first + problem.days_running + 1) if d != day]
            if window[-1] <= days[-1]:
                cap[row, visited[window].all(axis=0) & ~visited[day]] = 0
    return sub.replace(cap=cap)


def _solved(rest: AllocationProblem, solver: str) -> tuple[Allocation, list[str]]:
    """Return an allocation in any case: with limits bent, or in the end without those beyond a flow, and say so."""
    if not rest.on_duty.any():
        nobody = f"nobody is on duty any more in {some(rest.shifts)}; minimums there are lowered to 0"
        empty = np.zeros_like(rest.minimum), np.zeros(rest.value.shape, np.int16)
        return Allocation(*empty, 0.0, 0.0, solver), [nobody]
    try:
        return solve(rest, solver), []
    except InfeasibleError:
        rest, notes = soften(rest)
    except SolverError:
        notes = ()
    try:
        return solve(rest, solver), list(notes)
    except (InfeasibleError, SolverError):
        network, more = soften(rest.network())
        dropped = "limits beyond units, minimums and bands could not be kept for the rest of the plan"
        return solve(network, solver), [*notes, *more, dropped]


def _posted(
    units: npt.NDArray[np.int32], old: npt.NDArray[np.int32], roster: Roster, city: Tessellation, affected: Ints
) -> npt.NDArray[np.int32]:
    """Return the district of each unit in the affected shifts: as many as possible stay, the others move least."""
    cost, _ = posting_cost(roster, city)
    far = float(cost.max(initial=0.0)) + 1.0
    posting = np.where(old == OFF_DUTY, OFF_DUTY, RESERVE).astype(np.int32)
    for column in range(len(affected)):
        crew = np.flatnonzero(old[:, column] != OFF_DUTY)
        places = np.repeat(np.arange(len(units)), units[:, column])[: len(crew)]
        move = cost[np.ix_(crew, places)] + far * (old[crew, column][:, None] != places)
        one, place = linear_sum_assignment(move)
        posting[crew[one], column] = places[place]
    return posting


def _touched(
    problem: AllocationProblem, before: AllocationProblem, now: _Now, posting: npt.NDArray[np.int32], affected: Ints,
    change: Change,
) -> list[tuple[int, int]]:  # fmt: skip
    """Return the (district, shift) whose crew differs, or whose planned visits can no longer be or are not worth it."""
    found = set()
    for s in affected.tolist():
        was, now_at = now.posting[:, s], posting[:, s]
        lost = [u for u in change.out if ((now.unit == u) & (now.shift == s) & ~now.done).any()]
        moved = np.flatnonzero(was != now_at)
        places = {*was[moved].tolist(), *now_at[moved].tolist()}
        mine = ~now.done & (now.shift == s)
        places |= set(problem.district[now.cell[mine & np.isin(now.unit, lost)]].tolist())
        if change.closed is not None:
            places |= set(problem.district[now.cell[mine & change.closed[now.cell]]].tolist())
        if change.news:
            places |= set(_outdated(problem, now, mine, s))
        found |= {(d, s) for d in places if d >= 0}
    return sorted(found, key=lambda place: (place[1], place[0]))


def _outdated(problem: AllocationProblem, now: _Now, mine: Bools, s: int) -> list[int]:
    """Return the districts in which a cell without a visit now gains much more than the least planned one."""
    planned = np.zeros(problem.value.shape[1], np.int64)
    np.add.at(planned, now.cell[mine], 1)
    planned += now.finished[s]
    step = block_share(problem.diminishing, planned)
    following = np.where(planned < problem.cap[s], problem.value[s] * step, 0.0)
    last = np.where(planned > now.finished[s], problem.value[s] * block_share(problem.diminishing, planned - 1), np.inf)
    return [
        d
        for d in np.unique(problem.district[now.cell[mine]]).tolist()
        if following[problem.district == d].max() > (1 + KEEP_SHARE) * last[problem.district == d].min()
    ]


def _in_places(now: _Now, problem: AllocationProblem, places: list[tuple[int, int]]) -> Bools:
    chosen = np.zeros((len(problem.districts) + 1, len(problem.shifts)), bool)
    for d, s in places:
        chosen[d, s] = True
    return np.asarray(chosen[problem.district[now.cell], now.shift])


def _task(
    terms: RouteTerms, now: _Now, posting: npt.NDArray[np.int32], answer: Allocation | None, affected: Ints,
    place: tuple[int, int], change: Change,
) -> Task:  # fmt: skip
    """Return what the units of a district have left to do in a shift."""
    d, s = place
    shift, routes = terms.roster.shifts[s], terms.routes
    crew = np.flatnonzero(posting[:, s] == d)
    begin, end = int(now.begin[s]) + routes.briefing_minutes, int(now.end[s])
    visit = terms.allocation.block_minutes
    here = now.done & (now.shift == s)
    position = np.full(len(crew), -1)
    for k, u in enumerate(crew):
        own = np.flatnonzero(here & (now.unit == u))
        if len(own):
            newest = own[now.start[own].argmax()]
            shut = change.closed is not None and bool(change.closed[now.cell[newest]])  # it gets out somehow
            position[k], begin = -1 if shut else now.cell[newest], max(begin, int(now.start[newest]) + visit)
    begin = max(begin, change.minute)
    left = min(1.0, max(0.0, (end - change.minute) / max(end - int(now.begin[s]), 1)))
    cell, nth = _blocks_left(terms, now, answer, affected, place, len(crew), left=left, change=change)
    ready = np.full(len(cell), begin, np.int64)
    for c in np.unique(cell[nth > 0]):
        before = now.start[here & (now.cell == c)]
        if len(before):
            ready[cell == c] = max(begin, int(before.max()) + visit + routes.return_minutes)
    long_enough = routes.break_minutes > 0 and shift.minutes >= routes.break_from_hours * 60
    break_from = now.begin[s] + routes.break_window[0] * shift.minutes
    return Task(
        district=d, shift=s, begin=begin, end=end, crew=crew, start=position, cell=cell, nth=nth, ready=ready,
        budget=np.full(len(crew), left * minutes_each(terms, d, s, len(crew))),
        rest=np.full(len(crew), bool(long_enough and change.minute <= break_from)),
    )  # fmt: skip


def _blocks_left(
    terms: RouteTerms, now: _Now, answer: Allocation | None, affected: Ints, place: tuple[int, int], n_units: int, *,
    left: float, change: Change,
) -> tuple[Ints, Ints]:  # fmt: skip
    """Return cells and numbers of the blocks to do: those planned for are worth a little more than others."""
    (d, s), problem = place, terms.problem
    cells = np.flatnonzero(problem.district == d)
    finished = now.finished[s, cells].astype(np.int64)
    if answer is not None and not problem.is_network:  # limits on blocks: the solver's own choice
        count = answer.blocks[int(np.flatnonzero(affected == s)[0]), cells].astype(np.int64)
    else:
        mine = ~now.done & (now.shift == s)
        planned = np.bincount(now.cell[mine], minlength=len(problem.district))[cells]
        k = np.arange(max(int(problem.cap.max(initial=0)), 1))
        cap = np.maximum(problem.cap[s, cells] - finished, 0)
        if change.closed is not None:
            cap[change.closed[cells]] = 0
        gain = problem.value[s, cells][:, None] * block_share(problem.diminishing, finished[:, None] + k)
        gain = np.where(k < cap[:, None], gain * (1 + KEEP_SHARE * (k < planned[:, None])), 0.0)
        taken = 0 if problem.busy is None else int(np.ceil(problem.busy[d, s] * left))
        room = max(int(np.floor(problem.blocks[s] * left + 1e-9)) * n_units - taken, 0)
        best = np.argsort(-gain.ravel(), kind="stable")[:room]
        best = best[gain.ravel()[best] > 0]
        count = np.bincount(best // len(k), minlength=len(cells))
    cell = np.repeat(cells, count)
    nth = np.arange(len(cell)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(finished, count)
    return cell, nth


def _rows_of(column: pd.Series, names: Iterable[str]) -> npt.NDArray[np.int64]:
    """Return the row of each name; through numpy, as Arrow's strings take ten times as long to look up."""
    return np.asarray(pd.Index(list(names), dtype=object).get_indexer(column.to_numpy(object)), np.int64)


def _in_order(frame: pd.DataFrame, roster: Roster) -> pd.DataFrame:
    """Return visits in the order of a plan, numbered anew."""
    shift = _rows_of(frame["shift"], (one.id for one in roster.shifts))
    unit = _rows_of(frame["unit"], (one.name for one in roster.units))
    order = np.lexsort((minutes_of(frame["start"]), unit, shift))
    frame = frame.iloc[order].reset_index(drop=True)
    tour = (shift * len(roster.units) + unit)[order]
    first = np.flatnonzero(np.diff(tour, prepend=-1))
    frame["seq"] = (np.arange(len(tour)) - np.repeat(first, np.diff(first, append=len(tour))) + 1).astype(np.int32)
    types = {"unit": "str", "shift": "str", "purpose": "str", "reason": "str", "cell": np.int32}
    return frame.astype(types)


def _causes(
    problem: AllocationProblem, roster: Roster, now: _Now, posting: npt.NDArray[np.int32],
    touched: list[tuple[int, int]], change: Change,
) -> pd.DataFrame:  # fmt: skip
    """Return why the visits of each touched district and shift differ."""
    rows = []
    for d, s in touched:
        parts = [
            f"{roster.units[u].name} {why}" for u, why in change.out.items()
            if (problem.district[now.cell[(now.unit == u) & (now.shift == s)]] == d).any()
        ]  # fmt: skip
        parts += [f"{roster.units[u].name} {why}" for (u, at), why in change.added.items()
                  if at == s and posting[u, s] == d]  # fmt: skip
        for u in np.flatnonzero((now.posting[:, s] != posting[:, s]) & (now.posting[:, s] >= 0)):
            if d in (posting[u, s], now.posting[u, s]):
                goes = f"district {problem.districts[posting[u, s]]}" if posting[u, s] >= 0 else "reserve"
                came = problem.districts[now.posting[u, s]]
                parts.append(f"{roster.units[u].name} moves from district {came} to {goes}, where it covers more")
        if change.closed is not None:
            n = int((change.closed[now.cell] & ~now.done & (now.shift == s) & (problem.district[now.cell] == d)).sum())
            parts += [f"{n} planned visits lie in closed cells"] if n else []
        if change.news and not parts:
            parts.append(change.news)
        rows.append((problem.shifts[s], problem.districts[d], "; ".join(parts) or change.news))
    return pd.DataFrame(rows, columns=list(CHANGE_COLUMNS)).astype(empty_table(CHANGE_COLUMNS).dtypes.to_dict())


def _plan_of(
    plan: Plan, frame: pd.DataFrame, *, terms: RouteTerms, posting: npt.NDArray[np.int32], now: _Now, affected: Ints
) -> Plan:
    """Return the plan of visits; its bound is still to be set."""
    problem, roster = terms.problem, terms.roster
    blocks = np.zeros(problem.value.shape, np.int16)
    np.add.at(blocks, (_rows_of(frame["shift"], problem.shifts), frame["cell"].to_numpy()), 1)
    gained = covered(problem, blocks)
    delivered = float(gained.sum())
    units = dataclasses.replace(now, posting=posting).units(len(problem.districts))
    margins = plan.staffing[["last_unit_harm", "next_unit_harm"]].to_numpy().T.reshape(2, *units.shape).copy()
    if len(affected):
        margins[:, :, affected] = margins_of(problem, units, affected)
    staffing = staffing_frame(problem, units, gained, margins=margins)
    known = ["calls_per_hour", "busy_minutes"]
    staffing[known] = plan.staffing[known].to_numpy()
    same = staffing["units_assigned"].to_numpy() == plan.staffing["units_assigned"].to_numpy()
    for name in ("utilisation", "wait_min", "free_share"):  # of other numbers of units nothing is claimed
        staffing[name] = np.where(same, plan.staffing[name].to_numpy(), np.nan)
    return dataclasses.replace(
        plan, visits=frame, assignments=assignments_frame(posting, roster, problem.districts), staffing=staffing,
        objective=delivered, delivered=delivered,
    )  # fmt: skip


def _most(problem: AllocationProblem, now: _Now, open_shifts: Ints, change: Change) -> float:
    """Return what no plan can exceed from now on: what is done, and in each shift the best blocks its units can do.

    Districts and whole units are left aside: looser by some tenths of a percent than a flow, and 10 times as fast.
    """
    total = float(covered(problem, now.finished).sum())
    k = np.arange(max(int(problem.cap.max(initial=0)), 1))
    for s in open_shifts:
        left = min(1.0, float((now.end[s] - change.minute) / max(now.end[s] - now.begin[s], 1)))
        room = int(problem.on_duty[s]) * int(np.ceil(problem.blocks[s] * left))
        allowed = (k < problem.cap[s][:, None] - now.finished[s][:, None]) & (problem.district >= 0)[:, None]
        gain = problem.value[s][:, None] * block_share(problem.diminishing, now.finished[s][:, None] + k) * allowed
        gains = gain.ravel()
        total += float(np.partition(gains, -room)[-room:].sum() if 0 < room < len(gains) else gains.sum() * (room > 0))
    return total


def _drawn(old: pd.DataFrame, new: pd.DataFrame, problem: AllocationProblem) -> pd.DataFrame:
    """Return the lottery with the rows of what was routed again in the place of the old ones."""
    again = pd.MultiIndex.from_frame(new[["shift", "district"]])
    kept = old[~pd.MultiIndex.from_frame(old[["shift", "district"]]).isin(again)]
    both = pd.concat([kept, new], ignore_index=True)
    shift, district = ({name: n for n, name in enumerate(names)} for names in (problem.shifts, problem.districts))
    order = np.lexsort((both["district"].map(district), both["shift"].map(shift)))
    return both.iloc[order].reset_index(drop=True).astype(old.dtypes.to_dict())


def visits_changed(plan: Plan, earlier: Plan, *, besides: tuple[str, ...] = ()) -> float:
    """Return the share of the earlier plan's visits, of all units but some, that the plan no longer has."""
    keys = ["unit", "shift", "cell", "start"]
    others = earlier.visits[~earlier.visits["unit"].isin(besides)]
    if not len(others):
        return 0.0
    kept = others.merge(plan.visits[keys], on=keys, how="inner")
    return 1 - len(kept) / len(others)
