"""Whether a plan can exist: conflicts named with numbers, the smallest set of them, and limits made softer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from allocator.domain import AllocationProblem, AllocationTerms, Edit, Limit
from allocator.errors import InfeasibleError, some
from allocator.facts import Note, note
from allocator.planning.allocation.solvers import limited


def check_feasible(problem: AllocationTerms) -> None:
    """Raise if it can be told before solving that no allocation satisfies the problem.

    For a network the checks are complete: a free unit may go to any district, so a problem that passes them has a
    solution. Other limits may still contradict each other; `solve` then names the smallest set that does.

    Raises
    ------
    InfeasibleError
        With every conflict, its names and numbers.
    """
    faults = [*_short_shifts(problem), *_broken_bands(problem), *_short_crews(problem), *_beyond_reach(problem)]
    if problem.on_duty.sum() == 0:
        faults.insert(0, f"no unit is on duty in any of the {len(problem.shifts)} shifts")
    if faults:
        raise InfeasibleError("no plan can satisfy the limits of this job", faults=faults)


def _short_shifts(problem: AllocationTerms) -> Iterable[Note]:
    needed = problem.minimum.sum(axis=0)
    for s in np.flatnonzero(needed > problem.on_duty):
        order = np.argsort(-problem.minimum[:, s], kind="stable")
        parts = [f"{problem.minimum[d, s]} in district {problem.districts[d]}" for d in order if problem.minimum[d, s]]
        yield note(
            "patrol.short_shift", shift=problem.shifts[s], count=needed[s], parts=parts[:3],
            more=max(len(parts) - 3, 0), on_duty=problem.on_duty[s],
        )  # fmt: skip


def _broken_bands(problem: AllocationTerms) -> Iterable[str]:
    committed = problem.minimum.sum(axis=1, dtype=np.int64)
    on_duty = int(problem.on_duty.sum())
    for d in np.flatnonzero(committed > problem.most):
        yield (
            f"district {problem.districts[d]} needs {committed[d]} unit-shifts for its minimums, "
            f"its band allows at most {problem.most[d]}"
        )
    reachable = on_duty - committed.sum() + committed
    beyond = problem.least > reachable
    for d in np.flatnonzero(beyond):
        yield (
            f"the band of district {problem.districts[d]} asks for at least {problem.least[d]} unit-shifts, "
            f"{max(0, reachable[d])} can reach it after the minimums of the other districts"
        )
    needed = int(np.maximum(problem.least, committed).sum())
    if needed > on_duty and committed.sum() <= on_duty and not beyond.any():
        names = [problem.districts[d] for d in np.flatnonzero(problem.least > committed)]
        yield (
            f"bands and minimums together ask for at least {needed} unit-shifts (districts with a band above "
            f"their minimums: {some(names, 5)}), {on_duty} are on duty in the plan"
        )


def _short_crews(problem: AllocationTerms) -> Iterable[Note]:
    """Yield needs for which too few units that count are on duty."""
    if problem.needs is None or problem.need_classes is None or problem.crews is None:
        return
    asked: dict[tuple[str, int], int] = {}
    there: dict[tuple[str, int], int] = {}
    for (_, s, n), counts, name in zip(problem.needs.tolist(), problem.need_classes, problem.need_names, strict=True):
        asked[name, s] = asked.get((name, s), 0) + n
        there[name, s] = int(problem.crews[counts, s].sum())
    for (name, s), n in asked.items():
        if n > there[name, s]:
            yield note("patrol.short_crew", shift=problem.shifts[s], count=n, need=name, on_duty=there[name, s])


def _beyond_reach(problem: AllocationTerms) -> Iterable[str]:
    """Yield limits that ask for more than all visits, or allow less than the minimums cost."""
    most_there = np.minimum(problem.cap, np.where(problem.district >= 0, NO_CAP, 0))
    for limit in problem.limits:
        if limit.on_blocks is not None and limit.on_harm is None and np.isfinite(limit.least):
            reach = float((np.maximum(limit.on_blocks, 0) * most_there).sum())
            if reach < limit.least:
                yield (
                    f"{limit.source}: {limit.name}: at most {reach / limit.scale:g} {limit.unit} are possible there "
                    "under the caps and exclusions"
                )
        if limit.on_units is not None and limit.on_blocks is None and np.isfinite(limit.most):
            least = float((np.maximum(limit.on_units, 0) * problem.minimum).sum())
            if least > limit.most:
                yield f"{limit.source}: {limit.name}: the minimums of the districts alone cost {least:,g}"
    if problem.week_least is None or problem.week_most is None:
        return
    if n := int((problem.week_least > problem.week_most).sum()):
        yield f"allocation.dosage: {n:,} cells have a floor above their cap over the plan"
    short = problem.week_least > most_there.sum(axis=0, dtype=np.int64)
    if short.any():
        yield (
            f"allocation.dosage: {int(short.sum()):,} cells have a floor above what the caps per shift allow "
            f"(cells {some(np.flatnonzero(short).tolist(), 5)})"
        )


NO_CAP = int(np.iinfo(np.int16).max)


@dataclasses.dataclass(frozen=True, eq=False)
class _Group:
    """Limits that are dropped together, and how; the shift if they bear on one alone."""

    name: str
    without: Callable[[AllocationProblem], AllocationProblem]
    shift: str = ""


def groups_of(problem: AllocationProblem) -> list[_Group]:
    """Return the limits of a problem, each with the problem that lacks it."""
    groups = []
    if (problem.minimum > _taken_by_calls(problem)).any():
        total = int(problem.minimum.sum())
        groups.append(_Group(f"minimum units of districts and shifts ({total:,} unit-shifts)",
                             lambda one: one.replace(minimum=_taken_by_calls(one))))  # fmt: skip
    if problem.least.any() or (problem.most < problem.on_duty.sum()).any():
        groups.append(_Group("bands of unit-shifts per district", _without_bands))
    if problem.week_least is not None and problem.week_least.any():
        floors = int((problem.week_least > 0).sum())
        groups.append(_Group(f"floors of {floors:,} cells over the plan",
                             lambda one: one.replace(week_least=np.zeros_like(one.week_least))))  # fmt: skip
    if problem.week_most is not None and (problem.week_most < limited_by(problem)).any():
        capped = int((problem.week_most < limited_by(problem)).sum())
        groups.append(_Group(f"caps of {capped:,} cells over the plan",
                             lambda one: one.replace(week_most=limited_by(one))))  # fmt: skip
    if problem.days_running is not None:
        groups.append(_Group(f"limit of {problem.days_running} days running in one cell",
                             lambda one: one.replace(days_running=None)))  # fmt: skip
    if problem.crews is not None:
        groups.append(_Group("needs for skills and types, and edits of units", lambda one: one.replace(
            crews=None, allowed=None, needs=None, need_classes=None, need_names=())))  # fmt: skip
    return groups + [_limit_group(name, limits) for name, limits in _grouped(problem).items()]


def _taken_by_calls(problem: AllocationProblem) -> npt.NDArray[np.int32]:
    """Return the units that the minutes of calls take as such: no plan does with fewer."""
    if problem.busy is None:
        return np.zeros_like(problem.minimum)
    return np.asarray(-(-problem.busy // np.maximum(problem.blocks, 1)), np.int32)


def limited_by(problem: AllocationProblem) -> npt.NDArray[np.int32]:
    """Return the blocks of each cell over the plan that the caps per shift allow."""
    return np.asarray(problem.cap.sum(axis=0, dtype=np.int32))


def _without_bands(problem: AllocationProblem) -> AllocationProblem:
    return problem.replace(least=np.zeros_like(problem.least), most=np.full_like(problem.most, np.iinfo(np.int32).max))


def _grouped(problem: AllocationProblem) -> dict[str, list[Limit]]:
    """Return limits under one name: those of equity together, the two sides of a band together, others alone."""
    groups: dict[str, list[Limit]] = {}
    for limit in problem.limits:
        groups.setdefault(limit.group or limit.name, []).append(limit)
    return groups


def _limit_group(name: str, limits: list[Limit]) -> _Group:
    names = {limit.name for limit in limits}
    return _Group(
        name, lambda one: one.replace(limits=tuple(limit for limit in one.limits if limit.name not in names)),
        limits[0].shift,
    )  # fmt: skip


def explain_conflict(problem: AllocationProblem) -> InfeasibleError:
    """Return the error that names a smallest set of limits that no plan keeps together (deletion filter)."""
    rest, conflict = problem.replace(fair=()), []
    for group in groups_of(problem):
        without = group.without(rest)
        if limited.is_feasible(without):
            conflict.append(note("patrol.conflict", limit=group.name, shift=group.shift))
        else:
            rest = without
    return InfeasibleError(
        "no plan can keep these limits together; without any one of them there would be one "
        "(--soften makes the best plan that bends them least)",
        faults=conflict or ["the units on duty cannot do the least that is asked of them"],
    )


@contextmanager
def naming_edits(edits: Sequence[Edit]) -> Iterator[None]:
    """Name, where no plan exists, the hand edits that bear on it: those of the shifts in question, or all."""
    try:
        yield
    except InfeasibleError as error:
        shifts = {shift for record in error.records if isinstance(record, Note) for shift in record.named("shift")}
        bearing = [edit for edit in edits if edit.shift in shifts] or edits
        if not bearing:
            raise
        named = [f"made by hand: {edit}" for edit in bearing]
        more = "hand edits bear on it: take some back, or lower what they contradict"
        raise InfeasibleError(f"{error.message}; {more}", faults=[*error.faults, *named]) from None
