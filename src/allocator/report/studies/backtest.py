"""The page of a backtest: what was found, curves, calibration, scores with intervals, losses included."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from allocator.domain import ALL_KINDS
from allocator.evaluation import METRICS, Scorecard
from allocator.report.look import Part, Picture, Table, Text, page
from allocator.report.studies.charts import calibration_png, curves_png, differences_png, shown_kinds

_SHOWN = {
    "loglik": ("log-likelihood per event", "{:.3f}"), "loglik_watch": ("the same by watch", "{:.3f}"),
    "loglik_hour": ("the same by hour", "{:.3f}"), "hit_rate": ("hit rate", "{:.1%}"), "pai": ("PAI", "{:.2f}"),
    "pei_star": ("PEI*", "{:.2f}"), "rri": ("RRI", "{:.2f}"), "observed_over_expected": ("observed/expected", "{:.2f}"),
    "coverage90": ("90 % intervals, district-windows", "{:.0%}"), "width": ("their mean width", "{:.1f}"),
    "pit90": ("central 90 %, cell-windows", "{:.1%}"), "pit90_risk": ("the same by risk", "{:.1%}"),
}  # fmt: skip
_INTERVALS = "95 % intervals in brackets: moving-block bootstrap over folds."


def backtest_page(card: Scorecard, *, title: str, notes: Sequence[str] = ()) -> str:
    """Return the page of a scorecard as HTML that opens without a network."""
    lines = card.figures()["lines"]
    parts = [_found(lines), _curves(card), *_gain(card), _scores(card), _shares(card), *_when(card),
             _trust(card), *_harm(card), _limits(card, lines), _definitions()]  # fmt: skip
    return page(title, notes=notes, parts=parts)


def _found(lines: Sequence[tuple[str, str]]) -> Part:
    return Part("What was found", [Text(f"{mark}: {text}" if mark else text) for mark, text in _split(lines)[0]])


def _curves(card: Scorecard) -> Part:
    kinds = shown_kinds(card)
    left_out = [kind for kind in card.kinds if kind not in kinds]
    caption = f"Not drawn, for want of room or of events: {', '.join(left_out)}." if left_out else ""
    best = card.table().set_index(["kind", "model"])["hit_rate"]
    said = "; ".join(f"{kind}: {card.subject} finds {best[kind, card.subject]:.1%}" for kind in kinds)
    alt = f"Hit-rate curves of {', '.join(card.models)}. At {100 * card.default_share:g} % of the area, {said}."
    return Part(
        "Share of the events found, by share of the area",
        [
            Text(
                "Thick lines with filled markers are this engine's models, thin lines with open markers baselines. "
                "The best possible cells are known only afterwards; the ceiling is what the likeliest model of the "
                "kind finds on counts drawn at random from its own rates. Above it lies chance; a model whose own "
                "line is well above its ceiling says too little of its riskiest places (see the calibration)."
            ),
            Picture(curves_png(card, kinds), alt, caption),
        ],
    )


def _gain(card: Scorecard) -> list[Part]:
    if not card.baselines:
        return []
    frame = card.differences()
    shown = frame[frame["area_share"].isna() | (frame["area_share"] == card.default_share)]
    table = pd.DataFrame(
        {
            "kind": shown["kind"],
            "metric": [_SHOWN[name][0] for name in shown["metric"]],
            "model": shown["model"],
            "score": shown["value"],
            "best baseline": shown["baseline"],
            "its score": shown["baseline_value"],
            "difference": shown["difference"],
            "low": shown["low"],
            "high": shown["high"],
            "verdict": shown["verdict"],
        }
    )
    formats = dict.fromkeys(("score", "its score"), "{:.3f}") | dict.fromkeys(("difference", "low", "high"), "{:+.3f}")
    blocks: list[Text | Table | Picture] = [
        Text(
            "Every model against the baseline that did best on the same windows, fold by fold. That baseline is known "
            "only afterwards, which favours the baselines. “Better” and “worse” mean that the 95 % interval excludes "
            "0; many comparisons are made, and one in twenty may do so by chance."
        )
    ]
    if any(model not in card.baselines for model in card.models):
        blocks.append(Picture(differences_png(card), "Differences from the best baseline; the table has the numbers."))
    blocks.append(Table(table, f"Paired differences; PAI at {100 * card.default_share:g} % of the area.", formats))
    return [Part("Gain over the best baseline", blocks)]


def _scores(card: Scorecard) -> Part:
    names = ("loglik", "hit_rate", "pai", "pei_star", "rri", "observed_over_expected")
    table = card.table()
    frame = pd.DataFrame(
        {
            "kind": table["kind"],
            "model": np.where(table["baseline"], table["model"] + " (baseline)", table["model"]),
            "events": table["events"],
            **{_SHOWN[name][0]: _with_interval(table, name) for name in names},
            "PEI* saturated": [f"{share:.0%}" if share else "" for share in table["saturated"].fillna(0)],
        }
    )  # fmt: skip
    caption = (
        f"Pooled over {card.n_folds} folds by sums; hit rate, PAI, PEI* and RRI at {100 * card.default_share:g} % of "
        f"the area. {_INTERVALS} PEI* is saturated in folds where as many cells are picked as hold events: there it "
        "is the hit rate."
    )
    return Part("Scores", [Table(frame, caption, {"events": "{:,}"})])


def _shares(card: Scorecard) -> Part:
    frame = card.estimates
    blocks: list[Text | Table | Picture] = []
    for name in ("pai", "pei_star"):
        rows = frame[(frame["metric"] == name) & frame["kind"].isin(shown_kinds(card))]
        wide = rows.pivot_table(index=["kind", "model"], columns="area_share", values="value", dropna=False, sort=False)
        wide.columns = pd.Index([f"{100 * share:g} %" for share in wide.columns])
        wide = wide.reset_index()
        formats = dict.fromkeys(wide.columns[2:], _SHOWN[name][1])
        blocks.append(Table(wide, f"{_SHOWN[name][0]} by share of the area.", formats))
    return Part("At other shares of the area", blocks)


def _when(card: Scorecard) -> list[Part]:
    table = card.profiles()
    if table.empty:
        return []
    frame = pd.DataFrame(
        {
            "kind": table["kind"], "by": table["span"], "events": table["events"],
            "log-likelihood per event": table["loglik"], "over the city's profile": table["over_city"],
            "low": table["low"], "high": table["high"], "verdict": table["verdict"],
            "over even hours": table["over_even"],
        }
    )  # fmt: skip
    signed = ("over the city's profile", "low", "high", "over even hours")
    formats = {"events": "{:,}", "log-likelihood per event": "{:.3f}", **dict.fromkeys(signed, "{:+.3f}")}
    words = (
        "How much each cell's own profile inside the week says beyond that of the whole city, in log-likelihood per "
        "event with a known time of day. Watches are of eight hours from 07:00, whatever the shifts of the job."
    )
    return [Part("When in the week", [Text(words), Table(frame, f"By watch and by hour. {_INTERVALS}", formats)])]


def _trust(card: Scorecard) -> Part:
    kinds = shown_kinds(card)
    rival = card.best(ALL_KINDS, card.baselines) if card.baselines else ""
    names = ("observed_over_expected", "coverage90", "width", "pit90", "pit90_risk")
    table = card.table()
    frame = pd.DataFrame(
        {
            "kind": table["kind"],
            "model": table["model"],
            **{_SHOWN[name][0]: _with_interval(table, name) for name in names},
        }
    )
    text = (
        "Places are ranked by forecast and cut into ten groups, each with a tenth of the expected events; 1 on the "
        "upright axis means that as many happened as were expected. Bars are 95 % intervals."
    )
    alt = f"Observed over expected events by decile of risk of {card.subject}" + (f" and {rival}." if rival else ".")
    caption = (
        "How far the stated uncertainty can be trusted: all but the widths should be near 90 % (and 1). Cells are "
        f"mostly empty, so they are judged by the randomised probability integral transform. {_INTERVALS}"
    )
    return Part(
        "Are the numbers right?",
        [Text(text), Picture(calibration_png(card, kinds), alt), Table(frame, caption)],
    )


def _harm(card: Scorecard) -> list[Part]:
    table = card.table()
    pooled = table[table["kind"] == ALL_KINDS]
    if np.allclose(pooled["harm_hit_rate"], pooled["hit_rate"], equal_nan=True):
        return []
    names = {"harm_hit_rate": "hit_rate", "harm_pai": "pai", "harm_pei_star": "pei_star", "harm_rri": "rri"}
    shown = {_SHOWN[plain][0]: _with_interval(pooled, name, _SHOWN[plain][1]) for name, plain in names.items()}
    frame = pd.DataFrame({"model": pooled["model"], **shown})
    share = f"{100 * card.default_share:g} % of the area"
    caption = f"All kinds, each event with the harm weight of its kind, at {share}. {_INTERVALS}"
    return [Part("Weighted by harm", [Table(frame, caption)])]


def _limits(card: Scorecard, lines: Sequence[tuple[str, str]]) -> Part:
    notes = [text for _, text in _split(lines)[1]]
    blocks: list[Text | Table | Picture] = [Text(text) for text in notes or ["Every kind was scored in every fold."]]
    if card.skipped:
        skips = card.skips()
        grouped = skips.groupby(["kind", "reason"], sort=False)["cutoff"].agg(["size", "min", "max"]).reset_index()
        grouped.columns = pd.Index(["kind", "why", "folds", "first", "last"])
        blocks.append(Table(grouped, "What was not scored, and why."))
    return Part("What to bear in mind", blocks)


def _split(lines: Sequence[tuple[str, str]]) -> tuple[Sequence[tuple[str, str]], Sequence[tuple[str, str]]]:
    """Return the findings and the notes, which come last."""
    first = next((n for n, (label, _) in enumerate(lines) if label == "note"), len(lines))
    return lines[:first], lines[first:]


def _definitions() -> Part:
    rows = pd.DataFrame({"metric": [_SHOWN[name][0] for name in METRICS]})
    texts = [Text(f"{label}: {metric.what}") for label, metric in zip(rows["metric"], METRICS.values(), strict=True)]
    ties = (
        "Picks are area-exact: the last cell counts in part, and cells of equal forecast are picked in equal part, so "
        "a forecast that says nothing finds as large a share of the events as it takes of the area."
    )
    return Part("Definitions", [*texts, Text(ties)])


def _with_interval(table: pd.DataFrame, name: str, form: str | None = None) -> list[str]:
    form = form or _SHOWN[name][1]
    bounds = zip(table[name], table[f"{name}_low"], table[f"{name}_high"], strict=True)
    return [_said(form, *(float(bound) for bound in three)) for three in bounds]


def _said(form: str, value: float, low: float, high: float) -> str:
    if math.isnan(value):
        return "–"
    return form.format(value) + ("" if math.isnan(low) else f" [{form.format(low)}, {form.format(high)}]")
