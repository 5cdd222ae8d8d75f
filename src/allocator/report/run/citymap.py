"""The interactive map of a run: a Bokeh figure, and the numbers that a small script fills in for each shift.

The figure is drawn by BokehJS on a canvas. What changes with the shift travels once, packed: a byte for the colour of a
cell and a byte for its expected harm. HTML controls and `templates/map.js` set them; no code is ever made from text
(`CustomJS` would need `unsafe-eval`).
"""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import json
import re
import zoneinfo
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
import shapely
from bokeh.core.types import ID
from bokeh.embed import json_item
from bokeh.models import BoxZoomTool, ColumnDataSource, HoverTool, LinearColorMapper, Range1d, TapTool, Text
from bokeh.plotting import figure
from bokeh.resources import Resources

from allocator.domain import Figures, Floats, Geometries, Ints, Run, Shift, Tessellation, harm_classes
from allocator.report.look import BORDER, OUTREACH, RISK, VISIT

Untyped = Any
"""A figure of Bokeh or what it draws: the keywords of its methods have no types."""
_LEAST = 1e-5
"""Expected harm below this share of the largest counts as none; 254 steps of 4.6 % lead from there to the largest."""

_FILLED_IN = {
    "cells": ("cell", "left", "bottom", "right", "top", "xs", "ys", "colour", "harm", "district", "beat", "visits"),
    "districts": ("xs", "ys"), "beats": ("xs", "ys"), "labels": ("x", "y", "text"),
    "visits": ("x", "y", "size", "visits"), "route": ("x", "y"), "stops": ("x", "y", "text", "size"),
    "outreach": ("x", "y", "text"), "chosen": ("x", "y"),
}  # fmt: skip
"""Columns of each source of the figure; the script fills them."""


def bokeh_script() -> str:
    """Return BokehJS, as its wheel holds it."""
    return str(Resources(mode="inline", components=["bokeh"]).js_raw[0])


def map_figure(run: Run) -> Figures:
    """Return the figure, plain as JSON, for `Bokeh.embed.embed_item`; its sources are empty."""
    city = run.surface.city
    sources = {name: ColumnDataSource({key: [] for key in keys}, name=name) for name, keys in _FILLED_IN.items()}
    plot = figure(
        name="map", x_range=Range1d(), y_range=Range1d(), sizing_mode="stretch_both", min_height=420,
        output_backend="canvas", tools="pan,wheel_zoom,zoom_in,zoom_out,reset", active_scroll="wheel_zoom",
        toolbar_location="above",
        x_axis_type=None, y_axis_type=None, outline_line_color=None, background_fill_color="#ffffff",
    )  # fmt: skip
    plot.grid.visible = False
    plot.toolbar.logo = None
    cells = _cell_glyphs(plot, sources["cells"], squares=city.kind == "squares")
    outreach = _layers(plot, sources)
    plot.add_tools(
        HoverTool(
            renderers=[cells], point_policy="follow_mouse",
            tooltips=[
                ("cell", "@cell"), ("district, beat", "@district @beat"), ("expected harm", "@harm{0.0000}"),
                ("visits", "@visits"),
            ],
        ),
        HoverTool(renderers=[outreach], tooltips=[("outreach", "@text")]),
        TapTool(renderers=[cells]),
        BoxZoomTool(match_aspect=True),
    )  # fmt: skip
    return _renumbered(dict(json_item(plot, ID("map"))))


def _renumbered(item: Figures) -> Figures:
    """Return a figure whose ids count from 1: Bokeh counts on through a process, and a document has a random id."""
    ids: dict[str, str] = {}

    def numbered(one: re.Match[str]) -> str:
        return f'"{ids.setdefault(one[1], f"m{len(ids) + 1}")}"'

    text = re.sub(r'"(p\d+|[0-9a-f]{8}-[0-9a-f-]{27})"', numbered, json.dumps(item))
    plain: Figures = json.loads(text)
    return plain


def _layers(plot: Untyped, sources: Mapping[str, ColumnDataSource]) -> Untyped:
    """Draw what lies on the cells, each layer under its name, and return the outreach."""
    for name, width in (("beats", 0.5), ("districts", 1.3)):
        plot.multi_line("xs", "ys", source=sources[name], line_color=BORDER, line_width=width, name=name)
    # A white ring around the blue one: seen on the darkest cells as on the palest.
    ring = {"x": "x", "y": "y", "size": "size", "source": sources["visits"], "fill_color": None}
    plot.scatter(**ring, line_color="white", line_width=4, name="rings")
    plot.scatter(**ring, line_color=VISIT, line_width=1.8, name="visits")
    plot.line("x", "y", source=sources["route"], line_color="white", line_width=5, name="path")
    plot.line("x", "y", source=sources["route"], line_color=VISIT, line_width=2, name="route")
    plot.scatter("x", "y", source=sources["stops"], size="size", fill_color="white", line_color=VISIT, name="stops")
    plot.text(
        "x", "y", text="text", source=sources["stops"], text_align="center", text_baseline="middle",
        text_font_size="11px", text_font_style="bold", name="numbers",
    )  # fmt: skip
    outreach = plot.scatter(
        "x", "y", source=sources["outreach"], size=16, marker="diamond", fill_color=OUTREACH, line_color="white",
        name="outreach",
    )  # fmt: skip
    for colour, width in (("white", 6), ("black", 3)):
        plot.scatter(
            "x", "y", source=sources["chosen"], size=26, marker="square", fill_color=None, line_color=colour,
            line_width=width, name="chosen",
        )  # fmt: skip
    look: dict[str, Any] = {
        "text_align": "center", "text_baseline": "middle", "text_font_size": "12px", "text_font_style": "bold",
        "background_fill_color": "white", "background_fill_alpha": 0.8, "padding": 2, "border_radius": 3,
    }  # fmt: skip
    plot.add_glyph(sources["labels"], Text(**look), name="labels")
    return outreach


def _cell_glyphs(plot: Untyped, source: ColumnDataSource, *, squares: bool) -> Untyped:
    mapper = LinearColorMapper(palette=list(RISK), low=-0.5, high=len(RISK) - 0.5)
    paint = {"field": "colour", "transform": mapper}
    look: dict[str, object] = {
        "source": source, "fill_color": paint, "line_color": paint, "line_width": 0.5, "name": "cells",
        "nonselection_alpha": 1.0,
    }  # fmt: skip
    if squares:
        return plot.quad(left="left", bottom="bottom", right="right", top="top", **look)
    return plot.patches("xs", "ys", **look)


def map_data(run: Run) -> str:
    """Return the numbers of the map, as base64 of gzipped JSON; arrays in it are base64 of little-endian values."""
    city, surface = run.surface.city, run.surface
    origin = np.floor(np.array(shapely.total_bounds(city.geometry)[:2]))
    harm = surface.expected_harm
    shown = np.concatenate([harm.sum(axis=0, keepdims=True), harm])
    kinds = surface.mean.sum(axis=0, dtype=np.float64).T
    steps = _steps(max(float(shown.max(initial=0.0)), float(kinds.max(initial=0.0))))
    content = {
        "cells": _cells(city, origin),
        "bounds": (shapely.total_bounds(city.geometry)[[0, 2, 1, 3]] - np.repeat(origin, 2)).tolist(),
        "district": _packed(city.district, "<i2"), "districts": list(city.districts),
        "beat": _packed(city.beat, "<i2"), "beats": list(city.beats),
        "shifts": [_shift_words(shift) for shift in run.roster.shifts],
        "steps": np.array([float(f"{value:.3g}") for value in steps]).tolist(),
        "level": _packed(_levels(shown, steps), "u1"),
        "colour": _packed(np.stack([harm_classes(row, city.area_km2) for row in shown]), "u1"),
        "total": [float(f"{value:.4g}") for value in shown.sum(axis=1)],
        "kinds": list(surface.kinds), "by_kind": _packed(_levels(kinds, steps), "u1"),
        "most": _packed(run.problem.cap, "u1"),
        "most_blocks": run.job.allocation.max_blocks,
        "borders": {
            "districts": _lines(city.district_shapes(), origin),
            "beats": _lines(city.beat_shapes(), origin),
        },
        "visits": _visits(run),
        "outreach": _outreach(run, origin),
    }  # fmt: skip
    packed = gzip.compress(json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8"), 9, mtime=0)
    return base64.b64encode(packed).decode("ascii")


def _steps(most: float) -> Floats:
    """Return the values that a byte stands for: 0, then 255 steps of equal ratio up to the largest."""
    return np.concatenate([[0.0], np.geomspace(_LEAST, 1.0, 255) * max(most, 1e-9)])


def _levels(values: Floats, steps: Floats) -> Ints:
    """Return the byte of each value: the nearest step by ratio."""
    middle = np.sqrt(np.maximum(steps[:-1], steps[1] / 2) * steps[1:])
    return np.searchsorted(middle, values)


def _packed(values: npt.ArrayLike, dtype: str) -> dict[str, str]:
    array = np.ascontiguousarray(np.asarray(values).astype(dtype))
    return {"type": dtype, "bytes": base64.b64encode(array.tobytes()).decode("ascii")}


def _cells(city: Tessellation, origin: Floats) -> dict[str, object]:
    if city.kind == "squares":
        bounds = shapely.bounds(city.geometry) - np.tile(origin, 2)
        return dict(zip(("left", "bottom", "right", "top"), (_packed(side, "<f4") for side in bounds.T), strict=True))
    parts, owner = shapely.get_parts(city.geometry, return_index=True)
    order = np.lexsort((-shapely.area(parts), owner))
    largest = parts[order[np.flatnonzero(np.r_[True, np.diff(owner[order]) != 0])]]
    return _rings(shapely.get_exterior_ring(largest), origin)


def _rings(rings: Geometries, origin: Floats) -> dict[str, object]:
    points = shapely.get_coordinates(rings) - origin
    ends = np.cumsum([shapely.get_num_coordinates(ring) for ring in rings]) if len(rings) else np.zeros(0)
    return {"ends": _packed(ends, "<i4"), "x": _packed(points[:, 0], "<f4"), "y": _packed(points[:, 1], "<f4")}


def _lines(shapes: Sequence[tuple[str, shapely.Geometry]], origin: Floats) -> dict[str, object]:
    rings = [ring for _, shape in shapes for ring in shapely.get_rings(shapely.get_parts(shape))]
    middle = [shapely.get_coordinates(shapely.point_on_surface(shape))[0] - origin for _, shape in shapes]
    places = np.round(np.array(middle, np.float64).reshape(-1, 2), 1)
    return _rings(np.array(rings, dtype=object), origin) | {
        "names": [name for name, _ in shapes], "label_x": places[:, 0].tolist(), "label_y": places[:, 1].tolist(),
    }  # fmt: skip


def _shift_words(shift: Shift) -> str:
    return f"{shift.day:%a} {shift.day.day} {shift.day:%b}, {shift.name}"


def _visits(run: Run) -> dict[str, object]:
    """Return the visits in order of shift, unit and time; texts are numbers of lists that hold each once."""
    visits, zone = run.plan.visits, zoneinfo.ZoneInfo(run.job.job.timezone)
    units, reasons = (list(dict.fromkeys(visits[name])) for name in ("unit", "reason"))
    start = visits["start"].dt.tz_convert(zone)
    length = (visits["stop"] - visits["start"]).dt.total_seconds() // 60
    shift_of = {shift.id: row for row, shift in enumerate(run.roster.shifts)}
    return {
        "units": units, "reasons": reasons,
        "unit": _packed(pd.Index(units).get_indexer(visits["unit"]), "<i4"),
        "shift": _packed(visits["shift"].map(shift_of).to_numpy(np.int64), "<i2"),
        "cell": _packed(visits["cell"], "<i4"),
        "clock": _packed(start.dt.hour * 60 + start.dt.minute, "<i2"),
        "minutes": _packed(length, "<i2"),
        "reason": _packed(pd.Index(reasons).get_indexer(visits["reason"]), "<i4"),
    }  # fmt: skip


def _outreach(run: Run, origin: Floats) -> list[dict[str, object]]:
    """Return the holdings that have a place, with what, when and where in words."""
    items = run.outreach.items
    items = items[items["lon"].notna() & items["lat"].notna()]
    place = pyproj.Transformer.from_crs("EPSG:4326", run.surface.city.crs, always_xy=True)
    zone, holdings = zoneinfo.ZoneInfo(run.job.job.timezone), []
    for item in items.itertuples():
        x, y = place.transform(item.lon, item.lat)
        start: dt.datetime = item.start.astimezone(zone)
        where = ", ".join(part for part in (item.venue, f"area {item.area}") if part)
        text = f"{item.initiative}: {start:%a} {start.day} {start:%b} {start:%H:%M}, {where}"
        holdings.append(
            {"x": round(x - origin[0], 1), "y": round(y - origin[1], 1), "text": text, "day": f"{start:%F}"}
        )
    return holdings
