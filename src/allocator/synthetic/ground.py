"""The ground of an invented city: outline, districts, beats and streets."""

from __future__ import annotations

import json
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import Transformer

from allocator.domain import Area, Geometries

Polygons = list[shapely.Geometry]
TIMEZONE = "Atlantic/Azores"
CRS = "EPSG:32626"
_CENTRE = (-30.0, 41.0)  # open ocean


def area_of(width_km: float, height_km: float, rng: np.random.Generator) -> Area:
    """Return an irregular outline cut into districts and beats."""
    x0, y0 = Transformer.from_crs("EPSG:4326", CRS, always_xy=True).transform(*_CENTRE)
    half_x, half_y = width_km * 500, height_km * 500
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    radius = 1 + 0.06 * np.sin(3 * angle + rng.uniform(0, 6)) + 0.04 * np.sin(7 * angle + rng.uniform(0, 6))
    # A superellipse: between an ellipse and a rectangle, as grown cities are.
    ring_x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** 0.6 * half_x * radius
    ring_y = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** 0.6 * half_y * radius
    outline = shapely.Polygon(np.c_[x0 + ring_x, y0 + ring_y]).buffer(0)
    columns, rows = max(1, round(width_km / 3)), max(1, round(height_km / 3))
    districts, labels = _cut(outline, columns, rows, [str(n + 1) for n in range(columns * rows)])
    beats, beat_labels = [], []
    for district, label in zip(districts, labels, strict=True):
        pieces, names = _cut(district, 2, 2, [f"{label}{letter}" for letter in "abcd"])
        beats += pieces
        beat_labels += names
    return Area(_objects(districts), tuple(labels), CRS, _objects(beats), tuple(beat_labels))


def _objects(geometries: Polygons) -> Geometries:
    array = np.empty(len(geometries), dtype=object)
    array[:] = geometries
    return array


def _cut(polygon: shapely.Geometry, columns: int, rows: int, labels: list[str]) -> tuple[Polygons, list[str]]:
    left, low, right, high = polygon.bounds
    xs, ys = np.linspace(left, right, columns + 1), np.linspace(low, high, rows + 1)
    boxes = [shapely.box(xs[i], ys[j], xs[i + 1], ys[j + 1]) for j in range(rows) for i in range(columns)]
    pieces = [(box.intersection(polygon), label) for box, label in zip(boxes, labels, strict=True)]
    kept = [(piece, label) for piece, label in pieces if piece.area > 0]
    return [piece for piece, _ in kept], [label for _, label in kept]


def streets_of(area: Area, rng: np.random.Generator) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return sites every 60 m or so along a crooked street grid."""
    left, low, right, high = area.outline.bounds
    lines = []
    for start, stop, across in ((left, right, (low, high)), (low, high, (left, right))):
        at = start + rng.uniform(0, 200)
        while at < stop:
            along = np.arange(across[0], across[1], 60.0)
            bend = 40 * np.sin(along / rng.uniform(600, 1500) + rng.uniform(0, 6))
            pair = (at + bend, along) if start == left else (along, at + bend)
            lines.append(np.c_[pair])
            at += rng.uniform(150, 420)
    sites = np.concatenate(lines)
    inside = shapely.contains_xy(area.outline, sites[:, 0], sites[:, 1])
    return sites[inside, 0], sites[inside, 1]


def polygons_geojson(polygons: Iterable[shapely.Geometry] | None, labels: tuple[str, ...], label: str) -> str:
    """Return polygons in `CRS` as RFC 7946 GeoJSON text, with their labels in the property `label`."""
    to_wgs84 = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    features = []
    for polygon, name in zip(() if polygons is None else polygons, labels, strict=True):
        moved = shapely.transform(shapely.orient_polygons(polygon), to_wgs84.transform, interleaved=False)
        rounded = shapely.transform(moved, lambda points: np.round(points, 7))
        features.append(
            {
                "type": "Feature",
                "properties": {label: name},
                "geometry": json.loads(shapely.to_geojson(rounded)),
            }
        )
    rows = ",\n".join(json.dumps(feature) for feature in features)
    return f'{{"type": "FeatureCollection", "features": [\n{rows}\n]}}\n'
