"""The layers of a run for geographic information systems: one GeoPackage with styles, KML, GeoJSON and GeoParquet."""

from __future__ import annotations

import sqlite3
import tempfile
import zoneinfo
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import pandas as pd
import pyogrio
import pyproj
import shapely
from geopandas import GeoDataFrame

from allocator.domain import Run, harm_classes
from allocator.io.gis.cells import fixed_date
from allocator.io.places.degrees import in_degrees
from allocator.io.tables import csv_text, xml_text

_WGS84 = "EPSG:4326"
_DECIMALS = 10  # of degrees, 0.01 mm: areas of cells come back within 1e-6; six decimals would lose 1 in 1,000

ATTRIBUTES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "cells": {
        "cell": ("", "row of cells.parquet, the same for the same area and size"),
        "district": ("", "district of the cell, blank for none"),
        "beat": ("", "beat of the cell, blank for none"),
        "area_km2": ("km²", "area of the cell, clipped to the study area"),
        "expected_harm": ("harm", "expected events in the whole plan, weighted by harm"),
        "class": ("", "0 to 6 by share of the area with less expected harm per km²: 50, 80, 90, 95, 98, 99 %"),
        "visits": ("", "planned visits"),
        "minutes": ("min", "planned minutes"),
        "expected …": ("events", "expected events of a kind in the whole plan"),
        "harm in …": ("harm", "expected harm in all shifts of that name"),
    },
    "districts": {
        "district": ("", "label"),
        "units": ("unit-shifts", "posted in the plan"),
        "asked_for": ("unit-shifts", "fewest that minimums and calls ask for"),
        "expected_harm": ("harm", "expected in the whole plan"),
        "covered_harm": ("harm", "of it covered by the allocation"),
    },
    "beats": {"beat": ("", "label"), "visits": ("", "planned visits"), "expected_harm": ("harm", "in the whole plan")},
    "visits": {
        "unit": ("", "call sign"), "shift": ("", "date and name of the shift"), "seq": ("", "number in the shift"),
        "cell": ("", "cell visited; the point is its middle"), "district": ("", "district of the cell"),
        "start": ("UTC", "begin of the visit"), "stop": ("UTC", "end of the visit"),
        "local_start": ("local", "begin of the visit, with its offset"),
        "purpose": ("", "directed patrol, or what else"), "reason": ("", "why, in plain words"),
    },
    "routes": {
        "unit": ("", "call sign"), "shift": ("", "date and name of the shift"), "visits": ("", "number of visits"),
        "start": ("UTC", "begin of the first"), "stop": ("UTC", "end of the last"),
    },
    "outreach": {
        "id": ("", "stable id of the holding"), "initiative": ("", "name"), "type": ("", "workshop, campaign, …"),
        "team": ("", "who holds it"), "venue": ("", "room, if any"), "partner": ("", "organisation, if any"),
        "area": ("", "area where it is held"), "start": ("UTC", "begin of the holding"),
        "stop": ("UTC", "end of the holding"), "reach": ("contacts", "assumed"), "cost": ("money", "planned"),
        "reason": ("", "why, in plain words"),
    },
}  # fmt: skip
"""Layer → attribute → unit and meaning; "…" stands for a kind or the name of a shift."""


def gis_files(run: Run, *, colours: tuple[str, ...], names: tuple[str, ...]) -> dict[str, bytes]:
    """Return the layers of a run, by path in its folder.

    Parameters
    ----------
    run : Run
        From `run` or `load_run`.
    colours, names : tuple of str
        Colour (`#rrggbb`) and meaning of each class of expected harm, least first.

    Returns
    -------
    dict of str to bytes
        `gis/plan.gpkg`, every layer of `ATTRIBUTES` in the projection of the area, with default styles that QGIS
        shows · `gis/plan.kml`, without the cells (25 MB for a large city) · `gis/<layer>.geojson` (RFC 7946) and
        `gis/<layer>.parquet` (GeoParquet) of all but the cells: the run folder has `cells.parquet`, those with most
        expected harm as `risk.geojson`, and the visits as `plan.geojson` · `gis/attributes.csv`.
    """
    layers = layers_of(run)
    files = {"gis/attributes.csv": csv_text(attributes_of(layers)).encode("utf-8")}
    with tempfile.TemporaryDirectory(prefix="allocator-gis-") as place, fixed_date():
        folder = Path(place)
        _write_geopackage(layers, folder / "plan.gpkg", dict(zip(colours, names, strict=True)))
        small = {name: frame for name, frame in layers.items() if name != "cells"}
        _write_kml(small, folder / "plan.kml")
        for name, frame in small.items():
            frame.to_parquet(folder / f"{name}.parquet", index=False)
            if name != "visits":
                _write_geojson(_timed_text(in_degrees(frame)), folder / f"{name}.geojson")
        files |= {f"gis/{path.name}": path.read_bytes() for path in sorted(folder.iterdir())}
    return files


def _write_geojson(frame: GeoDataFrame, path: Path) -> None:
    frame.to_file(path, driver="GeoJSON", engine="pyogrio", RFC7946="YES", COORDINATE_PRECISION=_DECIMALS)


def attributes_of(layers: Mapping[str, GeoDataFrame]) -> pd.DataFrame:
    """Return `layer, attribute, type, unit, meaning` of each attribute that the layers have."""
    rows = []
    for layer, frame in layers.items():
        for attribute in frame.columns.drop("geometry"):
            known = ATTRIBUTES[layer]
            key = next(
                name
                for name in known
                if name == attribute or (name.endswith("…") and attribute.startswith(name.removesuffix("…")))
            )
            rows.append((layer, attribute, str(frame[attribute].dtype), *known[key]))
    return pd.DataFrame(rows, columns=["layer", "attribute", "type", "unit", "meaning"])


def layers_of(run: Run) -> dict[str, GeoDataFrame]:
    """Return the layers of a run by name, in the projection of its area; those without features are left out."""
    made: dict[str, Callable[[Run], GeoDataFrame]] = {
        "cells": _cells, "districts": _districts, "beats": _beats, "visits": _visits, "routes": _routes,
        "outreach": _outreach,
    }  # fmt: skip
    layers = {name: make(run) for name, make in made.items()}
    return {name: frame for name, frame in layers.items() if len(frame)}


def _frame(columns: Mapping[str, Any], geometry: Any, run: Run) -> GeoDataFrame:
    return GeoDataFrame(dict(columns), geometry=list(geometry), crs=run.surface.city.crs)


def _cells(run: Run) -> GeoDataFrame:
    city, surface, visits = run.surface.city, run.surface, run.plan.visits
    harm, minutes = surface.expected_harm, (visits["stop"] - visits["start"]).dt.total_seconds() / 60
    columns: dict[str, Any] = {
        "cell": np.arange(city.n_cells, dtype=np.int32), "district": _labels(city.districts, city.district),
        "beat": _labels(city.beats, city.beat), "area_km2": city.area_km2, "expected_harm": harm.sum(axis=0),
        "class": harm_classes(harm.sum(axis=0), city.area_km2).astype(np.int16),
        "visits": np.bincount(visits["cell"], minlength=city.n_cells).astype(np.int32),
        "minutes": np.bincount(visits["cell"], minutes, city.n_cells),
    }  # fmt: skip
    kinds = _distinct(surface.kinds)
    columns |= {f"expected {kind}": surface.mean[:, :, n].sum(axis=0) for n, kind in enumerate(kinds)}
    names = [shift.name for shift in run.roster.shifts]
    of_shift = dict(zip(dict.fromkeys(names), _distinct(dict.fromkeys(names)), strict=True))
    columns |= {f"harm in {to}": harm[[shift == name for shift in names]].sum(axis=0) for name, to in of_shift.items()}
    return _frame(columns, city.geometry, run)


def _distinct(names: Iterable[str]) -> list[str]:
    """Return names of at most 60 characters that differ in more than case, as columns of a GeoPackage must."""
    seen, kept = set[str](), []
    for name in (column[:60] for column in names):
        n, cut = 1, name
        while cut.casefold() in seen:
            n += 1
            cut = f"{name[:55]}~{n}"
        seen.add(cut.casefold())
        kept.append(cut)
    return kept


def _labels(labels: tuple[str, ...], row: Any) -> Any:
    return np.array([*labels, ""], object)[row]


def _districts(run: Run) -> GeoDataFrame:
    sums = run.plan.staffing.groupby("district", sort=False)[
        ["units_assigned", "units_required", "expected_harm", "covered_harm"]
    ].sum()
    shapes = run.surface.city.district_shapes()
    table = sums.reindex([name for name, _ in shapes]).fillna(0)
    columns = {
        "district": [name for name, _ in shapes], "units": table["units_assigned"].to_numpy(np.int32),
        "asked_for": table["units_required"].to_numpy(np.int32), "expected_harm": table["expected_harm"].to_numpy(),
        "covered_harm": table["covered_harm"].to_numpy(),
    }  # fmt: skip
    return _frame(columns, [shape for _, shape in shapes], run)


def _beats(run: Run) -> GeoDataFrame:
    city, shapes = run.surface.city, run.surface.city.beat_shapes()
    row = {name: n for n, name in enumerate(city.beats)}
    harm = run.surface.expected_harm.sum(axis=0)
    visits = np.bincount(run.plan.visits["cell"], minlength=city.n_cells)
    of = city.beat >= 0
    totals = [np.bincount(city.beat[of], weights[of], len(city.beats)) for weights in (visits, harm)]
    rows = [row[name] for name, _ in shapes]
    columns = {
        "beat": [name for name, _ in shapes], "visits": totals[0][rows].astype(np.int32),
        "expected_harm": totals[1][rows],
    }  # fmt: skip
    return _frame(columns, [shape for _, shape in shapes], run)


def _visits(run: Run) -> GeoDataFrame:
    city, visits = run.surface.city, run.plan.visits
    local = visits["start"].dt.tz_convert(zoneinfo.ZoneInfo(run.job.job.timezone))
    columns = {name: visits[name].to_numpy() for name in ("unit", "shift", "seq", "cell")}
    columns |= {"district": _labels(city.districts, city.district[visits["cell"]])}
    columns |= {name: _milliseconds(visits[name]) for name in ("start", "stop")}
    columns |= {"local_start": [time.isoformat() for time in local]}
    columns |= {name: visits[name].to_numpy() for name in ("purpose", "reason")}
    return _frame(columns, shapely.points(city.x[visits["cell"]], city.y[visits["cell"]]), run)


def _milliseconds(times: pd.Series) -> Any:
    """Return times as GDAL and Parquet know them: without seconds as a unit of their own."""
    return times.astype("datetime64[ms, UTC]").array


def _routes(run: Run) -> GeoDataFrame:
    city, rows, lines = run.surface.city, [], []
    for (unit, shift), tour in run.plan.visits.groupby(["unit", "shift"], sort=False):
        cells = tour["cell"].to_numpy()
        if len(np.unique(cells)) > 1:  # a line needs two places
            lines.append(shapely.linestrings(np.column_stack([city.x[cells], city.y[cells]])))
            rows.append((unit, shift, len(tour), tour["start"].iloc[0], tour["stop"].iloc[-1]))
    table = pd.DataFrame(rows, columns=["unit", "shift", "visits", "start", "stop"])
    if len(table):
        table = table.assign(**{name: _milliseconds(table[name]) for name in ("start", "stop")})
    return _frame({name: table[name].array for name in table}, lines, run)


def _outreach(run: Run) -> GeoDataFrame:
    items = run.outreach.items
    items = items[items["lon"].notna() & items["lat"].notna()]
    place = pyproj.Transformer.from_crs(_WGS84, run.surface.city.crs, always_xy=True)
    x, y = place.transform(items["lon"].to_numpy(), items["lat"].to_numpy())
    columns = {
        name: _milliseconds(items[name]) if name in ("start", "stop") else items[name].to_numpy()
        for name in ATTRIBUTES["outreach"]
    }
    return _frame(columns, shapely.points(x, y), run)


def _timed_text(frame: GeoDataFrame) -> GeoDataFrame:
    """Return a layer with times as ISO text: neither JSON nor KML has them."""
    times = [name for name, kind in frame.dtypes.items() if str(kind).startswith("datetime64")]
    return frame.assign(**{name: frame[name].dt.strftime("%Y-%m-%dT%H:%M:%SZ") for name in times})


def _write_geopackage(layers: Mapping[str, GeoDataFrame], path: Path, classes: Mapping[str, str]) -> None:
    for n, (name, frame) in enumerate(layers.items()):
        # 1.2: the version that older systems read without a warning.
        options = {} if n else {"VERSION": "1.2"}
        pyogrio.write_dataframe(frame, path, layer=name, driver="GPKG", append=n > 0, dataset_options=options)
    table = attributes_of(layers)
    pyogrio.write_dataframe(table, path, layer="attributes", driver="GPKG", append=True)
    _write_styles(path, {name: _style(name, classes) for name in layers})


def _write_styles(path: Path, styles: Mapping[str, str]) -> None:
    """Put default styles where QGIS looks for them: the table `layer_styles` of the GeoPackage."""
    with sqlite3.connect(path) as base:
        base.execute(
            "CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT, f_table_catalog TEXT,"
            " f_table_schema TEXT, f_table_name TEXT, f_geometry_column TEXT, styleName TEXT, styleQML TEXT,"
            " styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT, ui TEXT, update_time DATETIME)"
        )
        base.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change)"
            " VALUES ('layer_styles', 'attributes', 'layer_styles', '', '2000-01-01T00:00:00.000Z')"
        )
        rows = [(name, "geom", f"allocator {name}", style) for name, style in styles.items()]
        base.executemany(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName,"
            " styleQML, styleSLD, useAsDefault, description, owner, ui, update_time)"
            " VALUES ('', '', ?, ?, ?, ?, '', 1, '', '', NULL, '2000-01-01T00:00:00.000Z')",
            rows,
        )
    base.close()


def _style(name: str, classes: Mapping[str, str]) -> str:
    if name == "cells":
        symbols = {colour: _fill(colour) for colour in classes}
        marks = "".join(
            f'<category symbol="{n}" value="{n}" label={quoteattr(words)} render="true" type="integer"/>'
            for n, words in enumerate(classes.values())
        )
        drawn = "".join(_symbol("fill", n, body) for n, body in enumerate(symbols.values()))
        return _qml(f'type="categorizedSymbol" attr="class"><categories>{marks}</categories><symbols>{drawn}</symbols>')
    kind, body = {
        "districts": ("fill", _outline(0.6)), "beats": ("fill", _outline(0.2)),
        "visits": ("marker", _marker("circle", "255,255,255,60", "0,80,216,255", 2.4)),
        "routes": ("line", _layer("SimpleLine", {"line_color": "0,80,216,160", "line_width": "0.3"})),
        "outreach": ("marker", _marker("diamond", "0,90,50,255", "255,255,255,255", 3.6)),
    }[name]  # fmt: skip
    return _qml(f'type="singleSymbol"><symbols>{_symbol(kind, 0, body)}</symbols>')


def _qml(renderer: str) -> str:
    head = '<!DOCTYPE qgis PUBLIC "http://mrcc.com/qgis.dtd" "SYSTEM">'
    return f'{head}<qgis version="3.22"><renderer-v2 enableorderby="0" {renderer}</renderer-v2></qgis>'


def _symbol(kind: str, number: int, body: str) -> str:
    return f'<symbol type="{kind}" name="{number}" alpha="1" clip_to_extent="1">{body}</symbol>'


def _layer(kind: str, looks: Mapping[str, str]) -> str:
    inner = "".join(f'<Option type="QString" name="{key}" value="{value}"/>' for key, value in looks.items())
    old = "".join(f'<prop k="{key}" v="{value}"/>' for key, value in looks.items())  # QGIS before 3.18 reads these
    return f'<layer class="{kind}" enabled="1" pass="0"><Option type="Map">{inner}</Option>{old}</layer>'


def _fill(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return _layer("SimpleFill", {"color": f"{red},{green},{blue},230", "style": "solid", "outline_style": "no"})


def _outline(width: float) -> str:
    looks = {"color": "0,0,0,0", "style": "no", "outline_color": "60,60,60,255", "outline_width": f"{width}"}
    return _layer("SimpleFill", looks | {"outline_style": "solid"})


def _marker(shape: str, fill: str, line: str, size: float) -> str:
    looks = {"name": shape, "color": fill, "outline_color": line, "outline_width": "0.4", "size": f"{size}"}
    return _layer("SimpleMarker", looks)


def _write_kml(layers: Mapping[str, GeoDataFrame], path: Path) -> None:
    """Write a KML file with a folder for each layer; Google Earth shows the column `Name`."""
    titles = {
        "visits": ("unit", "seq"), "routes": ("unit", "shift"), "outreach": ("initiative",), "districts": ("district",),
        "beats": ("beat",),
    }  # fmt: skip
    for n, (name, frame) in enumerate(layers.items()):
        told = _timed_text(in_degrees(frame))
        text = [column for column, kind in told.dtypes.items() if str(kind) in ("str", "object")]
        told = told.assign(**{column: [_marked(one) for one in told[column]] for column in text})
        told.insert(0, "Name", told[list(titles[name])].astype(str).agg(" ".join, axis=1))
        pyogrio.write_dataframe(told, path, layer=name, driver="LIBKML", append=n > 0)
    written = path.read_text("utf-8")
    for _, mark, escaped in _MARKUP:
        written = written.replace(mark, escaped)
    path.write_text(written, "utf-8")


_MARKUP = (
    ("&", "\ue000", "&amp;"), ("<", "\ue001", "&lt;"), (">", "\ue002", "&gt;"), ('"', "\ue003", "&quot;"),
    ("'", "\ue004", "&apos;"),
)  # fmt: skip
"""Signs of markup, what stands for them while GDAL writes, and how they are written. GDAL puts texts with markup
between CDATA marks, where `]]>` ends them too soon and viewers take the rest for their own."""


def _marked(value: object) -> str:
    """Return a text without signs of markup: `_MARKUP` puts them back, escaped, when the file is written."""
    text = xml_text(value)
    for _, mark, _ in _MARKUP:
        text = text.replace(mark, "\ufffd")
    for sign, mark, _ in _MARKUP:
        text = text.replace(sign, mark)
    return text
