"""Pictures of a backtest. Models differ by colour, line and marker, so that no picture needs colour to be read."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from allocator.domain import ALL_KINDS
from allocator.evaluation import Scorecard
from allocator.report.look import SERIES, label

_LINES: tuple[Any, ...] = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)))
_MARKERS = "osD^vPX*<>hp"
MOST_KINDS, MOST_NAMED = 6, 6
WIDEST_SHARE = 0.1


def shown_kinds(card: Scorecard) -> list[str]:
    """Return the kinds that have a panel: "all", and those with most events."""
    table = card.table()
    events = table[table["model"] == card.subject].set_index("kind")["events"]
    single = [kind for kind in card.kinds if kind != ALL_KINDS and events[kind] > 0]
    most = sorted(single, key=lambda kind: (-events[kind], card.kinds.index(kind)))[: MOST_KINDS - 1]
    return [ALL_KINDS, *most] if len(single) > 1 else most or [ALL_KINDS]


def curves_png(card: Scorecard, kinds: Sequence[str]) -> bytes:
    """Return hit-rate curves: share of the events found against share of the area, one panel per kind."""
    frame = card.curve()
    frame = frame[frame["area_share"] <= WIDEST_SHARE * 1.3]
    figure, panels = _panels(len(kinds))
    named = named_models(card)
    for axes, kind in zip(panels, kinds, strict=True):
        mine = frame[frame["kind"] == kind]
        for model in sorted(card.models, key=lambda model: model in named):  # the named ones on top
            line = mine[mine["model"] == model]
            style = {**_style(card, model), "markevery": _marks(card, model, len(line))}
            axes.plot(line["area_share"], line["hit_rate"], **(style if model in named else _UNNAMED))
        _bounds(axes, mine, card.best(kind))
        axes.set(xscale="log", xlim=(frame["area_share"].min(), WIDEST_SHARE))
        inside = mine[mine["area_share"] <= WIDEST_SHARE * 1.001]
        top = np.nanmax([inside["hit_rate"].max(), inside["ceiling"].max(), 0.01])
        axes.set_ylim(0, min(1.0, 1.15 * top))
        _percent_axes(axes)
        axes.set_title(label(kind), fontsize=10, loc="left")
    _outer_labels(panels, "share of the area (most risk first)", "share of the events")
    handles = [Line2D([], [], label=model, **_style(card, model)) for model in named]
    if len(named) < len(card.models):
        handles.append(Line2D([], [], label="the other models", **_UNNAMED))
    handles += [Line2D([], [], color="#777777", lw=1.2, ls=ls, label=text) for ls, text in _BOUNDS]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 5), fontsize=8, frameon=False)
    return _png(figure, "Hit-rate curves")


def named_models(card: Scorecard) -> list[str]:
    """Return the models that the picture names, at most six: the subject, plain counts, and the likeliest others."""
    table = card.table()
    loglik = table[table["kind"] == ALL_KINDS].set_index("model")["loglik"].fillna(-np.inf)
    ranked = sorted(card.models, key=lambda model: -loglik[model])
    first = [model for model in (card.subject, "historic_mean") if model in card.models]
    kept = list(dict.fromkeys([*first, *ranked]))[:MOST_NAMED]
    return [model for model in card.models if model in kept]


_UNNAMED: dict[str, Any] = {"color": "#c4c4c4", "ls": "-", "lw": 0.8, "zorder": 1}
_BOUNDS = ((":", "best possible cells"), ((0, (6, 2)), "ceiling if counts are Poisson"))


def _bounds(axes: Axes, mine: pd.DataFrame, best: str) -> None:
    line = mine[mine["model"] == best]
    for name, (style, _) in zip(("best_possible", "ceiling"), _BOUNDS, strict=True):
        axes.plot(line["area_share"], line[name], color="#777777", lw=1.2, ls=style, zorder=1)


def calibration_png(card: Scorecard, kinds: Sequence[str]) -> bytes:
    """Return observed over expected events by decile of risk, of the subject and of the likeliest baseline."""
    frame = card.calibration()
    figure, panels = _panels(len(kinds))
    pair = {}
    for axes, kind in zip(panels, kinds, strict=True):
        rivals = [card.best(kind, card.baselines)] if card.baselines else []
        for shift, model in enumerate(dict.fromkeys([card.subject, *rivals])):
            line = frame[(frame["kind"] == kind) & (frame["model"] == model)]
            at, ratio = line["decile"].to_numpy() + 0.18 * shift, line["ratio"].to_numpy()
            style = _style(card, model)
            pair[model] = style
            axes.plot(at, ratio, **style)
            if np.isfinite(line["low"]).any():
                axes.vlines(at, line["low"], line["high"], color=style["color"], lw=1.0)
        axes.axhline(1.0, color="#777777", lw=0.8)
        axes.set(xticks=range(1, 11), xlim=(0.5, 10.7))
        axes.set_ylim(0, max(2.0, min(4.0, axes.get_ylim()[1])))
        axes.set_title(label(kind), fontsize=10, loc="left")
    _outer_labels(panels, "decile of risk (10: highest)", "observed / expected")
    handles = [Line2D([], [], label=model, **style) for model, style in pair.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return _png(figure, "Calibration")


def differences_png(card: Scorecard) -> bytes:
    """Return paired differences from the best baseline, of the models that are no baselines, with intervals."""
    frame = card.differences()
    frame = frame[frame["area_share"].isna() | (frame["area_share"] == card.default_share)]
    models = [model for model in card.models if model not in card.baselines]
    kinds = [kind for kind in (ALL_KINDS, *card.kinds[:-1]) if (frame["kind"] == kind).any()]
    height = 1.2 + len(kinds) * (0.16 + 0.14 * len(models))
    figure = Figure(figsize=(10, min(height, 60)), dpi=110, layout="constrained")
    titles = {"loglik": "log-likelihood per event", "pai": f"PAI at {100 * card.default_share:g} % of the area"}
    for axes, (metric, title) in zip(figure.subplots(1, 2, sharey=True), titles.items(), strict=True):
        for number, model in enumerate(models):
            mine = frame[(frame["metric"] == metric) & (frame["model"] == model)]
            rows = np.array([kinds.index(kind) for kind in mine["kind"]])
            at = rows + 0.7 * ((number + 0.5) / len(models) - 0.5)
            style = {**_style(card, model), "ls": "", "ms": 5, "mfc": _style(card, model)["color"]}
            axes.hlines(at, mine["low"], mine["high"], color=style["color"], lw=1.4)
            axes.plot(mine["difference"], at, **style, label=model)
        axes.axvline(0, color="#777777", lw=0.8)
        axes.set_title(title, fontsize=10, loc="left")
        axes.set_xlabel("difference from the best baseline (right: better)", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    axes.set_yticks(range(len(kinds)), [label(kind) for kind in kinds])
    axes.set_ylim(len(kinds) - 0.5, -0.5)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6, fontsize=8, frameon=False)
    return _png(figure, "Differences from the best baseline")


def _style(card: Scorecard, model: str) -> dict[str, Any]:
    named, baseline = named_models(card), model in card.baselines
    n = named.index(model) if model in named else len(named) + card.models.index(model)
    colour = SERIES[n % len(SERIES)]
    return {
        "color": colour, "ls": _LINES[n % len(_LINES)], "marker": _MARKERS[n % len(_MARKERS)], "ms": 4.5,
        "lw": 1.0 if baseline else 1.9, "mfc": "white" if baseline else colour, "mew": 0.9,
    }  # fmt: skip


def _marks(card: Scorecard, model: str, n: int) -> tuple[int, int]:
    """Return first marker and spacing: the models' markers do not hide each other."""
    spacing = max(n // 5, 1)
    return (card.models.index(model) * 2) % spacing, spacing


def _panels(n: int) -> tuple[Figure, list[Axes]]:
    columns = min(n, 3)
    rows = math.ceil(n / columns)
    figure = Figure(figsize=(max(5.5, 3.6 * columns), 3.0 * rows + 0.7), dpi=110, layout="constrained")
    panels = [figure.add_subplot(rows, columns, k + 1) for k in range(n)]
    for axes in panels:
        axes.tick_params(labelsize=8)
        axes.grid(visible=True, color="#e4e4e4", lw=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    return figure, panels


def _outer_labels(panels: Sequence[Axes], below: str, left: str) -> None:
    for axes in panels:
        place = axes.get_subplotspec()
        if place is not None and place.is_first_col():
            axes.set_ylabel(left, fontsize=8)
        axes.set_xlabel(below, fontsize=8)


def _percent_axes(axes: Axes) -> None:
    percent = FuncFormatter(lambda value, _: f"{100 * value:.3g} %")
    ticks = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1]
    axes.set_xticks(ticks)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(percent)
    axes.yaxis.set_major_formatter(percent)
    axes.tick_params(axis="x", labelsize=7)


def _png(figure: Figure, title: str) -> bytes:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None, "Title": title})
    return picture.getvalue()
