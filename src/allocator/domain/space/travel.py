"""How long it takes from cell to cell."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import shapely
from scipy import sparse
from scipy.sparse import csgraph

from allocator.domain.arrays import Bools, Floats, Geometries, Ints, freeze
from allocator.facts import Note

MINUTES_PER_M = 0.06
"""Minutes for a metre at 1 km/h."""


@dataclass(frozen=True, eq=False)
class Streets:
    """A street network: nodes, and edges between them.

    Parameters
    ----------
    x, y : (n_nodes,) float64
        Nodes in metres.
    tail, head : (n_edges,) int32
        Nodes of each edge; an edge is driven from tail to head only, two-way streets have two.
    metres : (n_edges,) float64
        Length.
    speed_kmh : (n_edges,) float64
        Speed, NaN where that of the unit counts.
    geometry : (n_edges,) object
        Lines, for closures.
    node : (n_cells,) int32
        Node nearest to the centre of each cell.
    access_m : (n_cells,) float64
        Metres from the centre to that node.
    """

    x: Floats
    y: Floats
    tail: Ints
    head: Ints
    metres: Floats
    speed_kmh: Floats
    geometry: Geometries
    node: Ints
    access_m: Floats

    def __post_init__(self) -> None:
        freeze(self)

    def graph(self, speed_kmh: float) -> sparse.csr_array:
        """Return the minutes of each edge as a sparse matrix; of parallel edges the quickest."""
        speed = np.where(np.isnan(self.speed_kmh), speed_kmh, self.speed_kmh)
        minutes = np.maximum(self.metres * MINUTES_PER_M / speed, 1e-6)
        order = np.lexsort((minutes, self.head, self.tail))
        tail, head = self.tail[order], self.head[order]
        first = np.ones(len(order), bool)
        first[1:] = (np.diff(tail) != 0) | (np.diff(head) != 0)
        rows = order[first]
        return sparse.csr_array((minutes[rows], (self.tail[rows], self.head[rows])), shape=(len(self.x),) * 2)

    def minutes(self, origins: Ints, targets: Ints, speed_kmh: float) -> Floats:
        """Return minutes along the streets, `inf` where there is no way, by Dijkstra's shortest paths."""
        node, back = np.unique(self.node[origins], return_inverse=True)
        far = csgraph.dijkstra(self.graph(speed_kmh), indices=node)
        access = self.access_m * MINUTES_PER_M / speed_kmh
        minutes = far[back][:, self.node[targets]] + access[origins][:, None] + access[targets]
        return np.asarray(minutes, np.float64)

    def cut_off(self) -> Bools:
        """Return the cells whose streets do not lead to those of most cells and back, (n_cells,) bool."""
        _, part = csgraph.connected_components(self.graph(1.0), connection="strong")
        here = part[self.node]
        return np.asarray(here != np.bincount(here).argmax()) if len(here) else np.zeros(0, bool)


@dataclass(frozen=True, eq=False)
class Travel:
    """Minutes of travel between cells, on demand; never a full table of all cells.

    The first of these that is given counts: streets, a matrix, distance × detour / speed.

    Parameters
    ----------
    x, y : (n_cells,) float64
        Centres in metres.
    detour : float
        Road distance over straight-line distance.
    matrix : (n_labels, n_labels) float64, optional
        Given minutes, the same for all units.
    label : (n_cells,) int32, optional
        Row of the matrix for each cell.
    streets : Streets, optional
        Network to travel along.
    closed : tuple of polygons
        Where nobody can drive.
    notes : tuple of Note
        What a planner should know, such as cells that no street leads to.
    """

    x: Floats
    y: Floats
    detour: float = 1.3
    matrix: Floats | None = None
    label: Ints | None = None
    streets: Streets | None = None
    closed: tuple[shapely.Geometry, ...] = ()
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        freeze(self)

    def minutes(self, origins: Ints, targets: Ints, *, speed_kmh: float) -> Floats:
        """Return minutes from each origin to each target, `inf` where there is no way.

        Parameters
        ----------
        origins, targets : (n,), (m,) int
            Cells.
        speed_kmh : float
            Speed of the unit.

        Returns
        -------
        (n, m) float64
            0 from a cell to itself.
        """
        origins, targets = np.asarray(origins, np.int64), np.asarray(targets, np.int64)
        if self.streets is not None:
            minutes = self.streets.minutes(origins, targets, speed_kmh)
        elif self.matrix is not None and self.label is not None:
            minutes = self.matrix[np.ix_(self.label[origins], self.label[targets])] * self._round_about(
                origins, targets
            )
        else:
            metres = np.hypot(self.x[origins][:, None] - self.x[targets], self.y[origins][:, None] - self.y[targets])
            minutes = metres * (self.detour * MINUTES_PER_M / speed_kmh) * self._round_about(origins, targets)
        return np.where(origins[:, None] == targets, 0.0, minutes)

    def without(self, polygons: Sequence[shapely.Geometry]) -> Self:
        """Return travel that keeps out of the given polygons.

        Streets that touch one are closed. Without streets, a straight way across one leads round its convex hull, and
        there is no way to or from the cells in it; minutes of a matrix grow as the distances do.
        """
        if self.streets is None:
            return dataclasses.replace(self, closed=(*self.closed, *polygons))
        gone = shapely.intersects(self.streets.geometry, shapely.union_all(list(polygons)))
        kept = {
            name: getattr(self.streets, name)[~gone] for name in ("tail", "head", "metres", "speed_kmh", "geometry")
        }
        return dataclasses.replace(self, streets=dataclasses.replace(self.streets, **kept))

    def _round_about(self, origins: Ints, targets: Ints) -> Floats:
        """Return the way round the closed places over the straight way, 1 where none is crossed."""
        ratio = np.ones((len(origins), len(targets)))
        if not self.closed:
            return ratio
        from_point = shapely.points(self.x[origins], self.y[origins])
        to_point = shapely.points(self.x[targets], self.y[targets])
        for polygon in self.closed:
            hull = shapely.convex_hull(polygon)
            inside = shapely.intersects(polygon, from_point)[:, None] | shapely.intersects(polygon, to_point)
            ends = np.empty((len(origins), len(targets), 2, 2))
            ends[..., 0, :] = np.stack([self.x[origins], self.y[origins]], axis=1)[:, None]
            ends[..., 1, :] = np.stack([self.x[targets], self.y[targets]], axis=1)
            lines = shapely.linestrings(ends)
            for i, j in zip(*np.nonzero(shapely.crosses(polygon, lines) & ~inside), strict=True):
                ratio[i, j] += _way_round(hull, lines[i, j]) - 1
            ratio[inside] = np.inf
        ratio[origins[:, None] == targets] = 1.0
        return ratio


def _way_round(hull: shapely.Geometry, line: shapely.Geometry) -> float:
    """Return the shorter way round a convex hull from end to end of a line, over the length of the line."""
    ring = shapely.get_exterior_ring(shapely.convex_hull(shapely.union(hull, line)))
    a, b = (shapely.line_locate_point(ring, shapely.get_point(line, end)) for end in (0, -1))
    there = abs(float(a) - float(b))
    straight = max(float(shapely.length(line)), 1e-9)
    return max(min(there, float(shapely.length(ring)) - there), straight) / straight
