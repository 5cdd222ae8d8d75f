"""Briefing sheets as HTML: a page for each shift, with a printed page for each district and unit, and an index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from allocator.domain import Run
from allocator.report.briefings.records import Sheet
from allocator.report.briefings.sheet_maps import MARK_MM, SHADES, Inset, Ring, SheetMap, View
from allocator.report.briefings.sheets import ShiftSheets, sheets
from allocator.report.look import printable, render, script

FOLDER = "briefings"

_EVEN = 'vector-effect="non-scaling-stroke"'
"""Lines as thick at every scale; a rule of the style sheet does not reach what `use` draws."""


@dataclass(frozen=True)
class _Link:
    """A link of the index."""

    href: str
    text: str


def briefing_pages(run: Run) -> dict[str, bytes]:
    """Return the briefing sheets as pages, by path in the run folder.

    `briefings/index.html` leads to the sheets by shift and by unit. The page of a shift, such as
    `briefings/2017-12-25-evening.html`, prints a sheet a page, on A4 and on Letter paper; its anchors, such as
    `#unit-1c08` and `#district-1`, stay the same from plan to plan.
    """
    shifts, files = [], {}
    units: dict[str, list[_Link]] = {}
    for made in sheets(run):
        files[f"{FOLDER}/{made.file}.html"] = _shift_page(made)
        shifts.append((_Link(f"{made.file}.html", made.title), _count(made, "district"), _count(made, "unit")))
        for sheet in made.sheets:
            if sheet.kind == "unit":
                units.setdefault(sheet.full, []).append(_Link(f"{made.file}.html#{sheet.id}", made.title))
        plan, marks, source = made.plan, made.marks, made.source
    in_order = {name: units[name] for unit in run.roster.units if (name := printable(unit.name)) in units}
    index = render(
        "briefings.html", scripts=[script("tables.js")], title=f"Briefing sheets: {plan}", marks=marks, source=source,
        shifts=shifts, units={**in_order, **units},
    )  # fmt: skip
    return {f"{FOLDER}/index.html": index.encode("utf-8"), **files}


def _count(made: ShiftSheets, kind: str) -> int:
    return sum(sheet.kind == kind for sheet in made.sheets)


def _shift_page(made: ShiftSheets) -> bytes:
    used = {sheet.map.ground for sheet in made.sheets if sheet.map is not None}
    maps = {sheet.id: map_svg(sheet.map, sheet) for sheet in made.sheets if sheet.map is not None}
    page = render(
        "briefing.html", title=f"Briefing sheets: {made.title}", made=made, grounds=_grounds(made, used), maps=maps,
        shades=SHADES,
    )  # fmt: skip
    return page.encode("utf-8")


def _grounds(made: ShiftSheets, used: Iterable[str]) -> Markup:
    """Return what lies under the maps, drawn once a page and used by all its maps: 9 MB in Chicago's week, not 31."""
    drawn = []
    for name in sorted(used):
        ground = made.grounds[name]
        fills = "".join(f'<path class="s{n}" d="{_path(rings)}"/>' for n, rings in enumerate(ground.shades))
        drawn.append(f'<g id="cells-{name}">{fills}</g>')
        drawn.append(f'<path id="beats-{name}" {_EVEN} d="{_path(ground.beats)}"/>')
        drawn.append(f'<path id="outline-{name}" {_EVEN} d="{_path(ground.outline)}"/>')
    return Markup("".join(drawn))  # numbers, and file names of the district


def _path(rings: Sequence[Ring]) -> str:
    """Return rings as the data of a path: a whole square is "M1200 450h150v150h-150z"."""
    return "".join(_ring(ring.tolist()) for ring in rings)


def _ring(points: Sequence[Sequence[int]]) -> str:
    (x, y), steps = points[0], []
    start = f"M{x} {y}"
    for at_x, at_y in points[1:-1]:
        dx, dy, x, y = at_x - x, at_y - y, at_x, at_y
        if dx or dy:
            steps.append(f"h{dx}" if not dy else f"v{dy}" if not dx else f"l{dx} {dy}")
    return start + "".join(steps) + "z"


def map_svg(drawn: SheetMap, sheet: Sheet) -> Markup:
    """Return a map as inline SVG; it uses the grounds of its page.

    Parameters
    ----------
    drawn : SheetMap
        The map.
    sheet : Sheet
        Its sheet, for the description that is read out.
    """
    wide, high = drawn.width, drawn.height
    label = escape(f"Map of the visits of {sheet.kind} {sheet.short}; the table lists them")
    way = "".join(f"{'L' if n else 'M'}{x} {y}" for n, (x, y) in enumerate(drawn.way))
    parts = [
        f'<svg class="map{" small" if drawn.mark_mm < MARK_MM else ""}" role="img" aria-label="{label}" '
        f'viewBox="0 0 {wide:g} {high:g}" style="width:{wide:g}mm;height:{high:g}mm">',
        f'<rect class="water" width="{wide:g}" height="{high:g}"/>',
        _use(drawn, "outline", "land") + _use(drawn, "cells") + _use(drawn, "beats") + _use(drawn, "outline"),
        *(f'<text class="beat" x="{x}" y="{y}">{escape(text)}</text>' for (x, y), text in drawn.labels),
        f'<path class="way" d="{way}"/>' if len(drawn.way) > 1 else "",
        _inset(drawn.inset, drawn.ground) if drawn.inset else "",
        _north_and_bar(drawn),
        *_marks(drawn),
        f'<rect class="frame" x=".15" y=".15" width="{wide - 0.3:g}" height="{high - 0.3:g}"/></svg>',
    ]
    return Markup("".join(parts))  # every text above is escaped


def _use(drawn: SheetMap, layer: str, look: str = "") -> str:
    return _placed(drawn.view, f"{layer}-{drawn.ground}", look or layer)


def _placed(view: View, name: str, look: str) -> str:
    place = (
        f"matrix({view.scale:.7g} 0 0 {-view.scale:.7g} {-view.west * view.scale:.3f} {view.north * view.scale:.3f})"
    )
    return f'<use href="#{name}" class="{look}" transform="{place}"/>'


def _marks(drawn: SheetMap) -> Iterable[str]:
    for mark in drawn.marks:
        (x, y), (at_x, at_y) = mark.place, mark.at
        if mark.place != mark.at:
            yield f'<path class="lead" d="M{x} {y}L{at_x} {at_y}"/><circle class="spot" cx="{x}" cy="{y}" r=".7"/>'
    high = drawn.mark_mm
    for mark in drawn.marks:
        (x, y), wide = mark.at, mark.width
        yield (
            f'<rect class="mark" x="{x - wide / 2:.2f}" y="{y - high / 2:.2f}" width="{wide:g}" height="{high:g}" '
            f'rx="{high / 2:g}"/><text class="no" x="{x}" y="{y + 0.25 * high:.2f}">{escape(mark.text)}</text>'
        )


def _inset(inset: Inset, ground: str) -> str:
    (x, y), (wide, high), (left, top, right, bottom) = inset.at, inset.size, inset.box
    return (
        f'<g transform="translate({x:g} {y:g})"><rect class="paper" width="{wide:g}" height="{high:g}"/>'
        f"{_placed(inset.view, f'outline-{ground}', 'outline')}"
        f'<rect class="here" x="{left:g}" y="{top:g}" width="{right - left:.2f}" height="{bottom - top:.2f}"/></g>'
    )


def _north_and_bar(drawn: SheetMap) -> str:
    (length, words), low = drawn.bar, drawn.height - 2.5
    return (
        f'<g class="bar"><rect x="1" y="{low - 4.5:g}" width="{length + 17:g}" height="6" rx="1"/>'
        f'<path class="north" d="M4 {low - 3.6:g}l1.3 3.6l-1.3 -.9l-1.3 .9z"/><text x="4" y="{low + 1.1:g}" '
        f'class="n">N</text><path class="rule" d="M8 {low - 1.6:g}v1.6h{length}v-1.6"/>'
        f'<text x="{8 + length + 1:g}" y="{low:g}">{escape(words)}</text></g>'
    )
