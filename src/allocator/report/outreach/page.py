"""The page of the outreach of a run: the season week by week, areas, money, partners and assumptions."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from allocator.domain import Run
from allocator.report.look import SERIES, Part, Picture, Table, Text, mark, page, png_of
from allocator.report.outreach.funders import assumptions, fund_table

Blocks = list[Text | Table | Picture]

_MONEY = "{:,.2f}"
_HATCHES = ("", "//", "..", "xx", "\\\\", "oo", "--")
"""Types of outreach differ by hatching too, so that no picture needs colour to be read."""


def outreach_page(run: Run) -> str:
    """Return the page of a run's outreach as HTML."""
    parts = [
        Part("The season", _season(run)),
        Part("What could not be held", [Text(told.text) for told in run.outreach.unmet]),
        Part("Areas", _areas(run)), Part("Money", _money(run)), Part("Needs of areas", _needs(run)),
        Part("Assumptions", [*assumptions(run.outreach.items, run.outreach.offers.initiatives),
                             *(Text(told.text) for told in run.outreach.notes)]),
    ]  # fmt: skip
    notes = [text for text in (mark(run.job, run.plan), run.job.job.note) if text]
    return page(f"{run.job.job.name}: outreach", notes=notes, parts=[part for part in parts if part.blocks])


def outreach_blocks(run: Run) -> Blocks:
    """Return what the report of a run says of its outreach; nothing where the job has none."""
    return _season(run, hidden=("why",)) if run.job.outreach is not None else []


def _season(run: Run, *, hidden: tuple[str, ...] = ()) -> Blocks:
    plan = run.outreach
    if not len(plan.items):
        return [Text("No outreach is held: see what could not be done.")]
    words = (
        f"{len(plan.items):,} holdings; under the assumed effects {plan.objective:.2f} expected harm prevented "
        f"({plan.low:.2f} to {plan.high:.2f} at the ends of the assumptions). An assumption, not a finding."
    )
    return [Text(words), Picture(season_png(run), words, "Holdings by week and type."), _items(run, hidden)]


def _items(run: Run, hidden: tuple[str, ...]) -> Table:
    items = run.outreach.items
    local = {name: items[name].dt.tz_convert(run.job.job.timezone) for name in ("start", "stop")}
    shown = pd.DataFrame(
        {
            "when": local["start"].dt.strftime("%Y-%m-%d %a %H:%M"), "until": local["stop"].dt.strftime("%H:%M"),
            "what": items["initiative"], "where": items["venue"].where(items["venue"] != "", items["point"]),
            "area": [_area(label) for label in items["area"]],
            "who": items["team"], "with": items["partner"], "contacts": items["reach"], "cost": items["cost"],
            "prevented (assumed)": items["benefit"], "why": items["reason"],
        }
    )  # fmt: skip
    formats = {"contacts": "{:,}", "cost": _MONEY, "prevented (assumed)": "{:.2f}"}
    return Table(shown.drop(columns=list(hidden)), "Every holding, in local time.", formats)


def _area(label: str) -> str:
    """Return the area of a holding, or how many they are."""
    return label if len(label) <= 60 or ";" not in label else f"{len(label.split(';'))} areas"


def season_png(run: Run) -> bytes:
    """Return the number of holdings in each week of the plan by type."""
    items, zone = run.outreach.items, run.job.job.timezone
    first = pd.Timestamp(run.job.job.week)
    week = (items["start"].dt.tz_convert(zone).dt.tz_localize(None).dt.normalize() - first).dt.days // 7
    weeks = range(int(week.min()), int(week.max()) + 1)
    kinds = list(dict.fromkeys(sorted(items["type"])))
    figure = Figure(figsize=(max(5.0, 0.6 * len(weeks) + 3.0), 2.6), dpi=110, layout="constrained")
    axes, below = figure.add_subplot(), np.zeros(len(weeks))
    for n, kind in enumerate(kinds):
        counts = np.array([int(((week == other) & (items["type"] == kind)).sum()) for other in weeks], float)
        axes.bar(range(len(weeks)), counts, 0.8, bottom=below, color=SERIES[n % len(SERIES)], edgecolor="white",
                 hatch=_HATCHES[n % len(_HATCHES)], label=kind.replace("_", " "))  # fmt: skip
        below += counts
    days = [(first + pd.Timedelta(weeks=number)).strftime("%d %b") for number in weeks]
    axes.set_xticks(range(len(weeks)), days, fontsize=8)
    axes.set_xlim(-0.6, max(len(weeks) - 0.4, 1.6))
    axes.set_ylabel("holdings", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", fontsize=8, frameon=False)
    return png_of(figure, "Holdings by week")


def _areas(run: Run) -> Blocks:
    areas = run.outreach.areas
    if not len(areas):
        return []
    shown = areas.rename(columns=lambda one: one.replace("_", " "))
    formats = dict.fromkeys(("residents", "contacts"), "{:,.0f}") | dict.fromkeys(
        ("need", "harm", "prevented", "prevented low", "prevented high"), "{:,.2f}"
    ) | {"reporting": "{:.2%}"}  # fmt: skip
    caption = (
        "Over the time that effects count. Prevented: under the assumed effects, with their ends. Reporting: assumed "
        "rise of the share of crime that is reported."
    )
    return [Table(shown, caption, formats)]


def _money(run: Run) -> Blocks:
    table = fund_table(run.outreach)
    formats = dict.fromkeys(("amount", "spent", "left", "cost", "fixed_cost", "cost_per_contact"), _MONEY)
    blocks: Blocks = [] if table.empty else [Table(table, "By fund.", formats | {"prevented": "{:.2f}"})]
    worth = run.outreach.worth
    if len(worth):
        shown = worth.rename(columns={"harm": "prevented more, at most", "share": "of what is prevented"})
        caption = "What more money or hours, or doing without a limit, could add at most."
        blocks.append(Table(shown, caption, {"prevented more, at most": "{:.2f}", "of what is prevented": "{:.1%}"}))
    return blocks


def _needs(run: Run) -> Blocks:
    needs = run.outreach.needs
    if not len(needs):
        return []
    wide = needs[["area", "kind", "expected", "recent", "before", "trend", "factor", "need"]]
    formats = {"expected": "{:.2f}", "trend": "{:.2f}", "factor": "{:.2f}", "need": "{:.2f}", "recent": "{:,}",
               "before": "{:,}"}  # fmt: skip
    return [Table(wide, "Expected events in a week, recent and earlier events, and the need they make.", formats)]
