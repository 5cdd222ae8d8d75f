"""Run folders: written whole, read back equal."""

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
import pyarrow as pa
import pyarrow.parquet as pq

from allocator.config import parse_job
from allocator.domain import (
    ALL_KINDS,
    OUTREACH_COLUMNS,
    AllocationProblem,
    Edit,
    Limit,
    OutreachPlan,
    OutreachTeam,
    Plan,
    Reasons,
    RiskSurface,
    Roster,
    Run,
    Shift,
    Unit,
)
from allocator.errors import DataError, OutputError, some
from allocator.io.folders import sha256, whole_folder
from allocator.io.job import dump_job
from allocator.io.kept import offers_from, plain_offers
from allocator.tessellation import Lattice, Tessellation

FILES = (
    "job.toml", "manifest.json", "summary.json", "risk.parquet", "cells.parquet", "staffing.parquet",
    "plan.parquet", "limits.parquet", "worth.parquet", "outreach.parquet", "needs.parquet", "outreach_areas.parquet",
    "funds.parquet", "plan.geojson", "risk.geojson", "model.txt",
    "skill.parquet",
)  # fmt: skip
"""Files of every run folder, beside `history/`, `state/` and the pictures and pages of the report room."""

LAYOUT = 2
"""Number of the layout of run folders; told in `manifest.json`, and raised with every change that readers notice."""


def write_run(
    run: Run, folder: str | Path, *, pages: Mapping[str, bytes] | None = None, overwrite: bool = False
) -> Path:
    """Write a run folder, complete or not at all, and return its path.

    Parameters
    ----------
    run : Run
        The run.
    folder : path
        Must not exist, unless `overwrite` is given and it holds a run.
    pages : mapping of str to bytes, optional
        Further files by name, such as `map.png` or `routes/U001.gpx`.
    overwrite : bool
        Replace an earlier run.

    Raises
    ------
    OutputError
        If the folder exists or cannot be written.
    """
    with whole_folder(folder, overwrite=overwrite) as place:
        try:
            _write(run, place)
        except (pa.ArrowException, RuntimeError) as error:  # pyarrow and GDAL wrap "no space left"
            raise OutputError(f"cannot write {folder}: {error}") from error
        for name, content in (pages or {}).items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(content)
    return Path(folder).absolute()


def _write(run: Run, place: Path) -> None:
    surface, plan = run.surface, run.plan
    (place / "state").mkdir()
    (place / "job.toml").write_text(dump_job(run.job), "utf-8")
    _write_json(place / "summary.json", run.figures)
    (place / "model.txt").write_text(run.model_text, "utf-8")
    pq.write_table(_risk_table(surface), place / "risk.parquet", compression="zstd")
    cells = _cells_frame(surface.city)
    cells.to_parquet(place / "cells.parquet", index=False)
    tables = {"staffing": plan.staffing, "plan": plan.visits, "limits": plan.limits, "worth": plan.worth}
    outreach = run.outreach
    tables |= {
        "outreach": outreach.items, "needs": outreach.needs, "outreach_areas": outreach.areas, "funds": outreach.funds
    }  # fmt: skip
    for name, frame in tables.items():
        frame.to_parquet(place / f"{name}.parquet", index=False)
    run.skill.to_parquet(place / "skill.parquet", index=False)
    _write_geojson(_visit_points(plan.visits, cells), place / "plan.geojson")
    _write_geojson(_top_cells(surface, cells, run.job.output.top_cells), place / "risk.geojson")
    (place / "history").mkdir()
    for name, frame in run.history.items():
        frame.to_parquet(place / "history" / f"{name}.parquet", index=False)
    _write_state(run, place / "state")
    kept = sorted(path for path in place.rglob("*") if path.is_file())
    hashes = {path.relative_to(place).as_posix(): sha256(path) for path in kept}
    _write_json(place / "manifest.json", {**run.manifest, "layout": LAYOUT, "files": hashes})


def _write_state(run: Run, place: Path) -> None:
    surface, plan = run.surface, run.plan
    plan.assignments.to_parquet(place / "assignments.parquet", index=False)
    _save_arrays(place / "problem.npz", _arrays_of(run.problem) | _limit_arrays(run.problem))
    plan.lottery.to_parquet(place / "lottery.parquet", index=False)
    run.outreach.detached.to_parquet(place / "detached.parquet", index=False)
    run.outreach.worth.to_parquet(place / "outreach_worth.parquet", index=False)
    plan.changes.to_parquet(place / "changes.parquet", index=False)
    _save_arrays(place / "histories.npz", run.histories)
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
    _write_json(
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
        },
    )  # fmt: skip


def load_run(folder: str | Path) -> Run:
    """Return the run of a run folder, equal to the one that was saved.

    Raises
    ------
    DataError
        If the folder is not a complete run folder of this version, or a file of it was changed.
    """
    place = Path(folder)
    if not (place / "manifest.json").is_file():
        raise DataError(f"{place} is not a complete run folder: it lacks manifest.json")
    try:
        manifest = _read_json(place / "manifest.json")
        _check_files(place, manifest)
        return _load(place, manifest)
    except (ValueError, KeyError, TypeError, AttributeError, OSError, pa.ArrowException) as error:
        raise DataError(f"the run folder {place} cannot be read: {error}") from error


def _check_files(place: Path, manifest: Mapping[str, Any]) -> None:
    """Refuse a run folder of another layout, or one that is not as it was written."""
    if manifest.get("layout") != LAYOUT:
        written = manifest.get("versions", {}).get("allocator", "unknown")
        raise DataError(
            f"{place} was written by another version of allocator ({written}, layout {manifest.get('layout', 1)}; this "
            f"one reads layout {LAYOUT}): run its job again, or read it with that version"
        )
    missing = [name for name in manifest["files"] if not (place / name).is_file()]
    if missing:
        raise DataError(f"{place} is not a complete run folder: it lacks {some(missing, 10)}", faults=missing)
    changed = [name for name, known in manifest["files"].items() if sha256(place / name) != known]
    if changed:
        raise DataError(
            f"{place}: {some(changed, 10)} changed after the run was written, so its numbers no longer belong "
            "together: restore what was written, or run the job again",
            faults=changed,
        )


def read_hashes(path: str | Path) -> dict[str, str]:
    """Return the hashes of a file of them, by path; none where there is no such file, or it holds something else."""
    try:
        found = _read_json(Path(path))
    except (OSError, ValueError):
        return {}
    pairs = found.items() if isinstance(found, dict) else ()
    return {name: one for name, one in pairs if isinstance(one, str)}


def _load(place: Path, manifest: Mapping[str, Any]) -> Run:
    import tomllib

    state = _read_json(place / "state" / "state.json")
    city = _load_city(place, state["city"])
    return Run(
        job=parse_job(tomllib.loads((place / "job.toml").read_text("utf-8")), source=str(place / "job.toml")),
        surface=_load_surface(place, state, city),
        roster=_roster_from(state["roster"]),
        problem=_load_problem(place, state["problem"]),
        plan=Plan(
            visits=_read_timed(place / "plan.parquet"),
            assignments=pd.read_parquet(place / "state" / "assignments.parquet"),
            staffing=pd.read_parquet(place / "staffing.parquet"),
            limits=pd.read_parquet(place / "limits.parquet"),
            worth=pd.read_parquet(place / "worth.parquet"),
            lottery=pd.read_parquet(place / "state" / "lottery.parquet"),
            changes=pd.read_parquet(place / "state" / "changes.parquet"),
            **_tuples(state["plan"]),
        ),
        outreach=OutreachPlan(
            items=_read_timed(place / "outreach.parquet"),
            needs=pd.read_parquet(place / "needs.parquet"),
            areas=pd.read_parquet(place / "outreach_areas.parquet"),
            funds=pd.read_parquet(place / "funds.parquet"),
            detached=pd.read_parquet(place / "state" / "detached.parquet"),
            worth=pd.read_parquet(place / "state" / "outreach_worth.parquet"),
            **_tuples(state["outreach"]) | {"offers": offers_from(state["outreach"]["offers"])},
        ),
        skill=pd.read_parquet(place / "skill.parquet"),
        model_text=(place / "model.txt").read_text("utf-8"),
        histories=_npz(place / "state" / "histories.npz"),
        figures=_read_json(place / "summary.json"),
        manifest={key: value for key, value in manifest.items() if key not in ("layout", "files")},
        history={path.stem: pd.read_parquet(path) for path in sorted((place / "history").glob("*.parquet"))},
    )


def _read_timed(path: Path) -> pd.DataFrame:
    """Read a table with `start`, `stop`: Parquet knows no seconds, so they come back as milliseconds."""
    return pd.read_parquet(path).astype(dict.fromkeys(("start", "stop"), "datetime64[s, UTC]"))


def read_items(path: str | Path) -> pd.DataFrame:
    """Return the outreach items of an earlier plan: its `outreach.parquet`.

    Raises
    ------
    DataError
        If the file is none.
    """
    try:
        frame = _read_timed(Path(path))
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise DataError(f"{Path(path).name} is not the outreach.parquet of a run folder: {error}") from error
    if missing := [name for name in OUTREACH_COLUMNS if name not in frame]:
        raise DataError(f"{Path(path).name} lacks the columns {', '.join(missing)}; is it of an older version?")
    return frame


def _load_city(place: Path, plain: Mapping[str, Any]) -> Tessellation:
    cells = geopandas.read_parquet(place / "cells.parquet")
    arrays = _npz(place / "state" / "cells.npz")
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


def _load_surface(place: Path, state: Mapping[str, Any], city: Tessellation) -> RiskSurface:
    plain = state["surface"]
    table = pq.read_table(place / "risk.parquet", columns=["mean", "lower", "upper"])
    shape = len(plain["shifts"]), city.n_cells, len(plain["kinds"]) + 1
    mean, lower, upper = (table[name].to_numpy().reshape(shape) for name in ("mean", "lower", "upper"))
    reasons = None
    if state["reasons"]:
        reasons = Reasons(**_npz(place / "state" / "reasons.npz"), **_tuples(state["reasons"]))
    return RiskSurface(
        city=city, kinds=tuple(plain["kinds"]), shifts=tuple(plain["shifts"]), mean=mean[:, :, :-1].copy(),
        lower=lower[:, :, :-1].copy(), upper=upper[:, :, :-1].copy(),
        all_lower=lower[:, :, -1].copy(), all_upper=upper[:, :, -1].copy(),
        harm=np.array(plain["harm"]), models=tuple(plain["models"]), cutoff=dt.date.fromisoformat(plain["cutoff"]),
        interval=plain["interval"], profile_source=plain["profile_source"], reasons=reasons,
        **_npz(place / "state" / "uncertainty.npz"),
    )  # fmt: skip


def _risk_table(surface: RiskSurface) -> pa.Table:
    """Return `shift, cell, kind, mean, lower, upper`, sorted by shift, cell, kind; the kind "all" is last."""
    n_shifts, n_cells, n_kinds = surface.mean.shape
    total = surface.mean.sum(axis=2, dtype=np.float32)[:, :, None]

    def column(by_kind: Any, together: Any) -> Any:
        return np.concatenate([by_kind, together], axis=2).astype(np.float32).ravel()

    shift = np.repeat(np.arange(n_shifts, dtype=np.int16), n_cells * (n_kinds + 1))
    kind = np.tile(np.arange(n_kinds + 1, dtype=np.int16), n_shifts * n_cells)
    cell = np.tile(np.repeat(np.arange(n_cells, dtype=np.int32), n_kinds + 1), n_shifts)
    return pa.table(
        {
            "shift": pa.DictionaryArray.from_arrays(shift, list(surface.shifts)),
            "cell": cell,
            "kind": pa.DictionaryArray.from_arrays(kind, [*surface.kinds, ALL_KINDS]),
            "mean": column(surface.mean, total),
            "lower": column(surface.lower, surface.all_lower[:, :, None]),
            "upper": column(surface.upper, surface.all_upper[:, :, None]),
        }
    )


def _cells_frame(city: Tessellation) -> geopandas.GeoDataFrame:
    labels = np.array([*city.districts, ""], dtype=object)
    beats = np.array([*city.beats, ""], dtype=object)
    return geopandas.GeoDataFrame(
        {
            "cell": np.arange(city.n_cells, dtype=np.int32),
            "district": pd.array(labels[city.district], dtype="str"),
            "area_km2": city.area_km2,
            "beat": pd.array(beats[city.beat], dtype="str"),
            "x": city.x,
            "y": city.y,
        },
        geometry=city.geometry,
        crs=city.crs,
    )


def _visit_points(visits: pd.DataFrame, cells: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    table = visits.copy()
    for name in ("start", "stop"):
        table[name] = table[name].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    table["district"] = cells["district"].to_numpy()[visits["cell"]]
    points = geopandas.points_from_xy(cells["x"].to_numpy()[visits["cell"]], cells["y"].to_numpy()[visits["cell"]])
    return geopandas.GeoDataFrame(table, geometry=points, crs=cells.crs)


def _top_cells(surface: RiskSurface, cells: geopandas.GeoDataFrame, n: int) -> geopandas.GeoDataFrame:
    harm = surface.expected_harm.sum(axis=0)
    top = np.argsort(-harm, kind="stable")[:n]
    table = cells.iloc[top][["cell", "district", "beat", "area_km2", "geometry"]].copy()
    table["rank"] = np.arange(1, len(top) + 1, dtype=np.int32)
    table["expected_harm"] = np.round(harm[top], 5)
    for row, kind in enumerate(surface.kinds):
        table[f"expected {kind}"] = np.round(surface.mean[:, top, row].sum(axis=0, dtype=np.float64), 5)
    return table


def _write_geojson(frame: geopandas.GeoDataFrame, path: Path) -> None:
    """Write RFC 7946 GeoJSON: WGS84, right-handed rings, six decimals (0.1 m)."""
    frame.to_crs("EPSG:4326").to_file(path, driver="GeoJSON", engine="pyogrio", RFC7946="YES", COORDINATE_PRECISION=6)


def _arrays_of(record: Any) -> dict[str, Any]:
    pairs = {one.name: getattr(record, one.name) for one in dataclasses.fields(record)}
    return {name: value for name, value in pairs.items() if isinstance(value, np.ndarray)}


def _plain_of(record: Any) -> dict[str, Any]:
    pairs = {one.name: getattr(record, one.name) for one in dataclasses.fields(record)}
    return {name: value for name, value in pairs.items() if not isinstance(value, (np.ndarray, pd.DataFrame))}


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


def _load_problem(place: Path, plain: Mapping[str, Any]) -> AllocationProblem:
    arrays = _npz(place / "state" / "problem.npz")
    own = {name: array for name, array in arrays.items() if "/" not in name}
    sets: dict[str, Any] = {}
    for name in _LIMIT_SETS:
        made = []
        for n, one in enumerate(plain[name]):
            head = f"{name}/{n}/"
            held = {key.removeprefix(head): array for key, array in arrays.items() if key.startswith(head)}
            made.append(Limit(**one, **held))
        sets[name] = tuple(made)
    rest = {key: value for key, value in _tuples(plain).items() if key not in own and key not in sets}
    return AllocationProblem(**own, **rest, **sets)


def _tuples(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()}


def _save_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    np.savez(path, allow_pickle=False, **arrays)


def _npz(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


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
        "notes": roster.notes,
        "edits": [dataclasses.asdict(edit) for edit in roster.edits],
    }  # fmt: skip


def _roster_from(plain: Mapping[str, Any]) -> Roster:
    shifts = [
        Shift(**{**shift, "day": dt.date.fromisoformat(shift["day"]),
                 "start": dt.datetime.fromisoformat(shift["start"]), "stop": dt.datetime.fromisoformat(shift["stop"])})
        for shift in plain["shifts"]
    ]  # fmt: skip
    return Roster(
        units=tuple(Unit(**_tuples(unit)) for unit in plain["units"]),
        shifts=tuple(shifts),
        duty=frozenset((unit, shift) for unit, shift in plain["duty"]),
        teams=tuple(OutreachTeam(**_tuples(team)) for team in plain["teams"]),
        notes=tuple(plain["notes"]),
        edits=tuple(Edit(**edit) for edit in plain["edits"]),
    )


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))
