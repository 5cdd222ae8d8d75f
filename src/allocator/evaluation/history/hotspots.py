"""Hotspots: the cells that a forecast would have watched, up to an area."""

from __future__ import annotations

import geopandas
import numpy as np

from allocator.domain import ALL_KINDS, Floats, Ints, RiskSurface
from allocator.errors import DataError, nearest
from allocator.evaluation.forecasts import Ranking

_SLACK = 1 + 1e-9  # of an area: sums of clipped squares are exact to 1e-11


def hotspots(
    surface: RiskSurface, *, area_km2: float, kind: str | None = None, shift: str | None = None,
    min_cell_km2: float = 0.0,
) -> geopandas.GeoDataFrame:  # fmt: skip
    """Return all cells, those with the most expected harm per km² marked as hotspots up to an area.

    Cells are never cut: in order of rank, as many as do not exceed the area. Cells of equal rank come in the order of
    their numbers.

    Parameters
    ----------
    surface : RiskSurface
        The forecast.
    area_km2 : float
        Area of all hotspots together, at most.
    kind : str, optional
        A kind, ranked by expected events; "all" is all kinds unweighted. By default harm decides.
    shift : str, optional
        A shift of the surface; by default the whole forecast.
    min_cell_km2 : float
        Cells with less area, such as those cut by the border, are never hotspots.

    Returns
    -------
    GeoDataFrame
        `cell, expected, area_km2, hotspot` (0 or 1) and the cell's polygon, in the order of cells. `expected` is
        harm, or events where a kind is given.

    Raises
    ------
    DataError
        If there is no such kind or shift, or the area is not above 0, above the city's, or less than the cell of
        highest rank.
    """
    expected = _expected(surface, kind, shift)
    area = np.asarray(surface.city.area_km2, np.float64)
    chosen = np.zeros(len(area), np.int32)
    chosen[_first(expected, area, area_km2, min_cell_km2)] = 1
    return geopandas.GeoDataFrame(
        {
            "cell": np.arange(len(area), dtype=np.int32),
            "expected": expected,
            "area_km2": area,
            "hotspot": chosen,
        },
        geometry=surface.city.geometry.copy(),
        crs=surface.city.crs or None,
    )


def _expected(surface: RiskSurface, kind: str | None, shift: str | None) -> Floats:
    """Return expected harm, or events of a kind, per cell."""
    if kind is not None and kind not in (*surface.kinds, ALL_KINDS):
        raise DataError(f"no kind {kind!r} is forecast{nearest(kind, surface.kinds)}")
    if shift is not None and shift not in surface.shifts:
        raise DataError(f"no shift {shift!r} is forecast{nearest(shift, surface.shifts)}")
    weight = surface.harm if kind is None else np.array([kind in (other, ALL_KINDS) for other in surface.kinds], float)
    slices = slice(None) if shift is None else [surface.shifts.index(shift)]
    return np.asarray(np.einsum("sck,k->c", surface.mean[slices].astype(np.float64), np.asarray(weight, np.float64)))


def _first(expected: Floats, area: Floats, wanted: float, least: float) -> Ints:
    """Return the cells of highest expected value per km² that do not exceed the wanted area."""
    allowed = np.flatnonzero(area >= least * (2 - _SLACK))
    total = float(area.sum())
    if not (np.isfinite(wanted) and 0 < wanted <= total * _SLACK):
        raise DataError(
            f"area_km2 = {wanted:g} cannot be: hotspots take more than 0 and at most the city's {total:,.4g} km²"
        )
    if not len(allowed):
        raise DataError(f"no cell has min_cell_km2 = {least:g}: the largest has {area.max():.4g} km²")
    ranking = Ranking.of(expected[allowed], area[allowed])
    order = allowed[ranking.order[np.lexsort((ranking.order, ranking.group))]]
    fits = np.cumsum(area[order]) <= wanted * _SLACK
    if not fits[0]:
        smallest = f"the smallest has {area[allowed].min():.4g}"
        raise DataError(
            f"area_km2 = {wanted:g} holds no hotspot: the cell of highest rank has {area[order[0]]:.4g} km², {smallest}"
        )
    return order[fits]
