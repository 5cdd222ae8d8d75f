"""The map picture of a run."""

from __future__ import annotations

import io
import math
import textwrap

import numpy as np
import shapely
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from allocator.domain import Floats, Geometries, Run, Tessellation, harm_classes
from allocator.report.look import RISK, VISIT, label, risk_names


def map_png(run: Run, *, dpi: int = 130) -> bytes:
    """Return a PNG picture: expected harm of the plan's days, districts, and the planned visits."""
    city, visits = run.surface.city, run.plan.visits
    figure = Figure(figsize=_size(city), dpi=dpi, layout="constrained")
    axes = figure.add_subplot()
    _draw_cells(axes, city, run.surface.expected_harm.sum(axis=0))
    _draw_districts(axes, city)
    cells, counts = np.unique(visits["cell"].to_numpy(), return_counts=True)
    if len(cells):
        cell_points = 8 * 72 * city.size_m / max(float(np.ptp(city.x)), 1.0)  # a cell is so many points wide
        size = np.clip(cell_points, 1.5, 6.0) ** 2 * (0.3 + 0.7 * counts / counts.max())
        axes.scatter(city.x[cells], city.y[cells], s=size, facecolor="none", edgecolor=VISIT, linewidth=0.6)
    axes.set_aspect("equal", anchor="NW")
    axes.set_axis_off()
    axes.autoscale_view()
    _draw_scale_bar(axes, city)
    _draw_words(axes, run, n_visits=len(visits), n_places=len(cells))
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None, "Title": label(run.job.job.name)})
    return picture.getvalue()


def _size(city: Tessellation) -> tuple[float, float]:
    aspect = float(np.ptp(city.y)) / max(float(np.ptp(city.x)), 1.0)
    return (11.0, float(np.clip(8.0 * aspect + 0.8, 6.0, 11.0)))  # the legend stands beside the map


def _draw_cells(axes: Axes, city: Tessellation, harm: Floats) -> None:
    step = harm_classes(harm, city.area_km2)
    outer = [shapely.get_coordinates(shapely.get_exterior_ring(part)) for part in _largest_parts(city.geometry)]
    axes.add_collection(
        PolyCollection(
            outer, facecolor=np.array(RISK)[step], edgecolor="none", antialiaseds=False, rasterized=True,
            norm=BoundaryNorm(range(len(RISK) + 1), len(RISK)),
        )
    )  # fmt: skip


def _largest_parts(geometries: Geometries) -> Geometries:
    parts, owner = shapely.get_parts(geometries, return_index=True)
    order = np.lexsort((-shapely.area(parts), owner))
    first = np.flatnonzero(np.r_[True, np.diff(owner[order]) != 0])
    return np.asarray(parts[order[first]])


def _draw_districts(axes: Axes, city: Tessellation) -> None:
    for name, shape in city.district_shapes():
        lines = [shapely.get_coordinates(ring) for ring in shapely.get_rings(shapely.get_parts(shape))]
        axes.add_collection(LineCollection(lines, colors="#3c3c3c", linewidths=0.7))
        x, y = shapely.get_coordinates(shapely.point_on_surface(shape))[0]
        axes.text(
            x, y, label(name, 24), fontsize=7, ha="center", va="center", color="#111111",
            bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.7},
        )  # fmt: skip


def _draw_scale_bar(axes: Axes, city: Tessellation) -> None:
    width = float(np.ptp(city.x))
    step = 10 ** math.floor(math.log10(max(width / 4, 1.0)))
    length = max(n * step for n in (1, 2, 5) if n * step <= max(width / 4, step))
    left, bottom, _, top = shapely.total_bounds(city.geometry)
    low, height = bottom - 0.05 * (top - bottom), 0.008 * float(top - bottom)
    for part, colour in ((0, "black"), (1, "white")):
        axes.add_patch(
            Rectangle(
                (left + part * length / 2, low),
                length / 2,
                height,
                facecolor=colour,
                edgecolor="black",
                lw=0.6,
            )
        )
    text = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    axes.text(left + length * 1.05, low + height / 2, text, fontsize=8, va="center")
    axes.annotate(
        "N", xy=(0.02, 0.99), xytext=(0.02, 0.93), xycoords="axes fraction", ha="center", va="top", fontsize=9,
        arrowprops={"arrowstyle": "-|>", "color": "black", "lw": 1.2},
    )  # fmt: skip
    axes.set_ylim(low - 3 * height, None)


def _draw_words(axes: Axes, run: Run, *, n_visits: int, n_places: int) -> None:
    first, last = run.roster.shifts[0].day, run.roster.shifts[-1].day
    axes.set_title(label(run.job.job.name), fontsize=12, loc="left", fontweight="bold")
    marks = [f"Plan for {first} to {last} · forecast from data up to the day before {run.surface.cutoff}"]
    marks += [text for text in (run.job.job.note, run.figures["values"]["stamp"]) if text]
    said = "\n".join(textwrap.fill(label(one, 300), 130) for one in marks)
    axes.text(0, -0.01, said, transform=axes.transAxes, fontsize=7, va="top", color="#333333")
    handles: list[Patch | Line2D] = [
        Patch(facecolor=c, edgecolor="#999999", lw=0.4, label=n) for c, n in zip(RISK, risk_names(), strict=True)
    ]
    handles.append(
        Line2D(
            [],
            [],
            marker="o",
            ls="",
            mfc="none",
            mec=VISIT,
            label=f"planned visits ({n_visits:,} at {n_places:,} places; larger: more)",
        )
    )
    handles.append(Line2D([], [], color="#3c3c3c", lw=0.8, label="district"))
    axes.legend(handles=handles[::-1], fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
