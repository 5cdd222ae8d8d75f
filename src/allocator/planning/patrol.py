"""A forecast and a roster in, a patrol plan out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypedDict, Unpack

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocator.config import AllocationSection, Policy, RoutesSection, StaffingSection
from allocator.domain import (
    LIMIT_COLUMNS,
    STAFFING_COLUMNS,
    VISIT_COLUMNS,
    WORTH_COLUMNS,
    Allocation,
    AllocationProblem,
    Bools,
    Floats,
    Givens,
    Ints,
    Openings,
    Plan,
    Reasons,
    RiskSurface,
    Roster,
    Tessellation,
    Travel,
    empty_table,
)
from allocator.errors import DataError
from allocator.facts import Note, note
from allocator.keywords import keywords
from allocator.planning.allocation import build_problem, covered, given, reduce, shift_rows, solve, worth_of_limits
from allocator.planning.duty import RESERVE, assignments_frame, post_units
from allocator.planning.routes import RouteTerms, Visits, openings_of, route_tasks, straight, tasks_of

PURPOSE = "directed patrol"


class PatrolOptions(TypedDict, total=False):
    """How patrol is planned; see `plan_patrol`."""

    allocation: AllocationSection
    routes: RoutesSection
    travel: Travel | None
    openings: Openings | None
    seed: int
    softened: tuple[Note, ...]


@dataclass(frozen=True, eq=False)
class _Settings:
    allocation: AllocationSection = AllocationSection()
    routes: RoutesSection = RoutesSection()
    travel: Travel | None = None
    openings: Openings | None = None
    seed: int = 0
    softened: tuple[Note, ...] = ()


class AllocateOptions(TypedDict, total=False):
    """What else a plan from memory may be told; see `allocate`."""

    allocation: AllocationSection
    staffing: StaffingSection
    routes: RoutesSection
    places: Mapping[str, Bools]
    givens: Givens | None
    travel: Travel | None
    timezone: str
    seed: int


@dataclass(frozen=True, eq=False)
class _Told:
    allocation: AllocationSection = AllocationSection()
    staffing: StaffingSection = StaffingSection()
    routes: RoutesSection = RoutesSection()
    places: Mapping[str, Bools] = field(default_factory=dict)
    givens: Givens | None = None
    travel: Travel | None = None
    timezone: str = "UTC"
    seed: int = 0


@keywords(_Told)
def allocate(
    surface: RiskSurface, roster: Roster, policy: Policy = Policy(), **options: Unpack[AllocateOptions]
) -> Plan:
    """Return the patrol plan for a forecast, a roster and a policy, from memory.

    Parameters
    ----------
    surface : RiskSurface
        Forecast with one slice per planned shift.
    roster : Roster
        Shifts, units and duty.
    policy : Policy
        What may be done where: its limits, its harm weights, and the kinds it excludes by name. Families of
        kinds and origins are screened before the forecast, by `allocator.screen`.
    allocation, staffing, routes
        Settings, as in a job file.
    places : mapping of str to (n_cells,) bool
        The cells of each polygon file that a limit of the policy or a window of the routes names.
    givens : Givens, optional
        Instead of `places`: places, residents of groups, workload of calls and hand edits together.
    travel : Travel, optional
        Minutes between cells; by default distance × detour / speed.
    timezone : str
        IANA name; the windows of the routes are local to it.
    seed : int
        The routes are drawn by lot: same inputs and seed, same plan.

    Raises
    ------
    ConfigError
        If a setting names something that does not exist.
    DataError
        If forecast and roster are not about the same shifts.
    InfeasibleError
        If no plan satisfies all limits; it names them.
    """
    told, surface = _Told(**options), surface.under(policy)
    known = told.givens or Givens(places=told.places)
    problem = build_problem(surface, roster, policy, allocation=told.allocation, staffing=told.staffing, givens=known)
    openings = openings_of(told.routes.windows, surface.city, roster, timezone=told.timezone, places=known.places)
    return plan_patrol(
        problem, surface, roster, allocation=told.allocation, routes=told.routes, travel=told.travel,
        openings=openings, seed=told.seed,
    )  # fmt: skip


@keywords(_Settings)
def plan_patrol(
    problem: AllocationProblem, surface: RiskSurface, roster: Roster, **options: Unpack[PatrolOptions]
) -> Plan:
    """Return the patrol plan for a problem: units to districts, named units to duty, visits to times.

    Parameters
    ----------
    problem : AllocationProblem
        From `build_problem`, possibly changed since.
    surface : RiskSurface
        The forecast; for the reasons of the visits and the map.
    roster : Roster
        The units behind `problem.on_duty`.
    allocation, routes
        Settings, as in a job file; `openings` stands for `routes.windows`.
    travel : Travel, optional
        Minutes between cells; by default distance × detour / speed.
    openings : Openings, optional
        When places may be visited, from `openings_of`; by default at any time.
    seed : int
        Seed of the job: the routes are drawn by lot.
    softened : tuple of Note
        Limits that were bent before, for the record.
    """
    if [len(roster.on_duty(shift)) for shift in roster.shifts] != problem.on_duty.tolist():
        raise DataError("the roster has other units on duty than the problem")
    settings = _Settings(**options)
    allocation = settings.allocation
    answer = solve(problem, allocation.solver)
    posting = post_units(answer.units, roster, surface.city, problem=problem)
    ways = settings.travel or straight(surface.city, settings.routes)
    terms = RouteTerms(
        problem, roster, ways, allocation, settings.routes, openings=settings.openings, seed=settings.seed
    )
    routed = route_tasks(tasks_of(terms, answer.blocks, posting), terms)
    visits = routed.visits
    blocks = visits.delivered_blocks(problem.value.shape)
    gained = covered(problem, blocks)
    return Plan(
        visits=visits_frame(visits, problem, surface, roster, minutes=allocation.block_minutes),
        assignments=assignments_frame(posting, roster, problem.districts),
        staffing=staffing_frame(
            problem, answer.units, gained, margins=margins_of(given(problem, answer.blocks), answer.units)
        ),
        objective=answer.objective,
        bound=answer.bound,
        delivered=float(gained.sum()),
        delivered_bound=answer.bound,
        solver=answer.solver,
        unmet=(
            *_reserves(problem, answer, posting),
            *_dropped(answer, visits, float(gained.sum())),
            *undelivered(problem, blocks, answer.units),
            *problem.notes,
            *ways.notes,
        ),
        limits=limits_frame(problem, blocks, answer.units),
        worth=_worth_frame(problem, answer) if allocation.worth else empty_table(WORTH_COLUMNS),
        softened=settings.softened,
        lottery=routed.lottery,
    )


def delivered_visits(
    problem: AllocationProblem, blocks: npt.NDArray[np.int16], units: npt.NDArray[np.int32], *, city: Tessellation,
    terms: RouteTerms,
) -> Visits:  # fmt: skip
    """Return the visits that are left of planned ones, (n_shifts, n_cells), after travel, breaks and windows.

    Parameters
    ----------
    problem : AllocationProblem
        Districts, shifts and gains.
    blocks : (n_shifts, n_cells) int16
        Planned visits.
    units : (n_districts, n_shifts) int32
        Units of each district.
    city : Tessellation
        The cells.
    terms : RouteTerms
        Roster, travel and settings of the routes.
    """
    posting = post_units(units, terms.roster, city, problem=problem)
    return route_tasks(tasks_of(terms, blocks, posting), terms).visits


def limits_frame(
    problem: AllocationProblem, blocks: npt.NDArray[np.int16], units: npt.NDArray[np.int32]
) -> pd.DataFrame:
    """Return `LIMIT_COLUMNS`: each limit with what the visits that are made, (n_shifts, n_cells), come to."""
    harm = covered(problem, blocks)
    rows = [
        (one.name, one.source, one.least / one.scale, one.most / one.scale,
         one.total(blocks, harm, units) / one.scale, one.unit)
        for one in (*problem.limits, *problem.fair)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(LIMIT_COLUMNS)).astype(empty_table(LIMIT_COLUMNS).dtypes.to_dict())


def undelivered(problem: AllocationProblem, blocks: npt.NDArray[np.int16], units: npt.NDArray[np.int32]) -> list[Note]:
    """Return a note on each limit of which the visits that are made, (n_shifts, n_cells), fall short.

    The allocation keeps every limit; visits for which travel, breaks and windows leave no time may break it.
    """
    harm, notes = covered(problem, blocks), []
    for one in problem.limits:
        made = one.total(blocks, harm, units)
        if made < one.least - 1e-6 * max(1.0, abs(one.least)):
            notes.append(
                note("patrol.not_delivered", limit=one.name, count=made / one.scale, asked=one.least / one.scale,
                     unit=one.unit)
            )  # fmt: skip
    if problem.week_least is not None:
        short = np.maximum(problem.week_least - blocks.sum(axis=0, dtype=np.int64), 0)
        if short.any():
            cells = np.flatnonzero(short)
            notes.append(
                note("patrol.floors_not_delivered", count=len(cells), visits=short.sum(),
                     asked=problem.week_least[cells].sum(), cells=cells[:8])
            )  # fmt: skip
    return notes


def _worth_frame(problem: AllocationProblem, answer: Allocation) -> pd.DataFrame:
    rows = [(worth.change, worth.harm, worth.share) for worth in worth_of_limits(problem, answer)]
    return pd.DataFrame(rows, columns=list(WORTH_COLUMNS)).astype(empty_table(WORTH_COLUMNS).dtypes.to_dict())


def visits_frame(
    visits: Visits, problem: AllocationProblem, surface: RiskSurface, roster: Roster, *, minutes: int
) -> pd.DataFrame:
    """Return `VISIT_COLUMNS` of visits of so many minutes, with the reason of each."""
    first = np.searchsorted(visits.group, visits.group)
    start = pd.DatetimeIndex((visits.start * 60).astype("datetime64[s]")).tz_localize("UTC")
    columns = (
        np.array([unit.name for unit in roster.units], object)[visits.unit],
        np.array(problem.shifts, object)[visits.shift], (np.arange(len(first)) - first + 1).astype(np.int32),
        visits.cell.astype(np.int32), start, start + pd.Timedelta(minutes, "min").as_unit("s"),
        np.full(len(first), PURPOSE, object), np.array(_reasons(visits, problem, surface, roster), object),
    )  # fmt: skip
    frame = pd.DataFrame(dict(zip(VISIT_COLUMNS, columns, strict=True)))
    return frame.astype(dict.fromkeys(("unit", "shift", "purpose", "reason"), "str"))


def _reasons(visits: Visits, problem: AllocationProblem, surface: RiskSurface, roster: Roster) -> list[str]:
    """Return why each visit: the rank of its cell, and what drives the kind with most expected harm there."""
    s, c = visits.shift, visits.cell
    if not len(s):
        return []
    d = problem.district[c]
    rank, size = (
        _ranks(problem, np.unique(s))[np.searchsorted(np.unique(s), s), c],
        np.bincount(problem.district[problem.district >= 0])[d],
    )
    slot = shift_rows(surface, roster)[s]
    kind = (surface.mean[slot, c] * surface.harm).argmax(axis=1)
    known, row = _known_reasons(surface, c)
    pinned = {
        (edit.shift, edit.cell): f"pinned by {edit.who}: {edit.why}; " for edit in roster.edits if edit.action == "pin"
    }
    sentences: dict[tuple[int, int, int], str] = {}
    texts = []
    for i, key in enumerate(zip(row.tolist(), kind.tolist(), slot.tolist(), strict=True)):
        if known is None or key[0] < 0:
            why = f"expected harm {problem.value[s[i], c[i]]:.3g}, most of it {surface.kinds[key[1]].lower()}"
        elif key in sentences:
            why = sentences[key]
        else:
            why = sentences[key] = known.sentence(*key)
        by_hand = pinned.get((roster.shifts[s[i]].id, int(c[i])), "")
        texts.append(f"{by_hand}rank {rank[i]} of {size[i]} in district {problem.districts[d[i]]} this shift; {why}")
    return texts


def _known_reasons(surface: RiskSurface, cell: Ints) -> tuple[Reasons | None, Ints]:
    """Return the reasons that the surface can give, and the row of each cell in them, -1 where it can give none."""
    held = surface.reasons if surface.explainer is None else surface.with_reasons_of(cell).reasons
    row = np.full(len(cell), -1, np.int64)
    if held is not None and len(held.cells):
        known = np.isin(cell, held.cells)
        row[known] = held.rows(cell[known])
    return held, row


def _ranks(problem: AllocationProblem, shifts: Ints) -> npt.NDArray[np.int32]:
    """Return the rank, from 1, of each cell in its district by expected harm, (n chosen shifts, n_cells)."""
    value = problem.value[shifts]
    order = np.lexsort((-value, np.broadcast_to(problem.district, value.shape)), axis=1)
    district = problem.district[order[:1]]
    place = np.arange(order.shape[1]) - np.searchsorted(district[0], district[0]) + 1
    rank = np.empty(order.shape, np.int32)
    np.put_along_axis(rank, order, np.broadcast_to(place, order.shape).astype(np.int32), axis=1)
    return rank


def staffing_frame(problem: AllocationProblem, units: Ints, gained: Floats, *, margins: Floats) -> pd.DataFrame:
    """Return `STAFFING_COLUMNS`; `covered_harm` is that of the visits as delivered, `margins` are of `margins_of`."""
    n_districts, n_shifts = problem.minimum.shape
    inside = problem.district >= 0
    harm = np.zeros((2, n_districts, n_shifts))
    for total, source in zip(harm, (problem.value, gained), strict=True):
        np.add.at(total, problem.district[inside], source[:, inside].T)
    columns = (
        np.repeat(np.array(problem.districts, object), n_shifts),
        np.tile(np.array(problem.shifts, object), n_districts), problem.minimum.ravel().astype(np.int32),
        units.ravel().astype(np.int32), harm[0].ravel(), harm[1].ravel(), *(table.ravel() for table in margins),
        *np.full((5, n_districts * n_shifts), np.nan),
    )  # fmt: skip
    return pd.DataFrame(dict(zip(STAFFING_COLUMNS, columns, strict=True))).astype({"district": "str", "shift": "str"})


def margins_of(problem: AllocationProblem, units: Ints, shifts: Ints | None = None) -> Floats:
    """Return what the last unit of each district and shift adds, and what one more would: (2, districts, shifts).

    They answer "why not more units there": another unit would add less than the last one elsewhere does. `shifts` may
    name some of the shifts alone.
    """
    rows = np.arange(len(problem.shifts)) if shifts is None else shifts
    part = problem.replace(
        value=problem.value[rows], cap=problem.cap[rows], on_duty=problem.on_duty[rows] + 1,
        blocks=problem.blocks[rows], minimum=problem.minimum[:, rows],
        busy=None if problem.busy is None else problem.busy[:, rows], shifts=tuple(problem.shifts[s] for s in rows),
    )  # fmt: skip
    increment, chosen = reduce(part).increment, units[:, rows]
    last = np.maximum(chosen - 1, 0)
    margins = np.stack([np.take_along_axis(increment, n[:, :, None], axis=2)[:, :, 0] for n in (last, chosen)])
    margins[0][chosen == 0] = 0.0
    return margins


def _reserves(problem: AllocationProblem, answer: Allocation, posting: npt.NDArray[np.int32]) -> list[Note]:
    reserve = (posting == RESERVE).sum(axis=0)
    if not reserve.any():
        return []
    spent = [
        one.name for one in problem.limits
        if one.on_units is not None and np.isfinite(one.most)
        and (one.on_units * answer.units).sum() + float(one.on_units[one.on_units > 0].min(initial=np.inf)) > one.most
    ]  # fmt: skip
    worst = int(reserve.argmax())
    told = note(
        "patrol.in_reserve", count=reserve.sum(), total=problem.on_duty.sum(), shift=problem.shifts[worst],
        most=reserve[worst], full=(answer.units.sum(axis=1) >= problem.most).sum(), districts=len(problem.districts),
        because=note("patrol.limit_spent", limit=spent[0]) if spent else note("patrol.nothing_left"),
    )  # fmt: skip
    return [told]


def _dropped(answer: Allocation, visits: Visits, delivered: float) -> list[Note]:
    planned = int(answer.blocks.sum())
    dropped = planned - len(visits.unit)
    if not dropped:
        return []
    lost = (answer.objective - delivered) / max(answer.objective, 1e-12)
    return [note("patrol.visits_dropped", count=dropped, total=planned, share=lost)]
