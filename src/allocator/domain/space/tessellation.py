"""The study area cut into cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import shapely
from scipy import sparse

from allocator.domain.arrays import Bools, Floats, Geometries, Ints
from allocator.domain.space.area import Area, shapes_of
from allocator.domain.space.lattice import SHAPES, Lattice, candidates, csr, lattice_neighbours
from allocator.domain.space.neighbours import Adjacency, neighbours_of, per_region, step_m
from allocator.domain.space.overlay import SLIVER, clip, labelled
from allocator.errors import ConfigError, DataError


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
    def _tree(self) -> shapely.STRtree:
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
    def polygons(cls, area: Area, geometries: Sequence[shapely.Geometry] | Geometries) -> Tessellation:
        """Return the given polygons (beats, street-segment buffers), in their order, clipped to the area.

        Where polygons overlap, a point belongs to the first.

        Raises
        ------
        DataError
            If no polygon overlaps the area.
        """
        given = np.asarray(geometries, dtype=object)
        clipped, _ = clip(given, area.outline)
        kept = shapely.area(clipped) > 0
        if not kept.any():
            raise DataError(f"none of the {len(given)} polygons overlaps the study area")
        clipped = clipped[kept]
        tree = shapely.STRtree(clipped)
        left, right = tree.query(clipped, predicate="intersects")
        indptr, indices = csr(left[left != right], right[left != right], len(clipped))
        size = math.sqrt(float(shapely.area(clipped).mean()))
        return cls(
            **labelled(area, clipped), indptr=indptr, indices=indices, crs=area.crs, kind="polygons", size_m=size,
        )  # fmt: skip

    @classmethod
    def regions(
        cls, adjacency: Adjacency, *, x: npt.ArrayLike | None = None, y: npt.ArrayLike | None = None,
        area_km2: npt.ArrayLike | None = None, districts: Sequence[str] | None = None, size_m: float | None = None,
    ) -> Tessellation:  # fmt: skip
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
        indptr, indices = neighbours_of(adjacency)
        n = len(indptr) - 1
        labels = ["city"] * n if districts is None else [str(label) for label in districts]
        names = tuple(sorted(set(labels)))
        place = None if x is None or y is None else (per_region("x", x, n), per_region("y", y, n))
        if (x is None) != (y is None) or len(labels) != n:
            raise DataError(f"{n} regions need x and y, or neither, and one district each ({len(labels)} given)")
        size = step_m(place, indptr, indices) if size_m is None else float(size_m)
        area = np.full(n, size**2 / 1e6) if area_km2 is None else per_region("area_km2", area_km2, n)
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
        row, column = candidates(area.outline, kind, size)
        shapes = SHAPES[kind][0](row, column, size)
        clipped, partial = clip(shapes, area.outline)
        kept = shapely.area(clipped) > SLIVER * SHAPES[kind][2] * size**2
        row, column, clipped, partial = row[kept], column[kept], clipped[kept], partial[kept]
        if not len(clipped):
            raise DataError("the study area is empty: no cell overlaps it")
        first_row, first_column = int(row.min()), int(column.min())
        lookup = np.full((np.ptp(row) + 1, np.ptp(column) + 1), -1, np.int32)
        lookup[row - first_row, column - first_column] = np.arange(len(row), dtype=np.int32)
        lattice = Lattice(kind, float(size), first_row, first_column, lookup, partial)
        indptr, indices = lattice_neighbours(row, column, lattice)
        return cls(
            **labelled(area, clipped), indptr=indptr, indices=indices, crs=area.crs, kind=kind,
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
        row, column = SHAPES[grid.shape][1](x[finite], y[finite], grid.size)
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

    def steps_within(self, radius_m: float, *, most: int) -> tuple[Ints, Ints, Floats]:
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

    def district_shapes(self) -> list[tuple[str, shapely.Geometry]]:
        """Return label and shape, made of its cells, of each district that has cells."""
        return shapes_of(self.geometry, self.district, self.districts)

    def beat_shapes(self) -> list[tuple[str, shapely.Geometry]]:
        """Return label and shape, made of its cells, of each beat that has cells."""
        return shapes_of(self.geometry, self.beat, self.beats)

    def within(self, polygon: shapely.Geometry) -> Bools:
        """Return which cells have their centre inside `polygon`, (n_cells,) bool."""
        shapely.prepare(polygon)
        return np.asarray(shapely.intersects_xy(polygon, self.x, self.y), dtype=bool)
