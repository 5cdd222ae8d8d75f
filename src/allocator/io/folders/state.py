"""The folder `state/` of a run: what re-planning and explaining need."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import shapely

from allocator.domain import (
    AllocationProblem,
    Edit,
    ForecastState,
    HourShares,
    Lattice,
    Limit,
    Origin,
    OutreachTeam,
    Reasons,
    RiskSurface,
    Roster,
    Run,
    Shift,
    Streets,
    Tessellation,
    Travel,
    Unit,
)
from allocator.facts import Note, records
from allocator.io.folders.checks import arrays_of, records_of, table_of
from allocator.io.folders.kept import plain_offers


def write_state(run: Run, place: Path) -> None:
    """Write what re-planning and explaining need into the folder `state/` of a run."""
    surface, plan = run.surface, run.plan
    plan.assignments.to_parquet(place / "assignments.parquet", index=False)
    _save_arrays(place / "problem.npz", _arrays_of(run.problem) | _limit_arrays(run.problem))
    plan.lottery.to_parquet(place / "lottery.parquet", index=False)
    run.outreach.detached.to_parquet(place / "detached.parquet", index=False)
    run.outreach.worth.to_parquet(place / "outreach_worth.parquet", index=False)
    plan.changes.to_parquet(place / "changes.parquet", index=False)
    _save_arrays(place / "forecast.npz", _nested_arrays(run.state))
    _save_arrays(place / "travel.npz", _nested_arrays(run.travel))
    _save_arrays(place / "openings.npz", _arrays_of(run.openings))
    run.outreach.earlier.to_parquet(place / "earlier.parquet", index=False)
    city = surface.city
    arrays: dict[str, Any] = {"indptr": city.indptr, "indices": city.indices, "beat": city.beat}
    if city.lattice is not None:
        arrays |= {"lookup": city.lattice.lookup, "partial": city.lattice.partial}
    _save_arrays(place / "cells.npz", arrays)
    _save_arrays(
        place / "uncertainty.npz",
        {
            "dispersion": surface.dispersion,
            "district_dispersion": surface.district_dispersion,
            "city_dispersion": surface.city_dispersion,
        },
    )
    if surface.reasons is not None:
        _save_arrays(place / "reasons.npz", _arrays_of(surface.reasons))
    lattice = city.lattice
    write_json(
        place / "state.json",
        {
            "city": {"kind": city.kind, "size_m": city.size_m, "districts": city.districts, "beats": city.beats,
                     "lattice": lattice and [lattice.shape, lattice.size, lattice.first_row, lattice.first_column]},
            "surface": {"kinds": surface.kinds, "shifts": surface.shifts, "harm": surface.harm.tolist(),
                        "models": surface.models, "cutoff": surface.cutoff.isoformat(),
                        "interval": surface.interval, "profile_source": surface.profile_source},
            "reasons": surface.reasons and _plain_of(surface.reasons),
            "problem": _problem_plain(run.problem),
            "plan": _plain_of(plan),
            "outreach": _plain_of(run.outreach) | {"offers": plain_offers(run.outreach.offers)},
            "roster": _roster_plain(run.roster),
            "travel": {"detour": run.travel.detour, "notes": records(run.travel.notes)},
        },
    )  # fmt: skip


RISK_TYPES = {"shift": "category", "cell": "int32", "kind": "category",
              **dict.fromkeys(("mean", "lower", "upper"), "float32")}  # fmt: skip

_MOST_CELLS = 1_000_000

_CELL_TYPES = {"cell": "int32", "district": "str", "area_km2": "float64", "beat": "str", "x": "float64",
               "y": "float64", "geometry": "bytes"}  # fmt: skip


def load_city(place: Path, plain: Mapping[str, Any]) -> Tessellation:
    """Return the cells of a run."""
    table_of(place / "cells.parquet", _CELL_TYPES, most_rows=_MOST_CELLS)  # refuses before geometry is made of it
    cells = geopandas.read_parquet(place / "cells.parquet")
    arrays = arrays_of(place / "state" / "cells.npz")
    lattice = None
    if plain["lattice"]:
        shape, size, row, column = plain["lattice"]
        lattice = Lattice(shape, size, row, column, arrays["lookup"], arrays["partial"])
    districts = tuple(plain["districts"])
    row_of = {label: row for row, label in enumerate(districts)} | {"": -1}
    return Tessellation(
        geometry=np.asarray(cells.geometry.values, dtype=object),
        x=cells["x"].to_numpy().copy(), y=cells["y"].to_numpy().copy(), area_km2=cells["area_km2"].to_numpy().copy(),
        district=cells["district"].map(row_of).to_numpy(dtype=np.int32), districts=districts,
        beat=arrays["beat"], beats=tuple(plain["beats"]), indptr=arrays["indptr"], indices=arrays["indices"],
        crs=cells.crs.to_string(), kind=plain["kind"], size_m=plain["size_m"], lattice=lattice,
    )  # fmt: skip


def load_surface(place: Path, state: Mapping[str, Any], city: Tessellation) -> RiskSurface:
    """Return the forecast of a run, with the reasons of its planned cells."""
    plain = state["surface"]
    shape = len(plain["shifts"]), city.n_cells, len(plain["kinds"]) + 1
    table = table_of(place / "risk.parquet", RISK_TYPES, most_rows=int(np.prod(shape)))
    mean, lower, upper = (table[name].to_numpy().reshape(shape) for name in ("mean", "lower", "upper"))
    reasons = None
    if state["reasons"]:
        reasons = Reasons(**arrays_of(place / "state" / "reasons.npz"), **tuples(state["reasons"]))
    return RiskSurface(
        city=city, kinds=tuple(plain["kinds"]), shifts=tuple(plain["shifts"]), mean=mean[:, :, :-1].copy(),
        lower=lower[:, :, :-1].copy(), upper=upper[:, :, :-1].copy(),
        all_lower=lower[:, :, -1].copy(), all_upper=upper[:, :, -1].copy(),
        harm=np.array(plain["harm"]), models=tuple(plain["models"]), cutoff=dt.date.fromisoformat(plain["cutoff"]),
        interval=plain["interval"], profile_source=plain["profile_source"], reasons=reasons,
        **arrays_of(place / "state" / "uncertainty.npz"),
    )  # fmt: skip


def load_forecast_state(place: Path) -> ForecastState:
    """Return what a fast renewal of a run's forecast starts from."""
    arrays = arrays_of(place / "state" / "forecast.npz")
    origin, hours = _part(arrays, "origin/"), _part(arrays, "hours/")
    own = {name: array for name, array in arrays.items() if "/" not in name}
    for part, names in ((own, ("day", "window")), (origin, ("day",)), (hours, ("first_day",))):
        part |= {name: int(part[name]) for name in names if part}
    return ForecastState(
        **own, origin=Origin(**origin) if origin else None, hours=HourShares(**hours) if hours else None
    )


def load_travel(place: Path, plain: Mapping[str, Any]) -> Travel:
    """Return the minutes between the cells of a run, by the matrix or the streets that were read for it."""
    arrays = arrays_of(place / "state" / "travel.npz")
    streets = _part(arrays, "streets/")
    if streets:
        ends, content = streets.pop("geometry_ends"), streets.pop("geometry").tobytes()
        lines = [content[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)]
        streets["geometry"] = shapely.from_wkb(np.array(lines, dtype=object))
    own = {name: array for name, array in arrays.items() if "/" not in name}
    return Travel(**own, streets=Streets(**streets) if streets else None, **tuples(plain))


def _part(arrays: Mapping[str, Any], head: str) -> dict[str, Any]:
    return {name.removeprefix(head): array for name, array in arrays.items() if name.startswith(head)}


def _nested_arrays(record: Any) -> dict[str, Any]:
    """Return the arrays and whole numbers of a record and of the records in it: "streets/x"; geometry as WKB."""
    arrays: dict[str, Any] = {}
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if dataclasses.is_dataclass(value):
            arrays |= {f"{field.name}/{name}": array for name, array in _nested_arrays(value).items()}
        elif isinstance(value, np.ndarray) and value.dtype == object:
            lines = shapely.to_wkb(value)
            arrays[field.name] = np.frombuffer(b"".join(lines), np.uint8)
            arrays[f"{field.name}_ends"] = np.cumsum([len(line) for line in lines], dtype=np.int64)
        elif isinstance(value, np.ndarray | int):
            arrays[field.name] = np.asarray(value)
    return arrays


def _arrays_of(record: Any) -> dict[str, Any]:
    pairs = {one.name: getattr(record, one.name) for one in dataclasses.fields(record)}
    return {name: value for name, value in pairs.items() if isinstance(value, np.ndarray)}


def _plain_of(record: Any) -> dict[str, Any]:
    pairs = {one.name: getattr(record, one.name) for one in dataclasses.fields(record)}
    rest = {name: value for name, value in pairs.items() if not isinstance(value, (np.ndarray, pd.DataFrame))}
    return rest | {name: records(rest[name]) for name in ("notes", "unmet", "softened") if name in rest}


_LIMIT_SETS = ("limits", "fair")


def _limit_arrays(problem: AllocationProblem) -> dict[str, Any]:
    """Return the arrays of every limit, named by where they belong: "limits/0/on_blocks"."""
    return {
        f"{name}/{n}/{key}": array
        for name in _LIMIT_SETS
        for n, limit in enumerate(getattr(problem, name))
        for key, array in _arrays_of(limit).items()
    }


def _problem_plain(problem: AllocationProblem) -> dict[str, Any]:
    plain = _plain_of(problem)
    for name in _LIMIT_SETS:
        # JSON has no infinity: bounds that are none are left out.
        plain[name] = [
            {key: value for key, value in _plain_of(limit).items() if value is not None and _is_finite(value)}
            for limit in getattr(problem, name)
        ]
    return plain


def _is_finite(value: Any) -> bool:
    """Return whether a value is no infinite number."""
    return not isinstance(value, float) or bool(np.isfinite(value))


def load_problem(place: Path, plain: Mapping[str, Any]) -> AllocationProblem:
    """Return what the solver of a run knew."""
    arrays = arrays_of(place / "state" / "problem.npz")
    own = {name: array for name, array in arrays.items() if "/" not in name}
    sets: dict[str, Any] = {}
    for name in _LIMIT_SETS:
        made = []
        for n, one in enumerate(plain[name]):
            head = f"{name}/{n}/"
            held = {key.removeprefix(head): array for key, array in arrays.items() if key.startswith(head)}
            made.append(Limit(**one, **held))
        sets[name] = tuple(made)
    rest = {key: value for key, value in tuples(plain).items() if key not in own and key not in sets}
    return AllocationProblem(**own, **rest, **sets)


def tuples(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of JSON with tuples for lists, and notes for their records."""
    return {name: tuple(map(_noted, value)) if isinstance(value, list) else value for name, value in plain.items()}


def _noted(value: Any) -> Any:
    return Note.of_record(value) if isinstance(value, dict) and "cause" in value else value


def _save_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    np.savez(path, allow_pickle=False, **arrays)


def _roster_plain(roster: Roster) -> dict[str, Any]:
    return {
        "units": [dataclasses.asdict(unit) for unit in roster.units],
        "teams": [dataclasses.asdict(team) for team in roster.teams],
        "shifts": [
            {**dataclasses.asdict(shift), "day": shift.day.isoformat(), "start": shift.start.isoformat(),
             "stop": shift.stop.isoformat()}
            for shift in roster.shifts
        ],
        "duty": sorted(roster.duty),
        "notes": records(roster.notes),
        "edits": [dataclasses.asdict(edit) for edit in roster.edits],
    }  # fmt: skip


def roster_from(plain: Mapping[str, Any]) -> Roster:
    """Return the roster that `_roster_plain` made plain."""
    return Roster(
        units=records_of(tuple[Unit, ...], plain["units"], "roster.units"),
        shifts=records_of(tuple[Shift, ...], plain["shifts"], "roster.shifts"),
        duty=frozenset(records_of(tuple[tuple[str, str], ...], plain["duty"], "roster.duty")),
        teams=records_of(tuple[OutreachTeam, ...], plain["teams"], "roster.teams"),
        notes=tuple(map(Note.of_record, plain["notes"])),
        edits=records_of(tuple[Edit, ...], plain["edits"], "roster.edits"),
    )


def write_json(path: Path, content: Any) -> None:
    """Write a value as JSON; numbers that are none are refused."""
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")


def read_json(path: Path) -> Any:
    """Return the value of a JSON file."""
    return json.loads(path.read_text("utf-8"), parse_constant=_no_number)


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")
