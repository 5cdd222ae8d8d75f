"""Cells as files for geographic information systems."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import geopandas
import pyogrio
import pyproj

from allocator.errors import ConfigError, DataError, OutputError, nearest
from allocator.io.folders import is_output_failure

DRIVERS = {".gpkg": "GPKG", ".geojson": "GeoJSON", ".json": "GeoJSON", ".shp": "ESRI Shapefile"}
"""File ending → driver."""

_WRITTEN = "2000-01-01T00:00:00Z"  # GeoPackages carry the time of writing: the same cells would differ in bytes


def write_cells(
    cells: geopandas.GeoDataFrame, path: str | Path, *, crs: str | None = None, overwrite: bool = False
) -> Path:
    """Write cells to a GeoPackage, GeoJSON file or Shapefile, whole or not at all.

    Parameters
    ----------
    cells : GeoDataFrame
        Polygons and their columns, such as those of `allocator.hotspots`.
    path : path
        Its ending says the format: .gpkg, .geojson or .shp (which cuts column names to 10 characters).
    crs : str, optional
        Coordinate system of the file; by default that of the cells, and WGS84 for GeoJSON.
    overwrite : bool
        Replace an earlier file.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ConfigError
        If the ending or the coordinate system is unknown.
    DataError
        If the cells have no polygons, or no coordinate system to convert from.
    OutputError
        If the file exists or cannot be written.
    """
    target = Path(path).absolute()
    driver = DRIVERS.get(target.suffix.lower())
    if driver is None:
        raise ConfigError(f"{target.name}: cells are written to {', '.join(DRIVERS)}{nearest(target.suffix, DRIVERS)}")
    if cells.geometry.is_empty.all():
        raise DataError("the cells have no polygons: regions that are known by their neighbours alone are on no map")
    if target.exists() and not overwrite:
        raise OutputError(f"the output file {target} exists already: give overwrite=True, or another path")
    placed = _projected(cells, crs or ("EPSG:4326" if driver == "GeoJSON" else None))
    try:
        _write(placed, target, driver)
    except OSError as error:
        if not is_output_failure(error):
            raise
        raise OutputError(f"cannot write {target}: {error.strerror or error}; nothing was left behind") from error
    return target


def _projected(cells: geopandas.GeoDataFrame, crs: str | None) -> geopandas.GeoDataFrame:
    if crs is None:
        return cells
    if cells.crs is None:
        raise DataError(f"the cells state no coordinate system, so they cannot be written in {crs}")
    try:
        return cells.to_crs(pyproj.CRS.from_user_input(crs))
    except pyproj.exceptions.CRSError as error:
        raise ConfigError(f"unknown coordinate system {crs!r}: give one such as 'EPSG:4326'") from error


def _write(cells: geopandas.GeoDataFrame, target: Path, driver: str) -> None:
    """Write into a hidden folder beside the target, then move what came out: a Shapefile is several files."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.stem}-", dir=target.parent) as folder, fixed_date():
        cells.to_file(Path(folder) / target.name, driver=driver, engine="pyogrio", index=False)
        for part in sorted(Path(folder).iterdir()):
            shutil.move(part, target.parent / part.name)


@contextmanager
def fixed_date() -> Iterator[None]:
    """Let GDAL write the same time of writing into every file."""
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _WRITTEN})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
