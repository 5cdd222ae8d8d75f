"""Reading polygons: the study area with its districts and beats, and places with limits of their own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, Unpack

import geopandas as gpd
import numpy as np
import pyproj
import shapely.geometry

from allocator.config import Job
from allocator.domain import Area, Floats, Geometries
from allocator.errors import ConfigError, DataError, some
from allocator.facts import Note, note
from allocator.io.places.maps import read_map
from allocator.io.tables import as_numbers, as_text, require_columns
from allocator.keywords import keywords

_MOST_REPAIRED = 0.01
_SLIVER_SHARE = 1e-3
_POLYGONS = (3, 6)
_MOST_DISTORTED = 0.02


class AreaOptions(TypedDict, total=False):
    """What a polygon file holds; see `read_area`."""

    district: str | None
    beats: str | Path | None
    beat: str | None
    layer: str | None
    source_crs: str | None
    crs: str | None


@dataclass(frozen=True)
class _Columns:
    district: str | None = None
    beats: str | Path | None = None
    beat: str | None = None
    layer: str | None = None
    source_crs: str | None = None
    crs: str | None = None


@keywords(_Columns)
def read_area(path: str | Path, **options: Unpack[AreaOptions]) -> Area:
    """Return the study area of a polygon file, projected to metres.

    Parameters
    ----------
    path : path
        See `read_map`: GeoJSON, GeoPackage, Shapefile, KML, and others.
    district : str, optional
        Column with the district label; features with the same label are merged. None: one district.
    beats, beat : path and str, optional
        File with the beats, and its label column.
    layer : str, optional
        Layer of a GeoPackage.
    source_crs : str, optional
        Coordinate system of files that state none.
    crs : str, optional
        Projected system in metres to work in; by default the UTM zone of the area.

    Raises
    ------
    ConfigError
        If `crs` is not a projected system in metres that is true to scale in the area, if none is given and
        the area lies in no UTM zone, or if only one of `beats`, `beat` is given.
    DataError
        If a file states no coordinate system, holds no polygons, or cannot be repaired.
    """
    own = _Columns(**options)
    if bool(own.beats) != bool(own.beat):
        raise ConfigError("area.beats and area.beat go together: the file, and its column of beat labels")
    districts = _read_layer(
        path, label=own.district, layer=own.layer, source_crs=own.source_crs, crs=own.crs, measured=True
    )
    polygons, overlaps = _without_overlaps(districts)
    notes = (*districts.notes, *overlaps)
    if not own.beats:
        return Area(polygons, districts.labels, districts.crs, notes=notes)
    inner = _read_layer(own.beats, label=own.beat, source_crs=own.source_crs, crs=districts.crs)
    return Area(polygons, districts.labels, districts.crs, inner.polygons, inner.labels, (*notes, *inner.notes))


def read_job_area(job: Job) -> Area:
    """Return the study area of a job's `[area]` section; see `read_area`."""
    section = job.area
    return read_area(
        section.file, district=section.district, beats=section.beats, beat=section.beat, layer=section.layer,
        source_crs=section.source_crs, crs=section.crs,
    )  # fmt: skip


def read_polygons(
    path: str | Path, crs: str, *, label: str | None = None, source_crs: str | None = None
) -> tuple[Geometries, tuple[str, ...]]:
    """Return the polygons of a file in `crs`, and their labels.

    With `label`, features of the same label are merged; without it every feature stands for itself and the
    labels are its numbers, from 0.

    Raises
    ------
    DataError
        If the file states no coordinate system, holds no polygons, or cannot be repaired.
    """
    if label is not None:
        layer = _read_layer(path, label=label, source_crs=source_crs, crs=crs)
        return layer.polygons, layer.labels
    frame, _ = _repaired(_load(path, source_crs=source_crs)[0], where=Path(path).name, labels=None)
    polygons = frame.to_crs(crs).geometry.to_numpy()
    return polygons, tuple(str(n) for n in range(len(polygons)))


def read_valued_polygons(
    path: str | Path, crs: str, column: str, *, layer: str | None = None, source_crs: str | None = None
) -> tuple[Geometries, Floats, tuple[Note, ...]]:
    """Return the polygons of a file in `crs`, the numbers of one of its columns (NaN where missing), and notes.

    Raises
    ------
    DataError
        As `read_polygons`, or if the column is missing or holds something else than finite numbers.
    """
    name = Path(path).name
    frame, read = _load(path, layer=layer, source_crs=source_crs, columns=[column], hint="crs of the covariate")
    numbers, bad = as_numbers(frame[column])
    wrong = bad | np.isinf(numbers)
    if wrong.any():
        examples = frame[column][wrong].astype(str).unique().tolist()[:3]
        raise DataError(
            f"{name}: column {column!r}: {int(wrong.sum()):,} of {len(wrong):,} values are no finite numbers, for "
            f"example {some(examples)}",
            column=column, count=int(wrong.sum()), examples=examples,
        )  # fmt: skip
    frame, notes = _repaired(frame, where=name, labels=None)
    return shapely.force_2d(frame.to_crs(crs).geometry.to_numpy()), numbers, (*read, *notes)


@dataclass(frozen=True, eq=False)
class _Layer:
    polygons: Geometries
    labels: tuple[str, ...]
    crs: str
    notes: tuple[Note, ...]


def _read_layer(
    path: str | Path, *, label: str | None, source_crs: str | None, crs: str | None, layer: str | None = None,
    measured: bool = False,
) -> _Layer:  # fmt: skip
    """Return the polygons of a file, one per label, in a projected system; `measured`: one true to scale there."""
    name = Path(path).name
    frame, read = _load(path, layer=layer, source_crs=source_crs)
    labels = _labels(frame, label, where=name)
    frame, notes = _repaired(frame, where=name, labels=labels)
    notes = (*read, *notes)
    working = _working_crs(frame, crs)
    if measured and crs is not None:
        _check_scale(frame, crs)
    geometry = shapely.force_2d(frame.to_crs(working).geometry.to_numpy())
    distinct = tuple(sorted(set(labels), key=_label_order(labels)))
    if len(distinct) < len(labels) and label is not None:
        notes += (note("history.features_merged", file=name, count=len(labels), labels=len(distinct), column=label),)
    rows = np.array(labels)
    merged = [shapely.union_all(geometry[rows == label]) for label in distinct]
    polygons = np.empty(len(merged), object)
    polygons[:] = merged
    return _Layer(polygons, distinct, working, notes)


def _load(
    path: str | Path, *, source_crs: str | None, layer: str | None = None, columns: Sequence[str] | None = None,
    hint: str = "area.source_crs",
) -> tuple[gpd.GeoDataFrame, tuple[Note, ...]]:  # fmt: skip
    """Return the polygon features of a file with a coordinate system, or refuse it; `hint`: the key that sets one."""
    path = Path(path)
    frame, notes = read_map(path, layer=layer, columns=columns)
    wrong = ~np.isin(shapely.get_type_id(frame.geometry.to_numpy()), _POLYGONS)
    if wrong.any():
        types = sorted({str(kind) for kind in frame.geometry.geom_type[wrong]})
        share = f"{int(wrong.sum()):,} of {len(frame):,} features"
        raise DataError(f"{path.name}: {share} are not polygons but {some(types)}", count=int(wrong.sum()))
    return _with_crs(frame, path, source_crs, hint), notes


def _with_crs(frame: gpd.GeoDataFrame, path: Path, source_crs: str | None, hint: str) -> gpd.GeoDataFrame:
    if source_crs is not None and (frame.crs is None or _degrees_impossible(frame)):
        return frame.set_crs(_crs(source_crs, hint), allow_override=True)
    if frame.crs is None:
        raise DataError(f"{path.name} states no coordinate system: set {hint}")
    if _degrees_impossible(frame):  # GeoJSON without a system is WGS84 by RFC 7946, whatever its numbers say
        low, high = frame.total_bounds[:2], frame.total_bounds[2:]
        raise DataError(
            f"{path.name} states no coordinate system of its own and its coordinates are no degrees "
            f"({low[0]:,.6g} … {high[0]:,.6g} by {low[1]:,.6g} … {high[1]:,.6g}): set {hint}"
        )
    return frame


def _degrees_impossible(frame: gpd.GeoDataFrame) -> bool:
    low_x, low_y, high_x, high_y = frame.total_bounds
    return bool(frame.crs.is_geographic and (min(low_x, -high_x) < -180.001 or min(low_y, -high_y) < -90.001))


def _crs(name: str, where: str) -> pyproj.CRS:
    try:
        return pyproj.CRS.from_user_input(name)
    except pyproj.exceptions.CRSError:
        raise ConfigError(f"{where}: unknown coordinate system {name!r}") from None


def _working_crs(frame: gpd.GeoDataFrame, crs: str | None) -> str:
    if crs is None:
        try:
            return str(frame.estimate_utm_crs().to_string())
        except (RuntimeError, ValueError):  # a pole, or coordinates that are nowhere
            raise ConfigError("the area lies in no UTM zone: set area.crs to a projected system in metres") from None
    system = _crs(crs, "area.crs")
    units = {axis.unit_name for axis in system.axis_info}
    if not system.is_projected or units != {"metre"}:
        raise ConfigError(f"area.crs must be a projected system in metres; {crs!r} is in {some(sorted(units))}")
    return crs


def _check_scale(frame: gpd.GeoDataFrame, crs: str) -> None:
    """Refuse a working system in which the area is not of its true size, so that distances would be wrong."""
    places = frame.to_crs("EPSG:4326").geometry
    true = sum(abs(_geodesic_area(part)) for part in shapely.get_parts(shapely.force_2d(places.to_numpy())))
    factor = float(shapely.area(frame.to_crs(crs).geometry.to_numpy()).sum()) / true if true else math.nan
    if not abs(factor - 1) <= _MOST_DISTORTED:  # NaN and infinity are refused too
        shown = f"{factor:.3g} times as large as it is" if math.isfinite(factor) else "of no finite size"
        raise ConfigError(
            f"area.crs = {crs!r} is not true to scale here: in it the area is {shown}, and distances would be "
            "wrong; leave area.crs out (the UTM zone of the area is then used)"
        )


def _geodesic_area(polygon: Any) -> float:
    """Return the area of a lon/lat polygon in m² on the ellipsoid; its holes run against its outer ring."""
    area, _ = pyproj.Geod(ellps="WGS84").geometry_area_perimeter(shapely.geometry.polygon.orient(polygon))
    return float(area)


def _labels(frame: gpd.GeoDataFrame, column: str | None, *, where: str) -> list[str]:
    if column is None:
        return ["all"] * len(frame)
    names = [str(name) for name in frame.columns if name != frame.geometry.name]
    require_columns([column], names, where=where)
    labels = list(as_text(frame[column]))
    if missing := [str(row) for row, label in enumerate(labels, 1) if not label]:
        raise DataError(
            f"{where}: {len(missing)} of {len(labels)} features have no {column!r}: features {some(missing)}",
            column=column,
            count=len(missing),
        )
    return labels


def _label_order(labels: list[str]) -> Any:
    """Return the sort key of labels: numeric order if all are numbers, else alphabetical."""

    def number(label: str) -> tuple[float, str]:
        return float(label), label

    try:
        [number(label) for label in labels]
    except ValueError:
        return str
    return number


def _repaired(
    frame: gpd.GeoDataFrame, *, where: str, labels: list[str] | None
) -> tuple[gpd.GeoDataFrame, tuple[Note, ...]]:
    """Return the features with self-intersections repaired, and a note; refuse a repair that changes much."""
    geometry = shapely.force_2d(frame.geometry.to_numpy())
    invalid = np.flatnonzero(~shapely.is_valid(geometry))
    mended = geometry.copy()
    mended[invalid] = [_polygon_part(shape) for shape in shapely.make_valid(geometry[invalid])]
    names = [labels[row] if labels and set(labels) != {"all"} else str(row + 1) for row in range(len(frame))]
    before, after = np.abs(shapely.area(geometry)), shapely.area(mended)
    empty = np.flatnonzero(after == 0)
    if len(empty):
        raise DataError(
            f"{where}: {len(empty)} features have no area: {some(names[row] for row in empty)}",
            count=len(empty),
        )
    with np.errstate(divide="ignore"):
        changed = invalid[np.abs(after[invalid] / before[invalid] - 1) > _MOST_REPAIRED]
    if len(changed):
        which = some(names[row] for row in changed)
        raise DataError(
            f"{where}: {len(changed)} polygons cross themselves and a repair would change their area "
            f"by more than {_MOST_REPAIRED:.0%}: {which}; mend them in a map editor",
            count=len(changed),
        )
    if not len(invalid):
        return frame, ()
    told = note("history.polygons_repaired", file=where, count=len(invalid), polygons=[names[row] for row in invalid])
    return frame.set_geometry(gpd.GeoSeries(mended, index=frame.index, crs=frame.crs)), (told,)


def _polygon_part(geometry: Any) -> Any:
    """Return the polygons of what a repair gave: lines and points are left-overs."""
    parts = shapely.get_parts(geometry)
    nested = shapely.get_parts(parts)
    return shapely.union_all(nested[shapely.get_type_id(nested) == 3])


def _without_overlaps(layer: _Layer) -> tuple[Geometries, tuple[Note, ...]]:
    """Return disjoint districts: where two overlap by more than a sliver, the later one yields."""
    polygons = layer.polygons.copy()
    tree = shapely.STRtree(polygons)
    notes = []
    for later, earlier in sorted(tree.query(polygons, predicate="intersects").T.tolist()):
        if earlier >= later:
            continue
        shared = shapely.area(shapely.intersection(polygons[later], polygons[earlier]))
        if shared > _SLIVER_SHARE * min(shapely.area(polygons[later]), shapely.area(polygons[earlier])):
            polygons[later] = _polygon_part(shapely.difference(polygons[later], polygons[earlier]))
            first, second = layer.labels[earlier], layer.labels[later]
            notes.append(note("history.districts_overlap", first=first, second=second, km2=shared / 1e6))
    if gone := [label for label, one in zip(layer.labels, polygons, strict=True) if shapely.is_empty(one)]:
        raise DataError(f"districts lie wholly inside others: {some(gone)}", count=len(gone))
    return polygons, tuple(notes)
