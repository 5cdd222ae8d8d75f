"""The study area: polygons with their districts and beats."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import shapely

from allocator.domain.arrays import Geometries, Ints
from allocator.facts import Note


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
    notes : tuple of Note
        What a planner should know: repairs, merged features.
    """

    polygons: Geometries
    districts: tuple[str, ...]
    crs: str
    beat_polygons: Geometries | None = None
    beats: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()

    @cached_property
    def outline(self) -> shapely.Geometry:
        """The union of the districts."""
        return shapely.union_all(self.polygons)


def dissolved(cells: Geometries) -> shapely.Geometry:
    """Return the shape that cells make together.

    Closing it by half a metre removes the hair cracks that rounding leaves between hexagons.
    """
    return shapely.union_all(cells).buffer(0.5, join_style="mitre").buffer(-0.5, join_style="mitre")


def shapes_of(geometry: Geometries, row: Ints, labels: tuple[str, ...]) -> list[tuple[str, shapely.Geometry]]:
    """Return each label that has polygons, with all of its polygons as one shape."""
    return [(label, dissolved(geometry[row == n])) for n, label in enumerate(labels) if (row == n).any()]
