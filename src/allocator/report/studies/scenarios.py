"""The page of scenarios and the picture of the efficient frontier."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from allocator.domain import Floats
from allocator.evaluation import Scenarios
from allocator.evaluation.plans import BASE, BUDGET, EQUITY, PLANNED, STAFF
from allocator.report.look import Part, Picture, Table, Text, page

_LINE, _OWN, _NO_PLAN = "#0072B2", "#D55E00", "#777777"


def scenarios_page(found: Scenarios, picture: bytes, *, title: str, notes: Sequence[str] = ()) -> str:
    """Return the page of scenarios as HTML that opens without a network."""
    table = found.table()
    shown = pd.DataFrame(
        {
            "scenario": table["scenario"], "plan": table["status"], "harm covered": table["harm_covered"],
            "of all": table["covered_share"], "change": table["change"], "on duty": table["on_duty"],
            "posted": table["unit_shifts"], "cost": table["cost"], "worst-off": table["least_served"],
            "best-off": table["most_served"], "gap": table["gap"], "other target": table["target_covered"],
            "in the way": table["conflict"],
        }
    )  # fmt: skip
    if table["target_covered"].isna().all():
        shown = shown.drop(columns="other target")
    if not table["conflict"].any():
        shown = shown.drop(columns="in the way")
    formats = dict.fromkeys(("on duty", "posted", "cost"), "{:,.0f}") | dict.fromkeys(
        ("worst-off", "best-off"), "{:.2f}"
    )
    formats |= {"harm covered": "{:,.1f}", "of all": "{:.1%}", "change": "{:+.1%}", "gap": "{:.3%}"}
    formats |= {"other target": "{:.1%}"}
    caption = (
        "Expected harm covered, by the harm weights of the job; on duty and posted are unit-shifts. Worst-off and "
        "best-off: patrol minutes per expected harm of a district, relative to the city's, among those whose harm is "
        "worth a unit-shift or more."
    )
    lines = [Text(f"{label}: {text}") for label, text in found.figures()["lines"]]
    said = "; ".join(f"{row.scenario} {row.change:+.1%}" for row in table.itertuples() if row.status == PLANNED)
    parts = [
        Part("What was found", lines),
        Part(
            "The efficient frontier", [Picture(picture, f"Expected harm covered against the plan of the job: {said}.")]
        ),
        Part("All scenarios", [Table(shown, caption, formats)]),
    ]
    if len(found.outreach):
        parts.append(Part("Outreach", [Table(found.outreach, _OUTREACH_CAPTION, _OUTREACH_FORMATS)]))
    return page(title, notes=notes, parts=parts)


_OUTREACH_CAPTION = (
    "Harm prevented under the assumed effects; changes against the plan of the job. Patrol covers harm with the units "
    "that outreach leaves to it."
)
_OUTREACH_FORMATS = {
    "money": "{:,.0f}", "spent": "{:,.0f}", "prevented": "{:,.2f}", "bound": "{:,.2f}", "change": "{:+.1%}",
    "hours_share": "{:.1%}", "harm_covered": "{:,.1f}", "patrol_change": "{:+.2%}", "contacts": "{:,}",
}  # fmt: skip


def frontier_png(found: Scenarios) -> bytes:
    """Return expected harm covered against the width of the equity band, the units on duty, and the budget."""
    groups = [group for group in (EQUITY, STAFF, BUDGET) if (found.frame["group"] == group).any()] or [STAFF]
    figure = Figure(figsize=(4.4 * len(groups) + 0.6, 3.6), dpi=110, layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(groups), sharey=True))
    for axes, group in zip(panels, groups, strict=True):
        rows = found.frontier(group)
        if group == EQUITY and np.isinf(rows["setting"]).any():  # the job has equity of its own: "none" is the end then
            rows = rows[rows["group"] == EQUITY].reset_index(drop=True)
        at, labels = _places(rows, group)
        _draw(axes, rows, at)
        axes.set_xlabel(
            {EQUITY: "equity between districts", STAFF: "unit-shifts on duty", BUDGET: "cost"}[group], fontsize=8
        )
        if labels is not None:
            axes.set_xticks(at, labels)
        axes.tick_params(labelsize=8)
        axes.grid(visible=True, color="#e4e4e4", lw=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("expected harm covered, share of all", fontsize=8)
    panels[0].yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.3g} %"))
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None, "Title": "Efficient frontier"})
    return picture.getvalue()


def _places(rows: pd.DataFrame, group: str) -> tuple[Floats, list[str] | None]:
    """Return where the rows stand on the axis below, and its labels where it has no scale."""
    if group == STAFF:
        return rows["on_duty"].to_numpy(), None
    if group == BUDGET:
        return np.where(rows["group"] == BASE, rows["cost"], rows["setting"]), None
    names = {-1.0: "worst-off\nfirst", np.inf: "none"}
    labels = [
        "as planned" if row.group == BASE else names.get(row.setting, f"±{100 * row.setting:g} %")
        for row in rows.itertuples()
    ]
    return np.arange(len(rows), dtype=float), labels


def _draw(axes: Axes, rows: pd.DataFrame, at: Floats) -> None:
    made = (rows["status"] == PLANNED).to_numpy()
    share = rows["covered_share"].to_numpy()
    order = np.argsort(at[made], kind="stable")
    axes.plot(at[made][order], share[made][order], color=_LINE, marker="o", ms=5, lw=1.4)
    own = made & (rows["group"] == BASE).to_numpy()
    axes.plot(at[own], share[own], color=_OWN, marker="D", ms=7, ls="")
    for x, y in zip(at[made], share[made], strict=True):
        axes.annotate(f"{100 * y:.1f}", (x, y), (0, 6), textcoords="offset points", ha="center", fontsize=7)
    for x in at[~made]:
        axes.annotate("no plan", (x, 0.02), xycoords=("data", "axes fraction"), ha="center", fontsize=7, color=_NO_PLAN)
    width = max(float(np.ptp(at)), 1.0)
    axes.set_xlim(at.min() - 0.1 * width, at.max() + 0.1 * width)
    axes.margins(y=0.2)
