"""Small made-up files for the tests of the io room."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

DATA = Path(os.environ.get("ALLOCATOR_DATA") or Path(__file__).resolve().parents[2] / ".." / "shared" / "data")
COLUMNS = {"time": "when", "kind": "what", "lon": "lon", "lat": "lat"}
HEADER = "when,what,lon,lat"
GOOD = "2017-03-01 10:15:00,THEFT,-87.65,41.85"


def real(*parts: str) -> Path:
    """Return a file of the real data, or skip the test."""
    path = DATA.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"real data are absent: {path}")
    return path


def write(folder: Path, name: str, *lines: str, end: str = "\n") -> Path:
    path = folder / name
    path.write_bytes(end.join([*lines, ""]).encode())
    return path


def square(x: float, y: float, size: float = 0.1) -> list[list[list[float]]]:
    return [[[x, y], [x + size, y], [x + size, y + size], [x, y + size], [x, y]]]


def polygons(folder: Path, name: str, shapes: dict[str, Any], *, crs: str | None = None) -> Path:
    """Write a GeoJSON of label → polygon coordinates (a list of rings), or label → whole geometry."""
    features = [
        {
            "type": "Feature",
            "properties": {"label": label or None},
            "geometry": shape if isinstance(shape, dict) else {"type": "Polygon", "coordinates": shape},
        }
        for label, shape in shapes.items()
    ]
    content: dict[str, Any] = {"type": "FeatureCollection", "features": features}
    if crs:
        content["crs"] = {"type": "name", "properties": {"name": crs}}
    path = folder / name
    path.write_text(json.dumps(content))
    return path
