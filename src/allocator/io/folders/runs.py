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
from allocator.domain import (
    ALL_KINDS,
    AREA_TYPES,
    ASSIGNMENT_COLUMNS,
    CHANGE_COLUMNS,
    DETACHED_TYPES,
    FUND_TYPES,
    LOTTERY_COLUMNS,
    NEED_COLUMNS,
    OUTREACH_COLUMNS,
    OUTREACH_TYPES,
    STAFFING_COLUMNS,
    VISIT_COLUMNS,
    Openings,
    OutreachPlan,
    Plan,
    RiskSurface,
    Run,
    Tessellation,
)  # fmt: skip
from allocator.errors import AllocatorError, DataError, OutputError
from allocator.io.folders.checks import arrays_of, check_listed, check_records, check_run, table_of
from allocator.io.folders.debris import take_back
from allocator.io.folders.files import finish_products, whole_folder
from allocator.io.folders.kept import offers_from
from allocator.io.folders.ours import LAYOUT, MANIFEST, sealed
from allocator.io.folders.state import (
    load_city,
    load_forecast_state,
    load_problem,
    load_surface,
    load_travel,
    read_json,
    roster_from,
    tuples,
    write_json,
    write_state,
)
from allocator.io.job import dump_job
from allocator.io.places.degrees import in_degrees

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


_TIME = "datetime64[s, UTC]"

_WORTH = {"change": "str", "harm": "float64", "share": "float64"}

_TABLES = {
    "plan.parquet": dict(zip(VISIT_COLUMNS, ("str", "str", "int32", "int32", _TIME, _TIME, "str", "str"), strict=True)),
    "state/assignments.parquet": dict.fromkeys(ASSIGNMENT_COLUMNS, "str"),
    "staffing.parquet": {**dict.fromkeys(STAFFING_COLUMNS[:2], "str"), **dict.fromkeys(STAFFING_COLUMNS[2:4], "int32"),
                         **dict.fromkeys(STAFFING_COLUMNS[4:], "float64")},
    "limits.parquet": {"limit": "str", "source": "str", **dict.fromkeys(("least", "most", "value"), "float64"),
                       "unit": "str"},
    "worth.parquet": _WORTH, "state/outreach_worth.parquet": _WORTH,
    "state/lottery.parquet": LOTTERY_COLUMNS,
    "state/changes.parquet": dict.fromkeys(CHANGE_COLUMNS, "str"),
    "outreach.parquet": OUTREACH_TYPES, "state/earlier.parquet": OUTREACH_TYPES,
    "needs.parquet": NEED_COLUMNS, "outreach_areas.parquet": AREA_TYPES, "funds.parquet": FUND_TYPES,
    "state/detached.parquet": DETACHED_TYPES,
}  # fmt: skip
"""Columns and types of every table of a run folder but those of `history/`, the cells, the risk and the skill."""

_NEEDED = (
    *_TABLES, "job.toml", "summary.json", "risk.parquet", "cells.parquet", "skill.parquet", "model.txt",
    "state/state.json", "state/problem.npz", "state/forecast.npz", "state/travel.npz", "state/openings.npz",
    "state/cells.npz", "state/uncertainty.npz",
)  # fmt: skip


def load_run(folder: str | Path) -> Run:
    """Return the run of a run folder, equal to the one that was saved.

    The folder may be a stranger's: nothing outside it is read, no link is followed, nothing is unpickled, and every
    array, table and value is checked for type, shape and range.

    Raises
    ------
    DataError
        If the folder is not a complete run folder of this version, or a file of it was changed.
    """
    place = Path(folder)
    take_back(place.absolute())
    finish_products(place)
    if not (place / MANIFEST).is_file() or (place / MANIFEST).is_symlink():
        raise DataError(f"{place} is not a complete run folder: it lacks manifest.json")
    try:
        manifest = read_json(place / MANIFEST)
        _check_layout(place, manifest)
        check_listed(place, manifest["files"], _NEEDED)
        run = _load(place, manifest)
        check_run(run)
    except AllocatorError as error:
        if str(place) in error.message:
            raise
        raise DataError(f"the run folder {place} cannot be read: {error.message}", faults=error.faults) from error
    except MemoryError:
        raise
    except Exception as error:  # each of seven libraries has its own for a file that it cannot read
        text = "".join(sign if sign.isprintable() else " " for sign in f"{type(error).__name__}: {error}"[:160])
        raise DataError(f"the run folder {place} cannot be read: {text}") from error
    return run


def _check_layout(place: Path, manifest: Any) -> None:
    """Refuse a run folder of another layout."""
    if not isinstance(manifest, dict):
        raise DataError(f"the run folder {place} cannot be read: manifest.json holds no values by name")
    if manifest.get("layout") != LAYOUT or "files" not in manifest:
        versions = manifest.get("versions")
        written = versions.get("allocator", "unknown") if isinstance(versions, dict) else "unknown"
        raise DataError(
            f"{place} was written by another version of allocator ({written}, layout {manifest.get('layout', 1)}; this "
            f"one reads layout {LAYOUT}): run its job again, or read it with that version"
        )


def _load(place: Path, manifest: Mapping[str, Any]) -> Run:
    import tomllib

    state, figures = read_json(place / "state" / "state.json"), read_json(place / "summary.json")
    told = {key: value for key, value in manifest.items() if key not in ("layout", "files", "seal")}
    check_records(figures, told)
    city = load_city(place, state["city"])
    tables = {name: table_of(place / name, types) for name, types in _TABLES.items()}
    history = [name for name in sorted(manifest["files"]) if name.startswith("history/")]
    return Run(
        job=parse_job(tomllib.loads((place / "job.toml").read_text("utf-8")), source=str(place / "job.toml")),
        surface=load_surface(place, state, city),
        roster=roster_from(state["roster"]),
        problem=load_problem(place, state["problem"]),
        plan=Plan(
            visits=tables["plan.parquet"], staffing=tables["staffing.parquet"], limits=tables["limits.parquet"],
            worth=tables["worth.parquet"],
            **{name: tables[f"state/{name}.parquet"] for name in ("assignments", "lottery", "changes")},
            **tuples(state["plan"]),
        ),
        outreach=OutreachPlan(
            items=tables["outreach.parquet"], needs=tables["needs.parquet"], areas=tables["outreach_areas.parquet"],
            funds=tables["funds.parquet"], detached=tables["state/detached.parquet"],
            worth=tables["state/outreach_worth.parquet"], earlier=tables["state/earlier.parquet"],
            **tuples(state["outreach"]) | {"offers": offers_from(state["outreach"]["offers"])},
        ),
        skill=table_of(place / "skill.parquet"),
        model_text=(place / "model.txt").read_text("utf-8"),
        state=load_forecast_state(place),
        travel=load_travel(place, state["travel"]),
        openings=Openings(**arrays_of(place / "state" / "openings.npz")),
        figures=figures,
        manifest=told,
        history={Path(name).stem: table_of(place / name) for name in history},
    )  # fmt: skip


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
    in_degrees(frame).to_file(path, driver="GeoJSON", engine="pyogrio", RFC7946="YES", COORDINATE_PRECISION=6)
