"""Areas of outreach and who lives there."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer

from allocator.config import Job
from allocator.domain import OutreachAreas, Tessellation
from allocator.errors import DataError, some
from allocator.io.places import read_polygons
from allocator.io.tables import Sheet


def read_areas(job: Job, city: Tessellation) -> OutreachAreas:
    """Return the areas that outreach is planned for: districts, or the polygons of `[outreach.areas]`.

    Raises
    ------
    DataError
        If a file cannot be used, an area has no row in the profile, or the profile names an unknown area.
    """
    assert job.outreach is not None
    section = job.outreach.areas
    if section.file is None:
        names, cell_area = city.districts, np.asarray(city.district, np.int32)
        x, y = (_means(values, cell_area, len(names)) for values in (city.x, city.y))
    else:
        polygons, names = read_polygons(section.file, city.crs, label=section.column)
        cell_area = _area_of(city, polygons)
        centres = shapely.point_on_surface(polygons)
        x, y = shapely.get_x(centres), shapely.get_y(centres)
    residents, internet, speaks = _profile(section.profile, names)
    lon, lat = Transformer.from_crs(city.crs, "EPSG:4326", always_xy=True).transform(x, y)
    return OutreachAreas(
        names=names, cell_area=cell_area, residents=residents, internet=internet, speaks=speaks, x=x, y=y,
        lon=np.asarray(lon), lat=np.asarray(lat),
    )  # fmt: skip


def _area_of(city: Tessellation, polygons: Any) -> Any:
    """Return the polygon that holds the middle of each cell, -1 for none; of several the first."""
    area = np.full(city.n_cells, -1, np.int32)
    cell, polygon = shapely.STRtree(polygons).query(shapely.points(city.x, city.y), predicate="within")
    area[cell[::-1]] = polygon[::-1]
    return area


def _means(values: Any, group: Any, n: int) -> Any:
    inside = group >= 0
    total = np.bincount(group[inside], weights=values[inside], minlength=n)
    return total / np.maximum(np.bincount(group[inside], minlength=n), 1)


def _profile(path: str, names: tuple[str, ...]) -> tuple[Any, Any, dict[str, Any]]:
    sheet = Sheet(path, required=("area", "residents"), optional=("internet", "languages"))
    residents, internet = np.zeros(len(names)), np.ones(len(names))
    spoken: dict[str, dict[int, float]] = {}
    row, seen = {name: a for a, name in enumerate(names)}, set[str]()
    for _ in sheet.rows():
        name = sheet.fresh("area", seen)
        sheet.known("area", names, "area")
        a = row.get(name, 0)
        residents[a] = sheet.number("residents", most=1e9)
        internet[a] = sheet.share("internet", 1.0)
        for part in sheet.parts("languages"):
            language, _, share = part.partition("=")
            try:
                value = float(share)
            except ValueError:
                value = math.nan
            if not language.strip() or not 0 <= value <= 1:
                sheet.fault(f"languages: {part!r} is not a language with its share, such as es=0.4")
            spoken.setdefault(language.strip(), {})[a] = value
    if missing := [name for name in names if name not in seen]:
        sheet.faults.append(f"{len(missing)} areas have no row: {some(missing, 10)}")
    sheet.close()
    speaks = {
        name: np.array([shares.get(a, 0.0) for a in range(len(names))]) for name, shares in sorted(spoken.items())
    }
    return residents, internet, speaks


def degrees(sheet: Sheet, column: str, most: float) -> float | None:
    """Return the degrees in a column of the current row, None where it is empty; at most `most` either way."""
    text = sheet.text(column)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= most:
        sheet.fault(f"{column} = {text!r} is no number of degrees")
    return value


def sheet_of(path: str | Path, *, required: tuple[str, ...], optional: tuple[str, ...]) -> Sheet:
    """Return the rows of a CSV, or the entries of a TOML file: one list of tables, lists for `;`."""
    if Path(path).suffix.lower() != ".toml":
        return Sheet(path, required=required, optional=optional)
    name = Path(path).name
    try:
        content = tomllib.loads(Path(path).read_text("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise DataError(f"{name} is not valid TOML: {error}") from None
    lists = {key: value for key, value in content.items() if isinstance(value, list)}
    if len(content) != 1 or len(lists) != 1:
        raise DataError(
            f"{name} must hold one list of tables, such as [[initiative]]; it has the keys {some(content, 10)}"
        )
    ((key, entries),) = lists.items()
    if not entries or not all(isinstance(entry, dict) for entry in entries):
        raise DataError(f"{name}: [[{key}]] must be tables")
    frame = pd.DataFrame([{str(k): text_of(v) for k, v in entry.items()} for entry in entries]).fillna("")
    return Sheet(path, required=required, optional=optional, frame=frame.astype("str"), entry=key)


def text_of(value: Any) -> str:
    """Return a value of a geographic file as the text that a CSV file would hold."""
    if isinstance(value, list):
        return ";".join(text_of(part) for part in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
