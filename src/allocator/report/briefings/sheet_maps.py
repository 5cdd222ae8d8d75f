"""Maps of briefing sheets as drawing primitives in millimetres of paper, from which HTML and PDF draw alike."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from allocator.domain import Floats, Geometries, Ints, Tessellation, dissolved
from allocator.report.look import said

Ring = Ints
Point = tuple[float, float]

STEPS = (0.5, 0.75, 0.9, 0.98)
"""Shares of the cells of a district, by expected harm per km² in the shift, above which the shades begin."""
SHADES = ("#fdf3de", "#fae3b8", "#f5cb8a", "#ec9f54")
"""Faint, so that marks and a pencil stand out; told apart in grey too."""

MARK_MM, SMALL_MARK_MM = 3.8, 3.0
"""Heights of marks; small ones where there are many."""
MANY = 40

_AROUND = [
    (ring * math.cos(turn), ring * math.sin(turn))
    for ring in (1.15, 2.1, 3.1)
    for turn in np.arange(0, 2 * math.pi, math.pi / 4)
]
_INSET_MM = 19.0


@dataclass(frozen=True, eq=False)
class Ground:
    """What lies under the marks of a district's maps in one shift, in metres from the south-west corner of the city.

    Parameters
    ----------
    shades : tuple of tuple of Ring
        Rings of the cells of each of `SHADES`.
    beats, outline : tuple of Ring
        Borders.
    """

    shades: tuple[tuple[Ring, ...], ...]
    beats: tuple[Ring, ...]
    outline: tuple[Ring, ...]


@dataclass(frozen=True)
class Mark:
    """A numbered place: the mark may stand aside from its place, so that no two cover each other."""

    place: Point
    at: Point
    text: str
    width: float


@dataclass(frozen=True)
class View:
    """A window on the ground: millimetres = (metres - west) × scale, and (north - metres) × scale downwards."""

    west: float
    north: float
    scale: float

    def put(self, x: float, y: float) -> Point:
        """Return a place in millimetres from the upper left corner."""
        return round((x - self.west) * self.scale, 2), round((self.north - y) * self.scale, 2)


@dataclass(frozen=True)
class Inset:
    """Where in the district the map lies: a small outline at `at`, with a box, in millimetres."""

    at: Point
    size: Point
    view: View
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class SheetMap:
    """A map of a sheet, in millimetres from its upper left corner.

    Parameters
    ----------
    ground : str
        District whose ground is drawn; all of it is drawn, and cut at the map's edge.
    way : tuple of Point
        Places in the order of the visits, joined by a line.
    labels : tuple of (Point, str)
        Names of beats.
    mark_mm : float
        Height of the marks.
    bar : (float, str)
        Length of the scale bar, and what it stands for.
    """

    ground: str
    width: float
    height: float
    view: View
    marks: tuple[Mark, ...]
    way: tuple[Point, ...]
    labels: tuple[tuple[Point, str], ...]
    mark_mm: float
    bar: tuple[float, str]
    inset: Inset | None


def mark_width(text: str, high: float) -> float:
    """Return the width of a mark of this height with this text."""
    return max(high, high * (0.41 * len(text) + 0.37))


class Atlas:
    """The shapes of a city, worked out once for all sheets."""

    def __init__(self, city: Tessellation) -> None:
        west, south = shapely.total_bounds(city.geometry)[:2] if city.n_cells else (0.0, 0.0)
        self._corner = np.array([west, south])
        self.x: Floats = np.asarray(city.x - west)
        self.y: Floats = np.asarray(city.y - south)
        self._area_km2 = city.area_km2
        self._rings = self._cell_rings(city)
        self._cells = [np.flatnonzero(city.district == row) for row in range(len(city.districts))]
        self._outlines = [self._borders(city.geometry[mine]) for mine in self._cells]
        self._beats: list[tuple[Ring, ...]] = []
        self._labels: list[list[tuple[float, float, str]]] = []
        for mine in self._cells:
            of_beat = {beat: mine[city.beat[mine] == beat] for beat in np.unique(city.beat[mine]) if beat >= 0}
            self._beats.append(tuple(r for cells in of_beat.values() for r in self._borders(city.geometry[cells])))
            middle = {beat: self._middle(one) for beat, one in of_beat.items()}
            self._labels.append([(*middle[beat], city.beats[beat]) for beat in of_beat])

    def _cell_rings(self, city: Tessellation) -> list[list[Ring]]:
        rings: list[list[Ring]] = []
        for shape in city.geometry:
            parts = shapely.get_exterior_ring(shapely.get_parts(shape))
            rings.append([self._whole_metres(ring) for ring in parts if ring is not None])
        return rings

    def _whole_metres(self, ring: shapely.Geometry) -> Ring:
        return np.asarray(np.rint(shapely.get_coordinates(ring) - self._corner), np.int64)

    def _borders(self, shapes: Geometries) -> tuple[Ring, ...]:
        if not len(shapes):
            return ()
        shape = dissolved(shapes).simplify(1.0)
        return tuple(self._whole_metres(ring) for ring in shapely.get_rings(shapely.get_parts(shape)))

    def _middle(self, cells: Ints) -> Point:
        """Return the centre of the cell nearest to the mean of these cells."""
        far = (self.x[cells] - self.x[cells].mean()) ** 2 + (self.y[cells] - self.y[cells].mean()) ** 2
        nearest = cells[int(np.argmin(far))]
        return float(self.x[nearest]), float(self.y[nearest])

    def ground(self, district: int, harm: Floats) -> Ground:
        """Return the ground of a district in a shift.

        Parameters
        ----------
        district : int
            Row of the district.
        harm : (n_cells,) float64
            Expected harm of the shift.
        """
        mine = self._cells[district]
        order = mine[np.argsort(harm[mine] / self._area_km2[mine], kind="stable")]
        bounds = [round(share * len(order)) for share in (*STEPS, 1.0)]
        shades = tuple(
            tuple(ring for cell in np.sort(order[low:high]).tolist() for ring in self._rings[cell])
            for low, high in itertools.pairwise(bounds)
        )
        return Ground(shades, self._beats[district], self._outlines[district])

    def map_of(
        self, district: int, name: str, *, size: Point, marks: Mapping[int, str], way: Sequence[int] = ()
    ) -> SheetMap | None:
        """Return a map of marked cells, or of the whole district if there are none; None where nothing is known.

        Parameters
        ----------
        district : int
            Row of the district.
        name : str
            Its name on the ground.
        size : (float, float)
            Width and height in millimetres.
        marks : mapping of int to str
            Text of each marked cell.
        way : sequence of int
            Cells that a line joins.
        """
        if not len(self._cells[district]):
            return None
        view = self._view(list(marks) or self._cells[district], size)
        high = SMALL_MARK_MM if len(marks) > MANY else MARK_MM
        placed = set_apart(
            [(view.put(self.x[cell], self.y[cell]), text) for cell, text in marks.items()], size, high=high
        )
        return SheetMap(
            name, *size, view, placed, tuple(view.put(self.x[cell], self.y[cell]) for cell in way),
            self._names(district, view, placed, size), high, _bar(view.scale, size[0]),
            _in_free_corner(self._inset(district, view, size), placed, size),
        )  # fmt: skip

    def _names(self, district: int, view: View, marks: Sequence[Mark], size: Point) -> tuple[tuple[Point, str], ...]:
        """Return the names of the beats that no mark covers."""
        names = []
        for x, y, text in self._labels[district]:
            at = view.put(x, y)
            clear = all(abs(at[0] - mark.at[0]) > 4 + mark.width / 2 or abs(at[1] - mark.at[1]) > 3 for mark in marks)
            under_bar = at[1] > size[1] - 9 and at[0] < size[0] / 4 + 22
            if clear and not under_bar and 4 < at[0] < size[0] - 4 and 3 < at[1] < size[1] - 3:
                names.append((at, said(text, 12)))
        return tuple(names)

    def _view(self, cells: Ints | list[int], size: Point) -> View:
        """Return the window that holds the cells with a margin; it is never narrower than 1.2 km."""
        x, y = self.x[cells], self.y[cells]
        wide, high = (max(float(np.ptp(axis)) * 1.16 + 250, 1200.0) for axis in (x, y))
        scale = min(size[0] / wide, size[1] / high)
        middle = (float(x.min() + x.max()) / 2, float(y.min() + y.max()) / 2)
        return View(middle[0] - size[0] / scale / 2, middle[1] + size[1] / scale / 2, scale)

    def _inset(self, district: int, view: View, size: Point) -> Inset | None:
        points = np.concatenate(self._outlines[district])
        low, high = points.min(axis=0), points.max(axis=0)
        wide, tall = (float(length) for length in np.maximum(high - low, 1))
        shown = (size[0] / view.scale) * (size[1] / view.scale)
        if shown > 0.5 * wide * tall:  # most of the district is on the map itself
            return None
        scale = (_INSET_MM - 2) / max(wide, tall)
        small = View(float(low[0]) - 1 / scale, float(high[1]) + 1 / scale, scale)
        left, top = small.put(view.west, view.north)
        right, bottom = small.put(view.west + size[0] / view.scale, view.north - size[1] / view.scale)
        extent = (round(wide * scale + 2, 2), round(tall * scale + 2, 2))
        box = (max(left, 0.2), max(top, 0.2), min(right, extent[0] - 0.2), min(bottom, extent[1] - 0.2))
        return Inset((0.0, 0.0), extent, small, box)


def _in_free_corner(inset: Inset | None, marks: Sequence[Mark], size: Point) -> Inset | None:
    """Return the inset in a corner where it covers no mark, or None if there is none."""
    if inset is None:
        return None
    wide, high = inset.size
    for x, y in ((size[0] - wide, 0.0), (size[0] - wide, size[1] - high), (0.0, 0.0)):  # the bar has the fourth corner
        points = [point for mark in marks for point in (mark.at, mark.place)]
        if not any(x - 3 < at[0] < x + wide + 3 and y - 3 < at[1] < y + high + 3 for at in points):
            return dataclasses.replace(inset, at=(x, y))
    return None


def set_apart(places: Sequence[tuple[Point, str]], size: Point, *, high: float = MARK_MM) -> tuple[Mark, ...]:
    """Return marks that do not cover each other where there is room: each at its place, or else beside it.

    Parameters
    ----------
    places : sequence of (Point, str)
        Place and text of each mark.
    size : (float, float)
        Width and height of the map.
    high : float
        Height of the marks.
    """
    marks: list[Mark] = []
    for place, text in places:
        wide = mark_width(text, high)
        spots = [place, *((place[0] + dx * wide, place[1] + dy * high) for dx, dy in _AROUND)]
        at = next((spot for spot in spots if _has_room(spot, (wide, high), marks, size)), place)
        marks.append(Mark(place, (round(at[0], 2), round(at[1], 2)), text, round(wide, 2)))
    return tuple(marks)


def _has_room(at: Point, extent: Point, marks: Sequence[Mark], size: Point) -> bool:
    wide, high = extent
    if not (wide / 2 < at[0] < size[0] - wide / 2 and high / 2 < at[1] < size[1] - high / 2):
        return False
    return all(abs(at[1] - mark.at[1]) >= high or abs(at[0] - mark.at[0]) >= (wide + mark.width) / 2 for mark in marks)


def _bar(scale: float, width: float) -> tuple[float, str]:
    """Return length and words of a scale bar of a round length, at most a quarter of the map."""
    most = width / 4 / scale
    step = 10 ** math.floor(math.log10(max(most, 1.0)))
    length = max(n * step for n in (1, 2, 5) if n * step <= max(most, step))
    return round(length * scale, 2), f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
