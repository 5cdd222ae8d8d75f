"""The lines of a briefing sheet laid out on pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from allocator.report.briefings.pdf_pen import Pen
from allocator.report.briefings.pdf_text import (
    AMBER,
    BOLD,
    HIGH,
    INK,
    LINE,
    MARGIN,
    MM,
    PLAIN,
    QUIET,
    WIDE,
    Letters,
    wrapped,
)
from allocator.report.briefings.records import Sheet, Visit
from allocator.report.briefings.sheets import ShiftSheets

_BODY = WIDE - 2 * MARGIN

Draw = Callable[["Pen"], None]


@dataclass(eq=False)
class _Page:
    """What is drawn on a page, in order."""

    sheet: Sheet
    first: bool
    drawn: list[Draw] = field(default_factory=list)


class Flow:
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
            self._put(MARGIN + 2, top + 3.3 * n + 3.2, line, Letters(7.0, BOLD, "#2a1e00"))
        self.y += high + 1
        name = f"{sheet.kind.capitalize()} {sheet.short}" + ("" if first else ", continued")
        for line in wrapped(name, BOLD, 14.0, _BODY):
            self._put(MARGIN, self.y + 4.8, line, Letters(14.0, BOLD))
            self.y += 5.8
        self._put(MARGIN, self.y + 3.4, sheet.when, Letters(9.5))
        self.y += 5.5

    def _put(self, x: float, y: float, text: str, letters: Letters) -> None:
        self._draw(lambda pen: pen.text(x, y, text, letters))

    def _paragraph(self, text: str, size: float) -> None:
        for line in wrapped(text, PLAIN, size, _BODY):
            if not self._room(size / MM * 1.25):
                self._turn()
            self.y += size / MM * 1.25
            self._put(MARGIN, self.y, line, Letters(size))

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
                self._put(x - 17, self.y, label, Letters(7.8, colour=QUIET))
            self._put(x, self.y, line, Letters(7.8))
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
            self._put(x + 7, self.y, line, Letters(7.0))

    def _tag(self, x: float, y: float, mark: str) -> None:
        self._draw(lambda pen: pen.tag(x, y, mark, 3.2))

    def _small(self, text: str, left: float) -> None:
        for line in wrapped(text, PLAIN, 6.0, _BODY - left):
            self._step(2.7)
            self._put(MARGIN + left, self.y, line, Letters(6.0, colour=QUIET))

    def _times(self) -> None:
        """Lay out the visits of a district in order of time, three in a row."""
        rows = [self.sheet.visits[n : n + 3] for n in range(0, len(self.sheet.visits), 3)]
        if rows:
            self._small("Visits in order of time, row by row (letter of the unit, number on its sheet)", 0)
        for row in rows:
            told = [
                wrapped(f"{visit.times} {visit.number} {visit.place} {visit.purpose}", PLAIN, 6.6, _BODY / 3 - 2)
                for visit in row
            ]
            high = 3.3 * max(map(len, told)) + 0.4
            if not self._room(high):
                self._turn()
            for column, lines in enumerate(told):
                for n, line in enumerate(lines):
                    self._put(MARGIN + column * _BODY / 3, self.y + 3.3 * n + 2.9, line, Letters(6.6))
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
            self._put(MARGIN + x, self.y + 3.2, name, Letters(7.5, BOLD))
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
        self._put(MARGIN, top + 2.9, visit.number, Letters(7.5, BOLD))
        self._draw(lambda pen: pen.box(MARGIN + columns[4], top + 0.8, 4, 4, line=INK))
        for column, lines, font, size in cells:
            for line in lines:
                self._put(MARGIN + columns[column], top + 2.8 + 2.9 * n_in[column], line, Letters(size, font))
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
        self._put(MARGIN, self.y + 5, "Notes", Letters(7.8))
        for n in range(lines):
            self._rule(self.y + 5 + 7 * (n + 1), QUIET)
        self.y += 5 + 7 * lines
