"""What is left of a plan when something changes: solved again where it must be, kept everywhere else."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import linear_sum_assignment

from allocator.domain import (
    CHANGE_COLUMNS,
    Allocation,
    AllocationProblem,
    Ints,
    Plan,
    RiskSurface,
    Roster,
    Tessellation,
    empty_table,
)
from allocator.facts import Note, note
from allocator.planning.allocation import block_share, covered, given
from allocator.planning.duty import OFF_DUTY, RESERVE, assignments_frame, posting_cost
from allocator.planning.patrol import limits_frame, margins_of, staffing_frame, undelivered, visits_frame
from allocator.planning.replan.now import (
    Change,
    Now,
    Revision,
    affected_by,
    in_order,
    in_places,
    now_at,
    rows_of,
    task_of,
    touched_tours,
)
from allocator.planning.replan.rest import remaining, solved
from allocator.planning.replan.urgent import URGENT, visit_at_once
from allocator.planning.routes import RouteTerms, route_tasks

_JUDGED = ("patrol.visits_dropped", "patrol.dropped_again", "patrol.not_delivered", "patrol.floors_not_delivered")
"""What is told of the visits made, and has to be judged anew."""


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
    now = now_at(plan, terms, change)
    open_shifts = np.flatnonzero(now.end > change.minute)
    affected = open_shifts[affected_by(before, problem, now, change)[open_shifts]]
    units = now.units(len(problem.districts))
    notes: list[Note] = []
    if problem.fair:
        notes.append(note("patrol.worst_off_dropped"))
    posting = now.posting.copy()
    answer: Allocation | None = None
    if len(affected):
        rest = remaining(problem, now, units, affected, change)
        answer, notes = solved(rest, terms.allocation.solver)
        posting[:, affected] = _posted(answer.units, now.posting[:, affected], terms.roster, city, affected)
    revision = Revision(change, posting, affected, answer)
    touched = touched_tours(problem, now, revision)
    tasks = [task_of(terms, now, revision, place) for place in touched]
    routed = route_tasks([task for task in tasks if len(task.crew)], terms)
    keep = now.done | ~in_places(now, problem, touched)
    keep &= now.done | (posting[now.unit, now.shift] != OFF_DUTY)
    minutes = terms.allocation.block_minutes
    fresh = visits_frame(routed.visits, problem, surface, terms.roster, minutes=minutes)
    pending = (plan.visits["purpose"] == URGENT).to_numpy() & ~keep & (now.start >= change.minute)
    frame = pd.concat([plan.visits[keep], fresh], ignore_index=True)
    for cell in (*change.urgent, *now.cell[pending].tolist()):
        frame, said = visit_at_once(frame, cell, terms=terms, posting=posting, minute=change.minute, clock=change.clock)
        notes.append(said)
    stands = tuple(told for told in plan.unmet if not touched or told.cause not in _JUDGED)
    if touched:
        notes += _dropped_again(sum(len(task.cell) for task in tasks if len(task.crew)), len(routed.visits.unit))
    causes = _causes(problem, terms.roster, now, posting, touched, change)
    made = _plan_of(plan, in_order(frame, terms.roster), terms=terms, posting=posting, now=now, affected=affected)
    if touched:
        notes += _undelivered(problem, made, terms.roster, now, posting)
    bound = _most(problem, now, open_shifts, change)
    if not len(affected):  # no forecast, unit or cell differs: what was proven of the first plan holds
        bound = min(bound, plan.delivered_bound)
    bound = max(bound, made.delivered)
    return dataclasses.replace(
        made, bound=bound, delivered_bound=bound, unmet=(*notes, *stands), changes=causes,
        lottery=_drawn(plan.lottery, routed.lottery, problem),
    )  # fmt: skip


def _undelivered(
    problem: AllocationProblem, made: Plan, roster: Roster, now: Now, posting: npt.NDArray[np.int32]
) -> list[Note]:
    shift = rows_of(made.visits["shift"], (each.id for each in roster.shifts))
    blocks = np.zeros(problem.value.shape, np.int16)
    np.add.at(blocks, (shift, made.visits["cell"].to_numpy(np.int64)), 1)
    return undelivered(problem, blocks, dataclasses.replace(now, posting=posting).units(len(problem.districts)))


def _dropped_again(planned: int, made: int) -> list[Note]:
    return [note("patrol.dropped_again", count=planned - made, total=planned)] if planned > made else []


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


def _causes(
    problem: AllocationProblem, roster: Roster, now: Now, posting: npt.NDArray[np.int32],
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
    plan: Plan, frame: pd.DataFrame, *, terms: RouteTerms, posting: npt.NDArray[np.int32], now: Now, affected: Ints
) -> Plan:
    """Return the plan of visits; its bound is still to be set."""
    problem, roster = terms.problem, terms.roster
    blocks = np.zeros(problem.value.shape, np.int16)
    np.add.at(blocks, (rows_of(frame["shift"], problem.shifts), frame["cell"].to_numpy()), 1)
    gained = covered(problem, blocks)
    delivered = float(gained.sum())
    units = dataclasses.replace(now, posting=posting).units(len(problem.districts))
    margins = plan.staffing[["last_unit_harm", "next_unit_harm"]].to_numpy().T.reshape(2, *units.shape).copy()
    if len(affected):
        margins[:, :, affected] = margins_of(given(problem, blocks), units, affected)
    staffing = staffing_frame(problem, units, gained, margins=margins)
    known = ["calls_per_hour", "busy_minutes"]
    staffing[known] = plan.staffing[known].to_numpy()
    same = staffing["units_assigned"].to_numpy() == plan.staffing["units_assigned"].to_numpy()
    for name in ("utilisation", "wait_min", "free_share"):  # of other numbers of units nothing is claimed
        staffing[name] = np.where(same, plan.staffing[name].to_numpy(), np.nan)
    return dataclasses.replace(
        plan, limits=limits_frame(problem, blocks, units), visits=frame,
        assignments=assignments_frame(posting, roster, problem.districts), staffing=staffing,
        objective=delivered, delivered=delivered,
    )  # fmt: skip


def _most(problem: AllocationProblem, now: Now, open_shifts: Ints, change: Change) -> float:
    """Return what no plan can exceed from now on: what is done, and in each shift the best blocks its units can do.

    Districts and whole units are left aside: looser by some tenths of a percent than a flow, and 10 times as fast.
    """
    total = float(covered(problem, now.finished).sum())
    problem = given(problem, np.zeros_like(now.finished))
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
