"""Squares and hexagons that snap to the origin of the projection."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from allocator.domain.arrays import Floats, Ints
from allocator.domain.space.area import Geometries
from allocator.errors import DataError

MAX_CELLS = 1_000_000


@dataclass(frozen=True, eq=False)
class Lattice:
    """Where a regular cell lies: `lookup[row - first_row, column - first_column]` is its number, or -1."""

    shape: str
    size: float
    first_row: int
    first_column: int
    lookup: Ints
    partial: npt.NDArray[np.bool_]  # cells cut by the outline: points in them must be checked


def _squares(row: Ints, column: Ints, size: float) -> Geometries:
    return np.asarray(shapely.box(column * size, row * size, (column + 1) * size, (row + 1) * size))


def _square_of(x: Floats, y: Floats, size: float) -> tuple[Floats, Floats]:
    return np.floor(y / size), np.floor(x / size)


def _hexagons(row: Ints, column: Ints, edge: float) -> Geometries:
    """Return pointy-top hexagons; odd rows are moved half a cell to the right."""
    width = math.sqrt(3) * edge
    x = width * (column + 0.5 * (row % 2))
    y = 1.5 * edge * row
    angle = np.deg2rad(np.arange(30, 390, 60))
    corners = np.stack([x[:, None] + edge * np.cos(angle), y[:, None] + edge * np.sin(angle)], axis=-1)
    return np.asarray(shapely.polygons(corners))


def _hexagon_of(x: Floats, y: Floats, edge: float) -> tuple[Floats, Floats]:
    """Return row and column by cube rounding in axial coordinates."""
    q = (math.sqrt(3) / 3 * x - y / 3) / edge
    r = (2 / 3 * y) / edge
    rq, rr, rs = np.rint(q), np.rint(r), np.rint(-q - r)
    dq, dr, ds = np.abs(rq - q), np.abs(rr - r), np.abs(rs + q + r)
    rq = np.where((dq > dr) & (dq > ds), -rr - rs, rq)
    rr = np.where((dr >= dq) & (dr > ds), -rq - rs, rr)
    return rr, rq + (rr - np.mod(rr, 2)) / 2


Cutter = Callable[[Ints, Ints, float], Geometries]
Placer = Callable[[Floats, Floats, float], tuple[Floats, Floats]]
SHAPES: dict[str, tuple[Cutter, Placer, float]] = {
    "squares": (_squares, _square_of, 1.0),
    "hexagons": (_hexagons, _hexagon_of, 1.5 * math.sqrt(3)),
}
"""Per regular shape: its polygons, the lattice place of a point, and its area for size 1."""


def candidates(outline: shapely.Geometry, kind: str, size: float) -> tuple[Ints, Ints]:
    """Return row and column of the regular cells that may overlap the outline, row by row from the south-west."""
    if outline.is_empty:
        raise DataError("the study area is empty")
    left, low, right, high = outline.bounds
    step_x, step_y = (size, size) if kind == "squares" else (math.sqrt(3) * size, 1.5 * size)
    n_boxes = ((right - left) / step_x + 3) * ((high - low) / step_y + 3)
    if n_boxes > 20 * MAX_CELLS:
        raise DataError(
            f"cells of {size:g} m would cut this area into about {n_boxes:,.0f}: "
            "is the size in metres, and the area right?"
        )
    rows = np.arange(math.floor(low / step_y) - 1, math.ceil(high / step_y) + 2)
    columns = np.arange(math.floor(left / step_x) - 1, math.ceil(right / step_x) + 2)
    row, column = (part.ravel() for part in np.meshgrid(rows, columns, indexing="ij"))
    reach = SHAPES[kind][0](row, column, size)
    shapely.prepare(outline)
    hit = shapely.intersects(outline, reach)
    if hit.sum() > MAX_CELLS:
        raise DataError(f"cells of {size:g} m cut this area into {hit.sum():,}; at most {MAX_CELLS:,} are supported")
    return row[hit].astype(np.int32), column[hit].astype(np.int32)


def lattice_neighbours(row: Ints, column: Ints, grid: Lattice) -> tuple[Ints, Ints]:
    """Return the touching cells of each cell of a lattice: `indptr, indices` of a CSR table."""
    pairs = []
    padded = np.pad(grid.lookup, 1, constant_values=-1)
    for d_row in (-1, 0, 1):
        for d_column in (-1, 0, 1):
            if d_row == d_column == 0:
                continue
            other = padded[row - grid.first_row + 1 + d_row, column - grid.first_column + 1 + d_column]
            linked = other >= 0
            if grid.shape == "hexagons" and d_row:
                linked &= np.where(row % 2 == 0, d_column <= 0, d_column >= 0)
            cell = np.flatnonzero(linked)
            pairs.append((cell, other[cell]))
    left, right = (np.concatenate(side) for side in zip(*pairs, strict=True))
    return csr(left, right, len(row))


def csr(left: Ints, right: Ints, n: int) -> tuple[Ints, Ints]:
    """Return `indptr, indices` of the CSR table of pairs, each row's entries in ascending order."""
    order = np.lexsort((right, left))
    indptr = np.zeros(n + 1, np.int32)
    np.cumsum(np.bincount(left, minlength=n), out=indptr[1:])
    return indptr, right[order].astype(np.int32)
