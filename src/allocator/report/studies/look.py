"""A first look at a file of events: in words and small pictures of text, and as a part of a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import shapely

from allocator.domain import Area, Figures
from allocator.facts import records
from allocator.io import Look
from allocator.report.look import BORDER, VISIT, Blocks, Part, Picture, Table, Text, label, panels_of, png_of

_BARS = " ▁▂▃▄▅▆▇█"
_DOTS = " ·:+*#@"
_MOST_KINDS, _MOST_MONTHS = 12, 60
_WIDE, _HIGH = 48, 16


def look_figures(look: Look) -> Figures:
    """Return what a look found, fit for JSON."""
    kinds, months, counts = look.months()
    return {
        "form": look.form, "columns": look.columns, "examples": {name: list(v) for name, v in look.examples.items()},
        "not_used": list(look.others), "personal": list(look.personal), "error": look.error,
        "refused": look.refused,
        "times": [{"local": local, "utc": utc} for local, utc in look.times()],
        "months": list(months), "counts": {kind: row.tolist() for kind, row in zip(kinds, counts, strict=True)},
        "rows": {} if look.events is None else look.events.ledger, "notes": records(look.notes), "data": look.section(),
    }  # fmt: skip


def look_text(look: Look) -> str:
    """Return what a look found, in words."""
    return "\n".join(_lines(look))


def _lines(look: Look) -> Iterator[str]:
    yield f"{look.path}: {look.form}"
    yield "\ncolumns, as guessed, with three values of each"
    width = max((len(role) for role in look.columns), default=0)
    for role, name in look.columns.items():
        yield f"  {role:<{width}}  {name}: {', '.join(repr(value) for value in look.examples.get(name, ()))}"
    if look.others:
        yield f"  not used: {', '.join(look.others)}"
    if look.personal:
        yield f"  look personal, no value was read: {', '.join(look.personal)}"
    if look.refused and not look.error:
        yield f"\nas it is, it is refused; below without the rows that cannot be read:\n{look.refused}"
    if look.error:
        yield "\nit cannot be read so; --column ROLE=NAME, such as --column time=NAME, says what a column holds:"
        yield look.error
    if look.events is not None:
        yield from _of_events(look)
    yield f"\nfor the job file\n\n{look.section()}"


def _of_events(look: Look) -> Iterator[str]:
    events = look.events
    assert events is not None
    read = events.ledger.get("read", len(events))
    yield f"\nrows: {len(events):,} of {read:,} are events"
    for reason, count in events.ledger.items():
        if count and reason != "read":
            yield f"  {count:,} {reason}"
    for told in look.notes:
        yield f"  {told.text}"
    yield f"\ntimes ({look.timezone}, and UTC), exact to the {events.precision}"
    for local, utc in look.times():
        yield f"  {local}   {utc}"
    yield f"  {look.midnight_share:.1%} are at 00:00"
    yield from _months(look)
    yield from _places(look)


def _months(look: Look) -> Iterator[str]:
    kinds, months, counts = look.months()
    shown = counts[:, -_MOST_MONTHS:]
    yield f"\nper month, {months[-shown.shape[1]]} to {months[-1]}"
    width = max(len(kind[:32]) for kind in kinds[:_MOST_KINDS])
    for kind, row, total in zip(kinds[:_MOST_KINDS], shown, counts.sum(axis=1), strict=False):
        most = max(int(row.max()), 1)
        bars = "".join(_BARS[-(-int(n) * (len(_BARS) - 1) // most)] for n in row)
        yield f"  {kind[:32]:<{width}}  {bars}  {total:,}"
    if len(kinds) > _MOST_KINDS:
        yield f"  and {len(kinds) - _MOST_KINDS} kinds more"


def _places(look: Look) -> Iterator[str]:
    events = look.events
    assert events is not None
    known = np.isfinite(events.x) & np.isfinite(events.y)
    x, y = events.x[known], events.y[known]
    if not len(x):
        return
    # The outer thousandth may lie anywhere, and would make one dot of a city.
    left, right = np.quantile(x, (0.001, 0.999))
    low, high = np.quantile(y, (0.001, 0.999))
    yield f"\nplaces ({events.crs}): {left:,.6g} to {right:,.6g} by {low:,.6g} to {high:,.6g}"
    inside = (x >= left) & (x <= right) & (y >= low) & (y <= high)
    column = ((x[inside] - left) / max(right - left, 1e-12) * (_WIDE - 1)).astype(int)
    row = ((high - y[inside]) / max(high - low, 1e-12) * (_HIGH - 1)).astype(int)
    density = np.zeros((_HIGH, _WIDE))
    np.add.at(density, (row, column), 1)
    level = np.ceil(np.log1p(density) / np.log1p(max(density.max(), 1)) * (len(_DOTS) - 1)).astype(int)
    for line in level:
        yield "  " + "".join(_DOTS[n] for n in line).rstrip()


def look_pictures(look: Look, area: Area) -> dict[str, bytes]:
    """Return pictures of the months of each kind and of the places on the area, as PNG."""
    if look.events is None or not len(look.events):
        return {}
    return {"months": _months_png(look), "places": _places_png(look, area)}


def _months_png(look: Look) -> bytes:
    kinds, months, counts = look.months()
    shown = min(len(kinds), _MOST_KINDS)
    figure, panels = panels_of(shown, columns=2, height=1.2)
    at = np.array(months, "datetime64[M]").astype("datetime64[D]")
    for axes, kind, row in zip(panels, kinds, counts, strict=False):
        axes.bar(at, row, width=np.timedelta64(25, "D"), align="edge", color=VISIT)
        axes.set_title(f"{label(kind)} ({row.sum():,})", fontsize=9, loc="left")
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    return png_of(figure, "Events per month and kind")


def _places_png(look: Look, area: Area) -> bytes:
    events = look.events
    assert events is not None
    figure, (axes,) = panels_of(1, columns=1, height=5.0, width=7.0)
    placed = events.to_crs(area.crs)
    axes.hexbin(placed.x, placed.y, gridsize=70, bins="log", cmap="YlOrBr", mincnt=1, linewidths=0)
    for polygon in area.polygons:
        for part in shapely.get_parts(polygon):
            axes.plot(*shapely.get_coordinates(part.exterior).T, color=BORDER, linewidth=0.6)
    axes.set_aspect("equal")
    axes.set_axis_off()
    return png_of(figure, "Events on the area")


def look_part(look: Look, pictures: Mapping[str, bytes]) -> Part:
    """Return what was read of which column, as a part of a page."""
    held = [(role, name, ", ".join(look.examples.get(name, ()))) for role, name in look.columns.items()]
    times = pd.DataFrame(look.times(), columns=[f"local ({look.timezone})", "UTC"])
    blocks: Blocks = [
        Table(pd.DataFrame(held, columns=["role", "column", "values"]), f"{look.path}: what each column is read as."),
        Table(times, f"Times of five events. {look.midnight_share:.1%} of all are at 00:00."),
    ]
    if look.events is not None:
        rows = [(reason, count) for reason, count in look.events.ledger.items() if count]
        blocks.append(Table(pd.DataFrame(rows, columns=["rows", "number"]), "What became of the rows.",
                            {"number": "{:,}"}))  # fmt: skip
    if look.others:
        blocks.append(Text(f"Columns that are not used: {', '.join(look.others)}."))
    words = {"months": "Events per month, the kinds with most events.", "places": "Where they lie."}
    blocks += [Picture(pictures[name], text, text) for name, text in words.items() if name in pictures]
    return Part("The file, as it was read", blocks)
