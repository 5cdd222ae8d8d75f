"""Cells cut by the study area, and the district that holds most of each."""

from __future__ import annotations

import numpy as np
import shapely

from allocator.domain.arrays import Bools, Figures, Geometries, Ints
from allocator.domain.space.area import Area

SLIVER = 1e-6  # of a cell's area: numerical crumbs of clipping, not places


def clip(shapes: Geometries, outline: shapely.Geometry) -> tuple[Geometries, Bools]:
    """Return the polygon part of each shape inside the outline, and which shapes are cut."""
    shapely.prepare(outline)
    partial = ~shapely.contains(outline, shapes)
    clipped = shapes.copy()
    cut = np.flatnonzero(partial)
    clipped[cut] = _polygonal(_intersections(shapes[cut], outline))
    return clipped, partial


def _intersections(shapes: Geometries, outline: shapely.Geometry, *, tiles: int = 16) -> Geometries:
    """Return shape ∩ outline, cutting the outline into tiles first.

    Chicago (11,757 vertices, 1,604 border squares): 0.09 s by tile, 0.54 s against the whole outline; the
    gain grows with the number of vertices.
    """
    result = np.empty(len(shapes), dtype=object)
    if not len(shapes):
        return result
    bounds = shapely.bounds(shapes)
    left, low = bounds[:, :2].min(axis=0)
    span = np.maximum(bounds[:, 2:].max(axis=0) - (left, low), 1e-9)
    centre = (bounds[:, :2] + bounds[:, 2:]) / 2
    tile = np.minimum((centre - (left, low)) / span * tiles, tiles - 1).astype(int) @ (tiles, 1)
    for one in np.unique(tile):
        rows = np.flatnonzero(tile == one)
        x0, y0 = bounds[rows, :2].min(axis=0) - 1
        x1, y1 = bounds[rows, 2:].max(axis=0) + 1
        piece = shapely.intersection(outline, shapely.box(x0, y0, x1, y1))
        result[rows] = shapely.intersection(shapes[rows], piece)
    return result


def _polygonal(geometries: Geometries) -> Geometries:
    """Return the polygon part of each geometry (clipping may leave lines and points beside it)."""
    result = geometries.copy()
    mixed = np.flatnonzero(~np.isin(shapely.get_type_id(geometries), (3, 6)))
    for i in mixed:
        parts = shapely.get_parts(geometries[i])
        result[i] = shapely.union_all(parts[np.isin(shapely.get_type_id(parts), (3, 6))])
    return result


def labelled(area: Area, cells: Geometries) -> Figures:
    """Return what a tessellation knows of cells by their shapes: place, area, district and beat."""
    centre = shapely.centroid(cells)
    beats = area.beat_polygons if area.beat_polygons is not None else np.empty(0, dtype=object)
    return {
        "geometry": cells, "x": shapely.get_x(centre), "y": shapely.get_y(centre),
        "area_km2": shapely.area(cells) / 1e6, "district": _largest_overlap(cells, area.polygons),
        "districts": area.districts, "beat": _largest_overlap(cells, beats), "beats": area.beats,
    }  # fmt: skip


def _largest_overlap(cells: Geometries, labels: Geometries) -> Ints:
    """Return for each cell the row of the polygon that covers most of it, -1 for none; the first on ties."""
    best = np.full(len(cells), -1, np.int32)
    if not len(labels):
        return best
    cell, label = shapely.STRtree(cells).query(labels, predicate="intersects")[::-1]
    single = np.bincount(cell, minlength=len(cells)) == 1
    best[cell[single[cell]]] = label[single[cell]]
    cell, label = cell[~single[cell]], label[~single[cell]]
    overlap = np.zeros(len(cell))
    for one in np.unique(label):
        rows = np.flatnonzero(label == one)
        overlap[rows] = shapely.area(_intersections(cells[cell[rows]], labels[one], tiles=8))
    order = np.lexsort((label, -overlap, cell))
    cell, label, overlap = cell[order], label[order], overlap[order]
    first = np.flatnonzero(np.r_[True, cell[1:] != cell[:-1]]) if len(cell) else np.empty(0, np.int64)
    first = first[overlap[first] > 0]
    best[cell[first]] = label[first]
    return best
