"""Where the units of a plan are at the moment of a change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocator.domain import Allocation, AllocationProblem, Bools, Ints, Plan, Roster
from allocator.planning.allocation import block_share
from allocator.planning.duty import OFF_DUTY, RESERVE
from allocator.planning.routes import RouteTerms, Task, minutes_each, minutes_of

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
class Now:
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


def now_at(plan: Plan, terms: RouteTerms, change: Change) -> Now:
    """Return where the plan stands at the moment of a change."""
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
    u, s = rows_of(rows["unit"], unit_row), rows_of(rows["shift"], shift_row)
    still = posting[u, s] != OFF_DUTY
    posting[u[still], s[still]] = rows["district"].map(district).to_numpy()[still]
    visits = plan.visits
    start = minutes_of(visits["start"])
    shift, unit = rows_of(visits["shift"], shift_row), rows_of(visits["unit"], unit_row)
    cell, done = visits["cell"].to_numpy(np.int64), start < change.minute
    # The visit that a lost unit was at is not finished.
    done &= ~(np.isin(unit, list(change.out)) & (start + terms.allocation.block_minutes > change.minute))
    finished = np.zeros(terms.problem.value.shape, np.int16)
    np.add.at(finished, (shift[done], cell[done]), 1)
    return Now(begin, end, posting, shift, unit, cell, start, done, finished)


@dataclass(frozen=True, eq=False)
class Revision:
    """What a change makes of the plan: the new posting, the shifts solved again, and their answer if there are any."""

    change: Change
    posting: npt.NDArray[np.int32]
    affected: Ints
    answer: Allocation | None


def affected_by(before: AllocationProblem, problem: AllocationProblem, now: Now, change: Change) -> Bools:
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


def touched_tours(problem: AllocationProblem, now: Now, revision: Revision) -> list[tuple[int, int]]:
    """Return the (district, shift) whose crew differs, or whose planned visits can no longer be or are not worth it."""
    found, change = set[tuple[int, int]](), revision.change
    for s in revision.affected.tolist():
        was, now_at = now.posting[:, s], revision.posting[:, s]
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


def _outdated(problem: AllocationProblem, now: Now, mine: Bools, s: int) -> list[int]:
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


def in_places(now: Now, problem: AllocationProblem, places: list[tuple[int, int]]) -> Bools:
    """Return which started or planned visits lie in one of the places, each a district and a shift."""
    chosen = np.zeros((len(problem.districts) + 1, len(problem.shifts)), bool)
    for d, s in places:
        chosen[d, s] = True
    return np.asarray(chosen[problem.district[now.cell], now.shift])


def task_of(terms: RouteTerms, now: Now, revision: Revision, place: tuple[int, int]) -> Task:
    """Return what the units of a district have left to do in a shift."""
    (d, s), change = place, revision.change
    shift, routes = terms.roster.shifts[s], terms.routes
    crew = np.flatnonzero(revision.posting[:, s] == d)
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
    cell, nth = _blocks_left(terms, now, revision, place, len(crew), left=left)
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
    terms: RouteTerms, now: Now, revision: Revision, place: tuple[int, int], n_units: int, *, left: float
) -> tuple[Ints, Ints]:
    """Return cells and numbers of the blocks to do: those planned for are worth a little more than others."""
    (d, s), problem, answer, change = place, terms.problem, revision.answer, revision.change
    cells = np.flatnonzero(problem.district == d)
    finished = now.finished[s, cells].astype(np.int64)
    if answer is not None and not problem.is_network:  # limits on blocks: the solver's own choice
        count = answer.blocks[int(np.flatnonzero(revision.affected == s)[0]), cells].astype(np.int64)
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


def rows_of(column: pd.Series, names: Iterable[str]) -> Ints:
    """Return the row of each name; through numpy, as Arrow's strings take ten times as long to look up."""
    return np.asarray(pd.Index(list(names), dtype=object).get_indexer(column.to_numpy(object)), np.int64)


def in_order(frame: pd.DataFrame, roster: Roster) -> pd.DataFrame:
    """Return visits in the order of a plan, numbered anew."""
    shift = rows_of(frame["shift"], (each.id for each in roster.shifts))
    unit = rows_of(frame["unit"], (each.name for each in roster.units))
    order = np.lexsort((minutes_of(frame["start"]), unit, shift))
    frame = frame.iloc[order].reset_index(drop=True)
    tour = (shift * len(roster.units) + unit)[order]
    first = np.flatnonzero(np.diff(tour, prepend=-1))
    frame["seq"] = (np.arange(len(tour)) - np.repeat(first, np.diff(first, append=len(tour))) + 1).astype(np.int32)
    types = {"unit": "str", "shift": "str", "purpose": "str", "reason": "str", "cell": np.int32}
    return frame.astype(types)
