"""Routes of a unit for navigation: GPX 1.1 and RFC 7946 GeoJSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd
import pyproj

from allocator.domain import Floats, Record, Run, Tessellation
from allocator.io import xml_text
from allocator.report.look import mark

_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")  # names that Windows keeps for devices


def route_files(run: Run) -> dict[str, bytes]:
    """Return the GPX and GeoJSON file of each unit with visits, by path in the run folder."""
    lon, lat = degrees(run.surface.city)
    units = list(dict.fromkeys(run.plan.visits["unit"]))
    names = file_names(units)
    note = mark(run.job, run.plan)
    files = {}
    for unit, visits in run.plan.visits.groupby("unit", sort=False):
        table = visits.assign(lon=lon[visits["cell"]], lat=lat[visits["cell"]])
        files[f"routes/{names[unit]}.gpx"] = gpx(str(unit), table, note=note).encode("utf-8")
        files[f"routes/{names[unit]}.geojson"] = geojson(str(unit), table, note=note).encode("utf-8")
    return files


def degrees(city: Tessellation) -> tuple[Floats, Floats]:
    """Return longitude and latitude of the cells, (n_cells,) float64 each, to six decimals (0.1 m)."""
    place = pyproj.Transformer.from_crs(city.crs, "EPSG:4326", always_xy=True)
    lon, lat = place.transform(np.array(city.x), np.array(city.y))
    return np.round(lon, 6), np.round(lat, 6)


def file_names(units: Iterable[str]) -> Mapping[str, str]:
    """Return a file name for each call sign: safe on every system, and no two alike even where case is ignored."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for unit in units:
        safe = re.sub(r"[^\w.-]+", "_", unit).strip(". ")[:80] or "unit"
        safe = f"_{safe}" if _RESERVED.fullmatch(safe) else safe
        name, n = safe, 1
        while name.casefold() in taken:
            n += 1
            name = f"{safe}~{n}"
        taken.add(name.casefold())
        names[unit] = name
    return names


def gpx(unit: str, visits: pd.DataFrame, *, note: str = "") -> str:
    """Return the visits of a unit as GPX 1.1: a waypoint for each, and a route for each shift, times in UTC.

    Parameters
    ----------
    unit : str
        Call sign.
    visits : DataFrame
        `VISIT_COLUMNS` and `lon`, `lat` in degrees, in order of time.
    note : str
        Said in the head of the file.
    """
    points = [_point(visit, "wpt") for visit in visits.itertuples()]
    routes = []
    for shift, tour in visits.groupby("shift", sort=False):
        inner = "".join(_point(visit, "rtept") for visit in tour.itertuples())
        routes.append(f"<rte><name>{_text(f'{unit} {shift}')}</name>{inner}</rte>\n")
    about = f"<desc>{_text(note)}</desc>" if note else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<gpx version="1.1" creator="allocator" xmlns="http://www.topografix.com/GPX/1/1">\n'
        f"<metadata><name>{_text(unit)}</name>{about}</metadata>\n{''.join(points)}{''.join(routes)}</gpx>\n"
    )


def _point(visit: Record, tag: str) -> str:
    name = f"{visit.seq} {visit.start:%H:%M}Z cell {visit.cell}"
    return (
        f'<{tag} lat="{visit.lat:.6f}" lon="{visit.lon:.6f}"><time>{visit.start:%Y-%m-%dT%H:%M:%SZ}</time>'
        f"<name>{_text(name)}</name><desc>{_text(visit.reason)}</desc></{tag}>\n"
    )


def _text(value: object) -> str:
    return escape(xml_text(value))


def geojson(unit: str, visits: pd.DataFrame, *, note: str = "") -> str:
    """Return the visits of a unit as RFC 7946 GeoJSON: a point for each, and a line for each shift of two or more.

    Parameters
    ----------
    unit, visits, note
        As for `gpx`.
    """
    features = []
    for shift, tour in visits.groupby("shift", sort=False):
        places = tour[["lon", "lat"]].to_numpy().tolist()
        for visit, place in zip(tour.itertuples(), places, strict=True):
            features.append(_feature("Point", place, _facts(visit)))
        if len(places) > 1:
            features.append(_feature("LineString", places, {"unit": unit, "shift": str(shift), "visits": len(places)}))
    content = {"type": "FeatureCollection", "features": features, **({"note": note} if note else {})}
    return json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n"


def _facts(visit: Record) -> dict[str, object]:
    return {
        "unit": visit.unit, "shift": visit.shift, "seq": int(visit.seq), "cell": int(visit.cell),
        "start": f"{visit.start:%Y-%m-%dT%H:%M:%SZ}", "stop": f"{visit.stop:%Y-%m-%dT%H:%M:%SZ}",
        "purpose": visit.purpose, "reason": visit.reason,
    }  # fmt: skip


def _feature(kind: str, coordinates: list[float] | list[list[float]], facts: Mapping[str, object]) -> dict[str, object]:
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}, "properties": dict(facts)}
