"""Longitudes and latitudes for other programs, on both sides of the 180th meridian."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

WGS84 = "EPSG:4326"
_WEST, _EAST = shapely.box(-180, -90, 180, 90), shapely.box(180, -90, 540, 90)


def in_degrees(frame: GeoDataFrame) -> GeoDataFrame:
    """Return features in degrees; those that cross the 180th meridian are cut there, as RFC 7946 (3.1.9) asks for.

    Projected back, their corners lie at 179.9 and at -179.9: as they stand they would go around the Earth.
    """
    shown = frame.to_crs(WGS84)
    geometry = shown.geometry.to_numpy()
    bounds = shapely.bounds(geometry)
    wide = np.flatnonzero(bounds[:, 2] - bounds[:, 0] > 180)
    if not len(wide):
        return shown
    cut = geometry.copy()
    cut[wide] = [_cut(shape) for shape in geometry[wide]]
    return shown.set_geometry(list(cut), crs=WGS84)


def _cut(shape: Any) -> Any:
    """Return a shape around the 180th meridian as its parts on either side."""
    whole = shapely.transform(shape, lambda points: np.where([[True, False]] & (points < 0), points + 360, points))
    whole = whole if shapely.is_valid(whole) else shapely.make_valid(whole)
    east = shapely.transform(shapely.intersection(whole, _EAST), lambda points: points - [360, 0])
    parts = [part for part in (shapely.intersection(whole, _WEST), east) if not shapely.is_empty(part)]
    kinds = {"Polygon", "MultiPolygon"} if "Polygon" in shape.geom_type else {"LineString", "MultiLineString"}
    pieces = [one for part in parts for one in shapely.get_parts(part) if one.geom_type in kinds]
    return shapely.multipolygons(pieces) if "Polygon" in shape.geom_type else shapely.multilinestrings(pieces)
