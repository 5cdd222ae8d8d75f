"""Maps of any usual form: features with their geometry, opened by the one reader that their content calls for."""

from __future__ import annotations

import dataclasses
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import pyproj
import shapely
from defusedxml.common import DefusedXmlException

from allocator.errors import DataError, some
from allocator.facts import Note, note
from allocator.io.tables import (
    WGS84,
    Form,
    address_of,
    explained,
    form_of,
    layers_of,
    open_table,
    opened,
    quiet,
    require_columns,
)

_ENGINES = (
    pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError,
    pyogrio.errors.GeometryError, pyogrio.errors.CRSError, pyproj.exceptions.ProjError, shapely.errors.GEOSException,
    pa.ArrowException,
    OSError, EOFError, ValueError, KeyError, IndexError, TypeError, zlib.error, zipfile.BadZipFile,
    OverflowError, UnicodeError, struct.error, NotImplementedError, UnboundLocalError,
)  # fmt: skip
"""What engines raise about maps: ValueError to TypeError are those of pyogrio and geopandas for damaged content, the
last that of pyogrio for a damaged coordinate system."""
_WKT_NAMES = ("wkt", "geometry", "geom", "the_geom", "shape", "polygon", "multipolygon", "geometry_wkt", "the_geom_wkt")
_POLYGONS = ("Polygon", "MultiPolygon")


def read_map(
    path: str | Path, *, layer: str | None = None, columns: Sequence[str] | None = None
) -> tuple[gpd.GeoDataFrame, tuple[Note, ...]]:
    """Return the features of a map, with its coordinate system where it states one, and what is told of it.

    Parameters
    ----------
    path : path
        GeoJSON, Esri JSON, TopoJSON, GeoPackage, Shapefile (also zipped), file geodatabase (also zipped), FlatGeobuf,
        GeoParquet, KML, KMZ, or a table with a column of WKT.
    layer : str, optional
        Layer of a GeoPackage or geodatabase; by default the first with areas, else the first.
    columns : sequence of str, optional
        Columns to read; by default all.

    Raises
    ------
    DataError
        If the file is missing, empty, damaged, of a form that is not read, or has no such layer or column.
    """
    path = Path(path)
    form = form_of(path)
    with explained(path, *_ENGINES):
        match form.kind:
            case "xml":
                frame, notes = _read_kml(path, form), tuple[Note, ...]()
            case "parquet":
                frame, notes = gpd.read_parquet(path), ()
            case "delimited" | "workbook":
                frame, notes = _read_wkt(path, layer)
            case _:
                frame, notes = _read_layer(path, form, layer, columns)
    if not isinstance(frame, gpd.GeoDataFrame) or not len(frame):
        raise DataError(f"{path.name} holds no features with a geometry")
    if columns is not None:
        names = [name for name in frame.columns if name != frame.geometry.name]
        require_columns(columns, names, where=path.name)
    return frame, notes


def _read_layer(
    path: Path, form: Form, layer: str | None, columns: Sequence[str] | None
) -> tuple[gpd.GeoDataFrame, tuple[Note, ...]]:
    driver = _json_driver(path, form) if form.kind == "json" else ""
    address = address_of(path, form, json=driver)
    notes: tuple[Note, ...] = ()
    name = layer
    if form.kind in ("geopackage", "geodatabase"):
        layers = layers_of(path, form)
        if not layers:
            raise DataError(f"{path.name} lists no layer with a geometry (its contents are empty or damaged)")
        areas = [one for one, kind in layers.items() if any(part in kind for part in _POLYGONS)]
        if layer is not None and layer not in layers:
            raise DataError(f"{path.name} has no layer {layer!r}; it has {some(layers, 20)}")
        name = layer or next(iter(areas or layers))
        if layer is None and len(layers) > 1:
            notes = (note("history.layer_read", file=path.name, layer=name, others=[n for n in layers if n != name]),)
    wanted = None if columns is None else list(columns)
    if wanted:
        with quiet():
            fields = [str(field) for field in pyogrio.read_info(address, layer=name)["fields"]]
        require_columns(wanted, fields, where=path.name)
    with quiet() as told:
        frame = pyogrio.read_dataframe(address, layer=name, columns=wanted, on_invalid="fix")
    if any("closed ring" in str(warning.message) for warning in told):
        notes = (*notes, note("history.rings_closed", file=path.name))
    if driver == "TopoJSON" and frame.crs is None:  # degrees by its specification, unless it says otherwise
        frame = frame.set_crs(WGS84)
    return frame, notes


def _json_driver(path: Path, form: Form) -> str:
    """Return GDAL's name for the kind of a JSON map."""
    with opened(path, form) as file:
        head = b"".join(file.read(1 << 16).split())
    if b'"type":"Topology"' in head:
        return "TopoJSON"
    if b'"FeatureCollection"' in head or b'"type":"Feature"' in head or b'"GeometryCollection"' in head:
        return "GeoJSON"
    if b'"geometryType"' in head or b'"esriGeometry' in head or b'"rings"' in head:
        return "ESRIJSON"
    raise DataError(f"{path.name} is JSON, but no map: neither GeoJSON nor TopoJSON nor Esri JSON")


def _read_wkt(path: Path, layer: str | None) -> tuple[gpd.GeoDataFrame, tuple[Note, ...]]:
    """Return the features of a table whose shapes are WKT; numbers within ±180 and ±90 are degrees."""
    table = open_table(path, layer=layer)
    column = next((name for name in table.names if name.strip().lower() in _WKT_NAMES), None)
    if column is None:
        raise DataError(
            f"{path.name} is a table, not a map: no column is called {some(_WKT_NAMES, 4)}; it has "
            f"{some(table.names, 20)}"
        )
    frame = table.columns(table.names).frame
    text = frame[column].astype("str")
    systems = text.str.extract(r"(?i)^\s*SRID=(\d+);")[0].dropna().unique()
    text = text.str.replace(r"(?i)^\s*SRID=\d+;", "", regex=True)
    with np.errstate(all="ignore"):  # numbers of 400 digits
        shapes = shapely.from_wkt(text.to_numpy(object), on_invalid="ignore")
    if bad := int(np.sum([shape is None for shape in shapes])):
        raise DataError(f"{path.name}: column {column!r}: {bad:,} of {len(frame):,} shapes are no WKT", column=column,
                        count=bad)  # fmt: skip
    bounds = shapely.total_bounds(shapes)
    degrees = bool((np.abs(bounds) <= (180, 90, 180, 90)).all())
    rest = pd.DataFrame(frame.drop(columns=column))
    crs = f"EPSG:{systems[0]}" if len(systems) == 1 else WGS84 if degrees and not len(systems) else None
    return gpd.GeoDataFrame(rest, geometry=list(shapes), crs=crs), table.notes


def _read_kml(path: Path, form: Form) -> gpd.GeoDataFrame:
    """Return the placemarks of a KML with an area or line; nothing that it links to is followed."""
    members = [form.member]
    if form.member:
        with zipfile.ZipFile(path) as archive:
            members = [name for name in archive.namelist() if name.lower().endswith(".kml")]
    rows, shapes = [], []
    for mark in (mark for member in members for mark in _placemarks(path, dataclasses.replace(form, member=member))):
        parts = [shape for shape in map(_shape, mark.iter()) if shape is not None]
        if not parts:
            continue
        areas = [part for part in parts if part.geom_type == "Polygon"] or parts
        shapes.append(areas[0] if len(areas) == 1 else shapely.union_all(areas))
        rows.append(_properties(mark))
    if not shapes:
        raise DataError(f"{path.name} holds no placemark with an area")
    return gpd.GeoDataFrame(pd.DataFrame(rows).astype("str").fillna(""), geometry=shapes, crs=WGS84)


def _placemarks(path: Path, form: Form) -> list[Element]:
    try:
        with opened(path, form) as file:
            root = defusedxml.ElementTree.parse(file, forbid_dtd=True).getroot()
    except (ParseError, DefusedXmlException) as error:
        raise DataError(f"{path.name} is no XML that can be read safely ({type(error).__name__})") from None
    if _plain(root.tag) != "kml":
        raise DataError(f"{path.name} is XML, but no KML: its first element is {_plain(root.tag)[:40]!r}")
    return [mark for mark in root.iter() if _plain(mark.tag) == "Placemark"]


def _plain(tag: Any) -> str:
    return str(tag).rpartition("}")[2]


def _properties(mark: Element) -> dict[str, str]:
    """Return name, description and extended data of a placemark."""
    found: dict[str, str] = {}
    for part in mark.iter():
        tag = _plain(part.tag)
        if tag in ("name", "description") and tag not in found:
            found[tag] = (part.text or "").strip()
        elif tag == "SimpleData":
            found[part.get("name", "")] = (part.text or "").strip()
        elif tag == "Data":
            value = next((one for one in part if _plain(one.tag) == "value"), None)
            found[part.get("name", "")] = "" if value is None else (value.text or "").strip()
    return found


def _shape(part: Element) -> Any:
    """Return the polygon or line of an element, None where it is neither."""
    tag = _plain(part.tag)
    if tag == "Polygon":
        rings = {"outerBoundaryIs": [], "innerBoundaryIs": []}  # type: dict[str, list[Any]]
        for side in part:
            if _plain(side.tag) in rings:
                rings[_plain(side.tag)] += [
                    _coordinates(one) for one in side.iter() if _plain(one.tag) == "coordinates"
                ]
        outer = [ring for ring in rings["outerBoundaryIs"] if len(ring) >= 3]
        return shapely.Polygon(outer[0], [r for r in rings["innerBoundaryIs"] if len(r) >= 3]) if outer else None
    if tag == "LineString":
        points = [_coordinates(one) for one in part.iter() if _plain(one.tag) == "coordinates"]
        return shapely.LineString(points[0]) if points and len(points[0]) >= 2 else None
    return None


def _coordinates(part: Element) -> list[tuple[float, float]]:
    """Return longitude and latitude of "lon,lat[,height]" texts."""
    pairs = [text.split(",") for text in (part.text or "").split()]
    points = [(float(pair[0]), float(pair[1])) for pair in pairs if len(pair) >= 2]
    if not all(abs(lon) <= 540 and abs(lat) <= 90 for lon, lat in points):
        raise ValueError("coordinates that are no degrees")
    return points
