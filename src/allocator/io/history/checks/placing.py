"""Whether events lie where they should: inside the study area."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyproj
import shapely

from allocator.domain import Area, Bools, Events, Floats
from allocator.errors import DataError
from allocator.facts import note
from allocator.io.tables import WGS84


def check_placed(events: Events, area: Area, *, max_outside_share: float) -> Events:
    """Return the events inside the area, projected to its coordinate system.

    Events outside are counted and left out; a share above 1 % is noted.

    Raises
    ------
    DataError
        If more than `max_outside_share` lie outside, with the numbers and the likely cause.
    """
    placed = events.to_crs(area.crs)
    inside = _inside(area, placed.x, placed.y)
    outside = len(events) - int(inside.sum())
    share = outside / max(1, len(events))
    if outside and share > max_outside_share:
        message = f"{outside:,} of {len(events):,} points ({share:.1%}) fall outside the study area"
        raise DataError(f"{message}; {_likely_cause(events, area)}", count=outside)
    kept = placed.take(inside, reason="outside the area")
    if share <= 0.01:
        return kept
    told = note("history.outside_area", count=outside, total=len(events), share=share)
    return dataclasses.replace(kept, notes=(*kept.notes, told))


def _inside(area: Area, x: Floats, y: Floats) -> Bools:
    finite = np.isfinite(x) & np.isfinite(y)
    shapely.prepare(area.outline)
    inside = np.zeros(len(x), bool)
    inside[finite] = shapely.intersects_xy(area.outline, x[finite], y[finite])
    return inside


def _likely_cause(events: Events, area: Area) -> str:
    swapped = dataclasses.replace(events, x=events.y, y=events.x).to_crs(area.crs)
    brought_in = int(_inside(area, swapped.x, swapped.y).sum())
    if brought_in > len(events) / 2:
        names = "latitude and longitude" if events.crs == WGS84 else "x and y"
        return f"{names} look swapped: exchanging them puts {brought_in:,} inside"
    back = pyproj.Transformer.from_crs(area.crs, events.crs, always_xy=True)
    box = back.transform_bounds(*shapely.bounds(area.outline))
    points = (events.x.min(), events.y.min(), events.x.max(), events.y.max())
    spans = [f"{a:,.6g} … {c:,.6g} by {b:,.6g} … {d:,.6g}" for a, b, c, d in (points, box)]
    return (
        f"in {events.crs} the points span {spans[0]} and the area spans {spans[1]}: is it the right area, "
        "and is data.crs the system of the coordinates?"
    )
