"""The allocation problem of what is left of the week."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from allocator.domain import Allocation, AllocationProblem, Ints, Limit
from allocator.errors import InfeasibleError, SolverError
from allocator.facts import Note, note
from allocator.planning.allocation import covered, given, soften, solve
from allocator.planning.replan.now import Change, Now

STAY_SHARE = 0.25
"""Bonus of a unit that stays, as a share of what a unit-shift covers on average: it moves for more than that."""


def remaining(
    problem: AllocationProblem, now: Now, units: npt.NDArray[np.int32], affected: Ints, change: Change
) -> AllocationProblem:
    """Return the problem of the affected shifts, less what is done there and held elsewhere."""
    inside = np.zeros(len(problem.shifts), bool)
    inside[affected] = True
    planned = np.zeros(problem.value.shape, np.int16)
    standing = now.done | ~inside[now.shift]
    np.add.at(planned, (now.shift[standing], now.cell[standing]), 1)
    standing_units = np.where(inside, 0, units)
    held = standing_units.sum(axis=1)
    left = np.clip((now.end - change.minute) / (now.end - now.begin), 0, 1)[affected]
    done = now.finished[affected]
    cap = np.maximum(problem.cap[affected] - done, 0)
    if change.closed is not None:
        cap[:, change.closed] = 0
    minimum = problem.minimum[:, affected]
    # What overlapping shifts have planned stands; two that are both planned again do not look at each other.
    worth = given(problem, planned).value
    sub = problem.replace(
        stretch=None, turn=None, value=worth[affected] * np.exp(-problem.diminishing * done), cap=cap.astype(np.int16),
        on_duty=problem.on_duty[affected], minimum=minimum,
        least=np.maximum(problem.least - held, 0).astype(np.int32),
        most=np.maximum(problem.most - held, 0).astype(np.int32),
        blocks=np.floor(problem.blocks[affected] * left + 1e-9).astype(np.int32),
        shifts=tuple(problem.shifts[s] for s in affected),
        busy=None if problem.busy is None else np.ceil(problem.busy[:, affected] * left - 1e-9).astype(np.int32),
        day=None if problem.day is None else problem.day[affected],
        limits=tuple(_rest_of(limit, problem, planned, standing_units, affected) for limit in problem.limits),
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


def _worth_of_unit(problem: AllocationProblem, now: Now, affected: Ints) -> float:
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


def solved(rest: AllocationProblem, solver: str) -> tuple[Allocation, list[Note]]:
    """Return an allocation in any case: with limits bent, or in the end without those beyond a flow, and say so."""
    if not rest.on_duty.any():
        nobody = note("patrol.nobody_left", shifts=rest.shifts)
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
        dropped = note("patrol.limits_dropped")
        return solve(network, solver), [*notes, *more, dropped]
