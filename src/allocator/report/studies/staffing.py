"""Staffing in plain words: what a lieutenant acts on, its page and picture."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from allocator.domain import Figures, Floats, Ints, Record, Staffing
from allocator.facts import records
from allocator.report.look import Part, Picture, Table, Text, page

_NEED, _HAVE = "#9ECAE1", "#D55E00"  # a light blue for the bars; Okabe & Ito for the marks on them
_MOST_LINES, _MOST_OVERLOADS = 12, 8
_PERCENT, _MINUTES = "{:.0%}", "{:.1f}"
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def staffing_figures(staffing: Staffing, overloads: Sequence[str] = ()) -> Figures:
    """Return `values` (numbers by name) and `lines` (label and text), fit for JSON: what is undefined is None."""
    table = shift_table(staffing)
    required, given = staffing.units_required, staffing.given
    values = {
        "districts": list(staffing.districts),
        "priorities": list(staffing.priorities),
        "calls": float(staffing.calls.sum()),
        "busy_hours": float(staffing.busy_minutes.sum() / 60),
        "officer_hours": float(staffing.officer_minutes.sum() / 60),
        "unit_shifts_required": int(required.sum()),
        "unit_shifts_pooled": int(staffing.pooled_required.sum()),
        "unit_shifts_given": None if given is None else int(given.sum()),
        "shifts_short": None if given is None else int((required.sum(axis=0) > given).sum()),
        "overloaded": list(overloads),
        "shifts": [_plain(row) for row in table.to_dict("records")],
        "ledger": dict(staffing.ledger),
    }
    return {
        "values": values,
        "lines": [[label, text] for label, text in _lines(staffing, overloads)],
        "notes": records(staffing.notes),
    }


def staffing_summary(staffing: Staffing, overloads: Sequence[str] = (), *, width: int = 110) -> str:
    """Return the staffing in words, in lines of at most `width` characters."""
    return "\n".join(
        line
        for label, text in _lines(staffing, overloads)
        for line in textwrap.wrap(text, width, initial_indent=f"{label:<11}", subsequent_indent=" " * 11)
    )


def shift_table(staffing: Staffing) -> pd.DataFrame:
    """Return one row per shift of the city: units, utilisation, patrol share, mean waits with the units there are.

    Without units given, the waits are those with the units required.
    """
    given = staffing.units_given
    units = staffing.units_required if given is None else given
    wait = staffing.wait_required if staffing.wait_given is None else staffing.wait_given
    time = staffing.unit_minutes(units).sum(axis=0)
    busy = staffing.busy_minutes.sum(axis=0)
    whole = units.sum(axis=0) * staffing.minutes.sum(axis=1)
    free = time - busy - staffing.officer_minutes.sum(axis=0)
    columns: dict[str, npt.ArrayLike] = {
        "shift": [shift.id for shift in staffing.shifts],
        "calls": staffing.calls.sum(axis=(0, 2)),
        "units needed": staffing.units_required.sum(axis=0),
        "if all help all": staffing.pooled_required,
        "units there": np.nan if staffing.given is None else staffing.given,
        "utilisation": np.divide(busy, time, out=np.full(len(time), np.nan), where=time > 0),
        "patrol share": np.clip(np.divide(free, whole, out=np.zeros(len(time)), where=whole > 0), 0, 1),
    }
    city = staffing.city_wait(wait)
    for k, name in enumerate(staffing.priorities):
        columns[f"wait {name}"] = city[:, k]
    return pd.DataFrame(columns)


def _lines(staffing: Staffing, overloads: Sequence[str]) -> list[tuple[str, str]]:
    busy, officer = staffing.busy_minutes.sum() / 60, staffing.officer_minutes.sum() / 60
    days = len({shift.day for shift in staffing.shifts})
    lines = [
        (
            "calls",
            f"{staffing.calls.sum():,.0f} expected in {days} days; they keep units busy for {busy:,.0f} hours, work "
            f"that officers begin themselves for {officer:,.0f} more",
        ),
        *_need_lines(staffing),
        *_short_lines(staffing),
    ]
    lines += [("overloaded", text) for text in overloads[:_MOST_OVERLOADS]]
    if (more := len(overloads) - _MOST_OVERLOADS) > 0:
        lines.append(("", f"and {more:,} more hours and districts that cannot keep up; all are in summary.json"))
    lines += _help_lines(staffing)
    lines.append(
        ("waits", "are for a free unit, as the queueing model expects them; handling of the call before comes on top")
    )
    return [*lines, *(("note", told.text) for told in staffing.notes)]


def _need_lines(staffing: Staffing) -> list[tuple[str, str]]:
    """Return a line per shift name: units needed, waits, utilisation, patrol share."""
    names = list(dict.fromkeys(shift.name for shift in staffing.shifts))
    table, required = shift_table(staffing), staffing.units_required
    city = staffing.city_wait(staffing.wait_required)
    lines = []
    for name in names:
        rows = np.array([shift.name == name for shift in staffing.shifts])
        needed = required[:, rows].sum(axis=0)
        calls = staffing.calls[:, rows].sum(axis=0)
        waits = ", ".join(
            f"{label} {_said(_mean(city[rows, k], calls[:, k]))}" for k, label in enumerate(staffing.priorities)
        )
        text = f"{_range(needed)} units needed; then priority waits {waits}"
        if staffing.given is not None:
            there = table[rows]
            text += (
                f". There: {_range(staffing.given[rows])}, {there['utilisation'].mean():.0%} of their time on calls, "
                f"{there['patrol share'].mean():.0%} left for patrol"
            )
        lines.append((name[:10], text))
    return lines


def _short_lines(staffing: Staffing) -> list[tuple[str, str]]:
    """Return a line for each of the shifts that lack most units."""
    if staffing.given is None or staffing.wait_given is None:
        return []
    needed = staffing.units_required.sum(axis=0)
    lack = needed - staffing.given
    have, want = staffing.city_wait(staffing.wait_given), staffing.city_wait(staffing.wait_required)
    order = [s for s in np.argsort(-lack, kind="stable") if lack[s] > 0]
    lines = []
    for s in order[:_MOST_LINES]:
        shift = staffing.shifts[s]
        first = next((k for k in range(len(staffing.priorities)) if not np.isnan(have[s, k])), 0)
        lines.append((
            "short",
            f"{_WEEKDAYS[shift.day.weekday()]} {shift.day} {shift.name} needs {needed[s]} units, "
            f"{staffing.given[s]} are there: priority {staffing.priorities[first]} waits {_said(have[s, first])} "
            f"instead of {_said(want[s, first])}"
            + (f" ({staffing.pooled_required[s]} would do if every unit helped everywhere)"
               if len(staffing.districts) > 1 and not staffing.helped else ""),
        ))  # fmt: skip
    if len(order) > _MOST_LINES:
        lines.append(("", f"and {len(order) - _MOST_LINES} more shifts are short"))
    if not order:
        lines.append(("enough", "no shift has fewer units than its calls need"))
    return lines


def _help_lines(staffing: Staffing) -> list[tuple[str, str]]:
    if staffing.help is None or not staffing.help["workload"].notna().any():
        return []
    known = staffing.help.dropna(subset=["response_minutes"])
    travel, wait, others = (known[name].mean() for name in ("travel_minutes", "wait_minutes", "answered_by_others"))
    text = (
        f"if the nearest free unit goes, wherever it belongs: mean travel {travel:.1f} min, mean wait {wait:.1f} min, "
        f"and {others:.0%} of a district's calls are answered by units of others"
    )
    return [("help", text)]


def _mean(values: Floats, weights: Floats) -> float:
    known = weights > 0
    return float(np.average(values[known], weights=weights[known])) if known.any() else float("nan")


def _said(minutes: float) -> str:
    if np.isnan(minutes):
        return "–"
    return f"{minutes:.1f} min" if np.isfinite(minutes) else "without end"


def _range(values: Ints) -> str:
    low, high = int(np.min(values)), int(np.max(values))
    return f"{low}" if low == high else f"{low} to {high}"


def _plain(row: Record) -> Figures:
    """Return a row with None for what is undefined or without end."""
    plain = {}
    for name, value in row.items():
        value = value.item() if isinstance(value, np.generic) else value
        plain[str(name)] = None if isinstance(value, float) and not np.isfinite(value) else value
    return plain


def staffing_page(staffing: Staffing, *, title: str, notes: Sequence[str] = (), overloads: Sequence[str] = ()) -> str:
    """Return the page of a staffing as HTML that opens without a network."""
    lines = _lines(staffing, overloads)
    lines_found = [Text(f"{label}: {text}" if label else text) for label, text in lines if label != "note"]
    said = [Text(text) for label, text in lines if label == "note"]
    parts = [
        Part("What was found", lines_found),
        Part("Shift by shift", [Picture(staffing_png(staffing), _alt(staffing)), _shifts(staffing)]),
        Part("District by district", [_districts(staffing)]),
        *_helping(staffing),
        Part("What to bear in mind", [*said, *(Text(text) for text in (_HELPED[staffing.helped], *_CAVEATS))]),
    ]
    return page(title, notes=notes, parts=parts)


_HELPED = {
    False: "Each district's calls queue for its own units; in truth others help, so the needs of small districts add "
    "up to more than the city as one needs (“if all help all”), travel apart. The truth lies between.",
    True: "All calls queue for all units, as if every unit could help everywhere at once; in truth far units are not "
    "sent, and waits are longer.",
}
_CAVEATS = (
    "Arrivals are taken as chance at the usual rate of their hour of the week, service times as exponential with one "
    "mean for all priorities of an hour. Storms, festivals and large incidents lie outside.",
    "An hour with more work than units can do has no equilibrium: the queue grows until the hour is over. “Without "
    "end” says so; it is no forecast of an endless wait.",
    "These are needs for answering calls. Where calls are dense is no measure of where patrol prevents harm.",
)


def _shifts(staffing: Staffing) -> Table:
    waits = {f"wait {name}": _MINUTES for name in staffing.priorities}
    which = "there" if staffing.units_given is not None else "needed"
    caption = f"Waits, utilisation and patrol share with the units {which}, in minutes, means over the city's calls."
    formats = {"calls": "{:.0f}", "units there": "{:.0f}", "utilisation": _PERCENT, "patrol share": _PERCENT, **waits}
    return Table(_endless(shift_table(staffing), waits), caption, formats)


def _endless(frame: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """Return the frame with waits without end in words."""
    changed = {name: [value if not np.isinf(value) else "without end" for value in frame[name]]
               for name in columns if np.isinf(frame[name]).any()}  # fmt: skip
    for name, values in changed.items():
        frame[name] = [value if isinstance(value, str) else _MINUTES.format(value) for value in values]
    return frame


def _districts(staffing: Staffing) -> Table:
    """Return units by district and shift, mean over the days of the plan."""
    table = staffing.table()
    table["shift"] = table["shift"].str.rpartition("/")[2]
    table["utilisation_required"] = table["utilisation_required"].replace(np.inf, np.nan)
    grouped = table.groupby(["district", "shift"], sort=False)
    frame = grouped.agg(
        calls_per_hour=("calls_per_hour", "mean"), minutes_per_call=("minutes_per_call", "mean"),
        needed_least=("units_required", "min"), needed_most=("units_required", "max"),
        utilisation=("utilisation_required", "mean"), patrol=("free_share_required", "mean"),
    ).reset_index()  # fmt: skip
    frame.columns = pd.Index(
        ["district", "shift", "calls an hour", "minutes a call", "fewest needed", "most needed", "utilisation",
         "patrol share"]
    )  # fmt: skip
    formats = {"calls an hour": "{:.2f}", "minutes a call": "{:.0f}", "utilisation": _PERCENT, "patrol share": _PERCENT}
    return Table(frame, "Units needed over the days of the plan; utilisation and patrol share with those.", formats)


def _helping(staffing: Staffing) -> list[Part]:
    if staffing.help is None:
        return []
    frame = staffing.help.copy()
    frame["shift"] = frame["shift"].str.rpartition("/")[2]
    shown = frame.groupby(["district", "shift"], sort=False).mean(numeric_only=True).reset_index()
    shown.columns = pd.Index([str(name).replace("_", " ") for name in shown.columns])
    formats = {"units": _MINUTES, "workload": _PERCENT, "answered by others": _PERCENT} | dict.fromkeys(
        ("wait minutes", "travel minutes", "response minutes"), _MINUTES
    )
    text = (
        "The other extreme: every unit answers everywhere and the nearest free one goes (Larson's hypercube, "
        "approximate). Travel is straight-line distance times the detour at the job's speed; response is both together."
    )
    return [
        Part("If districts help each other", [Text(text), Table(shown, "Means over the days of the plan.", formats)])
    ]


def _alt(staffing: Staffing) -> str:
    needed = staffing.units_required.sum(axis=0)
    text = f"Units needed by shift, {_range(needed)}"
    return text + ("." if staffing.given is None else f"; units there, {_range(staffing.given)}.")


def staffing_png(staffing: Staffing) -> bytes:
    """Return units needed (bars) and units there (marks) of each shift."""
    needed = staffing.units_required.sum(axis=0)
    at = np.arange(len(needed))
    figure = Figure(figsize=(10, 3.4), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    axes.bar(at, needed, color=_NEED, width=0.72, label="needed")
    if len(staffing.districts) > 1 and not staffing.helped:
        axes.plot(at, staffing.pooled_required, ls="none", marker="_", ms=12, mew=2, color="#000000",
                  label="needed if every unit helped everywhere")  # fmt: skip
    if staffing.given is not None:
        axes.plot(at, staffing.given, ls="none", marker="D", ms=5, color=_HAVE, mec="white", label="there")
    labels = [f"{_WEEKDAYS[shift.day.weekday()]}\n{shift.name}" for shift in staffing.shifts]
    step = max(1, len(at) // 28)
    axes.set_xticks(at[::step], [text.replace("$", r"\$") for text in labels[::step]])
    axes.tick_params(labelsize=7)
    axes.set_ylabel("units", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_ylim(0, None)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None, "Title": "Units needed by shift"})
    return picture.getvalue()
