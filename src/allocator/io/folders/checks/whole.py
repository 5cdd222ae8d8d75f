"""Whether the parts of a run fit each other: shapes, ranges, and names that exist."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator

import numpy as np
import pandas as pd
import pyproj
import shapely

from allocator.domain import (
    N_BINS,
    WEEK_HOURS,
    AllocationProblem,
    ForecastState,
    Reasons,
    RiskSurface,
    Run,
    Tessellation,
    Travel,
)
from allocator.errors import DataError, some
from allocator.facts import Note
from allocator.io.folders.checks.values import LARGE, array_fault, csr_faults, distinct_fault, number_fault, texts_fault

MOST_BLOCKS = 1440
"""Visit blocks of a shift: a day of minutes."""

_FIRST, _LAST = pd.Timestamp("1950-01-01", tz="UTC"), pd.Timestamp("2200-01-01", tz="UTC")


_HISTORY = {
    "weekly": {"week", "kind", "events", "covered"},
    "alarms": {"kind", "start", "raised", "direction", "strength", "state"},
    "hours": {"kind", "weekday", "hour", "events"},
    "hotspots": {"start", "events", "own_share", "earlier_share", "kept"},
    "curve": {"model", "area_share", "hit_rate", "best_possible"},
    "calibration": {"model", "decile", "expected", "observed"},
}
"""Columns that the report needs of the tables of `look_back`."""


def check_run(run: Run) -> None:
    """Refuse a run whose parts do not fit each other.

    Raises
    ------
    DataError
        With every fault.
    """
    for check in (_city, _roster, _job, _surface, _problem, _rest, _tables):
        if faults := [fault for fault in check(run) if fault]:
            raise DataError("the run folder holds values that no run writes", faults=faults)


def _city(run: Run) -> Iterator[str]:
    city: Tessellation = run.surface.city
    n = len(city.x)
    yield "" if n else "there are no cells"
    yield "" if city.kind in ("squares", "hexagons", "polygons", "regions") else "city.kind is unknown"
    yield number_fault("city.size_m", city.size_m, 1e-3, LARGE)
    yield distinct_fault("districts", city.districts)
    yield texts_fault("beats", city.beats)
    for name in ("x", "y"):
        yield array_fault(f"cells.{name}", getattr(city, name), "f", (n,))
    yield array_fault("cells.area_km2", city.area_km2, "f", (n,), within=(1e-12, 1e6))
    yield array_fault("cells.district", city.district, "i", (n,), within=(-1, len(city.districts) - 1))
    yield array_fault("cells.beat", city.beat, "i", (n,), within=(-1, len(city.beats) - 1))
    yield from csr_faults("cells", city.indptr, city.indices, n)
    if (grid := city.lattice) is not None:
        yield "" if grid.shape in ("squares", "hexagons") else "lattice.shape is unknown"
        yield number_fault("lattice.size", grid.size, 1e-3, LARGE)
        for row in ("first_row", "first_column"):
            value = getattr(grid, row)
            yield number_fault(f"lattice.{row}", value, -LARGE, LARGE) or (
                "" if isinstance(value, int) else f"{row} is no row"
            )
        yield array_fault("lattice.lookup", grid.lookup, "i", (None, None), within=(-1, n - 1))
        yield array_fault("lattice.partial", grid.partial, "b", (n,))
    yield from _shapes(city, n)


def _shapes(city: Tessellation, n: int) -> Iterator[str]:
    shapes = city.geometry
    yield "" if len(shapes) == n else "cells.geometry has another number of cells"
    polygons = np.isin(shapely.get_type_id(shapes), (3, 6)) & shapely.is_valid(shapes) & ~shapely.is_empty(shapes)
    yield "" if polygons.all() else f"cells.geometry has {int((~polygons).sum()):,} shapes that are no valid polygons"
    yield (
        ""
        if np.abs(shapely.bounds(shapes[polygons])).max(initial=0) <= LARGE
        else "cells.geometry lies outside the earth"
    )
    yield "" if pyproj.CRS.from_user_input(city.crs).is_projected else "the cells are in degrees"


def _roster(run: Run) -> Iterator[str]:
    roster = run.roster
    units, shifts = [unit.name for unit in roster.units], [shift.id for shift in roster.shifts]
    for name, names in (("units", units), ("shifts", shifts), ("teams", [team.name for team in roster.teams])):
        yield distinct_fault(f"roster.{name}", tuple(names))
    yield "" if shifts else "roster.shifts are missing"
    for shift in roster.shifts:
        hours = (shift.stop - shift.start) / dt.timedelta(hours=1)
        yield "" if 0 < hours <= 49 and 1950 <= shift.start.year < 2200 else f"shift {shift.id}: no hours"
    yield "" if list(roster.shifts) == sorted(roster.shifts, key=lambda one: one.start) else "shifts are in no order"
    lost = [pair for pair in roster.duty if pair[0] not in set(units) or pair[1] not in set(shifts)]
    yield f"roster.duty names {len(lost):,} units or shifts that there are not" if lost else ""
    for unit in roster.units:
        yield "" if unit.max_shifts is None or unit.max_shifts >= 0 else f"unit {unit.name}: max_shifts below 0"
    for team in roster.teams:
        yield number_fault(f"team {team.name}: hours", team.hours_per_week, 0, 24 * 7 * 1000)
        yield "" if 0 <= team.working[0] <= team.working[1] <= 1440 else f"team {team.name}: no hours of work"
        yield "" if all(0 <= day <= 6 for day in team.weekdays) else f"team {team.name}: no weekdays"
    n_cells = run.surface.city.n_cells
    for edit in roster.edits:
        fits = edit.action in ("pin", "forbid") and -1 <= edit.cell < n_cells and edit.shift in set(shifts)
        fits &= edit.unit in {*units, ""} and edit.district in {*run.surface.city.districts, ""}
        yield "" if fits else "roster.edits name what there is not"


def _job(run: Run) -> Iterator[str]:
    """Yield what shows that the job is not that of the run: names of its shifts, and outreach."""
    job, shifts = run.job, run.roster.shifts
    names = {section.name for section in job.shifts}
    yield "" if {shift.name for shift in shifts} <= names else "job.toml has other shifts than the plan"
    yield "" if job.outreach is not None or not len(run.outreach.items) else "job.toml has no outreach, the plan has"


def _surface(run: Run) -> Iterator[str]:
    surface: RiskSurface = run.surface
    kinds = len(surface.kinds)
    shape = (len(surface.shifts), surface.city.n_cells, kinds)
    yield distinct_fault("surface.kinds", surface.kinds)
    yield "" if kinds else "surface.kinds are missing"
    yield distinct_fault("surface.shifts", surface.shifts)
    yield texts_fault("surface.models", surface.models, kinds)
    lost = {shift.id for shift in run.roster.shifts} - set(surface.shifts)
    yield f"the forecast lacks {len(lost)} shifts of the roster" if lost else ""
    for name in ("mean", "lower", "upper"):
        yield array_fault(f"risk.{name}", getattr(surface, name), "f", shape, within=(0, LARGE))
    for name in ("all_lower", "all_upper"):
        yield array_fault(f"risk.{name}", getattr(surface, name), "f", shape[:2], within=(0, LARGE))
    yield array_fault("surface.harm", surface.harm, "f", (kinds,), within=(0, LARGE))
    yield array_fault("uncertainty.dispersion", surface.dispersion, "f", (shape[1], kinds + 1), within=(0, LARGE))
    for name in ("district_dispersion", "city_dispersion"):
        yield array_fault(f"uncertainty.{name}", getattr(surface, name), "f", (kinds + 1,), within=(0, LARGE))
    yield number_fault("surface.interval", surface.interval, 1e-6, 1 - 1e-6)
    yield "" if isinstance(surface.profile_source, str) else "surface.profile_source is no text"
    if surface.reasons is not None:
        yield from _reasons(surface.reasons, surface)


def _reasons(reasons: Reasons, surface: RiskSurface) -> Iterator[str]:
    n, kinds = len(reasons.cells), len(surface.kinds)
    yield array_fault("reasons.cells", reasons.cells, "i", (n,), within=(0, surface.city.n_cells - 1))
    if isinstance(reasons.cells, np.ndarray) and reasons.cells.ndim == 1 and reasons.cells.dtype.kind in "iu":
        yield "" if (np.diff(reasons.cells.astype(np.int64)) > 0).all() else "reasons.cells do not rise"
    yield texts_fault("reasons.kinds", reasons.kinds, kinds)
    yield texts_fault("reasons.shifts", reasons.shifts, len(surface.shifts))
    yield texts_fault("reasons.sources", reasons.sources)
    yield texts_fault("reasons.groups", reasons.groups)
    yield array_fault("reasons.shares", reasons.shares, "f", (n, kinds, len(reasons.sources)))
    yield array_fault("reasons.changes", reasons.changes, "f", (n, kinds, len(reasons.groups)), within=(-500, 500))
    yield array_fault("reasons.profile", reasons.profile, "f", (len(surface.shifts), n, kinds), within=(0, LARGE))
    yield array_fault("reasons.recent", reasons.recent, "i", (n, kinds), within=(0, LARGE))
    for name in ("recent_days", "recent_m"):
        yield number_fault(f"reasons.{name}", getattr(reasons, name), 0, 1e6)


def _problem(run: Run) -> Iterator[str]:
    problem: AllocationProblem = run.problem
    shifts, cells, districts = len(run.roster.shifts), run.surface.city.n_cells, len(run.surface.city.districts)
    units = len(run.roster.units)
    both = (districts, shifts)
    yield "" if problem.shifts == tuple(shift.id for shift in run.roster.shifts) else "problem.shifts are others"
    yield "" if problem.districts == run.surface.city.districts else "problem.districts are others"
    yield array_fault("problem.district", problem.district, "i", (cells,), within=(-1, districts - 1))
    yield array_fault("problem.value", problem.value, "f", (shifts, cells), within=(0, LARGE))
    yield array_fault("problem.cap", problem.cap, "i", (shifts, cells), within=(0, MOST_BLOCKS))
    yield array_fault("problem.blocks", problem.blocks, "i", (shifts,), within=(0, MOST_BLOCKS))
    yield array_fault("problem.on_duty", problem.on_duty, "i", (shifts,), within=(0, units))
    yield array_fault("problem.minimum", problem.minimum, "i", both, within=(0, 1e6))
    for name in ("least", "most"):
        yield array_fault(f"problem.{name}", getattr(problem, name), "i", (districts,), within=(0, 2**31 - 1))
    optional = {
        "busy": (both, 0, 1e7), "day": ((shifts,), 0, 1e5), "incumbent": (both, 0, 1e6),
        "week_least": ((cells,), 0, 2**31 - 1), "week_most": ((cells,), 0, 2**31 - 1),
    }  # fmt: skip
    for name, (shape, least, most) in optional.items():
        if (value := getattr(problem, name)) is not None:
            yield array_fault(f"problem.{name}", value, "i", shape, within=(least, most))
    yield number_fault("problem.diminishing", problem.diminishing, 1e-9, 1000)
    yield number_fault("problem.spillover", problem.spillover, 0, 1)
    yield number_fault("problem.stay_bonus", problem.stay_bonus, 0, LARGE)
    if problem.days_running is not None:
        yield number_fault("problem.days_running", problem.days_running, 1, 1e5)
    if problem.spillover or problem.indptr is not None:
        yield from csr_faults("problem", problem.indptr, problem.indices, cells)
    yield from _crews(problem, units, both)
    yield from _limits(problem, shifts, cells, both)


def _crews(problem: AllocationProblem, units: int, both: tuple[int, int]) -> Iterator[str]:
    if problem.crews is None:
        yield "" if problem.needs is None else "problem.needs are of no crews"
        return
    classes = len(problem.crews)
    yield array_fault("problem.crews", problem.crews, "i", (classes, both[1]), within=(0, units))
    yield array_fault("problem.allowed", problem.allowed, "b", (classes, *both))
    yield array_fault("problem.class_of", problem.class_of, "i", (units,), within=(0, classes - 1))
    if problem.needs is not None:
        yield array_fault("problem.needs", problem.needs, "i", (None, 3), within=(0, 1e6))
        n = len(problem.needs)
        if problem.needs.ndim == 2 and problem.needs.shape[1] == 3:
            inside = (problem.needs[:, 0] < both[0]).all() and (problem.needs[:, 1] < both[1]).all()
            yield "" if inside else "problem.needs name districts or shifts that there are not"
        yield array_fault("problem.need_classes", problem.need_classes, "b", (n, classes))
        yield texts_fault("problem.need_names", problem.need_names, n)


def _limits(problem: AllocationProblem, shifts: int, cells: int, both: tuple[int, int]) -> Iterator[str]:
    for limit in (*problem.limits, *problem.fair):
        if limit.on_blocks is not None:
            rows = len(limit.on_blocks) if getattr(limit.on_blocks, "ndim", 0) else -1
            yield "" if rows in (1, shifts) else "limits.on_blocks has another number of shifts"
            yield array_fault("limits.on_blocks", limit.on_blocks, "f", (rows, cells))
        if limit.on_harm is not None:
            yield array_fault("limits.on_harm", limit.on_harm, "f", (cells,))
        if limit.on_units is not None:
            yield array_fault("limits.on_units", limit.on_units, "f", both)
        yield number_fault("limits.scale", limit.scale, 1e-12, LARGE)
        for name in ("least", "most"):
            value = getattr(limit, name)
            yield "" if isinstance(value, int | float) and not np.isnan(value) else f"limits.{name} is no number"
        for name in ("name", "source", "unit", "group", "district", "shift"):
            yield "" if isinstance(getattr(limit, name), str) else f"limits.{name} is no text"


def _rest(run: Run) -> Iterator[str]:
    yield from _state(run.state, run)
    yield from _travel(run.travel, run.surface.city.n_cells)
    shifts, windows = len(run.roster.shifts), len(run.openings.cells)
    yield array_fault("openings.cells", run.openings.cells, "b", (windows, run.surface.city.n_cells))
    for name in ("opens", "closes"):
        yield array_fault(
            f"openings.{name}", getattr(run.openings, name), "i", (windows, shifts), within=(-LARGE, LARGE)
        )


def _state(state: ForecastState, run: Run) -> Iterator[str]:
    kinds, cells = len(run.surface.kinds), run.surface.city.n_cells
    lives, bands = np.size(state.half_lives), np.size(state.bandwidths)
    yield array_fault("forecast.half_lives", state.half_lives, "f", (lives,), within=(1e-6, LARGE), holes="inf")
    yield array_fault("forecast.bandwidths", state.bandwidths, "f", (bands,), within=(0, 1e7))
    yield number_fault("forecast.window", state.window, 1, 1e5)
    yield array_fault("forecast.rate", state.rate, "f", (kinds, cells), within=(0, LARGE))
    yield array_fault("forecast.dispersion", state.dispersion, "f", (kinds + 1,), within=(0, LARGE))
    if state.mixture_weights is not None:
        width = bands * lives * (1 if kinds == 1 else 2) + 1
        yield array_fault("forecast.mixture_weights", state.mixture_weights, "f", (kinds, width), within=(0, LARGE))
    if state.following is not None:
        yield array_fault("forecast.following", state.following, "f", (kinds, cells), within=(0, 1 + 1e-6))
    if state.hours is not None:
        yield array_fault("hours.bins", state.hours.bins, "f", (kinds, cells, N_BINS), within=(0, 1))
        weeks = max(np.size(state.hours.weight) // (kinds * WEEK_HOURS), 1)
        yield array_fault("hours.weight", state.hours.weight, "f", (kinds, weeks * WEEK_HOURS), within=(0, 1e3))
        bins, weight = np.asarray(state.hours.bins), np.asarray(state.hours.weight)
        if bins.ndim == 3 and weight.shape == (kinds, weeks * WEEK_HOURS):
            empty = not bins.sum(axis=2).all() or not weight.reshape(len(weight), weeks, -1).sum(axis=2).all()
            yield "hours hold a cell or a week without any share" if empty else ""
        yield number_fault("hours.first_day", state.hours.first_day, -1e6, 1e6)
    for name, one in (("forecast", state), ("origin", state.origin)):
        if one is None:
            continue
        yield number_fault(f"{name}.day", one.day, 0, 1e6)
        yield array_fault(f"{name}.state", one.state, "f", (kinds, bands, cells, lives))
        yield array_fault(f"{name}.last", one.last, "f", (kinds, cells), within=(-LARGE, 1e6), holes="-inf nan")
        shape = (kinds, lives) if getattr(one.exposure, "ndim", 0) == 2 else (lives,)
        yield array_fault(f"{name}.exposure", one.exposure, "f", shape, within=(0, LARGE))
    if state.origin is not None:
        yield array_fault("origin.mean", state.origin.mean, "f", run.surface.mean.shape, within=(0, LARGE))


def _travel(travel: Travel, cells: int) -> Iterator[str]:
    for name in ("x", "y"):
        yield array_fault(f"travel.{name}", getattr(travel, name), "f", (cells,))
    yield number_fault("travel.detour", travel.detour, 0.1, 1000)
    if travel.matrix is not None:
        labels = len(travel.matrix) if getattr(travel.matrix, "ndim", 0) else 0
        yield array_fault("travel.matrix", travel.matrix, "f", (labels, labels), within=(0, LARGE), holes="inf")
        yield array_fault("travel.label", travel.label, "i", (cells,), within=(0, labels - 1))
    if (streets := travel.streets) is not None:
        nodes, edges = np.size(streets.x), np.size(streets.tail)
        for name in ("x", "y"):
            yield array_fault(f"streets.{name}", getattr(streets, name), "f", (nodes,))
        for name in ("tail", "head"):
            yield array_fault(f"streets.{name}", getattr(streets, name), "i", (edges,), within=(0, nodes - 1))
        yield array_fault("streets.metres", streets.metres, "f", (edges,), within=(0, LARGE))
        yield array_fault("streets.speed_kmh", streets.speed_kmh, "f", (edges,), within=(1e-6, LARGE), holes="nan")
        yield array_fault("streets.node", streets.node, "i", (cells,), within=(0, nodes - 1))
        yield array_fault("streets.access_m", streets.access_m, "f", (cells,), within=(0, LARGE))
        yield "" if len(streets.geometry) == edges else "streets.geometry has another number of lines"
        yield "" if (shapely.get_type_id(streets.geometry) == 1).all() else "streets.geometry has what is no line"


def _tables(run: Run) -> Iterator[str]:
    plan, outreach, city = run.plan, run.outreach, run.surface.city
    shifts, units = [shift.id for shift in run.roster.shifts], [unit.name for unit in run.roster.units]
    districts = [*city.districts, ""]
    visits = plan.visits
    yield _among("plan.unit", visits["unit"], units)
    yield _among("plan.shift", visits["shift"], shifts)
    yield array_fault("plan.cell", visits["cell"].to_numpy(), "i", (len(visits),), within=(0, city.n_cells - 1))
    yield array_fault("plan.seq", visits["seq"].to_numpy(), "i", (len(visits),), within=(0, 1e6))
    yield _times("plan", visits, 24 * 60)
    yield _among("assignments.unit", plan.assignments["unit"], units)
    for name, table in (("assignments", plan.assignments), ("changes", plan.changes), ("lottery", plan.lottery)):
        yield _among(f"{name}.shift", table["shift"], shifts)
        yield _among(f"{name}.district", table["district"], districts)
    pairs = pd.MultiIndex.from_product([city.districts, shifts])
    told = pd.MultiIndex.from_arrays([plan.staffing["district"], plan.staffing["shift"]])
    yield "" if told.equals(pairs) else "staffing has no row, or several, for a district and shift"
    for table, name in ((plan.staffing, "staffing"), (plan.limits, "limits"), (plan.worth, "worth")):
        yield from _numbers(name, table)
    sets = {
        "problem.notes": run.problem.notes, "plan.unmet": plan.unmet, "plan.softened": plan.softened,
        "outreach.unmet": outreach.unmet, "outreach.notes": outreach.notes, "travel.notes": run.travel.notes,
    }  # fmt: skip
    for name, notes in sets.items():
        fits = isinstance(notes, tuple) and all(isinstance(one, Note) for one in notes)
        yield "" if fits else f"{name} are no notes"
    for name in ("objective", "bound", "delivered", "delivered_bound"):
        yield number_fault(f"plan.{name}", getattr(plan, name), -LARGE, np.inf if name.endswith("bound") else LARGE)
    yield "" if isinstance(plan.solver, str) else "plan.solver is no text"
    yield from _season(run, shifts)


def _season(run: Run, shifts: Collection[str]) -> Iterator[str]:
    outreach = run.outreach
    for name in ("objective", "bound", "low", "high", "budget", "spent"):
        yield number_fault(f"outreach.{name}", getattr(outreach, name), -LARGE, np.inf if name == "bound" else LARGE)
    for name, items in (("outreach", outreach.items), ("earlier", outreach.earlier)):
        yield _times(name, items, 366 * 24 * 60)
        yield from _numbers(name, items)
        yield array_fault(f"{name}.lon", items["lon"].to_numpy(), "f", (None,), within=(-180, 180), holes="nan")
        yield array_fault(f"{name}.lat", items["lat"].to_numpy(), "f", (None,), within=(-90, 90), holes="nan")
    for name, table in (("needs", outreach.needs), ("outreach_areas", outreach.areas), ("funds", outreach.funds),
                        ("outreach_worth", outreach.worth), ("detached", outreach.detached)):  # fmt: skip
        yield from _numbers(name, table)
    yield _among("detached.shift", outreach.detached["shift"], shifts)
    for name, table in run.history.items():
        yield from _numbers(f"history/{name}", table)
        lost = sorted(_HISTORY.get(name, set()) - set(table.columns))
        yield f"history/{name} lacks the columns {some(lost)}" if lost else ""
    yield f"history lacks {some(lost)}" if (lost := sorted(set(_HISTORY) - set(run.history))) else ""
    if not lost and {"kind", "weekday", "hour"} <= set(hours := run.history["hours"]):
        whole = hours["kind"].nunique() * WEEK_HOURS == len(hours)
        yield "" if whole else "history/hours has no row, or several, for an hour of the week"
    yield from _numbers("skill", run.skill)


def _among(name: str, column: pd.Series, known: Collection[str]) -> str:
    lost = ~column.isin(list(known))
    return f"{name} names {int(lost.sum()):,} that there are not" if lost.any() else ""


def _times(name: str, table: pd.DataFrame, most_minutes: int) -> str:
    start, stop = table["start"], table["stop"]
    minutes = (stop - start).dt.total_seconds() / 60
    fits = start.between(_FIRST, _LAST) & stop.between(_FIRST, _LAST) & minutes.between(0, most_minutes)
    return "" if fits.all() else f"{name} has {int((~fits).sum()):,} rows with impossible times"


def _numbers(name: str, table: pd.DataFrame) -> Iterable[str]:
    """Yield the columns of a table with numbers that no plan has; none and infinity may stand for "no limit"."""
    for column in table:
        if table[column].dtype.kind in "iuf":
            value = table[column].to_numpy(np.float64)
            if (np.abs(value[np.isfinite(value)]) > 1e12).any():
                yield f"{name}.{column} has values that no plan has"
