"""Ways to spoil a job and its files: each takes a generator of chance and says what it did."""

from __future__ import annotations

import gzip
import io
import json
import tomllib
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import tomli_w

VALUES: list[Any] = [
    "", " ", "x", "day", "1", -1, 0, 1, 10**12, 10**30, 0.5, -0.5, 1e300, float("nan"), float("inf"), True, False, [],
    [""],
    ["a", "a"], {}, {"a": 1}, {"": 0}, "2026-03-02", "🚓", "\u202eabc", "a" * 10_000, "<b>&", "'; --", "../../x", [[]],
    [1, "a"],
    "events.csv", "districts.geojson", "EPSG:4326", "%Y", "12:00:00", "EPSG:0", "Mars/Phobos", "=1+1", "\t",
    "1" * 5_000, 2, 3, 5, 0.1, 0.9, 30, "greedy", "highs", "mixture", "boosted", "none", "XX", "max_min", "coverage",
]  # fmt: skip
CELLS = [
    "", " ", "x", "-1", "0", "1e400", "9" * 5_000, "nan", "inf", "-inf", "NULL", "2025-13-45", "2026-02-30 25:61",
    "=cmd()",
    "\u202eabc", "🚓", "<script>", '"', '""', "a;b", "1,5", "\x0b", "30/02/2026", "2^31", "-2147483649", "4294967296",
    "1e-320",
    "true", "mon;tue", "09:00-10:00", "POINT(1 2)", "9999-12-31", "0001-01-01", "é" * 200, "1_000", "０１", "0x10",
    "1e3",
]  # fmt: skip

Rng = np.random.Generator
Job = dict[str, Any]


def leaves(content: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every section, list and value of a job."""
    pairs = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in pairs:
        yield (*at, key)
        yield from leaves(value, (*at, key))


def spoil_key(rng: Rng, folder: Path, content: Job, n: int) -> tuple[Job, str]:
    """Give a key another value or another name; the first cases go through all keys in turn."""
    paths = list(leaves(content))
    at = paths[int(rng.integers(len(paths)))] if n >= len(paths) else paths[(n * 37) % len(paths)]
    made = json.loads(json.dumps(content, default=str)) if n % 29 == 0 else tomllib.loads(tomli_w.dumps(content))
    value = VALUES[int(rng.integers(len(VALUES)))]
    inner = made
    for key in at[:-1]:
        inner = inner[key]
    if rng.random() < 0.1 and isinstance(inner, dict):
        inner[f"{at[-1]}x"] = inner.pop(at[-1])
    elif rng.random() < 0.1:
        del inner[at[-1]]
        value = "gone"
    else:
        inner[at[-1]] = value
    return made, f"{'.'.join(map(str, at))} = {str(value)[:60]!r}"


def spoil_column(rng: Rng, folder: Path, content: Job, n: int) -> tuple[Job, str]:
    """Spoil a column of a table."""
    tables = sorted(path.name for path in folder.glob("*.csv"))
    columns = [(name, column) for name in tables for column in pd.read_csv(folder / name, nrows=0).columns]
    name, column = columns[(n * 11) % len(columns)]
    frame = pd.read_csv(folder / name, dtype=str, keep_default_na=False)
    cell = CELLS[int(rng.integers(len(CELLS)))]
    match int(rng.integers(5)):
        case 0:
            frame[column] = cell
        case 1:
            frame = frame.drop(columns=column)
        case 2:
            frame = frame.rename(columns={column: CELLS[int(rng.integers(len(CELLS)))]})
        case 3:
            frame = frame.iloc[:0] if rng.random() < 0.3 else pd.concat([frame, frame.iloc[:3]])
        case _:
            rows = rng.integers(0, len(frame), max(1, len(frame) // 50))
            frame.loc[frame.index[rows], column] = cell
    frame.to_csv(folder / name, index=False)
    return content, f"{name}, {column} = {cell[:40]!r}"


def damage(rng: Rng, path: Path) -> str:
    """Spoil bytes of a file."""
    content = bytearray(path.read_bytes())
    at, way = int(rng.integers(max(len(content), 1))), int(rng.integers(7))
    match way:
        case 0:
            del content[at:]
        case 1:
            content[at : at + 1] = rng.bytes(1)
        case 2:
            content[at:at] = rng.bytes(400)
        case 3:
            content[at:at] = b'"'
        case 4:
            content = bytearray(bytes(content).decode("latin-1").encode("utf-16"))
        case 5:
            del content[at : at + 500]
        case _:
            for one in rng.integers(0, max(len(content), 1), 20):
                content[int(one) : int(one) + 1] = rng.bytes(1)
    path.write_bytes(content)
    return f"{path.name} at byte {at}, way {way}"


def spoil_bytes(rng: Rng, folder: Path, content: Job, n: int) -> tuple[Job, str]:
    """Damage a file as it is."""
    names = sorted(path.name for path in folder.iterdir() if path.suffix in (".csv", ".geojson"))
    return content, damage(rng, folder / names[n % len(names)])


# --- other forms ----------------------------------------------------------------------------------------------------


def _xlsx(frame: pd.DataFrame, path: Path) -> Path:
    target = path.with_suffix(".xlsx")
    frame.to_excel(target, index=False)
    return target


def _parquet(frame: pd.DataFrame, path: Path) -> Path:
    target = path.with_suffix(".parquet")
    frame.to_parquet(target, index=False)
    return target


def _odd_parquet(frame: pd.DataFrame, path: Path) -> Path:
    """Columns of bytes, lists and structures, and pandas metadata that contradicts the schema."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    rows, at = len(frame), len(path.name) % table.num_columns
    kinds = [pa.array([b"\x00\xff"] * rows), pa.array([["a"]] * rows), pa.array([{"a": 1}] * rows), pa.nulls(rows)]
    table = table.set_column(at, table.column_names[at], kinds[len(frame) % 4])
    told = {"columns": [{"name": name, "field_name": name, "pandas_type": "datetimetz", "numpy_type": "int64",
                         "metadata": {"timezone": "Nowhere"}} for name in table.column_names],
            "index_columns": ["nothing"], "column_indexes": [], "pandas_version": "0"}  # fmt: skip
    target = path.with_suffix(".parquet")
    pq.write_table(table.replace_schema_metadata({"pandas": json.dumps(told)}), target)
    return target


def _zip(frame: pd.DataFrame, path: Path) -> Path:
    target = path.with_suffix(".zip")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(path.name, frame.to_csv(index=False))
    return target


def _gz(frame: pd.DataFrame, path: Path) -> Path:
    target = path.with_name(f"{path.name}.gz")
    target.write_bytes(gzip.compress(frame.to_csv(index=False).encode()))
    return target


def _ndjson(frame: pd.DataFrame, path: Path) -> Path:
    target = path.with_suffix(".ndjson")
    frame.to_json(target, orient="records", lines=True)
    return target


def _json(frame: pd.DataFrame, path: Path) -> Path:
    target = path.with_suffix(".json")
    frame.to_json(target, orient="records")
    return target


TABLE_FORMS: list[Callable[[pd.DataFrame, Path], Path]] = [_xlsx, _parquet, _odd_parquet, _zip, _gz, _ndjson, _json]


def _written(suffix: str, driver: str) -> Callable[[gpd.GeoDataFrame, Path], Path]:
    def write(frame: gpd.GeoDataFrame, path: Path) -> Path:
        target = path.with_suffix(suffix)
        frame.to_file(target, driver=driver)
        return target

    return write


def _two_layers(frame: gpd.GeoDataFrame, path: Path) -> Path:
    target = path.with_suffix(".gpkg")
    points = frame.assign(geometry=frame.representative_point())
    points.to_file(target, driver="GPKG", layer="points")
    frame.to_file(target, driver="GPKG", layer="areas")
    return target


def _no_contents(frame: gpd.GeoDataFrame, path: Path) -> Path:
    import sqlite3

    target = _written(".gpkg", "GPKG")(frame, path)
    with sqlite3.connect(target) as file:
        file.execute("DELETE FROM gpkg_contents")
    file.close()
    return target


def _zipped_shapefile(frame: gpd.GeoDataFrame, path: Path) -> Path:
    target, held = path.with_suffix(".zip"), path.with_name("held")
    held.mkdir()
    frame.to_file(held / "areas.shp")
    with zipfile.ZipFile(target, "w") as archive:
        for one in sorted(held.iterdir()):
            archive.write(one, one.name)
            one.unlink()
    held.rmdir()
    return target


def _kml_text(frame: gpd.GeoDataFrame) -> str:
    marks = []
    for row in frame.itertuples():
        parts = [row.geometry] if not hasattr(row.geometry, "geoms") else list(row.geometry.geoms)
        rings = [getattr(part, "exterior", part).coords for part in parts]
        shapes = "".join(
            "<Polygon><outerBoundaryIs><LinearRing><coordinates>"
            + " ".join(f"{x},{y}" for x, y, *_ in ring)
            + "</coordinates></LinearRing></outerBoundaryIs></Polygon>"
            for ring in rings
        )
        data = "".join(
            f'<Data name="{name}"><value>{value}</value></Data>'
            for name, value in zip(("Index", *frame.columns), row, strict=True)
            if name not in ("geometry", "Index")
        )
        marks.append(f"<Placemark><ExtendedData>{data}</ExtendedData>{shapes}</Placemark>")
    body = "".join(marks)
    return f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{body}</Document></kml>'


def _kml(frame: gpd.GeoDataFrame, path: Path) -> Path:
    target = path.with_suffix(".kml")
    target.write_text(_kml_text(frame))
    return target


def _kmz(frame: gpd.GeoDataFrame, path: Path) -> Path:
    target, held = path.with_suffix(".kmz"), io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("doc.kml", _kml_text(frame))
    target.write_bytes(held.getvalue())
    return target


def _topojson(frame: gpd.GeoDataFrame, path: Path) -> Path:
    arcs, shapes = [], []
    for row in frame.itertuples():
        part = row.geometry if not hasattr(row.geometry, "geoms") else row.geometry.geoms[0]
        arcs.append([list(point) for point in getattr(part, "exterior", part).coords])
        names = {
            name: value
            for name, value in zip(("Index", *frame.columns), row, strict=True)
            if name not in ("geometry", "Index")
        }
        shapes.append({"type": "Polygon", "arcs": [[len(arcs) - 1]], "properties": names})
    content = {"type": "Topology", "arcs": arcs, "objects": {"a": {"type": "GeometryCollection", "geometries": shapes}}}
    target = path.with_suffix(".topojson")
    target.write_text(json.dumps(content))
    return target


def _wkt(frame: gpd.GeoDataFrame, path: Path) -> Path:
    target = path.with_name(f"{path.stem}_wkt.csv")
    frame.assign(wkt=frame.geometry.to_wkt()).drop(columns="geometry").to_csv(target, index=False)
    return target


def _geoparquet(frame: gpd.GeoDataFrame, path: Path) -> Path:
    target = path.with_suffix(".parquet")
    frame.to_parquet(target)
    return target


MAP_FORMS: list[Callable[[gpd.GeoDataFrame, Path], Path]] = [
    _written(".gpkg", "GPKG"), _written(".fgb", "FlatGeobuf"), _two_layers, _no_contents, _zipped_shapefile, _kml,
    _kmz, _topojson, _wkt, _geoparquet,
]  # fmt: skip


def renamed(content: Any, old: str, new: str) -> Any:
    """Return a job with another name of a file."""
    if isinstance(content, dict):
        return {key: renamed(value, old, new) for key, value in content.items()}
    if isinstance(content, list):
        return [renamed(value, old, new) for value in content]
    return new if content == old else content


def spoil_form(rng: Rng, folder: Path, content: Job, n: int) -> tuple[Job, str]:
    """Give a file another form, and in half of the cases damage its bytes or a column too."""
    names = sorted(path.name for path in folder.iterdir() if path.suffix in (".csv", ".geojson"))
    path = folder / names[n % len(names)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if path.suffix == ".csv":
            frame = pd.read_csv(path, dtype=str if rng.random() < 0.5 else None)
            form = TABLE_FORMS[int(rng.integers(len(TABLE_FORMS)))]
            if rng.random() < 0.3:
                column = str(frame.columns[int(rng.integers(len(frame.columns)))])
                cell = CELLS[int(rng.integers(len(CELLS)))]
                # What a workbook cannot hold at all is not what is tried here.
                frame[column] = cell.replace("\x0b", "")[:2_000]
        else:
            frame = gpd.read_file(path)
            form = MAP_FORMS[int(rng.integers(len(MAP_FORMS)))]
        target = form(frame, path)
    said = f"{target.name} ({form.__name__})"
    if rng.random() < 0.4:
        said += f", {damage(rng, target)}"
    return renamed(content, path.name, target.name), said
