"""Pictures that pages share: weekly series with alarms, hours, hotspots, forecasts, staffing, plans compared."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, NullLocator

from allocator.domain import ALL_KINDS, Floats, Ints, Record, Times
from allocator.report.look.fonts import label
from allocator.report.look.palette import FALL, LINE, RISE, SERIES

MOST_PANELS = 12
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MARKERS = "osD^vPX*"
_MOST_DISTRICTS = 40


@dataclass(frozen=True, eq=False)
class Series:
    """Events per week with their alarms.

    Parameters
    ----------
    title : str
        Shown above.
    days : (n_weeks,) datetime64[D]
        First day of each week.
    counts : (n_weeks,) float64
        Events; NaN where the records have a gap.
    alarms : DataFrame
        `direction, strength, start, raised, observed, expected, state` of this series.
    """

    title: str
    days: Times
    counts: Floats
    alarms: pd.DataFrame


def png_of(figure: Figure, title: str) -> bytes:
    """Return a figure as PNG, the same bytes for the same figure."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None, "Title": title})
    return picture.getvalue()


def panels_of(n: int, *, columns: int, height: float, width: float = 11.0) -> tuple[Figure, list[Axes]]:
    """Return a figure with `n` panels, `height` inches each."""
    columns = min(columns, n)
    rows = math.ceil(n / columns)
    figure = Figure(figsize=(width, height * rows + 0.4), dpi=110, layout="constrained")
    return figure, [figure.add_subplot(rows, columns, place + 1) for place in range(n)]


def series_png(series: Sequence[Series]) -> bytes:
    """Return weekly series, with the level of each alarm, since when it holds and whether it stands."""
    figure, panels = panels_of(len(series), columns=2, height=2.0)
    for axes, one in zip(panels, series, strict=True):
        axes.plot(one.days, one.counts, color=LINE, linewidth=0.9)
        for alarm in one.alarms.itertuples():
            _mark(axes, alarm, one.days[-1] + np.timedelta64(7, "D"))
        top = np.nanmax(one.counts) if np.isfinite(one.counts).any() else 1.0
        axes.set_ylim(0, max(float(top), 1.0) * 1.18)
        axes.set_title(label(one.title), fontsize=10, loc="left")
        axes.set_ylabel("events a week", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    handles = [
        Line2D([], [], color=LINE, linewidth=0.9, label="events of a week"),
        Line2D([], [], color=RISE, marker="^", linewidth=5, alpha=0.7, label="rise: level and since when"),
        Line2D([], [], color=FALL, marker="v", linewidth=5, alpha=0.7, label="fall: level and since when"),
        Patch(color="#888888", alpha=0.18, label="shaded: the alarm stands"),
        Line2D([], [], color="#888888", linestyle="--", linewidth=1.2, label="level expected then"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=5, fontsize=8, frameon=False)
    return png_of(figure, "Events per week")


def _mark(axes: Any, alarm: Record, stop: np.datetime64) -> None:
    """Draw the level of an alarm from its start to the week it was raised, and the level expected."""
    colour, marker = (RISE, "^") if alarm.direction == "rise" else (FALL, "v")
    span = [np.datetime64(alarm.start) - np.timedelta64(3, "D"), np.datetime64(alarm.raised) - np.timedelta64(4, "D")]
    if alarm.state == "stands":
        axes.axvspan(span[0], stop, color=colour, alpha=0.10, linewidth=0)
    middle = span[0] + (span[1] - span[0]) / 2
    weight = 5.0 if alarm.strength == "firm" else 3.0
    axes.plot(span, [alarm.observed] * 2, color=colour, linewidth=weight, alpha=0.7, solid_capstyle="butt", zorder=4)
    axes.plot(span, [alarm.expected] * 2, color="#888888", linewidth=1.2, linestyle="--", zorder=3)
    axes.plot([middle], [alarm.observed], marker=marker, color=colour, markersize=weight + 3, zorder=5)


def hours_png(hours: Ints, kinds: Sequence[str]) -> bytes:
    """Return heat maps of events by weekday and local hour, the kinds with most events first.

    Parameters
    ----------
    hours : (n_kinds, 7, 24) int64
        Events, Monday first.
    kinds : sequence of str
        Their kinds.
    """
    busiest = np.argsort(-hours.sum(axis=(1, 2)), kind="stable")[:MOST_PANELS]
    figure, panels = panels_of(len(busiest), columns=2, height=1.9)
    for axes, row in zip(panels, busiest, strict=True):
        counts = hours[row]
        drawn = axes.imshow(counts / max(counts.sum(), 1) * 168, aspect="auto", cmap="cividis", vmin=0)
        title = "all kinds" if kinds[row] == ALL_KINDS else kinds[row]
        axes.set_title(label(f"{title} ({counts.sum():,} events)"), fontsize=10, loc="left")
        axes.set_yticks(range(7), _WEEKDAYS, fontsize=8)
        axes.set_xticks(range(0, 24, 3), [f"{hour:02d}:00" for hour in range(0, 24, 3)], fontsize=8)
        bar = figure.colorbar(drawn, ax=axes, pad=0.01)
        bar.ax.tick_params(labelsize=7)
        bar.set_label("times an average hour", fontsize=7)
    return png_of(figure, "Events by weekday and hour")


def hotspots_png(stability: pd.DataFrame) -> bytes:
    """Return, for each period, the share of its events in its own hotspots and in those of the period before."""
    figure = Figure(figsize=(7.5, 2.8), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    at = np.arange(len(stability))
    axes.bar(at - 0.2, stability["own_share"], 0.38, color=SERIES[4], label="its own hotspots")
    axes.bar(at + 0.2, stability["earlier_share"], 0.38, color=SERIES[0], label="those of the period before")
    for x, row in zip(at, stability.itertuples(), strict=True):
        axes.annotate(f"{row.kept:.0%}", (x + 0.2, row.earlier_share), (0, 2), textcoords="offset points",
                      ha="center", fontsize=8)  # fmt: skip
    axes.set_xticks(at, stability["start"], fontsize=8)
    axes.set_ylabel("share of the events", fontsize=8)
    axes.set_ylim(0, 1.35 * float(stability["own_share"].max()))
    axes.legend(fontsize=8, frameon=False, loc="upper left", ncols=2)
    _finish(axes)
    axes.yaxis.set_major_formatter(_percent())
    return png_of(figure, "Stability of hotspots")


def curve_png(curve: pd.DataFrame, used: str) -> bytes:
    """Return the share of held-out events found against the share of the area, for every model that was tried."""
    figure = Figure(figsize=(5.4, 3.6), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    best = curve.drop_duplicates("area_share")
    axes.plot(best["area_share"], best["best_possible"], color="#777777", ls=":", lw=1.2, label="best possible")
    for n, (model, line) in enumerate(curve.groupby("model", sort=False)):
        own = model == used
        axes.plot(line["area_share"], line["hit_rate"], color=SERIES[n % len(SERIES)], marker=_MARKERS[n % 8],
                  ms=4, lw=2.2 if own else 0.9, mfc=None if own else "white",
                  label=f"{model} (used)" if own else str(model))  # fmt: skip
    axes.set(xscale="log", ylim=(0, None))
    axes.set_xticks([0.001, 0.01, 0.1])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(_percent())
    axes.yaxis.set_major_formatter(_percent())
    axes.set_xlabel("share of the area watched, most risk first", fontsize=8)
    axes.set_ylabel("share of the events there", fontsize=8)
    axes.legend(fontsize=7, frameon=False)
    _finish(axes)
    return png_of(figure, "Hit-rate curve")


def calibration_png(table: pd.DataFrame, used: str, rival: str) -> bytes:
    """Return observed over expected events by tenth of the risk, of the model used and of a baseline."""
    figure = Figure(figsize=(5.4, 3.6), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    axes.axhline(1.0, color="#777777", lw=0.8)
    for n, model in enumerate(dict.fromkeys([used, rival])):
        line = table[table["model"] == model]
        ratio = line["observed"] / line["expected"]
        axes.plot(line["decile"], ratio, color=SERIES[n % len(SERIES)], marker=_MARKERS[n % 8], ms=5,
                  lw=2 if model == used else 1, mfc=None if model == used else "white",
                  label=f"{model} (used)" if model == used else model)  # fmt: skip
    axes.set_ylim(0, max(2.0, min(4.0, axes.get_ylim()[1])))
    axes.set_xticks(range(1, 11))
    axes.set_xlabel("tenths of the expected events (10: the riskiest places)", fontsize=8)
    axes.set_ylabel("observed / expected", fontsize=8)
    axes.legend(fontsize=7, frameon=False)
    _finish(axes)
    return png_of(figure, "Calibration")


def need_png(staffing: pd.DataFrame) -> bytes:
    """Return units by district and shift, coloured by the share of the expected harm that they cover.

    Where fewer units are posted than asked for, the number is framed. Of many districts, those with most harm.
    """
    harm = staffing.groupby("district", sort=False)["expected_harm"].sum().sort_values(ascending=False, kind="stable")
    kept, shifts = list(harm.index[:_MOST_DISTRICTS]), list(dict.fromkeys(staffing["shift"]))
    kept = [district for district in dict.fromkeys(staffing["district"]) if district in set(kept)]
    shown = staffing[staffing["district"].isin(kept)].set_index(["district", "shift"])
    grid = {name: shown[name].unstack().loc[kept, shifts].to_numpy(np.float64) for name in
            ("units_assigned", "units_required", "covered_harm", "expected_harm")}  # fmt: skip
    share = grid["covered_harm"] / np.maximum(grid["expected_harm"], 1e-12)
    size = (max(6.0, 0.42 * len(shifts) + 2.2), max(2.4, 0.24 * len(kept) + 1.6))
    figure = Figure(figsize=(min(size[0], 30.0), size[1]), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    top = max(float(share.max(initial=0.0)), 1e-6)
    drawn = axes.imshow(share, aspect="auto", cmap="cividis", vmin=0, vmax=top)
    for row, column in np.ndindex(share.shape):
        short = grid["units_assigned"][row, column] < grid["units_required"][row, column]
        colour = "black" if share[row, column] > 0.55 * top else "white"
        box = {"boxstyle": "square,pad=0.15", "fc": "white", "ec": "#d55e00", "lw": 1.5} if short else None
        axes.text(column, row, f"{grid['units_assigned'][row, column]:.0f}", ha="center", va="center", fontsize=7,
                  color="black" if short else colour, bbox=box)  # fmt: skip
    axes.set_xticks(range(len(shifts)), [label(shift.replace("/", " ")) for shift in shifts], fontsize=7, rotation=90)
    axes.set_yticks(range(len(kept)), [label(district, 24) for district in kept], fontsize=7)
    axes.set_ylabel("district", fontsize=8)
    bar = figure.colorbar(drawn, ax=axes, pad=0.01, format=_percent())
    bar.ax.tick_params(labelsize=7)
    bar.set_label("expected harm covered", fontsize=8)
    return png_of(figure, "Units by district and shift")


def against_png(table: pd.DataFrame, *, then: str, now: str) -> bytes:
    """Return the patrol minutes of each district in two plans, side by side."""
    rows = table.sort_values("minutes", kind="stable").tail(_MOST_DISTRICTS)
    figure = Figure(figsize=(7.5, max(2.4, 0.22 * len(rows) + 1.2)), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    at = np.arange(len(rows))
    axes.hlines(at, rows["minutes_before"] / 60, rows["minutes"] / 60, color="#999999", lw=1.5, zorder=1)
    axes.scatter(
        rows["minutes_before"] / 60, at, marker="o", s=28, facecolor="white", edgecolor=SERIES[1], label=label(then)
    )
    axes.scatter(rows["minutes"] / 60, at, marker="D", s=28, color=SERIES[0], label=label(now))
    axes.set_yticks(at, [label(district, 24) for district in rows["district"]], fontsize=7)
    axes.set_xlabel("hours of visits in the plan", fontsize=8)
    axes.set_xlim(0)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    _finish(axes)
    return png_of(figure, "Plan against the one before")


def _finish(axes: Axes) -> None:
    axes.tick_params(labelsize=8)
    axes.grid(visible=True, color="#e4e4e4", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _percent() -> FuncFormatter:
    return FuncFormatter(lambda value, _: f"{100 * value:.3g} %")
