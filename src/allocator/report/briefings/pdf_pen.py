"""A pen that draws text, boxes and maps on a printed page."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from allocator.report.briefings.pdf_text import (
    ACCENT,
    BOLD,
    DEEP,
    FROM_RIGHT,
    HIGH,
    INK,
    MM,
    QUIET,
    Kit,
    Letters,
    Untyped,
    fit,
)
from allocator.report.briefings.sheet_maps import SHADES, Ground, Ring, SheetMap, View

_WATER = "#e9edf1"


class Pen:
    """Draws on the paper; lengths are millimetres from the upper left corner, sizes of letters are points."""

    def __init__(self, paper: Untyped, kit: Kit) -> None:
        self.paper, self._kit = paper, kit
        self._colour = functools.cache(
            kit.colour
        )  # read from its name each time, it took a third of the time of a file

    def _fill(self, colour: str) -> None:
        self.paper.setFillColor(self._colour(colour))

    def _stroke(self, colour: str) -> None:
        self.paper.setStrokeColor(self._colour(colour))

    def text(self, x: float, y: float, text: str, letters: Letters, *, right: float = 0, middle: bool = False) -> None:
        """Draw a line of text; flush right within a width if one is given."""
        line = fit(text, letters.font)
        if FROM_RIGHT.search(line):
            line = self._kit.in_order(line)
        self._fill(letters.colour)
        self.paper.setFont(letters.font, letters.size)
        place = (x * MM, (HIGH - y) * MM)
        if middle:
            self.paper.drawCentredString(*place, line)
        elif right:
            self.paper.drawRightString(place[0] + right * MM, place[1], line)
        else:
            self.paper.drawString(*place, line)

    def box(self, x: float, y: float, wide: float, high: float, *, fill: str = "", line: str = "") -> None:
        """Draw a box."""
        if fill:
            self._fill(fill)
        if line:
            self._stroke(line)
            self.paper.setLineWidth(0.25 * MM)
        place = (x * MM, (HIGH - y - high) * MM, wide * MM, high * MM)
        self.paper.rect(*place, stroke=int(bool(line)), fill=int(bool(fill)))

    def rule(self, x: float, y: float, wide: float, colour: str) -> None:
        """Draw a level line."""
        self._stroke(colour)
        self.paper.setLineWidth(0.2 * MM)
        self.paper.line(x * MM, (HIGH - y) * MM, (x + wide) * MM, (HIGH - y) * MM)

    def tag(self, x: float, y: float, text: str, high: float, wide: float | None = None) -> None:
        """Draw a mark around a place."""
        wide = max(high, high * (0.41 * len(text) + 0.37)) if wide is None else wide
        self._fill(DEEP)
        self._stroke("#ffffff")
        self.paper.setLineWidth(0.2 * MM)
        self.paper.roundRect((x - wide / 2) * MM, (HIGH - y - high / 2) * MM, wide * MM, high * MM, high / 2 * MM, 1, 1)
        self.text(x, y + 0.23 * high, text, Letters(0.6 * high * MM, BOLD, "#ffffff"), middle=True)

    def keep_ground(self, name: str, ground: Ground) -> None:
        """Keep what lies under the maps of a district, for `map` to draw as often as needed."""
        extent = max((int(ring.max()) for ring in ground.outline), default=0) + 10
        for layer in ("land", "beats", "outline"):
            self.paper.beginForm(f"{layer}-{name}", -10, -10, extent, extent)
            if layer == "land":
                self._shape(ground.outline, "#ffffff")
                for rings, colour in zip(ground.shades, SHADES, strict=True):
                    self._shape(rings, colour)
            else:
                self._shape(ground.beats if layer == "beats" else ground.outline)
            self.paper.endForm()

    def _shape(self, rings: Sequence[Ring], fill: str = "") -> None:
        path = self.paper.beginPath()
        for ring in rings:
            points = ring.tolist()
            if _is_box(points):  # a third of the time of a file is spent on writing numbers
                path.rect(*points[0], points[2][0] - points[0][0], points[2][1] - points[0][1])
                continue
            path.moveTo(*points[0])
            for x, y in points[1:-1]:
                path.lineTo(x, y)
            path.close()
        if fill:
            self._fill(fill)
        self.paper.drawPath(path, stroke=int(not fill), fill=int(bool(fill)), fillMode=0)

    def map(self, drawn: SheetMap, left: float, top: float) -> None:
        """Draw a map with its upper left corner there."""
        wide, high = drawn.width, drawn.height
        self.box(left, top, wide, high, fill=_WATER)
        self._window(left, top, wide, high)
        self._ground(drawn.ground, drawn.view, (left, top), ("land", "beats", "outline"))
        for (x, y), text in drawn.labels:
            self.text(left + x, top + y, text, Letters(5.5, colour="#5a6570"), middle=True)
        self._way(drawn, left, top)
        if drawn.inset is not None:
            (x, y), size, box = drawn.inset.at, drawn.inset.size, drawn.inset.box
            self.box(left + x, top + y, *size, fill="#ffffff", line=QUIET)
            self._ground(drawn.ground, drawn.inset.view, (left + x, top + y), ("outline",))
            self.box(left + x + box[0], top + y + box[1], box[2] - box[0], box[3] - box[1], line=ACCENT)
        self._bar(drawn, left, top)
        self._marks(drawn, left, top)
        self.paper.restoreState()
        self.box(left, top, wide, high, line=QUIET)

    def _window(self, left: float, top: float, wide: float, high: float) -> None:
        """Cut what follows at the edge of a map."""
        self.paper.saveState()
        path = self.paper.beginPath()
        path.rect(left * MM, (HIGH - top - high) * MM, wide * MM, high * MM)
        self.paper.clipPath(path, stroke=0, fill=0)

    def _ground(self, name: str, view: View, corner: tuple[float, float], layers: Sequence[str]) -> None:
        scale = view.scale * MM
        self.paper.saveState()
        self.paper.transform(
            scale, 0, 0, scale, corner[0] * MM - view.west * scale, (HIGH - corner[1]) * MM - view.north * scale
        )
        for layer in layers:
            self._stroke("#8c97a1" if layer == "beats" else INK)
            self.paper.setLineWidth((0.16 if layer == "beats" else 0.4 if len(layers) > 1 else 0.2) / view.scale)
            self.paper.doForm(f"{layer}-{name}")
        self.paper.restoreState()

    def _way(self, drawn: SheetMap, left: float, top: float) -> None:
        if len(drawn.way) < 2:
            return
        path = self.paper.beginPath()
        for n, (x, y) in enumerate(drawn.way):
            (path.lineTo if n else path.moveTo)((left + x) * MM, (HIGH - top - y) * MM)
        self._stroke(ACCENT)
        self.paper.setLineWidth(0.35 * MM)
        self.paper.drawPath(path, stroke=1, fill=0)

    def _marks(self, drawn: SheetMap, left: float, top: float) -> None:
        for mark in drawn.marks:
            if mark.place != mark.at:
                (x, y), (at_x, at_y) = mark.place, mark.at
                self._stroke(DEEP)
                self._fill(DEEP)
                self.paper.setLineWidth(0.2 * MM)
                self.paper.line((left + x) * MM, (HIGH - top - y) * MM, (left + at_x) * MM, (HIGH - top - at_y) * MM)
                self.paper.circle((left + x) * MM, (HIGH - top - y) * MM, 0.7 * MM, stroke=0, fill=1)
        for mark in drawn.marks:
            self.tag(left + mark.at[0], top + mark.at[1], mark.text, drawn.mark_mm, mark.width)

    def _bar(self, drawn: SheetMap, left: float, top: float) -> None:
        """Draw north and the scale."""
        (length, words), low = drawn.bar, top + drawn.height - 2.5
        self.box(left + 1, low - 4.5, length + 18, 6, fill="#ffffff")
        path = self.paper.beginPath()
        for n, (x, y) in enumerate(((4, -3.6), (5.3, 0), (4, -0.9), (2.7, 0))):
            (path.lineTo if n else path.moveTo)((left + x) * MM, (HIGH - low - y) * MM)
        path.close()
        self._fill(INK)
        self.paper.drawPath(path, stroke=0, fill=1)
        self.text(left + 4, low + 1.3, "N", Letters(4.5, BOLD), middle=True)
        self._stroke(INK)
        self.paper.setLineWidth(0.3 * MM)
        path = self.paper.beginPath()
        for n, (x, y) in enumerate(((8, -1.6), (8, 0), (8 + length, 0), (8 + length, -1.6))):
            (path.lineTo if n else path.moveTo)((left + x) * MM, (HIGH - low - y) * MM)
        self.paper.drawPath(path, stroke=1, fill=0)
        self.text(left + 9 + length, low, words, Letters(6.0))


def _is_box(points: Sequence[Sequence[int]]) -> bool:
    """Return whether a ring of points is a box along the axes."""
    if len(points) != 5:
        return False
    (a, b), (c, d), (e, f), (g, h), _ = points
    return (a == c and d == f and e == g and h == b) or (b == d and c == e and f == h and g == a)
