"""Briefing sheets as PDF, drawn from the same values as the pages of `briefings`.

ReportLab (BSD licence) draws them, because it is the fastest by far: a trial page with a map of 600 cells and 15
reasons took it 6.5 ms, fpdf2 (LGPL) 50 ms, or 190 ms with shaping, and WeasyPrint (BSD) 516 ms; and it keeps the ground
of a map once a file. The 1,733 sheets of Chicago's week take 30 s. python-bidi puts Hebrew and Arabic names in order;
Arabic letters stand unjoined.
"""

from __future__ import annotations

import functools
import io
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib

from allocator.errors import ConfigError
from allocator.report.briefings import FOLDER
from allocator.report.sheet_maps import SHADES, Ground, Ring, SheetMap, View
from allocator.report.sheets import Sheet, ShiftSheets, Visit, sheets
from allocator.report.words import said

if TYPE_CHECKING:
    from allocator.domain import Run

WIDE, HIGH = 210.0, 279.0
"""Millimetres: as wide as A4 and as high as Letter, so that it prints on both without being scaled."""
MARGIN = 10.0
MM = 72 / 25.4

PLAIN, BOLD = "DejaVuSans", "DejaVuSans-Bold"
INK, QUIET, DEEP, ACCENT, AMBER, LINE = "#1b2733", "#4a5560", "#12395b", "#0b5c8f", "#ffc94a", "#d5dbe0"
_WATER = "#e9edf1"
_BODY = WIDE - 2 * MARGIN
_FROM_RIGHT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")

Draw = Callable[["_Pen"], None]


def briefing_pdfs(run: Run) -> dict[str, bytes]:
    """Return the briefing sheets of each shift as a PDF file, by path in the run folder.

    The same run gives the same bytes. Each sheet begins a page of its own and has a bookmark.

    Raises
    ------
    ConfigError
        If the libraries of the extra `pdf` are not installed.
    """
    kit = _kit()
    return {f"{FOLDER}/{made.file}.pdf": _file(made, kit) for made in sheets(run)}


@dataclass(frozen=True)
class _Kit:
    """What is imported only when it is needed."""

    canvas: Any
    metrics: Any
    colour: Callable[[str], Any]
    in_order: Callable[[str], str]


def check_pdf() -> None:
    """Refuse where the library is missing.

    Raises
    ------
    ConfigError
        If it is not installed.
    """
    _kit()


@functools.cache
def _kit() -> _Kit:
    try:
        from bidi import get_display
        from reportlab.lib.colors import HexColor
        from reportlab.pdfbase import pdfmetrics
        from reportlab.pdfbase.ttfonts import TTFont
        from reportlab.pdfgen import canvas
    except ImportError as error:
        raise ConfigError(
            f"PDF files need a library that is not installed ({error.name}): pip install 'allocator[pdf]', or print "
            "the pages of the folder briefings from a browser"
        ) from error
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for name in (PLAIN, BOLD):
        pdfmetrics.registerFont(TTFont(name, str(fonts / f"{name}.ttf"), shapable=False))
    return _Kit(canvas, pdfmetrics, HexColor, get_display)


def _file(made: ShiftSheets, kit: _Kit) -> bytes:
    """Return the sheets of a shift as one file: all are laid out first, so that each page knows how many there are."""
    laid = [_Flow(sheet, made).laid() for sheet in made.sheets]
    total = sum(map(len, laid))
    content = io.BytesIO()
    paper = kit.canvas.Canvas(content, pagesize=(WIDE * MM, HIGH * MM), invariant=1, pageCompression=1, lang="en")
    paper.setTitle(f"Briefing sheets: {made.title}, {made.plan}")
    paper.setAuthor("allocator")
    paper.setSubject(made.marks[0])
    pen = _Pen(paper, kit)
    for name in sorted({sheet.map.ground for sheet in made.sheets if sheet.map is not None}):
        pen.keep_ground(name, made.grounds[name])
    for n, page in enumerate(itertools.chain.from_iterable(laid), 1):
        if page.first:
            _bookmark(paper, page.sheet)
        for draw in page.drawn:
            draw(pen)
        pen.text(
            WIDE - MARGIN - 40, HIGH - MARGIN + 3.5, f"{made.plan} · page {n} of {total}", 6.5, colour=QUIET, right=40
        )
        paper.showPage()
    paper.save()
    return content.getvalue()


def _bookmark(paper: Any, sheet: Sheet) -> None:
    paper.bookmarkPage(sheet.id)
    below = sheet.kind == "unit" and sheet.map is not None  # units on reserve stand beside the districts
    paper.addOutlineEntry(f"{sheet.kind.capitalize()} {sheet.short}", sheet.id, level=int(below), closed=True)


@dataclass(eq=False)
class _Page:
    """What is drawn on a page, in order."""

    sheet: Sheet
    first: bool
    drawn: list[Draw] = field(default_factory=list)


@functools.cache
def _glyphs(font: str) -> frozenset[str]:
    known = _kit().metrics.getFont(font).face.charToGlyph
    # Beyond U+FFFF ReportLab 5.1 writes a character map that breaks the text of the whole page for those who copy it.
    return frozenset(chr(code) for code in known if code <= 0xFFFF)


def fit(text: str, font: str) -> str:
    """Return text that the font can draw: a character that it lacks is told by its number, "[U+1F9D1]"."""
    known = _glyphs(font)
    plain = said(text)
    return plain if known.issuperset(plain) else "".join(c if c in known else f"[U+{ord(c):04X}]" for c in plain)


@functools.lru_cache(maxsize=50_000)
def _width(word: str, font: str) -> float:
    """Return the width of a word in ems; the reasons of a week share a few hundred words."""
    return float(_kit().metrics.stringWidth(word, font, 1.0))


def wrapped(text: str, font: str, size: float, width: float) -> list[str]:
    """Return the lines of a text; a word longer than a line is broken.

    Parameters
    ----------
    text, font : str
        The text, and one of the fonts.
    size : float
        Points.
    width : float
        Millimetres.
    """
    if not text.strip():
        return []
    most, space = width * MM / size, _width(" ", font)
    lines, line, used = [], "", 0.0
    for word in _words(fit(text, font), font, most):
        wide = _width(word, font)
        if line and used + space + wide > most:
            lines.append(line)
            line, used = word, wide
        else:
            line, used = (f"{line} {word}", used + space + wide) if line else (word, wide)
    return [*lines, line] if line else lines


def _words(text: str, font: str, most: float) -> Iterator[str]:
    for word in text.split():
        if _width(word, font) <= most:
            yield word
            continue
        part, used = "", 0.0
        for c in word:
            wide = _width(c, font)
            if part and used + wide > most:
                yield part
                part, used = "", 0.0
            part, used = part + c, used + wide
        yield part


class _Flow:
    """Lays a sheet out from top to bottom, on as many pages as it takes. All lengths are millimetres."""

    def __init__(self, sheet: Sheet, made: ShiftSheets) -> None:
        self.sheet, self.made = sheet, made
        self.pages: list[_Page] = []
        self.y = 0.0

    def laid(self) -> list[_Page]:
        """Return the pages."""
        self._turn()
        if self.sheet.is_cut:
            self._paragraph(f"In full: {self.sheet.full}", 6.0)
        self._head()
        if self.sheet.kind == "district":
            self._times()
        else:
            self._table()
        self._lines()
        return self.pages

    def _draw(self, draw: Draw) -> None:
        self.pages[-1].drawn.append(draw)

    def _room(self, high: float) -> bool:
        return self.y + high <= HIGH - MARGIN

    def _turn(self) -> None:
        """Begin a page: every page carries the approval, the name and the shift."""
        first = not self.pages
        self.pages.append(_Page(self.sheet, first))
        sheet, lines = self.sheet, wrapped(" ".join(self.made.marks), BOLD, 7.0, _BODY - 4)
        self.y = MARGIN
        top, high = self.y, 3.3 * len(lines) + 1.6
        self._draw(lambda pen: pen.box(MARGIN, top, _BODY, high, fill=AMBER))
        for n, line in enumerate(lines):
            self._put(MARGIN + 2, top + 3.3 * n + 3.2, line, 7.0, font=BOLD, colour="#2a1e00")
        self.y += high + 1
        name = f"{sheet.kind.capitalize()} {sheet.short}" + ("" if first else ", continued")
        for line in wrapped(name, BOLD, 14.0, _BODY):
            self._put(MARGIN, self.y + 4.8, line, 14.0, font=BOLD)
            self.y += 5.8
        self._put(MARGIN, self.y + 3.4, sheet.when, 9.5)
        self.y += 5.5

    def _put(
        self, x: float, y: float, text: str, size: float, *, font: str = PLAIN, colour: str = INK, right: float = 0
    ) -> None:
        self._draw(lambda pen: pen.text(x, y, text, size, font=font, colour=colour, right=right))

    def _paragraph(self, text: str, size: float) -> None:
        for line in wrapped(text, PLAIN, size, _BODY):
            if not self._room(size / MM * 1.25):
                self._turn()
            self.y += size / MM * 1.25
            self._put(MARGIN, self.y, line, size)

    def _head(self) -> None:
        """Lay out the map, and beside it what is to be known."""
        drawn = self.sheet.map
        if drawn is not None and not self._room(drawn.height):
            self._turn()
        top = self.y
        left, beside = (0.0, 0) if drawn is None else (drawn.width + 4, len(self.pages))
        if drawn is not None:
            self._draw(lambda pen: pen.map(drawn, MARGIN, top))
        for label, text in self.sheet.facts:
            self._fact(label, text, left)
        for crew in self.sheet.crews:
            self._crew(crew.mark, f"{crew.unit} {crew.about}", left)
        for text in self.sheet.remarks:
            self._fact("", f"• {text}", left - 17)
        self.y += 1
        for text in self._small_print():
            self._small(text, left)
        if drawn is not None and len(self.pages) == beside:
            self.y = max(self.y, top + drawn.height)
        self.y += 2

    def _small_print(self) -> Iterator[str]:
        if self.sheet.map is not None:
            yield self.made.key
        yield self.made.source
        if self.sheet.visits and self.sheet.kind == "unit":
            yield ("All visits are directed patrol where nothing else is said. Where: middle of the cell, latitude and "
                   "longitude in degrees.")  # fmt: skip

    def _fact(self, label: str, text: str, left: float) -> None:
        x = MARGIN + left + 17
        lines = wrapped(text, PLAIN, 7.8, WIDE - MARGIN - x)
        for n, line in enumerate(lines):
            self._step(3.5)
            if label and not n:
                self._put(x - 17, self.y, label, 7.8, colour=QUIET)
            self._put(x, self.y, line, 7.8)
        self.y += 0.6

    def _step(self, high: float) -> None:
        """Move a line down, to the next page if need be."""
        if not self._room(high):
            self._turn()
        self.y += high

    def _crew(self, mark: str, text: str, left: float) -> None:
        x = MARGIN + left
        for n, line in enumerate(wrapped(text, PLAIN, 7.0, _BODY - left - 8)):
            self._step(3.6)
            if not n:
                self._tag(x + 3, self.y - 1, mark)
            self._put(x + 7, self.y, line, 7.0)

    def _tag(self, x: float, y: float, mark: str) -> None:
        self._draw(lambda pen: pen.tag(x, y, mark, 3.2))

    def _small(self, text: str, left: float) -> None:
        for line in wrapped(text, PLAIN, 6.0, _BODY - left):
            self._step(2.7)
            self._put(MARGIN + left, self.y, line, 6.0, colour=QUIET)

    def _times(self) -> None:
        """Lay out the visits of a district in order of time, three in a row."""
        rows = [self.sheet.visits[n : n + 3] for n in range(0, len(self.sheet.visits), 3)]
        if rows:
            self._small("Visits in order of time, row by row (letter of the unit, number on its sheet)", 0)
        for row in rows:
            told = [
                wrapped(f"{one.times} {one.number} {one.place} {one.purpose}", PLAIN, 6.6, _BODY / 3 - 2) for one in row
            ]
            high = 3.3 * max(map(len, told)) + 0.4
            if not self._room(high):
                self._turn()
            for column, lines in enumerate(told):
                for n, line in enumerate(lines):
                    self._put(MARGIN + column * _BODY / 3, self.y + 3.3 * n + 2.9, line, 6.6)
            self.y += high
            self._rule(self.y + 0.3)

    def _columns(self) -> tuple[float, ...]:
        return (0, 7, 40, 73, 168) if self.made.zoned else (0, 7, 28, 62, 168)

    def _table(self) -> None:
        if not self.sheet.visits:
            return
        self._table_head()
        for visit in self.sheet.visits:
            self._row(visit)

    def _table_head(self) -> None:
        names = ("No.", "From–to", "Where", "Why", "Done, notes")
        for x, name in zip(self._columns(), names, strict=True):
            self._put(MARGIN + x, self.y + 3.2, name, 7.5, font=BOLD)
        self.y += 4.6
        self._rule(self.y, INK)
        self.y += 0.6

    def _row(self, visit: Visit) -> None:
        columns = self._columns()
        wide = [b - a - 2 for a, b in zip(columns, [*columns[1:], _BODY], strict=True)]
        purpose = wrapped(visit.purpose, BOLD, 6.6, wide[3])
        reason = f"{visit.reason} ({visit.after})" if visit.after else visit.reason
        cells = [
            (1, wrapped(visit.times, PLAIN, 7.2, wide[1]), PLAIN, 7.2),
            (1, [f"{visit.minutes} min"], PLAIN, 6.4),
            (2, wrapped(visit.place, PLAIN, 6.8, wide[2]), PLAIN, 6.8),
            (2, [visit.degrees], PLAIN, 6.4),
            (3, purpose, BOLD, 6.6),
            (3, wrapped(reason, PLAIN, 6.4, wide[3]), PLAIN, 6.4),
        ]  # fmt: skip
        below = {column: sum(len(lines) for at, lines, *_ in cells if at == column) for column in (1, 2, 3)}
        high = max(2.9 * max(below.values()) + 1.2, 6.6)
        if not self._room(min(high, 120)):
            self._turn()
            self._table_head()
        top, n_in = self.y, dict.fromkeys(below, 0)
        self._put(MARGIN, top + 2.9, visit.number, 7.5, font=BOLD)
        self._draw(lambda pen: pen.box(MARGIN + columns[4], top + 0.8, 4, 4, line=INK))
        for column, lines, font, size in cells:
            for line in lines:
                self._put(MARGIN + columns[column], top + 2.8 + 2.9 * n_in[column], line, size, font=font)
                n_in[column] += 1
        self.y += high
        self._rule(self.y)
        self.y += 0.4

    def _rule(self, y: float, colour: str = LINE) -> None:
        self._draw(lambda pen: pen.rule(MARGIN, y, _BODY, colour))

    def _lines(self) -> None:
        """Lay out lines for notes by hand, as far as there is room."""
        lines = self.sheet.lines
        if not lines or not self._room(5 + 7 * lines):
            return
        self._put(MARGIN, self.y + 5, "Notes", 7.8)
        for n in range(lines):
            self._rule(self.y + 5 + 7 * (n + 1), QUIET)
        self.y += 5 + 7 * lines


class _Pen:
    """Draws on the paper; lengths are millimetres from the upper left corner, sizes of letters are points."""

    def __init__(self, paper: Any, kit: _Kit) -> None:
        self.paper, self._kit = paper, kit
        self._colour = functools.cache(
            kit.colour
        )  # read from its name each time, it took a third of the time of a file

    def _fill(self, colour: str) -> None:
        self.paper.setFillColor(self._colour(colour))

    def _stroke(self, colour: str) -> None:
        self.paper.setStrokeColor(self._colour(colour))

    def text(
        self, x: float, y: float, text: str, size: float, *, font: str = PLAIN, colour: str = INK, right: float = 0,
        middle: bool = False,
    ) -> None:  # fmt: skip
        """Draw a line of text; flush right within a width if one is given."""
        line = fit(text, font)
        if _FROM_RIGHT.search(line):
            line = self._kit.in_order(line)
        self._fill(colour)
        self.paper.setFont(font, size)
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
        self.text(x, y + 0.23 * high, text, 0.6 * high * MM, font=BOLD, colour="#ffffff", middle=True)

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
            self.text(left + x, top + y, text, 5.5, colour="#5a6570", middle=True)
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
        self.text(left + 4, low + 1.3, "N", 4.5, font=BOLD, middle=True)
        self._stroke(INK)
        self.paper.setLineWidth(0.3 * MM)
        path = self.paper.beginPath()
        for n, (x, y) in enumerate(((8, -1.6), (8, 0), (8 + length, 0), (8 + length, -1.6))):
            (path.lineTo if n else path.moveTo)((left + x) * MM, (HIGH - low - y) * MM)
        self.paper.drawPath(path, stroke=1, fill=0)
        self.text(left + 9 + length, low, words, 6.0)


def _is_box(points: Sequence[Sequence[int]]) -> bool:
    """Return whether a ring of points is a box along the axes."""
    if len(points) != 5:
        return False
    (a, b), (c, d), (e, f), (g, h), _ = points
    return (a == c and d == f and e == g and h == b) or (b == d and c == e and f == h and g == a)
