"""The study area cut into cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from scipy import sparse

from allocator.errors import ConfigError, DataError, some

Geometries = npt.NDArray[np.object_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]

MAX_CELLS = 1_000_000
HOP_M = 150.0
"""Metres that one step between neighbouring regions stands for where regions have no coordinates."""

_SLIVER = 1e-6  # of a cell's area: numerical crumbs of clipping, not places


@dataclass(frozen=True, eq=False)
class Area:
    """The study area: its districts, and beats if given, in projected metres.

    Parameters
    ----------
    polygons : (n_districts,) object
        One shapely (multi)polygon per district.
    districts : tuple of str
        District labels, sorted; those of numbers in numeric order.
    crs : str
        Projected coordinate system with metres as its unit.
    beat_polygons : (n_beats,) object, optional
        One (multi)polygon per beat.
    beats : tuple of str
        Beat labels, in the same order rules.
    notes : tuple of str
        What a planner should know: repairs, merged features.
    """

    polygons: Geometries
    districts: tuple[str, ...]
    crs: str
    beat_polygons: Geometries | None = None
    beats: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def outline(self) -> Any:
        """The union of the districts."""
        return shapely.union_all(self.polygons)


@dataclass(frozen=True, eq=False)
class Lattice:
    """Where a regular cell lies: `lookup[row - first_row, column - first_column]` is its number, or -1."""

    shape: str
    size: float
    first_row: int
    first_column: int
    lookup: Ints
    partial: npt.NDArray[np.bool_]  # cells cut by the outline: points in them must be checked


@dataclass(frozen=True, eq=False)
class Tessellation:
    """The cells of a study area.

    Make one with `squares`, `hexagons`, `polygons` or `regions`. The same area and size give the same cells in the
    same order, because lattices snap to the origin of the projection.

    Parameters
    ----------
    geometry : (n_cells,) object
        Polygons clipped to the area.
    x, y : (n_cells,) float64
        Centroids in metres; NaN for regions of which only the neighbours are known.
    area_km2 : (n_cells,) float64
        Area of the clipped cells.
    district, beat : (n_cells,) int32
        Row of `districts`, `beats` with the largest overlap; -1 for none.
    indptr, indices : int32
        Neighbours in CSR form: those of cell c are `indices[indptr[c]:indptr[c + 1]]`, ascending. Squares
        have up to 8, hexagons up to 6; polygons are neighbours if they touch; regions as given.
    crs : str
        Projected coordinate system; empty for regions.
    kind : str
        "squares", "hexagons", "polygons" or "regions".
    size_m : float
        Side of a square, edge of a hexagon; for polygons the root of the mean area; for regions the distance that
        one step to a neighbour stands for.
    """

    geometry: Geometries
    x: Floats
    y: Floats
    area_km2: Floats
    district: Ints
    districts: tuple[str, ...]
    beat: Ints
    beats: tuple[str, ...]
    indptr: Ints
    indices: Ints
    crs: str
    kind: str
    size_m: float
    lattice: Lattice | None = None

    def __post_init__(self) -> None:
        for name in ("geometry", "x", "y", "area_km2", "district", "beat", "indptr", "indices"):
            view = getattr(self, name).view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return len(self.x)

    @property
    def is_placed(self) -> bool:
        """Whether the cells have coordinates; without, distances are steps between neighbours."""
        return not np.isnan(self.x).any()

    @cached_property
    def _tree(self) -> Any:
        return shapely.STRtree(self.geometry)

    @classmethod
    def squares(cls, area: Area, size_m: float) -> Tessellation:
        """Return squares with sides of `size_m` metres, clipped to the area.

        Raises
        ------
        DataError
            If the area would need more than a million cells.
        """
        return cls._regular(area, "squares", size_m)

    @classmethod
    def hexagons(cls, area: Area, edge_m: float) -> Tessellation:
        """Return regular hexagons of equal area with edges of `edge_m` metres, clipped to the area.

        Raises
        ------
        DataError
            If the area would need more than a million cells.
        """
        return cls._regular(area, "hexagons", edge_m)

    @classmethod
    def polygons(cls, area: Area, geometries: Sequence[Any] | Geometries) -> Tessellation:
        """Return the given polygons (beats, street-segment buffers), in their order, clipped to the area.

        Where polygons overlap, a point belongs to the first.

        Raises
        ------
        DataError
            If no polygon overlaps the area.
        """
        given = np.asarray(geometries, dtype=object)
        clipped, _ = _clip(given, area.outline)
        kept = shapely.area(clipped) > 0
        if not kept.any():
            raise DataError(f"none of the {len(given)} polygons overlaps the study area")
        clipped = clipped[kept]
        tree = shapely.STRtree(clipped)
        left, right = tree.query(clipped, predicate="intersects")
        indptr, indices = _csr(left[left != right], right[left != right], len(clipped))
        size = math.sqrt(float(shapely.area(clipped).mean()))
        return cls(
            **_labelled(area, clipped),
            indptr=indptr,
            indices=indices,
            crs=area.crs,
            kind="polygons",
            size_m=size,
        )

    @classmethod
    def regions(
        cls,
        adjacency: Any,
        *,
        x: npt.ArrayLike | None = None,
        y: npt.ArrayLike | None = None,
        area_km2: npt.ArrayLike | None = None,
        districts: Sequence[str] | None = None,
        size_m: float | None = None,
    ) -> Tessellation:
        """Return regions of which the neighbours are known, as in published tensor benchmarks, without polygons.

        Parameters
        ----------
        adjacency : (n, n) array of 0 and 1, scipy sparse matrix, or tuple (indptr, indices)
            Who is whose neighbour, both ways; a region's link to itself is ignored.
        x, y : (n,) float, optional
            Centres in metres. Without them the distance of two regions is `size_m` times the steps between them.
        area_km2 : (n,) float, optional
            Areas; by default all are squares of `size_m`.
        districts : sequence of str, optional
            District of each region; by default all are in one.
        size_m : float, optional
            Metres of one step; by default the median distance of neighbours, or 150 without coordinates, so that
            bandwidths of 150, 300 and 600 m are one, two and four steps.

        Raises
        ------
        DataError
            If the adjacency is not symmetric or not of 0 and 1, or lengths, coordinates, areas or `size_m` are wrong.
        """
        indptr, indices = _neighbours_of(adjacency)
        n = len(indptr) - 1
        labels = ["city"] * n if districts is None else [str(label) for label in districts]
        names = tuple(sorted(set(labels)))
        place = None if x is None or y is None else (_per_region("x", x, n), _per_region("y", y, n))
        if (x is None) != (y is None) or len(labels) != n:
            raise DataError(f"{n} regions need x and y, or neither, and one district each ({len(labels)} given)")
        size = _step_m(place, indptr, indices) if size_m is None else float(size_m)
        area = np.full(n, size**2 / 1e6) if area_km2 is None else _per_region("area_km2", area_km2, n)
        if not (np.isfinite(size) and size > 0 and (area > 0).all()):
            raise DataError(f"sizes must be above 0: size_m = {size:g}, {int((area <= 0).sum())} areas of 0 or less")
        unknown = np.full(n, np.nan)
        return cls(
            geometry=np.full(n, shapely.Polygon(), dtype=object), x=unknown if place is None else place[0],
            y=unknown if place is None else place[1], area_km2=area,
            district=np.array([names.index(label) for label in labels], np.int32), districts=names,
            beat=np.full(n, -1, np.int32), beats=(), indptr=indptr, indices=indices, crs="", kind="regions",
            size_m=size,
        )  # fmt: skip

    @classmethod
    def _regular(cls, area: Area, kind: str, size: float) -> Tessellation:
        row, column = _candidates(area.outline, kind, size)
        shapes = _SHAPES[kind][0](row, column, size)
        clipped, partial = _clip(shapes, area.outline)
        kept = shapely.area(clipped) > _SLIVER * _SHAPES[kind][2] * size**2
        row, column, clipped, partial = row[kept], column[kept], clipped[kept], partial[kept]
        if not len(clipped):
            raise DataError("the study area is empty: no cell overlaps it")
        first_row, first_column = int(row.min()), int(column.min())
        lookup = np.full((np.ptp(row) + 1, np.ptp(column) + 1), -1, np.int32)
        lookup[row - first_row, column - first_column] = np.arange(len(row), dtype=np.int32)
        lattice = Lattice(kind, float(size), first_row, first_column, lookup, partial)
        indptr, indices = _lattice_neighbours(row, column, lattice)
        return cls(
            **_labelled(area, clipped), indptr=indptr, indices=indices, crs=area.crs, kind=kind,
            size_m=float(size), lattice=lattice,
        )  # fmt: skip

    def locate(self, x: npt.ArrayLike, y: npt.ArrayLike) -> Ints:
        """Return the cell of each point, -1 where the point lies in none.

        Parameters
        ----------
        x, y : (n,) float64
            Coordinates in `crs`; non-finite ones lie in no cell.

        Returns
        -------
        (n,) int32
            A regular cell holds its left and lower border; the outline of the area is part of it.
        """
        x, y = np.asarray(x, np.float64).ravel(), np.asarray(y, np.float64).ravel()
        cell = np.full(len(x), -1, np.int32)
        finite = np.isfinite(x) & np.isfinite(y)
        if self.lattice is None:
            points = shapely.points(x[finite], y[finite])
            point, polygon = self._tree.query(points, predicate="intersects")
            first = np.full(int(finite.sum()), np.iinfo(np.int32).max, np.int32)
            np.minimum.at(first, point, polygon.astype(np.int32))
            cell[finite] = np.where(first == np.iinfo(np.int32).max, -1, first)
            return cell
        grid = self.lattice
        row, column = _SHAPES[grid.shape][1](x[finite], y[finite], grid.size)
        row, column = row - grid.first_row, column - grid.first_column
        n_rows, n_columns = grid.lookup.shape
        inside = (row >= 0) & (row < n_rows) & (column >= 0) & (column < n_columns)
        found = np.full(len(row), -1, np.int32)
        found[inside] = grid.lookup[row[inside].astype(np.int64), column[inside].astype(np.int64)]
        check = np.flatnonzero((found >= 0) & grid.partial[found])
        covered = shapely.intersects_xy(self.geometry[found[check]], x[finite][check], y[finite][check])
        found[check[~covered]] = -1
        cell[finite] = found
        return cell

    def steps_within(self, radius_m: float, *, most: int) -> tuple[npt.NDArray[np.int64], Ints, Floats]:
        """Return, for each cell, itself and the cells that are at most `radius_m / size_m` steps away.

        Returns
        -------
        indptr, indices : int64, int32
            Rows in CSR form, ascending.
        distance : float64
            Steps times `size_m`.

        Raises
        ------
        ConfigError
            If there are more than `most` pairs.
        """
        n = self.n_cells
        links = sparse.csr_array((np.ones(len(self.indices), np.int32), self.indices, self.indptr), shape=(n, n))
        reached = newest = sparse.eye_array(n, dtype=np.int32, format="csr")  # stored: 1 + steps
        for step in range(1, int(radius_m / self.size_m * (1 + 1e-9)) + 1):
            newest = newest @ links
            newest.data[:] = 1
            newest = newest - newest.multiply(reached.sign())
            newest.eliminate_zeros()
            if not newest.nnz:
                break
            reached = reached + newest * np.int32(step + 1)
            if reached.nnz > most:
                raise ConfigError(
                    f"{n:,} regions have {reached.nnz:,} pairs within {step} steps, more than memory allows "
                    f"({most:,}): use smaller risk.bandwidths_m (one step is {self.size_m:g} m, kernels reach 2.5 "
                    "bandwidths) or fewer regions"
                )
        reached.sort_indices()
        distance = (reached.data - 1.0) * self.size_m
        return reached.indptr.astype(np.int64), reached.indices.astype(np.int32), distance

    def district_shapes(self) -> list[tuple[str, Any]]:
        """Return label and shape, made of its cells, of each district that has cells."""
        return _shapes(self.geometry, self.district, self.districts)

    def beat_shapes(self) -> list[tuple[str, Any]]:
        """Return label and shape, made of its cells, of each beat that has cells."""
        return _shapes(self.geometry, self.beat, self.beats)

    def within(self, polygon: Any) -> npt.NDArray[np.bool_]:
        """Return which cells have their centre inside `polygon`, (n_cells,) bool."""
        shapely.prepare(polygon)
        return np.asarray(shapely.intersects_xy(polygon, self.x, self.y), dtype=bool)


def dissolved(cells: Geometries) -> Any:
    """Return the shape that cells make together.

    Closing it by half a metre removes the hair cracks that rounding leaves between hexagons.
    """
    return shapely.union_all(cells).buffer(0.5, join_style="mitre").buffer(-0.5, join_style="mitre")


def _shapes(geometry: Geometries, row: npt.NDArray[np.int32], labels: tuple[str, ...]) -> list[tuple[str, Any]]:
    return [(label, dissolved(geometry[row == n])) for n, label in enumerate(labels) if (row == n).any()]


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


_SHAPES: dict[str, tuple[Any, Any, float]] = {
    "squares": (_squares, _square_of, 1.0),
    "hexagons": (_hexagons, _hexagon_of, 1.5 * math.sqrt(3)),
}
"""Per regular shape: its polygons, the lattice place of a point, and its area for size 1."""


def _candidates(outline: Any, kind: str, size: float) -> tuple[Ints, Ints]:
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
    reach = _SHAPES[kind][0](row, column, size)
    shapely.prepare(outline)
    hit = shapely.intersects(outline, reach)
    if hit.sum() > MAX_CELLS:
        raise DataError(f"cells of {size:g} m cut this area into {hit.sum():,}; at most {MAX_CELLS:,} are supported")
    return row[hit].astype(np.int32), column[hit].astype(np.int32)


def _clip(shapes: Geometries, outline: Any) -> tuple[Geometries, npt.NDArray[np.bool_]]:
    """Return the polygon part of each shape inside the outline, and which shapes are cut."""
    shapely.prepare(outline)
    partial = ~shapely.contains(outline, shapes)
    clipped = shapes.copy()
    cut = np.flatnonzero(partial)
    clipped[cut] = _polygonal(_intersections(shapes[cut], outline))
    return clipped, partial


def _intersections(shapes: Geometries, outline: Any, *, tiles: int = 16) -> Geometries:
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


def _labelled(area: Area, cells: Geometries) -> dict[str, Any]:
    centre = shapely.centroid(cells)
    beats = area.beat_polygons if area.beat_polygons is not None else np.empty(0, dtype=object)
    return {
        "geometry": cells,
        "x": shapely.get_x(centre),
        "y": shapely.get_y(centre),
        "area_km2": shapely.area(cells) / 1e6,
        "district": _largest_overlap(cells, area.polygons),
        "districts": area.districts,
        "beat": _largest_overlap(cells, beats),
        "beats": area.beats,
    }


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


def _lattice_neighbours(row: Ints, column: Ints, grid: Lattice) -> tuple[Ints, Ints]:
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
    return _csr(left, right, len(row))


def _csr(left: npt.NDArray[Any], right: npt.NDArray[Any], n: int) -> tuple[Ints, Ints]:
    order = np.lexsort((right, left))
    indptr = np.zeros(n + 1, np.int32)
    np.cumsum(np.bincount(left, minlength=n), out=indptr[1:])
    return indptr, right[order].astype(np.int32)


def _neighbours_of(adjacency: Any) -> tuple[Ints, Ints]:
    """Return the CSR neighbours of an adjacency in any of the three forms, checked."""
    graph = _graph_of(adjacency)
    n = graph.shape[0]
    if odd := int((graph.data != 1).sum()):  # NaN too
        examples = some(sorted(set(graph.data[graph.data != 1].tolist()[:50])))
        raise DataError(f"the adjacency has {odd:,} entries that are neither 0 nor 1: {examples}", count=odd)
    left, right = graph.nonzero()
    lone = graph - graph.T
    lone.eliminate_zeros()
    if lone.nnz:
        a, b = (side[:3].tolist() for side in lone.nonzero())
        raise DataError(
            f"the adjacency is not symmetric: {lone.nnz // 2:,} pairs are linked one way only, such as "
            f"{some(zip(a, b, strict=True))}",
            count=lone.nnz // 2,
        )
    kept = left != right
    return _csr(left[kept], right[kept], n)


def _graph_of(adjacency: Any) -> Any:
    """Return the adjacency as a square scipy matrix."""
    if isinstance(adjacency, tuple) and len(adjacency) == 2:
        indptr, indices = (np.asarray(part) for part in adjacency)
        n = len(indptr) - 1
        whole = all(part.ndim == 1 and np.issubdtype(part.dtype, np.integer) for part in (indptr, indices))
        if not whole or n < 1 or indptr[0] != 0 or indptr[-1] != len(indices) or (np.diff(indptr) < 0).any():
            raise DataError(
                "the pair (indptr, indices) is no CSR: indptr must be whole numbers that rise from 0 to len(indices)"
            )
        if ((indices < 0) | (indices >= n)).any():
            wrong = indices[(indices < 0) | (indices >= n)]
            raise DataError(f"{len(wrong):,} neighbours are no regions: {some(wrong.tolist())}; there are 0 to {n - 1}")
        graph = sparse.csr_array((np.ones(len(indices)), indices, indptr), shape=(n, n))
        graph.sum_duplicates()
        return graph
    try:
        graph = sparse.csr_array(adjacency if sparse.issparse(adjacency) else np.asarray(adjacency, np.float64))
    except (TypeError, ValueError) as error:
        raise DataError(f"the adjacency is no matrix of numbers: {error}") from error
    if len(graph.shape) != 2 or graph.shape[0] != graph.shape[1] or not graph.shape[0]:
        raise DataError(f"the adjacency must be square, one row and column per region, not {graph.shape}")
    graph.sum_duplicates()
    graph.eliminate_zeros()
    return graph


def _per_region(name: str, values: npt.ArrayLike, n: int) -> npt.NDArray[np.float64]:
    found = np.asarray(values, np.float64)
    if found.shape != (n,):
        raise DataError(f"{name} must have one value per region: {n} regions, {found.shape} given")
    if wrong := int((~np.isfinite(found)).sum()):
        raise DataError(f"{name} is missing or infinite for {wrong} of {n} regions", column=name, count=wrong)
    return found


def _step_m(place: tuple[Floats, Floats] | None, indptr: Ints, indices: Ints) -> float:
    """Return the median distance of neighbours, or the default where there is none."""
    if place is None or not len(indices):
        return HOP_M
    row = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    return float(np.median(np.hypot(*(side[row] - side[indices] for side in place))))
