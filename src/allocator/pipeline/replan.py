"""From a run and what happened since to a new run; the earlier one stays as it is."""

from __future__ import annotations

import dataclasses
import datetime as dt
import zoneinfo
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypedDict, Unpack

import numpy as np
import pandas as pd

from allocator import io, planning, report, risk
from allocator.config import RoutesSection
from allocator.domain import (
    AllocationProblem,
    Bools,
    Events,
    ForecastState,
    Givens,
    Ints,
    Origin,
    RiskSurface,
    Roster,
    Run,
    Unit,
    day_number,
    local_clock,
)  # fmt: skip
from allocator.errors import DataError, nearest, some
from allocator.keywords import keywords
from allocator.pipeline.record import Stopwatch, changed_since, inputs_of, origin, peak_mb, refuse_changed

Added: TypeAlias = Iterable[str | Unit] | Mapping[str, str | Sequence[str]]
Closed: TypeAlias = str | Path | Iterable[int]

SEARCH = {"runs": 1, "iterations": 8, "variants": 6}
"""Budget of the routes of a re-plan: a dispatcher waits for it. A district of 16 units then takes about 0.3 s."""


class Changes(TypedDict, total=False):
    """What may happen to a plan; see `replan`."""

    out_of_service: Iterable[str]
    added: Added
    urgent: Iterable[int]
    closed: Closed


@dataclass(frozen=True, eq=False)
class _Happened:
    out_of_service: Iterable[str] = ()
    added: Added = ()
    urgent: Iterable[int] = ()
    closed: Closed = ()


@keywords(_Happened)
def replan(
    run: Run, *, at: str | dt.datetime, events: Events | pd.DataFrame | str | Path | None = None,
    **changes: Unpack[Changes],
) -> Run:  # fmt: skip
    """Return a new run for what is left of a plan after something happened; `run` stays valid and unchanged.

    Visits begun before `at` stand. Of the rest, only shifts whose units, forecast or open cells differ are solved
    again, with a bonus for what stays as it was, and only districts that then differ get new routes.

    Parameters
    ----------
    run : Run
        From `run` or `load_run`.
    at : str or datetime
        When it happened; without an offset it is in the job's time zone.
    events : Events, DataFrame or path, optional
        All incidents since the forecast (of the first run, where this is a re-plan of a re-plan), with the columns of
        the job's `[data]`. The forecast is renewed by them alone.
    out_of_service : iterable of str
        Units that are gone from then until the end of the plan.
    added : iterable of str or Unit, or mapping of unit to shift id(s)
        Units that come on duty: in the shift that runs then, or in the shifts given. "R1:2017-12-26/night" names one.
    urgent : iterable of int
        Cells that are visited as soon as a unit can be there.
    closed : path or iterable of int
        Polygon file, or cells, that cannot be visited or driven through from then on.

    Raises
    ------
    DataError
        With every unknown unit, cell and shift at once; or if `at` lies outside the plan.
    """
    happened = _Happened(**changes)
    for name, given in (("out_of_service", happened.out_of_service), ("added", happened.added)):
        if isinstance(given, str):
            raise DataError(f"{name} = {given!r} is one text: give a list, such as [{given!r}]")
    stopwatch, (minute, clock) = Stopwatch(), _moment(run, at)
    inputs = inputs_of(run.job, [(name, str(given)) for name, given in (("events", events), ("closed", happened.closed))
                                 if isinstance(given, str | Path)])  # fmt: skip
    gone, urgent = tuple(happened.out_of_service), tuple(happened.urgent)
    cells, polygons = _closed_cells(run, happened.closed)
    before = [cell for one in run.manifest.get("replanned", []) for cell in one["closed_cells"]]
    polygons += [run.surface.city.geometry[cell] for cell in before]
    duty = _check(run, gone=gone, duty=_new_duty(run, happened.added, minute), urgent=urgent, closed=cells)
    roster = _roster_after(run.roster, gone, duty, minute)
    surface, state, news = _renewed(run, events, minute)
    refuse_changed(inputs)
    row = {unit.name: u for u, unit in enumerate(roster.units)}
    shifts = {shift.id: s for s, shift in enumerate(roster.shifts)}
    change = planning.Change(
        minute=minute, clock=clock, out={row[name]: f"out of service from {clock}" for name in gone},
        added={(row[unit.name], shifts[shift]): f"on duty from {clock}" for unit, shift in duty},
        closed=cells if cells.any() else None, urgent=urgent,
        news=news if surface is not run.surface else "",  # nothing new is no reason to change anything
    )  # fmt: skip
    problem = _problem_after(run, roster, surface, change)
    job = run.job
    terms = planning.RouteTerms(
        problem, roster, run.travel.without(polygons) if len(polygons) else run.travel, job.allocation,
        job.routes.model_copy(update=_budget(job.routes)), openings=run.openings if job.routes.windows else None,
        seed=job.job.seed,
    )  # fmt: skip
    with stopwatch("re-plan"):
        plan = planning.replan(run.plan, surface, terms=terms, before=run.problem, change=change)
    asked = {
        "at": clock, "out_of_service": list(gone), "added": [f"{unit.name}:{shift}" for unit, shift in duty],
        "urgent": list(urgent), "closed": int(cells.sum()), "closed_cells": np.flatnonzero(cells).tolist(),
        "events": news,
    }  # fmt: skip
    record = {**asked, **origin(job, inputs), "seconds": stopwatch.seconds, "peak_mb": peak_mb()}
    revised = dataclasses.replace(
        run, roster=roster, surface=surface, problem=problem, plan=plan, state=state,
        manifest={**run.manifest, "replanned": [*run.manifest.get("replanned", []), record]},
    )  # fmt: skip
    figures = report.with_notes(report.replan_figures(revised, run, asked), changed_since(inputs), "changed")
    return dataclasses.replace(revised, figures=figures)


def _budget(routes: RoutesSection) -> dict[str, int]:
    return {name: min(getattr(routes, name), most) for name, most in SEARCH.items()}


def _moment(run: Run, at: str | dt.datetime) -> tuple[int, str]:
    """Return the whole minute since 1970-01-01 UTC at or after `at`, and the local time in words."""
    zone = zoneinfo.ZoneInfo(run.job.job.timezone)
    try:
        when = dt.datetime.fromisoformat(at) if isinstance(at, str) else at
    except ValueError:
        raise DataError(f"at = {at!r} is not a time such as 2017-12-26T19:40") from None
    if not isinstance(when, dt.datetime):
        raise DataError(f"at = {at!r} is a day: give the time too, such as {at}T19:40")
    when = when.replace(tzinfo=zone) if when.tzinfo is None else when
    first, last = run.roster.shifts[0].start, max(shift.stop for shift in run.roster.shifts)
    if not first <= when < last:
        raise DataError(
            f"at = {when.astimezone(zone):%Y-%m-%d %H:%M} lies outside the plan, which runs from "
            f"{first.astimezone(zone):%Y-%m-%d %H:%M} to {last.astimezone(zone):%Y-%m-%d %H:%M} ({zone.key})"
        )
    return int(-(-when.timestamp() // 60)), f"{when.astimezone(zone):%Y-%m-%d %H:%M}"


def _closed_cells(run: Run, closed: Closed) -> tuple[Bools, list[Any]]:
    """Return which cells are closed, and the polygons that nothing drives through."""
    city = run.surface.city
    mask = np.zeros(city.n_cells, bool)
    if isinstance(closed, str | Path):
        shapes = list(io.read_polygons(str(closed), city.crs)[0])
        for shape in shapes:
            mask |= city.within(shape)
        return mask, shapes
    cells = list(closed)
    wrong = [cell for cell in cells if not _is_cell(cell, city.n_cells)]
    if wrong:
        raise DataError(f"closed: no such cells: {some(wrong)}; cells are 0 to {city.n_cells - 1}", count=len(wrong))
    mask[cells] = True
    return mask, [city.geometry[cell] for cell in cells]


def _is_cell(cell: Any, n_cells: int) -> bool:
    return isinstance(cell, int | np.integer) and not isinstance(cell, bool) and bool(0 <= cell < n_cells)


def _new_duty(run: Run, added: Added, minute: int) -> list[tuple[Unit | str, str]]:
    """Return units and shift ids that come on duty; a name that is not in the roster is kept for `_check` to refuse."""
    known = {unit.name: unit for unit in run.roster.units}
    running = [
        shift.id for shift in run.roster.shifts if shift.start.timestamp() / 60 <= minute < shift.stop.timestamp() / 60
    ]
    later = [shift.id for shift in run.roster.shifts if shift.start.timestamp() / 60 > minute]
    default = running[:1] or later[:1]
    pairs: list[tuple[Unit | str, str]] = []
    if isinstance(added, Mapping):
        for name, shifts in added.items():
            listed = [shifts] if isinstance(shifts, str) else list(shifts)
            pairs += [(known.get(name, name), shift) for shift in listed]
        return pairs
    for one in added:
        if isinstance(one, Unit):
            pairs += [(one, shift) for shift in default]
            continue
        name, _, shift = one.partition(":")
        pairs += [(known.get(name, name), shift or (default[0] if default else ""))]
    return pairs


def _check(
    run: Run, *, gone: tuple[str, ...], duty: list[tuple[Unit | str, str]], urgent: tuple[int, ...], closed: Bools
) -> list[tuple[Unit, str]]:
    """Return the new duty, after refusing what does not exist or contradicts itself.

    Raises
    ------
    DataError
        With every fault.
    """
    units, shifts = {unit.name for unit in run.roster.units}, {shift.id for shift in run.roster.shifts}
    city = run.surface.city
    faults = [f"out_of_service: unknown unit {name!r}{nearest(name, units)}" for name in gone if name not in units]
    for unit, shift in duty:
        name = unit if isinstance(unit, str) else unit.name
        if isinstance(unit, str):
            hint = nearest(name, units)
            faults.append(
                f"added: unknown unit {name!r}{hint}; one that is not in the roster is added from Python, as al.Unit"
            )
        elif unit not in run.roster.units and name in units:
            faults.append(f"added: {name} is in the roster with other properties: give its name alone")
        if shift not in shifts:
            faults.append(f"added: {name}: unknown shift {shift!r}{nearest(shift, shifts)}")
        if (name, shift) in run.roster.duty:
            faults.append(f"added: {name} is on duty in {shift} already")
        detached = run.outreach.detached
        if ((detached["unit"] == name) & (detached["shift"] == shift)).any():
            faults.append(f"added: {name} serves outreach in {shift}: take its holdings off first")
        if name in gone:
            faults.append(f"{name} is both out of service and added")
    for cell in urgent:
        if not _is_cell(cell, city.n_cells):
            faults.append(f"urgent: no such cell: {cell!r}; cells are 0 to {city.n_cells - 1}")
        elif closed[cell]:
            faults.append(f"urgent: cell {cell} is closed")
    if faults:
        raise DataError("the re-plan cannot be made", faults=faults)
    return [(unit, shift) for unit, shift in duty if isinstance(unit, Unit)]


def _roster_after(roster: Roster, gone: tuple[str, ...], duty: list[tuple[Unit, str]], minute: int) -> Roster:
    ended = {shift.id for shift in roster.shifts if shift.stop.timestamp() / 60 <= minute}
    left = {pair for pair in roster.duty if pair[0] not in gone or pair[1] in ended}
    known = {unit.name for unit in roster.units}
    new = tuple(dict.fromkeys(unit for unit, _ in duty if unit.name not in known))
    more = {(unit.name, shift) for unit, shift in duty}
    return dataclasses.replace(roster, units=(*roster.units, *new), duty=frozenset(left | more))


def _renewed(
    run: Run, events: Events | pd.DataFrame | str | Path | None, minute: int
) -> tuple[RiskSurface, ForecastState, str]:
    """Return forecast and its state after new events, and what they were in words."""
    if events is None:
        return run.surface, run.state, ""
    job = run.job
    surface, state = _as_forecast(run)
    if isinstance(events, pd.DataFrame) and not len(events):
        return run.surface, run.state, ""
    given = events if isinstance(events, Events) else io.read_job_events(job, events)
    kept = io.screen(given.to_crs(surface.city.crs), job.policy)
    cell = surface.city.locate(kept.x, kept.y)
    kind_of = np.array([surface.kinds.index(name) if name in surface.kinds else -1 for name in kept.kinds] or [-1])
    kind = kind_of[kept.kind]
    day, _ = local_clock(kept.time, job.job.timezone)
    cutoff = day_number(surface.cutoff)
    now = np.datetime64(minute * 60, "s")
    new = (cell >= 0) & (kind >= 0) & (day >= cutoff) & (kept.time < now)
    news = f"{int(new.sum()):,} new incidents since the forecast{_aside(given, kept, cell, kind, new, day < cutoff)}"
    if not new.any() and run.state.origin is None:
        return run.surface, run.state, news
    first = cutoff - state.day
    today, second = local_clock(np.array([now]), job.job.timezone)
    until = float(today[0] - first + second[0] / 86_400)
    renewed = risk.update_histories(
        state, surface.city, day=day[new] - first, cell=cell[new], kind=kind[new], until=until
    )
    origin = Origin(state.day, state.state, state.last, state.exposure, surface.mean)
    return risk.update_surface(surface, state, renewed), dataclasses.replace(renewed, origin=origin), news


def _aside(given: Events, kept: Events, cell: Ints, kind: Ints, new: Bools, early: Bools) -> str:
    """Return how many incidents were left aside and why, by the first reason that holds; kinds not forecast by name."""
    other, outside = kind < 0, (kind >= 0) & (cell < 0)
    names = [name for n, name in enumerate(kept.kinds) if (other & (kept.kind == n)).any()]
    rest = ~other & ~outside & ~new
    counts = {
        f"of kinds that are not forecast: {some(names)}": other.sum(), "outside the area": outside.sum(),
        "known already": (rest & early).sum(), "after the time of the re-plan": (rest & ~early).sum(),
        "kept out by the policy": len(given) - len(kept),
    }  # fmt: skip
    told = "; ".join(f"{int(n):,} {why}" for why, n in counts.items() if n)
    return f" (left aside: {told})" if told else ""


def _as_forecast(run: Run) -> tuple[RiskSurface, ForecastState]:
    """Return forecast and state as they were before any new events: what every renewal starts from."""
    if (origin := run.state.origin) is None:
        return run.surface, run.state
    state = dataclasses.replace(
        run.state, day=origin.day, state=origin.state, last=origin.last, exposure=origin.exposure, origin=None
    )
    return run.surface.with_mean(origin.mean), state


def _problem_after(run: Run, roster: Roster, surface: RiskSurface, change: planning.Change) -> AllocationProblem:
    problem = run.problem
    open_shifts = np.array([shift.stop.timestamp() / 60 > change.minute for shift in roster.shifts])
    value, cap = problem.value.copy(), problem.cap.copy()
    if surface is not run.surface:
        renewed = np.asarray(surface.expected_harm)[planning.shift_rows(surface, roster)]
        value[open_shifts] = renewed[open_shifts]
    if change.closed is not None:
        cap[np.ix_(open_shifts, change.closed)] = 0
    on_duty = np.array([len(roster.on_duty(shift)) for shift in roster.shifts], np.int32)
    made = problem.replace(value=value, cap=cap, on_duty=on_duty)
    if problem.crews is None:
        return made
    return planning.with_classes(
        made, roster, run.job.allocation, Givens(edits=planning.allocation_edits(roster.edits, surface.city))
    )
