"""Run folders: written whole, read back equal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from allocator.config import parse_job
from allocator.domain import ALL_KINDS, OUTREACH_COLUMNS, Openings, OutreachPlan, Plan, RiskSurface, Run, Tessellation
from allocator.errors import DataError, OutputError, some
from allocator.io.folders.disk import sha256
from allocator.io.folders.files import whole_folder
from allocator.io.folders.kept import offers_from
from allocator.io.folders.ours import LAYOUT, MANIFEST, sealed
from allocator.io.folders.state import (
    load_city,
    load_forecast_state,
    load_problem,
    load_surface,
    load_travel,
    npz,
    read_json,
    roster_from,
    tuples,
    write_json,
    write_state,
)
from allocator.io.job import dump_job

FILES = (
    "job.toml", "manifest.json", "summary.json", "risk.parquet", "cells.parquet", "staffing.parquet",
    "plan.parquet", "limits.parquet", "worth.parquet", "outreach.parquet", "needs.parquet", "outreach_areas.parquet",
    "funds.parquet", "plan.geojson", "risk.geojson", "model.txt",
    "skill.parquet",
)  # fmt: skip
"""Files of every run folder, beside `history/`, `state/` and the pictures and pages of the report room."""


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
        write_json(place / MANIFEST, sealed(run.manifest, place))
    return Path(folder).absolute()


def _write(run: Run, place: Path) -> None:
    surface, plan = run.surface, run.plan
    (place / "state").mkdir()
    (place / "job.toml").write_text(dump_job(run.job), "utf-8")
    write_json(place / "summary.json", run.figures)
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
    write_state(run, place / "state")


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
        manifest = read_json(place / "manifest.json")
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


def _load(place: Path, manifest: Mapping[str, Any]) -> Run:
    import tomllib

    state = read_json(place / "state" / "state.json")
    city = load_city(place, state["city"])
    return Run(
        job=parse_job(tomllib.loads((place / "job.toml").read_text("utf-8")), source=str(place / "job.toml")),
        surface=load_surface(place, state, city),
        roster=roster_from(state["roster"]),
        problem=load_problem(place, state["problem"]),
        plan=Plan(
            visits=_read_timed(place / "plan.parquet"),
            assignments=pd.read_parquet(place / "state" / "assignments.parquet"),
            staffing=pd.read_parquet(place / "staffing.parquet"),
            limits=pd.read_parquet(place / "limits.parquet"),
            worth=pd.read_parquet(place / "worth.parquet"),
            lottery=pd.read_parquet(place / "state" / "lottery.parquet"),
            changes=pd.read_parquet(place / "state" / "changes.parquet"),
            **tuples(state["plan"]),
        ),
        outreach=OutreachPlan(
            items=_read_timed(place / "outreach.parquet"),
            needs=pd.read_parquet(place / "needs.parquet"),
            areas=pd.read_parquet(place / "outreach_areas.parquet"),
            funds=pd.read_parquet(place / "funds.parquet"),
            detached=pd.read_parquet(place / "state" / "detached.parquet"),
            worth=pd.read_parquet(place / "state" / "outreach_worth.parquet"),
            earlier=_read_timed(place / "state" / "earlier.parquet"),
            **tuples(state["outreach"]) | {"offers": offers_from(state["outreach"]["offers"])},
        ),
        skill=pd.read_parquet(place / "skill.parquet"),
        model_text=(place / "model.txt").read_text("utf-8"),
        state=load_forecast_state(place),
        travel=load_travel(place, state["travel"]),
        openings=Openings(**npz(place / "state" / "openings.npz")),
        figures=read_json(place / "summary.json"),
        manifest={key: value for key, value in manifest.items() if key not in ("layout", "files", "seal")},
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
