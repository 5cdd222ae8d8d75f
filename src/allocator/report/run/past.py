"""Parts of the report about the past: skill, history, the plan of the week before."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from allocator.domain import ALL_KINDS, Run
from allocator.report.look import (
    Blocks,
    Picture,
    Series,
    Table,
    Text,
    against_png,
    calibration_png,
    curve_png,
    hotspots_png,
    hours_png,
    series_png,
)
from allocator.risk import AUTO


def against_part(against: tuple[str, pd.DataFrame] | None) -> Blocks:
    """Return how a plan compares with an earlier one; nothing when there is none."""
    if against is None:
        return []
    name, table = against
    hours = table[["minutes_before", "minutes"]].sum() / 60
    words = f"Compared with {name}: {hours['minutes']:,.0f} hours of visits against {hours['minutes_before']:,.0f}"
    if table["places_kept"].notna().all():
        kept = int(table["places_kept"].sum()) / max(int(table["places"].sum()), 1)
        words += f"; {kept:.0%} of the visited places were visited then too."
    else:
        words += "; its cells are others, so places are not compared."
    shown = table.rename(columns=lambda one: one.replace("_before", " before").replace("_", " "))
    formats = dict.fromkeys(("minutes", "minutes before"), "{:,.0f}") | dict.fromkeys(
        ("expected harm", "expected harm before"), "{:,.1f}"
    )
    picture = Picture(against_png(table, then=name, now="this plan"), words, "Hours of visits by district.")
    return [Text(words), picture, Table(shown, "By district; against.csv holds it.", formats)]


def compared(run: Run, before: Run) -> pd.DataFrame:
    """Return two plans by district.

    Parameters
    ----------
    run, before : Run
        Runs of the same area; districts are matched by name, cells by number.

    Returns
    -------
    DataFrame
        `district, units` (unit-shifts)`, visits, minutes, places, expected_harm`, the same with `_before` of the
        earlier plan, and `places_kept`: cells that both visit, NaN where the cells are others.
    """
    own, other = _by_district(run), _by_district(before)
    table = own.merge(other, on="district", how="outer", suffixes=("", "_before"), sort=False)
    counts = table.columns.drop("district")
    table[counts] = table[counts].fillna(0)
    table = table.sort_values("minutes", ascending=False, kind="stable").reset_index(drop=True)
    whole = [name for name in counts if not name.startswith(("minutes", "expected"))]
    table = table.astype(dict.fromkeys(whole, int))
    city, old = run.surface.city, before.surface.city
    if not (city.n_cells == old.n_cells and np.allclose(city.x, old.x) and np.allclose(city.y, old.y)):
        return table.assign(places_kept=np.nan)
    same = sorted(set(run.plan.visits["cell"]) & set(before.plan.visits["cell"]))
    kept = pd.Series([city.districts[city.district[cell]] for cell in same], dtype="str").value_counts()
    return table.assign(places_kept=table["district"].map(kept).fillna(0).astype(int))


def _by_district(run: Run) -> pd.DataFrame:
    city, visits = run.surface.city, run.plan.visits
    minutes = (visits["stop"] - visits["start"]).dt.total_seconds() / 60
    district = pd.Series(np.array([*city.districts, ""], object)[city.district[visits["cell"]]], index=visits.index)
    grouped = visits.assign(minutes=minutes, district=district).groupby("district")
    tours = grouped.agg(visits=("cell", "size"), minutes=("minutes", "sum"), places=("cell", "nunique"))
    staffing = run.plan.staffing.groupby("district", sort=False).agg(
        units=("units_assigned", "sum"), expected_harm=("expected_harm", "sum")
    )
    table = staffing.join(tours).fillna(0).reset_index()
    return table[["district", "units", "visits", "minutes", "places", "expected_harm"]]


_GAINED = {
    "loglik": ("plain counts", "log-likelihood per event"),
    "hit_rate": ("plain counts", "events in the top 1 % of the area"),
    "watch": ("the city's hours in every place", "log share of an event's watch of 8 hours, where its hour is known"),
}
"""What each gain is measured against, and in what."""


def stack_words(stack: Mapping[str, Mapping[str, float]]) -> str:
    """Return which models the forecast of each kind is made of: "kde 60% + decay 40% for theft; boosted for arson"."""
    told: dict[str, list[str]] = {}
    for kind, weights in stack.items():
        parts = [
            name if len(weights) == 1 else f"{name} {weight:.0%}" if weight >= 0.01 else f"{name} under 1%"
            for name, weight in weights.items()
        ]
        told.setdefault(" + ".join(parts), []).append(kind.lower())
    if len(told) == 1:
        return next(iter(told))
    return "; ".join(f"{words} for {', '.join(kinds)}" for words, kinds in told.items())


def power_words(power: Mapping[str, float]) -> str:
    """Return to what power the rates of which kinds were raised, after a comma; "" where none were."""
    told: dict[float, list[str]] = {}
    for kind, value in power.items():
        told.setdefault(value, []).append(kind.lower())
    if not told:
        return ""
    parts = ", ".join(f"{value:g} for {', '.join(kinds)}" for value, kinds in told.items())
    return f", raised to the power {parts}: so far apart were places in the weeks held back"


def picked_words(values: Mapping[str, Any], windows: str) -> str:
    """Return by what the held-out windows, called so, were scored where the model is "auto"."""
    if values["held_out_windows"] <= -(-values["held_out_days"] // 7):  # all share days
        return ", by the mixture: too few to choose models by"
    return f", by the models that the other {windows} chose and weighted"


def gain_words(gain: Mapping[str, Any]) -> str:
    """Return a paired difference from the yardstick with its interval, and what that says.

    Log-likelihoods are below 0 and differ by numbers, shares by points.
    """
    known = {name: gain[name] for name in ("difference", "low", "high") if gain[name] is not None}
    if not math.isfinite(known.get("difference", math.nan)):
        return "not known, for want of events"
    share = gain["value"] >= 0
    said = {name: f"{100 * value:+.1f}" if share else f"{value:+.3f}" for name, value in known.items()}
    spread = (
        f" [{said['low']} to {said['high']}]" if all(map(math.isfinite, known.values())) and len(known) == 3 else ""
    )
    return f"{said['difference']}{' points' if share else ''}{spread}, {gain['verdict']}"


def skill_part(run: Run) -> Blocks:
    """Return how well the forecast did on past weeks, against each model."""
    values, model, auto = run.figures["values"], run.job.risk.model, run.job.risk.model == AUTO
    skill, hits = (
        {name: math.nan if value is None else value for name, value in values[key].items()}
        for key in ("loglik_per_event", "hit_rate_1_percent")
    )
    names = [name for name in skill if name != "chosen"]
    table = pd.DataFrame(
        {
            "model": ["as used, weighted on the others" if auto else "as used", *names],
            "log-likelihood per event": [skill["chosen"], *(skill[name] for name in names)],
            "events in the top 1 % of the area": [hits["chosen"], *(hits[name] for name in names)],
        }
    )
    yardstick = values["skill"]["yardstick"]
    baseline = yardstick if model != yardstick else ""
    gained = [
        f"{words} {gain_words(values['skill'][name])} (against {rival})"
        for name, (rival, words) in _GAINED.items() if name in values["skill"]
    ]  # fmt: skip
    picked = picked_words(values, "windows") if auto else ""
    stack = values.get("stack") or {
        kind: {m: 1.0} for kind, m in zip(run.surface.kinds, run.surface.models, strict=True)
    }
    tried = f"{values['held_out_windows']} windows of {values['held_out_days']} days that no model had seen{picked}"
    words = (
        f"The forecast uses {stack_words(stack)}{power_words(values.get('power', {}))}. It was scored on "
        f"{values['held_out_events']:,} events of {tried}. In {'; in '.join(gained)}. Most places with risk see no "
        "event in a given week: that is chance, not a fault of a unit."
    )
    formats = {"log-likelihood per event": "{:.3f}", "events in the top 1 % of the area": "{:.1%}"}
    blocks: Blocks = [Text(words), Table(table, "Held-out windows, all kinds together; higher is better.", formats)]
    curve, calibration = run.history["curve"], run.history["calibration"]
    said = "; ".join(f"{row.model} {row.hit_rate:.1%}" for row in curve[curve["area_share"] == 0.01].itertuples())
    blocks.append(Picture(curve_png(curve, model), f"Hit rate at 1 % of the area: {said}.", "Hit-rate curve."))
    rows = calibration[calibration["model"] == model]
    top = "; ".join(
        f"{row.model} {row.observed / max(row.expected, 1e-12):.2f}" for row in rows[rows["decile"] == 10].itertuples()
    )
    blocks.append(
        Picture(
            calibration_png(calibration, model, baseline or model), f"Observed over expected events by tenth of "
            f"the risk; in the riskiest tenth {top}.", "Calibration: 1 is right."
        )
    )  # fmt: skip
    return blocks


def history_part(run: Run) -> Blocks:
    """Return what happened before the week: trends, alarms, hours and hotspots."""
    past = run.history
    weekly, alarms, hours = past["weekly"], past["alarms"], past["hours"]
    blocks: Blocks = []
    if len(weekly):
        standing = alarms[alarms["state"] == "stands"]
        said = " ".join(standing["sentence"]) or "No alarm stands for the area as a whole."
        kinds = weekly.groupby("kind", sort=False)["events"].sum().sort_values(ascending=False, kind="stable").index[:8]
        series = [_series(weekly[weekly["kind"] == kind], alarms[alarms["kind"] == kind]) for kind in kinds]
        blocks += [Text(said), Picture(series_png(series), f"Events per week by kind. {said}", "The whole area.")]
    if len(hours):
        kinds = list(dict.fromkeys(hours["kind"]))
        grid = hours["events"].to_numpy().reshape(len(kinds), 7, 24)
        top = hours[hours["kind"] == ALL_KINDS].nlargest(1, "events")
        when = ", ".join(f"{_WEEKDAYS[row.weekday]} {row.hour:02d}:00" for row in top.itertuples())
        blocks.append(Picture(hours_png(grid, kinds), f"Events by weekday and hour; most on {when}.", "Local time."))
    stability = past["hotspots"]
    if len(stability):
        last = stability.iloc[-1]
        words = (
            f"The 1 % of the area that was busiest in the 13 weeks before held {last['earlier_share']:.1%} of the "
            f"events of the 13 weeks from {last['start']} on; their own busiest 1 % held {last['own_share']:.1%}. The "
            f"first is {last['kept']:.0%} of the second; part of the rest is chance, which moves busy places about."
        )
        blocks += [
            Text(words),
            Picture(
                hotspots_png(stability),
                words,
                "Percentages: the second bar over the first; 100 % where hotspots never move.",
            ),
        ]
    return blocks


_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _series(weekly: pd.DataFrame, alarms: pd.DataFrame) -> Series:
    counts = np.where(weekly["covered"], weekly["events"], np.nan).astype(np.float64)
    days = weekly["week"].to_numpy().astype("datetime64[D]")
    seen = alarms[alarms["raised"].to_numpy().astype("datetime64[D]") > days[0]] if len(alarms) else alarms
    return Series(str(weekly["kind"].iloc[0]), days, counts, seen)
