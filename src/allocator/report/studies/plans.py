"""The page of a backtest of plans: harm met by plan, with intervals and week by week, losses included."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from allocator.evaluation import FORESIGHT, NOT_PREVENTED, OURS, PlanScorecard
from allocator.report.look import Part, Picture, Table, Text, page

_OURS, _OTHERS = "#0072B2", "#9a9a9a"
_MARKERS = "osD^vPX"


def plan_backtest_page(card: PlanScorecard, *, title: str, notes: Sequence[str] = ()) -> str:
    """Return the page of a plan scorecard as HTML that opens without a network."""
    lines = card.figures()["lines"]
    first = next((n for n, (label, _) in enumerate(lines) if label == "note"), len(lines))
    found = [Text(f"{label}: {text}" if label else text) for label, text in lines[:first]]
    parts = [
        Part("What was found", found),
        _compared(card),
        *_clock(card),
        _weekly(card),
        _meaning(card, lines[first:]),
    ]
    return page(title, notes=[f"Read this first: {NOT_PREVENTED}.", *notes], parts=parts)


def plans_png(card: PlanScorecard) -> bytes:
    """Return the share of harm met by plan with intervals, and week by week."""
    table = card.table().iloc[::-1]
    rows = table[table["plan"] != FORESIGHT].reset_index(drop=True)
    most = float(table.loc[table["plan"] == FORESIGHT, "share_met"].iloc[0])
    figure = Figure(figsize=(10.5, 4.0), dpi=110, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.1, 1))
    colours = [_OURS if name == OURS else _OTHERS for name in rows["plan"]]
    left.barh(np.arange(len(rows)), rows["share_met"], color=colours, height=0.62)
    left.hlines(np.arange(len(rows)), rows["low"], rows["high"], color="#222222", lw=1.5)
    for n, row in enumerate(rows.itertuples()):
        end = np.nanmax([row.share_met, row.high])
        left.annotate(f"{row.share_met:.1%}", (end, n), (4, 0), textcoords="offset points", va="center", fontsize=8)
    left.set_yticks(range(len(rows)), rows["plan"])
    left.set_xlim(0, 1.18 * max(float(np.nanmax(rows[["share_met", "high"]].to_numpy())), 0.001))
    left.set_title("Share of the harm that occurred which was met", fontsize=9, loc="left")
    left.set_xlabel(f"harm met, not harm prevented; with perfect foresight {most:.0%}", fontsize=8)
    weekly = card.scores
    for n, name in enumerate(plan for plan in card.plans if plan != FORESIGHT):
        mine = weekly[weekly["plan"] == name]
        ours = name == OURS
        right.plot(mine["cutoff"], mine["share_met"], marker=_MARKERS[n % len(_MARKERS)], ms=4, lw=2.0 if ours else 0.9,
                   color=_OURS if ours else _OTHERS, mfc=_OURS if ours else "white", label=name)  # fmt: skip
    right.set_ylim(0)
    right.set_title("Week by week", fontsize=9, loc="left")
    handles, labels = right.get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=8, frameon=False, loc="outside lower center", ncols=6)
    right.tick_params(axis="x", rotation=30)
    percent = FuncFormatter(lambda value, _: f"{100 * value:.3g} %")
    left.xaxis.set_major_formatter(percent)
    right.yaxis.set_major_formatter(percent)
    for axes in (left, right):
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None, "Title": "Harm met by plan"})
    return picture.getvalue()


def _compared(card: PlanScorecard) -> Part:
    table = card.table()
    shown = pd.DataFrame(
        {
            "plan": table["plan"], "harm met": table["share_met"], "low": table["low"], "high": table["high"],
            "per 100 h": table["met_per_100_hours"], "allocator minus this": 100 * table["gain"],
            "from": 100 * table["gain_low"], "to": 100 * table["gain_high"], "relative": table["gain_relative"],
            "the allocator is": table["verdict"], "events in visited places": table["events_visited"],
            "expected there": table["events_expected"],
            "during visits": table["events_during_visits"], "patrol hours": table["patrol_hours"],
        }
    )  # fmt: skip
    formats = dict.fromkeys(("harm met", "low", "high"), "{:.1%}")
    formats |= dict.fromkeys(("allocator minus this", "from", "to"), "{:+.1f}") | {"relative": "{:+.0%}"}
    formats |= dict.fromkeys(("events in visited places", "expected there", "patrol hours"), "{:,.0f}")
    formats |= {"per 100 h": "{:.2f}", "during visits": "{:,.1f}"}
    said = "; ".join(f"{row.plan} {row.share_met:.1%}" for row in table.itertuples())
    made = [Text(f"{row.plan}: {row.made}.") for row in table.itertuples()]
    caption = (
        "Pooled over the weeks by sums. Harm met is a share of all harm of the week; differences are in points of that "
        "share. 95 % intervals: paired moving-block bootstrap over weeks. Events and hours are per week; "
        "expected there: by the forecast, in the cells and shifts of the plan."
    )
    picture = Picture(plans_png(card), f"Share of the harm met by plan: {said}.")
    return Part("The same units and minutes, planned in other ways", [picture, Table(shown, caption, formats), *made])


def _clock(card: PlanScorecard) -> list[Part]:
    table = card.by_clock()
    if table.empty:
        return []
    shown = pd.DataFrame(
        {
            "minutes after": table["minutes"], "plan": table["plan"], "visits driven": table["delivered"],
            "events": table["seen"], "times as written": table["written"], "expected": table["expected"],
            "events / expected": table["seen_over_expected"], "allocator / this": table["ratio"], "from": table["low"],
            "to": table["high"],
        }
    )  # fmt: skip
    formats = dict.fromkeys(("visits driven", "events", "times as written", "expected"), "{:,.0f}")
    formats |= dict.fromkeys(("events / expected", "allocator / this", "from", "to"), "{:.2f}")
    words = (
        "Events that happened soon after a visit in their cell had begun, when every plan is driven with travel and "
        "breaks; per week. Each minute of a cell counts once. Times that were probably rounded (to the hour, half, "
        "quarter or five minutes: as many as stand there beyond what other minutes hold) are spread over what they "
        "were rounded from, and intervals over their length. Perfect foresight knew each event's shift, not its minute."
    )
    caption = "By the clock. 95 % intervals of ratios: paired moving-block bootstrap over weeks."
    return [Part("Soon after a visit", [Text(words), Table(shown, caption, formats)])]


def _weekly(card: PlanScorecard) -> Part:
    wide = card.scores.pivot_table(index=["fold", "cutoff", "events"], columns="plan", values="share_met", sort=False)
    wide = wide[list(card.plans)].reset_index().drop(columns="fold")
    wide["cutoff"] = wide["cutoff"].dt.strftime("%Y-%m-%d")
    formats = {**dict.fromkeys(card.plans, "{:.1%}"), "events": "{:,.0f}"}
    return Part("Week by week", [Table(wide, "Share of the week's harm met by each plan.", formats)])


def _meaning(card: PlanScorecard, notes: Sequence[Sequence[str]]) -> Part:
    said = [
        f"Harm met: each event counts with the harm weight of its kind × (1 - exp(-{card.diminishing:g} × visits that "
        f"the plan had set for its cell and shift)): one visit meets {_value(card, 1):.0%} of the harm there, three "
        f"{_value(card, 3):.0%}.",
        f"All plans of a week have the same units on duty, the same minimums and bands, and as many visits of "
        f"{card.block_minutes} minutes in each shift. Nothing dated or reported in the week or later was used to make "
        "them; minimums, bands and limits are those that the job has now. Visits are as allocated, before routes.",
        "Perfect foresight knows every event of the week in advance; most of what lies between is chance.",
    ]
    return Part("What this means", [Text(text) for text in [*said, *(text for _, text in notes)]])


def _value(card: PlanScorecard, visits: int) -> float:
    return float(-np.expm1(-card.diminishing * visits))
